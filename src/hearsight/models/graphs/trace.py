"""Writing a network as an ONNX graph: the exporter without its messages, and the graph of a network after its front end."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.errors import GraphError
from hearsight.models.graphs.traceable import replace_layers
from hearsight.models.network import Network

OPSET = 18
PATCHES, OUTPUTS = "patches", ("probabilities", "embeddings")
"""Input and outputs of the graph of :class:`NetworkBody`."""


class NetworkBody(nn.Module):
    """A network after its front end, in evaluation mode: patches in, probabilities and embeddings of the segments out.

    Of a network that does not apply a trunk to log-mel patches (SoundNet), the whole is the body, and takes segments.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        body = copy.deepcopy(network).cpu().float().eval()
        body = body.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue] (torch lists no such overload)
        replace_layers(body)
        self.network = body

    def forward(
        self, patches: Float[Tensor, segments * patch]
    ) -> tuple[Float[Tensor, "segments classes"], Float[Tensor, "segments dim"]]:
        """Return probabilities and embeddings."""
        if takes_segments(self.network):
            logits, embeddings = self.network.forward_segments(patches)
        else:
            embeddings = self.network.trunk(patches.unsqueeze(1))
            logits = self.network.classifier(embeddings)
        return self.network.probabilities(logits), embeddings.float()


def takes_segments(network: Network) -> bool:
    """Return whether the body of a network is the whole network."""
    return type(network).forward_segments is not Network.forward_segments


def make_patches(network: Network, segments: Float[Tensor, "segments samples"]) -> Float[Tensor, segments * patch]:
    """Return what the body of a network takes."""
    return segments if takes_segments(network) else network.front_end(segments)


def write_body(network: Network, path: Path) -> None:
    """Write the graph of a network after its front end, for any number of segments.

    Raises
    ------
    GraphError
        When the exporter returns none.
    """
    example = torch.zeros(2, network.segmentation.segment_samples)
    with torch.inference_mode():
        patches = make_patches(network, example)
    sizes = {PATCHES: {0: torch.export.Dim("segments")}}
    write_graph(NetworkBody(network), patches.clone(), path, {PATCHES: OUTPUTS}, sizes)


def write_graph(
    module: nn.Module,
    example: Float[Tensor, batch * rest],
    path: Path,
    names: Mapping[str, Sequence[str]],
    sizes: Mapping[str, Any],
) -> None:
    """Trace a module by an example, and write what was traced.

    Parameters
    ----------
    module
        Of one input.
    example
        An input; its first size has to be more than one.
    path
        The file to write.
    names
        The name of the input, and those of the outputs.
    sizes
        The sizes of the input that are free, as torch's exporter takes them.

    Raises
    ------
    GraphError
        When the exporter returns none.
    """
    ((name, outputs),) = names.items()
    # the exporter's messages about its own steps are no help to a user
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=dict(sizes),
        )
    if program is None:
        raise GraphError(path, "the exporter returned nothing", "a graph")
    program.save(str(path), external_data=False)


def name_kept_nodes(nodes: Any) -> Collection[str]:
    """Name the nodes of a graph that stay in floating point: everything before the front end's logarithm, and normalisations.

    What the front end gives is as loud as it is quiet, over many orders of magnitude: 8 bits would silence the quiet bands. A
    normalisation that could not be put into a convolution (Jia's follow the activation) costs little as it is.
    """
    makers = {output: node for node in nodes for output in node.output}
    kept: dict[str, Any] = {}
    waiting = [node for node in nodes if node.op_type == "Log"]
    while waiting:
        node = waiting.pop()
        if node.name not in kept:
            kept[node.name] = node
            waiting += [makers[name] for name in node.input if name in makers]
    return [*kept, *(node.name for node in nodes if node.op_type == "BatchNormalization")]


@contextlib.contextmanager
def _quiet(*names: str) -> Generator[None]:
    """Keep loggers from printing what is no error."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
