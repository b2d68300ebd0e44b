"""What the configuration of every stage is: frozen, and knowing all its keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Stage(BaseModel):
    """A frozen configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
