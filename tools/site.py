"""Hooks of MkDocs: pages from the root of the repository, the API reference, and links between them.

``README.md``, ``ARCHITECTURE.md`` and the like are pages of the site without being copied into ``docs/``; their links, which are
right on a code host, are rewritten for the site. The pages of the API reference hold one mkdocstrings directive per public object.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import hearsight

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {
    "index.md": "README.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "benchmark-scripts.md": "benchmarks/README.md",
}
FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\(|\b(?:src|srcset|href)=\")([^)\s\"]+)([)\"])")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the parts of the navigation that are lists of files."""
    decisions = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    fill_navigation(
        config.nav or [], "Decisions", ["decisions/README.md", *(f"decisions/{name}" for name in decisions)]
    )
    fill_navigation(config.nav or [], "Modules", sorted(write_rooms(), key=lambda uri: ("index" not in uri, uri)))
    return config


def fill_navigation(entries: list[Any], title: str, pages: list[str]) -> None:
    """Set the pages of the section called ``title``, at any depth of the navigation."""
    for entry in entries:
        for name, inner in entry.items() if isinstance(entry, dict) else ():
            if name == title:
                entry[name] = pages
            elif isinstance(inner, list):
                fill_navigation(inner, title, pages)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files under ``docs/``."""
    for uri, name in ROOT_PAGES.items():
        files.append(File.generated(config, uri, content=(ROOT / name).read_text(encoding="utf-8")))
    for uri, text in {"reference/python.md": write_top_level(), **write_rooms()}.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  the signature is MkDocs's
    """Rewrite the links of a page from paths in the repository to paths in the site."""
    uri = page.file.src_uri
    here = ROOT_PAGES.get(uri, f"docs/{uri}")

    def rewrite(match: re.Match[str]) -> str:
        return match[1] + rewrite_link(match[2], here, uri) + match[3]

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(rewrite, part) for part in parts)


def rewrite_link(target: str, here: str, uri: str) -> str:
    """Return where a link of the file ``here``, the page ``uri`` of the site, leads in the site."""
    name, mark, anchor = target.partition("#")
    if not name or re.match(r"[a-z]+:", name):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), name))
    pages = {repository: site for site, repository in ROOT_PAGES.items()}
    site = pages.get(path, path.removeprefix("docs/"))
    return posixpath.relpath(site, posixpath.dirname(uri) or ".") + mark + anchor


def write_top_level() -> str:
    """Return the page of the names that ``import hearsight`` offers."""
    names = sorted((name for name in hearsight.__all__ if not name.startswith("_")), key=str.lower)
    head = (
        "# Python\n\nThe names that `import hearsight` offers. [Modules](modules/index.md) documents everything else.\n"
    )
    return head + "".join(f"\n{spell_directive(getattr(hearsight, name), name)}" for name in names)


def spell_directive(value: object, name: str) -> str:
    """Return the mkdocstrings directive of one public object."""
    home = getattr(value, "__module__", None)
    path = f"{home}.{getattr(value, '__qualname__', name)}" if home else f"hearsight.{name}"
    return f"::: {path}\n    options: {{heading_level: 2}}\n"


def write_rooms() -> dict[str, str]:
    """Return the pages of the packages and modules, with an index of them."""
    pages: dict[str, str] = {}
    index = "# Modules\n\nEvery package of hearsight, with all of its public functions and classes.\n\n| package | |\n|---|---|\n"
    for info in sorted(pkgutil.iter_modules(hearsight.__path__), key=lambda info: info.name):
        if info.name.startswith("_"):
            continue
        name = f"hearsight.{info.name}"
        modules = list(list_modules(name)) if info.ispkg else [name]
        text = f"# `{name}`\n"
        for module in modules:
            text += f"\n::: {module}\n    options: {{heading_level: 2, show_root_full_path: true, filters: ['!^_']}}\n"
        pages[f"reference/modules/{info.name}.md"] = text
        summary = (inspect.getdoc(importlib.import_module(name)) or "").split("\n\n")[0].replace("\n", " ")
        index += f"| [`{info.name}`]({info.name}.md) | {summary.replace('|', '&#124;')} |\n"
    return {**pages, "reference/modules/index.md": index}


def list_modules(package: str) -> Iterator[str]:
    """Yield a package and every module below it."""
    yield package
    module: ModuleType = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(module.__path__), key=lambda info: info.name):
        name = f"{package}.{info.name}"
        if info.name.startswith("_"):
            continue
        if info.ispkg:
            yield from list_modules(name)
        else:
            yield name
