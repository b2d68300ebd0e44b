"""Merge groups of sources at random, each with its share, as Jia 2019 (section 2) merges its own videos into the open ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, UInt64

from hearsight.errors import InputError, UsageError
from hearsight.media.collection.table import SourceTable

REST = ""
"""Group of the sources that no share is given for."""


def check_shares(shares: Mapping[str, float]) -> None:
    """Check that shares can be those of one whole.

    Raises
    ------
    UsageError
        When a share is not between 0 and 1, or all of them are more than one.
    """
    for name, share in shares.items():
        if not 0.0 < share <= 1.0:
            raise UsageError(f"--source-share {name}={share:g}", f"{share:g}", "a share above 0 and up to 1")
    total = sum(shares.values())
    if total > 1.0 + 1e-9:
        raise UsageError("--source-share", f"shares that sum to {total:g}", "at most 1")


def merge_shares(
    sources: SourceTable, shares: Mapping[str, float], seed: int = 0
) -> tuple[SourceTable, dict[str, int]]:
    """Keep as many sources of each group as make its share of the whole.

    The result is the largest that has these shares. The groups without one share what is left, in proportion to their sizes. Which
    sources of a group are kept is random, by a key of the source's own name, so that it does not depend on the order or the
    machine, and a list that grows keeps most of what was chosen before.

    Parameters
    ----------
    sources
        All sources, with their groups and keys.
    shares
        Share of each named group, between 0 and 1.
    seed
        Another one chooses other sources.

    Returns
    -------
    kept
        The sources, in their order.
    left_out
        How many of each group were left out; the group without a share is called ``""``.

    Raises
    ------
    UsageError
        When shares make no whole.
    InputError
        When a group has no sources.
    """
    check_shares(shares)
    groups = np.array(sources.table["group"].to_pylist(), dtype=object)
    wanted = dict(shares)
    if np.any(groups == REST):
        wanted[REST] = 1.0 - sum(shares.values())
    sizes = {name: int(np.count_nonzero(groups == name)) for name in wanted}
    for name, size in sizes.items():
        if not size:
            raise InputError(f"source {name}", "no media", f"some of it for a share of {wanted[name]:g}")
    if REST in wanted and wanted[REST] <= 1e-9:
        found = f"shares that sum to 1, and {sizes[REST]:,} sources without a share"
        raise UsageError("--source-share", found, "something left for them", "name every source, or lower a share")
    total = min(size / (wanted[name] / sum(wanted.values())) for name, size in sizes.items())
    keys = _draw_keys(sources, seed)
    kept: list[Int64[np.ndarray, " _"]] = []
    for name, size in sizes.items():
        places = np.flatnonzero(groups == name)
        count = min(size, int(total * wanted[name] / sum(wanted.values()) + 0.5 + 1e-9))
        kept.append(places[np.argsort(keys[places], kind="stable")[:count]])
    rows = np.sort(np.concatenate(kept))
    left_out = {name: sizes[name] - len(places) for name, places in zip(sizes, kept, strict=True)}
    return sources.take(rows.astype(np.int64)), left_out


def _draw_keys(sources: SourceTable, seed: int) -> UInt64[np.ndarray, " sources"]:
    """Return a random number for each source: a hash of the seed, its name and its listed span."""
    table = sources.table.select(["group", "key", "start", "end", "listed_start", "listed_end"])
    keys = np.empty(len(sources), np.uint64)
    place = 0
    for batch in table.to_batches(max_chunksize=65_536):
        for group, key, *span in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            text = f"{seed}|{group}|{key}|{span}".encode("utf-8", "backslashreplace")
            keys[place] = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
            place += 1
    return keys
