"""Single objects of the generated world."""

from __future__ import annotations

import numpy as np

from hearsight.world.pictures import add_grain, draw_background, draw_grain, draw_look, frame_background, paint


def draw_samples(outline: str, surface: str, count: int, seed: int) -> np.ndarray:
    """Draw pictures of some objects of one kind, each with its own background: UInt8 ``[objects, height, width, 3]``."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        picture = frame_background(draw_background(rng), 0.0, 0.0)
        paint(picture, draw_look(outline, surface, (0.5, 0.1), 1.0, rng), 0.0, 0.5)
        pictures.append(add_grain(picture, draw_grain(rng)[0]))
    return np.stack(pictures)
