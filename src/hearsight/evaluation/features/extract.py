"""The embeddings of a whole benchmark: computed once, kept on disk, and pooled to one row of numbers per clip."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from hearsight.console import print_message, track
from hearsight.errors import BenchmarkError, MediaError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, digest_files, list_some
from hearsight.evaluation.features.cache import read_arrays, write_arrays
from hearsight.evaluation.features.extractor import FeatureExtractor
from hearsight.evaluation.features.vision import MediaExtractor
from hearsight.files import find_cache
from hearsight.finite import describe_not_finite
from hearsight.media.audio import read_audio
from hearsight.records import RejectReason
from hearsight.units import to_samples
from hearsight.version import VERSION

Pool = Literal["mean", "max", "mean+max", "mean+deviation", "concat"]
"""How the rows of a clip's segments become one."""
WINDOWS = "windows"
"""In place of a pool: they do not."""


@dataclasses.dataclass(frozen=True)
class BenchmarkFeatures:
    """The rows of all clips, one clip after the other.

    Attributes
    ----------
    values
        A row per segment.
    shares
        How much each segment counts in a mean over time.
    counts
        Segments of each clip; 0 where the clip cannot be read.
    failures
        Why not, for each clip that cannot be read: its index and the message.
    """

    values: Float32[np.ndarray, "segments dim"]
    shares: Float64[np.ndarray, " segments"]
    counts: Int64[np.ndarray, " clips"]
    failures: dict[int, str]


def extract_features(
    extractor: FeatureExtractor | MediaExtractor, benchmark: Benchmark, *, cache: bool = True
) -> BenchmarkFeatures:
    """Describe every clip of a benchmark, or read what was found last time.

    Parameters
    ----------
    extractor
        What describes them.
    benchmark
        Its clips; each is cut or filled up with silence at its end to ``benchmark.clip_seconds`` where that is given.
    cache
        Whether to read from, and write to, the folder ``$HEARSIGHT_CACHE`` (``~/.cache/hearsight`` by default). An entry belongs to
        the contents of the clips and of the network, so that it is never stale; one that cannot be read is made again.

    Raises
    ------
    BenchmarkError
        When a file of the benchmark cannot be opened.
    """
    if not cache:
        return _extract_clips(extractor, benchmark)
    path = _name_entry(extractor, benchmark)
    found = _read_entry(path, len(benchmark))
    if found is None:
        found = _extract_clips(extractor, benchmark)
        if not found.failures:  # what cannot be read today may be readable after an upgrade
            write_arrays(path, values=found.values, shares=found.shares, counts=found.counts)
    return found


def _extract_clips(extractor: FeatureExtractor | MediaExtractor, benchmark: Benchmark) -> BenchmarkFeatures:
    rows: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    counts = np.zeros(len(benchmark), dtype=np.int64)
    failures: dict[int, str] = {}
    with track(f"embedding {benchmark.name}", len(benchmark), "clips") as bar:
        for index, clip in enumerate(benchmark.clips):
            try:
                if isinstance(extractor, MediaExtractor):
                    values, weights = extractor.extract_media(benchmark.locate(clip))
                else:
                    values, weights = extractor.extract(read_clip(benchmark, clip, extractor.sample_rate))
            except MediaError as error:
                failures[index] = f"{clip.path}: {error.found}"
            else:
                rows.append(values)
                shares.append(weights)
                counts[index] = len(values)
            bar.advance()
    if not rows:
        raise BenchmarkError(
            benchmark.folder, f"none of its clips can be read: {list_some(list(failures.values()), 3)}"
        )
    return BenchmarkFeatures(np.concatenate(rows), np.concatenate(shares), counts, failures)


def read_clip(benchmark: Benchmark, clip: BenchmarkClip, sample_rate: int) -> Float32[np.ndarray, " samples"]:
    """Read the sound of a clip, cut or filled up with silence at its end to the length that the benchmark asks for.

    Raises
    ------
    MediaError
        When it cannot be read, has no sound, or samples that are not finite.
    """
    waveform = read_audio(benchmark.locate(clip), sample_rate)
    if not len(waveform):
        raise MediaError(clip.path, f"{len(waveform)} samples of sound", reason=RejectReason.TOO_SHORT)
    if not np.isfinite(waveform).all():
        found = f"samples that are not finite: {describe_not_finite(waveform)}"
        raise MediaError(clip.path, found, reason=RejectReason.BROKEN_STREAM)
    if benchmark.clip_seconds is None:
        return waveform
    length = to_samples(benchmark.clip_seconds, sample_rate)
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def pool_segments(found: BenchmarkFeatures, pool: Pool) -> Float32[np.ndarray, "clips pooled"]:
    """Make one row per readable clip of its segments' rows.

    ``mean`` and ``deviation`` are over time, ``max`` is over segments; ``concat`` sets the rows side by side (Jia 2019, section 4:
    five embeddings of 128 become 640 numbers), which needs clips of one length.

    Raises
    ------
    BenchmarkError
        When clips to concatenate have unequal numbers of segments.
    """
    counts = found.counts[found.counts > 0]
    if pool == "concat":
        if len(np.unique(counts)) > 1:
            raise BenchmarkError(
                "pool concat",
                f"clips of {counts.min()} to {counts.max()} segments",
                "clips of one length",
                "set a length that clips are cut or filled up to: clip_seconds",
            )
        return found.values.reshape(len(counts), -1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    most = np.maximum.reduceat(found.values, starts, axis=0)
    if pool == "max":
        return most
    weights = found.shares[:, None] / np.repeat(np.add.reduceat(found.shares, starts), counts)[:, None]
    mean = np.add.reduceat(weights * found.values, starts, axis=0)
    if pool == "mean":
        return mean.astype(np.float32)
    if pool == "mean+max":
        return np.hstack([mean.astype(np.float32), most])
    apart = np.square(found.values - np.repeat(mean, counts, axis=0))
    deviation = np.sqrt(np.add.reduceat(weights * apart, starts, axis=0))
    return np.hstack([mean, deviation]).astype(np.float32)


def _name_entry(extractor: FeatureExtractor | MediaExtractor, benchmark: Benchmark) -> Path:
    digest = hashlib.sha256(f"{VERSION} {extractor.compute_digest()} {benchmark.clip_seconds}".encode())
    for content in digest_files([benchmark.locate(clip) for clip in benchmark.clips]):
        digest.update(content.encode())
    return find_cache("embeddings") / f"{digest.hexdigest()[:32]}.npz"


def _read_entry(path: Path, num_clips: int) -> BenchmarkFeatures | None:
    found = read_arrays(path, ("values", "shares", "counts"))
    if found is None:
        return None
    values, shares, counts = found
    if counts.shape != (num_clips,) or not len(values) == len(shares) == counts.sum():
        print_message(f"{path}: not whole; computed again")
        return None
    return BenchmarkFeatures(values, shares, counts, {})
