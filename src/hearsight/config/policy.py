"""Label policies: how a teacher's probabilities become labels, and the policies of the papers by name.

A policy is named by ``policy = "hershey"``, or by ``policy.name`` where some of its keys are changed. What each name stands for is
:data:`POLICIES`; building, labelling again and mixing take it from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from hearsight.config.stage import Stage

POLICIES: dict[str, dict[str, Any]] = {
    "jia": {},
    "soundnet": {"soft_top": 0},
    "hershey": {"scope": "media", "vision_top": 5, "audio_top": 5, "audio_threshold": 0.0},
}
"""The keys that each named policy sets; all others have their defaults, which are those of ``jia``.

``jia``
    The 10 most probable visual labels; of the 5 most probable audio labels those above a threshold that leaves 3 on average
    (Jia 2019, section 2).
``soundnet``
    The probabilities of all classes are kept for each picture and second (``soft_top`` = 0), as a student of distributions needs
    them (Aytar 2016, section 3.2). Labels, which SoundNet does not use, are chosen as in ``jia``.
``hershey``
    About five labels for each whole media file, which all of its clips inherit (Hershey 2017, section 2).
"""


class PolicyConfig(Stage):
    """How a teacher's soft labels become labels (Jia 2019, section 2).

    Examples
    --------
    >>> hearsight.BuildConfig(policy="hershey").policy.scope
    'media'
    """

    vision_top: int = Field(default=10, ge=1, le=10**6)
    """Number of visual labels per clip."""
    audio_top: int = Field(default=5, ge=1, le=10**6)
    """Maximum number of audio labels per clip."""
    vision_threshold: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a visual label must reach. By default only its rank counts (Jia 2019); 0.05 removes the labels of pictures
    in which a classifier recognises nothing and spreads its probability over all classes."""
    audio_threshold: Annotated[float, Field(ge=0.0, le=1.0)] | Literal["fit"] = "fit"
    """Probability that an audio label must reach; ``fit`` chooses it so that clips have ``audio_mean`` labels on average."""
    audio_mean: float = Field(default=3.0, gt=0.0, le=1e6)
    """Mean number of audio labels per clip that a fitted threshold is chosen for."""
    min_probability: float = Field(default=0.0, ge=0.0, le=1.0)
    """Labels whose probability is not above this one are left out, whatever their rank."""
    scope: Literal["clip", "media"] = "clip"
    """What is labelled: each ``clip`` on its own, or the whole ``media`` file, whose labels all of its clips inherit (Hershey 2017,
    section 2)."""

    @model_validator(mode="before")
    @classmethod
    def _take_name(cls, values: Any) -> Any:
        return _resolve_name(values)[0]

    @model_serializer(mode="wrap")
    def _leave_out_default(self, write: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out the scope where it is the only one of earlier versions, so that their datasets are recognised as the same."""
        values = write(self)
        if values.get("scope") == "clip":
            del values["scope"]
        return values


def take_policy(values: Any) -> Any:
    """Return a stage's values with a named policy resolved: its keys of the policy, and its ``soft_top`` unless that is given.

    Parameters
    ----------
    values
        The values of a stage before they are checked.

    Raises
    ------
    ValueError
        When there is no policy of the name.
    """
    if not isinstance(values, Mapping) or "policy" not in values:
        return values
    policy, stage = _resolve_name(values["policy"])
    return {**stage, **values, "policy": policy}


def _resolve_name(policy: Any) -> tuple[Any, dict[str, Any]]:
    """Return the values of a policy, and those that its name sets for the stage."""
    if isinstance(policy, str):
        policy = {"name": policy}
    if not isinstance(policy, Mapping) or "name" not in policy:
        return policy, {}
    name = policy["name"]
    if name not in POLICIES:
        raise ValueError(f"no policy is named {name!r}; there are {', '.join(POLICIES)}")
    given = {key: value for key, value in policy.items() if key != "name"}
    named = POLICIES[name]
    return {**{key: named[key] for key in named if key != "soft_top"}, **given}, {
        key: named[key] for key in named if key == "soft_top"
    }
