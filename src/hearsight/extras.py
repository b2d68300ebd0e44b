"""Optional dependencies: importing one, or saying which extra brings it."""

from __future__ import annotations

import importlib
from types import ModuleType

from hearsight.errors import MissingExtraError


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        The extra of hearsight that installs it.
    purpose
        What needs it, as a person would say it: ``"teachers of kind litert"``.

    Raises
    ------
    MissingExtraError
        When it is not installed; the hint names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            purpose,
            f"the package {module.split('.')[0]!r} cannot be imported ({error})",
            f"the extra {extra!r}",
            f"pip install 'hearsight[{extra}]'",
        ) from error
