import json
import math
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
import torch
from scipy import stats

from benchmarks import baseline, epochs, gpu, gpu_report, growth, on_gpu, report
from benchmarks.flops import forward_multiply_adds, training_operations
from benchmarks.lines import Line
from benchmarks.noise import noise, write_as_cifar10
from takd.data import prepared
from takd.data.views import Normalisation, Views
from takd.networks.builders import build
from takd.objectives.distillation import distillation_loss
from takd.planning.plan import BEGINNING, FORWARD_SHARE
from takd.study.names import Name
from takd.study.recipe import Recipe
from tests.conftest import ROOT

REDUCTIONS: list[tuple[Literal["elements", "batch"], Literal["elementmean", "batchmean"]]] = [
    ("elements", "elementmean"),
    ("batch", "batchmean"),
]


@pytest.mark.parametrize(("theirs", "ours"), REDUCTIONS)
def test_the_baseline_minimises_what_takd_does(
    theirs: Literal["elements", "batch"], ours: Literal["elementmean", "batchmean"]
) -> None:
    torch.manual_seed(0)
    student, teacher = build("plain:2", 10), build("plain:4", 10).eval()
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
    student, teacher = build("plain:2", 10), build("plain:4", 10).eval()
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
    ours = Views(test, normalisation, augmentation="none").batch(torch.arange(200), None)
    batches = list(baseline.loader(test, training=False, augmented=False, workers=0))
    torch.testing.assert_close(torch.cat([images for images, _ in batches]), ours, rtol=0, atol=1e-6)
    torch.testing.assert_close(baseline.in_memory(test)(torch.arange(200)), ours, rtol=0, atol=1e-6)
    assert torch.equal(torch.cat([labels for _, labels in batches]), test.labels)


@pytest.mark.parametrize("augmented", [False, True])
def test_a_baseline_epoch_trains_the_student_alone(augmented: bool) -> None:
    torch.manual_seed(0)
    student, teacher = build("plain:2", 10), build("plain:4", 10)
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
    network = build("plain:2", 10)
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


def test_core_hours_grow_with_the_networks_and_count_every_teachers_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def second(dataset: str, lock: object, recipe: Recipe) -> float:
        asked.append(f"{dataset} {recipe.network.builder}")
        return 1.0

    monkeypatch.setattr(growth, "epoch_seconds", second)
    hours = growth.training_core_hours()
    assert asked == [f"cifar100 resnet:{size}" for size in growth.MEMBERS]
    trained = [row["networks"] for row in growth.networks_of_paths()]
    teachers = [
        2**between for between in range(len(hours))
    ]  # every path that ends before the student, the teacher's own among them
    seconds = [BEGINNING * n + 150 * (n + FORWARD_SHARE * t) for n, t in zip(trained, teachers, strict=True)]
    assert hours == pytest.approx([each / 3600 for each in seconds])


@pytest.mark.parametrize("name", ["cifar10/plain/10-2/seed0", "cifar10/resnet/20-8/seed0"])
def test_an_epoch_of_takd_counts_a_share_of_its_teachers_pass(name: str) -> None:
    seconds = epochs.takd_epoch(name, 64, 10, threads=1, shared_by=4)
    assert min(seconds.values()) > 0
    assert seconds["seconds"] == pytest.approx(seconds["student_seconds"] + seconds["teacher_seconds"] / 4)


def test_noise_is_taken_for_cifar10(tmp_path: Path) -> None:
    made = noise(64, 10)
    write_as_cifar10(tmp_path / "noise.safetensors", made)
    read = prepared.load(tmp_path / "noise.safetensors")
    assert (read.name, read.digest, read.labels) == (made.name, made.digest, made.labels)
    assert torch.equal(read.train.images, made.train.images) and torch.equal(read.test.labels, made.test.labels)


def test_the_docs_say_at_which_commit_the_results_were_measured() -> None:
    results = json.loads((ROOT / "benchmarks/results.json").read_text())
    assert f"were measured at {results['commit'][:7]}." in " ".join((ROOT / "docs/benchmarks.md").read_text().split())
    assert (ROOT / "benchmarks/results.md").read_text() == report.as_markdown(results)


def test_what_is_said_of_bfloat16_is_what_was_measured() -> None:
    rows = pd.read_csv(ROOT / "benchmarks/precision.csv")
    rows[["chain", "seed"]] = rows["network"].str.extract(r"([^/]+)/seed(\d+)$").to_numpy()
    table, page = ((ROOT / name).read_text() for name in ("benchmarks/precision.md", "docs/benchmarks.md"))
    assert table in page
    costs = []
    for chain, each in rows.groupby("chain"):
        by_precision = each.pivot_table(index="seed", columns="precision", values="accuracy")
        wide, narrow = by_precision["float32"], by_precision["bfloat16"]
        interval = stats.ttest_rel(narrow, wide).confidence_interval(0.95)
        costs.append(f"{-interval.low:.2f} points (plain {chain})")
        assert (
            f"| cifar10/plain/{chain} | {len(wide)} | {wide.mean():.2f} | {narrow.mean():.2f} | {(narrow - wide).mean():+.2f} "
            f"| {interval.low:+.2f} to {interval.high:+.2f} |"
        ) in table
    assert f"A cost above {costs[0]} or {costs[1]} is excluded." in " ".join(page.split())


