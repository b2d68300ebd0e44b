from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import ConfigError, TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.teachers.classes import list_classes
from hearsight.teachers.clusters import ClusterTeacher
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.spec import TeacherSpec
from hearsight.teachers.teacher import FittedTeacher, Modality, Teacher
from hearsight.vocabulary import Vocabulary


def test_a_kind_that_needs_a_file_says_so():
    with pytest.raises(ConfigError, match=r"litert without a model, wanted litert:WHERE"):
        load_teacher("litert:", "vision")


@pytest.mark.parametrize("modality", ["vision", "audio"])
def test_clusters_are_fitted_teachers_of_either_modality(modality: str):
    teacher = load_teacher("clusters:k=16", modality)  # type: ignore[arg-type]
    assert isinstance(teacher, FittedTeacher)
    assert teacher.modality == modality
    assert len(teacher.vocabulary) < len(load_teacher("clusters:k=32", modality).vocabulary)  # type: ignore[arg-type]
    assert (teacher.image_request is None) == (modality == "audio")


def test_options_of_clusters_are_whole_numbers_that_it_knows():
    with pytest.raises(ConfigError, match="k=many, wanted a whole number"):
        load_teacher("clusters:k=many", "audio")
    with pytest.raises(ConfigError, match="unknown option 'kk'"):
        load_teacher("clusters:kk=3", "audio")
    with pytest.raises(ConfigError, match="'64' is not an option"):
        load_teacher("clusters:64", "audio")


def test_no_kind_is_imported_before_it_is_asked_for():
    modules = ["torch", "transformers", "onnxruntime", "ai_edge_litert", "sklearn"]
    code = f"import sys, hearsight.teachers.registry; print([name for name in {modules} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Loudness:
    """A teacher of another package: whether a second is loud or quiet."""

    def __init__(self, spec: TeacherSpec, modality: Modality) -> None:
        self.name, self.spec, self.modality = f"loudness-{spec.where}", spec.text, modality
        self.vocabulary = Vocabulary(("quiet", "loud"), ("/q", "/l"))
        self.image_request = None
        self.digest = hashlib.sha256(spec.text.encode()).hexdigest()
        self.answer: Callable[[np.ndarray], object] = lambda loud: np.stack([1 - loud, loud], axis=1)

    def predict(self, items: np.ndarray) -> np.ndarray:
        return self.answer(np.clip(np.abs(items).max(axis=1), 0, 1))  # type: ignore[return-value]


made: list[Loudness] = []
"""The teachers that :func:`load_loudness` has made, for tests that break one afterwards."""


