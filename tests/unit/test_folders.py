from pathlib import Path

import pytest
import yaml

from takd.chain import Network
from takd.errors import ParameterError
from takd.folders import Folder, folders, lineage, needed, shown, within
from takd.params import Variant
from takd.reporting import artifacts
from tests.conftest import ROOT

ARTIFACTS = artifacts.load(ROOT / "paper/artifacts.yaml")


def found(tmp_path: Path, **changes: object) -> dict[str, Folder]:
    """The folders of the paper's parameters with a variant of each kind, and of presets as they are."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text()) | {
        "variants": {"short": {"epochs": 80}, "less": {"training_share": 0.5, "teachers": "shared"}}
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values | changes))
    return folders(tmp_path / "params.yaml", ROOT / "presets", {})


def names(networks: list[tuple[str, Network]]) -> list[str]:
    return [f"{folder}/{network}" for folder, network in networks]


@pytest.mark.parametrize(
    ("folder", "teachers"),
    [("results", "results"), ("results/variants/short", "results/variants/short"), ("results/variants/less", "results")],
)
def test_a_variant_has_teachers_of_its_own_or_those_of_what_it_varies(tmp_path: Path, folder: str, teachers: str) -> None:
    chain = Network.parse("cifar10/plain/10-4-2/seed3")
    assert names(lineage(found(tmp_path), folder, chain)) == [
        f"{teachers}/cifar10/plain/10/seed0",
        f"{teachers}/cifar10/plain/10-4/seed0",
        f"{folder}/cifar10/plain/10-4-2/seed3",
    ]


def test_a_variant_changes_what_it_names_and_counts_last(tmp_path: Path) -> None:
    there = found(tmp_path, overrides={"*": {"epochs": 7, "training_share": 0.75}})
    network = Network.parse("cifar10/plain/10-2/seed0")
    recipes = {
        name: there[name].parameters.recipe(network) for name in ("results", "results/variants/less", "results/variants/short")
    }
    main = recipes.pop("results")
    assert (main.epochs, main.training_share) == (7, 0.75)
    assert recipes["results/variants/less"] == main.model_copy(update={"training_share": 0.5})
    assert recipes["results/variants/short"] == main.model_copy(update={"epochs": 80})


def test_points_of_the_grid_hold_images_out_and_share_teachers_that_do(tmp_path: Path) -> None:
    grid = {"learning_rate": [0.1, 0.01], "temperature": [1, 4, 10], "trade_off": [0.1, 0.9]}
    there = found(tmp_path, tuning={"networks": ["cifar10/plain/10-2"], "seeds": 1, "validation_share": 0.1, "grid": grid})
    point = "results/variants/tuning/variants/learning_rate=0.01,temperature=4,trade_off=0.9"
    student = Network.parse("cifar10/plain/10-2/seed0")
    (teachers, teacher), (folder, _) = lineage(there, point, student)
    assert (teachers, folder) == ("results/variants/tuning", point)
    assert there[teachers].parameters.recipe(teacher).validation_share == 0.1
    recipe = there[folder].parameters.recipe(student)
    assert (recipe.validation_share, recipe.learning_rate, recipe.temperature, recipe.trade_off) == (0.1, 0.01, 4, 0.9)
    assert sum(name.startswith("results/variants/tuning/variants/") for name in there) == 2 * 3 * 2


def test_a_grid_has_words_and_numbers_as_its_recipe_has_them(tmp_path: Path) -> None:
    grid = {"kl_reduction": ["batchmean", "elementmean"], "weight_decay": ["1e-4"]}  # as YAML reads 1e-4
    there = found(tmp_path, tuning={"networks": ["cifar10/plain/10-2"], "seeds": 1, "validation_share": 0.1, "grid": grid})
    point = there["results/variants/tuning/variants/kl_reduction=elementmean,weight_decay=0.0001"]
    recipe = point.parameters.recipe(Network.parse("cifar10/plain/10-2/seed0"))
    assert (recipe.kl_reduction, recipe.weight_decay) == ("elementmean", 1e-4)


def test_paths_share_their_prefixes(tmp_path: Path) -> None:
    # 10, 10-8, 10-6, 10-4 once, then three students of each assistant
    networks = names(needed(found(tmp_path, datasets=["cifar10"]), "results", [ARTIFACTS["table2"]]))
    assert len(networks) == len(set(networks)) == 4 + 3 * 3
    for name in networks:
        teacher = name.replace("seed1", "seed0").replace("seed2", "seed0").rpartition("-")[0] + "/seed0"
        assert "-" not in name or teacher in networks[: networks.index(name)]


def test_a_network_with_a_peer_needs_no_other(tmp_path: Path) -> None:
    student = Network.parse("cifar10/resnet/26-8+mutual/seed2")
    assert names(lineage(found(tmp_path), "results", student)) == [f"results/{student}"]
    taught = Network.parse("cifar10/resnet/26-14+mutual-8/seed2")
    assert names(lineage(found(tmp_path), "results", taught)) == [
        "results/cifar10/resnet/26-14+mutual/seed0",
        "results/cifar10/resnet/26-14+mutual-8/seed2",
    ]


def test_a_variant_has_no_variants_of_its_own(tmp_path: Path) -> None:
    there = found(tmp_path, variants={"comparison": {"epochs": 80}})
    assert {folder for folder, _ in needed(there, "results", [ARTIFACTS["figure6"]])} == {"results/variants/comparison"}
    with pytest.raises(ParameterError, match="results/variants/comparison has no variant 'comparison'; it has none"):
        needed(there, "results/variants/comparison", [ARTIFACTS["figure6"]])


def test_seeds_vary_the_last_hop_or_the_whole_chain(tmp_path: Path) -> None:
    whole = found(tmp_path, datasets=["cifar10"], vary="chain")
    assert len(needed(whole, "results", [ARTIFACTS["table2"]])) == 7 * 3


def test_families_that_are_not_shown_are_not_needed(tmp_path: Path) -> None:
    networks = needed(found(tmp_path, shown_families=["plain"]), "results", [ARTIFACTS["table1"]])
    assert {network.family for _, network in networks} == {"plain"}


def test_what_shows_no_network_of_these_families_is_not_reported(tmp_path: Path) -> None:
    there = found(
        tmp_path, shown_families=["plain"], variants={"comparison": {"epochs": 80}}, report=["table1", "table3", "figure6"]
    )
    assert shown(there, "results", ARTIFACTS) == ["table1"]
    there = found(tmp_path, variants={"comparison": {"epochs": 80}}, report=["table1", "table3", "figure6"])
    assert shown(there, "results", ARTIFACTS) == ["table1", "table3", "figure6"]


def test_an_unknown_variant_is_named(tmp_path: Path) -> None:
    table = ARTIFACTS["table2"].model_copy(update={"variant": "long"})
    with pytest.raises(ParameterError, match="Table 2: results has no variant 'long'; it has less, short"):
        needed(found(tmp_path), "results", [table])


def test_a_preset_whose_name_a_shell_would_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my preset.yaml").write_text("seeds: 1\n")
    with pytest.raises(ParameterError, match=r"my preset\.yaml: names a folder of results; use letters, digits, _ and -"):
        folders(ROOT / "params.yaml", tmp_path, {})
    (tmp_path / "my preset.yaml").rename(tmp_path / "My-preset_2.yaml")
    assert "results/My-preset_2" in folders(ROOT / "params.yaml", tmp_path, {})
    (tmp_path / "My-preset_2.yaml").rename(tmp_path / "accuracy.yaml")
    with pytest.raises(ParameterError, match="results/accuracy is a folder of"):
        folders(ROOT / "params.yaml", tmp_path, {})


def test_a_variant_may_not_take_takds_name(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="tuning is the name of takd's own"):
        found(tmp_path, variants={"tuning": Variant().model_dump(exclude_unset=True)})


def test_a_variant_shows_its_own_networks_and_not_its_teachers_of_the_same_name(tmp_path: Path) -> None:
    half = "results/variants/less"
    networks = needed(found(tmp_path), half, [ARTIFACTS["figure2"]])
    everything, own = names(networks), names(within(half, networks))
    assert "results/cifar10/plain/10/seed0" in everything and f"{half}/cifar10/plain/10/seed0" in own
    assert all(name.startswith(f"{half}/") for name in own)
    main = needed(found(tmp_path), "results", [ARTIFACTS["figure2"]])
    assert within("results", main) == main


def test_a_variant_leaves_out_what_shows_variants(tmp_path: Path) -> None:
    there = found(tmp_path, report=["table1", "figure6_left"])
    assert shown(there, "results", ARTIFACTS) == ["table1", "figure6_left"]
    assert shown(there, "results/variants/short", ARTIFACTS) == ["table1"]
