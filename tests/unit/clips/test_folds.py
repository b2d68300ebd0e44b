from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from hearsight.clips.folds import NUM_FOLDS, assign_fold, share_folds
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


def test_linked_media_share_the_fold_of_their_leader_and_others_keep_theirs() -> None:
    media = make_uuids(4)
    clips = pa.table({"media_uuid": [*media, media[1]], "fold": pa.array([7, 8, 9, 10, 8], pa.int32())})
    links = pa.table({"media_uuid": [media[1], media[2]], "leader": [media[0], media[3]]})
    shared = share_folds(clips, links)
    first, last = assign_fold(media[0]), assign_fold(media[3])
    assert shared.column("fold").to_pylist() == [7, first, last, 10, first]
    assert shared.schema == clips.schema
    assert shared.column("media_uuid").to_pylist() == clips.column("media_uuid").to_pylist()


def test_without_links_the_clips_are_returned_as_they_are() -> None:
    clips = pa.table({"media_uuid": make_uuids(2), "fold": pa.array([7, 8], pa.int32())})
    links = pa.table({"media_uuid": pa.array([], pa.string()), "leader": pa.array([], pa.string())})
    assert share_folds(clips, links) is clips
