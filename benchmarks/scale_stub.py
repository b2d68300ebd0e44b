"""What `scale_build` builds from: media without files, and teachers without models. Everything else of the build is the real code.

The source number m has 1 to 5 clips. One in 50 repeats another one's sound with a few bits changed, as a re-encoded copy does; one
in 100 is the same file under another name; one in 50 is silent. Fingerprints have the size and spread that clips of 4 s have,
while the stored sound is short and the pictures are few, so that a million clips fit on a disk and are labelled within hours.
Workers do not wait for the disk after each source unless that is asked for; that wait is the disk's, and twice per source.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from hearsight.config import BuildConfig
from hearsight.dataset import label_media
from hearsight.dataset.label_media import MediaUnit, _MediaLabeller
from hearsight.dataset.storage.packs import PackWriter
from hearsight.media.decode import DecodedClip
from hearsight.media.pictures import ImageRequest
from hearsight.records import Media, Rejection, Source, name_media
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary

SAMPLES = 1600
"""Stored samples of a clip: a tenth of a second in place of four."""
CLIP_SECONDS = 4.0
NUM_IMAGES = 2
CLIPS_PER_SOURCE = 3
"""On average."""
_FRAMES = 125
_COMMON_WORDS = 4096
_CLASSES: dict[Modality, int] = {"vision": 1000, "audio": 527}


class StubTeacher:
    """Returns probabilities whose order is random and whose classes are as unequal as those of real teachers."""

    def __init__(self, modality: Modality) -> None:
        self.modality: Modality = modality
        self.name = self.spec = f"stub-{modality}"
        self.vocabulary = Vocabulary(tuple(f"{modality} {number}" for number in range(_CLASSES[modality])))
        self.image_request = ImageRequest(2, 2) if modality == "vision" else None
        self.digest = hashlib.sha256(self.name.encode()).hexdigest()
        self._base = 1.0 / np.arange(1, _CLASSES[modality] + 1)

    def predict(self, items: np.ndarray) -> np.ndarray:
        """Return probabilities that depend on the items alone."""
        seed = int.from_bytes(hashlib.blake2b(np.ascontiguousarray(items).tobytes(), digest_size=8).digest(), "big")
        random = np.random.default_rng(seed).random((1, len(self._base)), np.float32)
        values = (self._base * random / (1.001 - random)).repeat(len(items), axis=0)
        return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def load_stub_teachers(_config: BuildConfig, **_options: object) -> list[StubTeacher]:
    """Return both teachers, in place of those that the configuration names."""
    return [StubTeacher("vision"), StubTeacher("audio")]


@dataclasses.dataclass(frozen=True)
class LabelStubs:
    """The stage of the build, with stub media."""

    folder: Path
    config: BuildConfig
    sync: bool = False

    def __call__(self) -> Callable[[MediaUnit], int]:
        """Set up a worker: what would open and decode a file is replaced."""
        if not self.sync:
            os.fsync = lambda _: None
        label_media.read_media = _read_stub
        label_media.fingerprint_sound = _fingerprint_sound
        label_media.pack_words = _pack_words
        return _StubLabeller(PackWriter(self.folder), self.config, list(load_stub_teachers(self.config))).label


class _StubLabeller(_MediaLabeller):
    def _cut(self, media: Media) -> Iterator[DecodedClip | Rejection]:
        number = int(Path(media.path).stem)
        content, _ = _describe(number)
        random = np.random.default_rng((7, content))
        count = int(random.integers(1, 2 * CLIPS_PER_SOURCE))
        silent = content % 50 == 7
        for place in range(count):
            samples = random.integers(-8000, 8000, SAMPLES, np.int16) if not silent else np.zeros(SAMPLES, np.int16)
            samples[0] = number != content
            thumbnails = random.integers(0, 255, (NUM_IMAGES, 32, 32), np.uint8)
            images = np.full((NUM_IMAGES, 2, 2, 3), random.integers(0, 255, (2, 2, 3)), np.uint8)
            yield DecodedClip(place * CLIP_SECONDS, CLIP_SECONDS, samples, thumbnails, (images,), 640, 360)


def _describe(number: int) -> tuple[int, str]:
    """Return the source whose content a source has, and how it has it: ``own``, ``copy`` or ``same``."""
    if number % 50 == 3 and number > 50:
        return number - 37, "copy"
    if number % 100 == 9 and number > 100:
        return number - 61, "same"
    return number, "own"


def _read_stub(source: Source, _local_path: object = None) -> Media:
    number = int(Path(source.path).stem)
    content, how = _describe(number)
    named = content if how == "same" else number
    uuid = name_media(hashlib.sha256(str(named).encode()).hexdigest())
    return Media(
        uuid, source.path, 1, 0.0, None, None, "stub", "pcm", 16_000, 1, "raw", 640, 360, 25.0
    )  # what a container states


def _seed(samples: np.ndarray) -> np.random.Generator:
    """Return the same random state for all copies of a sound."""
    return np.random.default_rng(samples[1:17].astype(np.int64) + 2**15)


def _fingerprint_sound(samples: np.ndarray) -> bytes:
    bits = _seed(samples).integers(0, 256, 32, np.uint8)
    bits[0] ^= 3 * (samples[0] & 1)
    return bits.tobytes()


def _pack_words(samples: np.ndarray) -> bytes:
    """Return random words, a tenth of them from a pool of common ones, as hum and speech have them."""
    random = _seed(samples)
    words = random.integers(1, 2**32, (_FRAMES, 3), np.uint32)
    common = random.random(_FRAMES) < 0.1
    pool = random.integers(0, _COMMON_WORDS, _FRAMES).astype(np.uint32) * np.uint32(2654435761) | np.uint32(1)
    words[common, 0] = pool[common]
    if samples[0] & 1:
        words[::7, :2] ^= np.uint32(1 << 9)
    return words.astype("<u4").tobytes()
