"""Check that the documentation agrees with the code: links, commands, options, keys, Python imports, paths and dotted names.

Run as ``python -m tools.check``, which ``make check`` does. Prints one line per problem and exits with 1 if there are any.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclopts import CycloptsError

from hearsight.cli import app
from hearsight.config import load_config
from hearsight.errors import ConfigError
from tools.facts import STAGES, check_facts, read_sources
from tools.pages import ROOT

PACKAGE = ROOT / "src" / "hearsight"
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|\b(?:src|srcset)=\"([^\"]+)\"")
INLINE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"^[\w./-]*\w\.(?:py|toml|css|yml)$|^(?:src|tests|docs|benchmarks|tools)/[\w./-]*$")
MEMBER = re.compile(r"^([\w/]+\.py)::([\w.]+)$")
DOTTED = re.compile(r"\bhearsight(?:\.[A-Za-z_]\w*)+")
COMMAND_LINE = re.compile(r"^\s*(?:\$ )?hearsight ([a-z].*)$", re.MULTILINE)
WALK = re.compile(r"^([\w/]+\.py): ([\w.]+)\(([\w, ]*)\) -> (.+)$")
"""A line of a walk through the code: file, function, the names of some of its parameters, and what it returns, in words."""
USERS_FILES = frozenset({"score.py", "config.toml", "folds.csv", "FILE.toml", "pyproject.toml"})
"""Files that a page names and that are the reader's own."""
MAX_LINES = {"README.md": 120, "ARCHITECTURE.md": 150}


