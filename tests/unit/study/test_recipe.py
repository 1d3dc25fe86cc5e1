import json
import re
from typing import Any

import pytest
from pydantic import BaseModel

from takd.errors import ParameterError
from takd.objectives.registry import ALL
from takd.study.params import Claims, Parameters, Surface
from takd.study.recipe import Recipe, check_settings, read_recipe, resolve
from takd.study.recipe_parts import Labels, Length, NetworkSection, Optimiser, Schedule, Views
from tests.conftest import mutual, recipe, taught


def flat(given: Recipe) -> set[str]:
    return {field for section in json.loads(given.canonical()).values() for field in section}


def test_what_cannot_matter_is_not_in_a_recipe() -> None:
    assert recipe(temperature=9, trade_off=0.1, separate_epochs=7) == recipe()
    assert taught(temperature=9) != taught()
    assert recipe(learning_rate_drops=[1], validation_seed=5).canonical() == recipe().canonical()
    assert recipe(validation_share=0.1, validation_seed=5) != recipe(validation_share=0.1)
    stepped: dict[str, Any] = {"schedule": "step", "epochs": 10}
    assert recipe(**stepped, learning_rate_drops=[7, 3, 10, 99]) == recipe(**stepped, learning_rate_drops=(3, 7))
    assert recipe(**stepped, learning_rate_drops=[3, 3]) != recipe(**stepped, learning_rate_drops=[3])


def test_what_came_later_stands_in_a_recipe_only_where_it_says_something() -> None:
    """So that recipes, keys and records from before are what they were."""
    off = recipe(
        optimiser="sgd",
        beta2=0.5,
        weight_decay_on="all",
        clip_norm=0,
        label_smoothing=0,
        class_weights="none",
        ema_decay=0,
        patience=0,
        sampling="each",
        policy="none",
        erasing=0,
        unlabelled="none",
        unlabelled_batch=7,
    )
    assert off.canonical() == recipe().canonical() and '"labels": {' not in off.canonical()
    assert json.loads(off.canonical()).keys() == {"network", "views", "optimiser", "schedule", "length", "objective"}
    assert flat(off) >= {"momentum", "nesterov", "weight_decay", "precision"} and "clip_norm" not in flat(off)
    adamw: dict[str, Any] = {"optimiser": "adamw", "label_smoothing": 0.1}
    assert flat(recipe(**adamw)) == flat(recipe()) | {"optimiser", "label_smoothing"}
    assert recipe(**adamw, nesterov=False) == recipe(**adamw)
    assert recipe(**adamw, nesterov=True, momentum=0).optimiser.optimiser == "adamw"
    assert recipe(weight_decay=0, weight_decay_on="weights") == recipe(weight_decay=0)
    assert recipe(training_share=0.1, unlabelled="rest", unlabelled_batch=9) == recipe(training_share=0.1)
    assert taught(trade_off=1, label_smoothing=0.1) == taught(trade_off=1) and taught(label_smoothing=0.1) != taught()


def test_class_weights_count_where_labels_do_and_not_beside_balanced_sampling() -> None:
    assert flat(recipe(class_weights="balanced")) == flat(recipe()) | {"class_weights"}
    assert taught(trade_off=1, class_weights="balanced") == taught(trade_off=1)
    with pytest.raises(ParameterError, match=r"^class_weights: balanced, beside `sampling: balanced`, makes up .* twice"):
        recipe(class_weights="balanced", sampling="balanced")


def test_an_objective_that_needs_whole_labels_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ALL["distillation"].fields, "whole_labels", True)
    with pytest.raises(ParameterError, match=r"label_smoothing: distillation needs whole labels"):
        taught(label_smoothing=0.1)


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({}, None),
        ({"objective": "dist"}, None),
        ({"objective": "dkd"}, "unlabelled: dkd can't teach without labels; distillation, dist, logit_std can"),
        ({"objective": "mutual", "peer": "plain:6"}, "unlabelled: mutual can't teach without labels"),
        ({"mixup": 0.2}, "unlabelled: mixup mixes labels too, which these images don't have"),
        ({"training_share": 1}, "unlabelled: rest needs a training_share below 1"),
        ({"unlabelled": "all"}, "unlabelled"),
        ({"unlabelled_batch": 0}, "unlabelled_batch"),
    ],
)
def test_images_without_labels_are_for_what_the_teacher_alone_can_say(changes: dict[str, Any], what_is_said: str | None) -> None:
    settings: dict[str, Any] = {
        "objective": "distillation",
        "training_share": 0.1,
        "unlabelled": "rest",
        "unlabelled_batch": 384,
    } | changes
    if what_is_said is None:
        assert recipe(**settings).images_an_epoch == pytest.approx(0.1 * (1 + 384 / 128))
        return
    with pytest.raises(ParameterError, match=what_is_said):
        recipe(**settings)


