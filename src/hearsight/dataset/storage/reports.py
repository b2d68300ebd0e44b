"""Counts and rejections of a finished unit of work, and where its rows are: a line of a journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hearsight.records import Rejection, RejectReason, Source


@dataclasses.dataclass(frozen=True)
class PartReport:
    """Counts and rejections of a finished unit.

    Attributes
    ----------
    unit
        Name of the unit of work, a UUID.
    source
        What its rows were made from.
    num_clips
        Its rows.
    num_items
        Images or segments that each teacher labelled, by its name.
    rejections
        What of the source is in no clip.
    """

    unit: str
    source: Source
    num_clips: int
    num_items: dict[str, int]
    rejections: tuple[Rejection, ...]


@dataclasses.dataclass(frozen=True)
class Extent:
    """Where the rows of a unit are.

    Attributes
    ----------
    pack
        Name of the pack.
    offset, num_bytes
        The bytes within the pack; 0 bytes where the unit has no rows.
    checksum
        CRC-32 of these bytes.
    """

    pack: str
    offset: int
    num_bytes: int
    checksum: int


def report_to_json(report: PartReport, extent: Extent) -> dict[str, Any]:
    """Return the line of a journal."""
    return {
        "unit": report.unit,
        "source": list(dataclasses.astuple(report.source)),
        "clips": report.num_clips,
        "items": report.num_items,
        "rejections": [[one.path, one.start, one.duration, str(one.reason), one.detail] for one in report.rejections],
        "rows": [extent.offset, extent.num_bytes, extent.checksum],
    }


def report_from_json(values: Mapping[str, Any], pack: str) -> tuple[PartReport, Extent]:
    """Read a line of the journal of a pack.

    Raises
    ------
    KeyError, TypeError, ValueError
        When it is no such line.
    """
    rejections = tuple(
        Rejection(path, start, duration, RejectReason(reason), detail)
        for path, start, duration, reason, detail in values["rejections"]
    )
    report = PartReport(values["unit"], Source(*values["source"]), values["clips"], values["items"], rejections)
    return report, Extent(pack, *values["rows"])
