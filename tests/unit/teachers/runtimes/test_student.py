"""A checkpoint as an audio teacher: its probabilities, classes and band, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import TeacherError
from hearsight.listening.listener import load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.zoo import build_network
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import Teacher

NAMES = ("bark", "rain", "street")
ORIGINS = (
    ClassOrigin(sense="heard", teacher="litert-yamnet", id="/m/05tny_"),
    ClassOrigin(sense="heard", teacher="litert-yamnet", id="/m/06mb1"),
    ClassOrigin(sense="seen", teacher="onnx-places"),
)


def _save(folder: Path, model: str = "wu-mlp", **values: object) -> Path:
    save_checkpoint(build_network(model, 3, seed=0, width=0.1), folder, vocabulary=NAMES, **values)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(tmp_path_factory.mktemp("students") / "first", classes=ORIGINS)


@pytest.fixture
def seconds() -> np.ndarray:
    return (0.2 * np.random.default_rng(0).standard_normal((3, 16_000))).astype(np.float32)


def _load(spec: str) -> Teacher:
    teacher = load_teacher(spec, "audio", quiet=True)
    assert isinstance(teacher, Teacher)
    return teacher


def test_a_student_labels_a_second_as_it_tags_it(run: Path, seconds: np.ndarray) -> None:
    teacher, listener = _load(f"student:{run}"), load(run, device="cpu")
    assert (teacher.name, teacher.vocabulary.names) == ("student-first", NAMES)
    probabilities = teacher.predict(seconds)
    for second, row in zip(seconds, probabilities, strict=True):
        tags = listener.tag_waveform(second, 16_000, top=None, sense="all")
        np.testing.assert_allclose(row, [{t.name: t.probability for t in tags}[name] for name in NAMES], atol=1e-6)
    np.testing.assert_array_equal(np.concatenate([teacher.predict(one[None]) for one in seconds]), probabilities)


def test_the_classes_of_one_sense_keep_their_teachers_ids(run: Path, seconds: np.ndarray) -> None:
    heard = _load(f"student:{run},sense=heard")
    assert (heard.vocabulary.names, heard.vocabulary.ids) == (NAMES[:2], ("/m/05tny_", "/m/06mb1"))
    np.testing.assert_array_equal(heard.predict(seconds), _load(f"student:{run}").predict(seconds)[:, :2])
    assert _load(f"student:{run}").vocabulary.ids is None  # one class has none
    assert heard.digest != _load(f"student:{run}").digest


def test_a_network_of_another_rate_hears_the_band_that_it_was_trained_on(tmp_path: Path, seconds: np.ndarray) -> None:
    folder = _save(tmp_path / "wide", "soundnet-5", training={"sample_rate": 16_000})
    listener = load(folder, device="cpu")
    assert listener.sample_rate == 22_050
    tags = {tag.name: tag.probability for tag in listener.tag_waveform(seconds[0], 16_000, top=None, sense="all")}
    row = _load(f"student:{folder}").predict(seconds[:1])[0]
    np.testing.assert_allclose(row, [tags[name] for name in NAMES], atol=1e-5)


def test_the_digest_is_of_the_weights_and_not_of_the_place(run: Path, tmp_path: Path) -> None:
    assert _load(f"student:{_save(tmp_path / 'copy', classes=ORIGINS)}").digest == _load(f"student:{run}").digest


def test_a_student_is_loaded_by_its_spec_in_another_process_and_torch_only_then(run: Path, seconds: np.ndarray) -> None:
    code = (
        "import pickle, sys; import hearsight.dataset.label_media, hearsight.engine.local\n"
        "assert 'torch' not in sys.modules\n"
        "from hearsight.teachers.registry import load_teacher\n"
        "spec, seconds = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(pickle.dumps(load_teacher(spec, 'audio', quiet=True).predict(seconds)))\n"
    )
    sent = pickle.dumps((f"student:{run}", seconds))
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True)
    np.testing.assert_array_equal(pickle.loads(done.stdout), _load(f"student:{run}").predict(seconds))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("/absent", "no such folder, wanted a checkpoint"),
        (",activation=softmax", "activation=softmax, wanted none"),
        (",vocabulary=two.txt", "2 classes, wanted 3"),
    ],
)
def test_what_cannot_be_a_teacher_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.txt").write_text("a\nb\n")
    with pytest.raises(TeacherError, match=message):
        load_teacher(f"student:{run}{options}", "audio")


def test_a_student_does_not_see_and_knows_its_senses_only_where_they_were_recorded(run: Path, tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="a network of sounds"):
        load_teacher(f"student:{run}", "vision")
    with pytest.raises(TeacherError, match="sense=seen for a checkpoint that does not record it"):
        load_teacher(f"student:{_save(tmp_path / 'old')},sense=seen", "audio")
