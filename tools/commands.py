"""Write docs/reference/commands.md from the help of the commands.

``python -m tools.commands`` writes the page; ``make check`` fails when it is out of date.
"""

from __future__ import annotations

import re

from hearsight.cli import app
from tools.pages import DOCS, write_or_check

PAGE = DOCS / "reference" / "commands.md"
HEAD = """\
# Commands

This page is the help of every command (`hearsight COMMAND --help`), written by `python -m tools.commands`. For the exit codes, see
[exit codes](exit-codes.md); for the keys of `--set` and `-c`, see [configuration](configuration.md).
"""


def render() -> str:
    """Return the whole page."""
    body = app.generate_docs(output_format="markdown", recursive=True, heading_level=1)
    contents = body[body.index("## Table of Contents") :].removeprefix("## Table of Contents\n")
    contents = re.sub(
        r"^(hearsight[a-z -]*?) -m [\w.]+", r"\1", contents, flags=re.MULTILINE
    )  # how this very process was started
    lines = [line.rstrip() for line in f"{HEAD}{contents}".splitlines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_or_check(PAGE, render(), "commands")
