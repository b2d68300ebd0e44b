"""Whatever happens to one file, a build ends with a dataset of the others; what is the machine's fault is tried again."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset import lock as lock_module
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError, MachineError, TeacherError, WorkerError
from tests.support.faulty import install_faulty_teacher, write_loud_clip
from tests.support.processes import digest_tree
from tests.support.videos import write_clip

CONFIG = load_config(
    BuildConfig, "build", None, ['vision=["clusters:k=4"]', 'audio=["faulty:x"]', "shard_clips=3", "policy.audio_top=2"]
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed in (0, 1):
        write_clip(folder / f"quiet-{seed}.mp4", 8.0, seed)
    write_loud_clip(folder / "loud.mp4", 8.0)
    return folder


@pytest.fixture(autouse=True)
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    install_faulty_teacher(tmp_path / "site", monkeypatch)
    monkeypatch.setenv("FAULT", "")
    return monkeypatch


@pytest.fixture(scope="module")
def reference(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the bytes of a build in which nothing went wrong."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        install_faulty_teacher(tmp_path_factory.mktemp("site"), monkeypatch)
        monkeypatch.setenv("FAULT", "")
        out = tmp_path_factory.mktemp("reference") / "dataset"
        build_dataset([videos], out, CONFIG, workers=2)
    return digest_tree(out)


def list_rejections(out: Path) -> dict[str, tuple[str, str]]:
    rows = pq.read_table(out / "rejected.parquet").to_pylist()
    return {Path(row["path"]).name: (row["reason"], row["detail"]) for row in rows}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        ("nan", "failed", "nan"),
        ("memory", "failed", "MemoryError"),
        ("segfault", "crashed", "its worker crashed (SIGSEGV)"),
    ],
)
def test_a_file_that_fails_is_a_row_with_a_reason_and_is_tried_again_by_the_next_run(
    videos: Path,
    reference: dict[str, str],
    tmp_path: Path,
    faulty: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    fault: str,
    reason: str,
    detail: str,
    workers: int,
) -> None:
    out = tmp_path / "dataset"
    faulty.setenv("FAULT", fault)
    summary = build_dataset([videos], out, CONFIG, workers=workers)
    assert (summary.num_failed, summary.num_sources_kept, summary.rejected) == (1, 2, {reason: 1})
    found = list_rejections(out)["loud.mp4"]
    assert found[0] == reason
    assert detail in found[1]
    assert len(Dataset(out)) == 4
    if workers == 2:
        return
    capfd.readouterr()
    again = build_dataset([videos], out, CONFIG, workers=workers)
    assert again == summary
    assert f"{out}: 1 file failed before; it is tried again" in capfd.readouterr().err
    assert build_dataset([videos], out, CONFIG, workers=workers, retry=False) == summary
    faulty.setenv("FAULT", "")
    assert build_dataset([videos], out, CONFIG, workers=workers).num_failed == 0
    assert digest_tree(out) == reference


def test_a_file_on_which_a_worker_hangs_is_given_up(videos: Path, tmp_path: Path, faulty: pytest.MonkeyPatch) -> None:
    faulty.setenv("FAULT", "hang")
    summary = build_dataset([videos], tmp_path / "dataset", CONFIG, workers=2, deadline=10.0)
    assert (summary.num_failed, summary.num_sources_kept, summary.rejected) == (1, 2, {"timed_out": 1})
    assert list_rejections(tmp_path / "dataset")["loud.mp4"] == ("timed_out", "no progress within 10 s")


def test_a_clip_that_fails_is_a_rejected_span_and_the_others_of_its_file_stay(
    tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    path = write_loud_clip(tmp_path / "half.mp4", 12.0, loud_from=8.0)
    faulty.setenv("FAULT", "nan")
    summary = build_dataset([path], tmp_path / "dataset", CONFIG, workers=1)
    (row,) = pq.read_table(tmp_path / "dataset" / "rejected.parquet").to_pylist()
    assert (row["reason"], row["start"], row["duration"]) == ("failed", 8.0, 4.0)
    assert (summary.num_clips, summary.num_failed) == (2, 0)
    assert not (tmp_path / "dataset" / "parts").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_teacher_that_cannot_be_loaded_in_workers_ends_the_build_with_its_own_message(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch, workers: int
) -> None:
    faulty.setenv("FAULT", "setup")
    with pytest.raises(TeacherError, match="KeyError: 'weights'"):
        build_dataset([videos], tmp_path / "dataset", CONFIG, workers=workers)
    assert not (tmp_path / "dataset" / "dataset.json").exists()
    faulty.setenv("FAULT", "")
    build_dataset([videos], tmp_path / "dataset", CONFIG, workers=workers)
    assert digest_tree(tmp_path / "dataset") == reference


def test_a_build_of_which_every_file_fails_is_an_error_and_no_empty_dataset(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    faulty.setenv("FAULT", "memory")
    faulty.setenv("FAULT_ON", "all")
    with pytest.raises(WorkerError, match=r"every file failed \(3\).*MemoryError"):
        build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)
    faulty.setenv("FAULT", "")
    build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)
    assert digest_tree(tmp_path / "dataset") == reference


def test_a_worker_that_the_system_kills_once_costs_no_file(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    faulty.setenv("FAULT", f"kill-once {tmp_path / 'killed'}")
    assert build_dataset([videos], tmp_path / "dataset", CONFIG, workers=2).num_failed == 0
    assert (tmp_path / "killed").exists()
    assert digest_tree(tmp_path / "dataset") == reference


@pytest.mark.parametrize(
    ("fault", "detail"), [("remove", "it was removed during the build"), ("grow", "it changed during the build")]
)
@pytest.mark.parametrize("victim", ["loud.mp4", "quiet-1.mp4"])
def test_a_file_that_changes_while_or_before_it_is_read_is_rejected_and_the_others_become_a_dataset(
    videos: Path, tmp_path: Path, faulty: pytest.MonkeyPatch, fault: str, detail: str, victim: str
) -> None:
    folder = tmp_path / "videos"
    shutil.copytree(videos, folder)
    faulty.setenv("FAULT", f"{fault} {folder / victim}")
    summary = build_dataset([folder], tmp_path / "dataset", CONFIG, workers=1)
    reason, found = list_rejections(tmp_path / "dataset")[victim]
    assert reason == "unreadable"
    assert found.startswith(detail)
    assert (summary.num_sources_kept, summary.num_failed) == (2, 0)
    assert len(Dataset(tmp_path / "dataset")) == 4


@pytest.mark.parametrize("lost", ["pack", "half of the pack", "journal", "half of the journal"])
def test_a_lost_or_damaged_part_is_made_again(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch, lost: str
) -> None:
    out = tmp_path / "dataset"
    faulty.setenv("FAULT", "memory")
    build_dataset([videos], out, CONFIG, workers=1)
    (out / "dataset.json").unlink()  # as if the build had been killed before its end
    path = sorted((out / "parts").glob("*.pack" if "pack" in lost else "*.journal"))[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if "half" not in lost:
        path.unlink()
    faulty.setenv("FAULT", "")
    build_dataset([videos], out, CONFIG, workers=1)
    assert digest_tree(out) == reference


def test_a_full_disk_ends_the_build_with_one_sentence_and_it_goes_on_when_there_is_room(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    faulty.setenv("FAULT", "full")
    with pytest.raises(MachineError, match=r"parts/.*\.pack: cannot be written \(File too large\)"):
        build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)
    faulty.setenv("FAULT", "")
    build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)
    assert digest_tree(tmp_path / "dataset") == reference


def test_a_finished_dataset_on_a_read_only_disk_needs_no_lock(
    videos: Path, tmp_path: Path, faulty: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dataset"
    built = build_dataset([videos], out, CONFIG, workers=1)

    def refuse(path: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    faulty.setattr(lock_module, "lock", refuse)
    assert build_dataset([videos], out, CONFIG, workers=1) == built
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(MachineError, match="Read-only file system"):
        build_dataset([videos], tmp_path / "other", CONFIG, workers=1)


def test_two_builds_do_not_write_into_one_folder(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    out.mkdir()
    with (
        lock_module.lock(out / ".lock"),
        pytest.raises(DatasetError, match="another build is writing here"),
    ):
        build_dataset([videos], out, CONFIG, workers=1)
    assert list(out.iterdir()) == []


def test_temporary_files_of_killed_builds_do_not_stay(
    videos: Path, reference: dict[str, str], tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "dataset"
    faulty.setenv("FAULT", "full")
    with pytest.raises(MachineError):
        build_dataset([videos], out, CONFIG, workers=1)
    for name in (".summary.json.4711.tmp", ".dataset.0123abcd.tmp.json", "audio/.00000.0123abcd.tmp.arrow"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).touch()
    faulty.setenv("FAULT", "")
    build_dataset([videos], out, CONFIG, workers=1)
    assert digest_tree(out) == reference
    (out / ".summary.json.4711.tmp").touch()
    build_dataset([videos], out, CONFIG, workers=1)
    assert digest_tree(out) == reference


def test_an_unfinished_build_of_another_version_is_not_continued(
    videos: Path, tmp_path: Path, faulty: pytest.MonkeyPatch
) -> None:
    faulty.setattr(lock_module, "BUILD_VERSION", 1)
    faulty.setenv("FAULT", "full")
    with pytest.raises(MachineError):
        build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)
    faulty.setattr(lock_module, "BUILD_VERSION", 2)
    with pytest.raises(DatasetError, match="build version 1, wanted version 2"):
        build_dataset([videos], tmp_path / "dataset", CONFIG, workers=1)


def test_a_script_without_a_main_guard_builds_a_dataset(videos: Path, tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        "import hearsight\n"
        "print('started')\n"
        f"summary = hearsight.build_dataset([{str(videos)!r}], {str(tmp_path / 'dataset')!r}, workers=2)\n"
        "print(summary.num_clips, summary.rejected)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    assert done.stdout == "started\n6 {}\n", done.stderr
