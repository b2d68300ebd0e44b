from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest

from hearsight import errors, extras
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


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, errors.MachineError),
        (errno.EROFS, errors.MachineError),
        (errno.EACCES, errors.MachineError),
        (errno.EMFILE, errors.MachineError),
        (errno.ENOENT, errors.InputError),
        (errno.EISDIR, errors.InputError),
    ],
)
def test_an_error_of_the_operating_system_is_one_of_ours_and_names_the_file(
    number: int, kind: type[errors.HearsightError]
) -> None:
    error = errors.from_os_error(OSError(number, os.strerror(number), "run/model.safetensors"))
    assert type(error) is kind
    assert error.summary == f"run/model.safetensors: {os.strerror(number)}"
    assert bool(error.hint) == (kind is errors.MachineError)
    unnamed = errors.from_os_error(
        OSError(number, "Error writing bytes to file. Detail: [errno 28]"), "hearsight embed"
    )
    assert unnamed.where == "hearsight embed"


def test_a_file_that_cannot_be_written_is_named_with_the_reason() -> None:
    error = errors.cannot_write("run/log.jsonl", OSError(errno.ENOSPC, "No space left on device"))
    assert error.summary == "run/log.jsonl: cannot be written (No space left on device)"
    assert error.exit_code == 7


def test_every_exit_code_is_explained() -> None:
    assert {kind.exit_code for kind in list_errors()} <= set(errors.EXIT_CODES)


def test_a_missing_extra_names_the_command_that_installs_it_from_the_source_folder() -> None:
    root = Path(errors.__file__).parents[2]
    with pytest.raises(errors.MissingExtraError) as caught:
        require("no_such_package_at_all", "onnx", "teachers of kind onnx")
    assert caught.value.hint == f"pip install -c {root}/constraints.txt -e '{root}[onnx]'"
    assert require("json", "onnx", "anything").loads("1") == 1


def test_without_a_source_folder_the_hint_says_where_to_run_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extras, "_CHECKOUT", tmp_path)
    assert extras.find_install_command("ray").startswith("in hearsight's source folder: pip install")


def test_the_package_that_is_missing_is_named_not_the_one_that_asked_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "asks_for_another.py").write_text("import no_such_package_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(errors.MissingExtraError, match="the package 'no_such_package_at_all'"):
        require("asks_for_another", "tensorboard", "tensorboard=true")
