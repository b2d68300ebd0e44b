"""The configuration of building a dataset, and of mixing one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from hearsight.config.policy import PolicyConfig, take_policy
from hearsight.config.stage import Stage

MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Hz that MP3 can have."""


_ADDED_KEYS = ("sample_rate", "mp3")
_ADDED_SCREEN_KEYS = ("max_missing", "max_hold", "max_tone", "max_clipping", "max_silence", "max_stuck")


class CutConfig(Stage):
    """How a media file is cut into clips."""

    length: float = Field(default=4.0, ge=1.0, le=60.0)
    """Length of a clip in seconds (Jia 2019: 3 to 5, 4 on average)."""
    min_length: float = Field(default=3.0, ge=1.0, le=60.0)
    """Length of the shortest clip in seconds."""
    max_length: float = Field(default=5.0, ge=1.0, le=60.0)
    """Length of the longest clip in seconds."""
    tail: Literal["share", "merge", "drop", "keep"] = "share"
    """What happens to the rest after the last whole clip. A rest of at least ``min_length`` is always a clip. A shorter rest is
    distributed over one or two clips before it, so that all stay within ``min_length`` and ``max_length`` (``share``: 10 s become
    4 + 3 + 3); merged into the clip before it, up to ``max_length`` (``merge``); dropped (``drop``); or kept as a short clip of at
    least one second (``keep``). Where that is impossible, it is dropped."""

    @model_validator(mode="after")
    def _check_order(self) -> CutConfig:
        if not self.min_length <= self.length <= self.max_length:
            raise ValueError(
                f"min_length {self.min_length:g} <= length {self.length:g} <= max_length {self.max_length:g} does not hold"
            )
        return self


class ScreenConfig(Stage):
    """Which clips are rejected before they are labelled."""

    min_loudness: float = Field(default=-60.0, ge=-120.0, le=0.0)
    """RMS level in dB relative to full scale; quieter clips are rejected as silent."""
    min_motion: float = Field(default=0.25, ge=0.0, le=255.0)
    """Mean absolute difference of successive pictures (0 to 255); clips with less are rejected as stills."""
    max_missing: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of a clip that may be without sound where its file has none; clips with more are rejected as broken."""
    max_hold: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of a clip for which one picture may stand while others move; clips with more are rejected as broken."""
    max_tone: float | None = Field(default=None, ge=0.0, le=1.0)
    """Largest share of energy in one constant tone; 0.9 rejects test tones and bare mains hum. None looks for no tone."""
    max_clipping: float | None = Field(default=None, ge=0.0, le=1.0)
    """Largest share of samples at full scale; 0.01 rejects what is audibly overdriven. None looks for no clipping."""
    max_silence: float | None = Field(default=None, ge=0.0, le=60.0)
    """Longest silent stretch in seconds, silent meaning quieter than ``min_loudness``. None looks for none."""
    max_stuck: float | None = Field(default=None, ge=0.0, le=60.0)
    """Longest stretch in seconds at one value other than zero, as of a decoder that hangs; 0.05 is ample. None looks for none."""
    duplicates: Literal["drop", "keep"] = "drop"
    """Whether clips with the same sound and pictures as an earlier one are dropped."""


class BuildConfig(Stage):
    """How a labelled dataset is built from videos.

    Examples
    --------
    >>> config = hearsight.BuildConfig(images_per_second=1.0, cut={"length": 5.0})
    >>> config.cut.length
    5.0
    """

    vision: tuple[str, ...] = ("clusters",)
    """Vision teachers, each as ``kind:where``."""
    audio: tuple[str, ...] = ("clusters",)
    """Audio teachers, each as ``kind:where``."""
    sample_rate: int = Field(default=16_000, ge=8_000, le=48_000)
    """Hz of the stored sound, whose band ends at half of it: 16,000 as in Jia 2019, 22,050 for SoundNet, 32,000 for CNN14."""
    mp3: int | None = Field(default=None, ge=32, le=320)
    """Bit rate in kbit/s of an MP3 encoding that the sound of each clip goes through before it is stored, as that of SoundNet's
    videos did (Aytar 2016, section 2); None for none."""
    images_per_second: float = Field(default=3.0, ge=0.01, le=60.0)
    """Pictures per second that each vision teacher classifies (Jia 2019: 3)."""
    cut: CutConfig = CutConfig()
    screen: ScreenConfig = ScreenConfig()
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0, le=10**6)
    """Number of classes of a teacher's output that are kept, for each clip and each of its images or segments; 0 keeps all."""
    validation_share: float = Field(default=1 / 15, ge=0.0, lt=1.0)
    """Share of the 4,096 folds that is used for validation (Jia 2019: 1 of 15 million clips)."""
    shard_clips: int = Field(default=2048, ge=1, le=10**6)
    """Approximate number of clips per shard."""
    max_failure_rate: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of media files that may be rejected before the command ends with exit code 4."""
    agreement: bool = False
    """Whether to compute at the end how well picture and sound of each clip agree, as ``hearsight stats`` does."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of everything random in a build (the clusters)."""

    def list_identity(self) -> dict[str, Any]:
        """Return the values that decide the bytes of a dataset; the agreement can be computed later, and is none of them.

        Keys that later versions have added are left out where they have their default, so that a dataset of an earlier version
        is recognised as the same.
        """
        values = self.model_dump(mode="json", exclude={"agreement"})
        for model, table, keys in ((self, values, _ADDED_KEYS), (self.screen, values["screen"], _ADDED_SCREEN_KEYS)):
            for key in keys:
                if table[key] == type(model).model_fields[key].default:
                    del table[key]
        return values

    @model_validator(mode="before")
    @classmethod
    def _take_policy(cls, values: Any) -> Any:
        return take_policy(values)

    @model_validator(mode="after")
    def _check_kept(self) -> BuildConfig:
        _check_soft_top(self.soft_top, self.policy)
        if not self.vision and not self.audio:
            raise ValueError("there is no teacher: name at least one in vision or audio")
        if self.mp3 is not None and self.sample_rate not in MP3_RATES:
            rates = ", ".join(f"{rate:,}" for rate in MP3_RATES)
            raise ValueError(f"mp3 = {self.mp3} with sample_rate = {self.sample_rate}: MP3 has the rates {rates} Hz")
        return self


