"""Features of clips that are not learned: baselines for learned ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Float64

from hearsight.signal import cepstra
from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel


class LogMelBaseline:
    """Mean and deviation over time of each bin of the log-mel matrix of Jia's front end: 128 numbers, none of them learned."""

    name = "baseline:log-mel"
    pooled = True
    untrained = False
    sample_rate = JIA.sample_rate

    def compute_digest(self) -> str:
        """SHA-256 of the definition."""
        return hashlib.sha256(f"{self.name} {JIA}".encode()).hexdigest()

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return one row: the means of the bins, then their deviations. A clip shorter than one frame is padded with silence."""
        padding = max(0, JIA.win_length - len(waveform))
        log_mel = compute_log_mel(np.pad(waveform, (0, padding)), JIA).astype(np.float64)
        row = np.concatenate([log_mel.mean(axis=0), log_mel.std(axis=0)])
        return row[None].astype(np.float32), np.ones(1)


class MFCCBaseline:
    """The baseline of ESC (Piczak 2015, section 4): mean and deviation of 12 cepstral coefficients and of the zero-crossing rate.

    The 0th coefficient, the level, is left out; 26 numbers remain.
    """

    name = "baseline:mfcc"
    pooled = True
    untrained = False
    sample_rate = cepstra.SAMPLE_RATE
    num_coefficients = 12

    def compute_digest(self) -> str:
        """SHA-256 of the definition."""
        definition = (self.num_coefficients, cepstra.SAMPLE_RATE, cepstra.FRAME_SAMPLES, cepstra.N_FFT, cepstra.N_MELS)
        return hashlib.sha256(f"{self.name} {definition} {cepstra.RANGE_DB}".encode()).hexdigest()

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return one row: the means, then the deviations. A clip shorter than one transform is padded with silence."""
        padded = np.pad(waveform, (0, max(0, cepstra.N_FFT - len(waveform))))
        coefficients = cepstra.compute_cepstra(padded, 1 + self.num_coefficients)[:, 1:]
        crossings = cepstra.compute_zero_crossing_rate(padded)
        means = [*coefficients.mean(axis=0), crossings.mean()]
        row = np.array([*means, *coefficients.std(axis=0), crossings.std()])
        return row[None].astype(np.float32), np.ones(1)


BASELINES: dict[str, Callable[[], LogMelBaseline | MFCCBaseline]] = {"log-mel": LogMelBaseline, "mfcc": MFCCBaseline}
"""What may follow ``baseline:``."""
