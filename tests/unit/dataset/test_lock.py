"""A dataset's folder is written by one process at a time, and only if nothing else is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig, MixConfig
from hearsight.dataset.build import build_dataset
from hearsight.dataset.layout import Layout
from hearsight.dataset.lock import lock_folder
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.errors import DatasetError, MachineError
from hearsight.files import lock
from tests.support.videos import write_folder

SMALL = BuildConfig(vision=("clusters:k=4",), audio=("clusters:k=4",))


def test_a_build_waits_for_nobody_and_refuses_a_folder_that_is_being_written(tmp_path: Path) -> None:
    videos = write_folder(tmp_path / "videos", 1)
    out = tmp_path / "dataset"
    out.mkdir()
    with lock(Layout(out).lock), pytest.raises(DatasetError, match="another build is writing here"):
        build_dataset([videos], out, SMALL)
    build_dataset([videos], out, SMALL)
    assert Layout(out).manifest.exists()
    with lock(Layout(out).lock), pytest.raises(DatasetError, match="another build is writing here"):
        build_dataset([videos], out, SMALL)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    with lock(Layout(mixed).lock), pytest.raises(DatasetError, match="another build is writing here"):
        mix_dataset(out, mixed, MixConfig(clips=4))


def test_the_lock_is_held_until_the_block_ends_and_then_free(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "dataset")
    with lock_folder(layout):
        with pytest.raises(DatasetError, match="another build is writing here"), lock_folder(layout):
            pytest.fail("two builds hold one folder")
        assert layout.folder.is_dir()
    with lock_folder(layout):
        pass
    with pytest.raises(KeyError, match="inner"), lock_folder(layout):
        raise KeyError("inner")
    with lock_folder(layout):
        pass


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DatasetError, match="a folder with other things in it"), lock_folder(Layout(tmp_path)):
        pytest.fail("a folder that is not ours was taken")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with (
        pytest.raises(MachineError, match="a file of 4 bytes, not a folder"),
        lock_folder(Layout(tmp_path / "letter.txt")),
    ):
        pytest.fail("a file was taken for a folder")
