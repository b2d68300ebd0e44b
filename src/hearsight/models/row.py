"""A row of the zoo: one network, where it is described, and the figures that its paper prints."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from hearsight.models.network import Network


@dataclasses.dataclass(frozen=True)
class Figure:
    """A count as a paper prints it, such as ``37.3M`` or ``2.4B``: its digits determine its precision."""

    printed: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(\.\d+)?[MB]", self.printed):
            raise ValueError(f"{self.printed!r} is no figure such as 37.3M or 2.4B")

    @property
    def value(self) -> float:
        """The count that it stands for."""
        return float(self.printed[:-1]) * self._unit

    @property
    def last_digit(self) -> float:
        """What one more in the last printed digit means."""
        return self._unit / 10 ** len(self.printed[:-1].partition(".")[2])

    def matches(self, count: int) -> bool:
        """Return whether ``count``, rounded or cut off at the printed precision, is this figure."""
        # divided and compared as whole numbers of last digits, where floating point cannot be off by one
        wanted = round(self.value / self.last_digit)
        steps = count / self.last_digit
        return wanted in (math.floor(steps), math.floor(steps + 0.5))

    @property
    def _unit(self) -> float:
        return {"M": 1e6, "B": 1e9}[self.printed[-1]]


@dataclasses.dataclass(frozen=True)
class Variant:
    """Another reading of the same published network, built by options; ``reason`` as in :class:`NetworkRow`."""

    options: Mapping[str, Any]
    notes: str
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class NetworkRow:
    """One network of the zoo.

    Attributes
    ----------
    name
        What ``--model`` takes.
    paper, table
        Where it is described.
    factory
        Builds it from a number of classes and options.
    input
        The input of one forward pass.
    published_classes
        Number of outputs that the published figures are for.
    published_parameters, published_macs
        What the paper prints, in parameters and multiply-accumulates; None where it prints nothing.
    counted
        What the paper's "parameters" or "weights" are: all parameters, or the kernels only, without biases and normalisations.
    notes
        What a reader of the figures should know.
    reason
        Where a published figure is not met: the heading of ``docs/paper-notes.md`` that explains why, as an anchor.
    variants
        Other readings of the same figures.
    classless
        Whether it can be built without any class, for its embeddings alone.
    adopt
        Takes over the trained layers of another network, which it cannot be trained without; None where it needs no other.
    """

    name: str
    paper: str
    table: str
    factory: Callable[..., Network]
    input: str
    published_classes: int
    published_parameters: Figure | None = None
    published_macs: Figure | None = None
    counted: Literal["parameters", "weights"] = "parameters"
    notes: str = ""
    reason: str = ""
    variants: tuple[Variant, ...] = ()
    classless: bool = False
    adopt: Callable[[Network, Network], None] | None = None
