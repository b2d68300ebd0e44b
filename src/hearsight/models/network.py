"""The base of all networks: waveforms in, logits and embeddings of their segments out, with the front end inside."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from hearsight.errors import UsageError
from hearsight.finite import describe_not_finite
from hearsight.models.front_end import make_front_end
from hearsight.models.segments import Segmentation, Tail
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd


@dataclasses.dataclass(frozen=True)
class NetworkOutput:
    """What a network returns for each segment of each waveform of a batch.

    Attributes
    ----------
    logits
        One per class; see :attr:`probabilities`.
    embeddings
        The learned vector of the segment.
    weights
        What each segment counts in a mean over its waveform: 1, or less for a last one that overlaps the one before it. Zero where
        a segment only fills up the batch; its logits and embeddings are zero too.
    heads
        Sizes of the groups of classes of which exactly one holds, as :attr:`Network.heads`.
    """

    logits: Float[Tensor, "batch segments classes"]
    embeddings: Float[Tensor, "batch segments dim"]
    weights: Float[Tensor, "batch segments"]
    heads: tuple[int, ...] = ()

    @property
    def mask(self) -> Bool[Tensor, "batch segments"]:
        """True where a segment belongs to its waveform, False where it only fills up the batch."""
        return self.weights > 0.0

    @property
    def probabilities(self) -> Float[Tensor, "batch segments classes"]:
        """Probability of each class in each segment."""
        return to_probabilities(self.logits, self.heads)

    @property
    def clip_probabilities(self) -> Float[Tensor, "batch classes"]:
        """Mean of the segments' probabilities over time (Hershey 2017, section 3.2)."""
        return average_segments(self.probabilities, self.weights)

    @property
    def clip_embeddings(self) -> Float[Tensor, "batch dim"]:
        """Mean of the segments' embeddings over time."""
        return average_segments(self.embeddings.float(), self.weights)


_NetworkT = TypeVar("_NetworkT", bound="Network")


