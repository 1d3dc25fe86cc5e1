import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import takd
from takd import code
from takd.code import code_hash
from takd.planning.decided import JOB as DECIDING
from takd.planning.keys import ASKING, REPORTING
from takd.planning.searches import JOB as SEARCH
from takd.records.exports import EXPORTING, TIMING
from takd.records.key import IMPORTING, SOFT_TARGETS, TRAINING
from tests.conftest import ROOT

SURFACE = "takd.measuring.surface"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of takd's sources that the hash is taken of."""
    copy = tmp_path / "takd"
    shutil.copytree(Path(takd.__file__).parent, copy)

    class Spec:
        origin = str(copy / "__init__.py")

    monkeypatch.setattr(code, "find_spec", lambda _: Spec)
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_changed_loss_changes_the_hash_of_what_it_trains_and_of_nothing_else(package: Path) -> None:
    def hashes() -> list[str]:
        return [
            code_hash(TRAINING, "takd.objectives.distillation"),
            code_hash(TRAINING, "takd.objectives.labels"),
            code_hash(REPORTING),
        ]

    before = hashes()
    edit(package / "objectives/distillation.py", "temperature**2", "temperature**3")
    assert [one == other for one, other in zip(before, hashes(), strict=True)] == [False, True, True]


def test_a_changed_family_concerns_its_own_networks(package: Path) -> None:
    plain, resnet = (code_hash(TRAINING, f"takd.networks.{name}") for name in ("plain", "resnet"))
    edit(package / "networks/resnet.py", "stride=stride", "stride=stride + 0")
    assert code_hash(TRAINING, "takd.networks.plain") == plain
    assert code_hash(TRAINING, "takd.networks.resnet") != resnet


@pytest.mark.parametrize(("old", "new"), [('"""', '"""Or: '), ("\n\n", "\n\n# A comment.\n"), ("\n\n\n", "\n\n\n\n")])
def test_comments_docstrings_and_layout_do_not_count(package: Path, old: str, new: str) -> None:
    before = code_hash(TRAINING)
    edit(package / "training/loop.py", old, new)
    assert code_hash(TRAINING) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("study/names.py", "the longest has {LONGEST_CHAIN}", "at most {LONGEST_CHAIN:,}", True),
        ("study/names.py", "import NetworkNameError, shortened", "import NetworkNameError, nearest, shortened", True),
        ("study/names.py", "len(hops) > LONGEST_CHAIN", "len(hops) >= LONGEST_CHAIN", False),
        ("study/params.py", "Networks trained for each cell of a table", "Networks of a cell", True),
        ("study/params.py", "le=10_000, description=", "le=10_001, description=", False),
    ],
)
def test_what_an_error_says_and_what_describes_a_parameter_does_not_count(
    package: Path, file: str, old: str, new: str, same: bool
) -> None:
    """An error's words were reworded once, and every network that was there had become stale."""
    before = code_hash(TRAINING), code_hash(SURFACE)
    edit(package / file, old, new)
    assert ((code_hash(TRAINING), code_hash(SURFACE)) == before) == same


def test_a_new_entry_in_a_registry_concerns_nothing_that_is_there(package: Path) -> None:
    before = code_hash(TRAINING, "takd.networks.plain"), code_hash(SOFT_TARGETS), code_hash(SURFACE)
    edit(package / "networks/registry.py", '"plain": (10,', '"mine": (1,), "plain": (10,')
    edit(package / "data/registry.py", '"cifar10": Dataset(', '"mine": Dataset("", 1, 1, "", ""), "cifar10": Dataset(')
    edit(
        package / "objectives/registry.py",
        '"mutual": Objective(',
        '"at": Objective("at", "x", LabelFields, None), "mutual": Objective(',
    )
    assert (code_hash(TRAINING, "takd.networks.plain"), code_hash(SOFT_TARGETS), code_hash(SURFACE)) == before


