"""The models that come with hearsight: checkpoint folders inside the package, known by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.models.checkpoint import CONFIG, WEIGHTS, read_config

STARTER = "starter"
"""The model that is used unless another one is named."""
FOLDER = Path(__file__).parent / "checkpoints"
"""Holds a checkpoint folder for each installed model."""
COLUMNS = ("name", "network", "classes", "embedding", "Hz", "MB", "scores")
"""Heads of the table that :meth:`InstalledModel.row` returns the cells of."""


@dataclasses.dataclass(frozen=True)
class InstalledModel:
    """A model that comes with hearsight.

    Attributes
    ----------
    name
        What ``--model`` is given.
    network
        The network's name in the zoo.
    num_classes, embedding_dim
        Number of classes, length of an embedding.
    sample_rate
        Hz of the waveforms that it takes.
    size_bytes
        Of the weights.
    scores
        Scores by name, as recorded when it was made.
    folder
        Where it is; its ``README.md`` describes what it was trained on.
    """

    name: str
    network: str
    num_classes: int
    embedding_dim: int
    sample_rate: int
    size_bytes: int
    scores: dict[str, float]
    folder: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight models --installed --json`` prints."""
        return dataclasses.asdict(self)

    def row(self) -> tuple[str, ...]:
        """Return the cells of its line, under :data:`COLUMNS`."""
        benchmarks = {
            name.partition("/")[0]: value for name, value in self.scores.items() if name.endswith("/accuracy")
        }
        scores = ", ".join(f"{name} {100.0 * value:.1f} %" for name, value in benchmarks.items())
        numbers = (f"{self.num_classes:,}", f"{self.embedding_dim:,}", f"{self.sample_rate:,}")
        return (self.name, self.network, *numbers, f"{self.size_bytes / 1e6:.1f}", scores)


def list_installed() -> list[InstalledModel]:
    """Return the models that come with hearsight, by name."""
    return [_describe(path.parent) for path in sorted(FOLDER.glob(f"*/{CONFIG}"))]


def locate_model(run: str) -> Path:
    """Return the folder of a model. A path is returned unchanged; a checkpoint comes before an installed model of the same name.

    A folder that only has the name, such as one of recordings, does not hide the installed model; ``./NAME`` means the folder.

    Parameters
    ----------
    run
        A run folder, a checkpoint folder, or the name of an installed model.
    """
    installed = FOLDER / run
    is_name = run not in ("", ".", "..") and "/" not in run and "\\" not in run
    if is_name and not (Path(run) / CONFIG).is_file() and (installed / CONFIG).is_file():
        return installed
    return Path(run)


def _describe(folder: Path) -> InstalledModel:
    config = read_config(folder)
    return InstalledModel(
        name=folder.name,
        network=config.architectures[0],
        num_classes=config.num_labels,
        embedding_dim=config.embedding_dim,
        sample_rate=config.sampling_rate,
        size_bytes=(folder / WEIGHTS).stat().st_size,
        scores=config.measured,
        folder=str(folder),
    )