class Network(nn.Module):
    """A log-mel network: front end, trunk, classifier.

    A waveform is split into segments, each segment becomes one patch of log-mel frames, and the trunk sees one patch at a time. So
    the output for a segment does not depend on the number of segments in a batch, or on what else is in it.

    Parameters
    ----------
    front_end
        From a waveform to what the trunk sees.
    trunk
        Patches ``[batch, 1, frames, mels]`` to embeddings ``[batch, dim]``.
    classifier
        Embeddings to logits.
    embedding_dim, num_classes
        Lengths of the embedding and of the logits.
    """

    def __init__(
        self,
        front_end: FrontEnd | WaveformFrontEnd,
        trunk: nn.Module,
        classifier: nn.Module,
        *,
        embedding_dim: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.front_end = make_front_end(front_end)
        self.trunk = trunk
        self.classifier = classifier
        self.embedding_dim = embedding_dim
        self.num_classes = num_classes
        self.heads: tuple[int, ...] = ()
        """Sizes of the groups of classes, in their order, of which just one holds; none where any number of classes may hold."""
        self.repeats_short = False
        """Whether a sound that is shorter than a segment is repeated, instead of being padded with silence."""
        self.tail: Tail = "overlap"
        """What becomes of the end of a sound; see :mod:`hearsight.models.segments`."""
        self.frozen: tuple[str, ...] = ()
        """Names of the layers that stay in evaluation mode, so that their statistics and outputs do not change in training."""
        self.name = ""
        """Name in the zoo; :func:`~hearsight.models.zoo.build_network` sets it."""
        self.options: dict[str, Any] = {}
        """The other options that it was built with, fit for JSON."""

    def train(self: _NetworkT, mode: bool = True) -> _NetworkT:
        """Set training mode, or evaluation mode; frozen layers stay in the latter."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms it takes."""
        return self.front_end.definition.sample_rate

    @property
    def segment_samples(self) -> int:
        """Samples from the start of one segment to the start of the next."""
        return self.front_end.definition.segment_samples

    @property
    def least_samples(self) -> int:
        """Samples of the shortest sound that keeps its own length; a shorter one is padded or repeated to as many."""
        return self.front_end.definition.patch_samples

    @property
    def example_samples(self) -> int:
        """Samples of the excerpt that training draws from a clip: one segment's."""
        return self.front_end.definition.patch_samples

    @property
    def segmentation(self) -> Segmentation:
        """How sounds are split into segments: by :meth:`forward`, and by everything else that runs the network."""
        definition = self.front_end.definition
        return Segmentation(
            definition.patch_samples,
            definition.segment_samples,
            shortest_samples=self.least_samples,
            repeat_short=self.repeats_short,
            tail=self.tail,
        )

    def count_segments(self, num_samples: int) -> int:
        """Return the number of segments of a waveform, as :meth:`Segmentation.count` does."""
        return self.segmentation.count(num_samples)

    def forward(
        self, waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None = None
    ) -> NetworkOutput:
        """Return logits and embeddings of each segment of a batch of waveforms.

        Parameters
        ----------
        waveform
            ``[batch, samples]``: floating-point amplitudes in [-1, 1] at :attr:`sample_rate`, one channel.
        lengths
            ``[batch]``: samples of each waveform, where they are of unequal length and filled up with anything. The output of each
            is then the same as on its own. Without it, all are taken whole.

        Raises
        ------
        UsageError
            When there is more than one channel, the numbers are integers, the batch is empty, an amplitude is NaN or infinite, or
            a length is not within 1 and the batch's.
        """
        waveform, samples = check_waveform(waveform, lengths)
        rule = self.segmentation
        if min(samples) == max(samples):
            segments = rule.split(waveform[:, : samples[0]])
            outputs = self.forward_segments(segments.flatten(0, 1))
            logits, embeddings = (values.unflatten(0, segments.shape[:2]) for values in outputs)
            weights = rule.place(samples[0])[1].expand(len(samples), -1)
        else:
            rows = [rule.split(row[None, :length])[0] for row, length in zip(waveform, samples, strict=True)]
            logits, embeddings = (_fill_up(values) for values in self._forward_by_length(rows))
            weights = _fill_up([rule.place(length)[1] for length in samples])
        return NetworkOutput(logits, embeddings, weights.to(waveform.device, torch.float32), self.heads)

    def _forward_by_length(
        self, rows: list[Float[Tensor, "_ _"]]
    ) -> tuple[list[Float[Tensor, "_ classes"]], list[Float[Tensor, "_ dim"]]]:
        """Return logits and embeddings of each row's segments; segments of equal length go through the network together."""
        logits, embeddings = ([torch.empty(0)] * len(rows) for _ in range(2))
        for length in sorted({row.shape[1] for row in rows}):
            group = [index for index, row in enumerate(rows) if row.shape[1] == length]
            outputs = self.forward_segments(torch.cat([rows[index] for index in group]))
            counts = [len(rows[index]) for index in group]
            for target, values in zip((logits, embeddings), outputs, strict=True):
                for index, part in zip(group, values.split(counts), strict=True):
                    target[index] = part
        return logits, embeddings

    def probabilities(self, logits: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch classes"]:
        """Return the probabilities of logits, in single precision: of each class on its own, or head by head."""
        return to_probabilities(logits, self.heads)

    @property
    def output_layer(self) -> nn.Linear | nn.Conv1d:
        """The layer whose outputs are the logits."""
        layers = [module for module in self.classifier.modules() if isinstance(module, nn.Linear)]
        return layers[-1]

    def set_prior(self, probabilities: Float[Tensor, " classes"]) -> None:
        """Set the last layer's biases so that a network with fresh weights predicts each class at about its frequency.

        Training then need not spend its first steps on learning that nearly every class is nearly always absent.
        """
        smallest = 1e-6
        with torch.no_grad():
            cast(Tensor, self.output_layer.bias).copy_(torch.logit(probabilities.clamp(smallest, 1.0 - smallest)))

    def forward_segments(
        self, segments: Float[Tensor, "segments samples"]
    ) -> tuple[Float[Tensor, "segments classes"], Float[Tensor, "segments dim"]]:
        """Return logits and embeddings of segments of one length, as :attr:`segmentation` makes them."""
        patches = self.front_end(segments).unsqueeze(1)
        embeddings = self.trunk(patches)
        return self.classifier(embeddings), embeddings


def to_probabilities(
    logits: Float[Tensor, "*batch classes"], heads: tuple[int, ...]
) -> Float[Tensor, "*batch classes"]:
    """Return the sigmoid of each logit; or, if there are heads, the softmax over each."""
    if not heads:
        return torch.sigmoid(logits.float())
    return torch.cat([head.softmax(-1) for head in logits.float().split(heads, dim=-1)], dim=-1)


def check_waveform(
    waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None
) -> tuple[Float[Tensor, "batch samples"], list[int]]:
    """Check a batch of waveforms; return them with zeros after their ends, and their lengths.

    Raises
    ------
    UsageError
        As :meth:`Network.forward` does.
    """
    samples = _check_lengths(waveform, lengths)
    waveform = _silence_rest(waveform, samples)
    if not torch.isfinite(waveform).all():
        found = f"NaN or infinite amplitudes: {describe_not_finite(waveform.detach().cpu().numpy())}"
        raise UsageError("waveform", found, "finite ones in [-1, 1]")
    return waveform, samples


def _check_lengths(waveform: Tensor, lengths: Tensor | None) -> list[int]:
    """Check shapes, dtype and lengths; return the lengths as numbers."""
    shape = tuple(waveform.shape)
    if waveform.ndim != 2:
        hint = "mix channels down first: waveform.mean(axis of channels)"
        raise UsageError("waveform", f"shape {shape}", "[batch, samples], one channel", hint)
    if not waveform.is_floating_point():
        hint = "divide int16 samples by 32768"
        raise UsageError("waveform", f"dtype {waveform.dtype}", "floating point in [-1, 1]", hint)
    if waveform.numel() == 0:
        raise UsageError("waveform", f"shape {shape}", "at least one waveform of at least one sample")
    if lengths is None:
        return [shape[1]] * shape[0]
    values = [int(length) for length in lengths.flatten().tolist()]
    if len(values) != shape[0] or min(values) < 1 or max(values) > shape[1]:
        raise UsageError("lengths", f"{values}", f"{shape[0]} lengths from 1 to {shape[1]} samples")
    return values


def _silence_rest(waveform: Float[Tensor, "batch samples"], lengths: list[int]) -> Float[Tensor, "batch samples"]:
    """Return the waveforms with zeros after the end of each."""
    if min(lengths) == waveform.shape[1]:
        return waveform
    ends = torch.tensor(lengths, device=waveform.device)[:, None]
    return waveform.masked_fill(torch.arange(waveform.shape[1], device=waveform.device) >= ends, 0.0)


def average_segments(
    values: Float[Tensor, "batch segments numbers"], weights: Float[Tensor, "batch segments"]
) -> Float[Tensor, "batch numbers"]:
    """Return the mean of the segments' values over time, by the segments' weights."""
    return (values * weights.unsqueeze(-1)).sum(1) / weights.sum(1, keepdim=True)


def _fill_up(rows: list[Float[Tensor, ...]]) -> Float[Tensor, "batch ..."]:
    """Return rows of unequal length as one tensor, with zeros after their ends."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)