def test_patience_is_not_for_objectives_with_a_stage_before() -> None:
    patient: dict[str, Any] = {"patience": 1, "select": "best_held_out", "validation_share": 0.1}
    with pytest.raises(ParameterError, match=r"patience: mutual has 4 epochs before, in which accuracy says nothing; give 0"):
        mutual(**patient, epochs=7, separate_epochs=4)
    assert mutual(**patient, epochs=7, separate_epochs=0).length.patience == 1


def test_a_recipe_has_the_fields_of_its_objective_alone() -> None:
    assert flat(taught()) == flat(recipe()) | {"trade_off", "temperature", "kl_reduction"}
    assert flat(mutual()) == flat(recipe()) | {"separate_epochs", "peer"}


@pytest.mark.parametrize("make", [recipe, taught, mutual])
def test_a_recipe_comes_back_from_its_text(make: Any) -> None:
    assert read_recipe(make().canonical()) == make()
    assert read_recipe(make().canonical()).canonical() == make().canonical()


def test_equal_recipes_give_equal_text_whatever_the_spelling() -> None:
    assert recipe(learning_rate=1, weight_decay=0).canonical() == recipe(learning_rate=1.0, weight_decay=0.0).canonical()
    assert recipe(batch_size=128.0) == recipe(batch_size=128)


def test_a_recipe_counts_all_of_its_epochs() -> None:
    assert (recipe(epochs=7).all_epochs, taught(epochs=7).all_epochs, mutual(epochs=7, separate_epochs=4).all_epochs) == (7, 7, 11)


