"""From examples to the rows that a head is fitted on: what the network's last layer is given, segment by segment.

A file of several seconds is an example of its class, but not each of its segments is: between two barks there is silence. So those
segments count that are within :data:`LEVEL_RANGE` of the loudest one, at most :data:`MOST_SEGMENTS` of them. What is quieter by
more than :data:`QUIET_RANGE` is taken for background.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import nn

from hearsight.errors import MediaError, UsageError
from hearsight.listening.listener import BLOCK_SECONDS, Listener
from hearsight.media.audio import stream_audio
from hearsight.models.network import Network
from hearsight.models.zoo import build_network
from hearsight.records import RejectReason
from hearsight.teaching.examples import BACKGROUND, Example
from hearsight.units import to_samples

LEVEL_RANGE = 20.0
"""dB below the loudest segment of an example, within which a segment is one of its class."""
QUIET_RANGE = 40.0
"""dB below the loudest segment of a whole file, beyond which a segment is background."""
MOST_SEGMENTS = 10
"""Segments that an example counts, at most; the loudest ones, or of background evenly spread ones."""
SILENCE = -100.0
"""dB of full scale below which an example is refused as silent."""
MOST_SECONDS = 600.0
"""The longest example that is used."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """What the network makes of one example.

    Attributes
    ----------
    rows
        What the output layer is given, for the segments that count.
    quiet
        The same for the segments that are background.
    starts
        Seconds of the segments that count, from the start of the file.
    """

    rows: Float32[np.ndarray, "segments dim"]
    quiet: Float32[np.ndarray, "quiet dim"]
    starts: Float64[np.ndarray, " segments"]


def replace_head(network: Network, num_classes: int) -> Network:
    """Return a copy of a network with an untrained output layer of so many classes.

    Raises
    ------
    UsageError
        When its logits do not come from a fully connected layer, or its classes exclude each other in groups.
    """
    copy = build_network(network.name, num_classes, seed=0, **network.options)
    layer = copy.output_layer
    if not isinstance(layer, nn.Linear) or copy.heads:
        found = f"{type(layer).__name__} with {len(copy.heads)} groups of classes"
        raise UsageError(f"model {network.name}", found, "one fully connected output layer", "use the starter model")
    prefix = next(name for name, module in copy.named_modules() if module is layer)
    own = {name: value for name, value in copy.state_dict().items() if name.startswith(f"{prefix}.")}
    known = network.state_dict()
    weights = {name: own.get(name, known.get(name)) for name in copy.state_dict()}
    copy.load_state_dict({name: value.detach().cpu().clone() for name, value in weights.items() if value is not None})
    return copy.eval()


class SegmentReader:
    """Reads what the output layer of a network is given for the segments of sounds.

    Parameters
    ----------
    listener
        The network.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.seconds = listener.least_seconds

    def read(self, path: str, examples: Sequence[Example]) -> list[Heard | MediaError]:
        """Return what the network makes of the examples of one file, which is decoded once; or why it cannot.

        Raises
        ------
        CheckpointError
            When the network's output is not finite.
        """
        rate = self._listener.training_sample_rate
        spans = [self._widen(one) for one in examples]
        try:
            waveforms = cut_spans(stream_audio(path, rate, BLOCK_SECONDS), rate, spans)
        except MediaError as error:
            return [error] * len(examples)
        answers: list[Heard | MediaError] = []
        for example, span, waveform in zip(examples, spans, waveforms, strict=True):
            try:
                answers.append(self._read_waveform(example, span[0], waveform))
            except MediaError as error:
                answers.append(error)
        return answers

    def read_waveforms(
        self, waveforms: Iterable[Float32[np.ndarray, " samples"]]
    ) -> Float32[np.ndarray, "segments dim"]:
        """Return the rows of all segments of waveforms at the rate of the network's training data."""
        return np.concatenate([self._forward(waveform, "waveform")[0] for waveform in waveforms])

    def _widen(self, example: Example) -> tuple[float, float]:
        """Return the span of an example; one that is shorter than a segment gets what is around it, as when files are tagged."""
        missing = self.seconds - (example.end - example.start)
        start = max(0.0, example.start - missing / 2.0) if missing > 0.0 else example.start
        return start, min(max(example.end, start + self.seconds), start + MOST_SECONDS)

    def _read_waveform(self, example: Example, start: float, waveform: Float32[np.ndarray, " samples"]) -> Heard:
        if not len(waveform):
            found = f"nothing from {example.start:g} s on"
            raise MediaError(example.path, found, "sound there", reason=RejectReason.TOO_SHORT)
        rows, levels, starts = self._forward(waveform, example.path)
        if levels.max() < SILENCE:
            found = f"silence (at most {levels.max():.0f} dB)"
            raise MediaError(example.path, found, "audible sound", reason=RejectReason.SILENT)
        if example.name == BACKGROUND or example.is_wrong:
            chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_SEGMENTS)).round().astype(np.int64))
        else:
            loud = np.flatnonzero(levels >= levels.max() - LEVEL_RANGE)
            chosen = np.sort(loud[np.argsort(-levels[loud], kind="stable")][:MOST_SEGMENTS])
        is_quiet = (levels < levels.max() - QUIET_RANGE) & (example.is_whole and not example.is_wrong)
        quiet = rows[np.flatnonzero(is_quiet)[:MOST_SEGMENTS]]
        return Heard(rows[chosen], quiet, start + starts[chosen])

    def _forward(
        self, waveform: Float32[np.ndarray, " samples"], where: str
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"], Float64[np.ndarray, " segments"]]:
        """Return the rows of a waveform's segments, their levels in dB and their starts in seconds."""
        with _tap(self._listener.network) as (inputs, powers):
            parts = list(self._listener.forward_stream([waveform], where))
        rows, starts = np.concatenate(inputs), np.concatenate([part.starts for part in parts])
        levels = 10.0 * np.log10(np.maximum(np.concatenate(powers), 1e-20))
        return rows, levels, starts


def cut_spans(
    blocks: Iterable[Float32[np.ndarray, " _"]], rate: int, spans: Sequence[tuple[float, float]]
) -> list[Float32[np.ndarray, " samples"]]:
    """Cut spans out of a sound, in one pass and in memory that grows with the spans alone; one behind the end is empty.

    Parameters
    ----------
    blocks
        The sound.
    rate
        Hz.
    spans
        Start and end in seconds; infinity for the end of the sound.
    """
    places = [(to_samples(start, rate), math.inf if math.isinf(end) else to_samples(end, rate)) for start, end in spans]
    parts: list[list[np.ndarray]] = [[] for _ in spans]
    position, last = 0, max(end for _, end in places)
    for block in blocks:
        for (start, end), kept in zip(places, parts, strict=True):
            part = block[max(0, start - position) : max(0, int(min(end, position + len(block))) - position)]
            if len(part):
                kept.append(part)
        position += len(block)
        if position >= last:
            break
    return [np.concatenate(kept) if kept else np.zeros(0, np.float32) for kept in parts]


def make_noises(rate: int, seconds: float, seed: int) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Yield sounds that are none of any class: silence, and white, pink and brown noise at three levels."""
    count = math.ceil(seconds * rate)
    yield np.zeros(count, np.float32)
    frequencies = np.fft.rfftfreq(count, 1.0 / rate)
    frequencies[0] = math.inf
    for colour in range(3):
        generator = np.random.default_rng((seed, colour))
        spectrum = np.fft.rfft(generator.standard_normal(count)) / frequencies ** (colour / 2.0)
        noise = np.fft.irfft(spectrum, count)
        noise /= np.sqrt(np.square(noise).mean())
        for level in (-60.0, -40.0, -20.0):
            yield (np.clip(10.0 ** (level / 20.0) * noise, -1.0, 1.0)).astype(np.float32)


@contextlib.contextmanager
def _tap(
    network: Network,
) -> Generator[tuple[list[Float32[np.ndarray, "_ dim"]], list[Float64[np.ndarray, " _"]]]]:
    """Collect, batch by batch, what the output layer is given and the mean power of the segments."""
    inputs: list[Float32[np.ndarray, "_ dim"]] = []
    powers: list[Float64[np.ndarray, " _"]] = []

    def keep_input(_: nn.Module, given: tuple[Float[torch.Tensor, "batch dim"], ...]) -> None:
        inputs.append(given[0].detach().float().cpu().numpy())

    def keep_power(_: nn.Module, given: tuple[Float[torch.Tensor, "batch samples"], ...]) -> None:
        powers.append(given[0].detach().double().square().mean(dim=1).cpu().numpy())

    handles = [
        network.output_layer.register_forward_pre_hook(keep_input),
        network.front_end.register_forward_pre_hook(keep_power),
    ]
    try:
        yield inputs, powers
    finally:
        for handle in handles:
            handle.remove()
