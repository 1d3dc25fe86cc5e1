from pathlib import Path
from typing import Any

import pytest
import yaml

from takd.errors import ParameterError
from takd.networks.registry import PAPER_FAMILIES
from takd.study.params import Parameters, load_parameters, merged
from takd.study.patterns import check_patterns
from tests.conftest import ROOT

PARAMS = ROOT / "params.yaml"


def parameters(preset: Path | None = None, **typed: Any) -> Parameters:
    return load_parameters(PARAMS, preset, typed)


@pytest.mark.parametrize("preset", sorted(path.name for path in (ROOT / "presets").glob("*.yaml")))
def test_a_preset_says_only_what_differs(preset: str) -> None:
    assert parameters(ROOT / "presets" / preset) != parameters()
    base = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    said = yaml.safe_load((ROOT / "presets" / preset).read_text(encoding="utf-8"))
    if "members" not in said:
        assert all(base["train"].get(key) != value for key, value in said.get("train", {}).items())


@pytest.mark.parametrize(
    ("typed", "what_is_said"),
    [
        ({"datasets": ["cifar11"]}, "datasets: unknown data set 'cifar11'; there are cifar10, cifar100, digits"),
        ({"datasets": "digits"}, r'datasets: expected a list, as in \[a, b\], not "digits"'),
        ({"datasets": {"digits": 1}}, "datasets: expected a list"),
        ({"datasets": []}, "datasets: is missing"),
        ({"datasets": ["cifar10", "cifar10"]}, "datasets: cifar10 stands there 2 times"),
        ({"report": "table1"}, "report: expected a list"),
        ({"seeds": 0}, "seeds: must be greater than or equal to 1, not 0"),
        ({"seeds": 10**12}, "seeds: must be less than or equal to 10000"),
        ({"seeds": True}, "seeds: expected a whole number, not true"),
        ({"seeds": "three"}, "seeds: expected a whole number, not 'three'"),
        ({"vary": "teacher"}, "vary: must be 'student', 'chain' or 'every_hop', not \"teacher\""),
        ({"run": "none"}, "run: must be 'all' or 'there'"),
        ({"metric": "f1"}, "metric: must be 'accuracy', 'top5_accuracy', 'balanced_accuracy' or 'macro_f1', not \"f1\""),
        ({"colour": "red"}, "colour: no such parameter$"),
        ({"temperature": 2}, "temperature: no such parameter; it stands under train, as in `train: {temperature: …}`$"),
        ({"weight_decay": 0}, "weight_decay: no such parameter; it stands under train"),
        ({"seedz": 3}, r"seedz: no such parameter; did you mean seeds\?$"),
        ({"search": {"trialz": 3}}, r"search.trialz: no such parameter; did you mean trials\?$"),
        ({"path": {"from": 10, "to": 2, "too": 2}}, r"path.too: no such parameter; did you mean to\?$"),
        ({"shown_families": ["plain"]}, "shown_families: "),
        ({"surface": {"points": 20}}, "surface: points: must be odd, not 20"),
        ({"surface": {"span": 0}}, "surface.span: must be greater than 0"),
        ({"surface": {"points": 10**9 + 1}}, "surface.points: must be less than or equal to 201"),
        ({"surface": 3}, "surface: expected a mapping of names to values"),
        ({"claims": {"equal_within": "0,3"}}, "claims.equal_within: expected a number, not '0,3'"),
        ({"train": {"epochs": 10**21}}, "train: epochs: "),
        ({"train": {"learning_rate": 1e300}}, "train: learning_rate: "),
        ({"train": {"temperature": "1:30"}}, "train: temperature: expected a number"),
        ({"train": {"epochs": None}}, "train.epochs: is missing"),
        ({"train": 3}, "train: expected a mapping of names to values"),
        ({"families": {"plane": {}}}, "families.plane: unknown family; there are plain, resnet"),
        ({"families": {"resnet": {"momentum": 2}}}, "families.resnet: momentum: must be less than 1, not 2"),
        ({"overrides": {"cifar10/*": {"tau": 2}}}, r"overrides.cifar10/\*: tau: no such field"),
        ({"overrides": {"x" * 300_000: {}}}, "overrides"),
        ({"variants": {"less": {"validation_share": 0.1, "teachers": "shared"}}}, "its shared teachers were trained on the images"),
        ({"variants": {"My Own": {"epochs": 3}}}, "variants"),
        ({"variants": {"a/b": {"epochs": 3}}}, "variants"),
        ({"variants": {"less": {"epoch": 3}}}, "epoch: no such field of a recipe; did you mean epochs?"),
        ({"weights": {"10": "x.pt"}}, "weights.10: no such member"),
        ({"\x1b[31m" + "k" * 300_000: 1}, "no such parameter"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_parameter_that_cannot_be_used_is_named_in_one_line(typed: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        parameters(**typed)
    said = str(raised.value)
    assert (
        said.startswith(f"--config or --changes, over {PARAMS}: ") and "\n" not in said and "\x1b" not in said and len(said) < 700
    )


def own(**changes: Any) -> dict[str, Any]:
    values = {
        "data": {"folder": "data/pets"},
        "members": {"resnet34": "torchvision:resnet34", "resnet18": "torchvision:resnet18"},
        "train": {"epochs": 3, "learning_rate": 0.1},
    }
    return values | changes


def written(tmp_path: Path, values: object) -> Path:
    path = tmp_path / "pets.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def test_a_study_of_ones_own_stands_alone(tmp_path: Path) -> None:
    given = parameters(written(tmp_path, own()))
    assert list(given.members) == ["resnet34", "resnet18"] and given.datasets == () and given.report == ("table", "paths")
    assert given.train == {"epochs": 3, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({"data": None}, "data: is missing"),
        ({"members": {"resnet34": "torchvision:resnet34"}}, "members: a teacher and a student are the fewest"),
        ({"members": {"a": "torchvision:resnet34", "b": "resnet18"}}, "b: 'resnet18': not a builder"),
        ({"members": {"1٠": "plain:10", "8": "plain:8"}}, "members"),
        ({"members": {"a-b": "plain:10", "8": "plain:8"}}, "members"),
        ({"members": {f"m{i}": "plain:10" for i in range(10)}}, "members: .*at most 9"),
        ({"members": ["plain:10", "plain:8"]}, "members: expected a mapping"),
        ({"train": {"epochs": 3}}, "train.learning_rate: is missing"),
        ({"weights": {"vgg": "x.pt"}}, "weights.vgg: no such member; there are resnet34, resnet18"),
        ({"data": {"folder": "a", "csv": "b"}}, "data: give one of folder, csv and torchvision"),
    ],
)
def test_a_study_of_ones_own_is_checked(tmp_path: Path, changes: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said):
        parameters(written(tmp_path, own(**changes)))


def test_changes_are_written_over_key_by_key_and_null_takes_away() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "d": None}) == {"a": {"b": 4, "c": 2}}
    assert merged({"a": {"b": 1}}, {"a": 2}) == {"a": 2}


DATASETS = ("cifar10", "cifar100", "digits")
OWN = {"pets": {"resnet34": "x", "resnet18": "x", "mobilenet": "x"}}


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "cifar10/*",
        "*/plain/*-2/*",
        "*/plain/10-8-6-4-2/*",
        "*/plain/*-*-*-*-*/*",
        "*/resnet/26-8+mutual/*",
        "*/resnet/*+mutual-8/*",
        "*/resnet/26-14+mutual-8/seed7",
        "*/resnet/*+dkd-*+at/*",
        "*+dkd-*+dkd/*",
        "*/resnet/26-20+at-14+dkd-8+dgkd/*",
        "*/resnet/26-2[0]+a?-14*+dgkd/*",
        "digits/plain/10-4/seed[0-4]",
        "digits/plain/10-4/seed[1-4]",
        "digits/plain/10-4/seed1?",
        "digits/plain/1[0]/*",
        "*/seed123",
        "cifar10/plain/10/seed0",
    ],
)
def test_a_pattern_of_what_there_can_be_is_taken(pattern: str) -> None:
    check_patterns({pattern: {}}, DATASETS, PAPER_FAMILIES)


