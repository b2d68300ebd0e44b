from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.drawing.labels import draw_label_counts
from hearsight.errors import MachineError, UsageError
from hearsight.figures.file import check_out, write_figure


@pytest.mark.parametrize(
    ("name", "told"), [("a.jpg", "suffix '.jpg', wanted .png or .svg or .pdf"), ("a", "no suffix"), ("a.svgg", "'svg'")]
)
def test_a_name_that_says_no_kind_of_figure_is_refused(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_out(Path(name))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(MachineError, match="a folder"):
        check_out(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "PNG"])
def test_a_figure_is_written_whole_as_its_name_asks(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / f"a.{kind}"
    write_figure(draw_label_counts({"vision": [1, 2]}), out, "counts")
    assert out.stat().st_size > 500
    assert [each.name for each in out.parent.iterdir()] == [out.name]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        write_figure(draw_label_counts({"vision": [1]}), tmp_path / "file" / "a.png", "counts")
