"""Eight clients upload for two minutes to ``hearsight serve``: statuses, times, and the memory of the server.

Run as ``python -m benchmarks.serve_clients --model RUN [--seconds 120] [--clients 8]``. Everything stays on this machine.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx  # pyright: ignore[reportMissingImports]  (not among the project's packages)
import numpy as np
import soundfile

SOUND_SECONDS = 10.0


def make_sound(seed: int) -> bytes:
    """Return a WAV file of noise."""
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(SOUND_SECONDS * 16_000))
    soundfile.write(content, samples.astype(np.float32), 16_000, format="WAV")
    return content.getvalue()


def read_memory(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def upload(address: str, seed: int, until: float, found: list[tuple[int, float]]) -> None:
    """Upload again and again; a refused client waits as long as the response asks."""
    sound = make_sound(seed)
    with httpx.Client(timeout=120) as client:
        while time.monotonic() < until:
            started = time.monotonic()
            answer = client.post(f"{address}/tag", files={"file": ("noise.wav", sound)})
            found.append((answer.status_code, time.monotonic() - started))
            if answer.status_code == 429:
                time.sleep(float(answer.headers["retry-after"]))


def main() -> None:
    """Run it, and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--queue", type=int, default=4)
    options = parser.parse_args()
    command = [sys.executable, "-m", "hearsight", "serve", "--model", options.model, "--port", "0", "--json"]
    server = subprocess.Popen([*command, "--queue", str(options.queue)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())["address"]
        httpx.post(f"{address}/tag", content=make_sound(0), timeout=120)  # what the first request loads is no growth
        found: list[tuple[int, float]] = []
        until = time.monotonic() + options.seconds
        clients = [
            threading.Thread(target=upload, args=(address, seed, until, found)) for seed in range(options.clients)
        ]
        for one in clients:
            one.start()
        memory: list[float] = []
        while time.monotonic() < until:
            memory.append(read_memory(server.pid))
            time.sleep(1.0)
        for one in clients:
            one.join()
        report(found, memory, httpx.get(f"{address}/health").json())
    finally:
        server.terminate()
        server.wait()


def report(found: list[tuple[int, float]], memory: list[float], health: dict[str, object]) -> None:
    """Print statuses, times and memory."""
    statuses = collections.Counter(status for status, _ in found)
    good = np.array([seconds for status, seconds in found if status == 200])
    third = max(1, len(memory) // 3)
    print(f"answers of {SOUND_SECONDS:g} s of sound: {dict(sorted(statuses.items()))}")
    print(f"seconds per answer: median {np.median(good):.2f}, 95th percentile {np.percentile(good, 95):.2f}")
    print(f"memory in MB: first third {np.mean(memory[:third]):.0f}, last third {np.mean(memory[-third:]):.0f}")
    print(f"stored after the end: {health['stored_bytes']} bytes; refused: {health['refused']['counts']}")  # type: ignore[index]
    if set(statuses) - {200, 429}:
        raise SystemExit(f"a status that is neither 200 nor 429: {dict(statuses)}")


if __name__ == "__main__":
    main()
