"""The search for media that share sound, as joins of partitions: one partition is in memory, all else is in files.

A word is looked up half a frame later too, and with its two weakest bits turned over, since encoding spares few words whole. Each
of these eight variants is one pass over all frames: they are divided by their word like the words that they are looked up among,
and every pair of equal words is a vote for a pair of media and the offset between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped, UInt32

from hearsight.clips.audio_fingerprints import HOP_LENGTH
from hearsight.clips.partitions import Partitions, argsort, count_partitions
from hearsight.files import report_output_errors
from hearsight.units import SAMPLE_RATE

MAX_MEDIA = 20
"""Media in which a word may occur to propose pairs among all of them."""

MIN_VOTES = 4
"""Number of words that must agree on the offset between two media."""

MIN_OVERLAP = 2.0
"""Seconds of audible overlap that linked media have."""

MAX_DIFFERENCE = 0.25
"""Share of bits in which the overlap of two copies may differ. Measured: MP3 copies shifted by 1.3 s differ in 6 to 21 %; that of
unrelated sounds is about a half."""

MAX_COMMON_DIFFERENCE = 0.22
"""The same where only words in many media agree. A jingle in half of two recordings makes them differ in a quarter."""

FRAMES_PER_SECOND = SAMPLE_RATE / HOP_LENGTH
FRAME = np.dtype([("media", "<u4"), ("frame", "<i4"), ("word", "<u4"), ("half", "<u4"), ("weak", "<u4")])
"""A frame: the number of its media, its place in time, its word, the word half a frame later, and the weakest bits of both."""

_WORD = np.dtype([("word", "<u4"), ("media", "<u4"), ("frame", "<i4")])
_CHOSEN = np.dtype([("word", "<u4"), ("media", "<u4"), ("frame", "<i4"), ("common", "?")])
_VOTE = np.dtype([("a", "<u4"), ("b", "<u4"), ("shift", "<i4"), ("common", "?")])

_SHIFTS = 3
"""Offsets of a pair of media that are checked: those with most votes."""
_BLOCK = 2**17
_LOOKUPS = 2**15
_VARIANTS = tuple((name, place, turned) for name, place in (("word", 0), ("half", 16)) for turned in range(4))
"""Which word, the bit at which the places of its weakest bits begin, and which of the two are turned over."""


class FrameFile:
    """The audible frames of all media in a file, sorted by media and time. A frame that comes twice is one frame.

    Parameters
    ----------
    folder
        Where the files are.
    num_media, num_frames
        Media, and frames that will be appended at most.
    """

    def __init__(self, folder: Path, num_media: int, num_frames: int) -> None:
        self.num_partitions = count_partitions(num_frames)
        self._num_media = num_media
        self._path = folder / "frames"
        self._ends_path = folder / "ends"
        self._unsorted = Partitions(folder / "unsorted", FRAME, self.num_partitions)

    def append(self, frames: Shaped[np.ndarray, " frames"]) -> None:
        """Append frames, in any order."""
        self._unsorted.append_to(frames["media"].astype(np.int64) * self.num_partitions // self._num_media, frames)

    def finish(self) -> None:
        """Sort what was appended."""
        with report_output_errors(self._path), self._path.open("wb") as file, self._ends_path.open("wb") as ends_file:
            end, next_media = 0, 0
            for place in range(self.num_partitions):
                frames = _sort_frames(self._unsorted.read(place))
                file.write(frames.tobytes())
                # the first medium of the next partition: that of number n is in partition n * partitions // media
                stop = -(-(place + 1) * self._num_media // self.num_partitions)
                counts = np.bincount(frames["media"].astype(np.int64) - next_media, minlength=stop - next_media)
                ends_file.write((end + np.cumsum(counts)).astype(np.int64).tobytes())
                end, next_media = end + len(frames), stop
        self._unsorted.remove()
        self._frames = np.memmap(self._path, FRAME, "r") if end else np.zeros(0, FRAME)
        self._ends = np.memmap(self._ends_path, np.int64, "r") if self._num_media else np.zeros(0, np.int64)

    def stream(self) -> Iterator[Shaped[np.ndarray, " frames"]]:
        """Yield all frames in their order, some at a time."""
        for first in range(0, len(self._frames), _BLOCK):
            yield np.array(self._frames[first : first + _BLOCK])

    def read(self, media: int) -> Shaped[np.ndarray, " frames"]:
        """Return the frames of a medium."""
        return self._frames[self._ends[media - 1] if media else 0 : self._ends[media]]


def _sort_frames(frames: Shaped[np.ndarray, " frames"]) -> Shaped[np.ndarray, " sorted"]:
    """Sort frames by media and time; of those at the same place, keep the first by its words."""
    frame = (frames["frame"].astype(np.int64) + 2**31).astype(np.uint64)
    moments = frames["media"].astype(np.uint64) << np.uint64(32) | frame
    order = np.argsort(moments, kind="stable")
    moments = moments[order]
    if np.all(moments[1:] != moments[:-1]):
        return frames[order]
    frames = frames[np.lexsort([frames[name] for name in ("weak", "half", "word", "frame", "media")])]
    return frames[np.concatenate([[True], moments[1:] != moments[:-1]])]


def find_pairs(folder: Path, frames: FrameFile) -> Int64[np.ndarray, "pairs 2"]:
    """Find the pairs of media that share sound.

    Parameters
    ----------
    folder
        For temporary files.
    frames
        The frames of all media.

    Returns
    -------
    np.ndarray
        Numbers of media, the lower one first, sorted.
    """
    chosen = _choose_words(folder, frames)
    votes = Partitions(folder / "votes", _VOTE, frames.num_partitions)
    for variant in _VARIANTS:
        _vote(folder, frames, variant, chosen, votes)
    chosen.remove()
    found = [np.zeros((0, 2), np.int64)]
    for place in range(len(votes)):
        proposals = _propose(votes.read(place))
        kept = np.fromiter((_is_copy(frames, one) for one in proposals), np.bool_, len(proposals))
        found.append(np.unique(np.stack([proposals["a"][kept], proposals["b"][kept]], 1).astype(np.int64), axis=0))
    votes.remove()
    return np.unique(np.concatenate(found), axis=0)


def _choose_words(folder: Path, frames: FrameFile) -> Partitions:
    """Return the words of each medium, each at its first frame; of a word in many media, that of the first medium only."""
    words = Partitions(folder / "words", _WORD, frames.num_partitions)
    for block in frames.stream():
        words.append(block["word"].astype(np.uint64), _make_words(block["word"], block))
    chosen = Partitions(folder / "chosen", _CHOSEN, frames.num_partitions)
    for place in range(len(words)):
        rows = words.read(place)
        rows = rows[argsort(rows["word"])]  # media and frames are in order
        changes = np.ones(len(rows), np.bool_)
        changes[1:] = np.diff(rows["word"]) != 0
        once = changes.copy()
        once[1:] |= np.diff(rows["media"]) != 0
        rows, changes = rows[once], changes[once]
        number = np.cumsum(changes) - 1
        common = (np.bincount(number) > MAX_MEDIA)[number]
        kept = ~common | changes
        out = np.zeros(int(kept.sum()), _CHOSEN)
        for name in _WORD.names or ():
            out[name] = rows[name][kept]
        out["common"] = common[kept]
        chosen.write(place, out)
    words.remove()
    return chosen


def _make_words(words: UInt32[np.ndarray, " frames"], block: Shaped[np.ndarray, " frames"]) -> np.ndarray:
    rows = np.empty(len(block), _WORD)
    rows["word"], rows["media"], rows["frame"] = words, block["media"], block["frame"]
    return rows


def _vote(
    folder: Path, frames: FrameFile, variant: tuple[str, int, int], chosen: Partitions, votes: Partitions
) -> None:
    """Look up one variant of every word, and record a vote for each word found in another medium."""
    name, bit, turned = variant
    lookups = Partitions(folder / "lookups", _WORD, len(chosen))
    for block in frames.stream():
        words = block[name].copy()
        for which in range(2):
            if turned >> which & 1:
                words ^= np.uint32(1) << (block["weak"] >> np.uint32(bit + 5 * which) & np.uint32(31))
        lookups.append(words.astype(np.uint64), _make_words(words, block))
    for place in range(len(chosen)):
        known, rows = chosen.read(place), lookups.read(place)
        rows = rows[argsort(rows["word"])]
        for first in range(0, len(rows), _LOOKUPS):
            found = _match(known, rows[first : first + _LOOKUPS])
            votes.append(found["a"].astype(np.uint64) << np.uint64(32) | found["b"].astype(np.uint64), found)
    lookups.remove()


def _match(known: Shaped[np.ndarray, " words"], rows: Shaped[np.ndarray, " lookups"]) -> np.ndarray:
    """Return a vote for each pair of equal words in two media; ``known`` is sorted by word."""
    words = np.ascontiguousarray(known["word"])
    first, last = (np.searchsorted(words, rows["word"], side) for side in ("left", "right"))
    counts = last - first
    asked = np.repeat(np.arange(len(rows)), counts)
    found = np.arange(len(asked)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    other = known["media"][found] != rows["media"][asked]
    one, two = known[found[other]], rows[asked[other]]
    votes = np.empty(len(one), _VOTE)
    votes["a"], votes["b"] = np.minimum(one["media"], two["media"]), np.maximum(one["media"], two["media"])
    later = two["frame"] - one["frame"]
    votes["shift"] = np.where(one["media"] < two["media"], later, -later)
    votes["common"] = one["common"]
    return votes


def _propose(votes: Shaped[np.ndarray, " votes"]) -> Shaped[np.ndarray, " proposals"]:
    """Return the offsets of each pair of media with most votes, in a partition that has all votes of its pairs."""
    votes = votes[np.lexsort((votes["shift"], votes["b"], votes["a"]))]
    if not len(votes):
        return votes
    changes = np.ones(len(votes), np.bool_)
    changes[1:] = np.any([np.diff(votes[name]) != 0 for name in ("a", "b", "shift")], axis=0)
    begins = np.flatnonzero(changes)
    counts = np.diff(begins, append=len(votes))
    proposals = votes[begins]
    proposals["common"] = np.logical_and.reduceat(votes["common"], begins)
    enough = counts >= MIN_VOTES
    proposals, counts = proposals[enough], counts[enough]
    order = np.lexsort((proposals["shift"], -counts, proposals["b"], proposals["a"]))
    proposals = proposals[order]
    changes = np.ones(len(proposals), np.bool_)
    changes[1:] = (np.diff(proposals["a"]) != 0) | (np.diff(proposals["b"]) != 0)
    places = np.arange(len(proposals))
    return proposals[places - np.maximum.accumulate(np.where(changes, places, 0)) < _SHIFTS]


def _is_copy(frames: FrameFile, proposal: np.void) -> bool:
    """Compare all frames of two media that overlap at an offset."""
    x, y = frames.read(int(proposal["a"])), frames.read(int(proposal["b"]))
    at = x["frame"] + proposal["shift"]
    places = np.minimum(np.searchsorted(y["frame"], at), len(y) - 1)
    both = y["frame"][places] == at
    x, y = x[both], y[places[both]]
    if len(x) < MIN_OVERLAP * FRAMES_PER_SECOND:
        return False
    pairs = ((x["word"], y["word"]), (x["half"], y["word"]), (x["word"], y["half"]))
    bits = min(float(np.mean(np.bitwise_count(first ^ second))) for first, second in pairs)
    return bits <= 32 * (MAX_COMMON_DIFFERENCE if proposal["common"] else MAX_DIFFERENCE)