@pytest.mark.parametrize(
    "module",
    ["training.job", "training.loop", "training.steps", "training.captured", "training.schedule", "training.optimiser",
     "training.inference", "training.written", "training.checkpoint", "data.views", "data.splits", "data.prepared",
     "networks.layers", "networks.frozen", "networks.randomness", "files", "records.metrics", "records.weights", "study.recipe"],
)  # fmt: skip
def test_a_line_in_what_trains_changes_the_hash(package: Path, module: str) -> None:
    before = code_hash(TRAINING)
    path = package / f"{module.replace('.', '/')}.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = 1\n", encoding="utf-8")
    assert code_hash(TRAINING) != before


def test_the_command_line_is_no_part_of_training(package: Path) -> None:
    before = code_hash(TRAINING)
    edit(package / "cli/__init__.py", "code: int = 2", "code: int = 3")
    assert code_hash(TRAINING) == before


def test_somebodys_own_code_counts(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def build(): return 1\n", encoding="utf-8")
    before = code_hash(TRAINING, files=[tmp_path / "net.py"])
    assert before != code_hash(TRAINING)
    (tmp_path / "net.py").write_text("# says what it does\ndef build(): return 1\n", encoding="utf-8")
    assert code_hash(TRAINING, files=[tmp_path / "net.py"]) == before
    (tmp_path / "net.py").write_text("def build(): return 22\n", encoding="utf-8")
    assert code_hash(TRAINING, files=[tmp_path / "net.py"]) != before


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        code_hash("takd.absent")


# Every module counts somewhere.

STAGES = {
    "a training": [TRAINING, IMPORTING, *(f"takd.networks.{name}" for name in ("plain", "resnet", "imagenet", "checkpoints")),
                   *(f"takd.objectives.{name}" for name in ("labels", "distillation", "mutual", "dkd", "dist", "logit_std", "at",
                                                                 "fitnet", "fsp", "bss", "dgkd"))],
    "soft targets": [SOFT_TARGETS],
    "a loss surface": [SURFACE],
    "a table of probes": [ASKING],
    "a search": [SEARCH],
    "a decided claim": [DECIDING],
    "an export": [EXPORTING],
    "a latency": [TIMING],
    "what is shown": [REPORTING],
}  # fmt: skip

# Modules that no key depends on, each with the reason why none needs to.
NOT_IN_A_KEY = {
    "takd": "has the version, and takd.load",
    "takd.__main__": "calls the command line",
    "takd.cli": "hands on what it is given, all of which is in a key",
    "takd.planning.costs": "seconds, which change no result",
    "takd.planning.plan": "seconds, which change no result",
    "takd.planning.targets": "names the nearest targets",
    "takd.planning.verify": "says what is there, and makes nothing",
    "takd.planning": "what it hands to jobs is in their keys: recipes, digests, views",
    "takd.measuring": "prints accuracies or seconds; the surface is a stage of its own",
    "takd.starting": "writes presets, and signs what was trained already",
    "takd.planning.exports": "says which key an export should bear",
    "takd.reporting.confusion": "draws what takd evaluate prints",
    "takd.reporting.publish": "copies what was made",
    "takd.networks.library": "fetches a file, whose digest is in the recipe",
    "takd.code": "says what counts; what that is, is in each hash",
    "takd.errors": "texts",
    "takd.study.reference": "says what parameters there are",
    "takd.training.bar": "says how far a training is",
    "takd.training.cards": "chooses among GPUs",
    "takd.networks.registry": "lists; a builder's text is in the recipe",
    "takd.networks.own_code": "finds files, whose content is in the key",
    "takd.objectives.registry": "lists; its fields are in the recipe",
    "takd.data.registry": "lists; a data set's digest is in the key",
    "takd.data": "reads sources, whose content is verified by a digest that is in the key",
}


def modules() -> list[str]:
    root = Path(takd.__file__).parent
    paths = [path.relative_to(root.parent).with_suffix("") for path in sorted(root.rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def counted(monkeypatch: pytest.MonkeyPatch, stage: list[str]) -> set[str]:
    """The modules whose content is in a stage's hash."""
    read: set[str] = set()
    real = code._path

    def watched(module: str) -> Path | None:
        path = real(module)
        if path is not None:
            read.add(module)
        return path

    monkeypatch.setattr(code, "_path", watched)
    code_hash(*stage)
    monkeypatch.undo()
    return read


def test_every_module_is_in_a_stages_hash_or_has_a_reason_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = set().union(*(counted(monkeypatch, stage) for stage in STAGES.values()))
    without = []
    for module in modules():
        path = Path(takd.__file__).parent.joinpath(*module.split(".")[1:], "__init__.py")
        is_empty = path.is_file() and len(ast.parse(path.read_bytes()).body) <= 1
        above = {module, module.rpartition(".")[0]} - {"takd"} | ({"takd"} & {module})
        if module not in inside and not is_empty and not above & set(NOT_IN_A_KEY):
            without.append(module)
    assert without == [], "in no key: name it in a stage, or say here why it can't change a result"


def test_no_reason_is_of_what_is_gone() -> None:
    assert set(NOT_IN_A_KEY) <= set(modules()) and {name.rstrip(".") for name in code.NOT_COUNTED} <= set(modules())


def test_what_a_training_runs_is_in_its_hash_unless_it_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = counted(monkeypatch, STAGES["a training"])
    rooms = [module for module in modules() if module.startswith(("takd.training.", "takd.networks.", "takd.objectives."))]
    left_out = [room for room in rooms if room not in inside and not room.startswith(code.NOT_COUNTED)]
    assert left_out == ["takd.networks.library"]
    assert "takd.objectives.batch" in inside
    assert {"takd.data.views", "takd.data.prepared", "takd.training.inference", "takd.records.weights"} <= inside
    assert not {"takd.cli", "takd.reporting.tables", "takd.planning.keys"} & inside


def test_an_objective_that_is_added_as_the_docs_say_changes_no_hash_of_what_is_there(package: Path) -> None:
    def hashes() -> list[str]:
        return [code_hash(TRAINING, f"takd.objectives.{name}") for name in ("distillation", "at", "mutual")]

    before = hashes()
    add_objective(package)
    assert hashes() == before and code_hash(TRAINING, "takd.objectives.cosine") not in before
    edit(package / "code.py", "COUNTED = ", "OTHER = COUNTED = ")
    assert hashes() == before


def test_an_objective_that_is_added_as_the_docs_say_has_its_fields_and_its_loss(package: Path, tmp_path: Path) -> None:
    add_objective(package)
    asked = (
        "import json, sys, torch; from takd.study.tree import Tree, Node; from takd.study.names import Name; "
        "from takd.objectives import cosine; from takd.objectives.batch import Batch; "
        "name = Name.parse('digits/plain/4-2+cosine/seed0'); recipe = Tree().recipe(Node('results/toy', name)); "
        "logits = torch.eye(3); batch = Batch(torch.arange(3), -logits.half(), 0); "
        "loss = cosine.loss(logits, batch, recipe.objective).item(); "
        "print(recipe.objective.cosine_weight, loss, loss - batch.cross_entropy(logits).item())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    weight, _, added = map(float, ran.stdout.split())
    assert weight == 1 and added == pytest.approx(2)  # the teacher says the opposite


def add_objective(package: Path) -> None:
    """What the page's blocks say, each where it says."""
    section = (ROOT / "docs/extend.md").read_text(encoding="utf-8").partition("## An objective\n")[2].partition("\n## ")[0]
    module, fields, entry = re.findall(r"^```(?:python|text)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)[:3]
    assert module.startswith("# src/takd/objectives/cosine.py\n")
    (package / "objectives/cosine.py").write_text(module, encoding="utf-8")
    edit(
        package / "objectives/registry.py",
        "\n\n@dataclass(frozen=True)\nclass Objective:",
        f"\n\n{fields}\n\n@dataclass(frozen=True)\nclass Objective:",
    )
    edit(package / "objectives/registry.py", 'teacher", ancestors=True),\n}', f'teacher", ancestors=True),\n{entry}}}')
