"""``hearsight index`` and ``hearsight search``, end to end."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.listening import NAMES
from tests.support.processes import run_command


def write_tone(path: Path, frequency: float, seconds: float = 3.0) -> Path:
    path.parent.mkdir(exist_ok=True)
    time = np.arange(round(seconds * 16_000)) / 16_000
    noise = 0.01 * np.random.default_rng(int(frequency)).standard_normal(len(time))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency * time) + noise, 16_000)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, recordings of tones and an index of them."""
    base = tmp_path_factory.mktemp("place")
    save_checkpoint(build_network("hearsight-conv-4", 3, seed=0), base / "run", vocabulary=NAMES)
    for number, frequency in enumerate((200.0, 210.0, 3000.0, 3100.0)):
        write_tone(base / "sounds" / f"{number}_20240517_0{number}0000.wav", frequency)
    (base / "sounds" / "bad.wav").write_bytes(b"no sound")
    (base / "sites.csv").write_text("file,site\n0_20240517_000000.wav,north\n2_20240517_020000.wav,north\n")
    done = run_command(
        "index", base / "sounds", "--model", base / "run", "--out", base / "index", "--metadata", base / "sites.csv"
    )
    assert done.returncode == 3, done.stderr
    assert "12 segments of 5 recordings" in done.stdout
    assert "bad.wav" in done.stderr
    return base


def test_the_nearest_segments_are_those_of_the_most_similar_tone(place: Path, tmp_path: Path) -> None:
    example = write_tone(tmp_path / "example.wav", 205.0, 2.0)
    done = run_command("search", example, "--index", place / "index", "--top", "6", "--json")
    found = json.loads(done.stdout)
    assert {Path(one["source"]).name[0] for one in found} == {"0", "1"}
    assert [one["rank"] for one in found] == [1, 2, 3, 4, 5, 6]
    assert found[0]["site"] in ("north", None)
    assert found[0]["time"].startswith("2024-05-17T0")


def test_a_condition_a_span_and_a_file_for_raven(place: Path, tmp_path: Path) -> None:
    sound = place / "sounds" / "2_20240517_020000.wav"
    out = tmp_path / "found.csv"
    done = run_command(
        "search",
        f"{sound}@0-1",
        "--index",
        place / "index",
        "--where",
        "site = 'north' AND hour(time) < 1",
        "--out",
        out,
    )
    assert (done.returncode, done.stdout) == (0, "")
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 3
    assert {Path(row["source"]).name for row in rows} == {"0_20240517_000000.wav"}
    raven = run_command("search", f"{sound}@0-1", "--index", place / "index", "--format", "raven", "--top", "2")
    assert len(raven.stdout.splitlines()) == 3
    table = run_command("search", f"{sound}@0-1", "--index", place / "index", "--top", "2")
    assert "similarity" in table.stdout
    none = run_command("search", f"{sound}@0-1", "--index", place / "index", "--where", "site = 'south'")
    assert (none.returncode, none.stdout) == (0, "")
    assert "no segment fulfils \"site = 'south'\"" in none.stderr


def test_an_index_of_another_model_is_refused_and_named(place: Path, tmp_path: Path) -> None:
    save_checkpoint(build_network("hearsight-conv-4", 3, seed=1), tmp_path / "other", vocabulary=NAMES)
    sound = place / "sounds" / "2_20240517_020000.wav"
    done = run_command("search", sound, "--index", place / "index", "--model", tmp_path / "other")
    assert done.returncode == 2
    assert "made by" in done.stderr
    assert str(place / "run") in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("absent.wav", "--index", "{index}"), 3, "absent.wav: no such file"),
        (("{sound}", "--index", "absent"), 3, "hint: hearsight index RECORDINGS --out absent makes one"),
        (("{sound}", "--index", "{index}", "--where", "1; DROP TABLE rows"), 2, "--where: "),
        (("{sound}", "--index", "{index}", "--where", "true) UNION SELECT 1 WHERE (true"), 2, "wanted one expression"),
        (("{sound}", "--index", "{index}", "--top", "0"), 2, "--top"),
        (("{sound}@2-1", "--index", "{index}"), 2, "wanted an end after its start"),
    ],
)
def test_mistakes_end_with_one_sentence(place: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    names = {"index": place / "index", "sound": place / "sounds" / "2_20240517_020000.wav"}
    done = run_command("search", *(one.format(**names) for one in arguments))
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_recordings_makes_no_index(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_command("index", tmp_path / "empty", "--out", tmp_path / "index")
    assert done.returncode == 3
    assert "no audio or video file in it: an empty folder" in done.stderr
    assert not (tmp_path / "index").exists()


def test_a_map_is_added_to_an_index_and_written_as_an_atlas(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "index", tmp_path / "index")
    arguments = ("--model", place / "run", "--out", tmp_path / "index", "--atlas", tmp_path / "atlas.parquet")
    done = run_command("index", place / "sounds" / "0_20240517_000000.wav", *arguments)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "atlas.parquet")
    assert len(table) == 12
    assert {"source", "site", "x", "y", "neighbors", "audio"} <= set(table.column_names)
    refused = run_command("index", place / "sounds", *arguments[:-1], tmp_path / "atlas.csv")
    assert refused.returncode == 2
    assert "ends in .parquet" in refused.stderr
