"""Pictures of objects: an outline with a surface of two colours, in any size and pose, on a background that depends on no kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8

HEIGHT = 96
WIDTH = 128
MARGIN = 16
"""Pixels that a background is wider and higher than the picture, for the camera to move in."""

_Plane = np.ndarray
_Pattern = Callable[[_Plane, _Plane], _Plane]


def _make_polar(radius: Callable[[_Plane], _Plane]) -> _Pattern:
    """Outline by the radius in each direction."""
    return lambda u, v: radius(np.arctan2(v, u)) - np.hypot(u, v)


def _bound_triangle(angle: _Plane) -> _Plane:
    third = 2.0 * np.pi / 3.0
    return 0.475 / np.cos((angle + np.pi / 2.0) % third - third / 2.0)


def _bound_star(angle: _Plane) -> _Plane:
    return 0.38 + 0.6 * np.abs(((angle + np.pi / 2.0) * 5.0 / (2.0 * np.pi)) % 1.0 * 2.0 - 1.0)


def _bound_cross(u: _Plane, v: _Plane) -> _Plane:
    across, along = 0.95 - np.abs(u), 0.95 - np.abs(v)
    return np.maximum(np.minimum(across, 0.32 - np.abs(v)), np.minimum(along, 0.32 - np.abs(u)))


def _bound_arrow(u: _Plane, v: _Plane) -> _Plane:
    shaft = np.minimum(0.25 - np.abs(v), np.minimum(u + 1.0, 0.3 - u))
    return np.maximum(shaft, np.minimum(u, 0.9 * (0.95 - u) - np.abs(v)))


def _bound_drop(u: _Plane, v: _Plane) -> _Plane:
    tip = np.minimum(v + 0.95, np.minimum(0.3 - v, 0.52 * (v + 0.95) - np.abs(u)))
    return np.maximum(0.6 - np.hypot(u, v - 0.3), tip)


OUTLINES: dict[str, _Pattern] = {
    "disc": lambda u, v: 0.9 - np.hypot(u, v),
    "triangle": _make_polar(_bound_triangle),
    "arrow": _bound_arrow,
    "gear": _make_polar(lambda angle: 0.8 + 0.13 * np.sign(np.sin(10.0 * angle))),
    "crescent": lambda u, v: np.minimum(0.92 - np.hypot(u, v), np.hypot(u - 0.45, v) - 0.62),
    "star": _make_polar(_bound_star),
    "ring": lambda u, v: 0.22 - np.abs(np.hypot(u, v) - 0.7),
    "flower": _make_polar(lambda angle: 0.72 + 0.22 * np.cos(6.0 * angle)),
    "cross": _bound_cross,
    "square": lambda u, v: 0.78 - np.maximum(np.abs(u), np.abs(v)),
    "bar": lambda u, v: np.minimum(1.0 - np.abs(u), 0.34 - np.abs(v)),
    "drop": _bound_drop,
}
"""Shapes in a frame of -1..1: positive inside, about the distance to the edge."""


def _alternate(phase: _Plane) -> _Plane:
    """Two alternating colours, with soft borders."""
    return 0.5 + 0.5 * np.clip(4.0 * np.sin(phase), -1.0, 1.0)


SURFACES: dict[str, _Pattern] = {
    "plain": lambda u, v: np.zeros_like(u),  # noqa: ARG005 - all patterns are called alike
    "spokes": lambda u, v: _alternate(8.0 * np.arctan2(v, u)),
    "stripes": lambda u, v: _alternate(14.0 * v),  # noqa: ARG005
    "teeth": lambda u, v: _alternate(26.0 * u),  # noqa: ARG005
    "rings": lambda u, v: _alternate(16.0 * np.hypot(u, v)),
    "checks": lambda u, v: 0.5 + 0.5 * np.clip(5.0 * np.sin(9.0 * u) * np.sin(9.0 * v), -1.0, 1.0),
    "dots": lambda u, v: np.clip(6.0 * (np.cos(11.0 * u) + np.cos(11.0 * v) - 0.7), 0.0, 1.0),
    "grid": lambda u, v: np.clip(8.0 * (np.maximum(np.cos(10.0 * u), np.cos(10.0 * v)) - 0.75), 0.0, 1.0),
    "zigzag": lambda u, v: _alternate(13.0 * v + 8.8 * np.abs((2.2 * u) % 1.0 - 0.5)),
    "halves": lambda u, v: np.clip(0.5 + 20.0 * u, 0.0, 1.0),  # noqa: ARG005
    "eye": lambda u, v: np.clip(20.0 * (0.35 - np.hypot(u, v)), 0.0, 1.0),
}
"""Share of the second colour, 0..1, over the same frame."""


@dataclasses.dataclass(frozen=True)
class Look:
    """The appearance of one object: everything that its kind leaves open.

    Positions and radius are in pixels, angles in radians, ``speed`` in turns per second of the path that the object goes round.
    """

    outline: str
    surface: str
    colours: Float32[np.ndarray, "2 3"]
    x: float
    y: float
    radius: float
    squash: float
    angle: float
    wobble: float
    travel: float
    speed: float
    phase: float


def draw_look(outline: str, surface: str, place: tuple[float, float], size: float, rng: np.random.Generator) -> Look:
    """Draw an object's appearance at random.

    Parameters
    ----------
    outline, surface
        The kind's.
    place
        Middle of the part of the picture's width that is the object's, and half of its extent (both 0..1).
    size
        Factor on the radius: less than one where objects share the picture.
    """
    while True:
        colours = rng.uniform(0.0, 1.0, (2, 3)).astype(np.float32)
        if abs((colours[0] - colours[1]) @ np.array([0.3, 0.6, 0.1], np.float32)) > 0.25:
            break
    middle, extent = place
    return Look(
        outline=outline,
        surface=surface,
        colours=colours,
        x=WIDTH * (middle + rng.uniform(-extent, extent)),
        y=HEIGHT * rng.uniform(0.35, 0.65),
        radius=size * rng.uniform(20.0, 38.0),
        squash=rng.uniform(0.8, 1.2),
        angle=rng.normal() * 0.4,
        wobble=rng.uniform(0.0, 0.25),
        travel=rng.uniform(2.0, 9.0),
        speed=rng.uniform(0.15, 0.6),
        phase=rng.uniform(0.0, 2.0 * np.pi),
    )


def draw_background(rng: np.random.Generator) -> Float32[np.ndarray, "height width 3"]:
    """Draw a background: a slope of two colours and up to five soft blobs, ``MARGIN`` larger than the picture."""
    y, x = np.mgrid[0 : HEIGHT + MARGIN, 0 : WIDTH + MARGIN].astype(np.float32)
    colours, angle = rng.uniform(0.1, 0.9, (2, 3)).astype(np.float32), rng.uniform(0.0, 2.0 * np.pi)
    slope = 0.5 + ((x - WIDTH / 2) * np.cos(angle) + (y - HEIGHT / 2) * np.sin(angle)) / WIDTH
    share = np.clip(slope, 0.0, 1.0)[..., None]
    picture = colours[0] * (1.0 - share) + colours[1] * share
    for _ in range(int(rng.integers(0, 6))):
        left, top = rng.uniform(0.0, WIDTH), rng.uniform(0.0, HEIGHT)
        width = rng.uniform(6.0, 30.0)
        height = width * rng.uniform(0.5, 2.0)
        bump = np.exp(-np.square((x - left) / width) - np.square((y - top) / height))
        share = rng.uniform(0.2, 0.7) * bump[..., None]
        picture = picture * (1.0 - share) + share * rng.uniform(0.0, 1.0, 3)
    return (picture * rng.uniform(0.75, 1.1)).astype(np.float32)


def draw_grain(rng: np.random.Generator) -> Float32[np.ndarray, "grains height width 3"]:
    """Draw the camera's noise, as a few pictures to alternate."""
    return 0.02 * rng.standard_normal((4, HEIGHT, WIDTH, 3), dtype=np.float32)


