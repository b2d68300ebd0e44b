"""What a person types in, what one function of the house gives out, printed: parse, call, print, and no logic.

A file for each group of commands. Invariant: a command's own imports wait until it is called, so that the help is quick.
"""

from hearsight.cli import evaluate, infer, train  # each adds its commands
from hearsight.cli.application import app, main

__all__ = ["app", "evaluate", "infer", "main", "train"]
