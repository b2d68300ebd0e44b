"""The Python examples of the pages run as they are written, each in a folder with the files that it names."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import hearsight
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.hub import TOKEN, serve_hub
from tests.support.teachers import write_colour_teacher
from tests.support.videos import make_waveform, write_folder
from tools.check import FENCE, list_documents
from tools.pages import ROOT

NAMES = ("bark", "rain", "bell")
README_SETTINGS = """\
from hearsight.config import training
training.RECIPES["quick"].update(epochs=1, min_steps=1, options={"width": 0.1}, batch_size=8)
"""


def list_examples() -> list[tuple[str, int, str]]:
    """Return page, number within the page, and code of every Python example."""
    found: list[tuple[str, int, str]] = []
    for path in list_documents():
        if path.is_relative_to(ROOT / "src"):
            continue  # the card of the model in the package, whose example names no folder
        blocks = [code for _, language, code in FENCE.findall(path.read_text(encoding="utf-8")) if language == "python"]
        found += [(str(path.relative_to(ROOT)), number, code) for number, code in enumerate(blocks)]
    return found


EXAMPLES = {f"{page}-{number}": (page, number, code) for page, number, code in list_examples()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run and a recording that most examples use."""
    folder = tmp_path_factory.mktemp("examples")
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.1)
    save_checkpoint(network, folder / "run", vocabulary=NAMES)
    soundfile.write(folder / "recording.wav", make_waveform(2.5, 0), 16_000)
    lines = [{"kind": "epoch", "epoch": 1, "validation_mean_average_precision": 0.5}]
    (folder / "run" / "runlog.jsonl").write_text("".join(f"{line}\n".replace("'", '"') for line in lines))
    for label in ("low", "high"):
        for number in range(10):
            path = folder / "sounds" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            pitch = (220.0, 1760.0)[label == "high"] + 10.0 * number
            soundfile.write(path, 0.2 * np.sin(2 * np.pi * pitch * np.arange(16_000) / 16_000), 16_000)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a fresh folder where the run and the recording are."""
    for path in made.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def prepare_evaluations(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Score a folder of 20 sounds where the example names ESC-10, which has 400; for one model or for six."""
    from hearsight.evaluation import evaluate as module

    real = module.evaluate

    def evaluate(run: str, benchmark: str, **options: Any) -> Any:
        assert benchmark == "esc10=ESC-10"
        run = "run" if run.startswith("run") else run
        return dataclasses.replace(real(run, f"folder={here / 'sounds'}", **options), benchmark="esc10")

    monkeypatch.setattr(module, "evaluate", evaluate)
    return {}


