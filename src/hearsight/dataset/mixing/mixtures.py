"""Drawing mixtures by number and computing their waveforms: excerpts of a dataset's clips, levelled and summed.

A clip of several seconds has one list of labels for all of them, and a dataset of a few minutes has few clips. Excerpts of a second
and their mixtures are many and varied, and an audio teacher labels each of them separately.
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
class MixtureComponent:
    """One sound of a mixture: an excerpt of a clip.

    Attributes
    ----------
    clip
        Index of the clip.
    start
        First sample of the excerpt within the clip.
    level
        Gain in dB.
    speed
        Playback speed. At 2 the excerpt takes half the time and is an octave higher.
    carrier
        Where it is not None, only the envelope of the excerpt is used, on the fine structure of this carrier.
    """

    clip: int
    start: int
    level: float
    speed: float = 1.0
    carrier: Carrier | None = None


@dataclasses.dataclass(frozen=True)
class Carrier:
    """The excerpt whose fine structure an auditory chimaera takes; the envelope is the component's own.

    Attributes
    ----------
    clip, start, speed
        As in :class:`MixtureComponent`.
    bands
        Number of frequency bands of the chimaera.
    phases
        Seed of the random phases that turn the excerpt into steady noise of the same spectrum; None to use its own fine structure.
    """

    clip: int
    start: int
    speed: float
    bands: int
    phases: int | None


MixtureSpec = list[MixtureComponent]
"""What one mixture consists of: one component or more."""


@runtime_checkable
class Sounds(Protocol):
    """The clips that mixtures are drawn from, as :class:`~hearsight.dataset.reader.Dataset` provides them."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        ...

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip, fewer where the clip ends."""
        ...


class Mixer:
    """Draws mixtures by number: the same number yields the same mixture, whatever was drawn before it.

    Parameters
    ----------
    sounds
        The clips.
    splits
        Indices of the clips of each split. All components of a mixture come from one split.
    config
        How mixtures are drawn.
    """

    def __init__(self, sounds: Sounds, splits: list[Int64[np.ndarray, " _"]], config: MixConfig) -> None:
        self._sounds = sounds
        self._config = config
        self._splits = [split for split in splits if len(split)]
        self._ends = [np.cumsum(sounds.num_samples[split], dtype=np.int64) for split in self._splits]
        self.num_samples = to_samples(config.length, sounds.sample_rate)

    def draw(self, number: int) -> MixtureSpec:
        """Draw the components of a mixture.

        Every second of sound is equally probable, so that a split has the same share of the mixtures as of the duration.
        """
        generator = np.random.default_rng([self._config.seed, number])
        totals = np.cumsum([ends[-1] for ends in self._ends])
        split = int(np.searchsorted(totals, generator.integers(totals[-1]), side="right"))
        count = 1
        if generator.random() < self._config.share:
            count = int(generator.integers(2, self._config.sounds + 1))
        return [self._draw_sound(split, generator) for _ in range(count)]

    def _draw_sound(self, split: int, generator: np.random.Generator) -> MixtureComponent:
        one = self._draw_component(split, generator)
        if not self._config.chimaeras or generator.random() >= self._config.chimaeras:
            return one
        other = self._draw_component(split, generator)
        bands = 2 ** int(generator.integers(self._config.bands.bit_length()))
        phases = int(generator.integers(2**32)) if generator.random() < 0.5 else None
        return dataclasses.replace(one, carrier=Carrier(other.clip, other.start, other.speed, bands, phases))

    def _draw_component(self, split: int, generator: np.random.Generator) -> MixtureComponent:
        ends = self._ends[split]
        place = int(np.searchsorted(ends, generator.integers(ends[-1]), side="right"))
        clip = int(self._splits[split][place])
        length = int(self._sounds.num_samples[clip])
        level = generator.uniform(-self._config.level, self._config.level)
        speed = self._draw_speed(length, generator)
        last = max(0, length - self.count_samples(speed))
        return MixtureComponent(clip, int(generator.integers(last + 1)), float(level), speed)

    def _draw_speed(self, length: int, generator: np.random.Generator) -> float:
        """Draw a speed, log-uniform around 1, and never so fast that the clip ends before the mixture does."""
        most = np.log(self._config.speed)
        fastest = float(np.clip(np.log(length / self.num_samples), -most, most))
        return float(np.exp(generator.uniform(-most, fastest)))

    def count_samples(self, speed: float) -> int:
        """Return how many samples of a clip a mixture takes at a speed."""
        return round(self.num_samples * speed)

    def read(self, spec: MixtureSpec) -> Float32[np.ndarray, "components samples"]:
        """Read the excerpts of a mixture, each at its speed and level, padded with silence where a clip is shorter."""
        excerpts = np.zeros((len(spec), self.num_samples), dtype=np.float32)
        for excerpt, one in zip(excerpts, spec, strict=True):
            sound = self._read_excerpt(one.clip, one.start, one.speed)
            if one.carrier is not None:
                sound = self._apply_carrier(sound, one.carrier)
            excerpt[:] = sound * np.float32(10.0 ** (one.level / 20.0))
        return excerpts

    def _read_excerpt(self, clip: int, start: int, speed: float) -> Float32[np.ndarray, " samples"]:
        samples = from_int16(self._sounds.read(clip, start, self.count_samples(speed)))
        played = change_speed(samples, speed)[: self.num_samples]
        return np.pad(played, (0, self.num_samples - len(played)))

    def _apply_carrier(
        self, sound: Float32[np.ndarray, " samples"], carrier: Carrier
    ) -> Float32[np.ndarray, " samples"]:
        lent = self._read_excerpt(carrier.clip, carrier.start, carrier.speed)
        if carrier.phases is not None:
            lent = scramble_phases(lent, np.random.default_rng(carrier.phases))
        return make_chimaera(sound, lent, sample_rate=self._sounds.sample_rate, bands=carrier.bands)


def mix(excerpts: Float32[np.ndarray, "components samples"]) -> Int16[np.ndarray, " samples"]:
    """Sum the excerpts. A sum beyond full scale is attenuated as a whole, not clipped."""
    mixture = excerpts.sum(axis=0, dtype=np.float32)
    peak = float(np.abs(mixture).max(initial=0.0))
    return to_int16(mixture / np.float32(max(1.0, peak)))


def compute_weights(excerpts: Float32[np.ndarray, "components samples"]) -> Float32[np.ndarray, " components"]:
    """Return the weight of each excerpt in a mixture: its RMS amplitude divided by the sum of all. Equal where all are silent.

    The visual labels of a mixture are averaged with these weights. Tokozume, Ushiku & Harada (2018), "Learning from between-class
    examples for deep sound recognition", mix labels by the ratio of the levels as well.
    """
    values = np.sqrt(np.square(excerpts, dtype=np.float64).mean(axis=1))
    if values.sum() == 0.0:
        values = np.ones(len(excerpts))
    return (values / values.sum()).astype(np.float32)
