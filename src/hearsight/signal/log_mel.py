"""Log-mel front ends: what the networks hear of a waveform. One definition, this NumPy path and the torch path of the models.

The formula is that of the VGGish release (tensorflow/models, research/audioset/vggish: ``mel_features.py``): magnitude (not
power) of an uncentred STFT whose incomplete last frame is dropped, triangles that are linear in HTK mel and not normalised, the
DC bin silent, and the natural logarithm after a small offset. What another paper hears otherwise is a field of :class:`FrontEnd`.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32, Float64

from hearsight.errors import UsageError
from hearsight.units import SAMPLE_RATE, count_frames

BLOCK_FRAMES = 256
"""Frames transformed at once: they and their spectra stay in a core's second-level cache."""
MIN_VARIANCE = 1e-4
"""What a band's variance is taken for at least when it is divided by."""
MIN_POWER = 1e-10
"""What a band's power is taken for at least when it becomes dB: -100 dB."""


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """One front end, in full: two front ends that are equal give equal log-mel matrices.

    Attributes
    ----------
    name
        Its name in checkpoints and tables.
    sample_rate
        Hz of the waveforms it takes.
    n_fft, win_length, hop_length
        Samples of the transform, of its window, and from frame to frame.
    n_mels, f_min, f_max
        Mel bands and their range in Hz.
    window
        Periodic Hann or periodic Hamming.
    log_offset
        What is added to a band's magnitude before the logarithm.
    patch_frames
        Frames of the patch that a network sees at once, and from one patch to the next.
    pad_end
        Whether ``win_length - hop_length`` zeros follow the waveform, so that whole segments give whole patches.
    kind
        What the numbers of a frame are: ``mel``, logarithms of mel bands; ``mfcc``, their cosine transform; ``cqt``, logarithms of
        a constant-Q transform.
    normalize
        Whether each band is then brought to mean 0 and variance 1, by statistics of the training data that the network keeps:
        see :func:`normalize_bands`.
    centred
        Whether frames lie around their time and do not begin there: half a transform of the sound, reflected, goes before it and
        behind it. The window is then as long as the transform, and a patch has one frame more.
    mel_scale
        ``htk``: triangles that are straight in HTK mel, with a peak of one. ``slaney``: triangles that are straight in Hz, with
        an area of one, over the mel scale of Slaney's auditory toolbox (librosa's defaults).
    decibels
        Whether a band's power in dB, ``10 log10`` of at least :data:`MIN_POWER`, takes the place of the natural logarithm of its
        magnitude and offset.
    """

    name: str
    sample_rate: int = SAMPLE_RATE
    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    n_mels: int = 64
    f_min: float = 125.0
    f_max: float = 7500.0
    window: Literal["hann", "hamming"] = "hann"
    log_offset: float = 0.01
    patch_frames: int = 96
    pad_end: bool = False
    normalize: bool = False
    kind: Literal["mel", "mfcc", "cqt"] = "mel"
    centred: bool = False
    mel_scale: Literal["htk", "slaney"] = "htk"
    decibels: bool = False

    @property
    def segment_samples(self) -> int:
        """Samples from the start of one patch to the start of the next: 1 s for Jia, 0.96 s for VGGish."""
        return self.patch_frames * self.hop_length

    @property
    def pad_samples(self) -> int:
        """Zeros that follow a waveform before it is framed."""
        return self.win_length - self.hop_length if self.pad_end else 0

    @property
    def patch_samples(self) -> int:
        """Samples of the waveform that one patch is made of, without the zeros that follow it."""
        return self.segment_samples + (0 if self.pad_end or self.centred else self.win_length - self.hop_length)

    @property
    def reflected_samples(self) -> int:
        """Samples that a waveform is reflected by before its beginning, and as many behind its end."""
        return self.n_fft // 2 if self.centred else 0

    def count_frames(self, num_samples: int) -> int:
        """Count the frames that a waveform of ``num_samples`` gives; one that is too short to be reflected gives none."""
        if self.centred:
            whole = num_samples + 2 * self.reflected_samples
            return count_frames(whole, self.win_length, self.hop_length) if num_samples > self.reflected_samples else 0
        return count_frames(num_samples + self.pad_samples, self.win_length, self.hop_length)


