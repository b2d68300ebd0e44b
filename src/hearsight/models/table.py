"""The table of all networks: what they are, how large they come out, and whether that is what their papers print."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hearsight.models.counts import count_network
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.row import NetworkRow
from hearsight.models.zoo import NETWORKS

NOTES = "docs/paper-notes.md"
"""The page with the reasons; the table shows the heading of each, ``#…``."""

COLUMNS = ("name", "paper", "input", "embedding", "parameters", "kernels", "multiplies", "published", "matches")
"""Heads of the table that :meth:`NetworkDescription.row` gives the cells of."""
NUMBERS = ("embedding", "parameters", "kernels", "multiplies")
"""Heads of the columns that are set flush right."""


@dataclasses.dataclass(frozen=True)
class NetworkDescription:
    """One line of the table.

    Attributes
    ----------
    name, paper, table, input, notes
        As in :class:`~hearsight.models.row.NetworkRow`.
    options
        What it was built with; empty except for other readings of the same figures.
    num_classes
        Number of outputs that it was counted with: the paper's.
    embedding_dim
        Length of its embeddings.
    parameters, weights, macs
        All parameters; kernels only; multiply-accumulates for one segment.
    published_parameters, published_macs
        What the paper prints; None where it prints nothing. ``counted`` is whether the former are parameters or weights.
    matches_parameters, matches_macs
        Whether the printed figure comes out at its printed precision; None where none is printed.
    matches
        Whether all printed figures do; None where none is printed.
    reason
        Where one does not: the place that explains why.
    """

    name: str
    paper: str
    table: str
    input: str
    options: dict[str, Any]
    num_classes: int
    embedding_dim: int
    parameters: int
    weights: int
    macs: int
    published_parameters: float | None
    published_macs: float | None
    counted: str
    matches_parameters: bool | None
    matches_macs: bool | None
    matches: bool | None
    reason: str
    notes: str
    printed: str
    """The published figures as printed."""

    @property
    def title(self) -> str:
        """The name, and the options if there are some."""
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])

    def as_json(self) -> dict[str, Any]:
        """Return the line as a JSON object; ``name`` is unique."""
        return dataclasses.asdict(self) | {"name": self.title}

    def row(self) -> tuple[str, ...]:
        """Return the cells of the line, under :data:`COLUMNS`."""
        verdicts = [each for each in (self.matches_parameters, self.matches_macs) if each is not None]
        matches = " / ".join("yes" if each else "no" for each in verdicts)
        if self.reason:
            matches += f", see {self.reason.removeprefix(NOTES)}"
        counts = [f"{count:,}" for count in (self.embedding_dim, self.parameters, self.weights, self.macs)]
        return (self.title, self.paper, self.input, *counts, self.printed, matches)


def describe_networks() -> list[NetworkDescription]:
    """Count every network of the zoo, paper by paper; nothing is computed and no weight is drawn, so it takes seconds."""
    lines: list[NetworkDescription] = []
    for row in NETWORKS.values():
        lines.append(_describe(row, {}, row.notes, row.reason))
        lines += [_describe(row, variant.options, variant.notes, variant.reason) for variant in row.variants]
    return lines


def _describe(row: NetworkRow, options: Mapping[str, Any], notes: str, reason: str) -> NetworkDescription:
    network = build_on_meta_device(row.name, row.published_classes, **options)
    counts = count_network(network)
    size = counts.weights if row.counted == "weights" else counts.parameters
    figures = (row.published_parameters, row.published_macs)
    verdicts = [
        None if figure is None else figure.matches(count)
        for figure, count in zip(figures, (size, counts.macs), strict=True)
    ]
    matches = None if verdicts == [None, None] else False not in verdicts
    return NetworkDescription(
        name=row.name,
        paper=row.paper,
        table=row.table,
        input=row.input,
        options=dict(options),
        num_classes=row.published_classes,
        embedding_dim=network.embedding_dim,
        parameters=counts.parameters,
        weights=counts.weights,
        macs=counts.macs,
        published_parameters=row.published_parameters.value if row.published_parameters else None,
        published_macs=row.published_macs.value if row.published_macs else None,
        counted=row.counted,
        matches_parameters=verdicts[0],
        matches_macs=verdicts[1],
        matches=matches,
        reason=f"{NOTES}#{reason}" if matches is False else "",
        notes=notes,
        printed=" / ".join(figure.printed for figure in figures if figure is not None),
    )
