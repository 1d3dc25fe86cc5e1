from typing import Any, Literal

import pytest
import torch

from benchmarks import baseline, growth, report
from benchmarks.flops import forward_multiply_adds, training_operations
from benchmarks.lines import Line
from benchmarks.noise import noise
from takd.data.views import Normalisation, Views
from takd.networks.registry import build
from takd.objectives.distillation import distillation_loss

REDUCTIONS: list[tuple[Literal["elements", "batch"], Literal["elementmean", "batchmean"]]] = [
    ("elements", "elementmean"),
    ("batch", "batchmean"),
]


@pytest.mark.parametrize(("theirs", "ours"), REDUCTIONS)
def test_the_baseline_minimises_what_takd_does(
    theirs: Literal["elements", "batch"], ours: Literal["elementmean", "batchmean"]
) -> None:
    torch.manual_seed(0)
    student, teacher = build("plain", 2, 10), build("plain", 4, 10).eval()
    data = noise(64, 10)
    images = baseline.in_memory(data.train)(torch.arange(64))
    logits, taught = student(images), 5 * teacher(images).detach()
    weights = list(student.parameters())
    loss = baseline.distillation_loss(logits, taught, data.train.labels, trade_off=0.3, temperature=4, reduction=theirs)
    same = distillation_loss(logits, taught, data.train.labels, trade_off=0.3, temperature=4, kl_reduction=ours)
    torch.testing.assert_close(loss, same, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad(loss, weights, retain_graph=True)
    for gradient, other in zip(gradients, torch.autograd.grad(same, weights), strict=True):
        assert gradient.abs().max() > 0
        torch.testing.assert_close(gradient, other, rtol=1e-5, atol=1e-5)


def test_the_baseline_teacher_is_in_the_graph_and_changes_no_gradient_of_the_student() -> None:
    torch.manual_seed(0)
    student, teacher = build("plain", 2, 10), build("plain", 4, 10).eval()
    data = noise(64, 10)
    images = baseline.in_memory(data.train)(torch.arange(64))
    logits, taught = student(images), teacher(images)
    weights = list(student.parameters())
    inside = torch.autograd.grad(baseline.distillation_loss(logits, taught, data.train.labels), weights, retain_graph=True)
    frozen = torch.autograd.grad(baseline.distillation_loss(logits, taught.detach(), data.train.labels), weights)
    torch.testing.assert_close(inside, frozen)
    baseline.distillation_loss(student(images), taught, data.train.labels).backward()
    assert all(weight.grad is not None for weight in teacher.parameters())


def test_the_baseline_shows_the_images_that_takd_shows() -> None:
    test = noise(64, 200).test
    normalisation = Normalisation(
        1 / (255 * torch.tensor(baseline.DEVIATION)), -torch.tensor(baseline.MEAN) / torch.tensor(baseline.DEVIATION)
    )
    ours = Views(test, normalisation, augmented=False).batch(torch.arange(200), None)
    batches = list(baseline.loader(test, training=False, augmented=False, workers=0))
    torch.testing.assert_close(torch.cat([images for images, _ in batches]), ours, rtol=0, atol=1e-6)
    torch.testing.assert_close(baseline.in_memory(test)(torch.arange(200)), ours, rtol=0, atol=1e-6)
    assert torch.equal(torch.cat([labels for _, labels in batches]), test.labels)


@pytest.mark.parametrize("augmented", [False, True])
def test_a_baseline_epoch_trains_the_student_alone(augmented: bool) -> None:
    torch.manual_seed(0)
    student, teacher = build("plain", 2, 10), build("plain", 4, 10)
    before = [[weight.detach().clone() for weight in network.parameters()] for network in (student, teacher)]
    data = noise(256, 50)
    training = baseline.loader(data.train, training=True, augmented=augmented, workers=0)
    test = baseline.loader(data.test, training=False, augmented=False, workers=0)
    share = baseline.authors_epoch(student, teacher, training, test, baseline.optimiser(student))
    assert 0 <= share <= 1
    assert not all(map(torch.equal, before[0], student.parameters()))
    assert all(map(torch.equal, before[1], teacher.parameters()))


def test_operations_are_those_counted_by_hand() -> None:
    first = 32 * 32 * 16 * (3 * 9)  # output values times the weights that each sums over
    second = 16 * 16 * 16 * (16 * 9)
    last = 10 * (16 * 8 * 8)
    network = build("plain", 2, 10)
    assert forward_multiply_adds(network) == [first, second, last]
    assert training_operations(network) == 2 * (2 * first + 3 * second + 3 * last)
    assert network.training


def test_ratio_is_that_of_the_medians() -> None:
    theirs, ours = ([{"seconds": value} for value in values] for values in ((10.0, 12.0, 90.0), (1.0, 2.0, 3.0)))
    line = Line.ratio("x", "work", "other", 6, 100, theirs, ours)
    assert (line.value, line.low, line.high, line.met) == (6, 6, 30, True)
    assert line.repeats[2] == {"baseline_seconds": 90, "takd_seconds": 3}


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(3.0, True, True), (3.0, False, False), (2.9, False, True), (2.9, True, False)]
)
def test_a_bar_is_reached_from_the_right_side(value: float, at_least: bool, met: bool) -> None:
    assert Line.single("x", "work", "s", "seconds", [{"seconds": value}], bar=3, at_least=at_least).met is met


def test_the_report_says_when_it_is_no_result() -> None:
    judged = Line.single("a", "one", "s", "seconds", [{"seconds": 2.0}], bar=3)
    for_information = Line.single("b", "two", "s", "seconds", [{"seconds": 2.0}])
    results: dict[str, Any] = {
        "machine": "M", "cores": 2, "threads": 2, "versions": {"torch": "2"}, "commit": "c", "repeats": 1, "images": 1000,
        "load": 3.0, "quick": True, "paths": [{"networks": 3}],
        "lines": [vars(line) | {"met": line.met} for line in (judged, for_information)],
    }  # fmt: skip
    text = report.as_markdown(results)
    assert "not a result" in text and "wasn't idle" in text
    assert "| one |  |  |  | 2 s | 2 – 2 | < 3 | yes |" in text
    assert "| two |  |  |  | 2 s | 2 – 2 |  |  |" in text
    quiet = report.as_markdown(results | {"load": 0.1, "quick": False})
    assert "not a result" not in quiet and "wasn't idle" not in quiet


def test_paths_double_with_each_intermediate_size_and_share_their_prefixes() -> None:
    rows = growth.networks_of_paths()
    assert [row["paths"] for row in rows] == [2 ** row["intermediate_sizes"] for row in rows]
    # 2^(n+1) paths to all sizes, the teacher's among them, and every one of the n + 1 smaller sizes alone
    assert [row["networks"] for row in rows] == [2 ** (n + 1) + n + 1 for n in range(len(rows))]
