"""What the papers state of the size of their work, as published."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class PaperTotal:
    """The totals of a paper.

    Attributes
    ----------
    paper, source
        The paper, and the place in it.
    data
        Its dataset.
    training
        What training took.
    gpu_hours
        Hours of all processors together.
    """

    paper: str
    source: str
    data: str
    training: str
    gpu_hours: float


PAPER_TOTALS = (
    PaperTotal(
        "Jia 2019",
        "sections 2 and 3",
        "15 million clips, 16,320 hours",
        "about 30 epochs in 14 days on 4 Nvidia K40",
        14 * 24.0 * 4,
    ),
    PaperTotal(
        "Aytar 2016 (SoundNet)",
        "sections 2 and 3.4",
        "over 2 million videos, over a year of sound",
        "100,000 iterations in about 1 day on 1 GPU",
        24.0,
    ),
    PaperTotal(
        "Hershey 2017",
        "sections 2 and 4.1",
        "70 million videos, 5.24 million hours",
        "17 million steps of 128 in 405 hours on 20 GPUs (ResNet-50)",
        405.0 * 20,
    ),
)
"""None of the papers states how long its videos took to collect, cut and label."""