VGGISH = FrontEnd("vggish")
"""The VGGish release's (``vggish_params.py``): 96 x 64 patches of 0.96 s, cut after the transform of the whole file."""

JIA = FrontEnd("jia", window="hamming", patch_frames=100, pad_end=True)
"""Jia 2019, section 3: Hamming, 25 ms every 10 ms, 64 bands, 100 x 64 for a segment of 1 s; what it leaves open is VGGish's (see
``docs/paper-notes.md``)."""

HERSHEY = dataclasses.replace(VGGISH, name="hershey")
"""Hershey 2017, section 3.1: 96 x 64 patches of 0.96 s; window and mel range, which the paper leaves open, are its release's."""

HERSHEY_AED = dataclasses.replace(HERSHEY, name="hershey-aed", patch_frames=20)
"""Hershey 2017, section 4.4: 64 bands by 20 frames, 0.2 s."""

WU = FrontEnd("wu", n_fft=2048, patch_frames=100, pad_end=True, normalize=True)
"""Wu & Lee 2018, section 4.1.1: a transform of 2,048 under a window of 25 ms, 100 x 64 for a segment of 1 s, normalised by band;
the sample rate and the mel range, which the paper leaves open, are those of all our datasets and of VGGish."""

WU_MFCC = dataclasses.replace(WU, name="wu-mfcc", kind="mfcc")
"""The cepstral coefficients that Wu & Lee compared log-mel with (section 3.1): as many as bands; the paper gives no number."""

WU_CQT = dataclasses.replace(WU, name="wu-cqt", kind="cqt", win_length=2048)
"""The constant-Q transform that Wu & Lee compared log-mel with (section 3.1): as many bands over the same range, of which the
lowest just fits into their transform of 2,048."""

PANNS = FrontEnd(
    "panns",
    sample_rate=32_000,
    n_fft=1024,
    win_length=1024,
    hop_length=320,
    f_min=50.0,
    f_max=14_000.0,
    log_offset=0.0,
    patch_frames=1000,
    centred=True,
    mel_scale="slaney",
    decibels=True,
)
"""PANNs 2020, section VI-A: 32 kHz, Hann, 1,024 samples every 320, 64 bands from 50 to 14,000 Hz; 10 s are 1,001 frames. What the
paper leaves open is its code's."""


@dataclasses.dataclass(frozen=True)
class WaveformFrontEnd:
    """The front end of a network that hears the waveform itself.

    Attributes
    ----------
    name
        Its name in checkpoints and tables.
    sample_rate
        Hz of the waveforms it takes.
    scale
        What amplitudes are multiplied by.
    segment_samples
        Samples from the start of one segment to the start of the next.
    patch_samples
        Samples that the network sees at once where a sound is cut into pieces.
    """

    name: str
    sample_rate: int
    scale: float
    segment_samples: int
    patch_samples: int


SOUNDNET = WaveformFrontEnd("soundnet", 22_050, scale=256.0, segment_samples=65_536, patch_samples=220_500)
"""SoundNet 2016, sections 2 and 3.1: 22,050 Hz, amplitudes in [-256, 256]. An output of the eight-layer network every 65,536
samples; pieces of 10 s, the shortest that the authors' own evaluation gives it."""

SOUNDNET_5 = dataclasses.replace(SOUNDNET, segment_samples=98_304, patch_samples=110_250)
"""The same for the five-layer network: an output every 98,304 samples; pieces of 5 s."""

SOUNDNET_1S = dataclasses.replace(SOUNDNET, segment_samples=22_050, patch_samples=22_050)
"""The same by seconds, as SoundNet's autoencoder and its evaluation on ESC hear."""

FRONT_ENDS: dict[str, FrontEnd] = {
    definition.name: definition for definition in (VGGISH, JIA, HERSHEY, HERSHEY_AED, WU, WU_MFCC, WU_CQT, PANNS)
}
"""All front ends that cut sound into frames, by name."""


