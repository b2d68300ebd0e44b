"""What an 8-bit network is calibrated on, and how far it then agrees with the network it was made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError
from hearsight.models.graphs.traceable import TraceableNetwork
from hearsight.models.network import Network
from hearsight.runtime import Session
from hearsight.signal.waveform import from_int16, resample

NUM_EXAMPLES = 128
"""Segments for calibration, and as many again, of other clips, for the agreement."""
LEAST_EXAMPLES = 8


@dataclasses.dataclass(frozen=True)
class Examples:
    """Segments of sound, each of another clip; the held-out ones are used in neither training nor calibration."""

    calibration: Float32[np.ndarray, "segments samples"]
    held_out: Float32[np.ndarray, "held_out samples"]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How an 8-bit network compares with the network it was made of, on sounds that it was not calibrated on.

    Attributes
    ----------
    num_segments, num_calibration
        Segments compared, and segments calibrated on.
    same_first
        Share of segments of which both name the same class first.
    mean_difference, largest_difference
        Of the probabilities.
    mean_cosine
        Of the embeddings.
    """

    num_segments: int
    num_calibration: int
    same_first: float
    mean_difference: float
    largest_difference: float
    mean_cosine: float

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        return [
            f"8 bits against the network, {self.num_segments} segments that it was not calibrated on "
            f"({self.num_calibration} others): same first class {100 * self.same_first:.1f} %",
            f"probabilities differ by {self.mean_difference:.4f} on average, {self.largest_difference:.3f} at most; cosine of the "
            f"embeddings {self.mean_cosine:.4f}",
        ]


def draw_examples(dataset: str | Path, network: Network, seed: int) -> Examples:
    """Draw a segment each of some of a dataset's clips, at the network's sample rate.

    Raises
    ------
    DatasetError
        When it is no dataset, or has too few clips to calibrate on some and to compare on others.
    """
    data = Dataset(dataset)
    if len(data) < 2 * LEAST_EXAMPLES:
        hint = "calibrate on a larger dataset"
        raise DatasetError(data.path, f"{len(data)} clips", f"at least {2 * LEAST_EXAMPLES} to calibrate on", hint)
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(len(data))[: 2 * NUM_EXAMPLES]
    patch = network.front_end.definition.patch_samples
    segments = np.stack([_cut_segment(data, int(index), network.sample_rate, patch, generator) for index in chosen])
    half = len(segments) // 2
    return Examples(segments[:half], segments[half:])


def _cut_segment(
    data: Dataset, index: int, sample_rate: int, num_samples: int, generator: np.random.Generator
) -> Float32[np.ndarray, " samples"]:
    """Cut a segment out of a clip, anywhere; a clip that is shorter is repeated."""
    waveform = resample(from_int16(data.read(index)), data.sample_rate, sample_rate)
    if len(waveform) < num_samples:
        waveform = np.resize(waveform, num_samples)
    start = int(generator.integers(0, len(waveform) - num_samples + 1))
    return waveform[start : start + num_samples].astype(np.float32)


def measure_agreement(graph: TraceableNetwork, session: Session, examples: Examples) -> Agreement:
    """Compare an 8-bit graph with the network on the segments that are held out."""
    waveforms = examples.held_out
    found: list[list[np.ndarray]] = []
    wanted: list[list[np.ndarray]] = []
    for row in waveforms:
        found.append(session.run({session.inputs[0].name: row[None]}))
        with torch.inference_mode():
            wanted.append([output.numpy() for output in graph(torch.from_numpy(row[None]))])
    ours, theirs = (np.concatenate([one[0] for one in outputs]) for outputs in (found, wanted))
    embeddings = [np.concatenate([one[2].mean(axis=1) for one in outputs]) for outputs in (found, wanted)]
    norms = np.prod([np.linalg.norm(each, axis=1) for each in embeddings], axis=0)
    cosines = (embeddings[0] * embeddings[1]).sum(axis=1) / np.maximum(norms, 1e-12)
    differences = np.abs(ours - theirs)
    return Agreement(
        num_segments=len(waveforms),
        num_calibration=len(examples.calibration),
        same_first=float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        mean_difference=float(differences.mean()),
        largest_difference=float(differences.max()),
        mean_cosine=float(cosines.mean()),
    )
