"""Policies by name: what they set, how they are overridden, and that they leave the identity of other datasets alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig, LabelConfig, MixConfig, PolicyConfig, load_config
from hearsight.errors import ConfigError


def test_the_default_is_jias_and_keeps_the_identity_of_earlier_datasets() -> None:
    jia = load_config(BuildConfig, "build", None, ["policy=jia"])
    assert jia == BuildConfig()
    assert (jia.policy.vision_top, jia.policy.audio_top, jia.policy.audio_mean) == (10, 5, 3.0)
    assert "scope" not in jia.list_identity()["policy"]


@pytest.mark.parametrize("stage", [BuildConfig, LabelConfig, MixConfig])
def test_soundnet_keeps_all_classes_in_every_stage(stage: type[BuildConfig]) -> None:
    assert stage.parse({"policy": "soundnet"}, "test").soft_top == 0
    assert stage.parse({"policy": "soundnet", "soft_top": 50}, "test").soft_top == 50


def test_keys_of_a_named_policy_can_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "build.toml"
    file.write_text('[build]\npolicy = "hershey"\n')
    policy = load_config(BuildConfig, "build", file, ["policy.vision_top=7"]).policy
    assert (policy.scope, policy.vision_top, policy.audio_top) == ("media", 7, 5)
    dumped = PolicyConfig.parse(policy.model_dump(mode="json"), "test")
    assert dumped == policy


def test_unknown_names_and_mixtures_of_whole_media_are_refused() -> None:
    with pytest.raises(ConfigError, match="no policy is named 'gia'; there are jia, soundnet, hershey"):
        load_config(BuildConfig, "build", None, ["policy=gia"])
    with pytest.raises(ConfigError, match="a mixture is of several videos"):
        load_config(MixConfig, "mix", None, ["policy=hershey"])
