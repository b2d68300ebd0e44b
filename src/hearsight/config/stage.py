"""The base of every configuration: frozen, without unknown keys, with errors of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hearsight.config.mistakes import explain_mistakes
from hearsight.config.renames import rename_keys

_StageT = TypeVar("_StageT", bound="Stage")


class Stage(BaseModel):
    """A frozen configuration. Unknown keys, wrong values and numbers that are not finite are a :class:`ConfigError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise explain_mistakes(error, type(self), type(self).__name__) from error

    # tells pydantic that tables within tables need not be built by calling __init__: their mistakes are reported with all others
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def parse(cls: type[_StageT], values: Any, where: str) -> _StageT:
        """Return the configuration that these values describe.

        Parameters
        ----------
        values
            A mapping of keys to values; keys of earlier versions are accepted.
        where
            Where the values were found, for errors.

        Raises
        ------
        ConfigError
            With every mistake in the values.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise explain_mistakes(error, cls, where) from error

    @model_validator(mode="before")
    @classmethod
    def _rename_old_keys(cls, values: Any) -> Any:
        return rename_keys(cls.__name__, values) if isinstance(values, Mapping) else values
