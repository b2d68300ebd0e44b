"""VGGish as Google released it (tensorflow/models, research/audioset/vggish), with the post-processing of AudioSet's embeddings.

Here is the network; its published weights come in through ``hearsight convert``. The embedding is what ``vggish_slim.py`` gives:
128 numbers without activation. The torch port known as torchvggish differs in four ways: a last ReLU, rounding for cutting off,
floating-point instead of 8-bit results, and a lost batch axis for a single patch.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from hearsight.errors import UsageError
from hearsight.models.architectures.vggish_layers import EMBEDDING_DIM, make_vggish_layers
from hearsight.models.network import Network
from hearsight.models.row import NetworkRow
from hearsight.models.segments import Tail
from hearsight.signal.front_ends import VGGISH

QUANTIZE_MIN, QUANTIZE_MAX = -2.0, 2.0
"""The range of a rotated embedding that 8 bits stand for (``vggish_params.py``)."""


class Postprocessor(nn.Module):
    """Rotate embeddings by PCA with whitening, and cut them down to 8 bits (``vggish_postprocess.py``).

    ``pca_eigen_vectors`` and ``pca_means`` bear the names that they have in ``vggish_pca_params.npz``; fresh ones change nothing.
    """

    pca_eigen_vectors: Float[Tensor, "dim dim"]
    pca_means: Float[Tensor, " dim"]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pca_eigen_vectors", torch.eye(EMBEDDING_DIM))
        self.register_buffer("pca_means", torch.zeros(EMBEDDING_DIM))

    def forward(self, embeddings: Float[Tensor, "*batch dim"]) -> UInt8[Tensor, "*batch dim"]:
        """Return ``E (x - mean)``, clipped to [-2, 2] and mapped to 0..255; fractions are cut off, not rounded."""
        rotated = (embeddings.float() - self.pca_means) @ self.pca_eigen_vectors.T
        clipped = rotated.clamp(QUANTIZE_MIN, QUANTIZE_MAX)
        scaled = (clipped - QUANTIZE_MIN) * (255.0 / (QUANTIZE_MAX - QUANTIZE_MIN))
        return scaled.to(torch.uint8)


class Vggish(Network):
    """The classic VGGish on 96 x 64 patches, which can post-process its embeddings; parameters as those of :func:`build_vggish`."""

    def __init__(self, num_classes: int, *, pca: bool, width: float, tail: Tail) -> None:
        trunk, classifier = make_vggish_layers(num_classes, batch_norm=False, width=width)
        super().__init__(VGGISH, trunk, classifier, embedding_dim=EMBEDDING_DIM, num_classes=num_classes)
        self.postprocessor = Postprocessor() if pca else None
        self.tail = tail

    def postprocess(self, embeddings: Float[Tensor, "*batch dim"]) -> UInt8[Tensor, "*batch dim"]:
        """Make embeddings what AudioSet's released features are: rotated, 8 bits a number.

        Raises
        ------
        UsageError
            When the network was built without PCA.
        """
        if self.postprocessor is None:
            raise UsageError(self.name or "vggish", "no PCA", "one built with pca=True", "convert it with its PCA file")
        return self.postprocessor(embeddings)


def build_vggish(
    num_classes: int, *, pca: bool = False, width: float = 1.0, tail: Literal["overlap", "drop"] = "overlap"
) -> Network:
    """Build the released VGGish with fresh weights.

    Parameters
    ----------
    num_classes
        Outputs of the last layer. The release has none, its demo adds 100; with 0, neither has this network, and there is nothing
        behind its embeddings.
    pca
        Whether it holds the arrays of the post-processing.
    width
        Factor on all channels and units but the embedding's.
    tail
        What becomes of the end of a sound; see :mod:`hearsight.models.segments`. The release drops what is left behind the last
        whole segment: converted weights are built with ``drop``.
    """
    return Vggish(num_classes, pca=pca, width=width, tail=tail)


NETWORKS = (
    NetworkRow(
        name="vggish",
        paper="Hershey 2017",
        table="public release",
        factory=build_vggish,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=527,
        notes="the embedding is 128 numbers before activation; PCA and 8 bits on request (pca=True)",
        classless=True,
    ),
)
"""The family's row of the zoo."""
