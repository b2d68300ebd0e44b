"""What a published model wants for input, made of what a dataset has: pictures normalised, segments cut, padded and resampled."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Integer, Shaped, UInt8

from hearsight.errors import TeacherError
from hearsight.media.pictures import ImageRequest
from hearsight.signal.front_ends import FrontEnd
from hearsight.signal.log_mel import compute_log_mel
from hearsight.signal.waveform import resample
from hearsight.units import SAMPLE_RATE


@runtime_checkable
class ModelInput(Protocol):
    """Makes what a model is fed with of one picture or one segment."""

    @property
    def image_request(self) -> ImageRequest | None:
        """The pictures that are to be given to :meth:`encode`; None where it takes one-second segments at 16 kHz."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what :meth:`encode` gives, as JSON values."""
        ...

    def encode(self, item: Shaped[np.ndarray, "*item"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Give the model's inputs for one item, without a batch axis; outputs of several are averaged."""
        ...


@dataclasses.dataclass(frozen=True)
class ImageInput:
    """A picture of a fixed size: eight-bit pixels as they are, or ``(pixel × scale − mean) / std``.

    Attributes
    ----------
    height, width, fit
        What the pictures are to be; see :class:`~hearsight.media.pictures.ImageRequest`.
    channels_first
        Whether the model wants ``[3, height, width]``.
    dtype
        ``uint8`` (0 to 255), ``int8`` (the same less 128), or a float type, which is normalised.
    mean, std
        One number, or one each for red, green and blue.
    scale
        Factor on the pixels' 0 to 255 before the mean is subtracted.
    """

    height: int
    width: int
    fit: Literal["crop", "stretch"] = "crop"
    channels_first: bool = False
    dtype: str = "float32"
    mean: tuple[float, ...] = (127.5,)
    std: tuple[float, ...] = (127.5,)
    scale: float = 1.0

    @property
    def image_request(self) -> ImageRequest | None:
        """Pictures of just this size."""
        return ImageRequest(self.height, self.width, self.fit)

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return dataclasses.asdict(self)

    def encode(self, item: UInt8[np.ndarray, "height width 3"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Give the picture as the model wants it."""
        if self.dtype == "uint8":
            values = item
        elif self.dtype == "int8":
            values = (item.astype(np.int16) - 128).astype(np.int8)
        else:
            scaled = item.astype(np.float32) * np.float32(self.scale)
            values = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
            values = values.astype(self.dtype)
        return [np.ascontiguousarray(values.transpose(2, 0, 1)) if self.channels_first else values]


@dataclasses.dataclass(frozen=True)
class WaveformInput:
    """A waveform: the segment's first ``num_samples`` at ``sample_rate`` Hz, silence after its end."""

    num_samples: int
    sample_rate: int = SAMPLE_RATE

    @property
    def image_request(self) -> ImageRequest | None:
        """None: it hears."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return dataclasses.asdict(self)

    def encode(self, item: Float32[np.ndarray, " samples"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Give the segment as long as the model wants it."""
        return [fit_segment(item, self.num_samples, self.sample_rate)]


@dataclasses.dataclass(frozen=True)
class LogMelInput:
    """Log-mel patches of ``num_frames`` frames, as many as the segment has whole; one at least, with silence after the segment.

    ``mels_first`` says that a patch is ``[mels, frames]``.
    """

    front_end: FrontEnd
    num_frames: int
    mels_first: bool = False

    @property
    def image_request(self) -> ImageRequest | None:
        """None: it hears."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields, the front end's among them."""
        return dataclasses.asdict(self)

    def encode(self, item: Float32[np.ndarray, " samples"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Give the segment's patches, in order of time."""
        front_end = self.front_end
        least = (self.num_frames - 1) * front_end.hop_length + front_end.win_length - front_end.pad_samples
        waveform = fit_segment(item, max(least, front_end.sample_rate), front_end.sample_rate)
        log_mel = compute_log_mel(waveform, front_end)
        starts = range(0, len(log_mel) - self.num_frames + 1, self.num_frames)
        patches = [log_mel[start : start + self.num_frames] for start in starts]
        return [np.ascontiguousarray(patch.T) if self.mels_first else patch for patch in patches]


def fit_segment(
    segment: Float32[np.ndarray, " samples"], num_samples: int, sample_rate: int = SAMPLE_RATE
) -> Float32[np.ndarray, " fitted"]:
    """Make a one-second segment as long as a model wants it.

    Parameters
    ----------
    segment
        One second at 16 kHz.
    num_samples
        Samples that the model wants. The *first* that many are taken (YAMNet hears the first 15,600 of 16,000); a model that
        wants more than a second hears silence after it.
    sample_rate
        Hz that the model wants; the segment is resampled first.
    """
    waveform = resample(segment, SAMPLE_RATE, sample_rate)[:num_samples]
    return np.pad(waveform, (0, num_samples - len(waveform)))


def make_probe(request: ImageRequest | None) -> Shaped[np.ndarray, "*item"]:
    """Make an item to try a model with: coloured stripes, or a second of a tone."""
    if request is None:
        return (0.5 * np.sin(np.arange(SAMPLE_RATE) * 0.3)).astype(np.float32)
    stripes = np.arange(request.height * request.width * 3, dtype=np.int64) * 7 % 251
    return stripes.astype(np.uint8).reshape(request.height, request.width, 3)


def check_channels(where: object, **values: tuple[float, ...]) -> None:
    """Check that normalisation constants are one number or three, and that no deviation is zero.

    Raises
    ------
    TeacherError
        Naming the constant.
    """
    for name, numbers in values.items():
        if len(numbers) not in (1, 3):
            raise TeacherError(where, f"{name} has {len(numbers)} numbers", "one, or one each for red, green and blue")
        if name == "std" and 0.0 in numbers:
            raise TeacherError(where, "std has a zero", "deviations to divide by")


def quantise(
    values: Float32[np.ndarray, "*shape"], scale: float, zero_point: int, dtype: np.dtype[Any]
) -> Integer[np.ndarray, "*shape"]:
    """Give the nearest integers ``q`` with ``value = (q − zero_point) × scale``, clipped to what ``dtype`` holds."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def dequantise(values: Integer[np.ndarray, "*shape"], scale: float, zero_point: int) -> Float32[np.ndarray, "*shape"]:
    """Give ``(value − zero_point) × scale``."""
    return (values.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)
