"""A teacher without a model: k-means over descriptors of the dataset's own images or sounds (``clusters[:k=64]``).

Descriptors are decorrelated and scaled to unit variance along their principal components, then clustered three times: into k, k / 2
and k / 4 clusters. The vocabulary consists of all of them, so that an image has a few meaningful labels, coarse and fine. A single
clustering would have one meaningful label, followed by random ones.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import ConfigError, TeacherError
from hearsight.files import open_regular, write_atomically
from hearsight.media.pictures import ImageRequest
from hearsight.teachers import descriptors as describing
from hearsight.teachers.limits import MAX_MODEL_BYTES
from hearsight.teachers.outputs import check_finite
from hearsight.teachers.teacher import Modality
from hearsight.threads import one_thread
from hearsight.vocabulary import Vocabulary

VERSION = 1
"""Version of the descriptors and the clustering; increased whenever the same data would get other labels."""
MAX_CLUSTERS = 4096
_DIRECTIONS = 24  # principal components of the descriptors that are kept
_CONFIDENCE = 9.0  # ratio of the probabilities of the nearest and the second nearest cluster, for the median descriptor
_LEAST_PROBABILITY = 0.02  # less probable clusters get probability 0
_THINGS: dict[Modality, str] = {"vision": "picture", "audio": "sound"}  # in class names, which datasets store


@dataclasses.dataclass(frozen=True)
class _Clusters:
    """The result of a fit.

    Attributes
    ----------
    mean, directions
        A descriptor ``x`` is projected to ``(x - mean) @ directions``.
    centres
        One row per class; NaN where there were too few distinct descriptors for the class.
    temperatures
        One per scale, in squared units of the projection.
    """

    mean: Float32[np.ndarray, " dim"]
    directions: Float32[np.ndarray, "dim kept"]
    centres: Float32[np.ndarray, "classes kept"]
    temperatures: Float32[np.ndarray, " scales"]


class ClusterTeacher:
    """A teacher of images or sounds that finds its classes in them; a :class:`~hearsight.teachers.teacher.FittedTeacher`.

    Parameters
    ----------
    modality
        Whether its input is images or sounds.
    k
        Number of clusters of the finest scale.

    Raises
    ------
    ConfigError
        When ``k`` is not within 4 and ``MAX_CLUSTERS``.
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
        """SHA-256 of its configuration. The clusters themselves follow from the dataset and its seed."""
        identity = {"kind": "clusters", "version": VERSION, "modality": self.modality, "k": self.k}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def descriptor_dim(self) -> int:
        """Length of a descriptor."""
        return describing.IMAGE_DIM if self.modality == "vision" else describing.SOUND_DIM

    def describe(self, items: Shaped[np.ndarray, "items ..."]) -> Float32[np.ndarray, "items dim"]:
        """Compute descriptors of images or one-second segments, independently of each other.

        Raises
        ------
        TeacherError
            When a descriptor is not finite, since the input was not.
        """
        describe = describing.describe_images if self.modality == "vision" else describing.describe_sounds
        descriptors = describe(items)
        check_finite(descriptors, self.name, f"a {_THINGS[self.modality]}")
        return descriptors

    def fit(self, descriptors: Float32[np.ndarray, "items dim"], seed: int) -> None:
        """Find the clusters. There are fewer than ``k`` if there are fewer distinct descriptors.

        Raises
        ------
        TeacherError
            When there is no descriptor, or one is not finite.
        """
        from hearsight.learners.kmeans import fit_kmeans  # scikit-learn, not needed for describe and assign

        if len(descriptors) == 0:
            raise TeacherError(
                self.name,
                f"no descriptor to fit to, in an array of shape {descriptors.shape}",
                f"{_THINGS[self.modality]}s of at least one clip",
            )
        check_finite(descriptors, self.name, "a clip")
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
        """Return the probability of every cluster. Those of each scale sum to 1; improbable clusters have probability 0.

        Raises
        ------
        TeacherError
            When it has neither been fitted nor loaded.
        """
        if self._found is None:
            raise TeacherError(self.name, "not fitted yet", "fit or load first")
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
        """Write the result of :meth:`fit` atomically, as ``.npz`` without pickles.

        Raises
        ------
        TeacherError
            When it has not been fitted yet.
        """
        if self._found is None:
            raise TeacherError(self.name, "not fitted yet", "fit first")
        with write_atomically(path) as temporary, temporary.open("wb") as file:
            np.savez(file, digest=np.array(self.digest), **dataclasses.asdict(self._found))

    def load(self, path: Path) -> None:
        """Read a file written by :meth:`save`.

        Raises
        ------
        TeacherError
            When the file is absent, damaged, or of a teacher with another modality or number of clusters.
        """
        fields = [field.name for field in dataclasses.fields(_Clusters)]
        try:
            with open_regular(path, MAX_MODEL_BYTES) as file, np.load(file, allow_pickle=False) as stored:
                digest = str(stored["digest"])
                values = {name: stored[name] for name in fields}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, TypeError) as error:
            raise TeacherError(path, f"cannot be read ({error})", "the clusters of a dataset") from error
        shapes = (values["mean"].shape, values["centres"].shape[:1], values["temperatures"].shape)
        if digest != self.digest or shapes != (
            (self.descriptor_dim,),
            (len(self.vocabulary),),
            (len(self.scales),),
        ):
            raise TeacherError(
                path,
                f"clusters of another teacher ({digest:.12})",
                f"{self.spec} of {self.modality} ({self.digest:.12})",
            )
        self._found = _Clusters(**values)

    def list_scales(self) -> list[tuple[int, int]]:
        """Return the first class and the number of classes of each scale."""
        return [(sum(self.scales[:place]), count) for place, count in enumerate(self.scales)]


def _find_directions(
    descriptors: Float32[np.ndarray, "items dim"],
) -> tuple[Float32[np.ndarray, " dim"], Float32[np.ndarray, "dim kept"]]:
    """Find the mean and the first principal components, scaled so that the items have unit variance along each."""
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
    )  # the sign of an eigenvector is arbitrary
    scales = np.sqrt(np.maximum(variances[strongest], 1e-12))
    return mean.astype(np.float32), (vectors * signs / scales).astype(np.float32)


def _project(
    descriptors: Float32[np.ndarray, "items dim"],
    mean: Float32[np.ndarray, " dim"],
    directions: Float32[np.ndarray, "dim kept"],
) -> Float32[np.ndarray, "items kept"]:
    # the order of summation of einsum does not depend on the number of items or cores; that of a matrix product does
    return np.einsum("id,dk->ik", descriptors - mean, directions).astype(np.float32)


def _measure_distances(
    places: Float32[np.ndarray, "items kept"], centres: Float32[np.ndarray, "clusters kept"]
) -> Float32[np.ndarray, "items clusters"]:
    """Return squared distances. Each item's are the same whatever the other items."""
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
