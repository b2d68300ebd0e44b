"""Run every benchmark, one after the other: `python -m benchmarks [FOLDER OF REAL DATA]`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "build_memory",
    "data_waiting",
    "python_training_speed",
    "metrics_speed",
    "log_mel_speed",
    "onnx_speed",
    "search_rows",
    "demo_gain",
)


def main() -> int:
    """Run each in a separate process; return 1 if one of them failed."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("HEARSIGHT_DATA", "../shared/data"))
    commands = [[name] for name in BENCHMARKS]
    if (data / "videos").is_dir():
        commands.insert(0, ["build_speed", str(data)])
    else:
        print(f"build_speed: left out, no real videos at {data} (give the folder, or set HEARSIGHT_DATA)")
    broken = 0
    for name, *arguments in commands:
        print(f"== {name}", flush=True)
        broken += subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], check=False).returncode != 0
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
