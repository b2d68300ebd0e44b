"""What a dataset that was trained on shares with a benchmark: clips of the benchmark whose sound is also in it.

A model that was trained on the clips it is scored on may have memorised them. Each clip of the benchmark is searched for in the
sound of the dataset, at any moment of any clip, by :mod:`hearsight.clips.audio_fingerprints`: another cut, encoding, level or
sample rate does not hide it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.clips.audio_fingerprints import FingerprintIndex, Subfingerprints, compute_subfingerprints
from hearsight.console import track
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError, MediaError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, list_some
from hearsight.media.audio import read_audio
from hearsight.signal.waveform import from_int16, resample_int16
from hearsight.units import SAMPLE_RATE


@dataclasses.dataclass(frozen=True)
class SharedClip:
    """A clip of the benchmark that the dataset holds, too.

    Attributes
    ----------
    path
        The clip of the benchmark.
    source, start
        The media of the dataset, and the second of it where the clip begins; negative where the media begins later.
    overlap
        Seconds that are the same.
    difference
        Share of fingerprint bits that differ: 0 for the same samples, about a half for unrelated sounds.
    """

    path: str
    source: str
    start: float
    overlap: float
    difference: float


@dataclasses.dataclass(frozen=True)
class Contamination:
    """What was found.

    Attributes
    ----------
    dataset
        The dataset's folder.
    num_dataset_clips, num_clips
        Clips of the dataset, and of the benchmark, that were compared.
    matches
        The clips of the benchmark that are in the dataset.
    """

    dataset: str
    num_dataset_clips: int
    num_clips: int
    matches: tuple[SharedClip, ...]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "dataset": self.dataset,
            "num_dataset_clips": self.num_dataset_clips,
            "num_clips": self.num_clips,
            "num_contaminated": len(self.matches),
            "clips": [dataclasses.asdict(match) for match in self.matches],
        }

    def describe(self) -> list[str]:
        """Return lines to print."""
        head = f"against {self.dataset} ({self.num_dataset_clips} clips): {len(self.matches)} of {self.num_clips} clips are in it"
        shown = [f"{match.path} in {match.source} at {match.start:.1f} s" for match in self.matches]
        return [f"{head}: {list_some(shown, 10)}" if shown else head]


def _fingerprint(dataset: Dataset, index: int) -> Subfingerprints:
    samples = resample_int16(dataset.read(index), dataset.sample_rate, SAMPLE_RATE)
    return compute_subfingerprints(from_int16(samples))


def find_contamination(dataset: str | Path, benchmark: Benchmark) -> Contamination:
    """Look for every clip of a benchmark in the sound of a dataset.

    Parameters
    ----------
    dataset
        A folder that ``hearsight build`` wrote.
    benchmark
        Its clips; those that cannot be read are passed over, and reported by the evaluation itself.

    Raises
    ------
    DatasetError
        When the folder is no dataset, or one of mixtures: a sound is not recognised beneath another.
    """
    known = Dataset(dataset)
    if known.is_mixed:
        raise DatasetError(
            dataset,
            f"a dataset of mixtures ({len(known):,} clips)",
            "a dataset of clips",
            "give the one that it was mixed from",
        )
    with track("fingerprinting the dataset", len(known), "clips") as bar:
        sounds = []
        for index in range(len(known)):
            sounds.append(_fingerprint(known, index))
            bar.advance()
    searched = FingerprintIndex(sounds)
    table = known.clips().select(["source", "start"]).to_pydict()
    matches: list[SharedClip] = []
    with track(f"looking for {benchmark.name} in it", len(benchmark), "clips") as bar:
        for clip in benchmark.clips:
            try:
                found = searched.find(read_audio(benchmark.locate(clip), SAMPLE_RATE))
            except MediaError:
                found = None
            if found is not None:
                source, start = table["source"][found.index], table["start"][found.index] + found.offset
                matches.append(SharedClip(clip.path, source, start, found.overlap, found.difference))
            bar.advance()
    return Contamination(str(dataset), len(known), len(benchmark), tuple(matches))
