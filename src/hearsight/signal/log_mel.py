"""Log-mel front ends: what the networks hear of a waveform. One definition, this NumPy path and the torch path of the models.

The formula is that of the VGGish release (tensorflow/models, research/audioset/vggish: ``mel_features.py``): magnitude (not
power) of an uncentred STFT whose incomplete last frame is dropped, triangles that are linear in HTK mel and not normalised, the
DC bin silent, and the natural logarithm after a small offset.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32, Float64

from hearsight.errors import UsageError
from hearsight.units import SAMPLE_RATE, count_frames

BLOCK_FRAMES = 256
"""Frames transformed at once: they and their spectra stay in a core's second-level cache."""
MIN_VARIANCE = 1e-4
"""What a band's variance is taken for at least when it is divided by."""


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
    normalize
        Whether each band is then brought to mean 0 and variance 1, by statistics of the training data that the network keeps:
        see :func:`normalize_bands`.
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
        return self.segment_samples + (0 if self.pad_end else self.win_length - self.hop_length)

    def count_frames(self, num_samples: int) -> int:
        """Count the frames that a waveform of ``num_samples`` gives."""
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

FRONT_ENDS: dict[str, FrontEnd] = {front_end.name: front_end for front_end in (VGGISH, JIA, HERSHEY, HERSHEY_AED, WU)}
"""All log-mel front ends by name."""


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
        Natural logarithms. Frame ``i`` covers the samples from ``i * hop_length`` on, ``win_length`` of them. A waveform shorter
        than one window gives no frame. Computed in the waveform's own precision: float64 is the published algorithm to 1e-6;
        float32, 1.4 times as fast, is off by up to 1e-5, and by up to 1e-3 in a band that is silent beside a band at full scale.

    Raises
    ------
    UsageError
        When an amplitude is NaN or infinite.
    """
    if not np.isfinite(waveform).all():
        raise UsageError("waveform", "NaN or infinite amplitudes", "finite ones in [-1, 1]")
    num_frames = front_end.count_frames(waveform.size)
    padded = np.pad(waveform, (0, front_end.pad_samples)) if front_end.pad_samples else waveform
    log_mel = np.empty((num_frames, front_end.n_mels), dtype=waveform.dtype)
    if num_frames == 0:
        return log_mel
    frames = np.lib.stride_tricks.sliding_window_view(padded, front_end.win_length)[:: front_end.hop_length]
    window, mel = make_window(front_end).astype(waveform.dtype), mel_matrix(front_end).astype(waveform.dtype)
    for start in range(0, num_frames, BLOCK_FRAMES):
        block = frames[start : start + BLOCK_FRAMES] * window
        magnitude = np.abs(np.asarray(scipy.fft.rfft(block, n=front_end.n_fft, axis=1)))
        np.matmul(magnitude, mel, out=log_mel[start : start + BLOCK_FRAMES])
    log_mel += front_end.log_offset
    return np.log(log_mel, out=log_mel)


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
    constant = {"hann": 0.5, "hamming": 0.54}[front_end.window]
    phase = 2.0 * np.pi * np.arange(front_end.win_length) / front_end.win_length
    window = constant - (1.0 - constant) * np.cos(phase)
    window.setflags(write=False)
    return window


@functools.cache
def mel_matrix(front_end: FrontEnd) -> Float32[np.ndarray, "bins mels"]:
    """Make the matrix that sums the magnitudes of the STFT's bins into mel bands.

    Band ``i`` is a triangle over the HTK mel scale, ``1127 ln(1 + f / 700)``, from edge ``i`` over edge ``i + 1`` to edge
    ``i + 2`` of ``n_mels + 2`` edges that are equally far apart in mel. Its slopes are straight in mel, not in Hz, and its peak
    is one. The DC bin belongs to no band.

    Raises
    ------
    UsageError
        When the range of the bands is not within 0 Hz and half the sample rate.
    """
    if not 0.0 <= front_end.f_min < front_end.f_max <= front_end.sample_rate / 2:
        found = f"bands from {front_end.f_min} to {front_end.f_max} Hz"
        raise UsageError(front_end.name, found, f"a range within 0 and {front_end.sample_rate / 2} Hz")
    bins = hertz_to_mel(np.linspace(0.0, front_end.sample_rate / 2, front_end.n_fft // 2 + 1))[:, None]
    low, high = hertz_to_mel(np.array([front_end.f_min, front_end.f_max]))
    edges = np.linspace(low, high, front_end.n_mels + 2)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0.0, np.minimum(rising, falling))
    matrix[0] = 0.0
    matrix = matrix.astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Convert frequencies to the HTK mel scale."""
    return 1127.0 * np.log1p(hertz / 700.0)