def compute_log_mel(
    waveform: Float[np.ndarray, " samples"], front_end: FrontEnd = VGGISH
) -> Float[np.ndarray, "frames mels"]:
    """Compute the log-mel matrix of a whole waveform.

    Parameters
    ----------
    waveform
        Amplitudes in [-1, 1] at ``front_end.sample_rate``, one channel.
    front_end
        The definition to follow.

    Returns
    -------
    Float[np.ndarray, "frames mels"]
        Natural logarithms, or dB. Frame ``i`` covers the samples from ``i * hop_length`` on, ``win_length`` of them; where frames
        are centred, as many around that place. A waveform shorter than one window gives no frame. Computed in the waveform's own
        precision: float64 is the published algorithm to 1e-6; float32, 1.4 times as fast, is off by up to 1e-5, and by up to 1e-3
        in a band that is silent beside a band at full scale.
        Decibels, which no offset keeps from showing such a band, are computed in float64 and rounded.

    Raises
    ------
    UsageError
        When an amplitude is NaN or infinite, or there is more than one channel.

    Notes
    -----
    By ``front_end.kind``, the columns may also be cepstral coefficients or the bands of a constant-Q transform.
    """
    _check_waveform(waveform)
    num_frames = front_end.count_frames(waveform.size)
    gathered = np.empty((num_frames, front_end.n_mels), dtype=waveform.dtype)
    if num_frames == 0:
        return gathered
    padded = np.ascontiguousarray(_pad(waveform, front_end))
    # a view; NumPy's own functions for it take a twentieth of the time of a second of sound
    shape, step = (num_frames, front_end.win_length), padded.itemsize
    frames = np.ndarray(shape, padded.dtype, padded, strides=(step * front_end.hop_length, step))
    gather = _choose_gathering(front_end, waveform.dtype)
    for start in range(0, num_frames, BLOCK_FRAMES):
        gather(frames[start : start + BLOCK_FRAMES], gathered[start : start + BLOCK_FRAMES])
    if not front_end.decibels:
        gathered += front_end.log_offset
        np.log(gathered, out=gathered)
    return gathered @ cosine_matrix(front_end).astype(waveform.dtype) if front_end.kind == "mfcc" else gathered


def _check_waveform(waveform: np.ndarray) -> None:
    if waveform.ndim != 1:
        raise UsageError("waveform", f"shape {waveform.shape}", "[samples], one channel", "mix channels down first")
    if not np.isfinite(waveform).all():
        raise UsageError("waveform", "NaN or infinite amplitudes", "finite ones in [-1, 1]")


