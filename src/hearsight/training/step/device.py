"""Where a run computes: device, threads and precision; deterministic algorithms and keyed random numbers."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
import torch.utils.deterministic
from jaxtyping import Float32
from torch import Tensor, nn

from hearsight.allocator import keep_freed_memory
from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import RunError, UsageError
from hearsight.models.network import Network
from hearsight.signal.waveform import FULL_SCALE
from hearsight.training.data.batches import Batch
from hearsight.training.data.sparse import SentTargets, SparseTargets
from hearsight.training.group import read_places
from hearsight.training.step.openmp import sleep_while_waiting


@dataclasses.dataclass(frozen=True)
class Device:
    """The resolved device of a run. It is written into the run's record, because results depend on it.

    Attributes
    ----------
    name
        Name of the torch device, such as ``cpu`` or ``cuda``.
    threads
        Number of CPU threads.
    precision
        ``float32`` or ``bfloat16``.
    fast
        Whether kernels are stored with channels last.
    """

    name: str
    threads: int
    precision: str
    fast: bool

    @classmethod
    def resolve(cls, config: TrainConfig) -> Device:
        """Choose what the configuration leaves to this computer.

        Raises
        ------
        UsageError
            When there is no such device.
        """
        name = config.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        _, size, local = read_places()
        if name == "cuda" and size > 1:
            name = f"cuda:{local}"
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            found = f"{name!r} ({str(error).splitlines()[0]})"
            raise UsageError("device", found, "a device of this machine") from error
        precision = config.precision
        if precision == "auto":
            precision = "bfloat16" if name != "cpu" or multiplies_bfloat16() else "float32"
        return cls(name, config.threads or torch.get_num_threads(), precision, config.fast)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Device:
        """Return the device that a run began with, and print a message where this computer may give other results.

        Raises
        ------
        RunError
            When the record is incomplete.
        """
        try:
            device = cls(record["device"], record["threads"], record["precision"], record["fast"])
        except KeyError as error:
            raise RunError("run.json", f"no {error} in its machine", "the record of a run") from error
        for name, value in device.describe().items():
            if record.get(name) != value:
                print_message(
                    f"this run began with {name} {record.get(name)}, not {value}: the last digits of losses may differ"
                )
        return device

    def describe(self) -> dict[str, Any]:
        """Return the device, the processor and torch's version, as the run's record holds them."""
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return {
            "device": self.name,
            "threads": self.threads,
            "precision": self.precision,
            "fast": self.fast,
            "processor": str(capabilities.get("cpu_name", platform.machine())),
            "torch": torch.__version__,
        }

    def place(self, network: Network) -> Network:
        """Move a network to the device, in the memory format that training uses.

        Kernels of one row and column, or of one channel, have the same format with channels last as with channels first. A network
        made of such kernels alone, as MobileNetV2 is, computes with channels last only if its input has that format.
        """
        network = network.to(self.name)
        if self.fast:
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
            network.trunk.register_forward_pre_hook(_mark_channels_last)
        return network

    def send(
        self, batch: Batch, rows: slice = slice(None)
    ) -> tuple[Float32[Tensor, "batch samples"], Float32[Tensor, "outputs classes"] | SentTargets]:
        """Return waveforms and targets of some rows of a batch, by default all, as tensors on the device.

        The targets of an example with several outputs over time are rows one after the other.
        """
        waveform, targets = torch.from_numpy(batch.waveform[rows]).to(self.name), batch.targets[rows]
        if waveform.dtype == torch.int16:
            waveform = waveform.float() * (1.0 / FULL_SCALE)
        if isinstance(targets, SparseTargets):
            return waveform, targets.send(self.name)
        return waveform, torch.from_numpy(targets).flatten(0, -2).to(self.name)

    def autocast(self) -> torch.autocast:
        """Return a context in which convolutions and matrix products have the run's precision."""
        return torch.autocast(torch.device(self.name).type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def seed(self, *key: int) -> None:
        """Seed torch's generators, on the CPU and on the device, by a key such as (seed, epoch, step).

        Dropout draws from these generators. Seeded at every step, its masks depend on the position in the run alone, so that a
        run can be repeated and resumed.
        """
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0]))

    @contextlib.contextmanager
    def deterministic(self) -> Generator[None]:
        """Use deterministic algorithms and a fixed number of threads; afterwards, restore torch's settings and generators."""
        threads = torch.get_num_threads()
        strict = torch.are_deterministic_algorithms_enabled()
        # to Python this module is a class, and to pyright it has no attributes
        settings: Any = torch.utils.deterministic
        fill = settings.fill_uninitialized_memory
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if self.name == "cpu":
            keep_freed_memory()
            sleep_while_waiting()
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        # filling every new tensor with NaN costs time, and none is read before it is written
        settings.fill_uninitialized_memory = False
        try:
            with torch.random.fork_rng(devices=self._list_generators()):
                yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)
            settings.fill_uninitialized_memory = fill

    def _list_generators(self) -> list[int]:
        """Return the indices of the CUDA devices whose generators the run seeds."""
        device = torch.device(self.name)
        if device.type != "cuda":
            return []
        return [device.index if ":" in self.name else torch.cuda.current_device()]


def _mark_channels_last(trunk: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:  # noqa: ARG001
    """Return maps of one channel with the strides of channels last; it is the same memory."""
    maps = inputs[0]
    if not isinstance(maps, Tensor) or maps.ndim != 4 or maps.shape[1] != 1 or not maps.is_contiguous():
        return None
    _, _, height, width = maps.shape
    return (maps.as_strided(maps.shape, (height * width, 1, width, 1)), *inputs[1:])


def multiplies_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 natively (AVX512_BF16 or AMX); elsewhere it is emulated, and slow."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
