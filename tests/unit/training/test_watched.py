"""Trainings whose student is compared with its teacher stage by stage."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.errors import DivergenceError, ParameterError
from takd.objectives.batch import Asked, Batch
from takd.objectives.registry import LabelFields
from takd.records.metrics import Metrics
from takd.records.weights import Weights
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.checkpoint import Progress
from takd.training.job import Files, train_network
from takd.training.loop import initialised, train
from takd.training.optimiser import SGD
from takd.training.soft_targets import online
from takd.training.step import Step
from takd.training.teaching import Shown
from takd.training.watched import Asking, Beside
from tests.conftest import recipe
from tests.unit.training.conftest import CPU, Stop, same, stop_after, weights, write_network

NAME = Name.parse("digits/resnet/14-8+at/seed3")
METHODS = ["at", "fitnet"]


def how(method: str, **changes: Any) -> Recipe:
    given: dict[str, Any] = {"builder": "resnet:8", "epochs": 2, "augmentation": "crop_flip", "batch_size": 50,
                             "fitnet_hint_epochs": 1}  # fmt: skip
    return recipe(objective=method, **(given | changes))


def called(method: str) -> Name:
    return Name.parse(f"digits/resnet/14-8+{method}/seed3")


def teacher(folder: Path, data: PreparedData, name: Name, recipe: Recipe, builder: str = "resnet:14") -> Beside:
    path = write_network(folder / "teacher.safetensors", data, str(name.teacher()), builder)
    return Beside(online(path, name, recipe, data, CPU))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("builder", "of"), [("resnet:8", "resnet:14"), ("plain:2", "plain:6"), ("plain:4", "resnet:8")])
def test_a_student_learns_beside_any_teacher(fewer: PreparedData, tmp_path: Path, method: str, builder: str, of: str) -> None:
    name, recipe = called(method), how(method, builder=builder)
    first, again = (train(name, recipe, fewer, teacher(tmp_path, fewer, name, recipe, of), device=CPU) for _ in range(2))
    alone = train(name, how("labels", builder=builder), fewer, None, device=CPU)
    assert same(weights(first.network), weights(again.network))
    assert weights(first.network).keys() == weights(alone.network).keys()  # no adapter, no teacher
    assert not same(weights(first.network), weights(alone.network))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("interrupted_after", [1, 2])
def test_an_interrupted_training_ends_in_the_same_bits(
    fewer: PreparedData, tmp_path: Path, method: str, interrupted_after: int
) -> None:
    name, recipe = called(method), how(method, epochs=3 - how(method).objective.epochs_before)
    whole = train(name, recipe, fewer, teacher(tmp_path, fewer, name, recipe), device=CPU)
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        given = teacher(tmp_path, fewer, name, recipe)
        train(name, recipe, fewer, given, device=CPU, progress=progress, on_epoch=stop_after(interrupted_after))
    resumed = train(name, recipe, fewer, teacher(tmp_path, fewer, name, recipe), device=CPU, progress=progress)
    assert same(weights(whole.network), weights(resumed.network))


def test_without_weight_it_is_a_network_alone(fewer: PreparedData, tmp_path: Path) -> None:
    recipe = how("at", at_weight=0)
    taught = train(NAME, recipe, fewer, teacher(tmp_path, fewer, NAME, recipe), device=CPU)
    alone = train(NAME, how("labels"), fewer, None, device=CPU)
    assert same(weights(taught.network), weights(alone.network))


def test_the_hint_reaches_the_layers_below_it_alone(fewer: PreparedData, tmp_path: Path) -> None:
    """After the epochs of the hint, layers above the second stage are as they were; the regressor isn't."""
    kept: list[dict[str, torch.Tensor]] = []

    class Kept(Progress):
        def save(self, model: nn.Module, *_: object) -> None:
            kept.append(weights(model))

    name, recipe = called("fitnet"), how("fitnet", weight_decay=0.1)
    given = teacher(tmp_path, fewer, name, recipe)
    train(name, recipe, fewer, given, device=CPU, progress=Kept(Path("none"), key=""))
    first = dict(initialised("resnet:8", 10, 3, 32).named_parameters())
    hinted, after = ({key.removeprefix("student.network."): each for key, each in state.items()} for state in kept[:2])
    moved = {part for part, value in first.items() if not torch.equal(hinted[part], value)}
    assert moved == {part for part in first if int(part.split(".")[0]) < 4}  # the third block and the last layer come after
    assert all(not torch.equal(after[part], value) for part, value in first.items())
    assert torch.equal(hinted["adapter.convolution.weight"], after["adapter.convolution.weight"])  # which has done its work


