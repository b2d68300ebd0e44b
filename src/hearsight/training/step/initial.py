"""The weights that a run begins with, where they are those of another run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import RunError, UsageError
from hearsight.files import hash_file
from hearsight.models.adoption import Classes, adopt_weights
from hearsight.models.checkpoint import WEIGHTS, load_checkpoint
from hearsight.models.installed import locate_model
from hearsight.models.network import Network


def adopt_initial(
    network: Network, config: TrainConfig, classes: Classes, recorded: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Take over the weights that a configuration names; return where they are from, for the run's record.

    Parameters
    ----------
    network, classes
        The network with fresh weights, which is changed in place, and its classes.
    config
        The run's configuration.
    recorded
        What this function returned when the run began; None for a new run.

    Raises
    ------
    CheckpointError
        When there is no such checkpoint, or it is of another network or front end.
    RunError
        When it is not the one that the run began with.
    """
    folder = locate_model(config.initial)
    trained, info = load_checkpoint(folder)
    origin = {"folder": config.initial, "weights_sha256": hash_file(folder / WEIGHTS)}
    if recorded is not None and recorded.get("weights_sha256") != origin["weights_sha256"]:
        found = f"weights {origin['weights_sha256'][:12]}"
        wanted = f"{str(recorded.get('weights_sha256'))[:12]}, which the run began with"
        raise RunError(folder, found, wanted, "train into another folder")
    if not info.training and not info.converted_from:
        raise UsageError("initial", f"{config.initial} is an untrained {info.name}", "a trained network")
    kept = adopt_weights(network, classes, trained, info)
    if recorded is None:
        print_message(
            f"beginning with the weights of {config.initial}; {len(kept):,} of {len(classes.names):,} classes are known to it"
        )
    return {**origin, "kept_classes": len(kept)}
