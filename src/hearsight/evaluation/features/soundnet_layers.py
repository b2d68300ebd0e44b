"""The values of one layer of SoundNet, in overlapping windows of one length (Aytar 2016, sections 3.3 and 4.1)."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float32, Float64

import hearsight
from hearsight.errors import UsageError
from hearsight.evaluation.features.extractor import NetworkFacts, digest_extractor
from hearsight.models.architectures.soundnet import SoundNet
from hearsight.models.architectures.soundnet_layers import Window, check_layer
from hearsight.signal.waveform import resample

SCENE_WINDOW, WINDOW = 5.0, 1.0
"""Seconds of a window: for scenes, and for all else (section 4.1: 5-s excerpts for DCASE, 1-s windows for ESC)."""
SCENES = ("dcase2013", "tut2016", "tut2018")
"""The benchmarks of scenes."""
OVERLAP = 0.5
"""Overlap of successive windows, if the hop is not given; the paper does not state the overlap."""


@dataclasses.dataclass(frozen=True)
class LayerWindows:
    """Which layer, seconds of a window, and seconds from the start of one window to the start of the next."""

    layer: str
    seconds: float
    hop: float


def choose_windows(layer: str, benchmark: str, seconds: float | None, hop: float | None) -> LayerWindows:
    """Return the requested windows, or those of the paper for a benchmark."""
    if seconds is None:
        seconds = SCENE_WINDOW if benchmark in SCENES else WINDOW
    return LayerWindows(layer, seconds, OVERLAP * seconds if hop is None else hop)


class LayerExtractor:
    """A layer's values in windows of a clip: a row for each window, all channels at all its moments.

    The layer is computed once for a whole clip, and the windows are cut out of it, as the authors' own evaluation does. A clip
    too short for the network is repeated by it; windows begin within the clip itself.

    Parameters
    ----------
    listener
        A SoundNet.
    windows
        The layer, and how it is cut.
    untrained
        Whether its weights are fresh.

    Raises
    ------
    UsageError
        When the network is none whose layers have names, or has no such layer; when a window or hop is no positive time.
    """

    pooled = False

    def __init__(self, listener: hearsight.Listener, windows: LayerWindows, *, untrained: bool) -> None:
        network = listener.network
        if not isinstance(network, SoundNet):
            raise UsageError("--layer", f"a {network.name}", "a SoundNet, whose layers have the names of its tables")
        check_layer(windows.layer, network.plan)
        if not (windows.seconds > 0.0 and windows.hop > 0.0):
            raise UsageError("--layer", f"windows of {windows.seconds:g} s every {windows.hop:g} s", "positive times")
        self._network, self._listener = network, listener
        self._windows = windows
        self.name = f"{listener.name}/{windows.layer}"
        self.sample_rate = listener.training_sample_rate
        self.untrained = untrained
        self.facts = NetworkFacts.collect(listener)
        seen = Window(1, 1)
        for name, (_, window) in network.plan.layers.items():
            seen = window.after(seen)
            if name == windows.layer:
                break
        self._stride = seen.stride

    def compute_digest(self) -> str:
        """SHA-256 of the weights, of the windows, and of what they make of a fixed noise."""
        return digest_extractor(self, f"{self._listener.digest} {self._windows}")

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return a row for each window."""
        waveform = resample(waveform, self.sample_rate, self._listener.sample_rate)
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(waveform))[None].to(self._listener.device)
            values = self._network.features(batch, self._windows.layer)[0].float().cpu().numpy()
        length, hop = (self._count(seconds) for seconds in (self._windows.seconds, self._windows.hop))
        values = np.pad(values, ((0, 0), (0, max(0, length - values.shape[1]))))
        own = max(1, -(-len(waveform) // self._stride))  # values that begin within the clip
        starts = range(0, min(own, values.shape[1] - length + 1), hop)
        rows = np.stack([values[:, start : start + length].ravel() for start in starts])
        return rows.astype(np.float32), np.ones(len(rows))

    def _count(self, seconds: float) -> int:
        return max(1, round(seconds * self._listener.sample_rate / self._stride))
