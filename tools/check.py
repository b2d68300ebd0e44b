"""Check that the documents tell the truth about the code: links, commands, options, knobs, Python examples, named modules.

Run as ``python -m tools.check``, which ``make check`` does. Prints one line per problem and exits with 1 if there are any.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|\s|\$ |`)hearsight ((?:[a-z]+))((?:[^`\n\\]|\\\n)*)")
MODULE = re.compile(r"`((?:src/hearsight/)?[a-z_]+/[a-z_/]+\.py)`")
MAX_ARCHITECTURE_LINES = 120


def list_documents() -> list[Path]:
    """Give every Markdown file of the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split()]


def find_heads(text: str) -> set[str]:
    """Give the anchors of a document's headings, as GitHub spells them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def check_links(path: Path, text: str) -> Iterator[str]:
    """Find links to files or headings that are not there."""
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists():
            yield f"link to {target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in find_heads(file.read_text(encoding="utf-8")):
            yield f"link to {target}: no such heading"


def read_help() -> dict[str, str]:
    """Ask the command line for its commands and their help."""
    from hearsight.cli import app

    def ask(*names: str) -> str:
        run = [sys.executable, "-m", "hearsight", *names, "--help"]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout

    names = [name for name in app if not name.startswith("-")]
    inner = {name: [each for each in app[name] if not each.startswith("-")] for name in names}
    return {name: "".join([ask(name), *(ask(name, each) for each in inner[name])]) for name in names}


def check_commands(text: str, helps: dict[str, str]) -> Iterator[str]:
    """Find commands and options that the command line does not know."""
    for name, rest in COMMAND.findall(text.replace("\\\n", " ")):
        if name not in helps:
            if rest.lstrip().startswith("-") or name in {"biuld"}:
                yield f"hearsight {name}: no such command"
            continue
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", rest):
            if option not in helps[name] and option != "--help":
                yield f"hearsight {name} {option}: no such option"


def check_python(text: str) -> Iterator[str]:
    """Find Python examples that do not parse or import names hearsight does not have."""
    import hearsight

    for language, code in FENCE.findall(text):
        if language != "python":
            continue
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            yield f"Python example: {error}"
            continue
        for node in ast.walk(tree):
            named = (
                isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hearsight"
            )
            if named and not hasattr(hearsight, node.attr):
                yield f"Python example: hearsight.{node.attr} does not exist"


def check_modules(text: str) -> Iterator[str]:
    """Find modules that are named in the text and not in the tree."""
    for name in MODULE.findall(FENCE.sub("", text)):
        short = name.removeprefix("src/hearsight/")
        if not (ROOT / name).exists() and not (ROOT / "src" / "hearsight" / short).exists():
            yield f"{name}: no such file"


def main() -> int:
    """Check every document; print what is wrong."""
    helps = read_help()
    problems: list[str] = []
    for path in list_documents():
        text = path.read_text(encoding="utf-8")
        found = [*check_links(path, text), *check_commands(text, helps), *check_python(text), *check_modules(text)]
        problems += [f"{path.relative_to(ROOT)}: {problem}" for problem in found]
    architecture = ROOT / "ARCHITECTURE.md"
    num_lines = len(architecture.read_text(encoding="utf-8").splitlines())
    if num_lines > MAX_ARCHITECTURE_LINES:
        problems.append(f"ARCHITECTURE.md: {num_lines} lines, at most {MAX_ARCHITECTURE_LINES}")
    for problem in problems:
        print(problem)
    if not problems:
        print(f"docs: {len(list_documents())} documents, no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
