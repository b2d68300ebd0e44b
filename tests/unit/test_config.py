from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hearsight.config import BuildConfig, EvaluateConfig, MixConfig, TrainConfig, list_keys, load_config
from hearsight.config.load import list_config_files
from hearsight.config.renames import RENAMED
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
        (["vision=[]", "audio=[]"], "there is no teacher"),
        (["nonsense"], "'nonsense', which is not key=value"),
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
    file = Path("mixtures")
    mix, training = load_config(MixConfig, "mix", file), load_config(TrainConfig, "train", file)
    assert mix.clips == 12_000
    assert training.recipe == "mixtures"
    assert training.targets == "soft"
    assert load_config(TrainConfig, "train", None, ["recipe=mixtures"]) == training
    with pytest.raises(ConfigError, match="soft_top"):
        load_config(MixConfig, "mix", None, ["soft_top=4"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainConfig(epochs=0), "TrainConfig: epochs = 0, wanted at least 1"),
        (lambda: TrainConfig(epochs=1.5), "TrainConfig: epochs = 1.5, wanted a whole number"),
        (lambda: TrainConfig(loss_weight=0), "TrainConfig: loss_weight = 0, wanted more than 0"),
        (lambda: TrainConfig(mix=1.5), "TrainConfig: mix = 1.5, wanted at most 1"),
        (lambda: BuildConfig(validation_share=1), "BuildConfig: validation_share = 1, wanted less than 1"),
        (lambda: TrainConfig(learning_rate=math.inf), "TrainConfig: learning_rate = inf, wanted a finite number"),
        (lambda: TrainConfig(tensorboard="maybe"), "TrainConfig: tensorboard = 'maybe', wanted true or false"),
        (
            lambda: TrainConfig(options={"width": [1]}),
            "TrainConfig: options.width = [1], wanted true or false or a whole number or a number or a string",
        ),
        (
            lambda: BuildConfig(policy={"audio_threshold": "fitt"}),
            "BuildConfig: policy.audio_threshold = 'fitt', wanted a number or 'fit'\nhint: did you mean 'fit'?",
        ),
        (lambda: BuildConfig(cut=3), "BuildConfig: cut = 3, wanted a table"),
        (lambda: BuildConfig(vision="clusters"), "BuildConfig: vision = 'clusters', wanted a list"),
        (lambda: TrainConfig(modle="x"), "TrainConfig: unknown key 'modle'\nhint: modle: did you mean 'model'?"),
        (
            lambda: TrainConfig(recipe="quik", threads=-1),
            "TrainConfig: recipe = 'quik', wanted 'jia2019', 'quick', 'mixtures', 'finetune' or 'soundnet2016'; threads = -1, "
            "wanted at least 0\nhint: did you mean 'quick'?",
        ),
        (
            lambda: TrainConfig(targets="soft", loss="kl"),
            "TrainConfig: targets = soft is for loss = cross-entropy; the loss kl has its own targets",
        ),
    ],
)
def test_mistakes_in_python_have_the_form_of_all_errors(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make()
    assert str(raised.value) == message


def test_keys_of_earlier_versions_are_read(tmp_path: Path) -> None:
    file = tmp_path / "knobs.toml"
    file.write_text('[evaluate]\nhead = "svm"\nstrength = 2.0\nbeside = ["other"]\nagainst = "dataset"\n')
    config = load_config(EvaluateConfig, "evaluate", file)
    assert (config.probe, config.hyperparameter) == ("svm", 2.0)
    assert (config.extra_models, config.training_dataset) == (("other",), Path("dataset"))
    assert EvaluateConfig(**{"head": "svm"}) == EvaluateConfig(probe="svm")
    with pytest.raises(ConfigError, match="probe is given twice, the other time by its old name head"):
        load_config(EvaluateConfig, "evaluate", file, ["probe=svm"])


def test_every_rename_leads_to_a_key_of_this_version() -> None:
    models = {model.__name__: model for model in (BuildConfig, MixConfig, TrainConfig, EvaluateConfig)}
    for name, renames in RENAMED.items():
        assert set(renames.values()) <= set(models[name].model_fields)
        assert not set(renames) & set(models[name].model_fields)


@pytest.mark.parametrize("name", list_config_files())
def test_configuration_that_comes_with_hearsight_is_found_by_its_name(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(MixConfig, "mix", Path(name)).clips > 0
    assert "recipe" in load_config(TrainConfig, "train", Path(name)).model_fields_set


def test_file_of_the_users_comes_before_one_that_comes_with_hearsight(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mixtures").write_text("[mix]\nclips = 7\n")
    assert load_config(MixConfig, "mix", Path("mixtures")).clips == 7


def test_absent_configuration_names_those_that_come_with_hearsight(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for absent in ("mixture", "folder/mixtures", "mixtures.toml"):
        with pytest.raises(ConfigError, match=r"no such file[\s\S]*come with hearsight: hershey, jia, mixtures"):
            load_config(MixConfig, "mix", Path(absent))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[build", b"a = " + b"[" * 100_000, b"a = " + b"9" * 5_000])
def test_a_file_that_is_no_toml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "knobs.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"knobs\.toml: "):
        load_config(BuildConfig, "build", path)


def test_a_named_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "knobs.toml")
    with pytest.raises(ConfigError, match="named pipe"):
        load_config(BuildConfig, "build", tmp_path / "knobs.toml")
