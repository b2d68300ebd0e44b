"""Write the layers of the import contract into ARCHITECTURE.md, so that the page cannot differ from what is enforced.

``python -m tools.layers`` writes them; ``make check`` fails when they are out of date.
"""

from __future__ import annotations

import re
import textwrap
import tomllib

from tools.pages import ROOT, write_or_check

PAGE = ROOT / "ARCHITECTURE.md"
PLACE = re.compile(r"<!-- layers -->\n```\n.*?```", re.DOTALL)


def render() -> str:
    """Return the whole page with its layers filled in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = " → ".join(layer.replace("(", "").replace(")", "") for layer in layers if layer != "__main__")
    lines = textwrap.fill(shown, 132, subsequent_indent="    ", break_long_words=False)
    return PLACE.sub(lambda _: f"<!-- layers -->\n```\n{lines}\n```", PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    write_or_check(PAGE, render(), "layers")
