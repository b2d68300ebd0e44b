from __future__ import annotations

from tests.support.listening import listener, run, write_sound

__all__ = ["listener", "run", "write_sound"]
