"""Steps that find all on the device, against today's loop. A graph is stood in for by a recording, which processors can make."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor, nn

from takd.data.prepared import PreparedData
from takd.data.splits import StreamedSplit
from takd.data.views import Normalisation, Views
from takd.objectives import labels as by_labels
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.captured import Capture, OnDevice, steps_of, untouched, why_not_captured
from takd.training.checkpoint import Progress
from takd.training.distributed import World
from takd.training.loop import Trained, initialised, train
from takd.training.mixing import Mixing
from takd.training.optimiser import optimiser_of
from takd.training.step import Step
from takd.training.steps import Course, OneByOne
from takd.training.teaching import Several, Teaching
from takd.training.unlabelled import TransferSet
from tests.conftest import mutual, recipe, taught
from tests.unit.training.conftest import CPU, MadeUp, Stop, same, stop_after, weights
from tests.unit.training.recording import Recorded

ALONE = Name.parse("digits/plain/2/seed0")
STUDENT = Name.parse("digits/plain/4-2/seed3")


@pytest.fixture
def capturing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that captures steps."""
    monkeypatch.setattr("takd.training.captured.captures", lambda device: True)
    monkeypatch.setattr("takd.training.captured.Capture", Recorded)


def both(
    name: Name, how: Recipe, data: PreparedData, answers: Teaching | None, patch: pytest.MonkeyPatch
) -> tuple[Trained, Trained, list[int]]:
    """The same training step by step, then captured; and the sizes of the steps that were captured."""
    eager = train(name, how, data, answers, device=CPU)
    sizes: list[int] = []

    class Counted(Recorded):
        def __call__(self, step: Any, rehearsing: Any) -> Any:
            sizes.append(step.args[0])
            return super().__call__(step, rehearsing)

    patch.setattr("takd.training.captured.captures", lambda device: True)
    patch.setattr("takd.training.captured.Capture", Counted)
    return eager, train(name, how, data, answers, device=CPU), sizes


def losses(trained: Trained) -> list[tuple[float, float]]:
    return [(epoch.loss, epoch.accuracy) for epoch in trained.history]


