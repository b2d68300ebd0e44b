"""The teacher that needs no model: k-means over descriptors of the dataset's own pictures or sounds (``clusters[:k=64]``).

Descriptors are decorrelated and scaled to unit variance along their strongest directions, then clustered several times: into k, a
half of k and a quarter of k clusters. All of them together are the vocabulary, so that one picture has a few labels that mean
something, coarse and fine, where a single clustering would give one label and a tail of chance.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import ConfigError, TeacherError
from hearsight.files import write_atomically
from hearsight.media.pictures import ImageRequest
from hearsight.teachers import descriptors as describing
from hearsight.teachers.teacher import Modality
from hearsight.threads import one_thread
from hearsight.vocabulary import Vocabulary

VERSION = 1
"""Of the descriptors and the clustering: raised whenever the same data would get other labels."""
MAX_CLUSTERS = 4096
_DIRECTIONS = 24  # strongest directions of the descriptors that are kept
_CONFIDENCE = 9.0  # times as probable as the next cluster: the nearest, for the median descriptor
_LEAST_PROBABILITY = 0.02  # of a cluster: what is less probable is ruled out
_THINGS: dict[Modality, str] = {"vision": "picture", "audio": "sound"}


@dataclasses.dataclass(frozen=True)
class _Clusters:
    """What a fit found: a descriptor ``x`` becomes ``(x - mean) @ directions``, one row of ``centres`` is one class.

    ``temperatures`` are in squared units of the directions; a row of NaN is a class that the data had no use for.
    """

    mean: Float32[np.ndarray, " dim"]
    directions: Float32[np.ndarray, "dim kept"]
    centres: Float32[np.ndarray, "classes kept"]
    temperatures: Float32[np.ndarray, " scales"]


class ClusterTeacher:
    """A fitted teacher of pictures or sounds.

    Parameters
    ----------
    modality
        Whether it sees or hears.
    k
        Clusters of its finest scale.

    Raises
    ------
    ConfigError
        When ``k`` is less than 4 or more than ``MAX_CLUSTERS``.
    """

    def __init__(self, modality: Modality, k: int = 64) -> None:
        if not 4 <= k <= MAX_CLUSTERS:
            raise ConfigError(f"teacher 'clusters:k={k}'", f"{k} clusters", f"4 to {MAX_CLUSTERS}")
        self.modality: Modality = modality
        self.k = k
        self.scales = (k // 4, k // 2, k)
        self.name = f"clusters-{_THINGS[modality]}s"
        self.spec = f"clusters:k={k}"
        width = len(str(k - 1))
        thing = _THINGS[modality]
        self.vocabulary = Vocabulary(
            tuple(f"{thing} cluster {number:0{width}d} of {count}" for count in self.scales for number in range(count))
        )
        side = describing.IMAGE_SIDE
        self.image_request = ImageRequest(side, side, "stretch") if modality == "vision" else None
        self._found: _Clusters | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what it is before any fit: the clusters themselves follow from the dataset and its seed."""
        identity = {"kind": "clusters", "version": VERSION, "modality": self.modality, "k": self.k}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def descriptor_dim(self) -> int:
        """Length of a descriptor."""
        return describing.IMAGE_DIM if self.modality == "vision" else describing.SOUND_DIM

    def describe(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items dim"]:
        """Describe pictures or one-second segments, each independently of the others."""
        if self.modality == "vision":
            return describing.describe_images(items)
        return describing.describe_sounds(items)

    def fit(self, descriptors: Float32[np.ndarray, "items dim"], seed: int) -> None:
        """Find the clusters; fewer than asked for where there are fewer distinct descriptors.

        Raises
        ------
        TeacherError
            When there is no descriptor.
        """
        from hearsight.learners.kmeans import fit_kmeans  # scikit-learn, which describing and assigning do without

        if len(descriptors) == 0:
            raise TeacherError(self.name, "no descriptor to fit to", f"{_THINGS[self.modality]}s of at least one clip")
        with one_thread():
            mean, directions = _find_directions(descriptors)
        places = _project(descriptors, mean, directions)
        centres = np.full((len(self.vocabulary), directions.shape[1]), np.nan, np.float32)
        temperatures = np.ones(len(self.scales), np.float32)
        for scale, (first, count) in enumerate(self.list_scales()):
            found = fit_kmeans(places, count, seed)
            centres[first : first + len(found)] = found
            temperatures[scale] = _find_temperature(places, found)
        self._found = _Clusters(mean, directions, centres, temperatures)

    def assign(self, descriptors: Float32[np.ndarray, "items dim"]) -> Float32[np.ndarray, "items classes"]:
        """Give the probability of every cluster; those of each scale sum to one, and what is improbable is zero.

        Raises
        ------
        TeacherError
            When it has neither been fitted nor loaded.
        """
        if self._found is None:
            raise TeacherError(self.name, "has not been fitted", "fit or load first")
        places = _project(descriptors, self._found.mean, self._found.directions)
        probabilities = np.zeros((len(descriptors), len(self.vocabulary)), np.float32)
        for (first, count), temperature in zip(self.list_scales(), self._found.temperatures, strict=True):
            centres = self._found.centres[first : first + count]
            used = int(np.count_nonzero(np.isfinite(centres[:, 0])))
            distances = _measure_distances(places, centres[:used])
            likelihoods = np.exp((distances.min(axis=1, keepdims=True) - distances) / temperature)
            likelihoods[likelihoods < _LEAST_PROBABILITY * likelihoods.sum(axis=1, keepdims=True)] = 0.0
            probabilities[:, first : first + used] = likelihoods / likelihoods.sum(axis=1, keepdims=True)
        return probabilities

    def save(self, path: Path) -> None:
        """Write what was found, atomically, as ``.npz`` without pickles.

        Raises
        ------
        TeacherError
            When nothing has been found yet.
        """
        if self._found is None:
            raise TeacherError(self.name, "has not been fitted", "fit first")
        with write_atomically(path) as temporary, temporary.open("wb") as file:
            np.savez(file, digest=np.array(self.digest), **dataclasses.asdict(self._found))

    def load(self, path: Path) -> None:
        """Read what :meth:`save` wrote.

        Raises
        ------
        TeacherError
            When the file is absent, broken, or of a teacher of another modality or number of clusters.
        """
        fields = [field.name for field in dataclasses.fields(_Clusters)]
        try:
            with np.load(path, allow_pickle=False) as stored:
                digest = str(stored["digest"])
                values = {name: stored[name] for name in fields}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TeacherError(path, f"cannot be read ({error})", "the clusters of a dataset") from error
        shapes = (values["mean"].shape, values["centres"].shape[:1], values["temperatures"].shape)
        if digest != self.digest or shapes != (
            (self.descriptor_dim,),
            (len(self.vocabulary),),
            (len(self.scales),),
        ):
            raise TeacherError(path, "clusters of another teacher", f"those of {self.spec} for {self.modality}")
        self._found = _Clusters(**values)

    def list_scales(self) -> list[tuple[int, int]]:
        """Give the first class and the number of classes of each scale."""
        return [(sum(self.scales[:place]), count) for place, count in enumerate(self.scales)]


def _find_directions(
    descriptors: Float32[np.ndarray, "items dim"],
) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "dim kept"]]:
    """Find the mean and the strongest principal directions, scaled so that the items have unit variance along each."""
    mean = descriptors.mean(axis=0, dtype=np.float64)
    centred = descriptors - mean
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(descriptors))
    strongest = np.argsort(-variances, kind="stable")[:_DIRECTIONS]
    strongest = strongest[variances[strongest] > 1e-9 * max(float(variances.max()), 1e-30)]
    if len(strongest) == 0:
        strongest = np.array([len(variances) - 1])
    vectors = vectors[:, strongest]
    signs = np.sign(
        vectors[np.argmax(np.abs(vectors), axis=0), np.arange(vectors.shape[1])]
    )  # eigenvectors have no sign
    scales = np.sqrt(np.maximum(variances[strongest], 1e-12))
    return mean.astype(np.float32), (vectors * signs / scales).astype(np.float32)


