"""Optional dependencies: importing one, or naming the extra that installs it."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
from pathlib import Path
from types import ModuleType

from hearsight.errors import MissingExtraError

_CHECKOUT = Path(__file__).resolve().parents[2]


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        The extra of hearsight that installs it.
    purpose
        What needs it, for the message: ``"teachers of kind litert"``.

    Raises
    ------
    MissingExtraError
        When it cannot be imported; the hint is the command that installs the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = (error.name or module).split(".")[0]
        raise MissingExtraError(
            purpose,
            f"the package {package!r} cannot be imported ({error})",
            f"the extra {extra!r}",
            find_install_command(extra),
        ) from error


def is_installed(module: str) -> bool:
    """Return whether an optional module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def find_install_command(extra: str) -> str:
    """Return the command that installs an extra: hearsight is installed from its source folder, not from a package index.

    Parameters
    ----------
    extra
        Name of the extra.
    """
    if not (_CHECKOUT / "pyproject.toml").is_file():
        return f"in hearsight's source folder: pip install -c constraints.txt '.[{extra}]'"
    place = shlex.quote(f"{_CHECKOUT}[{extra}]")
    return f"pip install -c {shlex.quote(str(_CHECKOUT / 'constraints.txt'))} -e {place}"
