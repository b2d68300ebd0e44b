"""The application that every command is added to, and what commands share: parameters, groups of the help, printing.

The only file that imports cyclopts; the others take ``App``, ``Parameter`` and ``Number`` from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Group, Parameter
from cyclopts.completion.detect import ShellDetectionError
from cyclopts.validators import Number

from hearsight.errors import EXIT_CODES, HearsightError
from hearsight.version import VERSION

ArgumentError = CycloptsError
"""A mistake in the arguments of a command, found before the command is called."""

_CODES = "; ".join(f"{code} {meaning.partition(':')[0].partition(';')[0]}" for code, meaning in EXIT_CODES.items())

app = App(
    name="hearsight",
    help="""Train audio networks on unlabelled video.

    From videos to a model: `hearsight learn VIDEOS --out RUN`. Use it: `hearsight tag SOUND --model RUN`.
    To try it on generated videos: `hearsight demo`.""",
    version=VERSION,
    help_format="markdown",
    help_epilogue=(
        "Each command has its own help, as in `hearsight build --help`. Results go to stdout, progress and messages to stderr.\n\n"
        f"Exit codes: {_CODES}."
    ),
    suppress_keyboard_interrupt=False,
)

LOOP = Group("From videos to a model", sort_key=0)
"""Commands that make a model, the first in the help."""
WORK = Group("Use and evaluate a model", sort_key=1)
"""Commands that use one."""

Override = Annotated[
    list[str] | None, Parameter(name="--set", negative="", help="a key of the configuration, as key=value; repeatable")
]
ConfigFile = Annotated[
    Path | None,
    Parameter(
        name=["--config", "-c"],
        help="TOML file, tables \\[fetch], \\[build], \\[label], \\[mix], \\[train], \\[evaluate]; "
        "or a shipped recipe: jia, hershey, soundnet, wu, mixtures",
    ),
]
# A number that makes no sense is refused here, before anything is read or written, in a message that names its option.
Count = Annotated[int, Parameter(validator=Number(gte=1, lte=10**9))]
"""A number of things, at least one."""
Seed = Annotated[int, Parameter(validator=Number(gte=0, lte=2**32 - 1))]
"""Of random draws: what every generator takes that we use."""
Port = Annotated[int, Parameter(validator=Number(gte=0, lte=65_535))]
"""A port of TCP; 0 for any that is free."""
Amount = Annotated[float, Parameter(validator=Number(gt=0.0, lte=10.0**7))]
"""A positive amount, such as seconds; at most four months of them."""
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="print JSON on stdout")]


@app.command(name="--install-completion")
def install_completion(
    *,
    shell: Annotated[
        # in the order of cyclopts' own: typing caches unions of equal literals, whose order would depend on what is imported first
        Literal["zsh", "bash", "fish", "powershell"] | None,
        Parameter(help="by default the one in use"),
    ] = None,
    output: Annotated[Path | None, Parameter(help="write the script there, and change no start-up file")] = None,
) -> None:
    """Install the completion of commands and options by the Tab key, for the shell in use."""
    from hearsight.console import print_lines
    from hearsight.errors import UsageError

    try:
        path = app.install_completion(shell=shell, output=output, add_to_startup=output is None)
    except ShellDetectionError as error:
        found = "the shell in use is not known"
        raise UsageError("--install-completion", found, hint="add --shell bash, zsh, fish or powershell") from error
    print_lines([f"{path}: written; shells that are started from now on read it"])


def check_whole_number(kind: Any, value: Any) -> None:
    """Refuse whole numbers that are no count, place or seed; for commands whose arguments have no other bounds."""
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, int):
            Number(gte=0, lte=2**32 - 1)(kind, number)


def print_summary(summary: Any, as_json: bool) -> None:
    """Print what a stage function returned: its lines, or its fields as JSON."""
    from hearsight.console import print_json, print_lines

    if as_json:
        import dataclasses

        print_json(summary.as_json() if hasattr(summary, "as_json") else dataclasses.asdict(summary))
    else:
        print_lines(summary.describe())


def end_with(failures: Sequence[HearsightError]) -> None:
    """Print all failures, and end with the exit code of the first."""
    from hearsight.console import print_error

    for failure in failures:
        print_error(failure)
    if failures:
        raise SystemExit(failures[0].exit_code)
