"""What a run computes on: device, threads, precision; and that it computes the same again."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
from collections.abc import Generator, Mapping
from typing import Any

import torch
import torch.utils.deterministic
from torch import Tensor

from hearsight.allocator import keep_freed_memory
from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import UsageError
from hearsight.models.network import Network
from hearsight.training.batches import Batch


@dataclasses.dataclass(frozen=True)
class Device:
    """Device, CPU threads and precision of a run, resolved; they are written into the run, since they are part of its result."""

    device: str
    threads: int
    precision: str
    fast: bool

    @classmethod
    def resolve(cls, config: TrainConfig) -> Device:
        """Settle what the configuration leaves to the machine.

        Raises
        ------
        UsageError
            When there is no such device.
        """
        device = config.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UsageError(
                "device", f"{device!r} ({str(error).splitlines()[0]})", "a device of this machine"
            ) from error
        precision = config.precision
        if precision == "auto":
            precision = "bfloat16" if device != "cpu" or multiplies_bfloat16() else "float32"
        return cls(device, config.threads or torch.get_num_threads(), precision, config.fast)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Device:
        """Take up the settings that a run began with, and say so where something else may make a difference.

        Raises
        ------
        UsageError
            When the record is not whole.
        """
        try:
            machine = cls(**{field.name: record[field.name] for field in dataclasses.fields(cls)})
        except KeyError as error:
            raise UsageError("run.json", f"no {error} in its machine", "the record of a run") from error
        for name, value in machine.describe().items():
            if record.get(name) != value:
                print_message(
                    f"this run began with {name} {record.get(name)}, not {value}: its losses may differ in the last digits"
                )
        return machine

    def describe(self) -> dict[str, Any]:
        """Give what the run records of the machine."""
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        processor = str(capabilities.get("cpu_name", platform.machine()))
        return {**dataclasses.asdict(self), "processor": processor, "torch": torch.__version__}

    def place(self, network: Network) -> Network:
        """Move a network here, and into the layout of memory that is trained in."""
        network = network.to(self.device)
        if self.fast:
            for parameter in network.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return network

    def forward(self, network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give the logits of a batch of single segments, and their targets, here."""
        waveform = torch.from_numpy(batch.waveform).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = network(waveform).logits[:, 0]
        return logits, torch.from_numpy(batch.targets).to(self.device)

    @contextlib.contextmanager
    def deterministic(self) -> Generator[None]:
        """Compute by algorithms that give the same sums each time, on a fixed number of threads; then as before."""
        threads = torch.get_num_threads()
        strict = torch.are_deterministic_algorithms_enabled()
        settings: Any = (
            torch.utils.deterministic
        )  # a module that is a class to Python, and without attributes to pyright
        fill = settings.fill_uninitialized_memory
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if self.device == "cpu":
            keep_freed_memory()
        torch.set_num_threads(self.threads)
        torch.use_deterministic_algorithms(True)
        # filling every new tensor with NaN costs time, and we read none before it is written
        settings.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(strict)
            settings.fill_uninitialized_memory = fill


def multiplies_bfloat16() -> bool:
    """Say whether this processor multiplies bfloat16 natively (AVX512_BF16 or AMX); elsewhere it would be emulated, and slow."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