class LabelConfig(Stage):
    """How a dataset is labelled again.

    Examples
    --------
    >>> hearsight.LabelConfig(policy={"audio_top": 3}).policy.audio_top
    3
    """

    vision: tuple[str, ...] = ()
    """New vision teachers, each as ``kind:where``; where none is named, those of the dataset stay, with their answers."""
    audio: tuple[str, ...] = ()
    """New audio teachers, each as ``kind:where``; where none is named, those of the dataset stay, with their answers."""
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0, le=10**6)
    """Number of classes of a new teacher's output that are kept, for each clip and each of its images or segments; 0 keeps all."""

    @model_validator(mode="before")
    @classmethod
    def _take_policy(cls, values: Any) -> Any:
        return take_policy(values)

    @model_validator(mode="after")
    def _check_kept(self) -> LabelConfig:
        _check_soft_top(self.soft_top, self.policy)
        return self


class MixConfig(Stage):
    """How excerpts and mixtures of a dataset's sounds become a new dataset, which audio teachers label again.

    Examples
    --------
    >>> hearsight.MixConfig(clips=6_000).length
    1.0
    """

    clips: int = Field(default=12_000, ge=2, le=10**9)
    """Number of excerpts and mixtures, including those for validation."""
    length: float = Field(default=1.0, ge=1.0, le=60.0)
    """Length of each in seconds."""
    share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of mixtures; the rest are excerpts of single clips."""
    sounds: int = Field(default=2, ge=2, le=8)
    """Maximum number of sounds in a mixture, which has at least two."""
    level: float = Field(default=10.0, ge=0.0, le=40.0)
    """Maximum random change of each sound's level, up or down, in dB."""
    speed: float = Field(default=1.0, ge=1.0, le=4.0)
    """Maximum random change of each sound's speed: at 1.5 it is played up to 1.5 times as fast or as slowly, and its pitch changes
    accordingly. The teachers label the changed sound."""
    chimaeras: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the sounds that are auditory chimaeras (Smith, Delgutte & Oxenham 2002): the envelope of one excerpt on the fine
    structure of another, or, for half of them, on steady noise with the other's spectrum. Chimaeras have no visual labels and
    exclude ``vision``."""
    bands: int = Field(default=32, ge=1, le=256)
    """Maximum number of frequency bands of a chimaera; 1, 2, 4 and so on up to it are equally likely."""
    audio: tuple[str, ...] = ()
    """Audio teachers, each as ``kind:where``; by default those of the dataset."""
    vision: bool = False
    """Whether to keep the vision labels too; in a mixture, each clip has the weight of its sound's level."""
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0, le=10**6)
    """Number of classes of a teacher's output that are kept; 0 keeps all."""
    shard_clips: int = Field(default=4096, ge=1, le=10**6)
    """Approximate number of clips per shard."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of which sounds are drawn, from where, and of their levels and speeds."""

    @model_validator(mode="before")
    @classmethod
    def _take_policy(cls, values: Any) -> Any:
        return take_policy(values)

    @model_validator(mode="after")
    def _check_kept(self) -> MixConfig:
        _check_soft_top(self.soft_top, self.policy)
        if self.policy.scope == "media":
            raise ValueError(
                "policy.scope = media: a mixture is of several videos, so it cannot inherit the labels of one"
            )
        if self.vision and self.chimaeras:
            raise ValueError(f"chimaeras = {self.chimaeras:g} excludes vision: chimaeras have no vision labels")
        return self


def _check_soft_top(soft_top: int, policy: PolicyConfig) -> None:
    wanted = max(policy.vision_top, policy.audio_top)
    if 0 < soft_top < wanted:
        raise ValueError(f"soft_top = {soft_top} keeps fewer classes than the policy selects ({wanted})")