def _pad(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    if front_end.centred:
        return np.pad(waveform, front_end.reflected_samples, mode="reflect")
    return np.pad(waveform, (0, front_end.pad_samples)) if front_end.pad_samples else waveform


def _choose_gathering(front_end: FrontEnd, dtype: np.dtype[Any]) -> Callable[[np.ndarray, np.ndarray], None]:
    """Give the function that turns a block of frames into bands; it writes them where it is told to."""
    if front_end.kind == "cqt":
        return functools.partial(_gather_constant_q, front_end)
    if front_end.decibels:
        return functools.partial(_gather_power, front_end)
    return _GATHERINGS.give(front_end, dtype)


class _MelGathering:
    """Frames to mel bands of magnitudes, with what a block needs for it: to take new memory costs a fifth of a second's log-mel."""

    def __init__(self, front_end: FrontEnd, dtype: np.dtype[Any]) -> None:
        # what lies behind the window is zero, which costs half of what it costs when the transform puts it there
        self._windowed = np.zeros((BLOCK_FRAMES, front_end.n_fft), dtype=dtype)
        self._magnitude = np.empty((BLOCK_FRAMES, front_end.n_fft // 2 + 1), dtype=dtype)
        self._window = make_window(front_end).astype(dtype)
        self._halves = list(_halve_bands(mel_matrix(front_end).astype(dtype)))

    def __call__(self, frames: np.ndarray, bands: np.ndarray) -> None:
        windowed, magnitude = self._windowed[: len(frames)], self._magnitude[: len(frames)]
        np.multiply(frames, self._window, out=windowed[:, : frames.shape[1]])
        np.abs(np.asarray(scipy.fft.rfft(windowed, axis=1)), out=magnitude)
        for bins, half, matrix in self._halves:
            np.matmul(magnitude[:, bins], matrix, out=bands[:, half])


def _halve_bands(matrix: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Cut a mel matrix into its lower and its upper bands, each with the bins that they lie over: half of the products are none."""
    middle = matrix.shape[1] // 2
    for half in (slice(0, middle), slice(middle, matrix.shape[1])):
        bins = np.flatnonzero(matrix[:, half].any(axis=1))
        reach = slice(int(bins[0]), int(bins[-1]) + 1) if len(bins) else slice(0, 1)
        yield reach, half, np.ascontiguousarray(matrix[reach, half])


class _Gatherings(threading.local):
    """Each thread's own, by front end and precision."""

    def __init__(self) -> None:
        self._kept: dict[tuple[FrontEnd, np.dtype[Any]], _MelGathering] = {}

    def give(self, front_end: FrontEnd, dtype: np.dtype[Any]) -> _MelGathering:
        if (front_end, dtype) not in self._kept:
            self._kept[front_end, dtype] = _MelGathering(front_end, dtype)
        return self._kept[front_end, dtype]


_GATHERINGS = _Gatherings()


def _gather_power(front_end: FrontEnd, frames: np.ndarray, bands: np.ndarray) -> None:
    """Gather the bands' power, in dB."""
    # in double precision: single precision would leak a loud tone into silent bands, and no offset hides that
    spectrum = np.asarray(scipy.fft.rfft(frames.astype(np.float64) * make_window(front_end), n=front_end.n_fft, axis=1))
    power = np.square(np.abs(spectrum)) @ mel_matrix(front_end)
    bands[:] = 10.0 * np.log10(np.maximum(power, MIN_POWER))


def _gather_constant_q(front_end: FrontEnd, frames: np.ndarray, bands: np.ndarray) -> None:
    # in double precision: its bands are small differences of large numbers
    bands[:] = np.hypot(*np.split(frames @ constant_q_kernels(front_end), 2, axis=1))


def normalize_bands(
    log_mel: Float[np.ndarray, "frames mels"], mean: Float[np.ndarray, " mels"], variance: Float[np.ndarray, " mels"]
) -> Float[np.ndarray, "frames mels"]:
    """Bring each band to mean 0 and variance 1, given those of the training data (Wu & Lee 2018, section 4.1.1).

    ``MIN_VARIANCE`` keeps a band that never changed from being blown up.
    """
    return (log_mel - mean) / np.sqrt(np.maximum(variance, MIN_VARIANCE)).astype(log_mel.dtype)


@functools.cache
def make_window(front_end: FrontEnd) -> Float64[np.ndarray, " win_length"]:
    """Make the analysis window: periodic, ``a - (1 - a) cos(2πn/N)`` with a = 0.5 (Hann) or 0.54 (Hamming)."""
    return _freeze(_make_taper(front_end, front_end.win_length))


def _make_taper(front_end: FrontEnd, length: int) -> np.ndarray:
    constant = {"hann": 0.5, "hamming": 0.54}[front_end.window]
    return constant - (1.0 - constant) * np.cos(2.0 * np.pi * np.arange(length) / length)


def _freeze(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


@functools.cache
def constant_q_kernels(front_end: FrontEnd) -> Float64[np.ndarray, "win_length parts"]:
    """Make the kernels of a constant-Q transform (Brown 1991): the real parts of all bands, then the imaginary ones.

    Bands lie geometrically from ``f_min`` to ``f_max``; each is heard through a window of so many of its periods as the ratio of
    neighbours asks for, in the middle of the frame, and scaled so that a tone is as loud in it as under a window of 25 ms.

    Raises
    ------
    UsageError
        When the range of the bands is not within 0 Hz and half the sample rate, or a window does not fit into a frame.
    """
    _check_range(front_end, lowest=1.0)
    frequencies = np.geomspace(front_end.f_min, front_end.f_max, front_end.n_mels)
    quality = 1.0 / (frequencies[1] / frequencies[0] - 1.0)
    lengths = np.ceil(quality * front_end.sample_rate / frequencies).astype(int)
    if lengths[0] > front_end.win_length:
        wanted = f"at most {front_end.win_length}, the length of a frame"
        raise UsageError(front_end.name, f"a window of {lengths[0]} samples at {front_end.f_min:g} Hz", wanted)
    loudness = 0.5 * 0.025 * front_end.sample_rate
    kernels = np.zeros((front_end.win_length, front_end.n_mels), dtype=np.complex128)
    for band, (frequency, length) in enumerate(zip(frequencies, lengths, strict=True)):
        start = (front_end.win_length - length) // 2
        taper = _make_taper(front_end, int(length))
        turns = frequency / front_end.sample_rate * np.arange(length)
        kernels[start : start + length, band] = loudness / taper.sum() * taper * np.exp(-2j * np.pi * turns)
    return _freeze(np.concatenate([kernels.real, kernels.imag], axis=1))


@functools.cache
def cosine_matrix(front_end: FrontEnd) -> Float64[np.ndarray, "mels coefficients"]:
    """Make the orthonormal cosine transform (type II) of a frame's bands."""
    return _freeze(np.asarray(scipy.fft.dct(np.eye(front_end.n_mels), axis=1, norm="ortho")))


@functools.cache
def mel_matrix(front_end: FrontEnd) -> Float32[np.ndarray, "bins mels"]:
    """Make the matrix that sums the magnitudes, or the powers, of the STFT's bins into mel bands.

    Band ``i`` is a triangle over the HTK mel scale, ``1127 ln(1 + f / 700)``, from edge ``i`` over edge ``i + 1`` to edge
    ``i + 2`` of ``n_mels + 2`` edges that are equally far apart in mel. Its slopes are straight in mel, not in Hz, and its peak
    is one. The DC bin belongs to no band. On Slaney's scale, the slopes are straight in Hz, and the area in Hz is one.

    Raises
    ------
    UsageError
        When the range of the bands is not within 0 Hz and half the sample rate.
    """
    _check_range(front_end, lowest=0.0)
    bins = np.linspace(0.0, front_end.sample_rate / 2, front_end.n_fft // 2 + 1)[:, None]
    limits, count = np.array([front_end.f_min, front_end.f_max]), front_end.n_mels + 2
    if front_end.mel_scale == "slaney":
        low, high = hertz_to_slaney(limits)
        edges = slaney_to_hertz(np.linspace(low, high, count))
        peaks = 2.0 / (edges[2:] - edges[:-2])
    else:
        bins, peaks = hertz_to_mel(bins), 1.0
        low, high = hertz_to_mel(limits)
        edges = np.linspace(low, high, count)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = peaks * np.maximum(0.0, np.minimum(rising, falling))
    matrix[0] = 0.0
    return _freeze(matrix.astype(np.float32))


def _check_range(front_end: FrontEnd, lowest: float) -> None:
    if not lowest <= front_end.f_min < front_end.f_max <= front_end.sample_rate / 2:
        found = f"bands from {front_end.f_min} to {front_end.f_max} Hz"
        raise UsageError(front_end.name, found, f"a range within {lowest:g} and {front_end.sample_rate / 2} Hz")


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Convert frequencies to the HTK mel scale."""
    return 1127.0 * np.log1p(hertz / 700.0)


def hertz_to_slaney(hertz: np.ndarray) -> np.ndarray:
    """Convert frequencies to Slaney's mel scale: straight up to 1,000 Hz, logarithmic above (Auditory Toolbox, 1998)."""
    above = 15.0 + np.log(np.maximum(hertz, 1000.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hertz < 1000.0, 3.0 * hertz / 200.0, above)


def slaney_to_hertz(mel: np.ndarray) -> np.ndarray:
    """Convert Slaney's mel back to frequencies."""
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * (np.log(6.4) / 27.0))
    return np.where(mel < 15.0, 200.0 * mel / 3.0, above)
