"""Turn measured rates into time, disk and cost of a dataset of any size, with the assumptions that lie between."""

from __future__ import annotations

import dataclasses
from typing import Any

from hearsight.config import FetchConfig
from hearsight.planning.papers import PAPER_TOTALS
from hearsight.planning.probe import Rates

STAGE_COLUMNS = ("stage", "runs on", "rate (clips/s)", "time", "disk", "cost")
"""Heads of the table of stages."""
PAPER_COLUMNS = ("paper", "data", "training", "GPU hours")
"""Heads of the table of the papers' totals."""
_UNKNOWN = "not measured"
_VIDEO_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class PlanRequest:
    """What is planned.

    Attributes
    ----------
    num_clips
        Clips of the dataset.
    machines
        Machines like this one.
    gpus
        GPUs of all machines together.
    epochs
        Passes of training over the clips.
    price
        Price of a machine for an hour, in any currency; None for no costs.
    gpu_speedup
        How many times as fast as all processors of this machine a GPU runs teachers and training, where this machine has none to
        measure; None where it is unknown.
    """

    num_clips: int
    machines: int = 1
    gpus: int = 0
    epochs: int = 30
    price: float | None = None
    gpu_speedup: float | None = None


@dataclasses.dataclass(frozen=True)
class StagePlan:
    """A stage.

    Attributes
    ----------
    name, where
        What is done, and where.
    rate
        Clips per second of everything that it runs on; None where it is not known.
    seconds
        Time; None where it is not known.
    disk_bytes
        What it leaves on the disk.
    cost
        In the currency of the price; None without a price or a time.
    """

    name: str
    where: str
    rate: float | None
    seconds: float | None
    disk_bytes: float
    cost: float | None

    def row(self) -> tuple[str, ...]:
        """Return its cells, under :data:`STAGE_COLUMNS`."""
        rate = _UNKNOWN if self.rate is None else f"{self.rate:,.1f}"
        taken = _UNKNOWN if self.seconds is None else describe_time(self.seconds)
        cost = "" if self.cost is None else f"{self.cost:,.2f}"
        return (self.name, self.where, rate, taken, describe_bytes(self.disk_bytes) if self.disk_bytes else "", cost)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Stages, assumptions and what was measured."""

    request: PlanRequest
    rates: Rates
    stages: tuple[StagePlan, ...]
    assumptions: tuple[str, ...]

    @property
    def total(self) -> StagePlan:
        """All stages one after the other. Its time is unknown where that of a stage is."""
        times = [one.seconds for one in self.stages]
        costs = [one.cost for one in self.stages]
        known = [one for one in times if one is not None]
        priced = [one for one in costs if one is not None]
        seconds = sum(known) if len(known) == len(times) else None
        cost = sum(priced) if priced and len(priced) == len(costs) else None
        return StagePlan(
            "all", "", self.request.num_clips / seconds if seconds else None, seconds, self.peak_bytes, cost
        )

    @property
    def peak_bytes(self) -> float:
        """Bytes on the disk while parts are gathered into shards: both are there."""
        return sum(one.disk_bytes for one in self.stages)

    def as_json(self) -> dict[str, Any]:
        """Return the plan, what it was computed from, and the papers' totals."""
        return {
            "request": dataclasses.asdict(self.request),
            "rates": dataclasses.asdict(self.rates),
            "stages": [dataclasses.asdict(one) for one in (*self.stages, self.total)],
            "assumptions": list(self.assumptions),
            "papers": [dataclasses.asdict(one) for one in PAPER_TOTALS],
        }

    def paper_rows(self) -> list[tuple[str, ...]]:
        """Return the papers' totals, under :data:`PAPER_COLUMNS`."""
        return [(one.paper, one.data, one.training, f"{one.gpu_hours:,.0f}") for one in PAPER_TOTALS]


def make_plan(request: PlanRequest, rates: Rates) -> Plan:
    """Plan a dataset.

    Parameters
    ----------
    request
        What is planned.
    rates
        What this machine was measured to do.
    """
    clips, machines = request.num_clips, request.machines
    boost, where, missing = _find_boost(request, rates)
    audio = rates.dataset_bytes * clips
    stages = [
        _plan("cut and screen", f"{machines} x {rates.cores} processors", rates.cut * machines, clips, audio, request)
    ]
    for spec, rate in rates.teachers.items():
        stages.append(_plan(f"teacher {spec}", where, None if missing else rate * boost, clips, 0.0, request))
    stages.append(_plan("gather into shards", "1 machine", rates.gather, clips, audio, request, busy=1))
    passes = clips * request.epochs
    name = f"train {rates.model}, {request.epochs} epochs"
    stages.append(_plan(name, where, None if missing else rates.train * boost, passes, 0.0, request))
    return Plan(request, rates, tuple(stages), tuple(_list_assumptions(request, rates, missing=missing)))


def _find_boost(request: PlanRequest, rates: Rates) -> tuple[float, str, bool]:
    """Return by what the rates of networks are multiplied, where they run, and whether that is unknown."""
    if not request.gpus:
        return float(request.machines), f"{request.machines} x {rates.cores} processors", False
    where = f"{request.gpus} GPU{'' if request.gpus == 1 else 's'}"
    if rates.device != "cpu":
        return float(request.gpus), where, False
    return request.gpus * (request.gpu_speedup or 0.0), where, request.gpu_speedup is None


def _plan(
    name: str,
    where: str,
    rate: float | None,
    passes: int,
    disk_bytes: float,
    request: PlanRequest,
    *,
    busy: int | None = None,
) -> StagePlan:
    seconds = passes / rate if rate else None
    cost = None
    if request.price is not None and seconds is not None:
        cost = seconds / 3600.0 * (busy or request.machines) * request.price
    return StagePlan(name, where, rate, seconds, disk_bytes, cost)


def _list_assumptions(request: PlanRequest, rates: Rates, *, missing: bool) -> list[str]:
    hours = request.num_clips * rates.clip_seconds / 3600.0
    media = rates.media_bytes * request.num_clips
    videos = request.num_clips * rates.clip_seconds / _VIDEO_SECONDS
    per_hour = FetchConfig().per_hour
    days = videos / (per_hour * request.machines) / 24.0
    lines = [
        f"measured on {rates.sample}, with {rates.cores} processors; all machines are like this one, and share the work evenly",
        f"clips of {rates.clip_seconds:g} s, {hours:,.0f} hours in all; their media take {describe_bytes(media)}",
        "stages follow each other; a build in fact cuts and labels at the same time, and training begins when it is finished",
        "parts and shards are on the disk together while shards are written; afterwards the parts are removed",
        f"downloading is not included: {videos:,.0f} videos of {_VIDEO_SECONDS:g} s take {days:,.1f} days at {per_hour:g} an hour "
        "and machine",
    ]
    if missing:
        lines.append(
            "this machine has no GPU to measure; --gpu-speedup N says how many times as fast as its processors one is"
        )
    elif request.gpus and rates.device == "cpu":
        lines.append(
            f"a GPU is {request.gpu_speedup:g} times as fast as the processors of this machine, as given and not measured"
        )
    if request.price is not None:
        lines.append("cost is the price of the machines that a stage runs on, for its time")
    return lines


def describe_time(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, length in (("years", 365.25 * 86_400.0), ("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def describe_bytes(size: float) -> str:
    """Return a size in the unit that suits it."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:,.1f} {unit}"
    return f"{size / 1e3:,.1f} kB"
