"""How much faster is an exported network than the network in torch, on one processor?

Reference: the network in eager torch, evaluation mode, inference mode, channels last, one thread. Measured: the file that
`hearsight export` writes, in 32 bits and in 8, run by ONNX Runtime on one thread. All three take the same waveforms, front end
included, and take turns; the ratio of each turn counts, and of those the median. Wanted: at least 1.4 in 32 bits, 4 in 8 bits.

The 8-bit files are calibrated on a small generated world.

    python -m benchmarks.onnx_speed --models jia-mobilenet-v2 jia-resnet-50 --seconds 1 10
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.verdict import print_verdict
from hearsight.dataset.build import build_dataset
from hearsight.export.onnx import INPUT, export_network
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from hearsight.runtime import Session
from hearsight.world.generate import generate_world

WANTED = {"32 bits": 1.4, "8 bits": 4.0}
NUM_CLASSES = 527


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["jia-mobilenet-v2", "jia-resnet-50"])
    parser.add_argument("--seconds", nargs="+", type=float, default=[1.0, 10.0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate_world(folder / "videos", num_videos=12, seed=0)
        build_dataset([folder / "videos"], folder / "dataset")
        for model in options.models:
            runs = prepare(model, folder)
            for seconds in options.seconds:
                waveform = 0.1 * np.random.default_rng(0).standard_normal((1, round(16_000 * seconds)))
                compare(runs, waveform.astype(np.float32), f"{model}, {seconds:g} s", options.rounds)


def prepare(model: str, folder: Path) -> dict[str, Callable[[np.ndarray], object]]:
    """Export a network, and return what runs it each way."""
    run, files = folder / model, {bits: folder / f"{model}-{bits[:2].strip()}.onnx" for bits in WANTED}
    save_checkpoint(
        build_network(model, NUM_CLASSES, seed=0), run, vocabulary=[f"class {index}" for index in range(NUM_CLASSES)]
    )
    export_network(run, files["32 bits"])
    summary = export_network(run, files["8 bits"], int8=True, calibrate=folder / "dataset")
    print("\n".join(f"  {line}" for line in summary.describe()))
    network = build_network(model, NUM_CLASSES, seed=0).eval()
    network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  (torch's stubs lack it)

    def hear(waveform: np.ndarray) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(waveform)).clip_probabilities.numpy()

    sessions = {bits: Session(file.read_bytes(), file) for bits, file in files.items()}
    return {"torch": hear} | {
        bits: lambda waveform, session=session: session.run({INPUT: waveform}) for bits, session in sessions.items()
    }


def compare(runs: dict[str, Callable[[np.ndarray], object]], waveform: np.ndarray, what: str, rounds: int) -> None:
    """Time each way in turn, and print the ratios."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 3):
        for name, run in runs.items():
            started = time.perf_counter()
            run(waveform)
            if turn >= 3:
                times[name].append(time.perf_counter() - started)
    print(f"  {what}: " + ", ".join(f"{name} {1e3 * statistics.median(each):.1f} ms" for name, each in times.items()))
    for bits, wanted in WANTED.items():
        ratio = statistics.median(one / other for one, other in zip(times["torch"], times[bits], strict=True))
        print_verdict(f"ONNX in {bits} over eager torch, {what}", ratio, "at least", wanted)


if __name__ == "__main__":
    main()