@pytest.mark.parametrize(
    "pattern",
    [
        "digits/plain/11-4/*",
        "*/plian/*",
        "mnist/*",
        "cifar10/10-2/*",
        "*/plain/4-10/*",
        "*/plain/10-4-4/*",
        "*/plain/1٠/*",
        "*/plain/10+mutual/*",
        "*/resnet/26-8+dgkd/*",
        "*/resnet/26-14-8+mutual/*",
        "*/resnet/26-14+mutual-8+dgkd/*",
        "*/plain/*+dkd-*+dkd-*+dkd-*+dkd-*+dkd/*",
        "*/plain/10/seed01",
        "*/plain/10/seed0/",
        "CIFAR10/*",
        "*/resnet34-*",
        "cifar10/plain/10-2",
        "",
        "[",
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ParameterError, match=r"^overrides: .* matches no network"):
        check_patterns({pattern: {}}, DATASETS, PAPER_FAMILIES)


@pytest.mark.parametrize(
    "pattern", ["*/resnet/*+dkd-*+at/*", "*/resnet/26-*+dkd-8+dkd/*", "cifar10/resnet/*+dist-*+at-*+dkd/seed1"]
)
def test_a_pattern_may_name_several_methods(pattern: str) -> None:
    check_patterns({pattern: {}}, DATASETS, PAPER_FAMILIES)


def test_patterns_are_of_a_studys_own_members() -> None:
    check_patterns({"pets/pets/*-mobilenet/*": {}}, ("pets",), OWN)
    with pytest.raises(ParameterError, match="names are as in pets/pets/resnet34/seed0"):
        check_patterns({"*/resnet50*/*": {}}, ("pets",), OWN)


def test_a_pattern_without_its_end_is_completed_in_the_message() -> None:
    with pytest.raises(ParameterError, match=r"as names end in /seedN; say cifar10/plain/10-2/\*"):
        check_patterns({"cifar10/plain/10-2": {}}, DATASETS, PAPER_FAMILIES)
    with pytest.raises(ParameterError, match=r"as names end in /seedN; say \*\+dkd-\*\+at/\*"):
        check_patterns({"*+dkd-*+at": {}}, DATASETS, PAPER_FAMILIES)


@pytest.mark.parametrize(
    ("pattern", "what_is_said"),
    [
        ("*+att", r"matches no network: unknown objective 'att'; did you mean \+at\? there are mutual, dkd"),
        ("*/resnet/*+mutua1/*", r"unknown objective 'mutua1'; did you mean \+mutual\? there are mutual"),
        ("*/resnet/*+DKD-*/*", r"unknown objective 'DKD'; did you mean \+dkd\? there are mutual"),
        ("*/resnet/26-8+at+dkd/*", r"a hop takes one method, not '\+at\+dkd'; there are mutual"),
        ("*/resnet/26-8+/*", r"a hop takes one method, not '\+'; there are mutual"),
    ],
)
def test_a_pattern_of_a_misspelt_method_is_told_the_methods(pattern: str, what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said):
        check_patterns({pattern: {}}, DATASETS, PAPER_FAMILIES)


@pytest.mark.parametrize(
    "pattern",
    ["cifar10/resnet/26-20-14+at/*", "*/resnet/26-14+at-8+dkd/seed7", "*/resnet/*-14+dkd-8/*", "*/*/*+at*/*", "*/resnet/26-*+at/*"],
)
def test_a_method_on_any_hop_can_be_meant(pattern: str) -> None:
    check_patterns({pattern: {"learning_rate": 0.1}}, DATASETS, PAPER_FAMILIES)


@pytest.mark.parametrize(
    ("pattern", "field", "said"),
    [
        ("*/resnet/26-8+at/*", "dkd_alpha", "dkd_alpha is a field of dkd, but this network learns by at"),
        ("*/resnet/26-14+at-8/*", "at_weight", "at_weight is a field of at, but this network learns by distillation"),
        ("*/resnet/26-*+fitnet/*", "temperature", "temperature is a field of distillation, but .* fitnet"),
        ("*/plain/2/*", "trade_off", "trade_off is a field of distillation, but .* labels"),
    ],
)
def test_a_field_of_one_method_under_another_is_refused(pattern: str, field: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        check_patterns({pattern: {field: 2}}, DATASETS, PAPER_FAMILIES)


def test_fields_of_several_methods_may_stand_under_a_pattern_of_several() -> None:
    check_patterns({"*/resnet/26-*/*": {"dkd_alpha": 2, "temperature": 3}}, DATASETS, PAPER_FAMILIES)
