"""Write a generated page, or check that the committed one is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def write_or_check(path: Path, text: str, module: str) -> None:
    """Write a page, or with ``--check`` on the command line compare it with the file.

    Parameters
    ----------
    path
        The page.
    text
        What the page should contain.
    module
        Name of the script, as in ``python -m tools.NAME``; named in the error.

    Raises
    ------
    SystemExit
        With ``--check``, where the file is missing or differs.
    """
    if "--check" not in sys.argv:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        sys.exit(f"{path.relative_to(ROOT)} is out of date: run `python -m tools.{module}`")
