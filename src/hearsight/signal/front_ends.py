"""Front ends: how each network's input is computed from a waveform, as the papers and their code define it.

The formula is that of the VGGish release (tensorflow/models, research/audioset/vggish: ``mel_features.py``): magnitude (not
power) of an uncentred STFT whose incomplete last frame is dropped, triangles that are linear in HTK mel and not normalised, the
DC bin silent, and the natural logarithm after a small offset. What another paper does differently is a field of :class:`FrontEnd`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from hearsight.units import SAMPLE_RATE, count_frames


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
        Frames of a patch, and from one patch to the next.
    pad_end
        Whether ``win_length - hop_length`` zeros follow the waveform, so that whole segments give whole patches.
    kind
        What the numbers of a frame are: ``mel``, logarithms of mel bands; ``mfcc``, their cosine transform; ``cqt``, logarithms of
        a constant-Q transform.
    normalize
        Whether each band is then normalised to mean 0 and variance 1, by statistics of the training data that the network keeps:
        see :func:`~hearsight.signal.log_mel.normalize_bands`.
    centred
        Whether frames lie around their time and do not begin there: half a transform of the sound, reflected, goes before it and
        behind it. The window is then as long as the transform, and a patch has one frame more.
    mel_scale
        ``htk``: triangles that are straight in HTK mel, with a peak of one. ``slaney``: triangles that are straight in Hz, with
        an area of one, over the mel scale of Slaney's auditory toolbox (librosa's defaults).
    decibels
        Whether a band's power in dB, ``10 log10`` of at least ``MIN_POWER``, takes the place of the natural logarithm of its
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
        """Return the number of frames of a waveform of ``num_samples``; 0 where it is too short to be reflected."""
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
    """The front end of a network that takes the waveform itself.

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
        Samples that the network takes in one piece where a sound is cut.
    """

    name: str
    sample_rate: int
    scale: float
    segment_samples: int
    patch_samples: int


SOUNDNET = WaveformFrontEnd("soundnet", 22_050, scale=256.0, segment_samples=65_536, patch_samples=220_500)
"""SoundNet 2016, sections 2 and 3.1: 22,050 Hz, amplitudes in [-256, 256]. An output of the eight-layer network every 65,536
samples; pieces of 10 s, the shortest input of the authors' own evaluation."""

SOUNDNET_5 = dataclasses.replace(SOUNDNET, segment_samples=98_304, patch_samples=110_250)
"""The same for the five-layer network: an output every 98,304 samples; pieces of 5 s."""

SOUNDNET_1S = dataclasses.replace(SOUNDNET, segment_samples=22_050, patch_samples=22_050)
"""The same by seconds, as SoundNet's autoencoder and its evaluation on ESC have it."""

FRONT_ENDS: dict[str, FrontEnd] = {
    definition.name: definition for definition in (VGGISH, JIA, HERSHEY, HERSHEY_AED, WU, WU_MFCC, WU_CQT, PANNS)
}
"""All front ends that cut sound into frames, by name."""
