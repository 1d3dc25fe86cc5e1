"""What holds on a GPU: near the processor's numbers, the same bits again, nothing that waits, and faults in one line.

`make test-gpu` runs it, on one GPU. What would change a GPU's settings, as one that a process has for itself, isn't tried here.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from takd import cli
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.files import read_tensors
from takd.records.metrics import Epoch, Metrics
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training import soft_targets
from takd.training.bar import heard_by
from takd.training.device import used_precision
from takd.training.loop import train
from tests.conftest import ROOT, mutual, recipe, taught
from tests.unit.training.conftest import CPU, MadeUp, part, same, weights, write_network
from tests.unit.training.test_captured import Curious

pytestmark = pytest.mark.gpu

ALONE = Name.parse("digits/plain/2/seed0")
STUDENT = Name.parse("digits/plain/4-2/seed3")
MUTUAL = Name.parse("digits/resnet/14-8+mutual/seed0")
DKD = Name.parse("digits/plain/4-2+dkd/seed3")

KINDS: dict[str, tuple[Name, Recipe]] = {
    "plain, labels": (ALONE, recipe(builder="plain:2", batch_size=128, augmentation="crop_flip")),
    "plain, eq. 3": (STUDENT, taught(builder="plain:2", batch_size=64, augmentation="crop_flip")),
    "resnet, eq. 3": (STUDENT, taught(builder="resnet:8", batch_size=100, augmentation="crop_flip")),
    "resnet, float32": (STUDENT, taught(builder="resnet:8", batch_size=100, augmentation="crop_flip", precision="float32")),
    "softened and clipped": (
        ALONE,
        recipe(builder="plain:4", augmentation="resized_crop_flip", label_smoothing=0.1, class_weights="balanced", clip_norm=1),
    ),
    "dkd": (DKD, recipe(objective="dkd", builder="plain:2", epochs=3, dkd_warm_up_epochs=2)),
    "mutual": (MUTUAL, mutual(builder="plain:2", peer="plain:4", epochs=2, separate_epochs=1)),
    "not captured, AdamW": (ALONE, recipe(builder="resnet:8", optimiser="adamw", learning_rate=1e-3)),
    "not captured, mixed": (ALONE, recipe(builder="plain:2", mixup=0.2, augmentation="crop_flip")),
    "not captured, averaged": (ALONE, recipe(builder="plain:2", ema_decay=0.9)),
}


def answers(name: Name, count: int = 300) -> MadeUp | None:
    return MadeUp(count, 3) if name.is_distilled and name.peer is None else None


@pytest.mark.parametrize("builder", ["plain:2", "resnet:8"])
def test_twenty_steps_in_float32_are_the_processors(
    device: torch.device, some: PreparedData, builder: str, step_losses: Callable[[], Tensor]
) -> None:
    how = taught(builder=builder, precision="float32", batch_size=15, epochs=1, augmentation="crop_flip")
    train(STUDENT, how, some, answers(STUDENT), device=CPU)
    processors = step_losses()
    train(STUDENT, how, some, answers(STUDENT), device=device)
    assert len(processors) == 20
    torch.testing.assert_close(step_losses(), processors, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("builder", ["plain:4", "resnet:8"])
def test_an_epoch_in_bfloat16_is_near_one_in_float32(
    device: torch.device, digits: Path, builder: str, step_losses: Callable[[], Tensor]
) -> None:
    """Of some 12 steps the losses differ by 0.05 nats at most on the mean, of 2.3 at the start."""
    assert used_precision("bfloat16", device) in (torch.bfloat16, torch.float32)
    data, found = prepared.load(digits), []
    for precision in ("float32", "bfloat16"):
        train(ALONE, recipe(builder=builder, epochs=1, precision=precision), data, None, device=device)
        found.append(step_losses())
    assert (found[0] - found[1]).abs().mean() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_end_in_the_same_bits(device: torch.device, some: PreparedData, kind: str) -> None:
    name, how = KINDS[kind]
    first = train(name, how, some, answers(name), device=device)
    torch.rand(5)
    second = train(name, how, some, answers(name), device=device)
    assert same(weights(first.network), weights(second.network))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("not captured")])
def test_captured_steps_end_in_the_bits_of_the_same_steps_without_a_graph(
    device: torch.device, some: PreparedData, kind: str, uncaptured: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    name, how = KINDS[kind]
    graph = train(name, how, some, answers(name), device=device)
    assert "aren't captured" not in capsys.readouterr().out
    uncaptured()
    eager = train(name, how, some, answers(name), device=device)
    pairs = zip(weights(graph.network).values(), weights(eager.network).values(), strict=True)
    furthest = max(float((one - other).abs().max()) for one, other in pairs)
    assert furthest == 0, f"a graph moves weights by {furthest:.3g}"


def test_soft_targets_from_a_file_and_online_are_the_same_bits(device: torch.device, some: PreparedData, tmp_path: Path) -> None:
    teacher = write_network(tmp_path / "teacher", some, "digits/plain/4/seed0", "plain:4")
    how = taught(builder="plain:2", batch_size=100, augmentation="crop_flip")
    file = tmp_path / "targets"
    soft_targets.compute(teacher, some, file, views=soft_targets.views_of(how, STUDENT.seed), device=device)
    by_file = train(STUDENT, how, some, soft_targets.from_file(file, STUDENT, how, some), device=device)
    online = train(STUDENT, how, some, soft_targets.online(teacher, STUDENT, how, some, device), device=device)
    assert same(weights(by_file.network), weights(online.network))


def test_an_epochs_steps_wait_for_nothing(device: torch.device, some: PreparedData, waits: Callable[[], int]) -> None:
    """However many steps an epoch has, the processor waits for the GPU as often: to bring data, and to read losses."""
    found = []
    for batch_size in (100, 10):
        counts: list[int] = []

        def count(_: Epoch, counts: list[int] = counts) -> None:
            counts.append(waits())

        how = taught(builder="plain:2", batch_size=batch_size, epochs=3, augmentation="crop_flip")
        waits()
        train(STUDENT, how, some, answers(STUDENT), device=device, on_epoch=count)
        found.append(counts[1:])
    assert found[0] == found[1], "waits an epoch, of 3 steps and of 30"
    assert max(found[0]) <= 30


def test_memory_does_not_grow_with_the_epochs(device: torch.device, some: PreparedData) -> None:
    found: list[tuple[int, int]] = []

    def look(_: Epoch) -> None:
        if torch.cuda.is_available():
            found.append((torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()))
            torch.cuda.reset_peak_memory_stats()  # of other tests, and of the first epoch, which captures

    train(STUDENT, taught(builder="resnet:8", epochs=4), some, MadeUp(300, 4), device=device, on_epoch=look)
    assert found[3:] == found[2:3]


# As jobs.


def job(folder: Path, data: Path, device: torch.device, how: Recipe) -> list[str]:
    files = {"data": data, "output": folder / "model", "metrics": folder / "metrics", "resume": folder / "resume"}
    options = [part for name, value in files.items() for part in (f"--{name}", str(value))]
    return ["train", str(ALONE), "--recipe", how.canonical(), "--device", device.type, *options]


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["takd", *arguments])
    try:
        return cli.ended(lambda: cli.app(standalone_mode=False))
    except SystemExit as end:
        return int(end.code or 0)


def test_a_killed_training_ends_in_the_same_bits(
    device: torch.device, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    epochs = 200 if device.type == "cuda" else 5  # enough to be killed before the end
    how = recipe(builder="resnet:8", epochs=epochs, augmentation="crop_flip", training_share=0.5)
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    command = [sys.executable, "-m", "takd"]
    subprocess.run([*command, *job(whole, digits, device, how)], check=True, capture_output=True)
    killed = subprocess.Popen([*command, *job(torn, digits, device, how)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert any("epoch 3/" in line for line in killed.stdout)  # until then, or until it ended
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (torn / "model").exists() and (torn / "resume").exists()
    subprocess.run([*command, *job(torn, digits, device, how)], check=True, capture_output=True)
    assert same(read_tensors(whole / "model")[0], read_tensors(torn / "model")[0])
    record = Metrics.read(torn / "metrics")
    assert record.device == device.type and (device.type == "cpu" or {"cuda", "cudnn"} <= set(record.versions))


@pytest.mark.parametrize("fault", ["memory", "lost"])
def test_a_device_that_fails_ends_in_one_line_and_the_training_goes_on(
    device: torch.device,
    digits: Path,
    tmp_path: Path,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    how = recipe(builder="plain:2", epochs=3, augmentation="crop_flip")

    def fail(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            if fault == "lost":  # a real one would take the process's other tests with it
                raise torch.AcceleratorError("CUDA error: unspecified launch failure")
            torch.empty(1 << 50, device=device)

    with heard_by(fail):
        assert run(job(tmp_path, digits, device, how), monkeypatch) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and ("memory is full" if fault == "memory" else "was lost") in err
    assert not (tmp_path / "model").exists()
    assert run(job(tmp_path, digits, device, how), monkeypatch) == 0
    assert capsys.readouterr().out.count("epoch ") == 1
    whole = tmp_path / "whole"
    assert run(job(whole, digits, device, how), monkeypatch) == 0
    assert same(read_tensors(whole / "model")[0], read_tensors(tmp_path / "model")[0])


def test_the_images_of_an_epoch_are_read_from_the_device_alone(device: torch.device, some: PreparedData) -> None:
    """Padded where they fit, or a batch at a time: the same bits."""
    many = PreparedData("digits", 10, "", Split(some.train.images, some.train.labels), part(some.test, 60))
    how = recipe(builder="plain:2", augmentation="crop_flip")
    padded = train(ALONE, how, many, None, device=device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("takd.data.views.PADDED_AT_ONCE", 1)
        by_batch = train(ALONE, how, replace(many), None, device=device)
    assert same(weights(padded.network), weights(by_batch.network))


# Last, as torch before 2.12 may leave its allocator in a capture that failed (pytorch issue 180395).


def test_what_cannot_be_captured_ends_where_it_would_without_a_graph(
    device: torch.device,
    some: PreparedData,
    uncaptured: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("takd.training.loop.build", lambda *_, **__: Curious())
    monkeypatch.setattr("takd.training.loop.uses_randomness", lambda network: False)
    tried = train(ALONE, recipe(batch_size=100), some, None, device=device)
    assert capsys.readouterr().out.count("aren't captured") == 1
    uncaptured()
    eager = train(ALONE, recipe(batch_size=100), some, None, device=device)
    assert same(weights(tried.network), weights(eager.network))
    again = train(*KINDS["resnet, eq. 3"], some, answers(STUDENT), device=device)  # the device can still be used
    assert all(torch.isfinite(each).all() for each in weights(again.network).values())