def _project(
    descriptors: Float32[np.ndarray, "items dim"],
    mean: Float32[np.ndarray, " dim"],
    directions: Float32[np.ndarray, "dim kept"],
) -> Float32[np.ndarray, "items kept"]:
    # einsum sums in one order, however many items there are and whatever the number of cores; a matrix product does not
    return np.einsum("id,dk->ik", descriptors - mean, directions).astype(np.float32)


def _measure_distances(
    places: Float32[np.ndarray, "items kept"], centres: Float32[np.ndarray, "clusters kept"]
) -> Float32[np.ndarray, "items clusters"]:
    """Squared distances; item by item the same whichever others are asked for."""
    products = np.einsum("ik,ck->ic", places, centres)
    lengths = np.einsum("ck,ck->c", centres, centres)
    return (np.einsum("ik,ik->i", places, places)[:, None] + lengths - 2.0 * products).astype(np.float32)


def _find_temperature(
    places: Float32[np.ndarray, "items kept"], centres: Float32[np.ndarray, "clusters kept"]
) -> float:
    """Find the temperature at which the median item's nearest cluster is ``_CONFIDENCE`` times as probable as the next."""
    if len(centres) < 2:
        return 1.0
    gaps: list[np.ndarray] = []
    for start in range(0, len(places), 4096):
        nearest = np.partition(_measure_distances(places[start : start + 4096], centres), 1, axis=1)[:, :2]
        gaps.append(nearest[:, 1] - nearest[:, 0])
    return max(float(np.median(np.concatenate(gaps))) / float(np.log(_CONFIDENCE)), 1e-6)
