"""Files of published weights as their authors write them, with random numbers, and the networks in a few lines of their own."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from hearsight.signal.front_ends import PANNS, VGGISH
from hearsight.signal.log_mel import compute_log_mel

VGGISH_LAYERS = ("conv1", "conv2", "conv3/conv3_1", "conv3/conv3_2", "conv4/conv4_1", "conv4/conv4_2")
VGGISH_POOLED = (True, True, False, True, False, True)


# VGGish


def make_vggish_variables(width: float = 0.05, seed: int = 0) -> dict[str, np.ndarray]:
    """Make the variables of a VGGish checkpoint under TensorFlow's names, in its layouts."""
    generator = np.random.default_rng(seed)
    variables: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int) -> None:
        scale = np.sqrt(2.0 / np.prod(shape[:-1]))
        variables[f"vggish/{name}/weights"] = (scale * generator.standard_normal(shape)).astype(np.float32)
        variables[f"vggish/{name}/biases"] = (0.1 * generator.standard_normal(shape[-1])).astype(np.float32)

    inputs = 1
    for name, count in zip(VGGISH_LAYERS, (64, 128, 256, 256, 512, 512), strict=True):
        outputs = max(1, round(width * count))
        add(name, 3, 3, inputs, outputs)
        inputs = outputs
    units = max(1, round(width * 4096))
    add("fc1/fc1_1", 24 * inputs, units)
    add("fc1/fc1_2", units, units)
    add("fc2", units, 128)
    return variables


