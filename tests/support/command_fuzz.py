"""Every command with every argument made absurd: the cases of the fuzz, read from the parser itself.

A new command, and a new option of an old one, is in the fuzz without being named here, as long as the names of its required
arguments are known below: its test fails otherwise, and says which one is missing.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.argument import Argument

from hearsight.cli import app
from hearsight.text import escape_controls

ESCAPES = "\x1b[2J\x1b]0;title\x07"
NUMBERS = ("-1", "0", "1e308", "nan", "inf", str(10**30), "many", "")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What the commands are given where nothing is wrong."""

    dataset: Path
    run: Path
    sound: Path
    videos: Path
    classes: Path
    hierarchy: Path
    weights: Path
    index: Path


@dataclasses.dataclass(frozen=True)
class Case:
    """A command, one argument that is wrong, and what stderr may name it by."""

    command: tuple[str, ...]
    argument: str
    kind: str
    tokens: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' '.join(self.command)} {self.argument}: {self.kind}"


PREFIXES: dict[str, str] = {
    "vision": "litert:",
    "audio": "onnx:",
    "benchmark": "folder=",
    "training_dataset": "",
    "extra_models": "",
    "sources": "",
    "run": "",
    "model": "",
}
"""Arguments of text that hold a path, and what stands before it. Those of the type ``Path`` are found by their type."""
SUFFIXES: dict[tuple[str, str], str] = {
    ("embed", "out"): ".parquet",
    ("export", "out"): ".onnx",
    ("plot", "out"): ".png",
    ("plot traces", "file"): ".wav",
    ("tag", "files"): ".wav",
    ("tag", "thresholds"): ".csv",
    ("embed", "files"): ".wav",
    ("convert", "source"): ".npz",
    ("convert", "pca"): ".npz",
    ("convert", "vocabulary"): ".csv",
    ("plot groups", "hierarchy"): ".json",
    ("build", "sources"): ".mp4",
    ("learn", "sources"): ".mp4",
    ("inspect", "page"): ".html",
    ("query", "out"): ".csv",
    ("index", "files"): ".wav",
    ("index", "metadata"): ".csv",
    ("search", "out"): ".csv",
    ("counts", "tables"): ".csv",
    ("counts", "figure"): ".png",
    ("suggest", "out"): ".csv",
    ("review", "out"): ".csv",
    ("review", "tables"): ".csv",
    ("review", "figure"): ".png",
}
OUTPUTS = frozenset({"out", "results", "page", "figure"})
"""Arguments that are written."""
OUTPUT_KINDS = ("a folder", "random", "a pipe", "a link to nothing", "below a file", "escapes")
"""Kinds of paths that are told apart by a command that writes there."""
NOT_RUN = frozenset(
    {(command, "out", "a folder") for command in ("build", "mix", "train", "learn", "demo", "index")}
    | {("export", "out", kind) for kind in ("random", "a link to nothing", "escapes")}
    | {(command, "config", "empty") for command in ("build", "mix", "train", "learn", "evaluate", "fetch", "plan")}
    | {("plan", "gpus", "0"), ("withdraw", "runs", "a folder")}
    | {("convert", "out", "a folder"), ("convert", "vocabulary", "escapes")}
    | {("convert", "pca", kind) for kind in ("damaged JSON", "damaged TOML", "other JSON", "random", "escapes")}
    | {(command, "out", kind) for command in ("fetch", "query") for kind in OUTPUT_KINDS}
    | {("demo", "seed", "0"), ("export", "seed", "0"), ("serve", "port", "0"), ("serve", "folder", "a folder")}
    | {("serve", "teach_out", "absent"), ("serve", "teach_out", "a folder")}
)
"""What is right and would take long, or what is read after something else that is wrong."""

FEW_KINDS = frozenset(
    {("build", "sources"), ("learn", "sources"), ("build", "media_root"), ("learn", "media_root"), ("query", "queries")}
)
"""Arguments that are read by processes of their own, which take a second to start, or after others; other tests have more kinds."""


