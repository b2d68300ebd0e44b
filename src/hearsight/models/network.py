"""What every network is: a waveform in, logits and embeddings of its segments out, the front end inside."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from hearsight.errors import UsageError
from hearsight.models.front_end import make_front_end
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd
from hearsight.units import count_segments


@dataclasses.dataclass(frozen=True)
class NetworkOutput:
    """What a network says of each segment of each waveform of a batch.

    Attributes
    ----------
    logits
        One per class; see :attr:`probabilities`.
    embeddings
        The learned vector of the segment.
    mask
        True where a segment belongs to its waveform, False where it only fills up the batch; what stands there is zero.
    heads
        Sizes of the groups of classes of which just one holds, as :attr:`Network.heads`.
    """

    logits: Float[Tensor, "batch segments classes"]
    embeddings: Float[Tensor, "batch segments dim"]
    mask: Bool[Tensor, "batch segments"]
    heads: tuple[int, ...] = ()

    @property
    def probabilities(self) -> Float[Tensor, "batch segments classes"]:
        """Probability of each class in each segment."""
        return to_probabilities(self.logits, self.heads)

    @property
    def clip_probabilities(self) -> Float[Tensor, "batch classes"]:
        """Mean of the segments' probabilities (Hershey 2017, section 3.2)."""
        return _mean_masked(self.probabilities, self.mask)

    @property
    def clip_embeddings(self) -> Float[Tensor, "batch dim"]:
        """Mean of the segments' embeddings."""
        return _mean_masked(self.embeddings.float(), self.mask)


