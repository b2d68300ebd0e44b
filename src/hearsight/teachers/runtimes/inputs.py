"""The inputs of published models, computed from what a dataset has: images are normalised, segments cut, padded and resampled."""

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
    """Turns one image or one segment into a model's inputs."""

    @property
    def image_request(self) -> ImageRequest | None:
        """The size of the images that :meth:`encode` takes; None where it takes one-second segments at 16 kHz."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the result of :meth:`encode`, as JSON values."""
        ...

    def encode(self, item: Shaped[np.ndarray, "*item"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Return the model's inputs for one item, without a batch axis. The outputs for several inputs are averaged."""
        ...


@dataclasses.dataclass(frozen=True)
class ImageInput:
    """An image of a fixed size: eight-bit pixels unchanged, or ``(pixel × scale − mean) / std``.

    Attributes
    ----------
    height, width, fit
        Size of the images, and how they are fitted to it; see :class:`~hearsight.media.pictures.ImageRequest`.
    channels_first
        Whether the model takes ``[3, height, width]``.
    dtype
        ``uint8`` (0 to 255), ``int8`` (the same minus 128), or a float type, which is normalised.
    mean, std
        One number, or one each for red, green and blue.
    scale
        Factor on the pixels (0 to 255), applied before the mean is subtracted.
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
        """Images of exactly this size."""
        return ImageRequest(self.height, self.width, self.fit)

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return dataclasses.asdict(self)

    def encode(self, item: UInt8[np.ndarray, "height width 3"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Return the image in the model's layout and number format."""
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
    """A waveform: the first ``num_samples`` of the segment at ``sample_rate`` Hz, followed by silence if it is shorter."""

    num_samples: int
    sample_rate: int = SAMPLE_RATE

    @property
    def image_request(self) -> ImageRequest | None:
        """None: the input is sound."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields."""
        return dataclasses.asdict(self)

    def encode(self, item: Float32[np.ndarray, " samples"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Return the segment, resampled and cut or padded to the model's length."""
        return [fit_segment(item, self.num_samples, self.sample_rate)]


@dataclasses.dataclass(frozen=True)
class LogMelInput:
    """All whole log-mel patches of ``num_frames`` frames in the segment. A shorter segment is padded with silence to one patch.

    Attributes
    ----------
    front_end
        How the log-mel matrix is computed.
    num_frames
        Frames of a patch.
    mels_first
        Whether a patch is ``[mels, frames]`` instead of ``[frames, mels]``.
    """

    front_end: FrontEnd
    num_frames: int
    mels_first: bool = False

    @property
    def image_request(self) -> ImageRequest | None:
        """None: the input is sound."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """Its fields, including those of the front end."""
        return dataclasses.asdict(self)

    def encode(self, item: Float32[np.ndarray, " samples"]) -> list[Shaped[np.ndarray, "*input"]]:
        """Return the patches of the segment, in order of time."""
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
    """Resample a one-second segment, and cut or pad it to a model's length.

    Parameters
    ----------
    segment
        One second at 16 kHz.
    num_samples
        Length of the model's input. The *first* samples are taken (for YAMNet the first 15,600 of 16,000); for a model that takes
        more than a second, the segment is followed by silence.
    sample_rate
        Sample rate of the model's input in Hz; the segment is resampled first.
    """
    waveform = resample(segment, SAMPLE_RATE, sample_rate)[:num_samples]
    return np.pad(waveform, (0, num_samples - len(waveform)))


def make_probe(request: ImageRequest | None) -> Shaped[np.ndarray, "*item"]:
    """Make a test item for a model: coloured stripes, or one second of a tone."""
    if request is None:
        return (0.5 * np.sin(np.arange(SAMPLE_RATE) * 0.3)).astype(np.float32)
    stripes = np.arange(request.height * request.width * 3, dtype=np.int64) * 7 % 251
    return stripes.astype(np.uint8).reshape(request.height, request.width, 3)


def check_channels(where: object, **values: tuple[float, ...]) -> None:
    """Check that each normalisation constant has one value or three, and that no standard deviation is zero.

    Raises
    ------
    TeacherError
        When one has not. The error names the constant.
    """
    for name, numbers in values.items():
        if len(numbers) not in (1, 3):
            raise TeacherError(where, f"{name} has {len(numbers)} values", "one, or one each for red, green and blue")
        if not np.isfinite(numbers).all():
            raise TeacherError(where, f"{name}={':'.join(f'{number:g}' for number in numbers)}", "finite numbers")
        if name == "std" and 0.0 in numbers:
            raise TeacherError(where, f"std={':'.join(f'{number:g}' for number in numbers)}", "no zero in it")


def quantise(
    values: Float32[np.ndarray, "*shape"], scale: float, zero_point: int, dtype: np.dtype[Any]
) -> Integer[np.ndarray, "*shape"]:
    """Return the nearest integers ``q`` with ``value = (q − zero_point) × scale``, clipped to the range of ``dtype``."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def dequantise(values: Integer[np.ndarray, "*shape"], scale: float, zero_point: int) -> Float32[np.ndarray, "*shape"]:
    """Return ``(value − zero_point) × scale``."""
    return (values.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)