def list_commands(group: App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Yield every command of the parser with its words."""
    for name in group:
        if name.startswith("-"):
            continue
        command = group[name]
        if command.default_command is None:
            yield from list_commands(command, (*path, name))
        else:
            yield (*path, name), command


def list_arguments(command: App) -> list[Argument]:
    """Return the arguments of a command in the order of its signature."""
    return list(command.assemble_argument_collection())


def is_path(argument: Argument) -> bool:
    """Whether the value of an argument is a path or holds one."""
    if _holds(argument.hint, Path):
        return True
    return argument.field_info.name in PREFIXES and _holds(argument.hint, str)


def is_number(argument: Argument) -> bool:
    """Whether the value of an argument is a number."""
    return (_holds(argument.hint, int) or _holds(argument.hint, float)) and argument.hint is not bool


def _holds(hint: Any, kind: type) -> bool:
    return hint is kind or any(_holds(part, kind) for part in typing.get_args(hint))


def make_tokens(words: tuple[str, ...], command: App, inputs: Inputs, changed: dict[str, str]) -> tuple[str, ...]:
    """Return the words of a command line with valid values for all that is required, and other ones for some arguments."""
    positional: list[str] = []
    options: list[str] = []
    for argument in list_arguments(command):
        name = str(argument.field_info.name)
        if name not in changed and not argument.required:
            continue
        value = changed[name] if name in changed else _find_valid(words, argument, inputs)
        if argument.names[0].startswith("-"):
            options += [f"{argument.names[0]}={value}"] if value.startswith("-") else [argument.names[0], value]
        else:
            positional.append(value)
    return (*words, *options, "--", *positional) if positional else (*words, *options)


def _find_valid(words: tuple[str, ...], argument: Argument, inputs: Inputs) -> str:
    name = str(argument.field_info.name)
    known: dict[str, object] = {
        "run": inputs.run,
        "model": inputs.run,
        "dataset": inputs.dataset,
        "path": inputs.dataset,
        "file": inputs.sound,
        "files": inputs.sound,
        "sources": inputs.videos,
        "benchmark": f"folder={inputs.classes}",
        "hierarchy": inputs.hierarchy,
        "out": "out" + find_suffix(words, name),
        "repository": "owner/name",
        "kind": "vggish",
        "source": inputs.weights,
        "videos": inputs.hierarchy,
        "queries": inputs.hierarchy,
        "lister": "absent",
        "query": inputs.sound,
        "index": inputs.index,
        "examples": inputs.classes,
        "data": f"folder={inputs.classes}",
        "tables": inputs.hierarchy.with_name("tags.csv"),
        "clips": "1000",
    }
    if name not in known:
        raise AssertionError(f"{' '.join(words)}: give tests/support/command_fuzz.py a valid value for {name!r}")
    return str(known[name])


def find_suffix(words: tuple[str, ...], name: str) -> str:
    """Return the suffix of a file that an argument names; empty for folders."""
    return SUFFIXES.get((" ".join(words), name), SUFFIXES.get((words[0], name), ""))


def _damage(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _put_under_a_file(path: Path) -> None:
    path.parent.write_bytes(b"a file")


KINDS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "absent": ("absent{}", lambda path: None),
    "a folder": ("folder{}", Path.mkdir),
    "empty": ("empty{}", Path.touch),
    "damaged JSON": ("damaged{}", lambda path: _damage(path, b'{"format_version": 1, "classes": [')),
    "damaged TOML": ("damaged{}", lambda path: _damage(path, b"[build\nworkers = = 3\n")),
    "other JSON": ("other{}", lambda path: _damage(path, json.dumps([{"a": 1e999}] * 2).encode())),
    "random": ("random{}", lambda path: _damage(path, bytes(range(256)) * 9)),
    "a pipe": ("pipe{}", os.mkfifo),
    "a link to nothing": ("link{}", lambda path: path.symlink_to("nothing")),
    "below a file": ("file/below{}", _put_under_a_file),
    "escapes": (f"{ESCAPES}{{}}", lambda path: _damage(path, b"text")),
}
"""Kinds of wrong paths: the name, and what makes it."""


def list_cases(inputs: Inputs) -> Iterator[Case]:
    """Yield every case of every command."""
    for words, command in list_commands():
        for argument in list_arguments(command):
            yield from _list_path_cases(words, command, argument, inputs)
            yield from _list_number_cases(words, command, argument, inputs)


def _list_path_cases(words: tuple[str, ...], command: App, argument: Argument, inputs: Inputs) -> Iterator[Case]:
    name = str(argument.field_info.name)
    if not is_path(argument) or (words[0] in ("train", "learn", "plan") and name == "model"):
        return  # there, it is the name of a network
    for kind, (file_name, _) in KINDS.items():
        if (words[0], name, kind) in NOT_RUN or (name in OUTPUTS and kind not in OUTPUT_KINDS):
            continue
        few = ("absent",) if name in ("media_root", "queries") else ("absent", "random", "escapes")
        if (words[0], name) in FEW_KINDS and kind not in few:
            continue
        path = file_name.format(find_suffix(words, name))
        tokens = make_tokens(words, command, inputs, {name: PREFIXES.get(name, "") + path})
        yield Case(
            words, name, kind, tokens, (escape_controls(path.partition(".")[0].partition("/")[0]), *argument.names)
        )


def _list_number_cases(words: tuple[str, ...], command: App, argument: Argument, inputs: Inputs) -> Iterator[Case]:
    name = str(argument.field_info.name)
    if not is_number(argument):
        return
    for number in NUMBERS:
        if (words[0], name, number) not in NOT_RUN:
            tokens = make_tokens(words, command, inputs, {name: number})
            yield Case(words, name, number, tokens, (*argument.names, name))


def make_wrong_path(case: Case, folder: Path) -> None:
    """Make the file or folder of a case in the folder where its command runs."""
    if case.kind in KINDS:
        file_name, make = KINDS[case.kind]
        make(folder / file_name.format(find_suffix(case.command, case.argument)))
