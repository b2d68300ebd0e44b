"""A checkpoint as one ONNX file: a waveform in, probabilities and embeddings out, the front end inside.

==================  ==============================  ==================================================================
``waveform``        ``[batch, samples]``            amplitudes in [-1, 1] at the network's sample rate, one channel
``probabilities``   ``[batch, classes]``            of the clip: the mean over its segments
``segments``        ``[batch, segments, classes]``  of each segment
``embeddings``      ``[batch, segments, dim]``      of each segment
==================  ==============================  ==================================================================

Batch and length are of any size; the class names, the sample rate and the length of a segment are in the file's properties. So the
file is an audio teacher as well (``onnx:model.onnx``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from hearsight.console import print_message
from hearsight.errors import GraphError, UsageError
from hearsight.export.calibration import Agreement, draw_examples, measure_agreement, name_kept_nodes
from hearsight.export.traceable import TraceableNetwork
from hearsight.extras import require
from hearsight.files import write_atomically
from hearsight.models.architectures.panns import Cnn14
from hearsight.models.architectures.soundnet import SoundNet
from hearsight.models.checkpoint import CheckpointInfo, load_checkpoint
from hearsight.models.network import Network
from hearsight.runtime import EXTRA, Session, quantize_statically, write_metadata
from hearsight.version import VERSION

OPSET = 18
INPUT, OUTPUTS = "waveform", ("probabilities", "segments", "embeddings")
MOST_SAMPLES = 2**31
TOLERANCE = 1e-3
"""How far the file may be from the network: of a probability, and of an embedding relative to its largest number."""


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
        What the file takes and gives.
    difference
        Largest difference of a probability between the file and the network, on noise of several lengths.
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
        """Give the fields as a JSON object."""
        return dataclasses.asdict(self)

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
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
        Bring weights and maps to 8 bits, the front end excepted.
    calibrate
        The dataset whose sounds tell the ranges of the maps, and on other sounds of which the agreement is measured.
    seed
        Of the choice of those sounds.

    Raises
    ------
    UsageError
        When ``int8`` comes without a dataset or the other way round, or the file is not to be called ``.onnx``.
    MissingExtraError
        When the extra ``onnx`` is not installed.
    CheckpointError, DatasetError
        When the checkpoint or the dataset cannot be used.
    GraphError
        When the file does not say what the network says; it is not kept.
    """
    out = Path(out)
    _check_request(out, int8, calibrate)
    network, info = load_checkpoint(run)
    examples = draw_examples(calibrate, network, seed) if calibrate is not None else None
    with write_atomically(out) as whole:
        graph = TraceableNetwork(network)
        _write_graph(graph, whole)
        write_metadata(whole, _describe_network(network, info))
        difference = _measure_difference(graph, Session(whole.read_bytes(), out))
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
        raise UsageError("--calibrate", "nothing to calibrate", "--int8 beside it")
    if out.suffix != ".onnx" or out.is_dir():
        raise UsageError("--out", f"{out}", "a file name that ends in .onnx")
    require("onnxscript", EXTRA, "exporting to ONNX")


def limit_samples(network: Network) -> tuple[int, int]:
    """Give the fewest and the most samples that the exported network takes.

    What is too short is to be repeated for a SoundNet, and followed by silence for CNN14; what is too long for CNN14, cut.
    """
    if isinstance(network, SoundNet):
        return network.least_samples, MOST_SAMPLES
    if isinstance(network, Cnn14):
        return network.least_samples, network.segment_samples
    return 1, MOST_SAMPLES


def _write_graph(graph: TraceableNetwork, path: Path) -> None:
    """Trace the network by an example of two sounds, and write what was traced."""
    network = graph.network
    least, most = limit_samples(network)
    example = torch.zeros(2, min(2 * network.front_end.definition.patch_samples + 100, most - 100))
    dynamic = {INPUT: {0: torch.export.Dim("batch"), 1: torch.export.Dim("samples", min=max(2, least), max=most)}}
    # what the exporter says of its own steps is no help to a user
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=dynamic,
        )
    if program is None:
        raise GraphError(path, "the exporter gave nothing", "a graph")
    program.save(str(path), external_data=False)


@contextlib.contextmanager
def _quiet(*names: str) -> Generator[None]:
    """Keep loggers from saying what is no error."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _describe_network(network: Network, info: CheckpointInfo) -> dict[str, str]:
    return {
        "hearsight_version": VERSION,
        "network": info.name,
        "names": json.dumps(list(info.vocabulary), ensure_ascii=False),
        "sample_rate": str(network.sample_rate),
        "training_sample_rate": str(info.training_sample_rate),
        "segment_samples": str(network.segment_samples),
        "front_end": network.front_end.definition.name,
    }


def _measure_difference(graph: TraceableNetwork, session: Session) -> float:
    """Compare the file with the network on noise of several lengths and batches; give the largest difference of a probability.

    Raises
    ------
    GraphError
        When it is not the same network.
    """
    network = graph.network
    patch = network.front_end.definition.patch_samples
    generator = np.random.default_rng(0)
    largest = 0.0
    _, most = limit_samples(network)
    for batch, length in ((1, patch), (3, int(1.7 * patch)), (2, 3 * patch + 1)):
        length = min(length, most // batch)
        waveform = (0.1 * generator.standard_normal((batch, length))).astype(np.float32)
        wanted = run_graph(graph, waveform)
        found = session.run({INPUT: waveform}, OUTPUTS)
        for name, one, other in zip(OUTPUTS, found, wanted, strict=True):
            scale = max(1.0, float(np.abs(other).max())) if name == "embeddings" else 1.0
            difference = float(np.abs(one - other).max()) / scale if one.shape == other.shape else np.inf
            if not difference <= TOLERANCE:
                raise GraphError(name, f"the file differs from the network by {difference:.2g}", f"{TOLERANCE:g}")
            largest = max(largest, difference if name != "embeddings" else 0.0)
    return largest


def run_graph(graph: TraceableNetwork, waveform: Float32[np.ndarray, "batch samples"]) -> Sequence[np.ndarray]:
    """Give what the network itself says, under the names of :data:`OUTPUTS`."""
    with torch.inference_mode():
        return [output.numpy() for output in graph(torch.from_numpy(waveform))]
