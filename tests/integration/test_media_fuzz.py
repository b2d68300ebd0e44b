"""No exception, no crash, no hang and no memory without bound comes of a damaged file, whatever its container."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.damage import write_clip, write_sound
from tests.support.media import make_tone

ROOT = Path(__file__).parents[2]

VIDEOS = {
    ".mp4": {"video_codec": "libx264", "audio_codec": "aac", "container_options": {"movflags": "faststart"}},
    ".mov": {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"},
    ".mkv": {"video_codec": "libx264", "audio_codec": "flac"},
    ".webm": {"video_codec": "libvpx", "audio_codec": "libopus"},
    ".ts": {"video_codec": "libx264", "audio_codec": "aac"},
    ".mpg": {"video_codec": "mpeg2video", "audio_codec": "mp2"},
    ".flv": {"video_codec": "flv", "audio_codec": "libmp3lame"},
    ".avi": {"video_codec": "mpeg4", "audio_codec": "libmp3lame"},
    ".wmv": {"video_codec": "wmv2", "audio_codec": "wmav2"},
}
SOUNDS = (".wav", ".flac", ".ogg", ".aiff", ".au", ".caf", ".mp3", ".opus")


def write_seed(folder: Path, suffix: str) -> Path:
    """Write the small good file that mutants are made of."""
    path = folder / f"seed{suffix}"
    if suffix in VIDEOS:
        return write_clip(path, 1.2, **VIDEOS[suffix])  # type: ignore[arg-type]
    tone = make_tone(0.8, 48_000)
    if suffix in (".mp3", ".opus"):
        codec, muxer = ("libmp3lame", "mp3") if suffix == ".mp3" else ("libopus", "ogg")
        return write_sound(path, codec, tone[np.newaxis], 48_000, format=muxer)
    soundfile.write(path, tone, 48_000)
    return path


def read_mutants(folder: Path, suffix: str, first: int, count: int, seconds: float) -> None:
    """Read mutants in a process with a bound on its memory; its last line names the one that it ended with."""
    seed = write_seed(folder, suffix)
    script = "import resource, runpy; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)); "
    script += "runpy.run_module('tests.support.fuzz', run_name='__main__')"
    command = [sys.executable, "-c", script, str(seed), str(folder), str(first), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    last = done.stdout.split()[-1] if done.stdout else "none"
    assert done.returncode == 0, f"mutant {last} of {suffix}: exit code {done.returncode}\n{done.stderr[-2_000:]}"
    assert done.stdout.split()[-1] == str(first + count - 1)


@pytest.mark.parametrize("suffix", [*VIDEOS, *SOUNDS])
def test_every_mutant_becomes_clips_or_rejections(tmp_path: Path, suffix: str) -> None:
    read_mutants(tmp_path, suffix, 0, 200, seconds=300.0)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [*VIDEOS, *SOUNDS])
def test_thousands_of_mutants_become_clips_or_rejections(tmp_path: Path, suffix: str) -> None:
    read_mutants(tmp_path, suffix, 1_000, 1_000, seconds=3_000.0)
