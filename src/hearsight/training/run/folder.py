"""The folder of a run: its record, its checkpoints, and whether training may go on in it.

::

    run.json                     configuration, dataset, device: written first
    checkpoints/step-00001200/   the state within an epoch; the next checkpoint replaces it
    checkpoints/epoch-0003/      the network after an epoch, the optimizer's state, and the history of all epochs so far
    runlog.jsonl                 a report of what happened, rewritten from the history where it is lost
    config.json model.safetensors README.md    the delivered network: config.json is written last, and means finished

The state of a run is what its last checkpoint holds, and nothing else.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hearsight.config import TrainConfig
from hearsight.dataset.layout import read_json, write_json
from hearsight.errors import CheckpointError, ConfigError, DatasetError, RunError
from hearsight.files import lock, make_folder, rename_durably
from hearsight.models.checkpoint import CONFIG, WEIGHTS, save_checkpoint
from hearsight.models.network import Network
from hearsight.models.tensors import read_tensors, write_tensors
from hearsight.training.data.batches import ORDER, SHUFFLED, Order
from hearsight.training.run.log import LOG, read_runlog
from hearsight.training.step.averaging import RAW, WeightAverage
from hearsight.training.step.optimizer import export_state, import_state
from hearsight.version import VERSION

FORMAT_VERSION = 1
OPTIMIZER = "optimizer.safetensors"
HISTORY = "history.json"
LOCK = ".lock"
MAY_DIFFER = ("keep", "tensorboard", "checkpoint_steps", "checkpoint_minutes", "bad_steps", "spike", "bad_clips")
"""Keys of the configuration that do not change what has been trained so far."""


class RunFolder:
    """The paths and checkpoints of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "run.json"
        self.checkpoints = folder / "checkpoints"

    @property
    def is_finished(self) -> bool:
        """Whether the delivered network is there, complete."""
        return self.record.exists() and (self.folder / CONFIG).exists()

    def start(
        self,
        config: Mapping[str, Any],
        dataset: Mapping[str, Any],
        machine: Mapping[str, Any],
        parts: int = 1,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the run's record.

        ``parts`` is the minimum number of parts of a step, ``initial`` where the first weights came from.
        """
        versions = {"format_version": FORMAT_VERSION, "hearsight_version": VERSION, "order": ORDER, "parts": parts}
        about = {"config": config, "dataset": dataset, "machine": machine}
        write_json(self.record, {**versions, **about, **({"initial": dict(initial)} if initial else {})})

    def epochs(self) -> list[int]:
        """List the epochs that have a checkpoint, ascending."""
        names = (path.name for path in self.checkpoints.glob("epoch-*"))
        return sorted(int(name.removeprefix("epoch-")) for name in names if name.removeprefix("epoch-").isdigit())

    def checkpoint(self, epoch: int) -> Path:
        """Return the folder of an epoch's checkpoint."""
        return self.checkpoints / f"epoch-{epoch:04d}"

    def last_epoch(self) -> int:
        """Return the last epoch that the run can continue from; 0 where it must start from the beginning."""
        whole = [epoch for epoch in self.epochs() if (self.checkpoint(epoch) / OPTIMIZER).exists()]
        return max(whole, default=0)

    def save(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        history: Sequence[Mapping[str, Any]],
        about: Mapping[str, Any],
        average: WeightAverage | None = None,
    ) -> None:
        """Write an epoch's checkpoint; it appears under its name when it is complete.

        Parameters
        ----------
        network, optimizer
            What is saved.
        history
            The log's lines of all epochs so far, one each; the last one is the checkpoint's.
        about
            Arguments of :func:`~hearsight.models.checkpoint.save_checkpoint`.
        average
            The average that is saved as the network; the weights are then kept with the optimizer's state.
        """
        epoch = len(history)
        unfinished = self.checkpoints / f".epoch-{epoch:04d}.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            with contextlib.nullcontext() if average is None else average.in_place():
                save_checkpoint(network, unfinished, **about)
                write_state(unfinished, network, optimizer, average)
            write_json(unfinished / HISTORY, list(history))
            rename_durably(unfinished, self.checkpoint(epoch))
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def read_history(self, epoch: int) -> list[dict[str, Any]]:
        """Read the log's lines of all epochs up to a checkpoint's.

        Raises
        ------
        RunError
            When the checkpoint was written by a version that kept no history, and the log is incomplete.
        """
        path = self.checkpoint(epoch) / HISTORY
        where = path if path.exists() else self.folder / LOG
        if path.exists():
            lines = read_json(path, old=True)
        else:
            lines = [line for line in read_runlog(self.folder) if line["kind"] == "epoch"][:epoch] if epoch else []
        found = [line["epoch"] for line in lines] if _is_history(lines) else None
        if found != list(range(1, epoch + 1)):
            wanted = f"a line for each of {epoch} epochs"
            raise RunError(where, f"lines of epochs {(found or [])[:8]}", wanted, "train into another folder")
        return lines

    def read_final_history(self) -> list[dict[str, Any]]:
        """Read the log's lines of all epochs of a finished run, also where its checkpoints were removed.

        Raises
        ------
        RunError
            When they are lost.
        """
        if self.epochs():
            return self.read_history(self.epochs()[-1])
        lines = [line for line in read_runlog(self.folder) if line["kind"] == "epoch"]
        if not lines:
            raise RunError(self.folder, "neither checkpoints nor epochs in its log", "a run with one of them")
        return lines

    def restore(
        self,
        epoch: int,
        network: Network,
        optimizer: torch.optim.Optimizer | None = None,
        average: WeightAverage | None = None,
    ) -> None:
        """Restore an epoch's weights, and the state of an optimizer where one is given.

        Raises
        ------
        CheckpointError
            When a file of the checkpoint is damaged.
        """
        restore_state(self.checkpoint(epoch), network, optimizer, average)

    def prune(self, keep: Iterable[int], resumable: Iterable[int]) -> None:
        """Remove the checkpoints of all other epochs, and the optimizer's state of epochs that no run will continue from."""
        kept, needed = set(keep), set(resumable)
        for epoch in self.epochs():
            if epoch not in kept | needed:
                doomed = self.checkpoints / f".old-{epoch:04d}"
                rename_durably(self.checkpoint(epoch), doomed)
                shutil.rmtree(doomed)
            elif epoch not in needed:
                (self.checkpoint(epoch) / OPTIMIZER).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process left half-written or half-removed."""
        for pattern in (".epoch-*.tmp", ".step-*.tmp", ".old-*"):
            for leftover in self.checkpoints.glob(pattern):
                shutil.rmtree(leftover)
        for leftover in self.folder.glob(".validation-*"):
            shutil.rmtree(leftover)


def write_state(
    folder: Path, network: Network, optimizer: torch.optim.Optimizer, average: WeightAverage | None
) -> None:
    """Write the optimizer's state; with an average, which the network must have in place, the weights in training too."""
    kept = {} if average is None else average.export_weights()
    write_tensors(folder / OPTIMIZER, {**export_state(network, optimizer), **kept})


def restore_state(
    folder: Path,
    network: Network,
    optimizer: torch.optim.Optimizer | None = None,
    average: WeightAverage | None = None,
) -> None:
    """Restore the weights that a checkpoint's folder holds, and the state of an optimizer where one is given.

    Without an optimizer, the network has the average where the run has one.

    Raises
    ------
    CheckpointError
        When a file is damaged.
    """
    weights = read_tensors(folder / WEIGHTS, network.state_dict())
    network.load_state_dict(weights)
    if optimizer is not None:
        tensors = read_tensors(folder / OPTIMIZER)
        names = {name for name, _ in network.named_parameters()}
        # a parameter that no gradient reaches, as those of a part that is not trained along, has no state
        kept = {key for key in tensors if key.startswith(RAW)}
        wanted = {f"{RAW}{name}" for name in names} if average is not None else set[str]()
        if not {key.partition("/")[2] for key in tensors} <= names or kept != wanted:
            other = sorted({key.partition("/")[2] for key in tensors} - names) or sorted(kept ^ wanted)
            raise CheckpointError(folder / OPTIMIZER, f"other parameters: {other[0]}", "those of " + network.name)
        import_state(network, optimizer, {key: value for key, value in tensors.items() if key not in kept})
        if average is not None:
            average.import_weights(tensors)


def _is_history(lines: Any) -> bool:
    return isinstance(lines, list) and all(isinstance(line, dict) and "epoch" in line for line in lines)


@contextlib.contextmanager
def lock_run(out: Path) -> Generator[RunFolder]:
    """Create and lock a run's folder, so that only one process trains in it; the lock ends with the process, however it ends.

    Raises
    ------
    RunError
        When another process trains there, or the folder holds something else.
    OSError
        When the folder cannot be written.
    """
    run = RunFolder(out)
    if not run.record.exists() and (out / CONFIG).exists():
        raise RunError(out, "a checkpoint that is not a run of ours", "a new folder")
    new = [folder for folder in (run.checkpoints, out) if not folder.exists()]
    make_folder(run.checkpoints)
    try:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(lock(run.checkpoints / LOCK))
            except BlockingIOError as error:
                raise RunError(out, "another process is training here", "one at a time") from error
            yield run
    finally:
        if not run.record.exists():  # refused before it began: no empty folder stays behind
            with contextlib.suppress(OSError):
                for folder in new:
                    folder.rmdir()


def is_training(folder: Path) -> bool:
    """Return whether a process is training in a run's folder right now."""
    path = folder / "checkpoints" / LOCK
    if not path.exists():
        return False
    try:
        with lock(path):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False  # the lock of a killed process, on a disk that cannot be written


def read_record(run: RunFolder) -> dict[str, Any]:
    """Read a run's record.

    Raises
    ------
    RunError
        When it is damaged, or of another version.
    """
    try:
        record = read_json(run.record)
    except DatasetError as error:
        raise RunError(error.where, error.found, "the record of a run", "train into another folder") from error
    version = record.get("format_version") if isinstance(record, dict) else None
    if version != FORMAT_VERSION:
        raise RunError(
            run.record, f"format version {version}", f"version {FORMAT_VERSION}", "train into another folder"
        )
    for key in ("config", "dataset", "machine"):
        if not isinstance(record.get(key), dict):
            raise RunError(run.record, f"no {key}", "the record of a run", "train into another folder")
    return record


def read_order(run: RunFolder, record: Mapping[str, Any]) -> Order:
    """Return the version of a run's order of clips; runs of versions that recorded none have the first one.

    Raises
    ------
    RunError
        When this version does not know it.
    """
    found = record.get("order", SHUFFLED)
    if found not in (SHUFFLED, ORDER):
        wanted = f"{SHUFFLED} or {ORDER}"
        raise RunError(run.record, f"the order of clips {found!r}", wanted, "continue with the version that began it")
    return found


def read_parts(run: RunFolder, record: Mapping[str, Any]) -> int:
    """Return the minimum number of parts of a run's steps.

    Raises
    ------
    RunError
        When it is damaged.
    """
    found = record.get("parts", 1)
    if not isinstance(found, int) or found < 1:
        raise RunError(run.record, f"{found!r} parts of a step", "a number from 1", "train into another folder")
    return found


def read_config(run: RunFolder, record: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration of a run's record; keys that were added since have their defaults, renamed ones their new names.

    Raises
    ------
    RunError
        When it has keys or values that this version does not know.
    """
    try:
        return TrainConfig.parse(record["config"], "config")
    except ConfigError as error:
        found = f"a configuration of another version ({error.summary})"
        raise RunError(run.record, found, "one of this version", "train into another folder") from error


def check_same_run(run: RunFolder, config: TrainConfig, digest: str) -> dict[str, Any]:
    """Return the record of the run in a folder, which must be the requested one.

    Raises
    ------
    RunError
        When it is of another version, configuration or dataset; the message has the keys that differ, with both values.
    """
    record = read_record(run)
    now = config.model_dump(mode="json")
    then = read_config(run, record).model_dump(mode="json")
    differences = [
        f"{key} is {then[key]!r} there and {now[key]!r} now"
        for key in sorted(set(now) - set(MAY_DIFFER))
        if then[key] != now[key]
    ]
    if record["dataset"].get("digest") != digest:
        differences.append(f"the dataset is {record['dataset'].get('digest')!r} there and {digest!r} now")
    if differences:
        found = "a run of another configuration: " + "; ".join(differences)
        raise RunError(
            run.folder, found, hint="use the same configuration to continue, or another folder to start over"
        )
    return record