def frame_background(
    background: Float32[np.ndarray, "height width 3"], seconds: float, phase: float
) -> Float32[np.ndarray, "cut_height cut_width 3"]:
    """Cut out what a slowly moving camera sees of a background; a copy."""
    x = round(MARGIN / 2 * (1.0 + np.sin(0.5 * seconds + phase)))
    y = round(MARGIN / 2 * (1.0 + np.sin(0.37 * seconds + 2.0 * phase)))
    return background[y : y + HEIGHT, x : x + WIDTH].copy()


def paint(picture: Float32[np.ndarray, "height width 3"], look: Look, seconds: float, level: float) -> None:
    """Paint an object into a picture at a time; it grows by an eighth with the level of its sound (0..1)."""
    turn = 2.0 * np.pi * look.speed * seconds + look.phase
    middle_x, middle_y = look.x + look.travel * np.cos(turn), look.y + look.travel * np.sin(1.3 * turn)
    radius, angle = look.radius * (1.0 + 0.125 * level), look.angle + look.wobble * np.sin(turn)
    reach = int(1.3 * radius) + 2
    top, bottom = max(0, int(middle_y) - reach), min(HEIGHT, int(middle_y) + reach)
    left, right = max(0, int(middle_x) - reach), min(WIDTH, int(middle_x) + reach)
    y, x = np.mgrid[top:bottom, left:right].astype(np.float32)
    x, y = (x - np.float32(middle_x)) / np.float32(radius), (y - np.float32(middle_y)) / np.float32(radius)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = (cosine * x + sine * y) / np.float32(look.squash), cosine * y - sine * x
    inside = np.clip(OUTLINES[look.outline](u, v) * np.float32(0.8 * radius) + 0.5, 0.0, 1.0)[..., None]
    second = SURFACES[look.surface](u, v)[..., None]
    colour = look.colours[0] + second * (look.colours[1] - look.colours[0])
    part = picture[top:bottom, left:right]
    part += inside * (colour - part)


def add_grain(
    picture: Float32[np.ndarray, "height width 3"], grain: Float32[np.ndarray, "height width 3"]
) -> UInt8[np.ndarray, "height width 3"]:
    """Add the camera's noise and quantise."""
    return (np.clip(picture + grain, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
