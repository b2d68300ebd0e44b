"""The network of a run that begins with the weights of another."""

from __future__ import annotations

from pathlib import Path

from hearsight.config import TrainConfig
from hearsight.models.adoption import strip_heads
from hearsight.models.checkpoint import read_config
from hearsight.models.installed import locate_model
from hearsight.training.run.folder import RunFolder, read_record
from hearsight.training.run.folder import read_config as read_run_config


def complete_config(config: TrainConfig, folder: Path) -> TrainConfig:
    """Return a configuration whose network is that of the run it begins with, unless it names one.

    Parameters
    ----------
    config
        The configuration.
    folder
        The run folder; a run that has begun keeps its network, also where the other run was removed since.

    Raises
    ------
    CheckpointError
        When the other run cannot be read.
    """
    if not config.initial or "model" in config.model_fields_set:
        return config
    run = RunFolder(folder)
    if run.record.exists():
        begun = read_run_config(run, read_record(run))
        return config.model_copy(update={"model": begun.model, "options": begun.options})
    found = read_config(locate_model(config.initial))
    options = {**strip_heads(found.options), **config.options}
    return config.model_copy(update={"model": found.architectures[0], "options": options})
