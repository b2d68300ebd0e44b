"""Descriptors without a model: short vectors of the shapes in an image, or of the spectrum and rhythm of a second of sound.

An image's descriptor covers its most salient part: the largest connected region of strong edges is cut out at its own size, and its
edge directions are counted in histograms over a grid (Dalal and Triggs 2005; directions of colour edges after Di Zenzo 1986). The
descriptor of an object therefore does not depend on its position and size. In an image full of detail, the region is most of the
image. Only the relative strength of edges counts, so that brightness and contrast do not.

A sound's descriptor is its mean log-mel spectrum, and the fluctuation of its bands at 1 to 32 Hz, relative to its level.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
from jaxtyping import Float32, Float64, Int64, UInt8

from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel

IMAGE_SIDE = 96
"""Height and width of the images, in pixels."""
_CELL = 4  # pixels of a cell of the map in which the region is found
_NUM_CELLS = IMAGE_SIDE // _CELL
_EDGE_SHARE = 0.25  # of the strongest edges; weaker cells are not part of the region
_SPREADS = 2.0  # standard deviations of the region's edges that the crop reaches
_LEAST_REACH = 0.18  # smallest reach of a crop, as a share of the image's side
_CROP_SIDE = 64
_GRID = 4
_DIRECTIONS = 9
IMAGE_DIM = _GRID * _GRID * _DIRECTIONS
"""Length of an image's descriptor."""

_NUM_BANDS = 16
_OCTAVES = ((1, 2), (2, 4), (4, 8), (8, 16), (16, 32))  # Hz of fluctuation
SOUND_DIM = _NUM_BANDS * (1 + len(_OCTAVES))
"""Length of a sound's descriptor."""


def describe_images(images: UInt8[np.ndarray, "images height width 3"]) -> Float32[np.ndarray, "images dim"]:
    """Compute descriptors of square images of ``IMAGE_SIDE`` pixels by the edge directions of their most salient regions.

    Returns
    -------
    Float32["images dim"]
        Square roots of histograms, of unit length; zeros for an image without edges.
    """
    descriptors = np.empty((len(images), IMAGE_DIM), np.float32)
    for place, image in enumerate(images):
        descriptors[place] = _histogram_directions(_cut_out(image, *find_region(image)))
    return descriptors


def find_region(image: UInt8[np.ndarray, "height width 3"]) -> tuple[float, float, float]:
    """Find the most salient region of an image: row, column and reach (half a side), in pixels, of a square around it."""
    down, right = _measure_slopes(image.astype(np.float32))
    edges = np.einsum("yxc,yxc->yx", down, down) + np.einsum("yxc,yxc->yx", right, right)
    cells = np.sqrt(edges.reshape(_NUM_CELLS, _CELL, _NUM_CELLS, _CELL).sum(axis=(1, 3)))
    cells = np.maximum(cells - 1.5 * np.median(cells), 0.0)
    smooth = scipy.ndimage.uniform_filter(cells, 3)
    regions = np.zeros((_NUM_CELLS, _NUM_CELLS), np.int32)
    count = scipy.ndimage.label(smooth > _EDGE_SHARE * smooth.max(), output=regions)
    if count == 0:
        return IMAGE_SIDE / 2, IMAGE_SIDE / 2, IMAGE_SIDE / 2
    strengths = np.bincount(regions.ravel(), cells.ravel().astype(np.float64))
    cells = np.where(regions == 1 + np.argmax(strengths[1:]), cells, 0.0) / strengths[1:].max()
    places = (np.arange(_NUM_CELLS) + 0.5) * _CELL
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    row, column = float(rows @ places), float(columns @ places)
    variance = (rows @ np.square(places - row) + columns @ np.square(places - column)) / 2.0
    reach = _SPREADS * np.sqrt(float(variance))
    return row, column, float(np.clip(reach, _LEAST_REACH * IMAGE_SIDE, IMAGE_SIDE / 2))


