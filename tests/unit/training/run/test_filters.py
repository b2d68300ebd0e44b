from __future__ import annotations

import numpy as np
import torch
from torch import nn

from hearsight.training.run.filters import SCALE, draw_filters


def test_kernels_are_tiles_with_time_to_the_right_and_low_bands_below() -> None:
    layer = nn.Conv2d(1, 5, (3, 2), bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 2, 0] = 1.0  # the last frame and the lowest band
    picture = draw_filters(nn.Sequential(nn.ReLU(), layer))
    assert picture is not None
    assert picture.shape == ((2 * 3 - 1) * SCALE, (3 * 4 - 1) * SCALE)  # two rows of three
    rows, columns = np.nonzero(picture)
    assert (rows.min() // SCALE, columns.min() // SCALE) == (1, 2)
    assert picture.max() == 255


def test_kernels_over_time_are_rows_and_a_network_without_convolutions_has_no_picture() -> None:
    picture = draw_filters(nn.Conv1d(1, 4, 7))
    assert picture is not None
    assert picture.shape == (4 * SCALE, 7 * SCALE)
    assert draw_filters(nn.Linear(3, 3)) is None
