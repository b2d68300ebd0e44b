from __future__ import annotations

import hashlib

import numpy as np

from hearsight.clips.folds import NUM_FOLDS, assign_fold
from hearsight.records import name_media


def make_uuids(count: int) -> list[str]:
    return [name_media(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(count)]


def test_a_media_file_has_the_same_fold_on_every_machine() -> None:
    assert assign_fold("00000000-0000-0000-0000-000000000000") == 3240
    assert assign_fold("6F0B4C1E-3A54-5B0E-9D53-2F4C61A7D0AA") == assign_fold("6f0b4c1e-3a54-5b0e-9d53-2f4c61a7d0aa")


def test_folds_are_filled_evenly() -> None:
    counts = np.bincount([assign_fold(uuid) for uuid in make_uuids(20_000)], minlength=NUM_FOLDS)
    assert len(counts) == NUM_FOLDS
    sixteenths = counts.reshape(16, -1).sum(axis=1)
    assert np.abs(sixteenths - 1_250).max() < 5 * np.sqrt(1_250)
