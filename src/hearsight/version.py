"""The version of hearsight, and where its documentation is. No other module has to import the package itself for them."""

from __future__ import annotations

import sysconfig
from pathlib import Path

VERSION = "0.1.0"


def locate_page(page: str) -> Path:
    """Return where a page of the documentation is on this machine.

    Parameters
    ----------
    page
        Its path in the sources, such as ``docs/how-to/study.md``.

    Returns
    -------
    Path
        In the sources, if hearsight runs from them; otherwise where the package was installed with its pages.
    """
    sources = Path(__file__).parents[2]
    if (sources / "mkdocs.yml").is_file():
        return sources / page
    return Path(sysconfig.get_path("data")) / "share/doc/hearsight" / page.removeprefix("docs/")
