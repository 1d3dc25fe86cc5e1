"""A hash of the code that a result depends on: it changes with what the code does, not with layout or texts for people.

Such texts are comments, docstrings, what an error says and what describes a parameter.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "takd"
ERRORS = f"{PACKAGE}.errors"

# Registries list what there is, not how it works: a new member, objective or data set must not retrain what is there. Of families
# and objectives the one in use is named to code_hash, and so is the reader of weights that were brought; what is read from a data
# set's source is verified by its digest; errors are texts, and so is what a training says while it runs. Which of several GPUs a
# job takes changes nothing; its kind is recorded. The command line hands on what it is given, all of which is in the key. This
# module says what counts, and what it counts is in each hash anyway.
NOT_COUNTED = (
    "takd.networks.registry",
    "takd.networks.own_code",
    "takd.networks.checkpoints",
    "takd.networks.plain",
    "takd.networks.resnet",
    "takd.networks.imagenet",
    "takd.objectives.",  # but for what each of them is given
    "takd.data.registry",
    "takd.data.sources",
    "takd.data.archives",
    "takd.data.pickles",
    "takd.data.own",
    "takd.data.unlabelled",
    "takd.data.table",
    "takd.data.pictures",
    "takd.data.from_torchvision",
    "takd.data.ilsvrc",
    ERRORS,
    "takd.training.bar",
    "takd.training.cards",
    "takd.code",
)
COUNTED = "takd.objectives.batch"


def code_hash(*modules: str, files: Iterable[Path] = ()) -> str:
    """16 hexadecimal digits over the syntax trees of the modules and of every module of takd that they import, transitively.

    files: of somebody's own code that counts too. Raises ModuleNotFoundError where there is no such module.
    """
    found: dict[str, str] = {}
    waiting, seen = list(modules), set(modules)
    while waiting:
        path = _path(name := waiting.pop())
        if path is None and name in modules:
            raise ModuleNotFoundError(name)
        if path is not None:
            found[name], imported = _read(path, path.stat().st_mtime_ns)
            waiting += [each for each in imported if each not in seen]
            seen.update(imported)
    found |= {f"own code {number}": _read(path, path.stat().st_mtime_ns)[0] for number, path in enumerate(files)}
    trees = ", ".join(f"({module!r}, {found[module]})" for module in sorted(found))
    return hashlib.sha256(f"[{trees}]".encode()).hexdigest()[:16]


@cache  # Snakemake asks for the hash once a job
def _read(path: Path, _modified: int) -> tuple[str, tuple[str, ...]]:
    """What a file's code says, and the names that it imports from takd: modules, and what stands in them."""
    if path.suffix != ".py":  # a compiled module of somebody's own
        return hashlib.sha256(path.read_bytes()).hexdigest(), ()
    tree = ast.parse(path.read_bytes())
    nodes = list(ast.walk(tree))
    imported = tuple(name for name in _imported(nodes) if name.split(".")[0] == PACKAGE and _counts(name))
    for node in nodes:
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args = [each for each in node.exc.args if not _is_text(each)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [each for each in node.keywords if each.arg != "description" or not _is_text(each.value)]
        elif isinstance(node, ast.ImportFrom) and node.module == ERRORS:
            node.names = []  # which of them are raised stands where that is
    return repr(_described(tree)), imported


def _counts(name: str) -> bool:
    return name.startswith(COUNTED) or not name.startswith(NOT_COUNTED)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that a module imports, wherever the statement stands."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _described(node: object) -> object:
    """A syntax tree as tuples, less what is empty: Python's versions differ in which empty fields their trees have."""
    if isinstance(node, ast.AST):
        fields = [(name, getattr(node, name, None)) for name in node._fields]
        return (type(node).__name__, [(name, _described(value)) for name, value in fields if value is not None and value != []])
    return [_described(each) for each in node] if isinstance(node, list) else repr(node)


def _path(module: str) -> Path | None:
    """The file of a module of takd, found without running it; None where it isn't one."""
    if module.split(".")[0] != PACKAGE:
        return None
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.origin is not None
    base = Path(spec.origin).parent.joinpath(*module.split(".")[1:])
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)
