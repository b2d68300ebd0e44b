"""The configuration of collecting media: where listed videos are, and how they are downloaded."""

from __future__ import annotations

from pydantic import Field, model_validator

from hearsight.config.stage import Stage


class CollectConfig(Stage):
    """Which media the sources of a build stand for: it is part of no dataset's identity, as its result, the sources, is.

    Examples
    --------
    >>> config = hearsight.CollectConfig(media_root="videos", shares={"own": 0.2})
    >>> config.shares["own"]
    0.2
    """

    media_root: str | None = None
    """Folder with the media of published lists, as ``ID.*``, ``ID_START.*`` or ``ID_START_END.*``."""
    allow_evaluation: bool = False
    """Whether a list of AudioSet's evaluation segments is accepted."""
    shares: dict[str, float] = Field(default_factory=dict)
    """Share of each named group of sources in the whole."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of which sources are chosen for the shares."""


class FetchConfig(Stage):
    """How the videos of a list are downloaded."""

    per_hour: float = Field(default=250.0, ge=0.001, le=100_000.0)
    """Downloads that may start in an hour. Video sites refuse an address that asks for many more than 300."""
    attempts: int = Field(default=3, ge=1, le=20)
    """How often a download is tried before it counts as failed; the next run tries it again."""
    wait: float = Field(default=10.0, ge=0.0, le=86_400.0)
    """Seconds before the second attempt; each further wait is twice as long."""
    stop_waits: tuple[float, ...] = (60.0, 600.0, 3600.0)
    """Seconds to wait, one after the other, where the server wants no more requests; after the last one the command ends."""
    retry_blocked: bool = False
    """Whether videos that were blocked (by region, or without an account) are tried again."""
    limit: int | None = Field(default=None, ge=1, le=10**12)
    """The most videos that one run downloads; None for all."""
    min_height: int = Field(default=144, ge=1, le=100_000)
    """Lines of the pictures that are sufficient."""
    max_height: int = Field(default=480, ge=1, le=100_000)
    """The most lines of the pictures that are wanted, where the site offers a choice."""
    max_bytes: int = Field(default=2_000_000_000, ge=1, le=10**15)
    """The largest file that is accepted."""
    max_seconds: float = Field(default=1800.0, gt=0.0, le=1e7)
    """The longest time that the download of a file may take."""

    @model_validator(mode="after")
    def _check_heights(self) -> FetchConfig:
        if self.min_height > self.max_height:
            raise ValueError(f"min_height {self.min_height} is more than max_height {self.max_height}")
        return self
