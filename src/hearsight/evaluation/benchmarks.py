"""The benchmarks by name: ``NAME=FOLDER`` in, clips with labels and folds out.

=========  ======================================================================================================
``esc10``  ESC-10, 400 clips, 10 classes, 5 folds (Piczak 2015): its own layout, or that of ESC-50, which holds it
``folder`` any folder of sounds with a sub-folder per class
=========  ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hearsight.errors import BenchmarkError, UsageError, guess
from hearsight.evaluation.esc import read_esc10
from hearsight.evaluation.labelled_folder import read_labelled_folder
from hearsight.evaluation.protocol import Benchmark, check_folds

BENCHMARKS: dict[str, Callable[[Path], Benchmark]] = {"esc10": read_esc10, "folder": read_labelled_folder}
"""What reads the folder of each benchmark."""


def load_benchmark(spec: str) -> Benchmark:
    """Find the clips, labels and folds of a benchmark.

    Parameters
    ----------
    spec
        ``NAME=FOLDER``, with a name of :data:`BENCHMARKS`.

    Raises
    ------
    UsageError
        When ``spec`` has no such form, or no benchmark has that name (the hint guesses the meant one).
    BenchmarkError
        When the folder is absent, or its files are not those of the benchmark.
    """
    name, equals, folder = spec.partition("=")
    if name not in BENCHMARKS:
        raise UsageError(
            "--benchmark", f"{name!r}", "NAME=FOLDER with the name of a benchmark", guess(name, BENCHMARKS)
        )
    if not equals or not folder:
        raise UsageError("--benchmark", f"{spec!r}", f"{name}=FOLDER")
    path = Path(folder).expanduser()
    if not path.is_dir():
        found = "not a folder" if path.exists() else "no such folder"
        raise BenchmarkError(path, found, f"the folder of the benchmark {name}")
    benchmark = BENCHMARKS[name](path)
    check_folds(benchmark)
    return benchmark
