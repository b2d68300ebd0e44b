"""The mutants of a module: its source with one expression changed."""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Iterator

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor", "sum": "max"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A changed module.

    Attributes
    ----------
    line
        The line of the change in the original source.
    description
        The old and the new expression.
    source
        The whole changed module.
    """

    line: int
    description: str
    source: str


def list_mutants(source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines."""
    tree = ast.parse(source)
    skipped = {id(node) for root in _list_skipped(tree) for node in ast.walk(root)}
    mutants: list[Mutant] = []
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for number, (old, new) in enumerate(_list_changes(node)):
            changed = copy.deepcopy(tree)
            target = next(one for index, one in enumerate(ast.walk(changed)) if index == place)
            _apply(target, number)
            mutants.append(Mutant(getattr(node, "lineno", 0), f"{old} -> {new}", ast.unparse(changed)))
    return sorted(mutants, key=lambda mutant: mutant.line)


def _list_skipped(tree: ast.Module) -> Iterator[ast.AST]:
    """List what has no effect on valid input: annotations, docstrings, type aliases, and the flags strict and frozen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            yield from (one.annotation for one in every if one is not None and one.annotation is not None)
            yield from ([node.returns] if node.returns is not None else [])
            yield from node.decorator_list
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation
        is_flag = isinstance(node, ast.keyword) and node.arg in ("strict", "frozen")
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_alias = isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and node in tree.body
        if is_flag or is_docstring or is_alias:
            yield node


def _list_changes(node: ast.AST) -> list[tuple[str, str]]:
    """List the changes of one node, each as the old and the new text."""
    changes: list[tuple[str, str]] = []
    for number in range(4):
        changed = copy.deepcopy(node)
        if not _apply(changed, number):
            break
        changes.append((_show(node), _show(changed)))
    return changes


def _show(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split())[:100]


def _apply(node: ast.AST, number: int) -> bool:
    """Make the change of this number in place; return whether there is one."""
    if isinstance(node, ast.Compare):
        return _swap(node.ops, number, _COMPARISONS)
    if isinstance(node, ast.BinOp | ast.AugAssign) and number == 0 and type(node.op) in _OPERATORS:
        node.op = _OPERATORS[type(node.op)]()
        return True
    if isinstance(node, ast.BoolOp) and number == 0:
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return True
    if isinstance(node, ast.UnaryOp) and number == 0 and isinstance(node.op, ast.USub | ast.Not):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        return True
    if isinstance(node, ast.Constant):
        return number == 0 and _change_constant(node)
    if isinstance(node, ast.Name) and number == 0 and node.id in _NAMES:
        node.id = _NAMES[node.id]
        return True
    if isinstance(node, ast.Attribute) and number == 0 and node.attr in _NAMES and isinstance(node.ctx, ast.Load):
        node.attr = _NAMES[node.attr]
        return True
    if isinstance(node, ast.IfExp) and number == 0:
        node.body, node.orelse = node.orelse, node.body
        return True
    return isinstance(node, ast.FunctionDef | ast.If | ast.For | ast.With) and _drop_statement(node, number)


def _swap(operators: list[ast.cmpop], number: int, pairs: dict[type[ast.cmpop], type[ast.cmpop]]) -> bool:
    if number >= len(operators) or type(operators[number]) not in pairs:
        return False
    operators[number] = pairs[type(operators[number])]()
    return True


def _change_constant(node: ast.Constant) -> bool:
    value = node.value
    if isinstance(value, bool):
        node.value = not value
    elif isinstance(value, int):
        node.value = value + 1
    elif isinstance(value, float):
        node.value = 2.0 * value if value else 1.0
    else:
        return False
    return True


def _drop_statement(node: ast.FunctionDef | ast.If | ast.For | ast.With, number: int) -> bool:
    """Drop one statement that calls, changes or raises something."""
    dropped = [
        place
        for place, one in enumerate(node.body)
        if isinstance(one, ast.AugAssign | ast.Raise) or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Call))
    ]
    if number >= len(dropped):
        return False
    node.body[dropped[number]] = ast.Pass()
    return True