def list_documents() -> list[Path]:
    """Return every Markdown file of the project."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def check_document(path: Path, text: str) -> list[str]:
    """Return what is wrong in a page, a line per problem."""
    found = [*check_links(path, text), *check_command_lines(text), *check_inline_commands(text), *check_python(text)]
    if path.name not in {"CHANGELOG.md", "experiments.md"}:  # what was true when it was written
        found += [*check_paths(path, text), *check_dotted_names(text)]
        found += [*check_walks(text), *check_facts(text)]
    most = MAX_LINES.get(path.name)
    if most and path.parent == ROOT and len(text.splitlines()) > most:
        found.append(f"{len(text.splitlines())} lines, at most {most}")
    return found


def check_links(path: Path, text: str) -> Iterator[str]:
    """Find links and pictures that lead to no file or heading."""
    for link, picture in LINK.findall(FENCE.sub("", text)):
        target = link or picture
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name) if name else path
        if not file.exists():
            yield f"link to {target}: no such file"
        elif anchor and file.suffix == ".md" and anchor not in find_headings(file.read_text(encoding="utf-8")):
            yield f"link to {target}: no such heading"


def find_headings(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts and MkDocs spell them: MkDocs makes one dash of several."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    hosts = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return hosts | {re.sub(r"-+", "-", anchor) for anchor in hosts}


def check_command_lines(text: str) -> Iterator[str]:
    """Find command lines in blocks of code that the command line does not accept, and keys that its configuration does not have."""
    for _, language, block in FENCE.findall(text):
        if language == "console":  # the usage lines of the commands' own help
            continue
        for line in COMMAND_LINE.findall(block.replace("\\\n", " ")):
            words = shlex.split(line, comments=True)
            try:
                app.parse_args(words, exit_on_error=False, print_error=False)
            except CycloptsError as error:
                yield f"hearsight {line}: {' '.join(str(error).split())}"
            yield from check_keys(words)


def check_keys(words: list[str]) -> Iterator[str]:
    """Find keys after ``--set`` that the stage does not have, or values that it refuses."""
    overrides = [value for option, value in itertools.pairwise(words) if option == "--set"]
    if words and words[0] in STAGES and overrides:
        try:
            load_config(STAGES[words[0]], words[0], None, overrides)
        except ConfigError as error:
            yield f"hearsight {' '.join(words)}: {error}"


def check_inline_commands(text: str) -> Iterator[str]:
    """Find commands and options, in running text, that the command line does not know."""
    for span in INLINE.findall(FENCE.sub("", text)):
        match = re.match(r"hearsight ([a-z][a-z-]*)(?: ([a-z-]+))?", span)
        if not match or span.startswith("hearsight."):
            continue
        name, inner = match[1], match[2]
        if name not in app:
            yield f"`{span}`: no such command"
            continue
        command = app[name][inner] if inner and inner in app[name] else app[name]
        if command.default_command is None:
            continue
        names = {spelling for argument in command.assemble_argument_collection() for spelling in argument.names}
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", span):
            if option not in names | {"--help"}:
                yield f"`{span}`: no option {option}"


def check_python(text: str) -> Iterator[str]:
    """Find Python examples that do not parse, or import something that is not there."""
    for _, language, code in FENCE.findall(text):
        if language != "python":
            continue
        try:
            tree = ast.parse(code)
        except SyntaxError as error:
            yield f"Python example: {error}"
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hearsight":
                for alias in node.names:
                    if not is_importable(f"{node.module}.{alias.name}"):
                        yield f"Python example: {node.module}.{alias.name} does not exist"


def check_paths(path: Path, text: str) -> Iterator[str]:
    """Find files, and members of files, that a page names and that do not exist."""
    for span in INLINE.findall(FENCE.sub("", text)):
        member = MEMBER.match(span)
        if member:
            module = f"hearsight.{member[1].removesuffix('.py').replace('/', '.')}"
            if not is_importable(f"{module}.{member[2]}"):
                yield f"`{span}`: no such file or name"
        elif PATH.match(span) and span not in USERS_FILES and not find_file(span, path):
            yield f"`{span}`: no such file"


def check_walks(text: str) -> Iterator[str]:
    """Find lines of walks, in ``walk`` blocks, whose function or parameters do not exist, and lines that are no such line."""
    for _, language, block in FENCE.findall(text):
        for paragraph in block.split("\n\n") if language == "walk" else ():
            _, *lines = paragraph.strip().splitlines()
            for line in lines:
                match = WALK.match(line)
                problem = (
                    _check_call(*match.groups()[:3])
                    if match
                    else "is not of the form file: function(arguments) -> result"
                )
                if problem:
                    yield f"{line}: {problem}"


def _check_call(file: str, function: str, arguments: str) -> str:
    """Return what is wrong with a call of a walk; nothing if the function has these parameters."""
    module = f"hearsight.{file.removesuffix('.py').replace('/', '.')}"
    if not is_importable(f"{module}.{function}"):
        return "no such file or name"
    found: Any = functools.reduce(getattr, function.split("."), importlib.import_module(module))
    parameters = inspect.signature(found).parameters
    absent = [name for name in arguments.split(", ") if name and name not in parameters]
    return f"no parameter {', '.join(absent)}" if absent else ""


def find_file(name: str, page: Path) -> bool:
    """Return whether a file is there: from the root, the package, or the folder of the page."""
    return any((folder / name).exists() for folder in (ROOT, PACKAGE, PACKAGE.parent, page.parent))


def check_dotted_names(text: str) -> Iterator[str]:
    """Find dotted names of the package that cannot be imported, in running text and in code."""
    for name in sorted(set(DOTTED.findall(text))):
        is_group = f'"{name}"' in read_sources()  # a group of entry points
        if name not in {"hearsight.toml"} and not is_group and not is_importable(name):
            yield f"{name}: cannot be imported"


def is_importable(name: str) -> bool:
    """Return whether a dotted name is a module, or a member of one at any depth."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            annotated = part in getattr(value, "__dataclass_fields__", {}) or part in getattr(value, "model_fields", {})
            if not hasattr(value, part):
                return annotated
            value = getattr(value, part)
        return True
    return False


def main() -> int:
    """Check every document and print what is wrong."""
    documents = list_documents()
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in documents
        for problem in check_document(path, path.read_text(encoding="utf-8"))
    ]
    print("\n".join(problems) or f"docs: {len(documents)} documents, no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
