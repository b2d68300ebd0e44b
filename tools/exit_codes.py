"""Write docs/reference/exit-codes.md from the exception tree.

``python -m tools.exit_codes`` writes the page; ``make check`` fails when it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator

from hearsight.errors import EXIT_CODES, HearsightError
from tools.pages import DOCS, write_or_check

PAGE = DOCS / "reference" / "exit-codes.md"
HEAD = """\
# Exit codes

Every command ends with one of these codes; the same mistake has the same code in every command. In Python the mistakes raise the exceptions in
the last column, each of which is a `hearsight.HearsightError`. This page is written by `python -m tools.exit_codes`.

| code | meaning | exceptions |
|--:|---|---|
"""
TAIL = """
`hearsight tag` and `hearsight embed` take many files. Files that can be read are processed, the others are named on stderr, and the code is that of the
first failure. `hearsight build` ends with 0 even if files were rejected, unless `--set max_failure_rate=0.1` sets a limit.

An error message has the form *where: what was found, what was wanted*, followed by a `hint:` line if there is a way out. Data goes to stdout, messages and
progress to stderr.
"""


def list_errors(kind: type[HearsightError] = HearsightError) -> Iterator[type[HearsightError]]:
    """Yield the exceptions below one, each before those below it."""
    for below in kind.__subclasses__():
        if below.__module__ == HearsightError.__module__:
            yield below
            yield from list_errors(below)


def render() -> str:
    """Return the whole page."""
    rows = ""
    for code, meaning in EXIT_CODES.items():
        names = ", ".join(f"`{kind.__name__}`" for kind in list_errors() if kind.exit_code == code)
        rows += f"| {code} | {meaning} | {names} |\n"
    return HEAD + rows + TAIL


if __name__ == "__main__":
    write_or_check(PAGE, render(), "exit_codes")
