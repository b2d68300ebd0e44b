"""Networks of other packages: rows of the zoo by the entry point group ``hearsight.networks``.

The object of an entry point is a :class:`~hearsight.models.row.NetworkRow` or several. Its factory takes a number of classes and
keyword options, and returns a :class:`~hearsight.models.network.Network`; checkpoints store its name and options like those of any
other network. In the package's ``pyproject.toml``::

    [project.entry-points."hearsight.networks"]
    mine = "my_package.networks:NETWORKS"
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Container, Iterable
from typing import cast

from hearsight.console import print_message
from hearsight.models.row import NetworkRow

ENTRY_POINTS = "hearsight.networks"


def load_plugins(known: Iterable[str]) -> list[NetworkRow]:
    """Load the rows that other packages offer.

    A package whose entry point cannot be loaded, or offers something else or a name that is taken, is named on stderr and left out:
    it must not keep the networks of hearsight from working.

    Parameters
    ----------
    known
        Names that are taken.
    """
    taken, rows = set(known), dict[str, NetworkRow]()
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        package = entry.dist.name if entry.dist else entry.value
        try:
            rows |= _check_rows(entry.load(), {*taken, *rows})
        except Exception as error:  # noqa: BLE001 (another package's code may raise anything)
            print_message(f"networks of the package {package} are left out ({type(error).__name__}: {error})")
    return list(rows.values())


def _check_rows(offered: object, known: Container[str]) -> dict[str, NetworkRow]:
    """Return the rows of an entry point by name.

    Raises
    ------
    TypeError, ValueError
        When something else is offered, or a name is taken.
    """
    rows: dict[str, NetworkRow] = {}
    for row in [offered] if isinstance(offered, NetworkRow) else cast(Iterable[object], offered):
        if not isinstance(row, NetworkRow):
            raise TypeError(f"a {type(row).__name__} is offered, and not a NetworkRow")
        if row.name in known or row.name in rows:
            raise ValueError(f"the name {row.name!r} is taken")
        rows[row.name] = row
    return rows
