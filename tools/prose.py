"""Find prose that CONTRIBUTING asks not to write, in the pages, in docstrings and in messages for users.

``python -m tools.prose`` (``make prose``) prints one line per finding and exits with 1 if there are any. It knows docstrings that
open with the wrong verb, and phrases that were once frequent here. It does not know whether a sentence is good.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.check import FENCE, INLINE, list_documents
from tools.pages import ROOT

OPENING = re.compile(r"^(Give|Gives|Say|Says|Tell|Tells|Hear|Hears|Listen|Listens)\b")
"""Verbs that do not say what a function does: return, print, compute, forward, predict."""
PHRASES = {
    r"\bon another number of\b": "say what varies with what",
    r"\bis told in\b": "link to it: see …",
    r"\bstrong opponents?\b": "strong baseline",
    r"\bcome along\b": "keep",
    r"\bwhat is other than\b": "differences",
    r"\bgoes? on where it (?:stopped|was)\b": "continues",
    r"\bis its good right\b": "say why it is allowed",
    r"\bworked out\b": "computed",
    r"\bwithout a word\b": "silently",
    r"\bof one's own\b": "your own",
}
RECORDS = frozenset({"CHANGELOG.md", "CONTRIBUTING.md", "experiments.md"})
"""Pages that are records, or that quote what not to write."""


def check_page(text: str) -> Iterator[str]:
    """Find phrases in the running text of a page; code and quotations in code are left out."""
    yield from check_phrases(INLINE.sub("", FENCE.sub("", text)))


def check_phrases(text: str) -> Iterator[str]:
    """Find the phrases in a text."""
    joined = " ".join(text.split())
    for pattern, better in PHRASES.items():
        for found in re.finditer(pattern, joined, re.IGNORECASE):
            yield f"{found[0]!r}: {better}"


def check_module(source: str) -> Iterator[str]:
    """Find docstrings that open with the wrong verb, and phrases in any docstring, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if text is None:
            continue
        line, name = (1, "module") if isinstance(node, ast.Module) else (node.lineno, node.name)
        opening = OPENING.match(text)
        if opening and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{line}: {name} opens with {opening[0]!r}: what does it return, print or compute?"
        yield from (f"{line}: {name}: {problem}" for problem in check_phrases(text))


def find_problems() -> Iterator[str]:
    """Check every page and every module of the package and of these tools."""
    for path in list_documents():
        if path.name not in RECORDS:
            for problem in check_page(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(ROOT)}: {problem}"
    for path in sorted([*(ROOT / "src").rglob("*.py"), *Path(ROOT / "tools").glob("*.py")]):
        for problem in check_module(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}:{problem}"


def main() -> int:
    """Print what was found."""
    problems = list(find_problems())
    print("\n".join(problems) or "prose: no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
