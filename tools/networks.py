"""Write docs/networks.md, the table of all networks with their counts.

``python -m tools.networks`` writes the page; ``make check`` fails when it is out of date.
"""

from __future__ import annotations

from hearsight.models.table import NetworkDescription, describe_networks
from tools.pages import DOCS, write_or_check

PAGE = DOCS / "networks.md"
HEAD = """\
# Networks

Every network that hearsight implements, counted as built for the paper's number of classes, next to the figures that its paper
prints. *Multiplies* are multiply-accumulate operations for one segment. Each network contains its front end: it takes a
waveform. `panns-cnn14` is a strong modern reference, whose [published weights](how-to/published-weights.md) can be converted.

`hearsight models` prints this table with the number of kernel weights. This page is written by `python -m tools.networks`.

| network | paper | input | embedding | parameters | multiplies | printed | met |
|---|---|---|--:|--:|--:|--:|---|
"""


def render() -> str:
    """Return the whole page, a row per network and per reading of its paper."""
    networks = describe_networks()
    pinned = [line for line in networks if line.matches is not None]
    missed = [line for line in pinned if not line.matches]
    count = (
        f"\nThe papers print counts for {len(pinned)} of these {len(networks)} rows; {len(pinned) - len(missed)} are met. "
        "The others link to the reason.\n"
    )
    return HEAD + "".join(render_row(line) for line in networks) + count


def render_row(line: NetworkDescription) -> str:
    """Return one row; where a printed figure is not met, it links to the reason."""
    reason = line.reason.removeprefix("docs/")
    met = "" if line.matches is None else "yes" if line.matches else f"[no]({reason})"
    counts = [f"{line.parameters / 1e6:,.2f}M", f"{line.macs / 1e6:,.1f}M"]
    cells = (f"`{line.title}`", line.paper, line.input, f"{line.embedding_dim:,}", *counts, line.printed, met)
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    write_or_check(PAGE, render(), "networks")
