"""Networks of the user's own: their function found and run, the files that they are made of, and what goes wrong in them.

A file is run as Python runs a script: what it imports is looked for in its folder, then in the project's root, then where Python
looks. A module is looked for in the root first. Imports no torch: keys are computed with it.
"""

import ast
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, resolve_name, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from takd.errors import ParameterError, shortened
from takd.networks.registry import OWN_FORMS, is_library, kind_and_name, nearest

# Never the user's, wherever they lie: Python's modules are loaded before, and takd's code has its own hash.
_NOT_OWN = sys.stdlib_module_names | {"takd"}
_INSTALLED = ("site-packages", "dist-packages")
_LOADERS: Any = ((SourceFileLoader, SOURCE_SUFFIXES), (ExtensionFileLoader, EXTENSION_SUFFIXES))

_loaded: dict[tuple[str, Path], tuple[str, Callable[..., Any]]] = {}


def files_of(builder: str, root: Path) -> list[Path]:
    """The file of a user's function, then every file of theirs that it imports, transitively, sorted. Found without running any.

    What is installed (in site-packages), Python's or takd's doesn't count. Not seen: imports under a computed name,
    and data files. Raises ParameterError where the file or module is missing or isn't Python.
    """
    main, modules = _modules(builder, root)
    return [main, *sorted({path for path in modules.values() if path != main})]


def function_of(builder: str, root: Path) -> Callable[..., Any]:
    """The user's function, its file run anew where a file of theirs has changed. Raises ParameterError, with file and line."""
    place, name = kind_and_name(builder)
    main, modules = _modules(builder, root)
    files = sorted({main, *modules.values()})
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    if (known := _loaded.get((builder, root.absolute()))) is not None and known[0] == digest:
        return known[1]
    with running(builder, root):
        for module_name, path in modules.items():
            if not _is_installed(path):
                sys.modules.pop(module_name, None)
        module = _run_file(main) if place.endswith(".py") else importlib.import_module(place)
    function: Any = getattr(module, name, None)
    if not callable(function):
        own = [
            each for each, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        there = f"; there are {nearest(name, own)}" if own else ""
        raise ParameterError(f"{builder}: {place} has no function {name!r}{there}")
    found: Callable[..., Any] = function
    _loaded[builder, root.absolute()] = (digest, found)
    return found


@contextmanager
def running(builder: str, root: Path, where: str = "") -> Iterator[None]:
    """A block in which a network's code runs: what it imports is found, and an error becomes one ParameterError.

    Its text names the builder, what failed (`where`, say "fails on small images: "), the error, and the line of the user's file.
    """
    try:
        with _importable([] if is_library(builder) else _folders(builder, root)):
            yield
    except ParameterError:
        raise
    except (Exception, SystemExit) as error:
        raise ParameterError(f"{builder}: {where}{one_line(error)}{_place_of(error, builder, root)}") from None


def one_line(error: BaseException) -> str:
    """An error's kind and the first line of its text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, SyntaxError):
        lines = [error.msg or "invalid syntax"]
    return f"{type(error).__name__}: {shortened(lines[0], 300)}" if lines else type(error).__name__


def _place_of(error: BaseException, builder: str, root: Path) -> str:
    """' (nets/own.py, line 12)': the innermost place in the user's files at which an error arose; '' where there is none."""
    if is_library(builder):
        return ""
    places: list[tuple[str, int]] = []
    trace = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename is not None:
        places.append((error.filename, error.lineno or 1))
    for name, line in reversed(places):
        if Path(name).is_file() and _is_own(Path(name)):
            return f" ({_shown(Path(name), root)}, line {line})"
    return ""


def _shown(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _folders(builder: str, root: Path) -> list[Path]:
    """Where what the builder imports is looked for first."""
    place, _ = kind_and_name(builder)
    root = root.absolute()
    return [(root / place).parent, root] if place.endswith(".py") else [root]


def _is_installed(path: Path) -> bool:
    return any(part in _INSTALLED for part in path.parts)


def _is_own(path: Path) -> bool:
    """Whether a file is the user's: neither installed, nor Python's, nor takd's."""
    others = (Path(__file__).parents[1], Path(ast.__file__).parent)
    return not _is_installed(path) and not any(path.resolve().is_relative_to(other.resolve()) for other in others)


def _run_file(path: Path) -> ModuleType:
    name = f"_takd_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@contextmanager
def _importable(folders: list[Path]) -> Iterator[None]:
    """A block in which modules are looked for in `folders` first, and whose imports write no byte code beside the user's files."""
    before, wrote = sys.path[:], sys.dont_write_bytecode
    sys.path[:0] = [str(folder) for folder in folders]
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = before, wrote


def _modules(builder: str, root: Path) -> tuple[Path, dict[str, Path]]:
    """The file that holds the function, and the user's modules with their files, as syntax trees say, in the order of finding."""
    place, _ = kind_and_name(builder)
    modules: dict[str, Path] = {}
    waiting: list[str]
    with _importable(_folders(builder, root)):
        if place.endswith(".py"):
            main = root.absolute() / place
            if not main.is_file():
                raise ParameterError(f"{builder}: there is no file {place} below {root.absolute()}")
            waiting = list(_imported(main, None, builder, root))
        else:
            specs = dict(_on_the_way_to(place))
            spec = specs.get(place)
            if spec is None or spec.origin is None or not Path(spec.origin).is_file():
                meant = nearest(place, ["torchvision", "timm", "plain", "resnet"], 1)
                raise ParameterError(
                    f"{builder}: no module {place!r} in {root.absolute()} or among what is installed; right would be {OWN_FORMS}"
                    + (f", or did you mean {meant}:?" if "." not in place and meant[0] == place[0] else "")
                )
            main = Path(spec.origin).absolute()
            waiting = [place]
        seen = set(waiting)
        while waiting:
            for name, spec in _on_the_way_to(waiting.pop()):
                if name in modules or spec.origin is None or not (path := Path(spec.origin).absolute()).is_file():
                    continue  # known, or a folder without __init__.py
                if path != main and not _is_own(path):
                    continue
                modules[name] = path
                if path.suffix == ".py":
                    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
                    imported = [each for each in _imported(path, package, builder, root) if each not in seen]
                    waiting += imported
                    seen.update(imported)
    return main, modules


def _on_the_way_to(name: str) -> Iterator[tuple[str, ModuleSpec]]:
    """Each package on the way to a module, then the module, as far as there are any; none of them is run."""
    parts = name.split(".")
    if parts[0] in _NOT_OWN:
        return
    found = [finder.find_spec(parts[0], None) for finder in sys.meta_path if hasattr(finder, "find_spec")]
    for count in range(1, len(parts) + 1):
        if (spec := next((spec for spec in found if spec is not None), None)) is None:
            return
        each = ".".join(parts[:count])
        yield each, spec
        if spec.submodule_search_locations is None or count == len(parts):
            return
        found = [FileFinder(place, *_LOADERS).find_spec(f"{each}.{parts[count]}") for place in spec.submodule_search_locations]
        found.sort(key=lambda spec: spec is not None and spec.origin is None)  # folders without __init__.py come last


def _imported(path: Path, package: str | None, builder: str, root: Path) -> Iterator[str]:
    """The names that a file imports, wherever the statement stands: modules, and what stands in them. package: None in a script."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError, RecursionError, OSError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ParameterError(f"{builder}: {one_line(error)} ({_shown(path, root)}{line})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                try:
                    base = resolve_name("." * node.level + base, package)
                except (ImportError, ValueError):
                    continue  # above the topmost package: running it says so
            yield base
            yield from (f"{base}.{name.name}" for name in node.names)
