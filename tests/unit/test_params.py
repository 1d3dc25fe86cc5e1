import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from takd.chain import Network
from takd.errors import ParameterError
from takd.grid import SurfaceGrid
from takd.params import Parameters, read_recipe, read_yaml
from takd.recipe import Recipe

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "workflow/schemas/params.schema.json"


def values(**changes: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
    return loaded | changes


def parameters(**changes: Any) -> Parameters:
    return Parameters.of(values(**changes), "params.yaml")


def recipe(network: str, **changes: Any) -> Recipe:
    return parameters(**changes).recipe(Network.parse(network))


def test_params_yaml_is_the_papers_recipe() -> None:
    plain, resnet = recipe("cifar10/plain/10/seed0"), recipe("cifar10/resnet/110-8/seed0")
    assert (plain.epochs, plain.learning_rate, plain.schedule, plain.weight_decay) == (150, 0.01, "constant", 0)
    assert (resnet.epochs, resnet.learning_rate, resnet.schedule, resnet.weight_decay) == (150, 0.1, "step", 1e-4)
    assert resnet.learning_rate_drops == (80, 120)
    assert plain.nesterov and plain.momentum == 0.9 and plain.normalisation == "paper"
    assert (plain.augmentation, resnet.augmentation) == ("none", "crop_flip")
    assert (recipe("cifar10/plain/10-2/seed0").temperature, resnet.temperature) == (16, 4)


@pytest.mark.parametrize("preset", sorted(path.name for path in (ROOT / "presets").iterdir()))
def test_a_preset_says_only_what_differs(preset: str) -> None:
    loaded = Parameters.load(ROOT / "params.yaml", ROOT / "presets" / preset)
    assert loaded != parameters()
    base = values()
    for section, content in yaml.safe_load((ROOT / "presets" / preset).read_text()).items():
        if section == "train":
            assert all(base["train"][key] != value for key, value in content.items())


def test_what_cannot_matter_is_not_in_a_recipe() -> None:
    def all_of(name: str, **train: Any) -> str:
        return recipe(name, train=values()["train"] | train).canonical()

    assert all_of("cifar10/plain/10/seed0") == all_of("cifar10/plain/10/seed0", temperature=9, trade_off=0.1)
    assert all_of("cifar10/plain/10-2/seed0") != all_of("cifar10/plain/10-2/seed0", temperature=9)
    assert all_of("cifar10/plain/10/seed0") == all_of("cifar10/plain/10/seed0", learning_rate_drops=[3], validation_seed=5)
    assert all_of("cifar10/plain/10/seed0", validation_share=0.1) != all_of("cifar10/plain/10/seed0")


def test_a_recipe_has_the_fields_of_its_objective_alone() -> None:
    teaching = {"trade_off", "temperature", "kl_reduction"}
    fields = {
        chain: set(json.loads(recipe(f"cifar10/resnet/{chain}/seed0").canonical())) for chain in ("26", "26-8", "26-8+mutual")
    }
    assert fields["26-8"] == fields["26"] | teaching
    assert fields["26-8+mutual"] == fields["26"] | {"separate_epochs"}


def test_the_comparison_is_the_papers_shorter_recipe() -> None:
    whole = parameters()
    student = whole.varied(whole.variants["comparison"]).recipe(Network.parse("cifar10/resnet/26-8+mutual/seed0"))
    assert (student.separate_epochs, student.epochs, student.schedule) == (40, 80, "step")
    assert student.learning_rate_drops == tuple(round(80 * drop / 150) for drop in (80, 120))


@pytest.mark.parametrize("preset", ["quick", "toy"])
def test_a_preset_shortens_variants_too(preset: str) -> None:
    short = Parameters.load(ROOT / "params.yaml", ROOT / f"presets/{preset}.yaml")
    network = Network.parse("cifar10/resnet/26-8+mutual/seed0")
    for variant in short.variants.values():
        changed = short.varied(variant).recipe(network)
        of_all_data = changed.all_epochs * changed.training_share
        assert of_all_data <= 2 * short.recipe(Network.parse("cifar10/resnet/8/seed0")).epochs


def test_overrides_count_in_order_and_by_name() -> None:
    overrides = {"cifar10/*": {"epochs": 3}, "*/plain/*-2/*": {"temperature": 2, "epochs": 5}}
    assert recipe("cifar10/plain/10/seed0", overrides=overrides).epochs == 3
    assert recipe("cifar10/plain/10-2/seed7", overrides=overrides).epochs == 5
    assert recipe("cifar10/plain/10-2/seed7", overrides=overrides).temperature == 2
    assert recipe("cifar100/plain/10-4/seed0", overrides=overrides).epochs == 150


@pytest.mark.parametrize(
    ("pattern", "what_is_said"),
    [
        ("cifar10/plian/*", "no family 'plian'; there are plain, resnet"),
        ("mnist/*", "no data set 'mnist'; there are cifar10,"),
        ("cifar10/10-2/*", "no family '10-2'"),
    ],
)
def test_a_pattern_of_what_does_not_exist_is_refused(pattern: str, what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said):
        Parameters.of(values(overrides={pattern: {"epochs": 3}}), "params.yaml")


def test_equal_recipes_give_equal_text_whatever_the_spelling() -> None:
    one = recipe("cifar10/plain/10/seed0", train=values()["train"] | {"learning_rate": "1e-4"})
    other = recipe("cifar10/plain/10/seed0", train=values()["train"] | {"learning_rate": 1e-04})
    assert one.canonical() == other.canonical()
    assert json.loads(one.canonical())["learning_rate"] == 1e-4


@pytest.mark.parametrize(
    ("section", "name", "value", "what_is_said"),
    [
        ("train", "trade_off", 1.5, "train.trade_off: Input should be less than or equal to 1, not 1.5"),
        ("train", "trade_off", -0.1, "train.trade_off: Input should be greater than or equal to 0"),
        ("train", "trade_off", None, "train.trade_off is missing"),
        ("train", "separate_epochs", None, "train.separate_epochs is missing"),
        ("train", "separate_epochs", -1, "train.separate_epochs: Input should be greater than or equal to 0, not -1"),
        ("train", "temperature", 0, "train.temperature: Input should be greater than 0, not 0"),
        ("train", "temperature", float("inf"), "train.temperature: Input should be a finite number"),
        ("train", "epochs", 0, "train.epochs: Input should be greater than 0, not 0"),
        ("train", "epochs", -5, "train.epochs"),
        ("train", "epochs", 1.5, "train.epochs"),
        ("train", "learning_rate", "fast", 'train.learning_rate: Input should be a valid number.*, not "fast"'),
        ("train", "learning_rates", 0.1, "train.learning_rates: no such parameter"),
        ("train", "momentum", 0, "nesterov: needs a momentum above 0"),
        ("train", "schedule", "linear", "train.schedule: Input should be 'constant', 'step' or 'cosine'"),
        ("families", "plane", {}, "unknown family 'plane'"),
        ("families", "resnet", {"momentum": 2}, "families.resnet.momentum: Input should be less than 1, not 2"),
        ("overrides", "cifar10/*", {"tau": 2}, r"overrides.cifar10/\*.tau: no such parameter"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(section: str, name: str, value: Any, what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        parameters(**{section: values()[section] | {name: value}})
    assert str(raised.value).startswith("params.yaml: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "what_is_said"),
    [
        ({"datasets": ["cifar11"]}, "datasets: unknown data set 'cifar11'; there are cifar10, cifar100, digits"),
        ({"datasets": []}, "datasets"),
        ({"report": []}, "report: Tuple should have at least 1 item"),
        ({"shown_families": []}, "shown_families"),
        ({"seeds": 0}, "seeds: Input should be greater than 0"),
        ({"vary": "teacher"}, "vary: Input should be 'student' or 'chain'"),
        ({"colour": "red"}, "colour: no such parameter"),
        ({"surface": {"points": 20, "span": 1, "images": 10}}, "surface: points: must be odd, not 20"),
        ({"surface": {"points": 21, "span": 0, "images": 10}}, "surface.span: Input should be greater than 0, not 0"),
        ({"surface": {"points": 21, "span": 1}}, "surface.images: is missing"),
    ],
)
def test_top_level_parameters_are_checked(change: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said):
        parameters(**change)


def test_a_missing_parameter_is_named() -> None:
    incomplete = values()
    del incomplete["train"]["momentum"]
    with pytest.raises(ParameterError, match=r"params\.yaml: train\.momentum: is missing"):
        Parameters.of(incomplete, "params.yaml")


def test_a_file_that_is_not_yaml_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("train: [1, 2\nx: {")
    with pytest.raises(ParameterError, match="not YAML") as raised:
        Parameters.load(tmp_path / "params.yaml")
    assert "\n" not in str(raised.value)
    with pytest.raises(ParameterError, match="no such file"):
        Parameters.load(tmp_path / "absent.yaml")


def test_a_recipe_is_read_from_text_and_from_a_file(tmp_path: Path) -> None:
    text = recipe("cifar10/plain/10-2/seed0").canonical()
    (tmp_path / "recipe.json").write_text(text)
    assert read_recipe(text) == read_recipe(str(tmp_path / "recipe.json")) == recipe("cifar10/plain/10-2/seed0")
    with pytest.raises(ParameterError, match="recipe: epochs: is missing"):
        read_recipe("{}")


def test_the_schema_is_that_of_the_models() -> None:
    """Written anew by: make schema."""
    assert json.loads(SCHEMA.read_text()) == Parameters.model_json_schema()


def test_every_parameter_is_described() -> None:
    for model in (Parameters, Recipe, SurfaceGrid):
        for name, field in model.model_fields.items():
            assert field.description, name


def test_a_key_that_stands_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("seeds: 3\nvary: student\nseeds: 5\n")
    with pytest.raises(ParameterError, match=r"seeds stands there twice.*line 3"):
        read_yaml(tmp_path / "twice.yaml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("# Größe\nseeds: 3\n".encode("latin-1"))
    with pytest.raises(ParameterError, match="not a text in UTF-8"):
        read_yaml(tmp_path / "latin.yaml")


@pytest.mark.parametrize("text", ["seeds: {{ seeds }}", "seeds: 2024-02-30"], ids=["a key that is no text", "a date that isn't"])
def test_what_yaml_cannot_make_a_value_of_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "preset.yaml").write_text(text)
    with pytest.raises(ParameterError, match="not YAML"):
        read_yaml(tmp_path / "preset.yaml")


def test_changes_that_dont_go_together_are_named() -> None:
    parameters = Parameters.load(ROOT / "params.yaml", changes={"overrides": {"*/plain/2/*": {"momentum": 0}}})
    with pytest.raises(ParameterError, match="cifar10/plain/2/seed0: nesterov: needs a momentum above 0"):
        parameters.recipe(Network.parse("cifar10/plain/2/seed0"))


def test_a_grid_over_what_its_network_has_no_use_for_is_refused() -> None:
    with pytest.raises(ParameterError, match="tuning: grid: cifar10/plain/2 has no use for t"):
        Parameters.load(ROOT / "params.yaml", changes={"tuning": {"networks": ["cifar10/plain/2"]}})


def test_null_takes_a_key_away() -> None:
    grid = {"temperature": None, "trade_off": None, "kl_reduction": None, "learning_rate": [0.1, 0.01]}
    tuning = {"networks": ["cifar10/plain/2"], "grid": grid}
    assert list(Parameters.load(ROOT / "params.yaml", changes={"tuning": tuning}).tuning.grid) == ["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({"datasets": ["cifar10", "cifar10"]}, "datasets: cifar10 stands there 2 times"),
        ({"tuning": {"networks": ["cifar10/plain/10-2"] * 2}}, "networks: cifar10/plain/10-2 stands there 2 times"),
        ({"tuning": {"grid": {"temperature": [4, 4.0]}}}, "tuning: grid: a value stands there twice"),
        ({"tuning": {"grid": {"kl_reduction": ["mean"]}}}, "tuning.grid.kl_reduction: .*'batchmean' or 'elementmean'"),
        ({"tuning": {"grid": {"validation_seed": [0, 1]}}}, "grid: all points hold out the same images"),
        ({"variants": {"less": {"validation_share": 0.1, "teachers": "shared"}}}, "less: its shared teachers were trained on"),
        ({"overrides": {"cifar10/plain/10-2": {"temperature": 8}}}, "say cifar10/plain/10-2/\\*"),
    ],
)
def test_what_would_be_passed_over_or_counted_twice_is_refused(changes: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said):
        Parameters.load(ROOT / "params.yaml", changes=changes)


@pytest.mark.parametrize(("changes", "drops"), [({"epochs": 20}, "80, 120"), ({"learning_rate_drops": []}, "none")])
def test_a_step_schedule_without_a_step_is_refused(changes: dict[str, Any], drops: str) -> None:
    parameters = Parameters.load(ROOT / "params.yaml", changes={"families": {"resnet": changes}})
    with pytest.raises(ParameterError, match=f"cifar10/resnet/8/seed0: learning_rate_drops: {drops} before the end of"):
        parameters.recipe(Network.parse("cifar10/resnet/8/seed0"))
