"""Small faults to plant in Python source, one at a time.

Each fault changes one thing: an operator, a comparison, a number, a word among options, a condition, a returned value,
a call to a similar function; or drops a raise or a call whose result is not used. Docstrings, annotations, decorators
and the texts of errors stay as they are.
"""

import ast
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr, ast.USub: ast.UAdd, ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
NEIGHBOURS = {
    "sin": "cos", "cos": "sin", "min": "max", "max": "min", "amin": "amax", "amax": "amin", "floor": "ceil",
    "ceil": "floor", "all": "any", "any": "all", "sqrt": "square", "rsqrt": "sqrt", "square": "sqrt", "exp": "log",
    "log": "exp", "sum": "prod", "mean": "sum", "unsqueeze": "squeeze", "clamp_min": "clamp_max", "float32": "float64",
    "float64": "float32", "zeros": "ones", "ones": "zeros",
}  # fmt: skip


class Mutant(NamedTuple):
    """A module's source with one fault, and the changed line before and after, as `ast` writes it."""

    line: int
    before: str
    after: str
    source: str


class _Edit(NamedTuple):
    """`owner.field` (or its item `index`) becomes `value`."""

    owner: ast.AST
    field: str
    index: int | None
    value: Any


def mutants(source: str) -> Iterator[Mutant]:
    """Yields every fault in turn.

    >>> [mutant.after for mutant in mutants("def f(x): return x + 1")]
    ['return None', 'return x - 1', 'return x + 2']
    """
    tree = ast.parse(source)
    whole = ast.unparse(tree)
    for statement, edit in list(_edits(tree)):
        held = getattr(edit.owner, edit.field)
        before = ast.unparse(statement).splitlines()
        changed = edit.value if edit.index is None else [*held[: edit.index], edit.value, *held[edit.index + 1 :]]
        setattr(edit.owner, edit.field, changed)
        after = ["pass"] if isinstance(edit.value, ast.Pass) else ast.unparse(statement).splitlines()
        found = ast.unparse(tree)
        setattr(edit.owner, edit.field, held)
        if found != whole:
            line = getattr(edit.owner, "lineno", 0) if edit.index is None else statement.lineno
            was, is_now = next(pair for pair in zip_longest(before, after, fillvalue="") if pair[0] != pair[1])
            yield Mutant(line or statement.lineno, was.strip(), is_now.strip(), found + "\n")


def _edits(tree: ast.Module) -> Iterator[tuple[ast.stmt, _Edit]]:
    """Yields each edit with the smallest statement around it."""
    pending: list[tuple[ast.AST, ast.stmt]] = [(tree, tree.body[0])]
    while pending:
        node, statement = pending.pop()
        statement = node if isinstance(node, ast.stmt) else statement
        if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom | ast.JoinedStr):
            continue
        yield from ((statement, edit) for edit in _of_node(node))
        yield from _drops(node)
        pending += [(child, statement) for child in reversed(list(_children(node)))]


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes below a node, without annotations, decorators and docstrings."""
    left_out = {"annotation", "returns", "decorator_list", "op", "ops"}
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and name not in left_out and not text:
                yield child


def _of_node(node: ast.AST) -> Iterator[_Edit]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp | ast.UnaryOp) and type(node.op) in OPERATORS:
        yield _Edit(node, "op", None, OPERATORS[type(node.op)]())
    if isinstance(node, ast.Compare):
        yield from (_Edit(node, "ops", k, OPERATORS[type(op)]()) for k, op in enumerate(node.ops))
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield _Edit(node, "test", None, ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.Constant) and not isinstance(node.value, bytes) and node.value not in (None, ...):
        yield _Edit(node, "value", None, _other(node.value))
    if isinstance(node, ast.Return) and node.value is not None:
        yield _Edit(node, "value", None, ast.Constant(None))
    for field in ("attr", "id"):
        name = getattr(node, field, None)
        if name in NEIGHBOURS:
            yield _Edit(node, field, None, NEIGHBOURS[name])


def _drops(node: ast.AST) -> Iterator[tuple[ast.stmt, _Edit]]:
    """Yields edits that drop a raise or a bare call."""
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        for k, child in enumerate(block if isinstance(block, list) else []):
            if isinstance(child, ast.Raise) or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Call)):
                yield child, _Edit(node, field, k, ast.Pass())


def _other(value: bool | int | float | complex | str) -> Any:
    """Returns a different value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "?"
    return value + 1 if isinstance(value, int) or value == 0 else value * 2
