"""The application that every command is added to: what commands share, print and end with.

The only file that imports cyclopts; the others take ``App`` and ``Parameter`` from here.

stdout is data, stderr is talk. Exit codes: 0 well; 2 a command that makes no sense; 3 input that cannot be used; 4 more rejected
media than allowed; 5 a worker that died; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from hearsight.errors import HearsightError
from hearsight.version import VERSION

app = App(
    name="hearsight",
    help="""Teach networks to hear by letting them watch.

    Unlabelled video in, an audio model out: `hearsight learn VIDEOS --out RUN`, then `hearsight tag SOUND --model RUN`.
    Try it on a generated world: `hearsight demo`.""",
    version=VERSION,
    help_format="markdown",
    help_epilogue="Each command has its own help: `hearsight build --help`. Documentation: docs/ in the project.",
)

LOOP = Group("From videos to a model", sort_key=0)
"""Commands that make a model, the first in the help."""
WORK = Group("The model at work", sort_key=1)
"""Commands that use one."""

Override = Annotated[list[str] | None, Parameter(name="--set", negative="", help="a knob, as key=value; repeatable")]
ConfigFile = Annotated[
    Path | None,
    Parameter(name=["--config", "-c"], help="TOML file with tables \\[build], \\[mix], \\[train], \\[evaluate]"),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="print JSON on stdout, for machines")]


def print_summary(summary: Any, as_json: bool) -> None:
    """Print what a stage function gave: its lines for a person, its fields for a machine."""
    if as_json:
        import dataclasses

        print_json(summary.as_json() if hasattr(summary, "as_json") else dataclasses.asdict(summary))
    else:
        sys.stdout.write("\n".join(summary.describe()) + "\n")


def print_json(value: Any) -> None:
    """Print one JSON document; a list gets a line per element."""
    if isinstance(value, list):
        lines = ",\n".join(json.dumps(element, ensure_ascii=False, default=str) for element in value)
        sys.stdout.write(f"[\n{lines}\n]\n" if lines else "[]\n")
    else:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def end_with(failures: Sequence[HearsightError]) -> None:
    """End with the exit code of the first failure, after all of them have been told."""
    for failure in failures:
        sys.stderr.write(f"error: {failure}\n")
    if failures:
        raise SystemExit(failures[0].exit_code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # Threads that wait for each other should sleep: on a machine that does other work too, spinning made training ten times
    # slower. It must be set before torch loads its runtime.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        raise SystemExit(2) from None
    except HearsightError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on from here\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader of our output went away (`| head`): that is its good right.
        sys.stderr.close()
        raise SystemExit(0) from None
