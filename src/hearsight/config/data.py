"""The knobs of building a dataset, and of mixing one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hearsight.config.stage import Stage


class CutConfig(Stage):
    """How a media file is cut into clips."""

    length: float = Field(default=4.0, ge=1.0, le=60.0)
    """Seconds of a clip (Jia 2019: 3 to 5, 4 on average)."""
    min_length: float = Field(default=3.0, ge=1.0, le=60.0)
    """Shortest clip in seconds."""
    max_length: float = Field(default=5.0, ge=1.0, le=60.0)
    """Longest clip in seconds."""
    tail: Literal["share", "merge", "drop", "keep"] = "share"
    """What becomes of the rest after the last whole clip. A rest of at least ``min_length`` is always a clip of its own. A shorter
    one is shared out with one or two clips before it, so that all stay within ``min_length`` and ``max_length`` (``share``: 10 s
    become 4 + 3 + 3); merged into the clip before it up to ``max_length`` (``merge``); dropped (``drop``); or kept as a short
    clip where it has at least one second (``keep``). Where there is no way to do so it is dropped."""

    @model_validator(mode="after")
    def _check_order(self) -> CutConfig:
        if not self.min_length <= self.length <= self.max_length:
            raise ValueError(
                f"min_length {self.min_length:g} <= length {self.length:g} <= max_length {self.max_length:g} does not hold"
            )
        return self


class ScreenConfig(Stage):
    """Which clips are not worth labelling."""

    min_loudness: float = Field(default=-60.0, ge=-120.0, le=0.0)
    """RMS level in dB of full scale below which a clip is silent."""
    min_motion: float = Field(default=0.25, ge=0.0, le=255.0)
    """Mean absolute difference of successive pictures (0 to 255) below which a clip is a still."""
    duplicates: Literal["drop", "keep"] = "drop"
    """Whether clips that sound and look like an earlier one are dropped."""


class PolicyConfig(Stage):
    """How soft labels become labels (Jia 2019, section 2)."""

    vision_top: int = Field(default=10, ge=1)
    """Visual labels per clip."""
    audio_top: int = Field(default=5, ge=1)
    """Most audio labels per clip."""
    vision_threshold: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a visual label must reach. By default only its rank counts (Jia 2019); 0.05 removes the labels of pictures
    in which a classifier recognises nothing and spreads its probability over all classes."""
    audio_threshold: Annotated[float, Field(ge=0.0, le=1.0)] | Literal["fit"] = "fit"
    """Probability that an audio label must reach; ``fit`` chooses it so that clips have ``audio_mean`` labels on average."""
    audio_mean: float = Field(default=3.0, gt=0.0)
    """Mean number of audio labels per clip that a fitted threshold aims at."""
    min_probability: float = Field(default=0.0, ge=0.0, le=1.0)
    """Labels of no more than this probability are left out, whatever their rank."""


class BuildConfig(Stage):
    """From videos to a labelled dataset."""

    vision: tuple[str, ...] = ("clusters",)
    """Specs of the vision teachers, ``kind:where``."""
    audio: tuple[str, ...] = ("clusters",)
    """Specs of the audio teachers, ``kind:where``."""
    images_per_second: float = Field(default=3.0, gt=0.0, le=60.0)
    """Pictures sent to each vision teacher (Jia 2019: 3)."""
    cut: CutConfig = CutConfig()
    screen: ScreenConfig = ScreenConfig()
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0)
    """Classes of a teacher's output that are kept per clip and per image or segment; 0 keeps all of them."""
    validation_share: float = Field(default=1 / 15, ge=0.0, lt=1.0)
    """Share of the 4,096 folds that is kept for validation (Jia 2019: 1 of 15 million)."""
    shard_clips: int = Field(default=2048, ge=1)
    """Clips per shard that the number of shards is chosen for."""
    max_failure_rate: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of media files that may be rejected before the command says so in its exit code."""
    seed: int = 0
    """Seed of everything that draws lots while building (the clusters)."""

    @model_validator(mode="after")
    def _check_kept(self) -> BuildConfig:
        _check_soft_top(self.soft_top, self.policy)
        if not self.vision and not self.audio:
            raise ValueError("no teacher at all: name at least one in vision or audio")
        return self


class MixConfig(Stage):
    """From a dataset to another one, of seconds and mixtures of its sounds that the audio teachers label anew."""

    clips: int = Field(default=12_000, ge=2)
    """Excerpts and mixtures to make, those for validation included."""
    length: float = Field(default=1.0, ge=1.0, le=60.0)
    """Seconds of each."""
    share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of them that are mixtures; the rest are excerpts of one clip."""
    sounds: int = Field(default=2, ge=2, le=8)
    """Most sounds of a mixture; it has two of them at least."""
    level: float = Field(default=10.0, ge=0.0, le=40.0)
    """Greatest change of level, up or down, drawn for each sound, in dB."""
    speed: float = Field(default=1.0, ge=1.0, le=4.0)
    """Greatest change of speed, drawn for each sound: at 1.5 it is played up to 1.5 times as fast or as slowly, and higher or lower
    with it; the teachers hear it as it is played."""
    chimaeras: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the sounds that are auditory chimaeras (Smith, Delgutte & Oxenham 2002): the envelope of an excerpt on the fine
    structure of another, or, for half of them, on steady noise of the other's colour. Nobody saw what sounds like that: not for
    ``vision``."""
    bands: int = Field(default=32, ge=1, le=256)
    """Most frequency bands of a chimaera; 1, 2, 4 and so on up to it are drawn alike."""
    audio: tuple[str, ...] = ()
    """Specs of the audio teachers, ``kind:where``; those of the dataset where none is given."""
    vision: bool = False
    """Whether what the vision teachers saw meanwhile comes along; in a mixture, each clip counts by the level of its sound."""
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0)
    """Classes of a teacher's output that are kept; 0 keeps all of them."""
    shard_clips: int = Field(default=4096, ge=1)
    """Clips per shard that the number of shards is chosen for."""
    seed: int = Field(default=0, ge=0)
    """Seed of which sounds are taken, from where, how loud and how fast."""

    @model_validator(mode="after")
    def _check_kept(self) -> MixConfig:
        _check_soft_top(self.soft_top, self.policy)
        if self.vision and self.chimaeras:
            raise ValueError(
                f"chimaeras {self.chimaeras:g} have no pictures: set it to 0, or leave out what was seen (vision)"
            )
        return self


def _check_soft_top(soft_top: int, policy: PolicyConfig) -> None:
    wanted = max(policy.vision_top, policy.audio_top)
    if 0 < soft_top < wanted:
        raise ValueError(f"soft_top {soft_top} keeps fewer classes than the policy chooses from ({wanted})")
