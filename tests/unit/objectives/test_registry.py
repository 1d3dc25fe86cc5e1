"""What every objective has to be, whoever adds one: its fields, what is trained, and a loss over outputs."""

from importlib import import_module
from types import ModuleType

import pytest
import torch
import yaml
from pydantic_core import PydanticUndefined
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from takd.objectives.batch import Batch, Outputs
from takd.objectives.registry import ALL, DISTILLATION, FIELDS, LABELS, OBJECTIVES, Fields, Objective
from tests.conftest import ROOT

SETTINGS = {
    "trade_off": 0.3,
    "temperature": 2,
    "kl_reduction": "batchmean",
    "separate_epochs": 3,
    "fitnet_hint_epochs": 3,
    "fsp_epochs": 3,
}


def parts(objective: Objective) -> tuple[ModuleType, Fields]:
    given = {name: value for name, value in SETTINGS.items() if name in objective.fields.typed()}
    return import_module(objective.module), objective.fields.model_validate(given | {"name": objective.name})


class Staged(nn.Module):
    """A student of two stages, watched."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 7, 3, stride=2, padding=1), nn.Linear(7, 4)
        self.adapter: nn.Module = nn.Identity()

    def forward(self, images: Tensor) -> Outputs:
        one = self.one(images).relu()
        other = self.other(one).relu()
        return Outputs(self.last(other.mean((2, 3))), self.adapter((one, other)))


@pytest.mark.parametrize("objective", ALL.values(), ids=list(ALL))
def test_an_objective_trains_what_its_learner_holds(objective: Objective) -> None:
    """One step down its own gradient lowers its loss, and moves the student, and the peer where there is one."""
    module, fields = parts(objective)
    torch.manual_seed(0)
    student, peer = nn.Linear(6, 4), nn.Linear(6, 4) if objective.partner == "peer" else None
    learner = module.learner(student, peer)
    batch = Batch(torch.arange(8) % 4, torch.randn(8, 4).half() if objective.partner == "teacher" else None, epoch=9)
    images = torch.randn(8, 6)
    if objective.features:
        taught = tuple(torch.randn(8, 5, size, size) for size in (8, 4))
        learner, images = Staged(), torch.randn(8, 3, 8, 8)
        student = learner  # type: ignore[assignment]
        learner.adapter = module.adapter(learner(images).features, taught)
        batch = batch._replace(teacher_features=taught)
    before = module.loss(learner(images), batch, fields)
    assert before.dim() == 0
    before.backward()
    weights = [weight for part in (student, peer) if part is not None for weight in part.parameters()]
    if isinstance(learner, Staged):  # an adapter may rest, as in a later stage
        weights = [weight for name, weight in learner.named_parameters() if not name.startswith("adapter.")]
        learner.adapter.requires_grad_(False)
    assert {id(weight) for weight in learner.parameters() if weight.requires_grad} == {id(weight) for weight in weights}
    with torch.no_grad():
        for weight in weights:
            assert weight.grad is not None and weight.grad.abs().max() > 0
            weight.sub_(0.01 * weight.grad)
    assert module.loss(learner(images), batch, fields) < before


@pytest.mark.parametrize("objective", ALL.values(), ids=list(ALL))
def test_an_objective_says_where_it_is_from_and_what_each_field_means(objective: Objective) -> None:
    assert ALL[objective.name] is objective and "20" in objective.fields.source
    for name in objective.fields.typed():
        assert objective.fields.model_fields[name].description


def test_no_field_means_two_things() -> None:
    assert len(set(FIELDS)) == len(FIELDS)
    assert set(OBJECTIVES) == set(ALL) - {"labels", "distillation"}


def test_labels_alone_are_cross_entropy() -> None:
    module, fields = parts(LABELS)
    logits, labels = torch.randn(8, 4), torch.arange(8) % 4
    assert torch.equal(module.loss(logits, Batch(labels, None, 0), fields), cross_entropy(logits, labels))
    assert fields.epochs_before == 0


def test_the_fields_of_eq_3_reach_it() -> None:
    module, _ = parts(DISTILLATION)
    torch.manual_seed(0)
    logits, teacher, labels = torch.randn(8, 10), torch.randn(8, 10).half(), torch.randint(10, (8,))
    for reduction, divisor in (("batchmean", 8), ("elementmean", 80)):
        fields = DISTILLATION.fields.model_validate({"trade_off": 0.3, "temperature": 2, "kl_reduction": reduction})
        soft = (teacher.float() / 2).softmax(1)
        divergence = (soft * (soft.log() - (logits / 2).log_softmax(1))).sum() / divisor
        expected = 0.7 * cross_entropy(logits, labels) + 0.3 * 4 * divergence
        torch.testing.assert_close(module.loss(logits, Batch(labels, teacher, 0), fields), expected)


def test_the_separate_epochs_of_a_pair_come_first() -> None:
    module, fields = parts(OBJECTIVES["mutual"])
    logits, labels = torch.randn(2, 8, 4), torch.arange(8) % 4
    apart = cross_entropy(logits[0], labels) + cross_entropy(logits[1], labels)
    losses = [module.loss(logits, Batch(labels, None, epoch), fields) for epoch in (0, 2, 3)]
    assert torch.equal(losses[0], apart) and torch.equal(losses[1], apart) and losses[2] > apart
    assert fields.epochs_before == 3


def test_every_method_has_its_row_on_the_page_of_methods() -> None:
    rows = [line for line in (ROOT / "docs/methods.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `26-")]
    names = (f"26-14-8+{name}" if one.ancestors else f"26-8+{name}" for name, one in OBJECTIVES.items())
    assert [row.split("`")[1] for row in rows] == ["26-8", *names, "26-8"]  # an ensemble's last


def test_what_params_yaml_says_of_the_methods_is_what_holds_where_nothing_is_said() -> None:
    said = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]
    for objective in OBJECTIVES.values():
        for name in objective.fields.typed():
            default = objective.fields.model_fields[name].default
            assert name in said and (default is PydanticUndefined or said[name] == default), name
