"""SoundNet (Aytar et al. 2016): one-dimensional convolutions on the waveform itself, of any length.

The paper's tables say how the eight-layer and the five-layer network are made, with two slips that its own code and the printed
sizes of the maps correct: the poolings have strides of 8, 8 and 4, and the sizes are those of 20 s (``docs/paper-notes.md``).

A network makes a prediction every 3 or 4.5 s: the outputs of its last layer are its segments. All that it sees is the waveform
and the padding of its layers, so that a batch of unequal lengths gives for each waveform what it gives alone. A waveform too
short for a single output is repeated until it is long enough, as the authors do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from hearsight.errors import UsageError
from hearsight.models.architectures.soundnet_layers import (
    EIGHT_LAYERS,
    FIVE_LAYERS,
    Plan,
    Window,
    check_layer,
    draw_soundnet,
    find_channels,
    make_layers,
)
from hearsight.models.network import Network, check_waveform
from hearsight.models.row import NetworkRow
from hearsight.signal.front_ends import SOUNDNET, SOUNDNET_5, WaveformFrontEnd

NUM_CLASSES = 1401
"""1,000 objects of ImageNet and 401 scenes of Places2."""


class SoundNet(Network):
    """A SoundNet of eight or five layers.

    Parameters
    ----------
    plan, front_end
        One of the paper's tables, and the input.
    num_classes
        Outputs of the last layer.
    embedding_layer
        The layer whose values, as far as an output of the last layer sees them, are averaged into that segment's embedding.
    heads
        Sizes of the groups of classes of which just one holds: the paper's are 1,000 objects and 401 scenes. Without them, any
        number of classes may hold.
    width
        Factor on all channels.

    Raises
    ------
    UsageError
        When there is no such layer, or the heads do not make up the classes.
    """

    def __init__(
        self,
        plan: Plan,
        front_end: WaveformFrontEnd,
        num_classes: int,
        *,
        embedding_layer: str | None = None,
        heads: Sequence[int] | None = None,
        width: float = 1.0,
    ) -> None:
        embedding_layer = embedding_layer or plan.embedding
        layers, channels = make_layers(plan, width)
        check_layer(embedding_layer, plan)
        last = nn.Conv1d(channels, num_classes, plan.last.kernel, plan.last.stride, plan.last.padding)
        dim = find_channels(layers, embedding_layer)
        super().__init__(front_end, layers, last, embedding_dim=dim, num_classes=num_classes)
        self.plan = plan
        self.embedding_layer = embedding_layer
        self.repeats_short = True
        self.heads = check_heads(heads or (), num_classes)
        draw_soundnet(self)

    @property
    def output_layer(self) -> nn.Conv1d:
        """The convolution that gives the logits."""
        return cast(nn.Conv1d, self.classifier)

    @property
    def patch_samples(self) -> int:
        """Samples that a shorter waveform is repeated to."""
        return self.front_end.definition.patch_samples

    @property
    def example_samples(self) -> int:
        """Samples of the excerpt that training draws from a clip; clips are shorter than what one output sees."""
        return self.segment_samples

    def count_outputs(self, num_samples: int) -> int:
        """Return the number of outputs of the last layer for a whole waveform, see :meth:`forward_whole`."""
        return self.plan.last.count(self.count_values(num_samples, list(self.plan.layers)[-1]))

    def count_values(self, num_samples: int, layer: str) -> int:
        """Count the values over time that a layer gives for a waveform.

        Raises
        ------
        UsageError
            When there is no such layer.
        """
        check_layer(layer, self.plan)
        length = max(num_samples, self.patch_samples)
        for name, (_, window) in self.plan.layers.items():
            length = window.count(length)
            if name == layer:
                break
        return length

    def forward_whole(
        self, waveform: Shaped[Tensor, "*shape"], lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch outputs classes"], Float[Tensor, "batch outputs dim"]]:
        """Return logits and embeddings over time of whole waveforms, fully convolutionally, as in the authors' code.

        :meth:`forward` splits a waveform into overlapping segments instead, as for every network. For a waveform of up to
        ``patch_samples`` both are the same.

        Parameters
        ----------
        waveform, lengths
            As for :meth:`forward`; errors too.

        Returns
        -------
        Float[Tensor, "batch outputs classes"], Float[Tensor, "batch outputs dim"]
            The first :meth:`count_outputs` belong to each waveform; zeros follow.
        """
        waveform, samples = check_waveform(waveform, lengths)
        logits, embeddings = self._conclude(*self._run_layers(waveform, samples))
        counts = [self.count_outputs(length) for length in samples]
        logits, embeddings = (
            silence_behind(values.transpose(1, 2), counts).transpose(1, 2) for values in (logits, embeddings)
        )
        return logits, embeddings

    def forward_segments(
        self, segments: Float[Tensor, "segments samples"]
    ) -> tuple[Float[Tensor, "segments classes"], Float[Tensor, "segments dim"]]:
        """Return the mean logits and embeddings of segments of one length, usually of a single output each."""
        logits, embeddings = self._conclude(*self._run_layers(segments, [segments.shape[1]] * segments.shape[0]))
        return logits.mean(1), embeddings.mean(1)

    def features(
        self, waveform: Shaped[Tensor, "*shape"], layer: str, lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channels values"]:
        """Return the values of a layer over time, after its normalisation and activation.

        Parameters
        ----------
        waveform, lengths
            As for :meth:`forward`.
        layer
            Its name in the paper's table, for example ``pool5``.

        Returns
        -------
        Float[Tensor, "batch channels values"]
            :meth:`count_values` returns how many values belong to each waveform; zeros follow.

        Raises
        ------
        UsageError
            When there is no such layer, or the waveform does not fit the network.
        """
        check_layer(layer, self.plan)
        return self._run_layers(*check_waveform(waveform, lengths), until=layer)[0][layer]

    def _run_layers(
        self, waveform: Float[Tensor, "batch samples"], samples: Sequence[int], until: str | None = None
    ) -> tuple[dict[str, Float[Tensor, "batch _ _"]], dict[str, list[int]]]:
        """Run the layers; what lies behind the end of a waveform stays zero in each of them, as a padding would be."""
        values = self.front_end(repeat_short(waveform, samples, self.patch_samples)).unsqueeze(1)
        lengths = [max(length, self.patch_samples) for length in samples]
        maps: dict[str, Tensor] = {}
        sizes: dict[str, list[int]] = {}
        for name, layer in self.trunk.named_children():
            values = layer(values)
            lengths = [self.plan.layers[name][1].count(length) for length in lengths]
            values = silence_behind(values, lengths)
            maps[name], sizes[name] = values, lengths
            if name == until:
                break
        return maps, sizes

    def _conclude(
        self, maps: dict[str, Float[Tensor, "batch _ _"]], sizes: dict[str, list[int]]
    ) -> tuple[Float[Tensor, "batch outputs classes"], Float[Tensor, "batch outputs dim"]]:
        """Return logits and embeddings over time, ``[batch, outputs, …]``."""
        logits = self.classifier(list(maps.values())[-1]).transpose(1, 2)
        behind = list(self.plan.layers)[list(self.plan.layers).index(self.embedding_layer) + 1 :]
        window = Window(1, 1)
        for name in behind:
            window = self.plan.layers[name][1].after(window)
        window = self.plan.last.after(window)
        values = maps[self.embedding_layer]
        known = silence_behind(torch.ones_like(values[:, :1]), sizes[self.embedding_layer])
        sums, counts = (nn.functional.avg_pool1d(each, *dataclasses.astuple(window)) for each in (values, known))
        embeddings = (sums / counts.clamp(min=1e-6))[:, :, : logits.shape[1]].transpose(1, 2)
        return logits, embeddings


def check_heads(heads: Sequence[int], num_classes: int) -> tuple[int, ...]:
    """Refuse heads that do not make up the classes.

    Raises
    ------
    UsageError
        When there are some, and their sizes are not positive or sum up to another number.
    """
    if heads and (min(heads) < 1 or sum(heads) != num_classes):
        raise UsageError("heads", f"{list(heads)}", f"sizes that sum up to {num_classes} classes")
    return tuple(heads)


def repeat_short(
    waveform: Float[Tensor, "batch samples"], samples: Sequence[int], least: int
) -> Float[Tensor, "batch whole_samples"]:
    """Repeat each waveform that has fewer than ``least`` samples until it has as many."""
    if min(samples) >= least:
        return waveform
    whole = nn.functional.pad(waveform, (0, max(0, least - waveform.shape[1])))
    rows = [
        row
        if length >= least
        else nn.functional.pad(row[:length].repeat(-(-least // length))[:least], (0, len(row) - least))
        for row, length in zip(whole, samples, strict=True)
    ]
    return torch.stack(rows)


def silence_behind(
    values: Float[Tensor, "batch channels values"], lengths: Sequence[int]
) -> Float[Tensor, "batch channels values"]:
    """Put zeros after the first ``lengths`` values of each row."""
    if min(lengths) == values.shape[2]:
        return values
    ends = torch.tensor(lengths, device=values.device)[:, None, None]
    return values.masked_fill(torch.arange(values.shape[2], device=values.device) >= ends, 0.0)


def build_soundnet_8(
    num_classes: int, *, embedding_layer: str = "conv7", heads: Sequence[int] | None = None, width: float = 1.0
) -> Network:
    """Build the eight-layer network (Table 1); options as :class:`SoundNet` has them."""
    return SoundNet(EIGHT_LAYERS, SOUNDNET, num_classes, embedding_layer=embedding_layer, heads=heads, width=width)


def build_soundnet_5(
    num_classes: int, *, embedding_layer: str = "conv4", heads: Sequence[int] | None = None, width: float = 1.0
) -> Network:
    """Build the five-layer network (Table 2); options as :class:`SoundNet` has them."""
    return SoundNet(FIVE_LAYERS, SOUNDNET_5, num_classes, embedding_layer=embedding_layer, heads=heads, width=width)


NETWORKS = (
    NetworkRow(
        name="soundnet-8",
        paper="SoundNet 2016",
        table="Table 1",
        factory=build_soundnet_8,
        input="waveform at 22,050 Hz, 10 s",
        published_classes=NUM_CLASSES,
        notes="the paper prints sizes of maps, which are met for 20 s, and no counts; multiplies are for 10 s, 30 M a second",
    ),
    NetworkRow(
        name="soundnet-5",
        paper="SoundNet 2016",
        table="Table 2",
        factory=build_soundnet_5,
        input="waveform at 22,050 Hz, 5 s",
        published_classes=NUM_CLASSES,
        notes="the paper prints sizes of maps and no counts; multiplies are for 5 s, 75 M a second",
    ),
)
"""The family's rows of the zoo."""
