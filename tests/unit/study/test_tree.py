import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from takd.errors import NetworkNameError, ParameterError
from takd.study.names import Name
from takd.study.papers_kinds import Table
from takd.study.tree import Node, Tree
from tests.conftest import ROOT

TRAIN = {"epochs": 3, "learning_rate": 0.1, "trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the paper's parameters and artifacts, and no preset."""
    (tmp_path / "paper").mkdir()
    (tmp_path / "presets").mkdir()
    for name in ("params.yaml", "paper/artifacts.yaml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def changed(project: Path, **changes: Any) -> Tree:
    """With a variant of each kind, and those changes to params.yaml."""
    variants = {
        "comparison": {"epochs": 80, "learning_rate_drops": [40]},
        "short": {"epochs": 80},
        "less": {"training_share": 0.5, "teachers": "shared"},
    }
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values |= {"variants": variants, "report": ["table1"]} | changes
    (project / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return Tree(project)


def preset(project: Path, name: str, **values: Any) -> None:
    (project / f"presets/{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def own(project: Path, **changes: Any) -> Tree:
    members = {"resnet34": "torchvision:resnet34", "resnet18": "torchvision:resnet18", "small": "torchvision:mobilenet_v3_small"}
    preset(project, "pets", **({"data": {"folder": "data/pets"}, "members": members, "train": TRAIN} | changes))
    return Tree(project)


def node(text: str, results: str = "results") -> Node:
    return Node(results, Name.parse(text))


def names(nodes: list[Node]) -> list[str]:
    return [f"{results}/{name}" for results, name in nodes]


# Recipes.


def test_params_yaml_is_the_papers_recipe(project: Path) -> None:
    tree = Tree(project)
    plain, resnet = (tree.recipe(node(name)) for name in ("cifar10/plain/10/seed0", "cifar10/resnet/110-8/seed0"))
    assert (plain.length.epochs, plain.schedule.learning_rate, plain.schedule.schedule) == (150, 0.01, "constant")
    assert (resnet.length.epochs, resnet.schedule.learning_rate, resnet.schedule.schedule) == (150, 0.1, "step")
    assert (plain.optimiser.weight_decay, resnet.optimiser.weight_decay) == (0, 1e-4)
    assert resnet.schedule.learning_rate_drops == (80, 120)
    assert plain.optimiser.nesterov and plain.optimiser.momentum == 0.9 and plain.views.normalisation == "paper"
    assert (plain.views.augmentation, resnet.views.augmentation) == ("none", "crop_flip")
    taught = tree.recipe(node("cifar10/plain/10-2/seed0"))
    assert (getattr(taught.objective, "temperature", None), getattr(resnet.objective, "temperature", None)) == (16, 4)
    assert (plain.network.builder, resnet.network.builder, taught.network.builder) == ("plain:10", "resnet:8", "plain:2")


def test_the_comparison_is_the_papers_shorter_recipe(project: Path) -> None:
    student = Tree(project).recipe(node("cifar10/resnet/26-8+mutual/seed0", "results/variants/comparison"))
    assert (student.objective.epochs_before, student.length.epochs, student.schedule.schedule) == (40, 80, "step")
    assert student.schedule.learning_rate_drops == tuple(round(80 * drop / 150) for drop in (80, 120))
    assert (student.network.builder, student.network.peer) == ("resnet:8", "resnet:26")


@pytest.mark.parametrize("name", ["quick", "toy"])
def test_a_preset_shortens_variants_too(project: Path, name: str) -> None:
    (project / f"presets/{name}.yaml").write_bytes((ROOT / f"presets/{name}.yaml").read_bytes())
    tree = Tree(project)
    network = "cifar10/resnet/26-8+mutual/seed0"
    alone = tree.recipe(node("cifar10/resnet/8/seed0", f"results/{name}")).length.epochs
    for results in tree.folders:
        if results.startswith(f"results/{name}/variants") and not re.search("equal_cost|_160", results):  # which are to be longer
            recipe = tree.recipe(node(network, results))
            assert recipe.all_epochs * recipe.views.training_share <= 2 * alone


def test_overrides_count_in_order_and_by_name(project: Path) -> None:
    tree = changed(project, overrides={"cifar10/*": {"epochs": 3}, "*/plain/*-2/*": {"temperature": 2, "epochs": 5}})
    assert tree.recipe(node("cifar10/plain/10/seed0")).length.epochs == 3
    recipe = tree.recipe(node("cifar10/plain/10-2/seed7"))
    assert (recipe.length.epochs, getattr(recipe.objective, "temperature", None)) == (5, 2)
    assert tree.recipe(node("cifar100/plain/10-4/seed0")).length.epochs == 150


def test_a_variant_changes_what_it_names_and_counts_last(project: Path) -> None:
    tree = changed(project, overrides={"*": {"epochs": 7, "training_share": 0.75}})
    main, less, short = (
        tree.recipe(node("cifar10/plain/10-2/seed0", results))
        for results in ("results", "results/variants/less", "results/variants/short")
    )
    assert (main.length.epochs, main.views.training_share) == (7, 0.75)
    assert less == main.model_copy(update={"views": main.views.model_copy(update={"training_share": 0.5})})
    assert short == main.model_copy(update={"length": main.length.model_copy(update={"epochs": 80})})


def test_typed_parameters_count_after_every_files_and_texts_are_numbers(project: Path) -> None:
    preset(project, "short", train={"epochs": 3})
    tree = Tree(project, {"train": {"epochs": 5, "learning_rate": "1e-3"}})
    for results in ("results", "results/short"):
        recipe = tree.recipe(node("cifar10/plain/10/seed0", results))
        assert (recipe.length.epochs, recipe.schedule.learning_rate) == (5, 0.001)
    with pytest.raises(ParameterError, match="seeds: expected a whole number, not true"):
        Tree(project, {"seeds": True})


def test_fields_that_do_not_go_together_are_named_with_the_network(project: Path) -> None:
    tree = changed(project, overrides={"*/plain/2/*": {"momentum": 0}})
    tree.recipe(node("cifar10/plain/10/seed0"))
    with pytest.raises(ParameterError, match=r"cifar10/plain/2/seed0: .*needs a momentum above 0"):
        tree.recipe(node("cifar10/plain/2/seed0"))


# Which networks.


def test_a_warm_up_is_no_longer_than_its_training(project: Path) -> None:
    name = node("cifar10/plain/10/seed0")
    assert changed(project, overrides={"*": {"epochs": 3, "warm_up_epochs": 3}}).recipe(name).schedule.warm_up_epochs == 3
    tree = changed(project, overrides={"*": {"epochs": 3, "warm_up_epochs": 4}})
    with pytest.raises(ParameterError, match="cifar10/plain/10/seed0: warm_up_epochs: 4 of 3 epochs; give 3 at most"):
        tree.recipe(name)


@pytest.mark.parametrize(
    ("folder", "teachers"),
    [("results", "results"), ("results/variants/short", "results/variants/short"), ("results/variants/less", "results")],
)
def test_a_variant_has_teachers_of_its_own_or_those_of_what_it_varies(project: Path, folder: str, teachers: str) -> None:
    assert names(changed(project).lineage(node("cifar10/plain/10-4-2/seed3", folder))) == [
        f"{teachers}/cifar10/plain/10/seed0",
        f"{teachers}/cifar10/plain/10-4/seed0",
        f"{folder}/cifar10/plain/10-4-2/seed3",
    ]


def test_paths_share_their_prefixes(project: Path) -> None:
    # 10, 10-8, 10-6, 10-4 once, then three students of each assistant
    networks = names(changed(project, datasets=["cifar10"]).needed("results", ["table2"]))
    assert len(networks) == len(set(networks)) == 4 + 3 * 3
    for name in networks:
        teacher = name.replace("seed1", "seed0").replace("seed2", "seed0").rpartition("-")[0] + "/seed0"
        assert "-" not in name or teacher in networks[: networks.index(name)]


def test_seeds_vary_the_last_hop_or_the_whole_chain(project: Path) -> None:
    assert len(changed(project, datasets=["cifar10"], vary="chain").needed("results", ["table2"])) == 7 * 3


def test_every_hop_varies_below_each_teacher(project: Path) -> None:
    """Five teachers, three assistants of each, three students of each assistant and three of each teacher: counted by hand."""
    tree = changed(project, datasets=["cifar10"], vary="every_hop")
    networks = names(tree.needed("results", ["levels"]))
    assert len(networks) == len({*networks}) == 5 + 5 * 3 + 5 * 3 * 3 + 5 * 3
    for last, above in ((44, (14, 4)), (9, (3, 1)), (8, (2, 0))):
        assert names(tree.lineage(node(f"cifar10/plain/10-4-2/seed{last}")))[:2] == [
            f"results/cifar10/plain/10/seed{above[1]}",
            f"results/cifar10/plain/10-4/seed{above[0]}",
        ]
    assert tree.needed("results", ["table2"]) == changed(project, datasets=["cifar10"]).needed("results", ["table2"])


def test_levels_need_seeds_that_vary_every_hop_and_tables_one_teacher(project: Path) -> None:
    with pytest.raises(ParameterError, match="Levels: needs `vary: every_hop`, and results has student"):
        changed(project).cells("results", ["levels"])
    with pytest.raises(ParameterError, match="5 students of one teacher; by `vary: every_hop` there are `seeds`"):
        changed(project, datasets=["cifar10"], vary="every_hop").cells("results", ["modern"])
    with pytest.raises(ParameterError, match="more than 100,000 networks"):
        changed(project, datasets=["cifar10"], vary="every_hop", seeds=10_000).cells("results", ["levels"])


def test_a_network_with_a_peer_needs_no_other(project: Path) -> None:
    tree = changed(project)
    assert names(tree.lineage(node("cifar10/resnet/26-8+mutual/seed2"))) == ["results/cifar10/resnet/26-8+mutual/seed2"]
    assert names(tree.lineage(node("cifar10/resnet/26-14+mutual-8/seed2"))) == [
        "results/cifar10/resnet/26-14+mutual/seed0",
        "results/cifar10/resnet/26-14+mutual-8/seed2",
    ]


def test_a_variant_has_no_variants_of_its_own(project: Path) -> None:
    tree = changed(project)
    assert {each.results for each in tree.needed("results", ["figure6"])} == {"results/variants/comparison"}
    with pytest.raises(ParameterError, match="shows variants, and results/variants/comparison is one itself"):
        tree.needed("results/variants/comparison", ["figure6"])


def test_an_unknown_variant_is_named(project: Path) -> None:
    tree = changed(project, variants={"short": {"epochs": 80}, "less": {"training_share": 0.5}})
    with pytest.raises(ParameterError, match=r"Figure 6.*: results has no variant 'comparison'; it has short, less"):
        tree.needed("results", ["figure6"])


def test_a_variant_shows_its_own_networks_and_not_its_teachers_of_the_same_name(project: Path) -> None:
    tree, half = changed(project), "results/variants/less"
    networks = tree.needed(half, ["figure2"])
    everything, its = names(networks), names(tree.own(half, networks))
    assert "results/cifar10/plain/10/seed0" in everything and f"{half}/cifar10/plain/10/seed0" in its
    assert all(name.startswith(f"{half}/") for name in its)
    main = tree.needed("results", ["figure2"])
    assert tree.own("results", main) == main


def test_a_variant_leaves_out_what_shows_variants(project: Path) -> None:
    tree = changed(project, report=["table1", "figure6_left"])
    assert tree.shown("results") == ["table1", "figure6_left"]
    assert tree.shown("results/variants/short") == ["table1"]


def test_more_networks_than_anybody_trains_are_refused_before_they_are_counted(project: Path) -> None:
    members = {f"m{i}": "plain:10" for i in range(9)}
    tree = own(project, members=members, seeds=10_000)
    with pytest.raises(ParameterError, match="results/pets: more than 100,000 networks; ask for fewer seeds"):
        tree.needed("results/pets", ["paths"])


# A study of one's own.


def test_a_study_of_ones_own_shows_every_way_to_its_student(project: Path) -> None:
    tree = own(project)
    folder = tree.folder("results/pets")
    assert isinstance(folder.artifacts["table"], Table) and folder.datasets == ("pets",) and folder.is_own
    chains = {each.name.chain for each in tree.cells("results/pets", ["table"])}
    assert chains == {"small", "resnet34-small", "resnet34-resnet18-small"}
    recipe = tree.recipe(node("pets/pets/resnet34-small/seed0", "results/pets"))
    assert recipe.network.builder == "torchvision:mobilenet_v3_small"


@pytest.mark.parametrize(
    ("name", "what_is_said"),
    [
        ("cifar10/pets/small/seed0", "unknown data set 'cifar10'; there are pets"),
        ("pets/plain/10/seed0", "unknown family 'plain'; there are pets"),
        ("pets/pets/resnet50/seed0", "pets has no member resnet50; it has resnet34, resnet18, small"),
        ("pets/pets/small-resnet18/seed0", "must shrink"),
    ],
)
def test_a_study_of_ones_own_has_its_own_names(project: Path, name: str, what_is_said: str) -> None:
    with pytest.raises(NetworkNameError, match=what_is_said):
        own(project).recipe(node(name, "results/pets"))


def test_weights_are_imported_for_a_first_hop_alone(project: Path) -> None:
    folder = own(project, weights={"resnet34": "teacher.pt"}, start={"small": "small.pt"}).folder("results/pets")
    assert folder.imported(Name.parse("pets/pets/resnet34/seed0")) == "teacher.pt"
    assert folder.imported(Name.parse("pets/pets/resnet34-resnet18/seed0")) is None
    assert folder.started(Name.parse("pets/pets/resnet34-small/seed1")) == "small.pt"


# Presets that can't be used.


@pytest.mark.parametrize(
    ("name", "content", "what_is_said"),
    [
        ("my preset.yaml", b"seeds: 1\n", "names a folder of results; use letters, digits and _"),
        ("a-b.yaml", b"seeds: 1\n", "use letters, digits and _"),
        ("odd.yml", b"seeds: 1\n", r"a preset's file ends in .yaml; call it .*odd\.yaml"),
        ("models.yaml", b"seeds: 1\n", "results/models is a folder of params.yaml's own results"),
        ("accuracy.yaml", b"seeds: 1\n", "results/accuracy is a folder"),
        ("odd.yaml", b"seeds: [", "odd.yaml, line 1: not YAML"),
        ("odd.yaml", b"seeds: \xff\n", "odd.yaml: not a text in UTF-8"),
        ("odd.yaml", b"seed: 3\n", "seed: no such parameter"),
        (
            "odd.yaml",
            b"report: [tabel1]\n",
            "presets/odd.yaml: report: unknown table or figure 'tabel1'; did you mean table1",
        ),
        ("odd.yaml", b'overrides: {"*/plian/*": {epochs: 3}}\n', "'\\*/plian/\\*' matches no network"),
        ("odd.yaml", b"datasets: &o [*o]\n", "stands for nothing that was said before"),
        ("odd.yaml", b"a: " + b"[" * 5000, "lists within lists"),
        ("odd.yaml", b"", "expected a mapping of names to values, not nothing"),
        ("odd.yaml", None, "a folder, not a file"),
    ],
    ids=range(14),
)
def test_a_preset_that_cannot_be_used_breaks_its_own_results_alone(
    project: Path, name: str, content: bytes | None, what_is_said: str
) -> None:
    preset(project, "short", train={"epochs": 3})
    path = project / "presets" / name
    path.mkdir() if content is None else path.write_bytes(content)
    tree = Tree(project)
    results = f"results/{path.stem}"
    assert list(tree.broken) == [results] and {"results", "results/short"} <= set(tree.folders)
    for target in (results, f"{results}/variants/half"):
        with pytest.raises(ParameterError, match=what_is_said) as raised:
            tree.folder(target)
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


def test_a_preset_that_is_a_pipe_or_leads_nowhere_does_not_hang(project: Path) -> None:
    os.mkfifo(project / "presets/pipe.yaml")
    (project / "presets/nowhere.yaml").symlink_to("absent")
    assert sorted(Tree(project).broken) == ["results/nowhere", "results/pipe"]


def test_a_folder_that_nothing_makes_gets_the_nearest_names(project: Path) -> None:
    preset(project, "toy", seeds=2)
    with pytest.raises(ParameterError, match=r"results/TOY: no preset or variant makes it; there are .*results/toy"):
        Tree(project).folder("results/TOY")


def test_a_variants_own_overrides_count_last_and_for_what_they_match(project: Path) -> None:
    variants = {"early": {"epochs": 20, "overrides": {"*/plain/10/*": {"epochs": 5}}}}
    tree = changed(project, variants=variants, overrides={"*/plain/10/*": {"epochs": 7}})
    epochs = {
        (where, chain): tree.recipe(node(f"cifar10/plain/{chain}/seed0", f"results{where}")).length.epochs
        for where in ("", "/variants/early")
        for chain in ("10", "10-2")
    }
    assert epochs == {("", "10"): 7, ("", "10-2"): 150, ("/variants/early", "10"): 5, ("/variants/early", "10-2"): 20}


def test_a_variants_override_that_matches_nothing_is_refused(project: Path) -> None:
    with pytest.raises(ParameterError, match=r"matches no network"):
        changed(project, variants={"early": {"overrides": {"*/resnet/27/*": {"epochs": 5}}}})