def prepare_scores(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    np.save(here / "scores.npy", rng.random((60, 4)))
    np.save(here / "targets.npy", rng.random((60, 4)) < 0.3)
    return {}


def prepare_pipeline(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    paths = sorted((here / "sounds").glob("*/*.wav"))
    return {"paths": paths, "labels": [path.parent.name for path in paths], "recordings": None}


def prepare_graph(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from hearsight.export.onnx import export_network

    export_network("run", "model.onnx")
    return {}


def prepare_table(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    from hearsight.listening.tables import embed_files

    embed_files(hearsight.load("run"), ["recording.wav"], here / "embeddings.parquet")
    return {}


def prepare_tensorflow(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for TensorFlow, which is not installed here."""
    checkpoint = types.SimpleNamespace(
        get_tensor=lambda name: np.zeros(3), get_variable_to_shape_map=lambda: {"vggish/conv1/weights": [3], "step": []}
    )
    module = types.ModuleType("tensorflow")
    monkeypatch.setattr(module, "train", types.SimpleNamespace(load_checkpoint=lambda path: checkpoint), raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    return {}


def prepare_vggish(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    save_checkpoint(build_network("vggish", 0, pca=True, width=0.02), here / "vggish", vocabulary=())
    return {}


def prepare_conversion(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the conversion of the published file, which has tests of its own."""
    from hearsight.models.published import convert as module

    def convert(kind: str, source: str, out: str) -> None:
        assert (kind, source) == ("soundnet", "soundnet8_final.t7")
        save_checkpoint(build_network("hearsight-conv-4", 3, seed=0, width=0.1), here / out, vocabulary=NAMES)

    monkeypatch.setattr(module, "convert", convert)
    return {}


def prepare_model(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    write_colour_teacher(here / "classifier.onnx")
    return {}


def prepare_teacher(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for YAMNet, which is not in the repository."""
    from hearsight.teachers import registry as module
    from hearsight.vocabulary import Vocabulary

    def predict(segments: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([0.1, 0.7, 0.2]), (len(segments), 1))

    def load_teacher(spec: str, modality: str) -> Any:
        assert spec.startswith("litert:yamnet")
        return types.SimpleNamespace(vocabulary=Vocabulary(NAMES), predict=predict)

    monkeypatch.setattr(module, "load_teacher", load_teacher)
    return {}


def prepare_videos(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    write_folder(here / "videos", 3)
    return {}


def prepare_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {}


PREPARE: dict[str, Callable[[Path, pytest.MonkeyPatch], dict[str, Any]]] = {
    "docs/how-to/build.md-0": prepare_videos,
    "docs/how-to/evaluate.md-0": prepare_evaluations,
    "docs/how-to/evaluate.md-1": prepare_scores,
    "docs/how-to/evaluate.md-2": prepare_pipeline,
    "docs/how-to/export.md-0": prepare_graph,
    "docs/how-to/hear.md-0": prepare_nothing,
    "docs/how-to/listen.md-0": prepare_table,
    "docs/how-to/listen.md-1": prepare_nothing,
    "docs/how-to/published-weights.md-0": prepare_tensorflow,
    "docs/how-to/published-weights.md-1": prepare_vggish,
    "docs/how-to/published-weights.md-2": prepare_conversion,
    "docs/how-to/study.md-0": prepare_nothing,
    "docs/how-to/tables-and-figures.md-0": prepare_evaluations,
    "docs/how-to/teachers.md-0": prepare_model,
    "docs/how-to/teachers.md-1": prepare_teacher,
    "docs/how-to/teachers.md-2": prepare_nothing,
    "docs/how-to/train.md-0": prepare_nothing,
}
"""How the folder of each example is prepared; those with a test of their own are not in it."""
OWN_TEST = {"README.md-0", "docs/how-to/share.md-0", "docs/how-to/share.md-1"}


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == set(PREPARE) | OWN_TEST


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", sorted(PREPARE))
def test_example_runs_as_written(name: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"__name__": "__main__", **PREPARE[name](here, monkeypatch)}
    exec(compile(EXAMPLES[name][2], name, "exec"), variables)


def test_examples_of_sharing_run_as_written(here: Path) -> None:
    loading, sharing = EXAMPLES["docs/how-to/share.md-0"][2], EXAMPLES["docs/how-to/share.md-1"][2]
    with serve_hub() as hub:
        files = {path.name: path.read_bytes() for path in (here / "run").iterdir()}
        commit = hub.add("owner/name", files)
        hub.repositories["owner/name"].commits["v1.0"] = hub.repositories["owner/name"].commits[commit]
        settings = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(here / "home"), "HF_TOKEN": TOKEN}
        settings |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
        for code in (loading, sharing.replace("owner/name", "tester/name")):
            (here / "example.py").write_text(code)
            command = [sys.executable, "example.py"]
            done = subprocess.run(command, cwd=here, env=os.environ | settings, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        assert "tester/name" in hub.repositories


def test_example_of_the_readme_runs_as_a_script(tmp_path: Path) -> None:
    write_folder(tmp_path / "videos", 3, 8.0)
    soundfile.write(tmp_path / "recording.wav", make_waveform(2.5, 0), 16_000)
    (tmp_path / "example.py").write_text(EXAMPLES["README.md-0"][2])
    # the recipe's 600 steps take minutes: one step shows as well that the script works
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(README_SETTINGS)
    paths = [str(tmp_path / "site"), str(Path(hearsight.__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "example.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "crashed" not in done.stderr
    assert "Tag(" in done.stdout
