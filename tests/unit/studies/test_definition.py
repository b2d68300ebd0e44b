from __future__ import annotations

import pytest

from hearsight.errors import ConfigError
from hearsight.studies.cells import Scale, make_cells
from hearsight.studies.definition import list_studies, name_teachers, override_study, read_study

SMALL = """
title = "small"
[train]
max_steps = 100
[[axes]]
name = "network"
[axes.values.one]
train.model = "wu-mlp"
"""


def test_every_shipped_study_makes_cells_at_its_fraction_and_at_full_size():
    names = {
        "audio": "clusters",
        "imagenet": "clusters:k=2",
        "places": "clusters:k=3",
        "alexnet": "clusters",
        "vgg": "clusters",
        "vision": "clusters",
    }
    assert {"jia-ablation", "mixtures-teachers", "soundnet-teachers", "wu-small-models"} <= set(list_studies())
    for name in list_studies():
        study = read_study(name)
        assert study.title
        assert study.cost
        for fraction in (study.fraction, 1.0):
            cells = make_cells(study, Scale(fraction, 1, names), name)
            assert len({cell.values for cell in cells}) == len(cells) > 1


def test_a_file_in_the_folder_comes_before_a_shipped_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jia-ablation").write_text(SMALL)
    assert read_study("jia-ablation").title == "small"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "not usable TOML"),
        (SMALL + 'reference = "two"', "reference"),
        (SMALL.replace('title = "small"', ""), "title"),
        (SMALL + '[[axes]]\nname = "network"\n[axes.values.a]', "two axes have one name: network, network"),
        (SMALL + "[axes.values.two]\ntrian.model = 1", "trian"),
        (SMALL.replace("[[axes]]", "[[axis]]"), "axis"),
    ],
)
def test_a_wrong_study_file_is_a_configuration_error(tmp_path, text, message):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_study(path)


def test_an_absent_study_is_guessed():
    with pytest.raises(ConfigError, match="jia-ablation"):
        read_study("jia-ablations")


def test_named_teachers_are_replaced_and_missing_ones_are_named():
    keys = name_teachers({"vision": ["{eye}", "clusters"], "seed": 1}, {"eye": "litert:a.tflite"}, "study")
    assert keys == {"vision": ["litert:a.tflite", "clusters"], "seed": 1}
    with pytest.raises(ConfigError, match=r"no teacher named ear \(given: eye\), wanted --teacher ear=KIND:WHERE"):
        name_teachers({"audio": ["{ear}"]}, {"eye": "litert:a.tflite"}, "study")


def test_overrides_change_the_base_and_not_what_an_axis_sets(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(SMALL)
    study = override_study(read_study(path), ["train.batch_size=8", "train.model=hershey-fc", "mix.clips=50"])
    (cell,) = make_cells(study, Scale(1.0, 1), "study")
    assert cell.train is not None
    assert cell.mix is not None
    assert (cell.train.batch_size, cell.train.model, cell.mix.clips) == (8, "wu-mlp", 50)
    with pytest.raises(ConfigError, match="no stage 'batch_size'"):
        override_study(study, ["batch_size=8"])
