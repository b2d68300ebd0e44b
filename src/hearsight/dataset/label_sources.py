"""The first pass of a build: every source becomes a part, in parallel, and what is finished is not worked on again."""

from __future__ import annotations

import contextlib

from hearsight.config import BuildConfig
from hearsight.console import print_message, track
from hearsight.dataset.finalize import UnitNames
from hearsight.dataset.label_media import LabelMedia
from hearsight.dataset.layout import Layout
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.unit_table import UnitTable
from hearsight.engine.engine import Engine, Failure
from hearsight.errors import WorkerError
from hearsight.media.collection.table import SourceTable
from hearsight.records import Rejection, RejectReason, Source

_REASONS = {"error": RejectReason.FAILED, "death": RejectReason.CRASHED, "timeout": RejectReason.TIMED_OUT}


def label_sources(
    layout: Layout, config: BuildConfig, media: SourceTable, engine: Engine, *, all_may_fail: bool = False
) -> tuple[UnitNames, list[Rejection]]:
    """Turn every source into a part.

    Parameters
    ----------
    layout
        The dataset.
    config
        The configuration.
    media
        The sources.
    engine
        Where they are worked on.
    all_may_fail
        Whether it is no error that every source fails.

    Returns
    -------
    units
        Names of the units of all sources.
    failed
        The sources without a part. That may be the fault of the machine, so that the next run tries them again.

    Raises
    ------
    WorkerError
        When every source fails, unless that is allowed.
    """
    units = UnitTable.observe(media)
    ledger = Ledger(layout.parts)
    if ledger.num_damaged:
        print_message(f"{layout.parts}: {ledger.num_damaged} damaged or torn lines; their files are worked on again")
    missing = units.select(ledger.find(units.names) < 0)
    failed: list[Rejection] = []
    num_clips = 0
    with track("labelling", len(units), "files") as bar:
        bar.advance(len(units) - len(missing))
        with contextlib.closing(engine.run(LabelMedia(layout.parts, config), missing)) as answers:
            for answer in answers:
                if answer.failure is not None or answer.result is None:
                    failed.append(_reject_failed(answer.unit.source, answer.failure))
                else:
                    num_clips += answer.result
                    bar.note(f"{num_clips} clips")
                bar.advance()
    if failed and len(failed) == len(units) and not all_may_fail:
        last = failed[-1]
        raise WorkerError(
            layout.folder,
            f"every file failed ({len(failed)}); {last.path}: {last.detail}",
            "at least one that yields a clip or a known reason",
            "remove the cause and run the same build again",
        )
    return units.names, failed


def _reject_failed(source: Source, failure: Failure | None) -> Rejection:
    kind, detail = ("error", "no result") if failure is None else (failure.kind, failure.message)
    return Rejection(source.path, source.start, None, _REASONS[kind], detail)
