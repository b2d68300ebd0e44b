"""A map of an index: two coordinates per segment, so that segments with similar embeddings lie near each other.

t-SNE takes minutes for some thousand rows, and its time grows with their number. It therefore lays out some rows, drawn by a key;
each other row is placed among those that are most similar to it. Memory is bounded by a block of rows and two numbers per row.
"""

from __future__ import annotations

import secrets

import numpy as np
from jaxtyping import Float32, Int64

from hearsight.files import write_atomically
from hearsight.learners.tsne import map_to_plane
from hearsight.permutation import Permutation
from hearsight.search.index import Index
from hearsight.search.manifest import write_manifest
from hearsight.search.writer import sweep

MOST_LANDMARKS = 1_500
"""Rows that t-SNE lays out, at most."""
LEAST_ROWS = 5
"""Rows from which on t-SNE is used; of fewer, the two first principal components are the coordinates."""
NEAREST = 3
"""Landmarks that another row is placed among."""
SHARPNESS = 30.0
"""How quickly the weight of a landmark falls with its cosine: by the factor e per 1/30."""
BLOCK_ROWS = 8_192
"""Rows that are placed at a time."""
_KEY = 0x6D6170


def write_map(index: Index, seed: int = 0) -> Index:
    """Compute the map of an index, store it in its folder, and return the index with it.

    Parameters
    ----------
    index
        The index; one without rows is returned as it is.
    seed
        Which rows are laid out by t-SNE, and the draws of that.

    Raises
    ------
    MachineError
        When the folder cannot be written.
    """
    if not index.manifest.rows:
        return index
    name = f"map-{secrets.token_hex(8)}.npy"
    with write_atomically(index.folder / name) as temporary, temporary.open("wb") as file:
        np.save(file, lay_out(index.embeddings, index.norms, seed))
    manifest = index.manifest.model_copy(update={"map": name})
    write_manifest(index.folder, manifest)
    sweep(index.folder, manifest)
    return Index.open(index.folder)


def lay_out(
    embeddings: Float32[np.ndarray, "rows dim"], norms: Float32[np.ndarray, " rows"], seed: int = 0
) -> Float32[np.ndarray, "rows 2"]:
    """Return coordinates of rows, between −1 and 1. The direction of an embedding counts, and not its length.

    Parameters
    ----------
    embeddings
        The rows; may be a memory map.
    norms
        The length of each.
    seed
        Which rows are laid out by t-SNE, and the draws of that.

    Notes
    -----
    Distances within a neighbourhood mean something; those between far groups, and the sizes of groups, do not.
    """
    count = min(MOST_LANDMARKS, len(embeddings))
    chosen = np.sort(Permutation(len(embeddings), _KEY, seed).apply(np.arange(count)))
    landmarks = normalize(embeddings, norms, chosen)
    places = _lay_out_landmarks(landmarks, seed)
    found = np.empty((len(embeddings), 2), np.float32)
    for first in range(0, len(embeddings), BLOCK_ROWS):
        rows = np.arange(first, min(first + BLOCK_ROWS, len(embeddings)))
        found[rows] = _place(normalize(embeddings, norms, rows), landmarks, places)
    found[chosen] = places
    return _fit_square(found)


def normalize(
    embeddings: Float32[np.ndarray, "rows dim"], norms: Float32[np.ndarray, " rows"], rows: Int64[np.ndarray, " chosen"]
) -> Float32[np.ndarray, "chosen dim"]:
    """Return the directions of chosen rows, as vectors of length one; a row of zeros stays one."""
    lengths = norms[rows]
    return embeddings[rows] / np.where(lengths > 0.0, lengths, 1.0).astype(np.float32)[:, None]


def _lay_out_landmarks(landmarks: Float32[np.ndarray, "rows dim"], seed: int) -> Float32[np.ndarray, "rows 2"]:
    centred = landmarks.astype(np.float64) - landmarks.mean(axis=0, dtype=np.float64)
    if np.abs(centred).max(initial=0.0) < 1e-6:
        return np.zeros((len(landmarks), 2), np.float32)
    if len(landmarks) >= LEAST_ROWS:
        return map_to_plane(landmarks, seed)
    vectors, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    components = (vectors * lengths)[:, :2]
    return np.pad(components, ((0, 0), (0, 2 - components.shape[1]))).astype(np.float32)


def _place(
    rows: Float32[np.ndarray, "rows dim"],
    landmarks: Float32[np.ndarray, "landmarks dim"],
    places: Float32[np.ndarray, "landmarks 2"],
) -> Float32[np.ndarray, "rows 2"]:
    """Return the mean of the places of the most similar landmarks, by weights that fall with the distance."""
    cosines = rows @ landmarks.T
    count = min(NEAREST, len(landmarks))
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp(SHARPNESS * (values - values.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("rn,rnc->rc", weights, places[nearest]).astype(np.float32)


def _fit_square(places: Float32[np.ndarray, "rows 2"]) -> Float32[np.ndarray, "rows 2"]:
    """Move and scale places so that the longer side of what they span reaches from −1 to 1."""
    low, high = places.min(axis=0), places.max(axis=0)
    half = float((high - low).max()) / 2.0
    return ((places - (low + high) / 2.0) / (half or 1.0)).astype(np.float32)
