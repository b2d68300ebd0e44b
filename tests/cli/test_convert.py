"""Published weights, from the file to the first tag, as a stranger runs it."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from hearsight.models.published.convert import convert
from tests.support.processes import run_command
from tests.support.published import (
    FIVE,
    Torch7Writer,
    make_soundnet_dictionary,
    make_vggish_variables,
    to_torch7,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SoundNet of five layers in its published size, its class lists, and a sound."""
    folder = tmp_path_factory.mktemp("published")
    network = to_torch7(make_soundnet_dictionary(FIVE, (1000, 401), 1.0), FIVE)
    (folder / "soundnet5_final.t7").write_bytes(Torch7Writer("Cuda").write(network))
    (folder / "objects.txt").write_text("\n".join(f"object of {index}" for index in range(1000)))
    (folder / "scenes.txt").write_text("\n".join(f"/p/place_{index}" for index in range(401)))
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(88_200) / 22_050)
    soundfile.write(folder / "tone.wav", tone.astype(np.float32), 22_050)
    return folder


def test_published_weights_tag_and_embed_by_name(folder: Path, tmp_path: Path) -> None:
    lists = ("--vocabulary", folder / "objects.txt", "--vocabulary", folder / "scenes.txt")
    done = run_command(
        "convert", "soundnet", folder / "soundnet5_final.t7", "--out", tmp_path / "run", *lists, "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["network"], told["num_classes"], told["named"]) == ("soundnet-5", 1401, True)
    done = run_command("tag", folder / "tone.wav", "--model", tmp_path / "run", "--top", "1401", "--json")
    assert done.returncode == 0, done.stderr
    probabilities = {tag["class"]: tag["probability"] for tag in json.loads(done.stdout)}
    assert len(probabilities) == 1401
    assert sum(probabilities[f"object of {index}"] for index in range(1000)) == pytest.approx(1.0, abs=1e-3)
    done = run_command("embed", folder / "tone.wav", "--model", tmp_path / "run", "--out", tmp_path / "tone.parquet")
    assert done.returncode == 0, done.stderr
    assert len(pq.read_table(tmp_path / "tone.parquet")["embedding"][0]) == 256
    done = run_command("info", tmp_path / "run")
    assert "converted from soundnet5_final.t7 (soundnet, sha256 " in done.stdout


def test_a_network_without_classes_embeds_and_says_that_it_cannot_tag(folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "vggish.npz", **make_vggish_variables(0.02))
    convert("vggish", tmp_path / "vggish.npz", tmp_path / "run", width=0.02)
    done = run_command("tag", folder / "tone.wav", "--model", tmp_path / "run")
    assert done.returncode == 2
    assert "no trained classes: it was published for its embeddings" in done.stderr
    assert "hint: hearsight embed" in done.stderr
    assert "Traceback" not in done.stderr
    done = run_command("embed", folder / "tone.wav", "--model", tmp_path / "run", "--out", tmp_path / "tone.parquet")
    assert done.returncode == 0, done.stderr


class Bomb:
    def __reduce__(self) -> tuple[Any, Any]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("soundnett", "{t7}"), 2, "did you mean 'soundnet'"),
        (("soundnet", "{short}"), 3, "are left"),
        (("soundnet", "{bomb}"), 3, "the name posix.mkdir"),
        (("soundnet", "{t7}", "--vocabulary", "{folder}/objects.txt"), 2, "1000 names, wanted 1401 (1000 and 401)"),
    ],
)
def test_mistakes_are_named_without_a_traceback_and_leave_nothing(
    arguments: tuple[str, ...], code: int, told: str, folder: Path, tmp_path: Path
) -> None:
    places = {
        "folder": folder,
        "t7": folder / "soundnet5_final.t7",
        "short": tmp_path / "a.t7",
        "bomb": tmp_path / "a.npy",
    }
    places["short"].write_bytes(places["t7"].read_bytes()[:1_000_000])
    array = np.empty((), dtype=object)
    array[()] = {"conv1": Bomb()}
    header = b"\x93NUMPY\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    places["bomb"].write_bytes(header.ljust(79) + b"\n" + pickle.dumps(array, protocol=2))
    done = run_command("convert", *(each.format(**places) for each in arguments), "--out", tmp_path / "out")
    assert done.returncode == code, done.stderr
    assert told in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()
    assert not Path("pwned").exists()
