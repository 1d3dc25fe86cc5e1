"""What `takd init` writes: the recipe that it chooses by what it found, in a preset that can be used."""

from pathlib import Path
from typing import Any

import pytest

from takd.data.prepared import PreparedSummary
from takd.data.registry import OwnImages
from takd.objectives.registry import ALL
from takd.planning.lock import Lock, digest_of
from takd.planning.workflow import Workflow
from takd.starting.recipes import LARGE_FROM_NOTHING, SMALL_FROM_NOTHING, recipe_for, times_larger
from takd.starting.text import Member, growing, preset_text
from takd.study.names import Name
from takd.study.recipe import Recipe, resolve
from takd.study.recipe_parts import NetworkSection
from takd.study.tree import Node
from tests.conftest import ROOT

IMAGES = OwnImages(folder="data/pets")


def members(**given: dict[str, str]) -> list[Member]:
    usual = {"builder": "plain:2"}
    return [Member(name, parameters=10, **(usual | given.get(name, {}))) for name in ("large", "middle", "small")]


def recipes(tmp_path: Path, of: list[Member], *, size: int = 224, counts: tuple[int, ...] = (50, 50)) -> dict[str, Recipe]:
    """The recipe of each trained chain, as the preset that is written has it."""
    for name in ("params.yaml", "paper/artifacts.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "presets").mkdir()
    summary = PreparedSummary("pets", "0" * 64, ("cat", "dog"), size, 100, 20, 0, 0, streamed=False)
    (tmp_path / "presets/pets.yaml").write_text(preset_text("pets", IMAGES, summary, of, counts))
    Lock(digest="0" * 64, classes=2, train=100, test=20, size=size, data=digest_of(IMAGES)).write(tmp_path / "presets/pets.lock")
    tree = Workflow(tmp_path, writes_keys=False).tree
    chains = ("large", "middle", "small", "large-small", "large-middle-small")
    return {chain: tree.recipe(Node("results/pets", Name.parse(f"pets/pets/{chain}/seed0"))) for chain in chains}


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("from_weights", [True, False])
@pytest.mark.parametrize("objective", ["labels", "distillation"])
def test_each_recipe_is_one(size: int, from_weights: bool, objective: str) -> None:
    values: dict[str, Any] = {"trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"}
    made = resolve(
        NetworkSection(builder="plain:4"), ALL[objective], [recipe_for(size, from_weights=from_weights).settings, values]
    )
    assert made.optimiser.optimiser == ("adamw" if from_weights else "sgd")
    assert made.views.augmentation == ("crop_flip" if size == 32 else "resized_crop_flip")


def test_from_nothing_all_members_have_one_recipe_by_the_images_size(tmp_path: Path) -> None:
    found = recipes(tmp_path, members(), size=32)
    assert {each.optimiser.weight_decay for each in found.values()} == {SMALL_FROM_NOTHING.settings["weight_decay"]}
    assert SMALL_FROM_NOTHING.settings["weight_decay"] != LARGE_FROM_NOTHING.settings["weight_decay"]
    text = (tmp_path / "presets/pets.yaml").read_text()
    assert "# The recipe for small images, from nothing" in text and "overrides" not in text and "metric" not in text


def test_where_all_trainings_begin_from_weights_all_are_fine_tuned(tmp_path: Path) -> None:
    of = members(large={"weights": "t.pth"}, middle={"start": "m.pth"}, small={"start": "s.pth"})
    assert {each.optimiser.optimiser for each in recipes(tmp_path, of).values()} == {"adamw"}
    assert "overrides" not in (tmp_path / "presets/pets.yaml").read_text()


def test_a_student_from_weights_is_fine_tuned_on_any_chain_and_the_others_are_not(tmp_path: Path) -> None:
    found = recipes(tmp_path, members(small={"start": "s.pth"}))
    kinds = {chain: (each.optimiser.optimiser, each.length.epochs) for chain, each in found.items()}
    nothing, tuned = ("sgd", 60), ("adamw", 20)
    small = dict.fromkeys(("small", "large-small", "large-middle-small"), tuned)
    assert kinds == {"large": nothing, "middle": nothing} | small
    assert {each.views.normalisation for each in found.values()} == {"imagenet"}


@pytest.mark.parametrize("builder", ["torchvision:googlenet", "torchvision:inception_v3"])
def test_weights_of_pixels_around_zero_are_shown_such(tmp_path: Path, builder: str) -> None:
    """torchvision sets `transform_input`, by which ImageNet's normalisation becomes this one, wherever it opens them itself."""
    found = recipes(tmp_path, members(large={"weights": "t.pth", "builder": builder}, small={"start": "s.pth"}))
    kinds = {chain: each.views.normalisation for chain, each in found.items()}
    assert {chain for chain, kind in kinds.items() if kind == "paper"} == {"large"} and set(kinds.values()) == {"paper", "imagenet"}


def test_a_teacher_from_weights_alone_is_fine_tuned_alone(tmp_path: Path) -> None:
    found = recipes(tmp_path, members(large={"start": "t.pth"}))
    assert [chain for chain, each in found.items() if each.optimiser.optimiser == "adamw"] == ["large"]


@pytest.mark.parametrize(("counts", "told"), [((500, 5), True), ((50, 5), True), ((49, 5), False), ((5, 5), False)])
def test_far_more_images_of_some_classes_are_told_and_sampled_evenly(tmp_path: Path, counts: Any, told: bool) -> None:
    found = recipes(tmp_path, members(), counts=counts)
    assert found["small"].views.sampling == ("balanced" if told else "each")
    metric = Workflow(tmp_path, writes_keys=False).keys.metric("results/pets")
    assert metric == ("balanced_accuracy" if told else "accuracy")


def test_times_are_rounded_down() -> None:
    assert times_larger([500, 5, 7]) == 100 and times_larger([19, 10]) == 1


@pytest.mark.parametrize(
    ("sizes", "pairs"),
    [
        ((1200, 60), []),
        ((60, 60), []),
        ((1200, 300, 60), []),
        ((60, 1200), ["student (1,200 parameters) is larger than teacher (60), which teaches it"]),
        ((300, 1200, 60), ["between0 (1,200 parameters) is larger than teacher (300), which teaches it"]),
        ((1200, 60, 300), ["student (300 parameters) is larger than between0 (60), which teaches it"]),
        (
            (60, 90, 80, 70),
            [
                f"{name} ({size} parameters) is larger than teacher (60)"
                for name, size in (("between0", 90), ("between1", 80), ("student", 70))
            ],
        ),
    ],
)
def test_a_network_that_is_larger_than_its_teacher_is_named_with_both_sizes(sizes: tuple[int, ...], pairs: list[str]) -> None:
    names = ["teacher", *(f"between{number}" for number in range(len(sizes) - 2)), "student"]
    line = growing([Member(name, "plain:2", size) for name, size in zip(names, sizes, strict=True)])
    said = line.split("; ") if line else []
    assert len(said) == len(pairs) and all(one.startswith(pair) for one, pair in zip(said, pairs, strict=True))
