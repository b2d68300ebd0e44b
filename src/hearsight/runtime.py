"""ONNX Runtime: sessions that run a graph, and its quantisation to 8 bits. The only file that imports onnxruntime and onnx."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import tempfile
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import GraphError, InputError
from hearsight.extras import require

EXTRA, PURPOSE = "onnx", "ONNX models"

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
}


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of a graph: its name, its sizes (None where any is taken), and NumPy's name of its type."""

    name: str
    sizes: tuple[int | None, ...]
    dtype: str

    def describe(self) -> str:
        """Return its shape and type as text for an error."""
        sizes = ", ".join("any" if size is None else str(size) for size in self.sizes)
        return f"[{sizes}] of {self.dtype}"


class Session:
    """A graph, ready to be run on the processor; nothing from outside its file is loaded.

    Parameters
    ----------
    content
        The file, whole.
    where
        What errors are about: the file's path.
    threads
        Processors that one run may use.
    error
        What is raised where the runtime refuses the graph or what it is fed.
    most_bytes
        Memory that all sessions with such a bound may take together in this process; None for no bound. The first bound of a
        process holds for all.

    Raises
    ------
    MissingExtraError
        When ONNX Runtime is not installed.
    """

    def __init__(
        self,
        content: bytes,
        where: str | Path,
        *,
        threads: int = 1,
        error: type[InputError] = GraphError,
        most_bytes: int | None = None,
    ) -> None:
        runtime: Any = require("onnxruntime", EXTRA, PURPOSE)
        self._where, self._error = where, error
        settings = runtime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.log_severity_level = 4  # what goes wrong is in the exception
        # no folder: weights in other files are refused, wherever the command was started
        settings.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
        if most_bytes is not None:
            _bound_memory(most_bytes)
            settings.add_session_config_entry("session.use_env_allocators", "1")
        self._make_options: Callable[[], Any] = runtime.RunOptions
        self._running: Any = None
        with self._explaining():
            self._session = runtime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
        self.inputs = tuple(_describe_port(port) for port in self._session.get_inputs())
        self.outputs = tuple(_describe_port(port) for port in self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feeds: Mapping[str, Shaped[np.ndarray, "*input"]], outputs: Sequence[str] | None = None) -> list[Any]:
        """Return the named outputs, or all of them, for one input each."""
        self._running = self._make_options()
        with self._explaining():
            return self._session.run(None if outputs is None else list(outputs), dict(feeds), self._running)

    def cancel(self) -> None:
        """End the run that is going on in another thread: it raises the session's error before its next operation."""
        if self._running is not None:
            self._running.terminate = True

    @contextlib.contextmanager
    def _explaining(self) -> Generator[None]:
        """Turn the runtime's errors into ours, with its message."""
        try:
            yield
        except _list_errors() as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            hint = ""
            if "xternal data" in reason:
                hint = "weights in separate files are not loaded: save the model as one file"
            elif "not a registered" in reason:
                hint = "custom operations are never loaded"
            elif "BFCArena" in reason or "bad allocation" in reason:
                reason, hint = "it asks for more memory than is allowed", ""
            raise self._error(
                self._where, f"ONNX Runtime cannot run it ({reason:.300})", "an ONNX model", hint
            ) from error


def quantize_statically(
    source: Path,
    target: Path,
    feeds: Callable[[], Iterable[Mapping[str, Float32[np.ndarray, "*input"]]]],
    *,
    keep: Callable[[Any], Collection[str]],
) -> None:
    """Quantise a graph to 8 bits: weights by channel, activations by their range in some examples.

    Each quantised operation is between nodes that convert numbers to bytes and back ("QDQ"), which runtimes put together
    into operations on bytes.

    Parameters
    ----------
    source, target
        The graph, and the file to write.
    feeds
        Gives the examples, one batch after the other.
    keep
        Names the nodes of a graph that stay in floating point, given the list of its nodes.
    """
    quantization: Any = require("onnxruntime.quantization", EXTRA, "8-bit models")
    preparation: Any = require("onnxruntime.quantization.shape_inference", EXTRA, "8-bit models")
    onnx: Any = require("onnx", EXTRA, "8-bit models")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantize-") as folder:
        prepared = Path(folder) / "prepared.onnx"
        # normalisations are put into the convolutions before them; shapes are not needed, and not all can be inferred
        preparation.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(str(prepared)).graph.node
        quantization.quantize_static(
            str(prepared),
            str(target),
            _make_reader(quantization.CalibrationDataReader, iter(feeds())),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=sorted(keep(nodes)),
        )


def require_exporter(purpose: str) -> None:
    """Import what torch's exporter needs.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    require("onnxscript", EXTRA, purpose)


def write_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Write properties into a graph's file."""
    onnx: Any = require("onnx", EXTRA, PURPOSE)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, str(path))


def _make_reader(base: Any, feeds: Iterator[Mapping[str, np.ndarray]]) -> Any:
    class Reader(base):  # pyright: ignore[reportUntypedBaseClass] (onnxruntime has no types)
        def get_next(self) -> Any:
            return next(feeds, None)

    return Reader()


def _list_errors() -> tuple[type[Exception], ...]:
    state: Any = require("onnxruntime.capi.onnxruntime_pybind11_state", EXTRA, PURPOSE)
    kinds = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (RuntimeError, ValueError, *kinds)


@functools.cache
def _bound_memory(most_bytes: int) -> None:
    """Make the allocator that sessions with a bound share."""
    runtime: Any = require("onnxruntime", EXTRA, PURPOSE)
    place = runtime.OrtMemoryInfo("Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT)
    # -1: the runtime's own choice of how the arena grows
    runtime.create_and_register_allocator(place, runtime.OrtArenaCfg(most_bytes, -1, -1, -1))


def _describe_port(port: Any) -> Port:
    sizes = tuple(size if isinstance(size, int) and size > 0 else None for size in port.shape or ())
    kind = str(port.type)
    tensor = re.fullmatch(r"tensor\((\w+)\)", kind)
    return Port(str(port.name), sizes, _DTYPES.get(kind, tensor[1] if tensor else kind))
