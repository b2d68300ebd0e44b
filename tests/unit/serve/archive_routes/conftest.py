"""Fixtures of the tests of what a server does with an index."""

from __future__ import annotations

from tests.support.archive import index, sounds
from tests.support.listening import listener, run

__all__ = ["index", "listener", "run", "sounds"]
