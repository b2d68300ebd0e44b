"""The folder of a run: what it was asked to do, its checkpoints, and whether it may go on.

::

    run.json                     configuration, dataset, machine: written first
    runlog.jsonl                 the record of what happened
    checkpoints/epoch-0003/      the network after an epoch, and the optimizer's state beside it: what resume needs
    config.json model.safetensors README.md    the delivered network: config.json is written last, and means finished
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from hearsight.dataset.layout import read_json, write_json
from hearsight.errors import CheckpointError, UsageError
from hearsight.files import lock, make_folder, rename_durably
from hearsight.models.checkpoint import CONFIG, WEIGHTS, check_tensors, read_tensors, save_checkpoint, write_tensors
from hearsight.models.network import Network
from hearsight.training.optimizer import export_state, import_state
from hearsight.version import VERSION

FORMAT_VERSION = 1
OPTIMIZER = "optimizer.safetensors"
MAY_DIFFER = ("keep", "tensorboard")
"""Keys of the configuration that change nothing of what is learned or logged."""


class RunFolder:
    """The paths and checkpoints of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "run.json"
        self.checkpoints = folder / "checkpoints"

    @property
    def is_finished(self) -> bool:
        """Whether the delivered network is there, whole."""
        return self.record.exists() and (self.folder / CONFIG).exists()

    def start(self, config: Mapping[str, Any], dataset: Mapping[str, Any], machine: Mapping[str, Any]) -> None:
        """Write what the run is asked to do."""
        versions = {"format_version": FORMAT_VERSION, "hearsight_version": VERSION}
        write_json(self.record, {**versions, "config": config, "dataset": dataset, "machine": machine})

    def epochs(self) -> list[int]:
        """List the epochs that have a checkpoint, ascending."""
        names = (path.name for path in self.checkpoints.glob("epoch-*"))
        return sorted(int(name.removeprefix("epoch-")) for name in names if name.removeprefix("epoch-").isdigit())

    def checkpoint(self, epoch: int) -> Path:
        """Give the folder of an epoch's checkpoint."""
        return self.checkpoints / f"epoch-{epoch:04d}"

    def last_epoch(self) -> int:
        """Give the last epoch that the run can go on after; 0 where it must begin anew."""
        whole = [epoch for epoch in self.epochs() if (self.checkpoint(epoch) / OPTIMIZER).exists()]
        return max(whole, default=0)

    def save(self, epoch: int, network: Network, optimizer: torch.optim.Optimizer, about: Mapping[str, Any]) -> None:
        """Write an epoch's checkpoint; it appears under its name when it is whole. ``about`` goes to :func:`save_checkpoint`."""
        unfinished = self.checkpoints / f".epoch-{epoch:04d}.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        save_checkpoint(network, unfinished, **about)
        write_tensors(unfinished / OPTIMIZER, export_state(network, optimizer))
        rename_durably(unfinished, self.checkpoint(epoch))

    def restore(self, epoch: int, network: Network, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Put an epoch's weights, and where it is given the optimizer's state, back.

        Raises
        ------
        CheckpointError
            When a file of the checkpoint is damaged.
        """
        folder = self.checkpoint(epoch)
        weights = read_tensors(folder / WEIGHTS)
        check_tensors(folder / WEIGHTS, weights, network.state_dict())
        network.load_state_dict(weights)
        if optimizer is not None:
            tensors = read_tensors(folder / OPTIMIZER)
            names = {name for name, _ in network.named_parameters()}
            # a parameter that no gradient reaches, as those of a part that is not trained along, has no state
            if not {key.partition("/")[2] for key in tensors} <= names:
                raise CheckpointError(folder / OPTIMIZER, "other parameters", "those of " + network.name)
            import_state(network, optimizer, tensors)

    def prune(self, keep: Iterable[int], resumable: Iterable[int]) -> None:
        """Remove the checkpoints of all other epochs, and the optimizer's state of all that none will go on after."""
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
        for pattern in (".epoch-*.tmp", ".old-*"):
            for leftover in self.checkpoints.glob(pattern):
                shutil.rmtree(leftover)
        for leftover in self.folder.glob(".validation-*"):
            shutil.rmtree(leftover)


@contextlib.contextmanager
def claim_run(out: Path) -> Generator[RunFolder]:
    """Hold a run's folder, so that no two processes train into it; the claim goes with the process, however it ends.

    Raises
    ------
    UsageError
        When another process trains there, or it is no place for a run.
    """
    run = RunFolder(out)
    if not run.record.exists() and (out / CONFIG).exists():
        raise UsageError(out, "a checkpoint that is no run of ours", "a new folder")
    try:
        make_folder(run.checkpoints)
        held = contextlib.ExitStack()
        held.enter_context(lock(run.checkpoints / ".lock"))
    except BlockingIOError as error:
        raise UsageError(out, "another process is training here", "one at a time") from error
    except OSError as error:
        raise UsageError(out, f"cannot be written ({error.strerror})", "a folder for the run") from error
    with held:
        yield run


def check_resumable(run: RunFolder, config: Mapping[str, Any], digest: str, *, resume: bool) -> dict[str, Any]:
    """Give the record of a run that is there, or say why it is not to be gone on with.

    Raises
    ------
    UsageError
        When it is of another version, configuration or dataset, or it is not to be resumed.
    """
    record = read_json(run.record)
    try:
        version, old_config, old_digest = record["format_version"], record["config"], record["dataset"]["digest"]
    except (KeyError, TypeError) as error:
        raise UsageError(run.record, f"not what it should hold ({error})", "the record of a run") from error
    if version != FORMAT_VERSION:
        raise UsageError(run.record, f"format version {version}", f"version {FORMAT_VERSION}", "use another folder")
    differences = [
        f"{key} is {old_config.get(key)!r} there and {config.get(key)!r} now"
        for key in sorted({*old_config, *config} - set(MAY_DIFFER))
        if old_config.get(key) != config.get(key)
    ]
    if old_digest != digest:
        differences.append(f"the dataset is {old_digest!r} there and {digest!r} now")
    if differences:
        raise UsageError(
            run.folder, "a run of another configuration: " + "; ".join(differences), hint="use another folder"
        )
    if not resume:
        hint = "use another folder" if run.is_finished else "go on with it by --resume, or use another folder"
        raise UsageError(run.folder, "a finished run" if run.is_finished else "an unfinished run", "a new folder", hint)
    return record