def test_a_teacher_shows_the_views_of_its_student(fewer: PreparedData, tmp_path: Path) -> None:
    """Features and logits of a step are those of the frozen teacher for the same crops."""
    recipe = how("at", precision="float32")
    beside = teacher(tmp_path, fewer, NAME, recipe)
    positions, views = torch.tensor([5, 2, 70]), beside.online.images.of_epoch(3, 1)
    said, features, *_ = beside.of_step(Shown(positions, views, 1))
    assert said is not None
    assert said.dtype == torch.float16 and [each.shape[1:] for each in features] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    online_answers = online(tmp_path / "teacher.safetensors", NAME, recipe, fewer, CPU).of_epoch(1)
    torch.testing.assert_close(said, online_answers[positions], rtol=1e-2, atol=1e-2)
    assert not any(each.requires_grad for each in features)


def test_logits_that_overflow_half_precision_are_the_teachers_fault(fewer: PreparedData, tmp_path: Path) -> None:
    """As with soft targets: else the student's loss became nan, and a lower learning rate of its own would be advised."""
    beside = teacher(tmp_path, fewer, NAME, how("at"))
    last = [each for each in beside.online.network.modules() if isinstance(each, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(1e9)
    with pytest.raises(DivergenceError, match=r"digits/resnet/14/seed3: its logits overflow half precision .* in epoch 2"):
        beside.of_step(Shown(torch.tensor([5, 2]), beside.online.images.of_epoch(3, 1), 1))


def job(folder: Path, data: Path, builder: str = "resnet:8", **given: Any) -> Metrics:
    files = Files(data=data, output=folder / "model.safetensors", metrics=folder / "metrics.json", **given)
    train_network(NAME, how("at", builder=builder, epochs=1, training_share=0.1), files, threads=1, device_name="cpu")
    return Metrics.read(folder / "metrics.json")


def test_a_job_runs_the_teacher_and_writes_the_student_alone(digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "teacher.safetensors", prepared.load(digits), "digits/resnet/14/seed3", "resnet:14")
    record = job(tmp_path, digits, teachers=(path,))
    assert record.teacher == "digits/resnet/14/seed3"
    assert not [name for name in Weights.read(tmp_path / "model.safetensors").tensors if "adapter" in name or "student" in name]


def test_what_it_cant_learn_from_is_said_in_one_line(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_network(tmp_path / "teacher.safetensors", prepared.load(digits), "digits/resnet/14/seed3", "resnet:14")
    with pytest.raises(ParameterError, match=r"needs --teacher, digits/resnet/14/seed3, as \+at asks it more than logits"):
        job(tmp_path, digits, soft_targets=(path,))
    with pytest.raises(ParameterError, match=r"14-8\+at/seed3: needs --teacher, digits/resnet/14/seed3"):
        job(tmp_path, digits)
    code = "from torch import nn\ndef net(classes):\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
    (tmp_path / "flat.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=r"14-8\+at/seed3: has no stages whose features could be compared"):
        job(tmp_path, digits, builder="flat.py:net", teachers=(path,))
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(("count", "used"), [(1, False), (2, True)])
def test_a_single_image_that_an_objective_makes_is_left_out(count: int, used: bool) -> None:
    """Batch norm compares the images of a step; of one image of single pixels it would have one value."""
    seen: list[bool] = []

    def loss(outputs: torch.Tensor, batch: Batch, fields: LabelFields) -> torch.Tensor:
        seen.append(batch.made is not None)
        return outputs.sum()

    objective: Any = SimpleNamespace(made=lambda pictures, outputs, batch, fields: pictures[:count], loss=loss)
    network = nn.Sequential(nn.Conv2d(3, 2, 4), nn.BatchNorm2d(2), nn.Flatten())
    asked = Asked(lambda images: torch.zeros(len(images), 2), torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    optimiser = SGD(network.parameters(), momentum=0, nesterov=False, weight_decay=0)
    step = Step(network, objective, LabelFields(name="labels"), optimiser, torch.float32)
    step(torch.rand(4, 3, 4, 4), Batch(torch.zeros(4, dtype=torch.long), None, 0, ask=asked), 0.1)
    assert seen == [used]


def test_the_images_of_an_objective_are_turned_on_the_teachers_device() -> None:
    scales = Normalisation(torch.ones(3, device="meta"), torch.zeros(3, device="meta"))
    images: Any = SimpleNamespace(device=torch.device("meta"), scale=scales.scale, shift=scales.shift)
    beside: Any = SimpleNamespace(
        teacher="", teacher_key="", teacher_digest="", images=images, network=nn.Conv2d(3, 2, 4, device="meta")
    )
    asking = Asking(beside, Normalisation(torch.ones(3), torch.zeros(3)))
    assert asking.ask.logits(torch.zeros(2, 3, 4, 4, device="meta")).shape == (2, 2, 1, 1)
    assert asking.ask.darkest.device == asking.ask.brightest.device == torch.device("meta")
