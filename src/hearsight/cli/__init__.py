"""The command line: each command parses its arguments, calls one function of the package, and prints what it returns.

One file for each group of commands. Invariant: what a command imports is imported when it is called, so that the help is quick.
"""

from hearsight.cli import (
    collect,
    counts,
    dataset,
    evaluate,
    infer,
    inspect,
    review,
    search,
    serve,
    study,
    tag,
    teach,
    train,
)  # each adds its commands
from hearsight.cli.application import app
from hearsight.cli.process import main

for _name in app:
    if not _name.startswith("-"):
        app[_name].help_epilogue = "All commands and the exit codes: `hearsight --help`."

__all__ = [
    "app",
    "collect",
    "counts",
    "dataset",
    "evaluate",
    "infer",
    "inspect",
    "main",
    "review",
    "search",
    "serve",
    "study",
    "tag",
    "teach",
    "train",
]
