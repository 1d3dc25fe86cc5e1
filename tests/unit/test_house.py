"""The rooms of src/takd in their order from the ground up: no import runs up, and none between rooms that must not meet."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src/takd"
# From the ground up. Rooms on one line may import each other unless APART says no.
FLOORS = [
    {"errors"},
    {"files", "csv_files", "yaml_files", "code", "markdown"},
    {"data", "networks", "objectives"},
    {"study"},
    {"records"},
    {"planning", "training"},
    {"measuring", "search", "reporting", "shipping", "starting"},
    {"takd"},
    {"cli"},
    {"__main__"},
]
APART = [{"search", "reporting", "shipping", "starting"}, {"data", "networks", "objectives"}, {"planning", "training"}]
WITHOUT_TORCH = ("study", "records", "planning", "objectives.registry", "data.registry", "networks.registry", "networks.own_code")


def floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imported(path: Path) -> Iterator[str]:
    """The modules of takd that a module imports when it is imported itself, or when it runs; not those for types alone."""
    tree = ast.parse(path.read_text())
    for_types = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    left_out = {id(inner) for node in for_types for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(module: str) -> str:
    return module.split(".")[1] if module.count(".") else "takd"


MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_import_runs_up_or_between_rooms_that_are_apart(path: Path) -> None:
    here = room_of(name_of(path))
    for module in imported(path):
        if not module.startswith("takd.") or module.split(".")[1] == "__version__":
            continue
        there = room_of(module)
        assert floor(there) <= floor(here), f"{name_of(path)} imports {module}"
        if there != here:
            assert not any({here, there} <= rooms for rooms in APART), f"{name_of(path)} imports {module}"


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES}
    known = {room for rooms in FLOORS for room in rooms}
    assert rooms - known == set()
    assert known - rooms == set()


@pytest.mark.parametrize(
    "path", [path for path in MODULES if name_of(path).removeprefix("takd.").startswith(WITHOUT_TORCH)], ids=name_of
)
def test_names_are_checked_without_torch(path: Path) -> None:
    """Where torch stands in a function it is imported when tensors are read, and not to plan."""
    tree = ast.parse(path.read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [name for node in top for name in ([node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names])]
    assert not [name for name in names if name and name.split(".")[0] in ("torch", "torchvision")]
