"""How a sound is divided into segments: the one rule that networks, listening, evaluation and exported graphs follow.

A network sees one segment at a time. Segments start at multiples of a hop, from the first sample on. What the rule does with the
end of a sound is its ``tail``:

``overlap``
    The rule of all networks. Where the last whole segment does not end with the sound, one more does: it overlaps the one before
    it by more than the others do. Every sample is used, and no silence is added. In a mean over time the last
    segment counts for what it adds, a share of a hop.
``drop``
    The framing of the VGGish release: whole segments only. What is left at the end is dropped.

Under both, a sound that is shorter than a segment is padded with silence; or repeated, where the network wants that; or taken at
its own length, where the network accepts it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, cast

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from hearsight.errors import UsageError

Tail = Literal["overlap", "drop"]
if TYPE_CHECKING:
    Length = int
else:
    # a number of samples, or the symbol that stands for it while a graph is traced
    Length = int | torch.SymInt


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """A rule for dividing sounds into segments.

    Parameters
    ----------
    segment_samples
        Samples of a segment.
    hop_samples
        Samples from the start of one segment to the start of the next.
    shortest_samples
        A sound shorter than a segment is padded or repeated to this many samples; to a whole segment where it is None.
    repeat_short
        Whether a sound that is too short is repeated, instead of being padded with silence.
    tail
        What becomes of the end of a sound; see the module.

    Raises
    ------
    UsageError
        When a length is not positive, or a hop is longer than a segment, so that samples would be skipped.
    """

    segment_samples: int
    hop_samples: int
    shortest_samples: int | None = None
    repeat_short: bool = False
    tail: Tail = "overlap"

    def __post_init__(self) -> None:
        if not 1 <= self.hop_samples <= self.segment_samples:
            found = f"segments of {self.segment_samples} samples every {self.hop_samples}"
            raise UsageError("segmentation", found, "a hop from 1 to the length of a segment")
        if self.shortest_samples is not None and not 1 <= self.shortest_samples <= self.segment_samples:
            raise UsageError(
                "segmentation", f"shortest_samples {self.shortest_samples}", f"1 to {self.segment_samples}"
            )

    def count(self, num_samples: Length) -> Length:
        """Return the number of segments of a sound: at least one."""
        beyond = _larger(num_samples - self.segment_samples, 0)
        if self.tail == "overlap":
            beyond = beyond + self.hop_samples - 1
        return 1 + beyond // self.hop_samples

    def measure(self, num_samples: Length) -> Length:
        """Return the samples of each segment of a sound: less than ``segment_samples`` only where a sound keeps its own length."""
        if self.shortest_samples is None or self.shortest_samples == self.segment_samples:
            return self.segment_samples
        return _smaller(_larger(num_samples, self.shortest_samples), self.segment_samples)

    def place(self, num_samples: Length) -> tuple[Int64[Tensor, " segments"], Float64[Tensor, " segments"]]:
        """Place the segments of a sound.

        Returns
        -------
        Int64[Tensor, " segments"], Float64[Tensor, " segments"]
            The first sample of each, and its weight in a mean over time: 1 for a whole hop, less for a last one that overlaps.
        """
        nominal = self.hop_samples * torch.arange(self.count(num_samples))
        length = self.measure(num_samples)
        starts = nominal.clamp(max=_larger(num_samples - length, 0))
        return starts, 1.0 - (nominal - starts).double() / self.hop_samples

    def fill(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch at_least_a_segment"]:
        """Pad or repeat sounds that are too short for a segment; return others unchanged."""
        num_samples = waveform.shape[1]
        missing = self.measure(num_samples) - num_samples
        if missing <= 0:
            return waveform
        if not self.repeat_short:
            return nn.functional.pad(waveform, (0, missing))
        return waveform.repeat(1, 1 + -(-missing // num_samples))[:, : num_samples + missing]

    def split(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch segments segment_samples"]:
        """Split sounds of one length into their segments."""
        length = self.measure(waveform.shape[1])
        starts, _ = self.place(waveform.shape[1])
        whole = self.fill(waveform)
        return torch.stack([whole[:, start : start + length] for start in starts.tolist()], dim=1)


def _larger(one: Length, other: Length) -> Length:
    return cast(
        Length, torch.sym_max(one, other)
    )  # Python's would fix the number that stands for a length in a traced graph


def _smaller(one: Length, other: Length) -> Length:
    return cast(Length, torch.sym_min(one, other))
