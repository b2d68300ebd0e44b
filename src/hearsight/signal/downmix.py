"""Several channels mixed to one, also where their mean would cancel.

The rule is the mean of the channels (:func:`~hearsight.signal.waveform.downmix`). A recording whose channels are loud and out of
phase, as a wrongly wired microphone makes it, has a mean of nearly nothing, although it is loud in the room.
There the channels that move against the strongest one are inverted before the mean is taken.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from hearsight.signal.waveform import downmix

CANCELLED = 0.01
"""Share of the channels' mean power that is left in their mean where they cancel each other: -20 dB."""

_AUDIBLE = 1e-6
"""Mean power of the channels (-60 dB of full scale) below which nothing is done: noise of converters."""


class Downmixer:
    """Mix blocks of channels into one waveform.

    Attributes
    ----------
    cancelled_at
        Seconds at which the first block began whose channels cancelled each other; None where none did.
    """

    def __init__(self) -> None:
        self.cancelled_at: float | None = None

    def mix(self, waveform: Float32[np.ndarray, "channels samples"], time: float) -> Float32[np.ndarray, " samples"]:
        """Return the mean of the channels of a block, in phase.

        Parameters
        ----------
        waveform
            Amplitudes of the channels.
        time
            When the block begins, in seconds.

        Raises
        ------
        ValueError
            When there is no channel.
        """
        mean = downmix(waveform)
        if waveform.shape[0] < 2 or not waveform.shape[1]:
            return mean
        powers = np.einsum("cs,cs->c", waveform, waveform, dtype=np.float64) / waveform.shape[1]
        left = float(np.dot(mean, mean)) / waveform.shape[1]
        if left >= CANCELLED * powers.mean() or powers.mean() < _AUDIBLE:
            return mean
        strongest = waveform[int(powers.argmax())]
        signs = np.where(waveform @ strongest < 0.0, -1.0, 1.0).astype(np.float32)
        inverted = downmix(waveform * signs[:, np.newaxis])
        if float(np.dot(inverted, inverted)) / waveform.shape[1] < CANCELLED * powers.mean():
            return mean
        self.cancelled_at = time if self.cancelled_at is None else self.cancelled_at
        return inverted
