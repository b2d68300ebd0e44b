from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig, MixConfig, TrainConfig, list_keys, load_config
from hearsight.errors import ConfigError


def test_the_defaults_are_the_papers() -> None:
    config = BuildConfig()
    assert config.cut.length == 4.0
    assert (config.cut.min_length, config.cut.max_length) == (3.0, 5.0)
    assert config.images_per_second == 3.0
    assert (config.policy.vision_top, config.policy.audio_top, config.policy.audio_mean) == (10, 5, 3.0)
    assert config.vision == config.audio == ("clusters",)


def test_overrides_come_after_arguments_and_arguments_after_the_file(tmp_path: Path) -> None:
    file = tmp_path / "knobs.toml"
    file.write_text("[build]\nseed = 1\nimages_per_second = 2\n[build.cut]\nlength = 3.5\n[train]\nseed = 9\n")
    config = load_config(BuildConfig, "build", file, ["cut.length=4.5"], seed=2, vision=None)
    assert (config.seed, config.images_per_second, config.cut.length) == (2, 2.0, 4.5)
    assert config.cut.min_length == 3.0


def test_an_override_of_another_stage_is_left_to_it() -> None:
    assert load_config(BuildConfig, "build", None, ["train.seed=5", "build.seed=4"]).seed == 4


def test_bare_words_are_strings_and_lists_are_lists() -> None:
    config = load_config(BuildConfig, "build", None, ["cut.tail=drop", 'vision=["clusters", "onnx:a.onnx"]'])
    assert config.cut.tail == "drop"
    assert config.vision == ("clusters", "onnx:a.onnx")


def test_all_mistakes_are_told_at_once_and_unknown_keys_guess_the_meant_one() -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(BuildConfig, "build", None, ["cut.lenght=4", "seed=x", "images_per_second=-1"])
    message = str(raised.value)
    assert "unknown key 'cut.lenght'" in message
    assert "did you mean 'cut.length'?" in message
    assert "seed = 'x'" in message
    assert "images_per_second = -1" in message


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["cut.length=6"], "max_length 5"),
        (["soft_top=4"], "fewer classes"),
        (["vision=[]", "audio=[]"], "no teacher at all"),
        (["nonsense"], "no key=value"),
        (["seed.deep=1"], "seed"),
    ],
)
def test_what_makes_no_sense_is_named(overrides: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(BuildConfig, "build", None, overrides)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[biuld]\n", "did you mean 'build'"),
        ("build = 3\n", "a table"),
        ("[build\n", "not TOML"),
        ("[build]\nx = 1\n", "'x'"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "knobs.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_config(BuildConfig, "build", file)
    with pytest.raises(ConfigError, match="no such file"):
        load_config(BuildConfig, "build", tmp_path / "absent.toml")


def test_a_small_dataset_is_passed_over_until_there_are_enough_steps() -> None:
    quick = TrainConfig(recipe="quick")
    assert quick.count_epochs(steps_per_epoch=6) == 100
    assert quick.count_epochs(steps_per_epoch=1000) == quick.epochs
    assert TrainConfig(recipe="quick", epochs=3).count_epochs(6) == 3
    assert TrainConfig(recipe="quick", epochs=3, min_steps=30).count_epochs(6) == 5
    assert TrainConfig().count_epochs(1) == 30


def test_every_knob_is_listed_with_its_dots() -> None:
    assert {"cut.length", "policy.audio_threshold", "seed"} <= set(list_keys(BuildConfig))


def test_the_recipe_of_mixtures_is_one_that_can_be_read() -> None:
    file = Path(__file__).parents[2] / "recipes" / "mixtures.toml"
    mix, training = load_config(MixConfig, "mix", file), load_config(TrainConfig, "train", file)
    assert mix.clips == 12_000
    assert training.recipe == "mixtures"
    assert training.targets == "soft"
    assert load_config(TrainConfig, "train", None, ["recipe=mixtures"]) == training
    with pytest.raises(ConfigError, match="soft_top"):
        load_config(MixConfig, "mix", None, ["soft_top=4"])
