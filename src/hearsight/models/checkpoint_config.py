"""``config.json`` of a checkpoint: its fields, and what makes one that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hearsight.documents import check_object, read_json, validate
from hearsight.errors import CheckpointError
from hearsight.text import find_control

FORMAT_VERSION = 1
MOST_BYTES = 64 * 2**20
"""The largest ``config.json`` that is read; with 11,000 classes it has 1 MB."""
MOST_CLASSES = 1_000_000
EXCLUSIVE = "single_label_classification"
"""The problem type, as Hugging Face spells it, of a network of whose classes just one holds."""
LONGEST_NAME = 1_000
"""Characters of a class name."""

Sense = Literal["heard", "seen"]
"""By which sense a class was learned: from the labels of an audio teacher, or from those of a vision teacher."""
Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class ClassOrigin(BaseModel):
    """Where a class comes from.

    Attributes
    ----------
    sense
        Whether its teacher was one of sounds or of pictures.
    teacher
        The teacher's name in the dataset.
    id
        The teacher's own id of the class in a public list; None where it has none, and in checkpoints of earlier versions.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    sense: Sense
    teacher: Name
    id: Name | None = None


class CheckpointConfig(BaseModel):
    """The fields of ``config.json``; fields that are not listed are ignored.

    Attributes
    ----------
    architectures
        The name of the network in the zoo, alone.
    hearsight_version
        The version that wrote it.
    options, front_end
        What the network was built with, and the definition of its front end.
    sampling_rate, embedding_dim
        Hz of the waveforms it takes, length of its embeddings.
    num_labels, id2label, label2id
        Number of classes and their names, by index as Hugging Face has them.
    classes
        Where each class comes from; None in checkpoints of the first version, and if it is unknown.
    problem_type
        Whether any number of classes may hold, or just one: the probabilities are then a softmax over all of them.
    training, scores, converted_from
        How it was trained, what it reached, and the published file that it was converted from.
    weights_sha256
        Digest of the file of weights; None in checkpoints of the first version.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    architectures: Annotated[list[Name], Field(min_length=1, max_length=1)]
    hearsight_version: str
    options: dict[str, Any]
    front_end: dict[str, Any]
    sampling_rate: Annotated[int, Field(ge=1_000, le=768_000)]
    embedding_dim: Annotated[int, Field(ge=1, le=2**20)]
    num_labels: Annotated[int, Field(ge=0, le=MOST_CLASSES)]
    id2label: dict[str, Name]
    label2id: dict[str, int]
    classes: list[ClassOrigin] | None = None
    problem_type: Literal["multi_label_classification", "single_label_classification"] = "multi_label_classification"
    training: dict[str, Any]
    scores: dict[str, float | None]
    converted_from: dict[str, Any] = Field(default_factory=dict)
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _agree(self) -> CheckpointConfig:
        """Check that the fields about the classes do not contradict each other."""
        missing = next((str(index) for index in range(len(self.id2label)) if str(index) not in self.id2label), None)
        if missing is not None:
            raise ValueError(f"id2label has {len(self.id2label)} names, but none for {missing!r}")
        if self.num_labels != len(self.id2label):
            raise ValueError(f"num_labels {self.num_labels!r} and {len(self.id2label)} names in id2label")
        if self.label2id != index_names(self.vocabulary):
            wanted = index_names(self.vocabulary)
            name = min(name for name in {*wanted, *self.label2id} if wanted.get(name) != self.label2id.get(name))
            raise ValueError(f"label2id has {self.label2id.get(name)} for {name!r}, and id2label {wanted.get(name)}")
        if self.classes is not None and len(self.classes) != self.num_labels:
            raise ValueError(f"{len(self.classes)} entries in classes and {self.num_labels} names in id2label")
        for index, name in enumerate(self.vocabulary):
            if control := find_control(name):
                raise ValueError(f"the name of class {index} contains the control character {control}")
        return self

    @property
    def measured(self) -> dict[str, float]:
        """The scores that are numbers; earlier versions also wrote some that were not finite."""
        return {name: score for name, score in self.scores.items() if score is not None}

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return tuple(self.id2label[str(index)] for index in range(len(self.id2label)))


def read_checkpoint_config(path: Path) -> CheckpointConfig:
    """Read ``config.json``.

    Raises
    ------
    CheckpointError
        When it is not JSON of hearsight in this version of the format, or its fields are missing, of other types or out of range,
        or contradict each other.
    """
    values = check_object(read_json(path, CheckpointError, most_bytes=MOST_BYTES, old=True), path, CheckpointError)
    if values.get("model_type") != "hearsight":
        raise CheckpointError(path, f"model_type {values.get('model_type')!r:.60}", "a checkpoint that hearsight wrote")
    version = values.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        hint = "upgrade hearsight" if type(version) is int and version > FORMAT_VERSION else ""
        raise CheckpointError(path, f"format_version {version!r:.60}", f"{FORMAT_VERSION}", hint)
    return validate(CheckpointConfig, values, path, CheckpointError, wanted="a whole config.json")


def index_names(vocabulary: Sequence[str]) -> dict[str, int]:
    """Return the index of each name; of a name that two classes share, the first."""
    indices: dict[str, int] = {}
    for index, name in enumerate(vocabulary):
        indices.setdefault(name, index)
    return indices
