"""Find prose that CONTRIBUTING asks not to write: in the pages, in docstrings and comments, and in texts for users.

``python -m tools.prose`` (``make prose``) prints one line per finding and exits with 1 if there are any. It knows docstrings that
open with the wrong verb, and phrases that were once frequent here. It does not know whether a sentence is good.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tools.check import FENCE, INLINE, list_documents
from tools.pages import ROOT

OPENING = re.compile(r"^(Give|Gives|Say|Says|Tell|Tells|Hear|Hears|Listen|Listens)\b")
"""Verbs that do not describe what a function does: return, print, compute, forward, predict."""
PHRASES = {
    r"\bon another number of\b": "say what varies with what",
    r"\b(?:is|are|was|were) (?:told|said)\b": "link to it (see …), or: a message reports it",
    r"\bsays? so\b": "a message reports it",
    r"\bsays? the same\b": "is equal, is repeated",
    r"\b(?:say|tell) (?:of|from|apart)\b|\b(?:told|tells|telling) apart\b": "distinguish",
    r"\bstrong opponents?\b": "strong baseline",
    r"\bcome along\b": "keep",
    r"\bwhat is other than\b": "differences",
    r"\bgo(?:es)? on (?:where|with the first|after)\b": "continues",
    r"\bis its good right\b": "say why it is allowed",
    r"\bworked out\b": "computed",
    r"\bwithout a word\b": "silently",
    r"\bof (?:its|their|his|her|one's) own\b": "its own …, a separate …",
    r"\bbesides?\b": "next to, in addition to, together with",
    r"\banew\b": "again",
    r"\bat once\b": "together, in one go, or immediately",
    r"\bnobody\b": "say who does not: no client, no other user; or use the passive",
    r"\b(?:is|are|was|were|be) brought\b|\bwhat it brings\b|\bbrings (?:no|its|their)\b": "has, normalised to",
    r"\b(?:networks?|models?|listeners?|bands?) (?:that )?hears?\b|\bwhat is heard\b": "takes, gets, uses, predicts",
    r"\b(?:cannot|can) be heard\b|\bto be heard\b": "is audible, cannot be decoded",
    r"\bbut for\b": "except for",
    r"\bgone through\b": "processed, visited in order",
    r"\bas (?:it|they) stands?\b|\bstood\b|\b[bB]eside stands\b": "is, is written",
    r"\bstands? in ``": "is in",
    r"[;:,] (?:and )?gives? the \w+ figure\b": "return",
    r"\bnothing is to be done\b": "there is nothing to do",
    r"\bby heart\b": "memorised",
    r"\bwhen asked\b|\bif wanted\b": "optionally",
    r"\b(?:whence|thence|whereby|therein|thereof|lest)\b": "a plain relative clause",
    r"\bmachine[- ](?:teachers?|made)\b": "teachers, automatic",
    r"\bin place of a run\b": "instead of a run",
}
CONTINUED = re.compile(r"\n*([a-z][^\n]*)")
"""After a block of code: a paragraph that continues a sentence which began with the block of code before it."""
TARGET = re.compile(r"\]\([^)\s]*\)")
"""Where a link leads: no prose."""
RECORDS = frozenset({"CHANGELOG.md", "CONTRIBUTING.md", "experiments.md"})
"""Pages that are records, or that quote what not to write."""


def check_page(text: str) -> Iterator[str]:
    """Find phrases in the running text of a page; code and quotations in code are left out."""
    yield from check_phrases(TARGET.sub("]", INLINE.sub("", FENCE.sub("", text))))
    for block in FENCE.finditer(text):
        found = CONTINUED.match(text, block.end())
        if found and not found[1].startswith("hearsight"):
            yield f"{found[1][:40]!r}: begin the sentence after a block of code with its subject"


def check_phrases(text: str) -> Iterator[str]:
    """Find the phrases in a text."""
    joined = " ".join(text.split())
    for pattern, better in PHRASES.items():
        for found in re.finditer(pattern, joined, re.IGNORECASE):
            yield f"{found[0]!r}: {better}"


def check_module(source: str) -> Iterator[str]:
    """Find docstrings that open with the wrong verb, and phrases in docstrings, messages and comments, with their lines."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            opening = OPENING.match(ast.get_docstring(node) or "")
            if opening:
                yield f"{node.lineno}: {node.name} opens with {opening[0]!r}: what does it return, print or compute?"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from (f"{node.lineno}: {problem}" for problem in check_phrases(node.value))
    for line, text in read_comments(source):
        yield from (f"{line}: {problem}" for problem in check_phrases(text))


def read_comments(source: str) -> Iterator[tuple[int, str]]:
    """Read the comments of a module with their lines; comments on successive lines are one text."""
    block: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("# ")
        if block and line != last + 1:
            yield first, " ".join(block)
            block = []
        first, last = (first if block else line), line
        block.append(text)
    if block:
        yield first, " ".join(block)


def list_modules() -> list[Path]:
    """Return the modules of the package, of its tools and of its benchmarks; this one quotes what not to write."""
    folders = (ROOT / "src", ROOT / "tools", ROOT / "benchmarks")
    return [path for folder in folders for path in sorted(folder.rglob("*.py")) if path != Path(__file__).resolve()]


def find_problems() -> Iterator[str]:
    """Check every page, every module, and the sources of the page of ``hearsight serve``."""
    for path in list_documents():
        if path.name not in RECORDS:
            for problem in check_page(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(ROOT)}: {problem}"
    for path in list_modules():
        for problem in check_module(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}:{problem}"
    for path in [ROOT / "page" / "index.html", *sorted((ROOT / "page" / "src").glob("*.ts"))]:
        for problem in check_phrases(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(ROOT)}: {problem}"


def main() -> int:
    """Print what was found."""
    problems = list(find_problems())
    print("\n".join(problems) or "prose: no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
