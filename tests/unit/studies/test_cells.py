from __future__ import annotations

import pytest

from hearsight.errors import ConfigError
from hearsight.studies.cells import Scale, make_cells
from hearsight.studies.definition import Study


def make_study(**values) -> Study:
    axes = [
        {
            "name": "network",
            "values": {
                "a": {"train": {"model": "wu-mlp", "options": {"width": 0.5}}},
                "b": {"train": {"model": "hershey-fc"}},
                "log-mel": {"score": "baseline:log-mel"},
                "fresh": {"score": "untrained:wu-mlp"},
            },
        },
        {"name": "probe", "values": {"svm": {"evaluate": {"probe": "svm"}}, "knn": {"evaluate": {"probe": "knn"}}}},
    ]
    base = {"title": "study", "axes": axes, "train": {"max_steps": 1000, "options": {"width": 1.0}}}
    return Study.model_validate(base | values)


def test_cells_are_all_combinations_with_seeds_where_weights_are_random():
    cells = make_cells(make_study(), Scale(1.0, 3), "study")
    counted = {}
    for cell in cells:
        counted[cell.values] = counted.get(cell.values, 0) + 1
    assert counted == {
        **{(name, probe): 3 for name in ("a", "b", "fresh") for probe in ("svm", "knn")},
        **{("log-mel", probe): 1 for probe in ("svm", "knn")},
    }
    assert [cell.train.seed for cell in cells[:3] if cell.train] == [0, 1, 2]
    assert {cell.evaluate.seed for cell in cells if cell.values[0] == "a"} == {0}
    assert {cell.evaluate.seed for cell in cells if cell.values[0] == "fresh"} == {0, 1, 2}


def test_tables_within_tables_are_united():
    cell = make_cells(make_study(train={"max_steps": 10, "options": {"depth": 2}}), Scale(1.0, 1), "study")[0]
    assert cell.train is not None
    assert cell.train.options == {"depth": 2, "width": 0.5}


def test_cells_share_a_training_where_only_the_probe_differs_and_not_between_seeds():
    cells = [cell for cell in make_cells(make_study(), Scale(1.0, 2), "study") if cell.values[0] == "a"]
    names = [cell.name_stage("train", ["videos"]) for cell in cells]
    assert names[0] == names[2] != names[1] == names[3]
    assert len({cell.name_stage("build", ["videos"]) for cell in cells}) == 1
    assert len({cell.name_stage("evaluate", ["videos"]) for cell in cells}) == 4
    assert cells[0].name_stage("build", ["others"]) != cells[0].name_stage("build", ["videos"])


def test_a_fraction_scales_steps_and_mixtures():
    cell = make_cells(make_study(mix={}), Scale(0.1, 1), "study")[0]
    assert cell.train is not None
    assert cell.mix is not None
    assert (cell.train.max_steps, cell.mix.clips) == (100, 1200)
    assert make_cells(make_study(), Scale(0.1, 1), "study")[0].mix is None


def test_a_fraction_of_a_training_without_max_steps_is_refused():
    with pytest.raises(ConfigError, match=r"study: a, svm: fraction 0.5, and max_steps is absent"):
        make_cells(make_study(train={"epochs": 3}), Scale(0.5, 1), "study")
    assert make_cells(make_study(train={"epochs": 3}), Scale(1.0, 1), "study")


def test_a_wrong_key_names_its_cell_and_stage():
    with pytest.raises(ConfigError, match=r"study: a, svm: train.*epoch"):
        make_cells(make_study(train={"max_steps": 10, "epoch": 3}), Scale(1.0, 1), "study")


def test_two_models_to_score_are_refused():
    axes = [{"name": name, "values": {"x": {"score": f"baseline:{name}"}}} for name in ("log-mel", "mfcc")]
    with pytest.raises(ConfigError, match=r"two models to score \(baseline:log-mel, baseline:mfcc\)"):
        make_cells(Study.model_validate({"title": "s", "axes": axes}), Scale(1.0, 1), "study")
