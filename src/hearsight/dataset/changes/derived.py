"""Datasets that were made from another one, by labelling its clips again or by mixing their sounds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hearsight.dataset.layout import LABELLED_FROM, MIXED_FROM
from hearsight.dataset.reader import Dataset
from hearsight.errors import HearsightError


def find_derived(folders: Sequence[Path], digests: Sequence[str]) -> dict[Path, str]:
    """Find the datasets below some folders that were made from those with these digests, directly or by others in between.

    Returns
    -------
    dict
        Digest by folder, sorted by folder. Datasets that cannot be read are passed over.
    """
    datasets = {path: (one.digest, one.manifest.config) for path, one in _open_all(folders)}
    known, found = set(digests), dict[Path, str]()
    while True:
        new = {
            path: digest
            for path, (digest, config) in datasets.items()
            if path not in found and known & {config.get(LABELLED_FROM), config.get(MIXED_FROM)}
        }
        if not new:
            return dict(sorted(found.items()))
        found |= new
        known |= set(new.values())


def _open_all(folders: Sequence[Path]) -> Iterator[tuple[Path, Dataset]]:
    for folder in folders:
        for path, names, files in os.walk(folder):
            if "dataset.json" in files:
                names.clear()  # no dataset is within another
                try:
                    yield Path(path), Dataset(path, quiet=True)
                except HearsightError:
                    continue
