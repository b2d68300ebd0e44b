"""What a mixture is made of, and how it sounds and looks: seconds of a dataset's clips, drawn, levelled and added up.

A clip of a few seconds has one list of labels for all of them, and a dataset of a few minutes has few clips. Its seconds and their
mixtures are many, each sounds otherwise, and an audio teacher can name each of them by itself.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.config import MixConfig
from hearsight.signal.waveform import from_int16, play, to_int16
from hearsight.units import to_samples


@dataclasses.dataclass(frozen=True)
class Ingredient:
    """An excerpt of a clip: its index, its first sample, what its amplitudes are multiplied by in dB, and how fast it is played.

    At twice the speed an excerpt takes half the time and sounds an octave higher.
    """

    clip: int
    start: int
    level: float
    speed: float = 1.0


@runtime_checkable
class Sounds(Protocol):
    """What mixtures are drawn from; :class:`~hearsight.dataset.reader.Dataset` is such."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        ...

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Give samples of a clip, fewer where it ends."""
        ...


class Mixer:
    """Draws mixtures by number: the same number gives the same mixture, whatever was drawn before it.

    Parameters
    ----------
    sounds
        The clips.
    splits
        The indices of the clips of each split; a mixture stays within one of them.
    config
        The rules.
    """

    def __init__(self, sounds: Sounds, splits: list[Int64[np.ndarray, " _"]], config: MixConfig) -> None:
        self._sounds = sounds
        self._config = config
        self._splits = [split for split in splits if len(split)]
        self._ends = [np.cumsum(sounds.num_samples[split], dtype=np.int64) for split in self._splits]
        self.num_samples = to_samples(config.length, sounds.sample_rate)

    def draw(self, number: int) -> list[Ingredient]:
        """Draw the ingredients of a mixture, one or more.

        Every second of sound is as probable as any other: a split has that share of the mixtures that it has of the time.
        """
        generator = np.random.default_rng([self._config.seed, number])
        totals = np.cumsum([ends[-1] for ends in self._ends])
        split = int(np.searchsorted(totals, generator.integers(totals[-1]), side="right"))
        count = 1
        if generator.random() < self._config.share:
            count = int(generator.integers(2, self._config.sounds + 1))
        return [self._draw_ingredient(split, generator) for _ in range(count)]

    def _draw_ingredient(self, split: int, generator: np.random.Generator) -> Ingredient:
        ends = self._ends[split]
        place = int(np.searchsorted(ends, generator.integers(ends[-1]), side="right"))
        clip = int(self._splits[split][place])
        length = int(self._sounds.num_samples[clip])
        level = generator.uniform(-self._config.level, self._config.level)
        speed = self._draw_speed(length, generator)
        last = max(0, length - self.count_samples(speed))
        return Ingredient(clip, int(generator.integers(last + 1)), float(level), speed)

    def _draw_speed(self, length: int, generator: np.random.Generator) -> float:
        """Draw a speed, slower and faster by the same factor alike; never so fast that the clip is over before the mixture is."""
        most = np.log(self._config.speed)
        fastest = float(np.clip(np.log(length / self.num_samples), -most, most))
        return float(np.exp(generator.uniform(-most, fastest)))

    def count_samples(self, speed: float) -> int:
        """Give how many samples of a clip are played at a speed."""
        return round(self.num_samples * speed)

    def read(self, ingredients: list[Ingredient]) -> Float32[np.ndarray, "ingredients samples"]:
        """Read the excerpts, each at its speed and level; where a clip is shorter, silence follows."""
        excerpts = np.zeros((len(ingredients), self.num_samples), dtype=np.float32)
        for excerpt, one in zip(excerpts, ingredients, strict=True):
            samples = from_int16(self._sounds.read(one.clip, one.start, self.count_samples(one.speed)))
            played = play(samples, one.speed)[: self.num_samples]
            excerpt[: len(played)] = played * np.float32(10.0 ** (one.level / 20.0))
        return excerpts


def mix(excerpts: Float32[np.ndarray, "ingredients samples"]) -> Int16[np.ndarray, " samples"]:
    """Add excerpts up; a sum beyond full scale is turned down as a whole, and not clipped."""
    mixture = excerpts.sum(axis=0, dtype=np.float32)
    peak = float(np.abs(mixture).max(initial=0.0))
    return to_int16(mixture / np.float32(max(1.0, peak)))


def weigh(excerpts: Float32[np.ndarray, "ingredients samples"]) -> Float32[np.ndarray, " ingredients"]:
    """Give the share of each excerpt in a mixture: of the sum of their effective values; the same for all where all are silent.

    So a picture counts as much as what is heard of it (Tokozume, Ushiku & Harada 2018, "Learning from between-class examples for
    deep sound recognition", mix labels by the ratio of the levels as well).
    """
    values = np.sqrt(np.square(excerpts, dtype=np.float64).mean(axis=1))
    if values.sum() == 0.0:
        values = np.ones(len(excerpts))
    return (values / values.sum()).astype(np.float32)
