"""Keys of earlier versions: what configuration files, scripts and saved runs may still call them, and their names now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RENAMED: Mapping[str, Mapping[str, str]] = {
    "EvaluateConfig": {
        "head": "probe",
        "strength": "hyperparameter",
        "beside": "extra_models",
        "against": "training_dataset",
    },
}
"""For each model of :mod:`hearsight.config`, its old keys and what they are called now."""


def rename_keys(model: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration's values under the names of this version.

    Parameters
    ----------
    model
        Name of the configuration's class.
    values
        The values as they were written, by this version or an earlier one.

    Raises
    ------
    ValueError
        When a key is given by both its names.
    """
    renames = RENAMED.get(model, {})
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        name = renames.get(key, key)
        if name in renamed:
            old = next(one for one in renames if renames[one] == name and one in values)
            raise ValueError(f"{name} is given twice, the other time by its old name {old}")
        renamed[name] = value
    return renamed