def load_loudness(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> Loudness:
    assert quiet
    made.append(Loudness(spec, modality))
    return made[-1]


def load_clusters_under_another_name(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> FittedTeacher:
    return ClusterTeacher(modality, k=8)


def fail(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> Loudness:
    raise ZeroDivisionError("the other package divides by zero")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a package with entry points ``kind = this module:function``."""

    def install(package: str, **functions: str) -> None:
        folder = tmp_path / "site" / f"{package}-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{kind} = other_package:{function}" for kind, function in functions.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[hearsight.teachers]", *lines]))
        monkeypatch.syspath_prepend(str(tmp_path / "site"))
        monkeypatch.setitem(sys.modules, "other_package", sys.modules[__name__])

    return install


def test_another_package_adds_a_kind_of_teacher(install: Callable[..., None]):
    install("loudness", loudness="load_loudness")
    teacher = load_teacher("loudness:here", "audio", quiet=True)
    assert isinstance(teacher, Teacher)
    assert not isinstance(teacher, FittedTeacher)
    assert (teacher.name, teacher.spec, teacher.modality) == ("loudness-here", "loudness:here", "audio")
    assert [(one.name, one.id, one.teacher, one.modality) for one in list_classes(teacher)] == [
        ("quiet", "/q", "loudness-here", "audio"),
        ("loud", "/l", "loudness-here", "audio"),
    ]
    items = np.array([[0.0, 0.25], [0.5, -1.0]], np.float32)
    np.testing.assert_array_equal(teacher.predict(items), np.array([[0.75, 0.25], [0.0, 1.0]], np.float32))


def test_a_kind_of_another_package_is_among_the_guesses(install: Callable[..., None]):
    install("loudness", loudness="load_loudness")
    with pytest.raises(ConfigError, match="did you mean 'loudness'"):
        load_teacher("loudnes:here", "audio")


def test_another_package_can_add_a_fitted_teacher(install: Callable[..., None]):
    install("groups", groups="load_clusters_under_another_name")
    assert isinstance(load_teacher("groups", "audio", quiet=True), FittedTeacher)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda loud: np.full((len(loud), 2), np.nan), r"the output nan for class 0 \(quiet\) of item 1 of 1"),
        (lambda loud: np.full((len(loud), 2), 2.0), "outputs from 0 to 2, wanted probabilities"),
        (lambda loud: np.zeros((len(loud), 3)), r"an output \[1, 3\], wanted \[1, 2\], \[items, classes\]"),
        (lambda loud: 1 / 0, r"it failed \(ZeroDivisionError: division by zero\)"),
        (lambda loud: "loud", "it failed"),
    ],
)
def test_what_another_package_predicts_is_checked(install: Callable[..., None], answer: Callable, message: str):
    install("loudness", loudness="load_loudness")
    teacher = load_teacher("loudness:here", "audio", quiet=True)
    made[-1].answer = answer
    with pytest.raises(TeacherError, match=message):
        teacher.predict(np.zeros((1, 16_000), np.float32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "vision"}, "a teacher of vision, wanted a teacher of audio"),
        ({"name": "../up"}, r"the name '\.\./up'"),
        ({"digest": "1"}, "the digest '1', wanted a hexadecimal SHA-256"),
        ({"image_request": ImageRequest(8, 8, "crop")}, "image_request is ImageRequest"),
        ({"vocabulary": Vocabulary(())}, "0 classes with 0 different names"),
        ({"vocabulary": Vocabulary(("a", "a"))}, "2 classes with 1 different names"),
    ],
)
def test_what_another_package_states_is_checked(
    install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, change: dict, message: str
):
    def load_changed(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> Loudness:
        teacher = Loudness(spec, modality)
        vars(teacher).update(change)
        return teacher

    install("loudness", loudness="load_changed")
    monkeypatch.setattr(sys.modules[__name__], "load_changed", load_changed, raising=False)
    with pytest.raises(TeacherError, match=message):
        load_teacher("loudness:here", "audio", quiet=True)


def test_a_failure_in_another_package_is_named_after_it(install: Callable[..., None]):
    install("broken", broken="fail", absent="nothing_of_that_name", text="__doc__", number="load_number")
    with pytest.raises(TeacherError, match=r"other_package:fail failed \(ZeroDivisionError: the other package"):
        load_teacher("broken", "audio")
    with pytest.raises(TeacherError, match=r"other_package:nothing_of_that_name failed \(AttributeError"):
        load_teacher("absent", "audio")
    with pytest.raises(TeacherError, match=r"other_package:load_number returned a int, wanted a Teacher"):
        load_teacher("number", "audio")


def load_number(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> int:
    return 7


def test_two_packages_of_one_kind_and_kinds_of_our_own_are_ambiguous(install: Callable[..., None]):
    install("one", loudness="load_loudness", onnx="load_loudness")
    install("two", loudness="load_loudness")
    with pytest.raises(ConfigError, match="one and two all provide the kind 'loudness', wanted one package"):
        load_teacher("loudness", "audio")
    with pytest.raises(ConfigError, match="one provides the kind 'onnx', which is part of hearsight"):
        load_teacher("onnx:a.onnx", "audio")


def test_ids_of_classes_are_none_where_the_list_has_none():
    classes = list_classes(load_teacher("clusters:k=4", "vision"))
    assert [one.index for one in classes] == list(range(len(classes)))
    assert {(one.id, one.teacher, one.modality) for one in classes} == {(None, "clusters-pictures", "vision")}