@pytest.mark.parametrize(
    ("settings", "what_is_said"),
    [
        ({"trade_off": 1.5}, "trade_off: must be less than or equal to 1, not 1.5"),
        ({"trade_off": -0.1}, "trade_off: must be greater than or equal to 0"),
        ({"temperature": 0}, "temperature: must be greater than or equal to 0.01"),
        ({"temperature": 1e-300}, "temperature: must be greater than or equal to 0.01"),
        ({"temperature": float("inf")}, "temperature: expected a number that isn't infinite"),
        ({"temperature": "1:30"}, "temperature: expected a number, not '1:30'"),
        ({"temperature": True}, "temperature: expected a number, not true"),
        ({"epochs": 0}, "epochs: must be greater than or equal to 1, not 0"),
        ({"epochs": 10**21}, "epochs: .*100000"),
        ({"epochs": 1.5}, "epochs: expected a whole number, not 1.5"),
        ({"epochs": "1_0"}, "epochs: expected a whole number, not '1_0'"),
        ({"epochs": False}, "epochs: expected a whole number, not false"),
        ({"epochs": [3]}, r"epochs: expected a whole number, not \[3\]"),
        ({"batch_size": 10**20}, "batch_size"),
        ({"learning_rate": 1e300}, "learning_rate: must be less than or equal to 100"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": "fast"}, "learning_rate: expected a number, not 'fast'"),
        ({"weight_decay": -1e-9}, "weight_decay"),
        ({"momentum": 1}, "momentum: must be less than 1"),
        ({"nesterov": 1}, "nesterov: expected true or false, not 1"),
        ({"nesterov": "yes"}, "nesterov: expected true or false, not 'yes'"),
        ({"schedule": "linear"}, "schedule: must be 'constant', 'step' or 'cosine', not \"linear\""),
        ({"learning_rate_drops": "80"}, r"learning_rate_drops: expected a list, as in \[a, b\], not \"80\""),
        ({"learning_rate_drops": [10**30]}, "learning_rate_drops.0"),
        ({"learning_rate_drops": list(range(1, 200))}, "learning_rate_drops"),
        ({"warm_up_epochs": -1}, "warm_up_epochs"),
        ({"optimiser": "adam"}, "optimiser: must be 'sgd' or 'adamw', not \"adam\""),
        ({"beta2": 1}, "beta2: must be less than 1"),
        ({"weight_decay_on": "biases"}, "weight_decay_on: must be 'all' or 'weights'"),
        ({"clip_norm": -1}, "clip_norm: must be greater than or equal to 0"),
        ({"ema_decay": 1}, "ema_decay: must be less than 1"),
        ({"patience": 1.5}, "patience: expected a whole number"),
        ({"mixup": 0}, "mixup: must be greater than 0, not 0"),
        ({"cutmix": -1}, "cutmix: must be greater than 0, not -1"),
        ({"mixup": "some"}, "mixup: expected a number, not 'some'"),
        ({"policy": "autoaugment"}, "policy: must be 'none', 'randaugment' or 'trivialaugment'"),
        ({"sampling": "weighted"}, "sampling: must be 'each' or 'balanced'"),
        ({"erasing": 1.1}, "erasing: must be less than or equal to 1"),
        ({"label_smoothing": 1}, "label_smoothing: must be less than 1"),
        ({"separate_epochs": 10**9}, "separate_epochs"),
        ({"validation_share": 1}, "validation_share"),
        ({"training_share": 0}, "training_share"),
        ({"ensemble": [0]}, r"^ensemble: expected at least 2 of them, not \[0\]$"),
        ({"learning_rate_drops": [1] * 101}, "^learning_rate_drops: expected at most 100 of them, not "),
        ({"learning_rates": 0.1}, "learning_rates: no such field of a recipe; did you mean learning_rate?"),
        ({"qqqq": 0.1}, "qqqq: no such field of a recipe; docs/parameters.md has all"),
        ({"x\x1b[31m" * 9999: 1}, "no such field"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(settings: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ValueError, match=what_is_said) as raised:
        check_settings(settings)
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and len(said) < 600


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({"momentum": 0}, "nesterov: needs a momentum above 0"),
        ({"select": "best_held_out"}, "select: best_held_out needs a validation_share above 0"),
        ({"patience": 1}, "patience: 1 needs `select: best_held_out`"),
        ({"patience": 2, "select": "best_held_out", "validation_share": 0.1}, "patience: 2 of 2 epochs can't end a training early"),
        ({"select": "best_test", "validation_share": 0.1}, "select: best_test needs a validation_share of 0"),
        ({"schedule": "step", "learning_rate_drops": [80], "epochs": 20}, "learning_rate_drops: 80 before the end of 20 epochs"),
        ({"schedule": "step", "learning_rate_drops": []}, "learning_rate_drops: none before the end"),
        ({"learning_rate": None, "epochs": None}, None),
        ({"epochs": True}, "epochs: expected a whole number"),
        ({"learning_rate_drops": "80", "schedule": "step"}, "learning_rate_drops: expected a list"),
    ],
)
def test_fields_that_do_not_go_together_are_named(changes: dict[str, Any], what_is_said: str | None) -> None:
    if what_is_said is None:  # null takes nothing away here: the fields before it count
        assert recipe(**changes) == recipe()
        return
    with pytest.raises(ParameterError, match=what_is_said):
        recipe(**changes)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ParameterError, match=r"^learning_rate: is missing"):
        resolve(NetworkSection(builder="plain:4"), ALL["labels"], [{"epochs": 3}])
    with pytest.raises(ParameterError, match=r"^trade_off: is missing"):
        resolve(NetworkSection(builder="plain:4"), ALL["distillation"], [{"epochs": 3, "learning_rate": 0.1}])


@pytest.mark.parametrize(
    ("text", "what_is_said"),
    [
        ("{}", "recipe: network: is missing; `takd recipe NETWORK` prints one"),
        ("[1]", "recipe: .*a mapping of names to values"),
        ("", "recipe: "),
        ("nonsense", "recipe: "),
        ("[" * 50_000, "recipe: "),
        ('{"a":' * 20_000, "recipe: "),
        ("[" * 200_000, "at most"),
        ('{"length": {"epochs": ' + "1" * 5000 + "}}", "recipe: "),
        ("\ud800", "recipe: "),
    ],
    ids=range(9),
)
def test_a_text_that_is_no_recipe_is_refused(text: str, what_is_said: str) -> None:
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        read_recipe(text)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"epochs": 2', '"epochs": true'),
        ('"epochs": 2', '"epochs": "2"'),
        ('"epochs": 2', '"epochs": 1e30'),
        ('"batch_size": 128', '"batch_size": 100000000000000000000'),
        ('"temperature": 4.0', '"temperature": true'),
        ('"temperature": 4.0', '"temperature": NaN'),
        ('"temperature": 4.0', '"temperature": "4"'),
        ('"name": "distillation"', '"name": "labels"'),
        ('"name": "distillation"', '"name": ["distillation"]'),
        ('"name": "distillation"', '"name": "\\u001b[31m"'),
        ('"builder": "plain:4"', '"builder": null'),
        ('"builder": "plain:4"', f'"builder": "{"x" * 50_000}"'),
        ('"views": {', '"views": [], "other": {'),
    ],
)
def test_a_recipe_of_the_wrong_types_is_refused_in_one_line(old: str, new: str) -> None:
    text = taught().canonical()
    assert old in text
    with pytest.raises(ParameterError, match=r"^recipe: ") as raised:
        read_recipe(text.replace(old, new))
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and len(said) < 600


def test_every_field_is_described_and_bounded() -> None:
    sections: list[type[BaseModel]] = [Parameters, Surface, Claims, NetworkSection, Views, Optimiser, Schedule, Length, Labels]
    sections += [objective.fields for objective in ALL.values()]
    for section in sections:
        for name, field in section.model_fields.items():
            if name in ("name", "surface", "claims", "search", "path"):
                continue
            assert field.description, name
            if field.annotation in (int, float):
                assert re.search("Le|Lt", str(field.metadata)), f"{name} has no upper bound"


def test_a_field_of_one_method_under_another_is_named() -> None:
    """In a whole recipe; of what people write for all networks, each takes its own method's."""
    text = recipe(objective="dkd").canonical()
    with pytest.raises(ParameterError, match=r"recipe: .*dist_beta: no such parameter") as raised:
        read_recipe(text.replace('"dkd_beta"', '"dist_beta"'))
    assert "\n" not in str(raised.value)
    assert recipe(objective="dkd", dist_beta=3) == recipe(objective="dkd")
