from __future__ import annotations

import pickle

import pytest

from hearsight import errors
from hearsight.extras import require


def list_errors() -> list[type[errors.HearsightError]]:
    return [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.HearsightError)]


@pytest.mark.parametrize("kind", list_errors())
def test_every_error_crosses_a_process_boundary_whole(kind: type[errors.HearsightError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a.mp4", "text", "a video", "look")))
    assert type(error) is kind
    assert str(error) == "a.mp4: text, wanted a video\nhint: look"


@pytest.mark.parametrize("kind", list_errors())
def test_the_tree_in_the_docstring_is_complete(kind: type[errors.HearsightError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")


def test_a_near_name_is_guessed_and_a_far_one_lists_all() -> None:
    assert errors.guess("lenght", ["length", "tail"]) == "did you mean 'length'?"
    assert errors.guess("zzz", ["tail", "length"]) == "known: length, tail"


def test_a_missing_extra_names_the_extra() -> None:
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'hearsight\[onnx\]'"):
        require("no_such_package_at_all", "onnx", "teachers of kind onnx")
    assert require("json", "onnx", "anything").loads("1") == 1