def embed_like_vggish(variables: Mapping[str, np.ndarray], waveform: np.ndarray) -> np.ndarray:
    """Return the embedding of one patch as ``vggish_slim.py`` computes it, channels last, in NumPy."""
    maps = compute_log_mel(waveform, VGGISH)[:96, :, None].astype(np.float64)
    for name, pooled in zip(VGGISH_LAYERS, VGGISH_POOLED, strict=True):
        kernel = variables[f"vggish/{name}/weights"]
        padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        maps = np.maximum(np.einsum("tfchw,hwco->tfo", windows, kernel) + variables[f"vggish/{name}/biases"], 0)
        if pooled:
            maps = maps.reshape(maps.shape[0] // 2, 2, maps.shape[1] // 2, 2, -1).max(axis=(1, 3))
    flat = maps.reshape(-1)
    for name in ("fc1/fc1_1", "fc1/fc1_2"):
        flat = np.maximum(flat @ variables[f"vggish/{name}/weights"] + variables[f"vggish/{name}/biases"], 0)
    return flat @ variables["vggish/fc2/weights"] + variables["vggish/fc2/biases"]


def to_torchvggish(variables: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Put VGGish's variables under the names and into the layouts of its PyTorch port."""
    state: dict[str, torch.Tensor] = {}
    layers = [*zip(VGGISH_LAYERS, (0, 3, 6, 8, 11, 13), strict=True)]
    for name, index in layers:
        kernel = variables[f"vggish/{name}/weights"]
        state[f"features.{index}.weight"] = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        state[f"features.{index}.bias"] = torch.from_numpy(variables[f"vggish/{name}/biases"])
    for name, index in (("fc1/fc1_1", 0), ("fc1/fc1_2", 2), ("fc2", 4)):
        state[f"embeddings.{index}.weight"] = torch.from_numpy(variables[f"vggish/{name}/weights"].T.copy())
        state[f"embeddings.{index}.bias"] = torch.from_numpy(variables[f"vggish/{name}/biases"])
    return state


# SoundNet

EIGHT = ((16, 64, 8), (32, 32, 8), (64, 16, 0), (128, 8, 0), (256, 4, 4), (512, 4, 0), (1024, 4, 0))
FIVE = ((32, 64, 8), (64, 32, 8), (128, 16, 8), (256, 8, 0))
"""Channels, kernel, and pooling of each convolution; the padding is half the kernel, the stride 2."""


def make_soundnet_dictionary(
    layers: tuple[tuple[int, int, int], ...], heads: tuple[int, int], width: float = 0.1, seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """Make the dictionary of the TensorFlow port."""
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(np.float32)

    saved: dict[str, dict[str, np.ndarray]] = {}
    inputs = 1
    for number, (count, kernel, _) in enumerate(layers, 1):
        outputs = max(1, round(width * count))
        saved[f"conv{number}"] = {
            "weights": draw(kernel, 1, inputs, outputs) / np.float32(np.sqrt(kernel * inputs)),
            "biases": 0.1 * draw(outputs),
            "gamma": 1 + 0.1 * draw(outputs),
            "beta": 0.1 * draw(outputs),
            "mean": 0.1 * draw(outputs),
            "var": 1 + 0.5 * np.abs(draw(outputs)),
        }
        inputs = outputs
    last = len(layers) + 1
    kernel = {8: 8, 5: 16}[last]
    for name, outputs in zip((f"conv{last}", f"conv{last}_2"), heads, strict=True):
        saved[name] = {
            "weights": draw(kernel, 1, inputs, outputs) / np.float32(np.sqrt(kernel * inputs)),
            "biases": 0.1 * draw(outputs),
        }
    return saved


def compute_soundnet_reference(
    saved: Mapping[str, Mapping[str, np.ndarray]], layers: tuple[tuple[int, int, int], ...], waveform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the two last layers say over time, softmaxed, as the authors' extractor does."""
    maps = 256.0 * waveform[:, None]
    for number, (_, kernel, pool) in enumerate(layers, 1):
        layer = {name: torch.from_numpy(value) for name, value in saved[f"conv{number}"].items()}
        maps = F.conv1d(maps, layer["weights"][:, 0].permute(2, 1, 0), layer["biases"], stride=2, padding=kernel // 2)
        scale = (layer["gamma"] / (layer["var"] + 1e-5).sqrt())[:, None]
        maps = ((maps - layer["mean"][:, None]) * scale + layer["beta"][:, None]).relu()
        maps = F.max_pool1d(maps, pool, pool) if pool else maps
    last = len(layers) + 1
    stride, padding = {8: (2, 0), 5: (12, 4)}[last]
    outputs = []
    for name in (f"conv{last}", f"conv{last}_2"):
        kernel = torch.from_numpy(saved[name]["weights"])[:, 0].permute(2, 1, 0)
        logits = F.conv1d(maps, kernel, torch.from_numpy(saved[name]["biases"]), stride=stride, padding=padding)
        outputs.append(logits.softmax(1).transpose(1, 2))
    return outputs[0], outputs[1]


TORCH7_NAMES = {"f4": "Float", "f8": "Double", "i8": "Long", "i4": "Int", "i2": "Short", "i1": "Char", "u1": "Byte"}


class Torch7Writer:
    """Writes what Torch7's ``torch.save`` writes: dictionaries as tables, arrays as tensors, (name, fields) as objects."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.known: dict[int, int] = {}
        self.kept: list[Any] = []

    def write(self, value: Any) -> bytes:
        if value is None:
            return struct.pack("<i", 0)
        if isinstance(value, bool):
            return struct.pack("<ii", 5, value)
        if isinstance(value, int | float):
            return struct.pack("<id", 1, value)
        if isinstance(value, str):
            return struct.pack("<i", 2) + self.string(value)
        if isinstance(value, np.ndarray):
            return self.tensor(value)
        kind = 3 if isinstance(value, dict) else 4
        head, new = self.number(kind, value)
        if not new:
            return head
        if isinstance(value, dict):
            body = b"".join(self.write(each) for pair in value.items() for each in pair)
            return head + struct.pack("<i", len(value)) + body
        name, fields = value
        return head + self.string("V 1") + self.string(name) + self.write(fields)

    def string(self, text: str) -> bytes:
        raw = text.encode("latin-1")
        return struct.pack("<i", len(raw)) + raw

    def number(self, kind: int, value: Any) -> tuple[bytes, bool]:
        new = id(value) not in self.known
        self.kept.append(value)
        number = self.known.setdefault(id(value), len(self.known) + 1)
        return struct.pack("<ii", kind, number), new

    def tensor(self, array: np.ndarray) -> bytes:
        head, new = self.number(4, array)
        if not new:
            return head
        name = self.prefix or TORCH7_NAMES[array.dtype.str[1:]]
        storage = np.ascontiguousarray(array)
        strides = [stride // storage.itemsize for stride in storage.strides]
        sizes = struct.pack(f"<i{2 * array.ndim}q", array.ndim, *array.shape, *strides)
        head += self.string("V 1") + self.string(f"torch.{name}Tensor") + sizes + struct.pack("<q", 1)
        if not array.size:
            return head + self.write(None)
        kept, _ = self.number(4, storage.reshape(-1).copy())
        return (
            head
            + kept
            + self.string("V 1")
            + self.string(f"torch.{name}Storage")
            + (struct.pack("<q", storage.size) + storage.tobytes())
        )


def to_torch7(saved: Mapping[str, Mapping[str, np.ndarray]], layers: tuple[tuple[int, int, int], ...]) -> Any:
    """Make the authors' network of the port's dictionary, with the package names that a GPU leaves behind."""

    def list_up(*values: Any) -> dict[int, Any]:
        return dict(enumerate(values, 1))

    def convolve(layer: Mapping[str, np.ndarray]) -> tuple[str, dict[str, Any]]:
        kernel = layer["weights"].transpose(3, 2, 0, 1)
        fields = {"weight": kernel, "bias": layer["biases"], "gradBias": np.empty(0, np.float32), "kH": kernel.shape[2]}
        return "cudnn.SpatialConvolution", fields

    modules: list[Any] = []
    for number, (_, _, pool) in enumerate(layers, 1):
        layer = saved[f"conv{number}"]
        norm = {"weight": layer["gamma"], "bias": layer["beta"], "eps": 1e-5, "affine": True}
        norm |= {"running_mean": layer["mean"], "running_var": layer["var"]}
        modules += [convolve(layer), ("nn.SpatialBatchNormalization", norm), ("cudnn.ReLU", {"inplace": True})]
        if pool:
            modules.append(("cudnn.SpatialMaxPooling", {"kH": pool, "kW": 1}))
    last = len(layers) + 1
    heads = [convolve(saved[f"conv{last}"]), convolve(saved[f"conv{last}_2"])]
    modules.append(("nn.ConcatTable", {"modules": list_up(*heads)}))
    modules.append(("nn.ParallelTable", {"modules": list_up(("nn.SplitTable", {"dimension": 3}))}))
    return "nn.Sequential", {"modules": list_up(*modules), "train": False, "output": np.empty(0, np.float32)}


# PANNs


def make_panns_state(num_classes: int = 527, width: float = 0.05, seed: int = 0) -> dict[str, torch.Tensor]:
    """Make the state dictionary of CNN14 as the authors' code has it, its front end included."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    angles = 2 * np.pi / 1024 * np.arange(513)[:, None] * np.arange(1024)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    state = {
        "spectrogram_extractor.stft.conv_real.weight": torch.from_numpy(np.cos(angles) * window).float()[:, None],
        "spectrogram_extractor.stft.conv_imag.weight": torch.from_numpy(-np.sin(angles) * window).float()[:, None],
        "logmel_extractor.melW": torch.from_numpy(_make_mel()),
    }

    def add_norm(name: str, count: int, mean: float = 0.0, variance: float = 1.0) -> None:
        state[f"{name}.weight"] = 1 + 0.1 * draw(count)
        state[f"{name}.bias"] = 0.1 * draw(count)
        state[f"{name}.running_mean"] = mean + 0.1 * draw(count)
        state[f"{name}.running_var"] = variance * (1 + 0.5 * draw(count).abs())
        state[f"{name}.num_batches_tracked"] = torch.tensor(600_000)

    add_norm("bn0", 64, -20.0, 100.0)
    inputs = 1
    for number, count in enumerate((64, 128, 256, 512, 1024, 2048), 1):
        outputs = max(1, round(width * count))
        for part, into in ((1, inputs), (2, outputs)):
            state[f"conv_block{number}.conv{part}.weight"] = draw(outputs, into, 3, 3) * (2 / (9 * into)) ** 0.5
            add_norm(f"conv_block{number}.bn{part}", outputs)
        inputs = outputs
    dim = max(1, round(width * 2048))
    state |= {"fc1.weight": draw(dim, inputs) * (2 / inputs) ** 0.5, "fc1.bias": 0.1 * draw(dim)}
    state |= {"fc_audioset.weight": draw(num_classes, dim) * dim**-0.5, "fc_audioset.bias": draw(num_classes)}
    return state


def _make_mel() -> np.ndarray:
    low, high = 50 * 3 / 200, 15 + 27 * np.log(14) / np.log(6.4)
    mels = np.linspace(low, high, 66)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins = np.arange(513)[:, None] * PANNS.sample_rate / 1024
    up, down = (bins - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - bins) / np.diff(edges)[1:]
    return (np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])).astype(np.float32)


def compute_panns_reference(
    state: Mapping[str, torch.Tensor], waveform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return probabilities and embedding as the authors' code computes them, in evaluation mode."""
    window = torch.hann_window(1024, dtype=torch.float64)
    spectrum = torch.stft(
        waveform.double(), 1024, 320, 1024, window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.abs().square().transpose(1, 2) @ torch.from_numpy(_make_mel()).double()
    maps = (10 * torch.log10(power.clamp(min=1e-10))).float()[:, None]

    def normalise(values: torch.Tensor, name: str) -> torch.Tensor:
        kept = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(values, *kept, eps=1e-5)

    maps = normalise(maps.transpose(1, 3), "bn0").transpose(1, 3)
    for number in range(1, 7):
        for part in (1, 2):
            maps = F.conv2d(maps, state[f"conv_block{number}.conv{part}.weight"], padding=1)
            maps = normalise(maps, f"conv_block{number}.bn{part}").relu()
        maps = F.avg_pool2d(maps, 2 if number < 6 else 1)
    over_time = maps.mean(3)
    pooled = over_time.max(2).values + over_time.mean(2)
    embedding = F.linear(pooled, state["fc1.weight"], state["fc1.bias"]).relu()
    return torch.sigmoid(F.linear(embedding, state["fc_audioset.weight"], state["fc_audioset.bias"])), embedding
