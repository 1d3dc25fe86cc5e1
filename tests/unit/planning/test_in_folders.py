"""ImageNet, which who has it has in a folder: planned where it is there, and as if there were none where it isn't."""

from pathlib import Path

import pytest

from takd.data.registry import IN_FOLDERS
from takd.errors import ParameterError
from takd.planning.lock import Lock, digest_of
from takd.planning.plan import made_plan
from takd.study.layout import UNKNOWN_KEY
from tests.conftest import ROOT
from tests.unit.planning.project import Project

CHAINS = {"14", "50", "50-14", "50-20", "50-20-14"}
STUDENT = {"results": "results", "dataset": "imagenet", "family": "imagenet", "chain": "50-14", "seed": "0"}
SHOWN = {"results": "results", "what": "table1"}


@pytest.fixture
def asked(project: Project) -> Project:
    """The digits and ImageNet, which isn't there."""
    project.write(datasets=["digits", "imagenet"], seeds=2, report=["table1"])
    return project


@pytest.fixture
def there(asked: Project) -> Project:
    (asked.root / "data/imagenet").mkdir(parents=True)
    return asked


def lock_of(root: Path, train: int) -> None:
    """What `takd prepare` keeps of images that it has read."""
    lock = Lock(digest="a" * 64, classes=20, train=train, test=40, size=224, data=digest_of(IN_FOLDERS["imagenet"].images))
    lock.write(root / "presets/imagenet.lock")


def chains(project: Project, results: str = "results") -> set[str]:
    nodes = project.workflow().tree.needed(results, ["table1"])
    return {node.name.chain for node in nodes if node.name.dataset == "imagenet"}


def test_its_row_is_run_where_it_is_there_alone(asked: Project) -> None:
    assert chains(asked) == set()
    (asked.root / "data/imagenet").mkdir(parents=True)
    assert chains(asked) == CHAINS


def test_it_changes_nothing_for_other_rows(asked: Project) -> None:
    def keys() -> list[str]:
        workflow = asked.workflow()
        return [workflow.keys.network(node) for node in workflow.tree.needed("results", ["table2", "figure4"])]

    absent = keys()
    (asked.root / "data/imagenet").mkdir(parents=True)
    assert keys() == absent and asked.workflow().tree.folder("results").datasets == ("digits",)


def test_a_preset_that_doesnt_ask_for_it_doesnt_run_it(there: Project) -> None:
    (there.root / "presets").mkdir()
    for name in ("toy", "quick", "imagenet90"):
        (there.root / f"presets/{name}.yaml").write_bytes((ROOT / f"presets/{name}.yaml").read_bytes())
    assert chains(there, "results/toy") == chains(there, "results/quick") == set()
    assert chains(there, "results/imagenet90") == CHAINS
    lengths = {
        node.name.dataset: there.workflow().tree.recipe(node).all_epochs
        for node in there.workflow().tree.needed("results/imagenet90", ["table1"])
    }
    assert lengths == {"imagenet": 90}


def test_the_papers_recipe_is_the_one_that_it_prints(there: Project) -> None:
    workflow = there.workflow()
    recipe = workflow.tree.recipe(workflow.node(STUDENT))
    schedule = recipe.schedule
    assert (recipe.all_epochs, schedule.learning_rate, schedule.learning_rate_drops) == (150, 0.1, (80, 120))
    assert recipe.network.builder == "imagenet:14" and recipe.views.augmentation == "resized_crop_flip"


def test_no_key_is_known_before_its_images_are_read(there: Project) -> None:
    (there.root / "presets").mkdir()

    def keys() -> list[str]:
        workflow = there.workflow(writes_keys=True)
        files = [workflow.key_file("network", STUDENT), workflow.key_file("shown", SHOWN), workflow.key_file("network", digits)]
        return [(there.root / file).read_text().strip() for file in files]

    digits = STUDENT | {"dataset": "digits", "family": "plain", "chain": "2"}
    before = keys()
    assert before[:2] == [UNKNOWN_KEY, UNKNOWN_KEY] and before[2] != UNKNOWN_KEY
    lock_of(there.root, 1_000)
    after = keys()
    assert UNKNOWN_KEY not in after and after[2] == before[2]


def test_what_nobody_has_read_is_planned_as_published(there: Project) -> None:
    """Answers to 1,281,167 images of 1,000 classes in 150 epochs would be 384 GB: the teacher runs beside its student."""
    plan = made_plan(there.workflow(), ["results/table1.csv"], 1)
    assert plan.streamed == ("imagenet",)
    workflow = there.workflow()
    assert workflow.soft_targets_bytes(workflow.node(STUDENT)) == 2 * 150 * 1_281_167 * 1000
    assert workflow.train_options(STUDENT) == "--teacher results/models/imagenet/imagenet/50/seed0/model.safetensors"
    assert plan.bytes_of_soft_targets < 100_000_000, "the digits' own"


def test_what_was_read_counts_before_what_is_published(there: Project) -> None:
    (there.root / "presets").mkdir()
    lock_of(there.root, 1_000)
    workflow = there.workflow()
    assert workflow.soft_targets_bytes(workflow.node(STUDENT)) == 2 * 150 * 1_000 * 20
    assert workflow.prepare_options("imagenet") == "", "no preset tells where it is"


def test_its_name_is_taken(there: Project) -> None:
    (there.root / "presets").mkdir()
    (there.root / "presets/imagenet.yaml").write_text(
        "data: {folder: pictures}\nmembers: {a: 'plain:4', b: 'plain:2'}\ntrain: {epochs: 1, learning_rate: 0.1}\n"
    )
    with pytest.raises(ParameterError, match="imagenet is a data set of takd's"):
        there.workflow().tree.folder("results/imagenet")
