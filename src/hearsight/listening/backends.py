"""What computes a network's outputs: torch, or ONNX Runtime in 32 or 8 bits.

The graph for ONNX Runtime is made once, and kept below ``$HEARSIGHT_CACHE`` (``~/.cache/hearsight``), named by the digest of the
weights. Graphs that come with a model are never used.

Invariant: a graph is compared with the network whenever it is opened. One that is damaged, or returns anything else, is made again.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32

from hearsight.console import print_message
from hearsight.errors import GraphError, InputError, UsageError
from hearsight.extras import is_installed
from hearsight.files import find_cache, read_regular, write_atomically
from hearsight.listening.example_sounds import make_sounds
from hearsight.models.graphs.trace import PATCHES, make_patches, name_kept_nodes, write_body
from hearsight.models.network import Network
from hearsight.runtime import Session, quantize_statically, require_exporter
from hearsight.version import VERSION

Backend = Literal["torch", "onnx", "onnx-int8", "auto"]
BACKENDS: tuple[Backend, ...] = ("torch", "onnx", "onnx-int8", "auto")
TOLERANCE = 1e-3
"""How far a 32-bit graph may be from the network: in a probability, and in an embedding relative to its largest number."""
LEAST_COSINE = 0.9
"""Smallest mean cosine between the embeddings of an 8-bit graph and those of the network, on generated sounds."""
NUM_CALIBRATION, NUM_COMPARED = 96, 4
"""Generated segments for the ranges of an 8-bit graph, and for each comparison."""
_VERSION = 1


def choose_backend(backend: Backend, device: str) -> Backend:
    """Return what is used: of ``auto``, ``onnx`` on a processor if ONNX Runtime is installed, otherwise ``torch``.

    Raises
    ------
    UsageError
        When there is no such backend, or ONNX Runtime is to be used on another device than the processor.
    """
    if backend not in BACKENDS:
        raise UsageError("backend", f"{backend!r}", ", ".join(BACKENDS))
    if backend == "auto":
        found = device == "cpu" and is_installed("onnxruntime") and is_installed("onnxscript")
        return "onnx" if found else "torch"
    if backend != "torch" and device != "cpu":
        raise UsageError("backend", f"{backend} on {device}", "torch, or the device cpu")
    return backend


class GraphRunner:
    """Runs the front end of a network in torch, and what follows in ONNX Runtime.

    Parameters
    ----------
    network
        The network, on the processor, in evaluation mode.
    digest
        Of its weights.
    backend
        ``onnx`` or ``onnx-int8``.

    Raises
    ------
    MissingExtraError
        When the extra ``onnx`` is not installed.
    GraphError
        When the network cannot be written as a graph that returns what it returns.
    """

    def __init__(self, network: Network, digest: str, backend: Backend) -> None:
        self._network, self._int8 = network, backend == "onnx-int8"
        self.segment_samples = network.segmentation.segment_samples
        key = f"{digest} {backend} {VERSION} {torch.__version__} {_VERSION}"
        path = find_cache("graphs") / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.onnx"
        self._session = self._open(path) if path.exists() else None
        if self._session is None:
            self._session = self._make(path)

    def run(
        self, waveforms: Float32[np.ndarray, "segments samples"]
    ) -> tuple[Float32[np.ndarray, "segments classes"], Float32[np.ndarray, "segments dim"]]:
        """Return probabilities and embeddings of segments of full length."""
        assert self._session is not None
        return self._run(self._session, waveforms)

    def _run(
        self, session: Session, waveforms: Float32[np.ndarray, "segments samples"]
    ) -> tuple[Float32[np.ndarray, "segments classes"], Float32[np.ndarray, "segments dim"]]:
        with torch.inference_mode():
            patches = make_patches(self._network, torch.from_numpy(waveforms)).numpy()
        probabilities, embeddings = session.run({PATCHES: patches})
        return probabilities, embeddings

    def _open(self, path: Path) -> Session | None:
        """Return the session of a graph of the cache; None if it cannot be used, which prints a message."""
        try:
            session = Session(read_regular(path, sys.maxsize), path, threads=torch.get_num_threads())
            self._check(session, path)
        except (InputError, OSError) as error:
            print_message(f"{path}: made again ({error})")
            return None
        return session

    def _make(self, path: Path) -> Session:
        require_exporter("ONNX graphs")
        print_message("making the graph for ONNX Runtime, once for this model")
        try:
            with write_atomically(path) as temporary:
                write_body(self._network, temporary)
                if self._int8:
                    self._quantize(temporary)
                session = Session(temporary.read_bytes(), path, threads=torch.get_num_threads())
                self._check(session, path)
        except (RuntimeError, TypeError, ValueError) as error:  # what torch's exporter raises
            found = f"a network that cannot be written as a graph ({' '.join(str(error).split()):.200})"
            raise GraphError(path, found, "a graph", "use --backend torch") from error
        return session

    def _quantize(self, path: Path) -> None:
        rate, length = self._network.sample_rate, self.segment_samples
        sounds = make_sounds(NUM_CALIBRATION, length, rate, seed=0)
        with torch.inference_mode():
            patches = make_patches(self._network, torch.from_numpy(sounds)).numpy()
        feeds = functools.partial(lambda rows: [{PATCHES: row[None]} for row in rows], patches)
        with write_atomically(path) as small:
            quantize_statically(path, small, feeds, keep=name_kept_nodes)

    def _check(self, session: Session, path: Path) -> None:
        """Compare a graph with the network on generated sounds.

        Raises
        ------
        GraphError
            When it returns anything else.
        """
        sounds = make_sounds(NUM_COMPARED, self.segment_samples, self._network.sample_rate, seed=1)
        found = self._run(session, sounds)
        with torch.inference_mode():
            logits, embeddings = self._network.forward_segments(torch.from_numpy(sounds))
            wanted = self._network.probabilities(logits).numpy(), embeddings.float().numpy()
        if any(one.shape != other.shape for one, other in zip(found, wanted, strict=True)):
            shapes = [one.shape for one in found]
            raise GraphError(path, f"outputs of the shapes {shapes}", f"{[one.shape for one in wanted]}")
        if self._int8:
            norms = np.linalg.norm(found[1], axis=1) * np.linalg.norm(wanted[1], axis=1)
            cosine = float(((found[1] * wanted[1]).sum(axis=1) / np.maximum(norms, 1e-12)).mean())
            if not cosine >= LEAST_COSINE:
                hint = "this network needs 32 bits: --backend onnx"
                raise GraphError(path, f"embeddings with a cosine of {cosine:.3f}", f"{LEAST_COSINE:g} or more", hint)
            return
        scales = 1.0, max(1.0, float(np.abs(wanted[1]).max(initial=0.0)))
        for one, other, scale in zip(found, wanted, scales, strict=True):
            difference = float(np.abs(one - other).max(initial=0.0)) / scale
            if not difference <= TOLERANCE:
                raise GraphError(path, f"a graph that differs from the network by {difference:.2g}", f"{TOLERANCE:g}")
