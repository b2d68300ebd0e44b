from __future__ import annotations

from pathlib import Path

import pytest

from hearsight import config
from hearsight.config import RECIPES, BuildConfig, TrainConfig, load_config
from hearsight.config.load import find_config_file
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
        "repeat_short",
        "sparse",
        "int16",
        "least_parts",
        "rank",
        "size",
        "skip_unreadable",  # it is the knob bad_clips
    }  # these are no part of the configuration
    assert names == {"batch_size", "global_batch_size", "segments", "gain", "mix", "shift", "seed"}
    assert names <= knobs


SHIPPED = sorted(path.stem for path in (Path(config.__file__).parent / "recipes").glob("*.toml"))


def test_the_recipes_of_the_papers_are_shipped() -> None:
    assert SHIPPED == ["hershey", "jia", "mixtures", "soundnet", "soundnet-l2", "wu"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_opens_with_its_command_and_is_valid_for_every_stage(name: str) -> None:
    path = find_config_file(Path(name))
    head = path.read_text().split("[")[0]
    assert f"`-c {name}`" in head
    assert "hearsight train" in head
    if name != "mixtures":
        assert "# Cost: " in head
        assert "# Expected score: " in head
    load_config(TrainConfig, "train", Path(name))
    load_config(BuildConfig, "build", Path(name))


def test_shipped_recipes_have_the_settings_of_their_papers() -> None:
    jia, hershey, soundnet, wu = (
        load_config(TrainConfig, "train", Path(n)) for n in ("jia", "hershey", "soundnet", "wu")
    )
    assert (jia.step_clips, jia.learning_rate, jia.decay, jia.epochs) == (1024, 1e-4, 0.9, 30)
    assert (hershey.step_clips, hershey.max_steps, round(hershey.drop_at * 17)) == (128, 17_000_000, 13)
    assert (hershey.l2_penalty, hershey.weight_decay, hershey.label_smoothing) == (0.0, 0.0, 0.0)
    assert (soundnet.excerpt, soundnet.max_steps, soundnet.loss, soundnet.loss_weight) == (20.0, 100_000, "kl", 250.0)
    assert soundnet.all_classes
    assert load_config(BuildConfig, "build", Path("soundnet")).soft_top == 0
    assert load_config(TrainConfig, "train", Path("soundnet-l2")).loss == "l2"
    assert (wu.step_clips, wu.l2_penalty * wu.l2_scale, wu.optimizer) == (60, 0.0015, "adam")
    assert load_config(BuildConfig, "build", Path("wu")).validation_share == 0.1
