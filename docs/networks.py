"""Write the README's table of networks from the networks as built, so that it cannot lag behind them.

`python docs/networks.py` writes it; `make check` fails where it is out of date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hearsight.models.table import NOTES, NetworkDescription, describe_networks

PAGE = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- networks, written by docs/networks.py -->", "<!-- end of networks -->"

HEAD = """\
| network | paper | hears | embedding | parameters | multiplies | printed | met |
|---|---|---|--:|--:|--:|--:|---|
"""


def render() -> str:
    """Give the table, a row per network and reading."""
    return HEAD + "".join(render_row(line) for line in describe_networks())


def render_row(line: NetworkDescription) -> str:
    """Give one network's row: a printed figure that is not met links to the reason."""
    met = "" if line.matches is None else "yes" if line.matches else f"[no]({line.reason})"
    counts = [f"{line.parameters / 1e6:,.2f}M", f"{line.macs / 1e6:,.1f}M"]
    cells = (f"`{line.title}`", line.paper, line.input, f"{line.embedding_dim:,}", *counts, line.printed, met)
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Write the table into the README, or with `--check` say whether it is as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text) or not (PAGE.parent / NOTES).exists():
        sys.exit(f"README.md: no place for the table of networks, wanted {BEGIN} and {END}")
    wanted = pattern.sub(lambda _: f"{BEGIN}\n{render()}{END}", text)
    if "--check" in sys.argv:
        if wanted != text:
            sys.exit("README.md's table of networks is out of date: run python docs/networks.py")
        return
    PAGE.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