def _cut_out(
    image: UInt8[np.ndarray, "height width 3"], row: float, column: float, reach: float
) -> Float32[np.ndarray, "crop_height crop_width 3"]:
    """Crop a square and scale it to ``_CROP_SIDE`` by interpolation; beyond its border the image is continued by the border."""
    steps = reach * (2.0 * (np.arange(_CROP_SIDE) + 0.5) / _CROP_SIDE - 1.0) - 0.5
    first_rows, row_shares = _split_places(row + steps)
    first_columns, column_shares = _split_places(column + steps)
    row_shares, column_shares = row_shares[:, None, None], column_shares[None, :, None]
    upper, lower = image[first_rows].astype(np.float32), image[first_rows + 1].astype(np.float32)
    rows = upper + (lower - upper) * row_shares
    left = rows[:, first_columns]
    return left + (rows[:, first_columns + 1] - left) * column_shares


def _split_places(
    places: Float64[np.ndarray, " places"],
) -> tuple[Int64[np.ndarray, " places"], Float32[np.ndarray, " places"]]:
    bounded = np.clip(places, 0.0, IMAGE_SIDE - 1.001)
    first = bounded.astype(np.int64)
    return first, (bounded - first).astype(np.float32)


def _histogram_directions(crop: Float32[np.ndarray, "height width 3"]) -> Float32[np.ndarray, " dim"]:
    down, right = _measure_slopes(crop)
    across, along = np.einsum("yxc,yxc->yx", right, right), np.einsum("yxc,yxc->yx", down, down)
    strength = np.sqrt(across + along)
    turns = np.arctan2(2.0 * np.einsum("yxc,yxc->yx", right, down), across - along) / np.float32(2.0 * np.pi)
    place = (turns % 1.0) * _DIRECTIONS
    lower = place.astype(np.int64)
    share = place - lower
    cell = np.arange(_CROP_SIDE) * _GRID // _CROP_SIDE
    base = (cell[:, None] * _GRID + cell[None, :]) * _DIRECTIONS
    histogram = np.bincount((base + lower % _DIRECTIONS).ravel(), (strength * (1.0 - share)).ravel(), IMAGE_DIM)
    histogram += np.bincount((base + (lower + 1) % _DIRECTIONS).ravel(), (strength * share).ravel(), IMAGE_DIM)
    return np.sqrt(histogram / max(float(histogram.sum()), 1e-6)).astype(np.float32)


def _measure_slopes(
    picture: Float32[np.ndarray, "height width 3"],
) -> tuple[Float32[np.ndarray, "height width 3"], Float32[np.ndarray, "height width 3"]]:
    """Return the central differences downwards and to the right; zero at the border."""
    down, right = np.zeros_like(picture), np.zeros_like(picture)
    np.subtract(picture[2:], picture[:-2], out=down[1:-1])
    np.subtract(picture[:, 2:], picture[:, :-2], out=right[:, 1:-1])
    return down, right


def describe_sounds(waveforms: Float32[np.ndarray, "segments samples"]) -> Float32[np.ndarray, "segments dim"]:
    """Compute descriptors of one-second segments at 16 kHz by spectrum and fluctuation.

    Returns
    -------
    Float32["segments dim"]
        Mean of each of 16 bands of the log-mel matrix, minus the mean of all; then, for 1-2, 2-4, 4-8, 8-16 and 16-32 Hz, the
        square root of each band's fluctuation power.
    """
    descriptors = np.empty((len(waveforms), SOUND_DIM), np.float32)
    for place, waveform in enumerate(waveforms):
        log_mel = compute_log_mel(waveform, JIA)
        bands = log_mel.reshape(len(log_mel), _NUM_BANDS, -1).mean(axis=2)
        spectrum = bands.mean(axis=0)
        power = np.square(np.abs(np.asarray(scipy.fft.rfft(bands - spectrum, axis=0)))) / np.float32(len(bands))
        hertz = np.arange(len(power)) * (JIA.sample_rate / JIA.hop_length / len(bands))
        fluctuation = [np.sqrt(power[(hertz >= low) & (hertz < high)].sum(axis=0)) for low, high in _OCTAVES]
        descriptors[place] = np.concatenate([spectrum - spectrum.mean(), *fluctuation])
    return descriptors