MUTUAL = Name.parse("digits/resnet/14-8+mutual/seed0")
DKD = Name.parse("digits/plain/4-2+dkd/seed3")
# and the sizes of the steps that are captured: of the last one, too, where it has another
KINDS: dict[str, tuple[Name, Recipe, list[int]]] = {
    "labels, no momentum": (ALONE, recipe(builder="plain:2", batch_size=33, momentum=0, nesterov=False), [33, 34]),
    "taught, crop and flip": (STUDENT, taught(builder="resnet:8", batch_size=40, augmentation="crop_flip", clip_norm=1), [40, 20]),
    "softened labels": (
        ALONE,
        recipe(builder="plain:4", batch_size=50, augmentation="resized_crop_flip", label_smoothing=0.1, class_weights="balanced"),
        [50],
    ),
    "in float32": (
        STUDENT,
        taught(builder="plain:2", batch_size=60, precision="float32", warm_up_epochs=1, sampling="balanced"),
        [60, 40],
    ),
    "a loss that begins otherwise": (DKD, recipe(objective="dkd", builder="plain:2", epochs=3, dkd_warm_up_epochs=2), [100]),
    "a pair": (MUTUAL, mutual(builder="plain:2", peer="plain:4", epochs=2, separate_epochs=1, batch_size=60), [60, 40]),
    "batch norm in parts": (ALONE, recipe(builder="plain:2", batch_norm_parts=2, batch_size=60), [60, 40]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_captured_steps_are_those_of_the_loop_to_the_bit(
    fewer: PreparedData, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, how, expected = KINDS[kind]
    answers = MadeUp(100, epochs=3) if name.is_distilled and name != MUTUAL else None
    eager, captured, sizes = both(name, how, fewer, answers, monkeypatch)
    assert same(weights(eager.network), weights(captured.network))
    assert losses(eager) == losses(captured)
    assert sizes == expected
    assert capsys.readouterr().out == ""


def test_several_teachers_are_heard_in_a_captured_step(fewer: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = Several([MadeUp(100, 2), MadeUp(100, 2)], temperature=4)
    ensemble.teachers[1].logits = ensemble.teachers[1].logits.flip(2)  # type: ignore[attr-defined]
    eager, captured, sizes = both(STUDENT, taught(builder="plain:2"), fewer, ensemble, monkeypatch)
    assert sizes == [100]
    assert same(weights(eager.network), weights(captured.network))


@pytest.mark.usefixtures("capturing")
def test_an_interrupted_training_of_captured_steps_ends_in_the_same_bits(fewer: PreparedData, tmp_path: Path) -> None:
    how, answers = taught(builder="plain:2", batch_size=40, augmentation="crop_flip"), MadeUp(100, 2)
    whole = train(STUDENT, how, fewer, answers, device=CPU)
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        train(STUDENT, how, fewer, answers, device=CPU, progress=progress, on_epoch=stop_after(1))
    resumed = train(STUDENT, how, fewer, answers, device=CPU, progress=progress)
    assert same(weights(whole.network), weights(resumed.network))


class Curious(nn.Module):
    """What it computes depends on what a number is: it asks the processor at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 32 * 32, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images.flatten(1)) * (2 if images.mean().item() > 0 else 1)  # type: ignore[no-any-return]


def test_what_cannot_be_captured_runs_as_it_is_and_says_so_once(
    fewer: PreparedData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("takd.training.loop.build", lambda *_, **__: Curious())
    monkeypatch.setattr("takd.training.loop.uses_randomness", lambda network: False)
    eager, captured, sizes = both(ALONE, recipe(batch_size=60), fewer, None, monkeypatch)
    assert sizes == [60]  # nor is the smaller last step tried
    assert same(weights(eager.network), weights(captured.network))
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "aren't captured" in said and "_local_scalar_dense" in said


def failing(cause: RuntimeError) -> type[Recorded]:
    """A capture in which a step fails, and so its end too, as torch has it."""

    class Failing(Recorded):
        def __call__(self, *_: object) -> Any:
            try:
                raise cause
            finally:
                raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    return Failing


def test_why_a_capture_failed_is_what_failed_first(
    fewer: PreparedData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("takd.training.captured.captures", lambda device: True)
    monkeypatch.setattr("takd.training.captured.Capture", failing(RuntimeError("CUDA error: not permitted when capturing")))
    train(ALONE, recipe(batch_size=60), fewer, None, device=CPU)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.endswith("torch says: CUDA error: not permitted when capturing\n")


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, torch.AcceleratorError])
def test_a_memory_that_is_full_in_a_capture_is_no_reason_to_go_on(
    fewer: PreparedData, monkeypatch: pytest.MonkeyPatch, kind: type[RuntimeError]
) -> None:
    monkeypatch.setattr("takd.training.captured.captures", lambda device: True)
    monkeypatch.setattr("takd.training.captured.Capture", failing(kind("CUDA error: out of memory")))
    with pytest.raises(kind, match="out of memory"):
        train(ALONE, recipe(batch_size=60), fewer, None, device=CPU)


def test_a_capture_that_fails_leaves_the_process_on_its_own_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's leaves it on the capture's: ending the capture raises before the stream is left."""
    streams = [MagicMock(name="own")]

    class Graph:
        def __init__(self, graph: object, *, stream: Any, **_: object) -> None:
            self.stream = stream

        def __enter__(self) -> None:
            streams.append(self.stream)

        def __exit__(self, *_: object) -> None:
            raise RuntimeError("previous error during capture")

    for name in ("Stream", "CUDAGraph"):
        monkeypatch.setattr(f"torch.cuda.{name}", MagicMock())
    monkeypatch.setattr("torch.cuda.stream", lambda stream: nullcontext())
    monkeypatch.setattr("torch.cuda.current_stream", lambda device: streams[-1])
    monkeypatch.setattr("torch.cuda.set_stream", streams.append)
    monkeypatch.setattr("torch.cuda.graph", Graph)
    with pytest.raises(RuntimeError, match="previous error"):
        Capture(CPU)(lambda: None, nullcontext)
    assert streams[1] is not streams[0] and streams[-1] is streams[0]


def course(data: PreparedData, how: Recipe) -> Course:
    network = initialised(how.network.builder, 10, 0, 32).to(memory_format=torch.channels_last)
    carry_out = Step(network, by_labels, how.objective, optimiser_of(network, how.optimiser), torch.float32)
    images = Views(data.train, Normalisation.of(data.train, "paper"), augmentation="none")
    everything = torch.arange(len(data.train))
    return Course(ALONE, how, images, data.train.labels, lambda epoch: everything, 10, carry_out)


def test_rehearsed_steps_leave_no_trace(fewer: PreparedData) -> None:
    given = course(fewer, recipe(builder="resnet:8", batch_size=50))
    steps, optimiser = OnDevice(given), given.carry_out.optimiser
    steps.begin_epoch(0)
    written = [*given.carry_out.model.parameters(), *given.carry_out.model.buffers(), steps.at, steps.losses]
    before, drawn = [each.clone() for each in written], torch.get_rng_state()
    with untouched(optimiser, written):
        steps.step(50)
        torch.rand(3)
        assert not torch.equal(steps.losses, before[-1])
    assert all(map(torch.equal, written, before)) and torch.equal(torch.get_rng_state(), drawn)
    assert all(not state["momentum"].any() for state in optimiser.state)
    steps.step(50)
    momenta = [state["momentum"].clone() for state in optimiser.state]
    with untouched(optimiser, written):
        steps.step(50)
    assert all(torch.equal(state["momentum"], kept) for state, kept in zip(optimiser.state, momenta, strict=True))
    assert any(kept.any() for kept in momenta)


def test_what_asks_the_processor_is_not_captured(
    fewer: PreparedData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = course(fewer, recipe(builder="plain:2"))
    streamed = StreamedSplit(Path(), [], torch.empty(0, 32), fewer.train.labels, size=32, classes=10, positions=torch.arange(100))
    mixed = recipe(mixup=0.2)
    features = recipe(objective="at", builder="plain:2")
    kinds: dict[str, Course] = {
        "several processes": replace(given, carry_out=replace(given.carry_out, world=World(0, 2))),
        "read from files": replace(given, images=Views(streamed, Normalisation.of(fewer.train, "paper"))),
        "erasing draws": replace(given, recipe=recipe(augmentation="crop_flip", erasing=0.5)),
        "mixup draws": replace(given, recipe=mixed, mixing=Mixing.of(mixed.labels, 10)),
        "without labels": replace(given, transfer=TransferSet(torch.arange(3), 1, 0)),
        "+at asks its teacher": replace(given, recipe=features),
        "+bss asks its teacher": replace(given, recipe=recipe(objective="bss", builder="plain:2")),
        "+dgkd draws": replace(given, recipe=recipe(objective="dgkd", builder="plain:2")),
        "random numbers": replace(given, is_random=True),
        "adamw": replace(given, recipe=recipe(optimiser="adamw")),
        "ema_decay": replace(given, after_step=lambda: None),
    }
    assert why_not_captured(given) is None
    monkeypatch.setattr("takd.training.captured.captures", lambda device: True)
    for why, each in kinds.items():
        assert isinstance(steps_of(each), OneByOne)
        said = capsys.readouterr().out
        assert said.count("\n") == 1 and why in said
