"""Find arrays and tensors whose annotation has no shape.

``python -m tools.shapes`` prints one line per parameter, result or attribute that is annotated with a bare ``np.ndarray``,
``NDArray`` or ``Tensor``, and the share of those that have a shape (``Float32[np.ndarray, "clips classes"]``). Functions, methods
and attributes count whether they are private or not; so do arrays within other types (``list[np.ndarray]``). The shapes are
checked by beartype in the tests.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.shares import Place, report_share

FLOOR = 0.90
"""The least share of annotated arrays that have a shape."""
ARRAYS = re.compile(r"\b(?:np\.ndarray|npt\.NDArray|NDArray|torch\.Tensor|Tensor)\b")
KINDS = re.compile(r"(?:Shaped|Bool|Num|Inexact|Real|Complex|Float|Int|UInt|Integer|Key)\w*")


def find_arrays(path: Path) -> Iterator[Place]:
    """Find the annotated arrays of a module; names that stand for a shaped array count as shaped."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, annotation in _list_annotations(tree):
        for shaped in _list_arrays(annotation):
            yield Place(path, annotation.lineno, name, shaped)


def _list_annotations(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """List the types of functions, attributes and aliases; those of local variables are left to the type checker."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            for one in every:
                if one is not None and one.annotation is not None:
                    yield f"{node.name}({one.arg})", one.annotation
            if node.returns is not None:
                yield f"{node.name} ->", node.returns
        elif isinstance(node, ast.ClassDef | ast.Module):
            for one in node.body:
                if isinstance(one, ast.AnnAssign):
                    yield ast.unparse(one.target), one.annotation
                elif isinstance(one, ast.Assign) and isinstance(one.value, ast.Subscript | ast.BinOp):
                    yield ast.unparse(one.targets[0]), one.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            yield ast.unparse(node.target), node.annotation


def _list_arrays(node: ast.AST) -> Iterator[bool]:
    """List the arrays of an annotation, and whether each has a shape."""
    if isinstance(node, ast.Subscript):
        kind = ast.unparse(node.value).rpartition(".")[2]
        if KINDS.fullmatch(kind) and isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2:
            yield True
            return
    if isinstance(node, ast.Name | ast.Attribute) and ARRAYS.fullmatch(ast.unparse(node)):
        yield False
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and ARRAYS.search(node.value):
        yield from _list_arrays(ast.parse(node.value, mode="eval"))
    for child in ast.iter_child_nodes(node):
        yield from _list_arrays(child)


def main() -> int:
    """Print the arrays without a shape, and the share of the others; return 1 if it is below the floor."""
    return report_share(find_arrays, "arrays: {} have a shape", FLOOR)


if __name__ == "__main__":
    sys.exit(main())
