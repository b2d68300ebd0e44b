"""The dozen kinds of object: how each looks, and how each sounds.

A kind is an outline with a surface (:mod:`hearsight.world.pictures`) and a gesture (:mod:`hearsight.world.sounds`). Everything
else about an object, its colours, size and pose, its pitch, timbre, loudness and room, is drawn for each object from
distributions that all kinds share; only the middle of the pitch and the share of noise lean a little to one side from kind to
kind, as those of real things do, far less than they vary within a kind.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes
    ----------
    name
        What a person calls it.
    outline, surface
        Its shape and the pattern on it, by their names in :mod:`hearsight.world.pictures`.
    gesture
        What its sound does in time, by its name in :mod:`hearsight.world.sounds`.
    description
        The gesture in words.
    pitch_lean
        Octaves by which the middle of its pitches is off the middle of all pitches.
    noise_share
        Share of its objects that sound of noise rather than of tones.
    """

    name: str
    outline: str
    surface: str
    gesture: str
    description: str
    pitch_lean: float
    noise_share: float


KINDS: tuple[Kind, ...] = (
    Kind("wheel", "disc", "spokes", "flutter", "flutters", 0.2, 0.4),
    Kind("cone", "triangle", "stripes", "rise", "sweeps up", 0.0, 0.2),
    Kind("arrow", "arrow", "halves", "fall", "sweeps down", 0.0, 0.2),
    Kind("gear", "gear", "rings", "arch", "sweeps up and down", 0.1, 0.3),
    Kind("moon", "crescent", "dots", "dip", "sweeps down and up", 0.1, 0.3),
    Kind("star", "star", "plain", "strike", "is struck and dies away", 0.3, 0.2),
    Kind("ring", "ring", "plain", "swell", "swells and breaks off", 0.2, 0.2),
    Kind("flower", "flower", "eye", "trill", "trills between two pitches", 0.3, 0.1),
    Kind("cross", "cross", "grid", "gallop", "knocks in threes", -0.4, 0.6),
    Kind("board", "square", "checks", "pairs", "knocks in pairs", -0.4, 0.6),
    Kind("comb", "bar", "teeth", "stairs", "runs up or down in steps", 0.0, 0.2),
    Kind("drop", "drop", "zigzag", "bounce", "bounces, faster and faster", -0.2, 0.4),
)
"""All kinds; a kind's place here is its number."""
