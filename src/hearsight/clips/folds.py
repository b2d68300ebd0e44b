"""Which of the 4,096 folds a media file belongs to: what keeps a source out of both splits.

A clip's fold is that of its *media*, so that two clips of one recording are never on both sides of a split (Jia 2019, section 2,
splits by clip; see ``docs/paper-notes.md``), on any machine, in any order of work. Media that share sound get the fold
of the first of them; see :mod:`hearsight.clips.links`.
"""

from __future__ import annotations

import hashlib

NUM_FOLDS = 4096
"""Folds, and shards at the papers' size."""


def assign_fold(media_uuid: str) -> int:
    """Return the fold of a media file, 0 to 4,095: the SHA-256 of its UUID, modulo 4,096.

    Parameters
    ----------
    media_uuid
        As :func:`hearsight.records.name_media` names it; upper and lower case are the same identity.
    """
    digest = hashlib.sha256(media_uuid.lower().encode("ascii")).digest()
    return int.from_bytes(digest, "big") % NUM_FOLDS
