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
from hearsight.signal.chimaeras import make_chimaera, scramble_phases
from hearsight.signal.waveform import change_speed, from_int16, to_int16
from hearsight.units import to_samples


@dataclasses.dataclass(frozen=True)
class Ingredient:
    """An excerpt of a clip: its index, its first sample, what its amplitudes are multiplied by in dB, and how fast it is played.

    At twice the speed an excerpt takes half the time and sounds an octave higher. With a carrier, its envelope alone is taken.
    """

    clip: int
    start: int
    level: float
    speed: float = 1.0
    carrier: Carrier | None = None


@dataclasses.dataclass(frozen=True)
class Carrier:
    """What lends its fine structure to an ingredient, which keeps its envelope alone: a chimaera is made of the two.

    Attributes
    ----------
    clip, start, speed
        As an ingredient's.
    bands
        Frequency bands of the chimaera.
    phases
        Seed of the random phases of a steady noise of the clip's colour; None where its own fine structure is taken.
    """

    clip: int
    start: int
    speed: float
    bands: int
    phases: int | None


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
        return [self._draw_sound(split, generator) for _ in range(count)]

    def _draw_sound(self, split: int, generator: np.random.Generator) -> Ingredient:
        one = self._draw_ingredient(split, generator)
        if not self._config.chimaeras or generator.random() >= self._config.chimaeras:
            return one
        other = self._draw_ingredient(split, generator)
        bands = 2 ** int(generator.integers(self._config.bands.bit_length()))
        phases = int(generator.integers(2**32)) if generator.random() < 0.5 else None
        return dataclasses.replace(one, carrier=Carrier(other.clip, other.start, other.speed, bands, phases))

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
            sound = self._play(one.clip, one.start, one.speed)
            if one.carrier is not None:
                sound = self._carry(sound, one.carrier)
            excerpt[:] = sound * np.float32(10.0 ** (one.level / 20.0))
        return excerpts

    def _play(self, clip: int, start: int, speed: float) -> Float32[np.ndarray, " samples"]:
        samples = from_int16(self._sounds.read(clip, start, self.count_samples(speed)))
        played = change_speed(samples, speed)[: self.num_samples]
        return np.pad(played, (0, self.num_samples - len(played)))

    def _carry(self, sound: Float32[np.ndarray, " samples"], carrier: Carrier) -> Float32[np.ndarray, " samples"]:
        lent = self._play(carrier.clip, carrier.start, carrier.speed)
        if carrier.phases is not None:
            lent = scramble_phases(lent, np.random.default_rng(carrier.phases))
        return make_chimaera(sound, lent, sample_rate=self._sounds.sample_rate, bands=carrier.bands)


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
