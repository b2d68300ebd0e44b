"""The processes of a run, and what they exchange: sums of gradients, and a few words at the start.

Each process has its number in ``RANK``, of ``WORLD_SIZE`` processes, and meets the others at ``MASTER_ADDR``:``MASTER_PORT``. These
variables are set by ``hearsight train --devices``, by torchrun, or by hand.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from hearsight.errors import MachineError, UsageError

LAUNCHER = "HEARSIGHT_LAUNCHER"
"""Variable with the process that started this one, and without which this one has no purpose."""
JOIN_SECONDS = "HEARSIGHT_JOIN_SECONDS"
"""Variable with the seconds that a process waits for the others to come."""
_stores: Any = dist
"""torch documents its stores as public, and does not declare them so."""
_PATIENCE = timedelta(days=7)
"""How long a process waits for the others within a run, such as for the end of a validation; a dead process is noticed
immediately."""


class Group:
    """The processes of a run, seen from one of them; alone, it is a group of one, and nothing is exchanged.

    Attributes
    ----------
    rank, size
        Number of this process, counted from zero, and number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        self.rank = rank
        self.size = size
        self._store = store

    @property
    def is_leader(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    @torch.no_grad()
    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; they have equal shapes in all of them.

        Raises
        ------
        MachineError
            When another process has ended.
        """
        if self.size == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            chosen = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.flatten() for tensor in chosen])
            with self._explain_loss():
                dist.all_reduce(flat)
            for tensor, total in zip(chosen, flat.split([tensor.numel() for tensor in chosen]), strict=True):
                tensor.copy_(total.view(tensor.shape))

    def wait(self) -> None:
        """Return when all processes have come here.

        Raises
        ------
        MachineError
            When another process has ended.
        """
        if self.size > 1:
            with self._explain_loss():
                dist.all_reduce(torch.zeros(1, device=self._device))

    def share(self, key: str, value: Any = None) -> Any:
        """Return the leader's value, fit for JSON, in every process."""
        if self._store is None:
            return value
        if self.is_leader:
            self._store.set(key, json.dumps(value))
            return value
        with self._explain_loss():
            self._store.wait([key], _PATIENCE)
            return json.loads(self._store.get(key))

    @property
    def _device(self) -> str:
        return "cuda" if dist.get_backend() == "nccl" else "cpu"

    @contextlib.contextmanager
    def _explain_loss(self) -> Generator[None]:
        try:
            yield
        except RuntimeError as error:
            where = f"process {self.rank} of {self.size}"
            found = f"the connection to another process is lost ({str(error).splitlines()[0][:120]})"
            hint = "the same command continues from the last checkpoint"
            raise MachineError(where, found, "all processes", hint) from error


SOLO = Group()
"""The group of a process that trains alone."""


def read_places() -> tuple[int, int, int]:
    """Return number and count of the processes, and the number on this machine, from the environment.

    Raises
    ------
    UsageError
        When a variable is no number, or they do not fit each other.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    texts = [os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1"), os.environ.get("LOCAL_RANK", "")]
    texts[2] = texts[2] or texts[0]
    for name, text in zip(names, texts, strict=True):
        if not text.isdigit():
            raise UsageError(name, repr(text), "a number")
    rank, size, local = (int(text) for text in texts)
    if not rank < size:
        raise UsageError("RANK", f"{rank} with WORLD_SIZE {size}", f"0 to {size - 1}")
    return rank, size, local


@contextlib.contextmanager
def join_group(device: str) -> Generator[Group]:
    """Meet the other processes of the run, if the environment names any.

    Parameters
    ----------
    device
        Where the run computes: processes on CUDA devices talk by NCCL, others by Gloo.

    Raises
    ------
    UsageError
        When the environment is incomplete, or its port is in use.
    MachineError
        When a process does not come.
    """
    rank, size, _ = read_places()
    if size == 1:
        yield SOLO
        return
    store = _open_store(rank, size)
    _meet(store, rank, size)
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    backend = "nccl" if cuda else "gloo"
    inner = _stores.PrefixStore("group", store)
    dist.init_process_group(backend, store=inner, rank=rank, world_size=size, timeout=_PATIENCE)
    _end_with_launcher()
    try:
        yield Group(rank, size, _stores.PrefixStore("words", store))
    finally:
        dist.destroy_process_group()


def _open_store(rank: int, size: int) -> Any:
    address, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    if not address or not port.isdigit():
        found = f"MASTER_ADDR {address!r} and MASTER_PORT {port!r}"
        raise UsageError("WORLD_SIZE", f"{size} with {found}", "where the processes meet", "use --devices or torchrun")
    served = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # whoever started us has opened it
    seconds = timedelta(seconds=_read_patience())
    try:
        return _stores.TCPStore(
            address, int(port), size, is_master=rank == 0 and not served, timeout=seconds, wait_for_workers=False
        )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        if "EADDRINUSE" in str(error) or "address already in use" in str(error).lower():
            hint = "set MASTER_PORT to a free one, or use --devices, which finds one"
            raise UsageError("MASTER_PORT", f"port {port} is in use", "a free one", hint) from error
        where = f"{address}:{port}"
        raise MachineError(where, f"process 0 cannot be reached ({reason[:160]})", f"{size} processes") from error


def _read_patience() -> float:
    text = os.environ.get(JOIN_SECONDS, "300")
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(JOIN_SECONDS, repr(text), "seconds") from error


def _meet(store: Any, rank: int, size: int) -> None:
    """Wait until every process has come."""
    store.set(f"here/{rank}", "yes")
    deadline = time.monotonic() + _read_patience()
    absent = [other for other in range(size) if other != rank]
    while absent:
        absent = [other for other in absent if not store.check([f"here/{other}"])]
        if absent and time.monotonic() > deadline:
            found = f"after {_read_patience():g} s, process {', '.join(map(str, absent))} has not come"
            hint = f"start all of them; {JOIN_SECONDS} is how long they wait"
            raise MachineError(f"process {rank} of {size}", found, f"{size} processes", hint)
        time.sleep(0.02)


def _end_with_launcher() -> None:
    """End this process when the one that started it is gone."""
    launcher = os.environ.get(LAUNCHER)
    if launcher is None:
        return

    def watch() -> None:
        while os.getppid() == int(launcher):
            time.sleep(1.0)
        os._exit(143)

    threading.Thread(target=watch, name="launcher watch", daemon=True).start()
