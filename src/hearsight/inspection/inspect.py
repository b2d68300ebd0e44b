"""The whole of ``hearsight inspect``: choose clips or rejections of a dataset, and show them on a terminal or a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64

from hearsight.console import print_message, track
from hearsight.dataset.reader import Dataset
from hearsight.dataset.survey.survey import find_agreement
from hearsight.dataset.survey.tables import LabelTables
from hearsight.errors import UsageError, cannot_write
from hearsight.files import write_text
from hearsight.inspection.choose import MOST, Choice, choose_clips
from hearsight.inspection.clip_page import write_clip_page, write_rejection_page
from hearsight.inspection.clips import ClipView, SpanMedia, read_clip_media, read_clips, read_rejections, read_span
from hearsight.inspection.table import Column, Table
from hearsight.records import Rejection

SHOWN_LABELS = 3
"""Labels of each sense that the table of clips has."""
_SHOWN_REJECTION = 4.0
"""Seconds of a rejected file that are shown where no span is known."""


@dataclasses.dataclass(frozen=True)
class ClipReport:
    """Clips that were chosen.

    Attributes
    ----------
    path
        The dataset.
    indices, clips
        Their places in the dataset, and what is known of them.
    lead
        A sentence that describes which clips they are.
    """

    path: Path
    indices: Int64[np.ndarray, " chosen"]
    clips: list[ClipView]
    lead: str

    def as_json(self) -> list[dict[str, Any]]:
        """Return an object for each clip."""
        return [clip.as_json() for clip in self.clips]

    @property
    def tables(self) -> list[Table]:
        """A table of the clips; all labels where it is one clip."""
        if len(self.clips) == 1:
            return [_tabulate_facts(self.clips[0]), _tabulate_labels(self.clips[0])]
        rows = [
            (
                clip.row["uuid"],
                PurePath(clip.row["source"]).name,
                float(clip.row["start"]),
                clip.agreement,
                *(
                    ", ".join([one.name for one in clip.labels if one.sense == sense][:SHOWN_LABELS])
                    for sense in ("seen", "heard")
                ),
            )
            for clip in self.clips
        ]
        columns = (
            Column("uuid", "uuid"),
            Column("source", "source"),
            Column("start", "from s", "number"),
            Column("agreement", "agreement", "number"),
            Column("seen", "seen"),
            Column("heard", "heard"),
        )
        return [Table("clips", self.lead, columns, rows)]

    def write_page(self, out: Path) -> None:
        """Write the page of the clips, with pictures from the media and the stored sound.

        Raises
        ------
        DatasetError
            When the stored sound is damaged.
        MachineError
            When the page cannot be written.
        """
        dataset = Dataset(self.path)
        with track("reading", len(self.clips), "clips") as bar:

            def read() -> Iterator[tuple[ClipView, SpanMedia]]:
                for index, clip in zip(self.indices.tolist(), self.clips, strict=True):
                    yield clip, read_clip_media(dataset, index, clip.row)
                    bar.advance()

            text = write_clip_page(f"Clips of {self.path}", self.lead, read(), dataset.sample_rate)
        _write(out, text, len(self.clips), "clips")


@dataclasses.dataclass(frozen=True)
class RejectionReport:
    """Rejected files and spans of a dataset."""

    path: Path
    rejections: list[Rejection]
    lead: str
    sample_rate: int

    def as_json(self) -> list[dict[str, Any]]:
        """Return an object for each rejection."""
        return [dataclasses.asdict(one) for one in self.rejections]

    @property
    def tables(self) -> list[Table]:
        """A table of the rejections."""
        rows = [(one.path, one.start, one.duration, str(one.reason), one.detail) for one in self.rejections]
        columns = (
            Column("path", "path"),
            Column("start", "from s", "number"),
            Column("duration", "seconds", "number"),
            Column("reason", "reason"),
            Column("detail", "what was found"),
        )
        return [Table("rejections", self.lead, columns, rows)]

    def write_page(self, out: Path) -> None:
        """Write the page of the rejections, with pictures and sound of what can be read.

        Raises
        ------
        MachineError
            When the page cannot be written.
        """
        with track("reading", len(self.rejections), "spans") as bar:

            def read() -> Iterator[tuple[Rejection, SpanMedia]]:
                for one in self.rejections:
                    seconds = min(one.duration or _SHOWN_REJECTION, 2 * _SHOWN_REJECTION)
                    yield one, read_span(one.path, one.start, max(seconds, 0.5), self.sample_rate)
                    bar.advance()

            text = write_rejection_page(f"Rejected of {self.path}", self.lead, read(), self.sample_rate)
        _write(out, text, len(self.rejections), "rejections")


def inspect_clips(dataset: Path, choice: Choice) -> ClipReport:
    """Choose clips of a dataset and read their labels.

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    UsageError
        When there is no such clip or class.
    """
    tables = LabelTables(dataset)
    agreement = _know_agreement(tables)
    indices = choose_clips(tables, choice, agreement)
    return ClipReport(dataset, indices, read_clips(tables, indices, agreement), _describe(tables, choice, len(indices)))


def inspect_rejections(dataset: Path, count: int, seed: int) -> RejectionReport:
    """Choose rejected files and spans of a dataset, some of each reason.

    Raises
    ------
    DatasetError
        When the dataset cannot be read.
    UsageError
        When the count is not between 1 and :data:`~hearsight.inspection.choose.MOST`.
    """
    if not 1 <= count <= MOST:
        raise UsageError("--sample", f"{count}", f"1 to {MOST} rejections, which a page can hold")
    tables = LabelTables(dataset)
    found, total = read_rejections(tables, count, seed)
    lead = f"{len(found):,} of {total:,} rejected files and spans, some of each reason"
    return RejectionReport(dataset, found, lead, tables.manifest.sample_rate)


def _know_agreement(tables: LabelTables) -> Float32[np.ndarray, " clips"]:
    modalities = {teacher.modality for teacher in tables.manifest.teachers}
    return find_agreement(tables) if len(modalities) == 2 else np.zeros(0, np.float32)


def _describe(tables: LabelTables, choice: Choice, count: int) -> str:
    if choice.uuid is not None:
        return f"1 of {tables.num_clips:,} clips"
    of = f"{count:,} of {tables.num_clips:,} clips"
    which = f" with the label {choice.name}" if choice.name is not None else ""
    how = {
        "random": f"drawn at random with seed {choice.seed}",
        "disagreeing": "those whose picture and sound agree least",
        "agreeing": "those whose picture and sound agree most",
    }[choice.order]
    return f"{of}{which}, {how}"


def _tabulate_facts(clip: ClipView) -> Table:
    row = clip.row
    keys = ("uuid", "source", "start", "duration", "fold", "width", "height", "loudness", "motion")
    rows: list[tuple[Any, ...]] = [(key, str(row[key])) for key in keys]
    rows += [("split", clip.split), ("agreement", "" if clip.agreement is None else f"{clip.agreement:.3f}")]
    return Table("clip", "Clip", (Column("what", "what"), Column("value", "value")), rows)


def _tabulate_labels(clip: ClipView) -> Table:
    columns = (
        Column("name", "class"),
        Column("sense", "sense"),
        Column("teacher", "teacher"),
        Column("probability", "probability", "number"),
    )
    rows = [(one.name, one.sense, one.teacher, one.probability) for one in clip.labels]
    return Table("labels", "Labels", columns, rows)


def _write(out: Path, text: str, count: int, what: str) -> None:
    try:
        write_text(out, text)
    except OSError as error:
        raise cannot_write(out, error) from error
    print_message(f"{out}: {count} {what}, {len(text) / 1e6:.1f} MB")
