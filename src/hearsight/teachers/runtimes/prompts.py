"""Any list of words as classes: ``prompts:CHECKPOINT@VOCABULARY[,option=value...]``.

``CHECKPOINT`` is a Hugging Face model that compares pictures (CLIP, MetaCLIP, SigLIP) or sounds (CLAP) with texts, as a repository
or a folder; ``VOCABULARY`` is a class list, see :mod:`hearsight.vocabulary`. Each class name is put into every template; the
encoded texts of a class are averaged (Radford 2021, CLIP, section 3.1.4). The model is loaded and run as in ``transformers.py``.
"""

from __future__ import annotations

import dataclasses
from pathlib import PurePath

from hearsight.errors import ConfigError
from hearsight.teachers.runtimes.classifier import Classifier
from hearsight.teachers.runtimes.transformers import load_prompted
from hearsight.teachers.spec import TeacherSpec
from hearsight.teachers.teacher import Modality


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:  # noqa: ARG001
    """Load a model that compares with the names of a vocabulary; see :func:`hearsight.teachers.registry.load_teacher`."""
    checkpoint, at, vocabulary = spec.where.rpartition("@")
    if not (checkpoint and at and vocabulary):
        example = "prompts:openai/clip-vit-base-patch32@words.txt"
        raise ConfigError(f"teacher {spec.text!r}", repr(spec.where), "prompts:CHECKPOINT@VOCABULARY", f"as {example}")
    if "vocabulary" in spec.options:
        wanted = "the class list after the @ only"
        raise ConfigError(f"teacher {spec.text!r}", f"vocabulary={spec.options['vocabulary']}", wanted)
    options = {**spec.options, "vocabulary": vocabulary}
    inner = dataclasses.replace(spec, where=checkpoint, options=options)
    return load_prompted(inner, modality, suffix=f"@{PurePath(vocabulary).stem}")
