from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.records import Source
from hearsight.world.generate import WORLD_SCHEMA, World, generate_portraits, generate_sounds, generate_world
from hearsight.world.kinds import KINDS
from hearsight.world.scenes import SceneProbabilities


def _digest_files(folder: Path, pattern: str) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob(pattern)}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return generate_world(tmp_path_factory.mktemp("world"), num_videos=3, seconds=5.0, seed=7, workers=1)


def test_videos_are_h264_and_aac_with_sound_and_pictures(world: World) -> None:
    assert len(world.videos) == 3
    for path in world.videos:
        media = read_media(Source(str(path)))
        assert (media.video_codec, media.audio_codec) == ("h264", "aac")
        assert media.duration == pytest.approx(5.0, abs=0.15)
        (window, *_) = decode_windows(media, length=4.0, images_per_second=3.0, requests=[])
        assert np.abs(window.samples).max() > 300
        assert len(window.thumbnails) == 12


def test_the_table_says_what_is_in_the_videos(world: World) -> None:
    table = world.read_contents()
    assert table.schema.equals(WORLD_SCHEMA)
    rows = table.to_pylist()
    assert {row["path"] for row in rows} == {path.name for path in world.videos}
    assert {row["kind"] for row in rows} <= {kind.name for kind in KINDS}
    assert all(0.0 <= row["start"] < row["end"] for row in rows)
    assert all(row["audible"] or row["visible"] for row in rows)


def test_file_names_say_nothing_of_the_contents(world: World, tmp_path: Path) -> None:
    other = generate_sounds(tmp_path, per_kind=1, seconds=0.5, seed=0, workers=1)
    for path in (*world.videos, *other):
        assert set(path.stem) <= set("0123456789abcdef")


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_workers(world: World, tmp_path: Path) -> None:
    again = generate_world(tmp_path / "again", num_videos=3, seconds=5.0, seed=7, workers=2)
    assert _digest_files(again.folder, "*.mp4") == _digest_files(world.folder, "*.mp4")
    assert again.read_contents().equals(world.read_contents())


def test_a_larger_world_begins_with_the_smaller_one_and_another_seed_is_another(world: World, tmp_path: Path) -> None:
    larger = generate_world(tmp_path / "larger", num_videos=4, seconds=5.0, seed=7, workers=1)
    assert _digest_files(world.folder, "*.mp4").items() <= _digest_files(larger.folder, "*.mp4").items()
    other = generate_world(tmp_path / "other", num_videos=1, seconds=5.0, seed=8, workers=1)
    assert not _digest_files(other.folder, "*.mp4").items() & _digest_files(larger.folder, "*.mp4").items()


def test_what_is_there_is_kept_and_what_is_missing_is_made(world: World, tmp_path: Path) -> None:
    sounds = generate_sounds(tmp_path, per_kind=1, seconds=0.5, seed=1, workers=1)
    before = _digest_files(tmp_path, "*.wav")
    sounds[3].unlink()
    kept = sounds[0].stat().st_mtime_ns
    assert generate_sounds(tmp_path, per_kind=1, seconds=0.5, seed=1, workers=1) == sounds
    assert _digest_files(tmp_path, "*.wav") == before
    assert sounds[0].stat().st_mtime_ns == kept
    assert not [path for path in tmp_path.rglob("*") if "part" in path.name or path.suffix == ".tmp"]


def test_labelled_sounds_are_class_folders_of_wav_files(tmp_path: Path) -> None:
    paths = generate_sounds(tmp_path, per_kind=2, seconds=1.5, seed=0, workers=1)
    assert len(paths) == 2 * len(KINDS)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kind.name for kind in KINDS)
    waveform, sample_rate = soundfile.read(paths[0])
    assert (sample_rate, waveform.shape) == (16_000, (24_000,))
    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_a_silent_world_is_only_background(tmp_path: Path) -> None:
    probabilities = SceneProbabilities(two_objects=0.0, silent=1.0, unseen=0.0, mismatched=0.0)
    quiet = generate_world(tmp_path, num_videos=1, seconds=5.0, seed=7, workers=1, probabilities=probabilities)
    assert not any(quiet.read_contents().column("audible").to_pylist())
    (window, *_) = decode_windows(
        read_media(Source(str(quiet.videos[0]))), length=4.0, images_per_second=3.0, requests=[]
    )
    levels = np.sqrt(np.mean(np.square(window.samples.astype(float)).reshape(40, -1), axis=1))
    assert levels.max() < 4.0 * levels.min()  # no gesture has so even a course


def test_portraits_show_and_play_one_kind_each(tmp_path: Path) -> None:
    portraits = generate_portraits(tmp_path, seconds=1.0, seed=0, workers=1)
    assert list(portraits) == [kind.name for kind in KINDS]
    for name, (path,) in portraits.items():
        assert path.name == f"{name}-0.mp4"
        media = read_media(Source(str(path)))
        assert media.audio_codec is not None
        assert media.video_codec is not None


def test_a_video_of_several_scenes_is_whole(tmp_path: Path) -> None:
    long = generate_world(tmp_path, num_videos=1, seconds=30.0, seed=1, workers=1)
    assert len({row["start"] for row in long.read_contents().to_pylist()}) > 1
    assert read_media(Source(str(long.videos[0]))).duration == pytest.approx(30.0, abs=0.15)


def test_a_script_without_a_guard_makes_a_world_and_runs_once(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        "from pathlib import Path\nfrom hearsight.world.generate import generate_sounds\nprint('started')\n"
        f"generate_sounds(Path({str(tmp_path / 'sounds')!r}), per_kind=1, seconds=0.1, workers=2)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    assert len(list((tmp_path / "sounds").rglob("*.wav"))) > 1