# On a GPU.


def found() -> dict[str, Any]:
    """As benchmarks/gpu.py writes it, with numbers that are easily reckoned with."""
    at_once = {f"{chain} x {count}": {"images_a_second": 50_000.0 * count} for chain in gpu.TAUGHT for count in gpu.AT_ONCE}
    return {
        "about": {"device": "cuda", "images": 50_000},
        "card": {"rates": {"copied_bytes_a_second": 4e12, "bf16_operations_a_second": 8e14}},
        "epochs": {
            "resnet/110": {"seconds": 4.0, "pass_seconds": 0.8},
            "resnet/20": {"seconds": 1.0, "pass_seconds": 0.1},
            "resnet/110-8": {"seconds": 0.2},
        },
        "ways": {"plain/10-2": {"takd_seconds": 0.1, "authors_seconds": 5.0, "modern_seconds": 0.3}},
        "at once, processes": at_once,
        "at once, streams": {key: {"images_a_second": 1e9} for key in at_once},
        "steps": {"resnet/110": {"images": 100, "captured_milliseconds": 4.0, "operations_a_second": 4e14, "bytes_a_second": 1e12}},
    }


def test_the_page_of_a_gpu_holds_each_bar_against_what_was_reached() -> None:
    rows = {bar.work: gpu_report._row(bar, found())[1:] for bar in gpu_report.BARS}
    assert rows["ResNet-110, an epoch of CIFAR-10 with crop and flip, evaluation in it"] == ("≤ 3.5 s", "4 s", "no")
    assert rows["ResNet-8 under soft targets, the same"] == ("≤ 0.3 s", "0.2 s", "yes")
    assert rows["ResNet-8 under soft targets, each of eight at once"] == ("≤ 0.08 s", "0.125 s", "no")
    assert rows["plain 10 → 2 against the authors' way"] == ("≥ 50 ×", "50 ×", "yes")
    assert rows["plain 10 → 2 against a careful modern loop"] == ("≥ 4 ×", "3 ×", "no")
    assert rows["plain 2 under soft targets"] == ("≤ 0.12 s", "not measured", "")
    # 3 seeds x 150 epochs x (4 + 0.8 + 1 + 0.1 + 3 x 0.2 s) / 60; 120 trials x 150 epochs / 16 s / 60
    assert rows["Table 3, one data set, three seeds, 150 epochs, calculated from epochs one after the other"][1] == "48.8 min"
    assert rows["λ, τ: 120 trials of plain 2 by 150 epochs, calculated from sixteen at once"][1] == "18.8 min"


def test_the_page_of_a_gpu_says_what_share_of_the_card_a_step_is_and_when_it_is_no_result() -> None:
    page = gpu_report.as_markdown(found())
    assert "| resnet/110 | 50.0% | 25.0% | 50.0% |" in page and "not a result" not in page  # 500 steps of 4 ms in 4 s
    assert "not a result" in gpu_report.as_markdown(found() | {"about": {"device": "cpu", "images": 256}})


def test_what_fails_is_written_and_the_next_measured(tmp_path: Path) -> None:
    bench = gpu.Bench(torch.device("cpu"), noise(64, 10), tmp_path / "gpu.json", deadline=math.inf)

    def fail() -> None:
        raise RuntimeError("a card\nwithout it")

    bench.measure("part", "one", fail)
    bench.measure("part", "two", lambda: {"seconds": 1.0})
    bench.deadline = 0
    bench.measure("part", "three", fail)
    assert json.loads(bench.output.read_text())["part"] == {
        "one": {"failed": "RuntimeError: a card without it"},
        "two": {"seconds": 1.0},
        "three": {"failed": "no time was left"},
    }
    assert "a card without it" in gpu_report.as_markdown(bench.found)


def test_a_step_of_a_gpus_benchmark_is_takds(capsys: pytest.CaptureFixture[str]) -> None:
    """It moves the weights at each call, and nothing is said of it."""
    course = on_gpu.course_of(Name.parse("cifar10/plain/10-2/seed0"), noise(64, 10), torch.device("cpu"), batch_size=32)
    weight = next(course.carry_out.model.parameters())
    step, before = on_gpu.stepper(course), weight.clone()
    step()
    first = weight.clone()
    step()
    assert not torch.equal(first, before) and not torch.equal(weight, first)
    assert capsys.readouterr().out == ""


def test_a_step_that_cannot_be_captured_has_no_captured_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("not permitted when capturing")

    monkeypatch.setattr("benchmarks.on_gpu.captures", lambda device: True)
    monkeypatch.setattr("takd.training.captured.Capture", lambda device: refuse)
    course = on_gpu.course_of(Name.parse("cifar10/plain/2/seed0"), noise(64, 10), torch.device("cpu"), batch_size=32)
    with pytest.raises(RuntimeError, match="its step can't be captured"):
        on_gpu.stepper(course)


def test_bytes_of_a_step_are_those_of_each_layers_output() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(3600, 10))
    outputs = 4 * 30 * 30 + 3600 + 10
    assert on_gpu.bytes_of_step(network) == 3 * (2 + 2) * outputs  # thrice written and read, of two bytes each
