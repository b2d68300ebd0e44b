"""A checkpoint as one ONNX file: a waveform in, probabilities and embeddings out, the front end inside.

==================  ==============================  ==================================================================
``waveform``        ``[batch, samples]``            amplitudes in [-1, 1] at the network's sample rate, one channel
``probabilities``   ``[batch, classes]``            of the clip: the mean over its time
``segments``        ``[batch, segments, classes]``  of each segment
``embeddings``      ``[batch, segments, dim]``      of each segment
``weights``         ``[segments]``                  what each segment counts in a mean over time
==================  ==============================  ==================================================================

Batch and length are of any size: sounds are split into segments as everywhere else (:mod:`hearsight.models.segments`). The class
names, the sample rate and the length of a segment are in the file's properties. So the file is an audio teacher as well
(``onnx:model.onnx``).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from hearsight.console import print_message
from hearsight.errors import GraphError, UsageError
from hearsight.export.calibration import Agreement, draw_examples, measure_agreement
from hearsight.files import check_output, write_atomically
from hearsight.listening.listener import Listener
from hearsight.listening.outputs import SegmentOutputs, join_outputs
from hearsight.models.checkpoint import CheckpointInfo, load_checkpoint
from hearsight.models.graphs.trace import name_kept_nodes, write_graph
from hearsight.models.graphs.traceable import TraceableNetwork
from hearsight.models.network import Network
from hearsight.runtime import Session, quantize_statically, require_exporter, write_metadata
from hearsight.version import VERSION

INPUT, OUTPUTS = "waveform", ("probabilities", "segments", "embeddings", "weights")
MOST_SAMPLES = 2**31
CHECKED_LENGTHS = (0.3, 1.0, 1.49, 2.0, 3.2)
"""Lengths of the sounds that a file is checked on, in segments: shorter than one, whole ones, and with a rest."""
TOLERANCE = 1e-3
"""How far the file may be from the network: in a probability, and in an embedding relative to its largest number."""


@dataclasses.dataclass(frozen=True)
class ExportSummary:
    """What was exported.

    Attributes
    ----------
    path, model
        The file, and the name of the network.
    size_bytes
        Length of the file.
    sample_rate, segment_seconds, num_classes, embedding_dim
        What the file takes and returns.
    difference
        Largest difference of a probability between the file and :class:`~hearsight.listening.listener.Listener`, on noise of
        several lengths.
    agreement
        How far the 8-bit file agrees with the network on sounds of the dataset; None in floating point.
    """

    path: str
    model: str
    size_bytes: int
    sample_rate: int
    segment_seconds: float
    num_classes: int
    embedding_dim: int
    difference: float
    agreement: Agreement | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return dataclasses.asdict(self)

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        lines = [
            f"{self.path}: {self.model}, {self.size_bytes / 1e6:.1f} MB, waveform at {self.sample_rate:,} Hz, segments of "
            f"{self.segment_seconds:g} s, {self.num_classes:,} classes, embeddings of {self.embedding_dim}",
        ]
        if self.agreement is None:
            return [*lines, f"differs from the network by at most {self.difference:.1e} in a probability"]
        return [*lines, *self.agreement.describe()]


def export_network(
    run: str | Path, out: str | Path, *, int8: bool = False, calibrate: str | Path | None = None, seed: int = 0
) -> ExportSummary:
    """Write a checkpoint as an ONNX file.

    Parameters
    ----------
    run
        A run or checkpoint folder.
    out
        The file to write; one that is there is replaced when the new one is whole.
    int8
        Quantize weights and maps to 8 bits, except in the front end.
    calibrate
        The dataset whose sounds determine the ranges of the maps; the agreement is measured on other sounds of it.
    seed
        Seed of the choice of those sounds.

    Raises
    ------
    UsageError
        When ``int8`` comes without a dataset or the other way round, or the file is not to be called ``.onnx``.
    MissingExtraError
        When the extra ``onnx`` is not installed.
    CheckpointError, DatasetError
        When the checkpoint or the dataset cannot be used.
    GraphError
        When the file does not return what the network returns; it is not kept.

    Examples
    --------
    >>> summary = hearsight.export_network("run", "run.onnx")
    >>> summary.difference < 1e-4
    True
    """
    out = Path(out)
    _check_request(out, int8, calibrate)
    network, info = load_checkpoint(run)
    examples = draw_examples(calibrate, network, seed) if calibrate is not None else None
    with write_atomically(out) as whole:
        graph = TraceableNetwork(network)
        _write_graph(graph, whole)
        write_metadata(whole, _describe_network(network, info))
        difference = _measure_difference(network, info, Session(whole.read_bytes(), out))
        agreement = None
        if examples is not None:
            print_message(f"calibrating on {len(examples.calibration)} segments")
            batches = [{INPUT: batch} for batch in np.array_split(examples.calibration, len(examples.calibration))]
            with write_atomically(whole) as small:
                quantize_statically(whole, small, lambda: batches, keep=name_kept_nodes)
            session = Session(whole.read_bytes(), out)
            agreement = measure_agreement(graph, session, examples)
    return ExportSummary(
        path=str(out),
        model=info.name,
        size_bytes=out.stat().st_size,
        sample_rate=network.sample_rate,
        segment_seconds=network.segment_samples / network.sample_rate,
        num_classes=network.num_classes,
        embedding_dim=network.embedding_dim,
        difference=difference,
        agreement=agreement,
    )


def _check_request(out: Path, int8: bool, calibrate: str | Path | None) -> None:
    if int8 and calibrate is None:
        hint = "the dataset that the network was trained on is a good one"
        raise UsageError("--int8", "no sounds to calibrate on", "--calibrate DATASET", hint)
    if calibrate is not None and not int8:
        raise UsageError("--calibrate", f"nothing to calibrate on {calibrate}", "--int8 with it")
    if out.suffix != ".onnx":
        raise UsageError("--out", f"{out}", "a file name that ends in .onnx")
    check_output(out)
    require_exporter("exporting to ONNX")


def _write_graph(graph: TraceableNetwork, path: Path) -> None:
    """Trace the network by an example of two sounds, and write what was traced."""
    example = torch.zeros(2, 2 * graph.network.segmentation.segment_samples + 100)
    sizes = {INPUT: {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples", max=MOST_SAMPLES)}}
    write_graph(graph, example, path, {INPUT: OUTPUTS}, sizes)


def _describe_network(network: Network, info: CheckpointInfo) -> dict[str, str]:
    rule = network.segmentation
    return {
        "hearsight_version": VERSION,
        "network": info.name,
        "names": json.dumps(list(info.vocabulary), ensure_ascii=False),
        "sample_rate": str(network.sample_rate),
        "training_sample_rate": str(info.training_sample_rate),
        "segment_samples": str(rule.segment_samples),
        "hop_samples": str(rule.hop_samples),
        "front_end": network.front_end.definition.name,
    }


def _measure_difference(network: Network, info: CheckpointInfo, session: Session) -> float:
    """Compare the file with a listener on noise of several lengths and batches; return the largest difference of a probability.

    Raises
    ------
    GraphError
        When it is not the same network.
    """
    listener = Listener(network, info.vocabulary, name=info.name, device="cpu")
    generator = np.random.default_rng(0)
    largest = 0.0
    for number, segments in enumerate(CHECKED_LENGTHS):
        length = round(segments * network.segmentation.segment_samples)
        waveform = (0.1 * generator.standard_normal((1 + number % 2, length))).astype(np.float32)
        found = session.run({INPUT: waveform}, OUTPUTS)
        for name, one, other in zip(OUTPUTS, found, run_listener(listener, waveform), strict=True):
            scale = max(1.0, float(np.abs(other).max(initial=0.0))) if name == "embeddings" else 1.0
            same = one.shape == other.shape
            difference = float(np.abs(one - other).max(initial=0.0)) / scale if same else np.inf
            if not difference <= TOLERANCE:
                raise GraphError(name, f"the file differs from the network by {difference:.2g}", f"{TOLERANCE:g}")
            largest = max(largest, difference if name in ("probabilities", "segments") else 0.0)
    return largest


def run_listener(
    listener: Listener, waveforms: Float32[np.ndarray, "batch samples"]
) -> tuple[
    Float[np.ndarray, "batch classes"],
    Float[np.ndarray, "batch segments classes"],
    Float[np.ndarray, "batch segments dim"],
    Float32[np.ndarray, " segments"],
]:
    """Return what a listener makes of waveforms of one length, under the names of :data:`OUTPUTS`."""
    clips: list[np.ndarray] = []
    rows: list[SegmentOutputs] = []
    for waveform in waveforms:
        rows.append(join_outputs(listener.forward_waveform(waveform, listener.sample_rate)))
        clips.append(rows[-1].average(rows[-1].probabilities))
    return (
        np.stack(clips),
        np.stack([row.probabilities for row in rows]),
        np.stack([row.embeddings for row in rows]),
        rows[0].weights.astype(np.float32),
    )