class Network(nn.Module):
    """A log-mel network: front end, trunk, classifier.

    A waveform is divided into segments, each segment becomes one patch of log-mel frames, and the trunk sees one patch at a time;
    so the number of segments in a batch, and what else is in it, change nothing of what is said of a segment.

    Parameters
    ----------
    front_end
        What the network hears of a waveform.
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
        """Whether a sound that is shorter than a segment is repeated, rather than followed by silence."""
        self.name = ""
        """Name in the zoo; :func:`~hearsight.models.zoo.build_network` sets it."""
        self.options: dict[str, Any] = {}
        """What it was built with besides its name and number of classes, fit for JSON."""

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
        """Samples of the shortest sound that is heard at its own length; a shorter one is padded, or repeated, to as many."""
        return self.front_end.definition.patch_samples

    @property
    def example_samples(self) -> int:
        """Samples of the excerpt that training draws from a clip: what one segment is heard from."""
        return self.front_end.definition.patch_samples

    def count_segments(self, num_samples: int) -> int:
        """Count the segments of a waveform, as :func:`hearsight.units.count_segments` does: at least one, the last one padded."""
        return count_segments(num_samples, self.segment_samples)

    def forward(
        self, waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None = None
    ) -> NetworkOutput:
        """Hear a batch of waveforms.

        Parameters
        ----------
        waveform
            ``[batch, samples]``: floating-point amplitudes in [-1, 1] at :attr:`sample_rate`, one channel.
        lengths
            ``[batch]``: samples of each waveform, where they are of unequal length and filled up with anything; each then gives
            what it gives alone. Without it, all are taken whole.

        Raises
        ------
        UsageError
            When there is more than one channel, the numbers are integers, the batch is empty, an amplitude is NaN or infinite, or
            a length is not within 1 and the batch's.
        """
        waveform, samples = check_waveform(waveform, lengths)
        counts = [self.count_segments(length) for length in samples]
        heard = self.forward_segments(self.split_segments(waveform, counts))
        mask = torch.arange(max(counts), device=waveform.device) < torch.tensor(counts, device=waveform.device)[:, None]
        if mask.all():
            # the usual case, and one that an exporter can follow
            return NetworkOutput(heard[0].unflatten(0, mask.shape), heard[1].unflatten(0, mask.shape), mask, self.heads)
        logits, embeddings = (value.new_zeros(*mask.shape, value.shape[1]) for value in heard)
        logits[mask], embeddings[mask] = heard
        return NetworkOutput(logits, embeddings, mask, self.heads)

    def probabilities(self, logits: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch classes"]:
        """Turn logits into probabilities, in single precision: each class on its own, or head by head."""
        return to_probabilities(logits, self.heads)

    @property
    def output_layer(self) -> nn.Linear | nn.Conv1d:
        """The layer that gives the logits."""
        layers = [module for module in self.classifier.modules() if isinstance(module, nn.Linear)]
        return layers[-1]

    def set_prior(self, probabilities: Float[Tensor, " classes"]) -> None:
        """Set the last layer's biases so that fresh weights give each class about its own frequency.

        Training then need not spend its first steps on learning that nearly every class is nearly always absent.
        """
        smallest = 1e-6
        with torch.no_grad():
            cast(Tensor, self.output_layer.bias).copy_(torch.logit(probabilities.clamp(smallest, 1.0 - smallest)))

    def split_segments(
        self, waveform: Float[Tensor, "batch samples"], counts: list[int]
    ) -> Float[Tensor, "segments segment_samples"]:
        """Divide waveforms into their segments, one after the other; the last one is padded with silence, or its rest dropped."""
        definition = self.front_end.definition
        needed = (max(counts) - 1) * definition.segment_samples + definition.patch_samples
        padded = nn.functional.pad(waveform, (0, max(0, needed - waveform.shape[1])))
        pieces = padded.unfold(1, definition.patch_samples, definition.segment_samples)
        if min(counts) == max(counts):
            return pieces[:, : counts[0]].flatten(0, 1)
        return torch.cat([pieces[row, :count] for row, count in enumerate(counts)])

    def forward_traceable(
        self, waveform: Float[Tensor, "batch samples"]
    ) -> tuple[Float[Tensor, "batch segments classes"], Float[Tensor, "batch segments dim"]]:
        """Give logits and embeddings of waveforms of one length, as :meth:`forward` does, by steps that an exporter can follow."""
        definition = self.front_end.definition
        samples, step, patch = waveform.shape[1], definition.segment_samples, definition.patch_samples
        # count_segments, by whole numbers
        count = cast(int, torch.sym_max(1, (2 * samples + step) // (2 * step)))
        whole = nn.functional.pad(waveform, (0, 2 * step))[:, : (count + 1) * step]
        pieces = whole[:, : count * step].reshape(-1, count, step)
        if patch > step:
            behind = whole[:, step:].reshape(-1, count, step)
            pieces = torch.cat([pieces, behind[:, :, : patch - step]], dim=2)
        logits, embeddings = self.forward_segments(pieces.reshape(-1, patch))
        return logits.reshape(-1, count, logits.shape[1]), embeddings.reshape(-1, count, embeddings.shape[1])

    def forward_segments(
        self, segments: Float[Tensor, "segments samples"]
    ) -> tuple[Float[Tensor, "segments classes"], Float[Tensor, "segments dim"]]:
        """Give logits and embeddings of segments that have been cut to length."""
        patches = self.front_end(segments).unsqueeze(1)
        embeddings = self.trunk(patches)
        return self.classifier(embeddings), embeddings


def to_probabilities(
    logits: Float[Tensor, "*batch classes"], heads: tuple[int, ...]
) -> Float[Tensor, "*batch classes"]:
    """Take the sigmoid of each logit; or, where there are heads, the softmax over each."""
    if not heads:
        return torch.sigmoid(logits.float())
    return torch.cat([head.softmax(-1) for head in logits.float().split(heads, dim=-1)], dim=-1)


def check_waveform(
    waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None
) -> tuple[Float[Tensor, "batch samples"], list[int]]:
    """Refuse what no network can hear; give the waveforms with zeros behind their ends, and their lengths.

    Raises
    ------
    UsageError
        As :meth:`Network.forward` says.
    """
    samples = _check_lengths(waveform, lengths)
    waveform = _silence_rest(waveform, samples)
    if not torch.isfinite(waveform).all():
        raise UsageError("waveform", "NaN or infinite amplitudes", "finite ones in [-1, 1]")
    return waveform, samples


def _check_lengths(waveform: Tensor, lengths: Tensor | None) -> list[int]:
    """Refuse what no network can hear; give the lengths as numbers."""
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


def _silence_rest(waveform: Tensor, lengths: list[int]) -> Tensor:
    """Put zeros behind the end of each waveform."""
    if min(lengths) == waveform.shape[1]:
        return waveform
    ends = torch.tensor(lengths, device=waveform.device)[:, None]
    return waveform.masked_fill(torch.arange(waveform.shape[1], device=waveform.device) >= ends, 0.0)


def _mean_masked(values: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(1) / weights.sum(1)
