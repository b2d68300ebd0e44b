"""How a benchmark reports its result."""

from __future__ import annotations

from typing import Literal


def print_verdict(what: str, value: float, bound: Literal["at least", "below"], wanted: float) -> bool:
    """Print a figure next to the one that is wanted; return whether it was reached."""
    reached = value >= wanted if bound == "at least" else value < wanted
    print(f"{what}: {value:.3g}, wanted {bound} {wanted:g}: {'reached' if reached else 'NOT reached'}", flush=True)
    return reached
