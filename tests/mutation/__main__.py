"""Run the mutants of the pure modules: ``python -m tests.mutation [MODULE...] [--at-least SHARE]``.

The package is copied to a temporary folder once. For each mutant, its module is rewritten there, and a process that has imported
the libraries already is forked to run the module's tests against the copy. A mutant is killed when a test fails, when it cannot
be imported, or when it runs ten times as long as the unchanged module.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutate import list_mutants

REPOSITORY = Path(__file__).resolve().parent.parent.parent
MODULES: dict[str, tuple[str, ...]] = {
    "units": ("unit/test_units.py",),
    "vocabulary": ("unit/test_vocabulary.py",),
    "permutation": ("unit/test_permutation.py", "properties/test_permutation.py"),
    "signal/filters": ("unit/signal", "properties/test_waveform.py"),
    "signal/log_mel": ("unit/signal/test_log_mel.py", "unit/signal/test_compared_front_ends.py"),
    "signal/cepstra": ("unit/signal/test_cepstra.py",),
    "signal/waveform": ("unit/signal", "properties/test_waveform.py"),
    "signal/chimaeras": ("unit/signal/test_chimaeras.py",),
    "signal/downmix": ("unit/signal/test_downmix.py", "unit/signal/test_waveform.py"),
    "metrics/averages": ("unit/metrics", "properties/test_metrics.py"),
    "metrics/balanced": ("unit/metrics",),
    "metrics/blocks": ("unit/metrics",),
    "metrics/intervals": ("unit/metrics",),
    "metrics/measures": ("unit/metrics", "properties/test_metrics.py"),
    "metrics/ranking": ("unit/metrics", "properties/test_metrics.py"),
    "metrics/tagging": ("unit/metrics", "properties/test_metrics.py"),
    "models/segments": ("unit/models/test_segments.py", "properties/test_segments.py"),
    "evaluation/benchmarks/folds": (
        "unit/evaluation/benchmarks/test_folds.py",
        "unit/evaluation/benchmarks/test_labelled_table.py",
    ),
    "clips/folds": ("unit/clips/test_folds.py",),
    "clips/cut": ("unit/clips/test_cut.py", "properties/test_cut.py"),
    "dataset/labels/thresholds": ("unit/dataset/labels", "properties/test_thresholds.py"),
    "teachers/policy": ("unit/teachers/test_policy.py", "properties/test_policy.py"),
    "training/step/losses": ("unit/training/step/test_losses.py",),
    "training/step/optimizer": ("unit/training/step/test_optimizer.py",),
}
"""The modules, and the tests that belong to each."""
SLOWEST = 10.0
"""Times the run of the unchanged module after which a mutant counts as endless."""
LEAST_SECONDS = 60.0


def main() -> int:
    """Run the mutants, print the survivors, and return 1 if more survived than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="SHARE", help="share that has to be killed")
    options = parser.parse_args()
    unknown = [name for name in options.modules if name not in MODULES]
    if unknown:
        parser.error(f"unknown module {unknown[0]!r}")
    killed = total = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        shutil.copytree(
            REPOSITORY / "src" / "hearsight", folder / "hearsight", ignore=shutil.ignore_patterns("__pycache__")
        )
        _import_libraries(folder)
        for module in options.modules or MODULES:
            survivors, count = run_module(folder, module)
            killed, total = killed + count - survivors, total + count
    share = killed / max(1, total)
    print(f"{killed} of {total} mutants killed ({share:.1%})")
    return int(share < options.at_least)


def run_module(folder: Path, module: str) -> tuple[int, int]:
    """Run the mutants of one module.

    Parameters
    ----------
    folder
        The folder with the copy of the package.
    module
        One of :data:`MODULES`.

    Returns
    -------
    int, int
        The number of survivors, and of all mutants.
    """
    path = folder / "hearsight" / f"{module}.py"
    original = path.read_text(encoding="utf-8")
    tests = [str(REPOSITORY / "tests" / name) for name in MODULES[module]]
    started = time.perf_counter()
    if run_tests(tests, None) != 0:
        raise SystemExit(f"{module}: its tests fail without any change")
    limit = max(LEAST_SECONDS, SLOWEST * (time.perf_counter() - started))
    mutants = list_mutants(original)
    survivors = 0
    try:
        for mutant in mutants:
            path.write_text(mutant.source, encoding="utf-8")
            if run_tests(tests, limit) == 0:
                survivors += 1
                print(f"{module}.py:{mutant.line}: survived: {mutant.description}", flush=True)
    finally:
        path.write_text(original, encoding="utf-8")
    print(f"{module}: {len(mutants) - survivors} of {len(mutants)} killed", flush=True)
    return survivors, len(mutants)


def run_tests(tests: Sequence[str], limit: float | None) -> int:
    """Run tests in a forked process; return its exit code, or -1 when it was stopped after ``limit`` seconds."""
    child = os.fork()
    if child == 0:
        _run_in_child(tests)
    ends = None if limit is None else time.monotonic() + limit
    while True:
        done, status = os.waitpid(child, 0 if ends is None else os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if ends is not None and time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -1
        time.sleep(0.02)


def _run_in_child(tests: Sequence[str]) -> None:
    import pytest

    code = 1
    try:
        with (
            Path(os.devnull).open("w") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]))
    finally:
        os._exit(code)  # without the parent's cleaning up


def _import_libraries(folder: Path) -> None:
    """Import what the tests need, but not the package, which is to come from its copy."""
    import pyarrow.parquet  # noqa: F401
    import scipy.signal
    import scipy.special  # noqa: F401
    import torch

    torch.set_num_threads(1)
    os.chdir(REPOSITORY)
    sys.dont_write_bytecode = True  # a mutant can be as long and as old as the one before it
    sys.path[:] = [str(folder), *(one for one in sys.path if not one.endswith(f"{os.sep}src"))]


if __name__ == "__main__":
    sys.exit(main())
