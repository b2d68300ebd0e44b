from __future__ import annotations

import pytest

from hearsight.config import RECIPES, TrainConfig, load_config
from hearsight.errors import ConfigError
from hearsight.training.data.batches import SamplingConfig

PAPER = {
    "epochs": 30,
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "schedule": "exponential",
    "decay": 0.9,
    "l2_penalty": 1.0,
    "segments": "grid",
    "visual_share": 0.5,
    "prior": False,
    "gain": 0.0,
    "mix": 0.0,
}


def test_the_default_is_what_the_paper_prints() -> None:
    values = TrainConfig().model_dump()
    assert values["recipe"] == "jia2019"
    assert {key: values[key] for key in PAPER} == PAPER


def test_a_recipe_is_overruled_by_what_is_given() -> None:
    quick = load_config(TrainConfig, "train", None, ["recipe=quick", "epochs=2", "options.width=0.5"])
    assert quick.schedule == "one-cycle"
    assert quick.epochs == 2
    assert quick.options == {"width": 0.5}
    assert quick.decay == TrainConfig().decay


def test_a_resolved_recipe_reads_back_as_itself() -> None:
    quick = TrainConfig(recipe="quick", epochs=2)
    assert TrainConfig.model_validate(quick.model_dump(mode="json")) == quick


def test_recipes_name_only_known_keys() -> None:
    for values in RECIPES.values():
        assert set(values) <= set(TrainConfig.model_fields)


@pytest.mark.parametrize("name", ["quik", "", "Jia2019"])
def test_an_unknown_recipe_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="recipe"):
        load_config(TrainConfig, "train", None, [f'recipe="{name}"'])


def test_every_rule_of_drawing_is_a_knob_of_the_same_name() -> None:
    knobs = set(TrainConfig.model_fields)
    names = set(SamplingConfig.__dataclass_fields__) - {
        "segment_samples",
        "order",
        "least_parts",
        "rank",
        "size",
    }  # these are no part of the configuration
    assert names == {"batch_size", "global_batch_size", "segments", "gain", "mix", "shift", "seed"}
    assert names <= knobs
