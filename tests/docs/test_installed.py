"""Pages that messages and docstrings name exist, and are installed with the package."""

from __future__ import annotations

import re
import sysconfig
import tomllib
from pathlib import Path

import pytest

from hearsight import version
from hearsight.version import locate_page
from tools.pages import ROOT

PACKAGE = ROOT / "src/hearsight"
NAMED = re.compile(r"docs/[\w./-]+\.md")


def list_named() -> list[tuple[str, str]]:
    """List the pages that files of the package name, and where."""
    paths = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".toml", ".html", ".ts", ".js", ".json"}]
    texts = [(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return [(name, page) for name, text in texts for page in NAMED.findall(text)]


def list_installed() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]


def test_every_page_that_the_package_names_exists_and_is_installed() -> None:
    named = list_named()
    assert len(named) > 5
    installed = list_installed()
    lost = [(name, page) for name, page in named if not (ROOT / page).is_file()]
    lost += [(name, page) for name, page in named if not any(page.startswith(place) for place in installed)]
    assert lost == []


def test_what_is_installed_is_there_and_goes_where_it_is_looked_for() -> None:
    for place, target in list_installed().items():
        assert (ROOT / place).exists()
        assert target == f"share/doc/hearsight/{place.removeprefix('docs/')}"


def test_a_page_is_found_in_the_sources_and_where_the_package_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locate_page("docs/how-to/study.md") == ROOT / "docs/how-to/study.md"
    monkeypatch.setattr(version, "__file__", str(tmp_path / "lib/site-packages/hearsight/version.py"))
    expected = Path(sysconfig.get_path("data")) / "share/doc/hearsight/how-to/study.md"
    assert locate_page("docs/how-to/study.md") == expected


def test_commands_name_pages_only_by_the_place_where_they_are() -> None:
    """A string that is printed names a page by ``locate_page``; docstrings of modules and functions may name its source."""
    for folder in ("cli", "errors.py", "console.py"):
        paths = [PACKAGE / folder] if folder.endswith(".py") else sorted((PACKAGE / folder).glob("*.py"))
        for path in paths:
            for line in path.read_text(encoding="utf-8").splitlines():
                assert not NAMED.search(line) or "locate_page(" in line, f"{path.name}: {line}"
