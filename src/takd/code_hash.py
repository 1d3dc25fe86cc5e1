"""A hash of the code that a result depends on: it changes with what the code does, not with comments, docstrings or layout."""

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "takd"

# They list what there is, not how it works: a new family, objective or data set must not retrain what is there. The entry in use
# counts otherwise: a family's module is named to code_hash, what is read from a data set's source is verified by its digest, and
# takd.training imports the objectives. Errors are only texts.
NOT_COUNTED = (
    "takd.networks.registry",
    "takd.objectives.registry",
    "takd.data.registry",
    "takd.data.sources",
    "takd.errors",
)


def code_hash(*modules: str) -> str:
    """16 hexadecimal digits over the syntax trees of the modules and of every module of takd that they import, transitively.

    Raises ModuleNotFoundError where there is no such module.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imported(module)
    trees = [(module, _described(_tree(module))) for module in sorted(found)]
    return hashlib.sha256(repr(trees).encode()).hexdigest()[:16]


def _imported(module: str) -> list[str]:
    """The modules of takd that a module imports, wherever the statement stands."""
    found: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.append(node.module)
            found += [f"{node.module}.{name.name}" for name in node.names if _path(f"{node.module}.{name.name}") is not None]
    return [name for name in found if name.split(".")[0] == PACKAGE and not name.startswith(NOT_COUNTED)]


def _described(node: object) -> object:
    """A syntax tree as tuples, less what is empty: Python's versions differ in which empty fields their trees have."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return (type(node).__name__, [(name, _described(value)) for name, value in fields])
    return [_described(each) for each in node] if isinstance(node, list) else repr(node)


def _tree(module: str) -> ast.Module:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return _parsed(path, path.stat().st_mtime_ns)


@cache
def _parsed(path: Path, _modified: int) -> ast.Module:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _path(module: str) -> Path | None:
    """The file of a module of takd, found without running it; None where it isn't one."""
    if module.split(".")[0] != PACKAGE:
        return None
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None
    base = Path(spec.origin).parent.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
