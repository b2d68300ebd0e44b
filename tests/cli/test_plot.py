"""Figures from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.processes import run_command


def test_a_figure_is_written_as_its_name_asks(tmp_path: Path) -> None:
    out = tmp_path / "filters.svg"
    done = run_command("plot", "filters", "untrained:soundnet-8", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert str(out) in done.stderr
    assert "kHz</text>" in out.read_text()


def test_confusions_of_a_baseline_are_drawn(tmp_path: Path) -> None:
    times = np.arange(6_000) / 8_000
    for label in range(3):
        (tmp_path / "sounds" / f"class {label}").mkdir(parents=True)
        for number in range(6):
            tone = 0.3 * np.sin(2 * np.pi * (300 + 700 * label + 9 * number) * times)
            soundfile.write(tmp_path / "sounds" / f"class {label}" / f"{number}.wav", tone.astype(np.float32), 8_000)
    out, benchmark = tmp_path / "confusion.svg", f"folder={tmp_path / 'sounds'}"
    done = run_command("plot", "confusion", "baseline:log-mel", "--benchmark", benchmark, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "class 2</text>" in out.read_text()


def test_every_figure_has_its_own_help() -> None:
    listed = run_command("plot", "--help").stdout
    for name in ("confusion", "labels", "traces", "d-prime", "filters", "tsne", "activations"):
        assert name in listed
        told = run_command("plot", name, "--help")
        assert told.returncode == 0
        assert "--out" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("filters", "untrained:soundnet-8", "--out", "{out}/a.jpg"), 2, ".png or .svg or .pdf"),
        (("filters", "untrained:soundnet-9", "--out", "{out}/a.png"), 2, "soundnet-8"),
        (("filters", "untrained:soundnet-8"), 2, "--out"),
        (("fliters", "untrained:soundnet-8", "--out", "{out}/a.png"), 2, "fliters"),
        (("labels", "{out}", "--out", "{out}/a.png"), 3, "dataset"),
        (("traces", "{out}/absent.mp4", "--model", "{out}", "--out", "{out}/a.mp4"), 3, "absent.mp4"),
        (("tsne", "{out}", "--model", "{out}", "--out", "{out}/a.png"), 3, "dataset"),
    ],
)
def test_mistakes_are_named_without_a_traceback_and_leave_nothing(
    arguments: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = run_command("plot", *(argument.format(out=tmp_path) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())
