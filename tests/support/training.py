"""A small dataset in memory and short runs for tests of training."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from hearsight.config import TrainConfig

RATE = 16_000


@dataclasses.dataclass(frozen=True)
class FakeLabels:
    visual: np.ndarray
    audio: np.ndarray


class FakeDataset:
    """A dataset in memory whose clips can be told apart by ear: classes are tones; with the interface of the reader.

    Class ``k`` of the audio half is a tone; its visual twin and some more visual classes always come with it.
    """

    def __init__(
        self,
        num_train: int = 40,
        num_validation: int = 10,
        *,
        num_tones: int = 4,
        num_visual: int = 6,
        seconds: float = 2.5,
        seed: int = 0,
    ) -> None:
        generator = np.random.default_rng(seed)
        self.names = (*(f"seen {k}" for k in range(num_tones + num_visual)), *(f"heard {k}" for k in range(num_tones)))
        self.sample_rate = RATE
        self.digest = f"fake-{num_train}-{num_validation}-{seed}"
        self._num_train = num_train
        total = num_train + num_validation
        self.tones = np.arange(total) % num_tones
        self._sounds = [self._make_sound(int(tone), seconds, generator) for tone in self.tones]
        self._labels = [
            FakeLabels(
                np.concatenate(
                    [[tone], num_tones + generator.permutation(num_visual)[:3]], dtype=np.int32, casting="unsafe"
                ),
                np.array([num_tones + num_visual + tone], dtype=np.int32),
            )
            for tone in self.tones
        ]

    @staticmethod
    def _make_sound(tone: int, seconds: float, generator: np.random.Generator) -> np.ndarray:
        time = np.arange(int(seconds * RATE)) / RATE
        sound = np.sin(2 * np.pi * 300 * 2**tone * time + generator.uniform(0, 6)) * generator.uniform(0.1, 0.5)
        return ((sound + 0.02 * generator.standard_normal(len(time))) * 32767).clip(-32768, 32767).astype(np.int16)

    @property
    def num_samples(self) -> np.ndarray:
        return np.array([len(sound) for sound in self._sounds], dtype=np.int32)

    def indices(self, split: Literal["train", "validation"]) -> np.ndarray:
        every = np.arange(len(self._sounds), dtype=np.int64)
        return every[: self._num_train] if split == "train" else every[self._num_train :]

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> np.ndarray:
        return self._sounds[index][start:][:num_samples]

    def labels(self, index: int) -> FakeLabels:
        return self._labels[index]

    def set_sound(self, index: int, sound: np.ndarray) -> None:
        self._sounds[index] = sound

    def set_labels(self, index: int, visual: list[int], audio: list[int]) -> None:
        self._labels[index] = FakeLabels(np.array(visual, dtype=np.int32), np.array(audio, dtype=np.int32))


def make_config(**values: Any) -> TrainConfig:
    """A run that takes a second or two."""
    defaults: dict[str, Any] = {
        "model": "jia-vggish-fcn",
        "options": {"width": 0.03},
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 1e-3,
        "log_every": 2,
        "threads": 1,
        "device": "cpu",
    }
    return TrainConfig(**{**defaults, **values})


class SoftDataset(FakeDataset):
    """Two vision teachers: one of the four tones, one of six classes that are unrelated to the sound."""

    visual_heads = (np.arange(4, dtype=np.int32), np.arange(4, 10, dtype=np.int32))

    def distribution(self, index: int) -> np.ndarray:
        target = np.zeros(len(self.names), dtype=np.float32)
        target[:4] = 0.1
        target[self.tones[index]] = 0.7
        target[4:10] = np.random.default_rng(index).dirichlet(np.ones(6))
        return target

    def probabilities(self, index: int) -> np.ndarray:
        return np.random.default_rng([index, 1]).uniform(size=len(self.names)).astype(np.float32)
