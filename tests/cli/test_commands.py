"""The commands, end to end, each in a process of its own, as a stranger runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

import hearsight
from hearsight.cli import app
from hearsight.runtime import Session
from tests.support.layouts import write_sound
from tests.support.processes import run_command
from tests.support.videos import make_waveform, write_folder

TEACHERS = ("--vision", "clusters:k=4", "--audio", "clusters:k=4")
QUICK = ("--set", "train.epochs=1", "--set", "train.batch_size=4", "--set", "train.options.width=0.25")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 5)


@pytest.fixture(scope="module")
def run(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("learnt") / "run"
    done = run_command("learn", videos, "--out", out, *TEACHERS, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "classes appear" in done.stdout
    return out


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "melody.wav"
    soundfile.write(path, make_waveform(2.5, 99), 16_000)
    return path


def hearsight_commands() -> list[str]:
    return [name for name in app if not name.startswith("-")]


def test_help_teaches_every_command() -> None:
    done = run_command("--help")
    assert done.returncode == 0
    for command in hearsight_commands():
        assert command in done.stdout
        told = run_command(command, "--help")
        assert told.returncode == 0
        assert "--json" in told.stdout or command == "plot"
    assert run_command("--version").stdout.strip() == hearsight.__version__


def test_learn_goes_on_where_it_stopped_and_changes_nothing_when_done(videos: Path, run: Path) -> None:
    before = (run / "model.safetensors").read_bytes()
    again = run_command("learn", videos, "--out", run, *TEACHERS, *QUICK)
    assert again.returncode == 0, again.stderr
    assert (run / "model.safetensors").read_bytes() == before


def test_tag_prints_one_json_object_per_tag(run: Path, videos: Path, sound: Path) -> None:
    done = run_command("tag", sound, videos / "video-00.mp4", "--model", run, "--top", "3", "--json")
    assert done.returncode == 0, done.stderr
    tags = json.loads(done.stdout)
    assert len(tags) == 6
    assert {frozenset(one) for one in tags} == {
        frozenset(("path", "start", "duration", "class", "probability", "sense", "teacher"))
    }
    assert [one["path"] for one in tags] == [str(sound)] * 3 + [str(videos / "video-00.mp4")] * 3
    assert all(0.0 <= one["probability"] <= 1.0 for one in tags)
    assert tags[0]["duration"] == pytest.approx(2.5, abs=0.01)
    assert len(done.stdout.splitlines()) == 6 + 2


def test_tag_prints_a_table_for_a_person(run: Path, sound: Path) -> None:
    done = run_command("tag", sound, "--model", run, "--segments")
    assert done.returncode == 0, done.stderr
    assert "probability" in done.stdout
    assert "cluster" in done.stdout


def test_a_sound_shorter_than_a_segment_is_padded_and_said_so(run: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "click.wav", make_waveform(0.1, 3), 16_000)
    done = run_command("tag", tmp_path / "click.wav", "--model", run, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 5
    assert "padded" in done.stderr


def test_one_bad_file_does_not_stop_the_others_and_the_exit_code_says_so(
    run: Path, sound: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    done = run_command("tag", tmp_path / "text.wav", sound, "--model", run, "--json")
    assert done.returncode == 3
    assert {one["path"] for one in json.loads(done.stdout)} == {str(sound)}
    assert "text.wav" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_empty_table_is_printed_when_no_file_can_be_read(run: Path, tmp_path: Path) -> None:
    done = run_command("tag", tmp_path / "absent.wav", "--model", run)
    assert done.returncode == 3
    assert done.stdout == ""
    assert "absent.wav" in done.stderr


def test_embed_writes_a_row_per_segment(run: Path, sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "embeddings.parquet"
    done = run_command("embed", sound, "--model", run, "--out", out)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(out)
    assert table.column_names == ["path", "start", "duration", "embedding"]
    assert table.column("start").to_pylist() == [0.0, 1.0, 1.5]
    assert np.stack(table.column("embedding").to_pylist()).shape == (3, 128)


def test_python_gives_what_the_commands_give(run: Path, sound: Path) -> None:
    listener = hearsight.load(run)
    done = run_command("tag", sound, "--model", run, "--top", "2", "--json")
    tags = [tag.as_json() for tag in listener.tag(sound, top=2)]
    for mine, printed in zip(tags, json.loads(done.stdout), strict=True):
        assert mine["class"] == printed["class"]
        assert mine["probability"] == pytest.approx(printed["probability"], abs=1e-5)
    assert listener.embed(sound).values.shape == (3, 128)


def test_evaluate_scores_a_run_and_the_baseline_on_a_folder_of_classes(run: Path, tmp_path: Path) -> None:
    for label, base in (("low", 0), ("high", 1000)):
        (tmp_path / "classes" / label).mkdir(parents=True)
        for seed in range(10):
            times = np.arange(24_000) / 16_000
            tone = 0.3 * np.sin(2 * np.pi * (300 + base * 2 + 10 * seed) * times)
            soundfile.write(tmp_path / "classes" / label / f"{seed}.wav", tone.astype(np.float32), 16_000)
    for model in (str(run), "baseline:log-mel"):
        done = run_command("evaluate", model, "--benchmark", f"folder={tmp_path / 'classes'}", "--no-cache", "--json")
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert {"benchmark", "model", "probe", "accuracy", "folds", "interval", "num_clips"} <= set(result)
        assert result["num_clips"] == 20
        assert len(result["folds"]) == 5
        assert result["accuracy"] == pytest.approx(np.mean(result["folds"]))
        assert result["interval"][0] <= result["accuracy"] <= result["interval"][1]
    assert result["accuracy"] == 1.0


def test_export_writes_a_file_that_says_what_the_run_says(run: Path, sound: Path, tmp_path: Path) -> None:
    done = run_command("export", run, "--out", tmp_path / "model.onnx", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["difference"] < 1e-4
    session = Session((tmp_path / "model.onnx").read_bytes(), "model.onnx")
    waveform, _ = soundfile.read(sound, dtype="float32")
    probabilities = session.run({"waveform": waveform[None, :32_000]}, ["probabilities"])[0]
    assert probabilities.shape == (1, told["num_classes"])
    refused = run_command("export", run, "--out", tmp_path / "small.onnx", "--int8")
    assert refused.returncode == 2
    assert "--calibrate" in refused.stderr


def test_evaluate_takes_other_heads_and_refuses_layers_of_what_has_none(tmp_path: Path) -> None:
    for label in range(2):
        for number in range(6):
            write_sound(tmp_path / "classes" / f"class {label}" / f"{number}.wav", label, number)
    asked = ("evaluate", "baseline:mfcc", "--benchmark", f"folder={tmp_path / 'classes'}", "--no-cache")
    done = run_command(*asked, "--probe", "forest", "--set", "hyperparameter=20", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["probe"], result["dim"], result["hyperparameters"]) == ("forest", 26, [20.0] * 5)
    refused = run_command(*asked, "--layer", "pool5")
    assert refused.returncode == 2
    assert "a baseline has no layers" in refused.stderr


def test_benchmarks_are_listed_with_where_to_get_them() -> None:
    done = run_command("benchmarks", "--json")
    assert done.returncode == 0, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert found["tut2018"]["clips"] == 8640
    assert {"name", "title", "clips", "classes", "scored", "where", "takes"} == set(found["csv"])
    told = run_command("benchmarks")
    assert all(f"{name}=" in told.stdout for name in found)


def test_info_tells_datasets_from_runs(run: Path, tmp_path: Path) -> None:
    told = run_command("info", run / "dataset", "--json")
    assert json.loads(told.stdout)["kind"] == "dataset"
    told = run_command("info", run)
    assert "jia-mobilenet-v2" in told.stdout
    assert run_command("info", tmp_path).returncode == 3


def test_models_stand_beside_the_figures_of_their_papers() -> None:
    done = run_command("models", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    keys = {"name", "paper", "parameters", "weights", "macs", "published_parameters", "published_macs", "matches"}
    assert all(keys <= set(row) for row in rows)
    missed = {row["name"] for row in rows if row["matches"] is False}
    documented = {"wu-mlp", "jia-vggish-fcn", "panns-cnn14"}
    assert documented <= missed <= documented | {"hershey-inception-v3 stem=slim"}
    assert sum(row["matches"] is True for row in rows) >= 20


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("biuld", "x"), 2, "build"),
        (("build", "x"), 2, "--out"),
        (("build", "{empty}", "--out", "{out}"), 3, "no video"),
        (("build", "{videos}", "--out", "{out}", "--set", "cut.lenght=4"), 2, "did you mean 'cut.length'"),
        (("build", "{videos}", "--out", "{out}", "--vision", "litert:absent.tflite"), 3, "absent.tflite"),
        (("build", "{videos}", "--out", "{out}", "--vision", "litret:a.tflite"), 2, "litert"),
        (("build", "{videos}", "--out", "{out}", "--workers", "0"), 2, "--workers. must be >= 1"),
        (("learn", "{videos}", "--out", "{out}", "--set", "epohcs=1"), 2, "epochs"),
        (("learn", "{videos}", "--out", "{out}", "--model", "jia-mobilnet-v2"), 2, "jia-mobilenet-v2"),
        (("train", "{empty}", "--out", "{out}"), 3, "dataset"),
        (("tag", "{videos}/video-00.mp4", "--model", "{empty}"), 3, "checkpoint"),
        (("tag", "{videos}/video-00.mp4", "--model", "hf://owner"), 2, "hf://owner/name"),
        (("push", "{empty}", "owner/name"), 3, "checkpoint"),
        (("push", "{empty}", "owner name"), 2, "hf://owner/name"),
        (("evaluate", "baseline:log-mel", "--benchmark", "ecs10={empty}"), 2, "esc10"),
        (("evaluate", "baseline:log-mel", "--benchmark", "esc10={empty}"), 3, "ESC-50"),
    ],
)
def test_mistakes_are_named_without_a_traceback_and_leave_nothing(
    arguments: tuple[str, ...], code: int, told: str, videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"videos": videos, "empty": tmp_path / "empty", "out": tmp_path / "out"}
    done = run_command(*(argument.format(**places) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert told.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()
