from __future__ import annotations

import subprocess
import sys

import pytest

from hearsight.errors import ConfigError
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import FittedTeacher


def test_a_kind_that_needs_a_file_says_so():
    with pytest.raises(ConfigError, match=r"does not say where the model is, wanted litert:WHERE"):
        load_teacher("litert:", "vision")


@pytest.mark.parametrize("modality", ["vision", "audio"])
def test_clusters_are_fitted_teachers_of_either_modality(modality: str):
    teacher = load_teacher("clusters:k=16", modality)  # type: ignore[arg-type]
    assert isinstance(teacher, FittedTeacher)
    assert teacher.modality == modality
    assert len(teacher.vocabulary) < len(load_teacher("clusters:k=32", modality).vocabulary)  # type: ignore[arg-type]
    assert (teacher.image_request is None) == (modality == "audio")


def test_options_of_clusters_are_whole_numbers_that_it_knows():
    with pytest.raises(ConfigError, match="k=many, wanted a whole number"):
        load_teacher("clusters:k=many", "audio")
    with pytest.raises(ConfigError, match="unknown option 'kk'"):
        load_teacher("clusters:kk=3", "audio")
    with pytest.raises(ConfigError, match="'64' is no option"):
        load_teacher("clusters:64", "audio")


def test_no_kind_is_imported_before_it_is_asked_for():
    modules = ["torch", "transformers", "onnxruntime", "ai_edge_litert", "sklearn"]
    code = f"import sys, hearsight.teachers.registry; print([name for name in {modules} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
