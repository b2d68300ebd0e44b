from __future__ import annotations

import pytest

from hearsight.detection.formats.cells import defuse, restore


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@home", "\tx", "'=x", "''-", "'tis", "Dog", "", "a=b"])
def test_a_defused_cell_begins_with_no_formula_and_is_restored(text):
    assert defuse(text)[:1] not in tuple("=+-@\t\r")
    assert restore(defuse(text)) == text
