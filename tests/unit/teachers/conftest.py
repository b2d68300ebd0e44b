"""Small model files made on the spot: TensorFlow Lite and ONNX classifiers whose answers can be worked out by hand."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper


@dataclasses.dataclass(frozen=True)
class Quantisation:
    """How an eight-bit tensor stands for floats."""

    dtype: str
    scale: float
    zero_point: int


_TYPES = {"float32": 0, "int32": 2, "uint8": 3, "int8": 9}
_OPERATIONS = {"dequantize": 6, "fully_connected": 9, "logistic": 14, "reshape": 22, "softmax": 25, "quantize": 114}
_OPTIONS: dict[str, tuple[int, Any]] = {
    "fully_connected": (schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT),
    "reshape": (schema.BuiltinOptions.ReshapeOptions, schema.ReshapeOptionsT),
    "softmax": (schema.BuiltinOptions.SoftmaxOptions, schema.SoftmaxOptionsT),
}


class TFLiteBuilder:
    """Puts a graph together, tensor by tensor and operation by operation."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, "made by a test"
        self.model.buffers = [_make_buffer(b"")]
        self.model.operatorCodes, self.model.metadata = [], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self, sizes: list[int], quantisation: Quantisation | None = None, values: np.ndarray | None = None
    ) -> int:
        made = schema.TensorT()
        made.shape = [max(size, 1) for size in sizes]
        made.shapeSignature = sizes
        made.name = f"tensor{len(self.graph.tensors)}"
        made.buffer = 0
        made.type = _TYPES["float32"]
        if quantisation is not None:
            made.type = _TYPES[quantisation.dtype]
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [quantisation.scale], [quantisation.zero_point]
        if values is not None:
            made.type = _TYPES[values.dtype.name]
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(_make_buffer(values.tobytes()))
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operation(self, name: str, inputs: list[int], outputs: list[int], custom: str | None = None) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = 32 if custom else _OPERATIONS[name]
        code.deprecatedBuiltinCode, code.customCode, code.version = min(code.builtinCode, 127), custom, 1
        self.model.operatorCodes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = inputs, outputs
        if name in _OPTIONS:
            made.builtinOptionsType, kind = _OPTIONS[name]
            made.builtinOptions = kind()
            if name == "softmax":
                made.builtinOptions.beta = 1.0
        self.graph.operators.append(made)

    def finish(self, inputs: list[int], outputs: list[int], metadata: bytes | None = None) -> bytes:
        self.graph.inputs, self.graph.outputs = inputs, outputs
        if metadata is not None:
            entry = schema.MetadataT()
            entry.name, entry.buffer = "TFLITE_METADATA", len(self.model.buffers)
            self.model.buffers.append(_make_buffer(metadata))
            self.model.metadata.append(entry)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _make_buffer(content: bytes) -> Any:
    made = schema.BufferT()
    made.data = np.frombuffer(content, np.uint8) if content else None
    return made


def _make_classifier(
    path: Path,
    sizes: list[int],
    weights: np.ndarray,
    *,
    quantised_input: Quantisation | None = None,
    quantised_output: Quantisation | None = None,
    last: str | None = "softmax",
    metadata: bytes | None = None,
    files: dict[str, str] | None = None,
) -> Path:
    """Write a linear classifier of flattened inputs: ``weights`` is [classes, inputs]."""
    builder = TFLiteBuilder()
    num_classes, num_inputs = weights.shape
    source = current = builder.tensor(sizes, quantised_input)
    if quantised_input is not None:
        current = builder.tensor(sizes)
        builder.operation("dequantize", [source], [current])
    flat = builder.tensor([1, num_inputs])
    shape = builder.tensor([2], values=np.array([1, num_inputs], np.int32))
    builder.operation("reshape", [current, shape], [flat])
    logits = builder.tensor([1, num_classes])
    matrix = builder.tensor(list(weights.shape), values=weights.astype(np.float32))
    bias = builder.tensor([num_classes], values=np.zeros(num_classes, np.float32))
    builder.operation("fully_connected", [flat, matrix, bias], [logits])
    current = logits
    if last is not None:
        current = builder.tensor([1, num_classes])
        builder.operation(last, [logits], [current])
    if quantised_output is not None:
        floats, current = current, builder.tensor([1, num_classes], quantised_output)
        builder.operation("quantize", [floats], [current])
    content = builder.finish([source], [current], metadata)
    if files:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            for name, text in files.items():
                bundle.writestr(name, text)
        content += archive.getvalue()
    path.write_bytes(content)
    return path


@pytest.fixture
def make_tflite() -> Callable[..., Path]:
    """Return the function that writes a linear TensorFlow Lite classifier."""
    return _make_classifier


def _make_onnx(
    path: Path,
    sizes: list[int | str],
    weights: np.ndarray,
    *,
    dtype: int = TensorProto.FLOAT,
    last: str | None = "Softmax",
    properties: dict[str, str] | None = None,
    external: bool = False,
) -> Path:
    """Write a linear ONNX classifier of flattened inputs: ``weights`` is [inputs, classes]."""
    nodes = [
        helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    if last is not None:
        nodes.append(helper.make_node(last, ["logits"], ["probabilities"]))
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("input", dtype, sizes)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["rows", weights.shape[1]])],
        [
            numpy_helper.from_array(np.array([-1, weights.shape[0]], np.int64), "shape"),
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    helper.set_model_props(model, properties or {})
    settings = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0} if external else {}
    onnx.save_model(model, str(path), **settings)
    return path


@pytest.fixture
def make_onnx() -> Callable[..., Path]:
    """Return the function that writes a linear ONNX classifier."""
    return _make_onnx


def make_weights(num_classes: int, num_inputs: int, seed: int = 0) -> np.ndarray:
    """Draw a linear classifier whose logits stay within some units for inputs in [-1, 1]."""
    return np.random.default_rng(seed).standard_normal((num_classes, num_inputs)).astype(np.float32) / num_inputs**0.5
