"""A teacher that was trained elsewhere: taken over, judged, asked and learnt from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet18

from takd.data import prepared
from takd.errors import CheckpointError, ParameterError
from takd.files import sha256_of
from takd.measuring.evaluation import evaluated
from takd.records.metrics import Metrics, unpacked_answers
from takd.records.weights import Weights
from takd.study.names import Name
from takd.training import soft_targets
from takd.training.importing import import_network
from takd.training.job import Files, train_network
from tests.conftest import recipe, taught
from tests.unit.training.conftest import CPU

BUILDER, NAME = "torchvision:resnet18", "digits/own/resnet18/seed0"


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody else saved, by torch alone."""
    torch.manual_seed(0)
    network = resnet18(num_classes=10)
    network(torch.randn(30, 3, 32, 32))
    path = tmp_path_factory.mktemp("brought") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


def take(folder: Path, data: Path, weights: Path, name: str = NAME, key: str | None = None, **options: Any) -> Metrics:
    files = Files(data=data, output=folder / "model.safetensors", metrics=folder / "metrics.json", weights=weights, **options)
    how = recipe(builder=BUILDER, normalisation="imagenet", validation_share=0.1)
    import_network(Name.parse(name), how, files, threads=1, device_name="cpu", expected_key=key)
    return Metrics.read(folder / "metrics.json")


def test_weights_are_taken_over_and_judged_as_their_images_were(
    digits: Path, brought: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = take(tmp_path, digits, brought)
    assert capsys.readouterr().out == f"{NAME}: {record.accuracy:.2f} % on the test images, by {brought}\n"

    data, network = prepared.load(digits), resnet18(num_classes=10)
    network.load_state_dict(torch.load(brought))
    pixels = data.test.images.permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        answers = network.eval()((pixels - mean) / deviation).argmax(1)
    assert record.test_answers is not None
    agreeing = (torch.tensor(unpacked_answers(record.test_answers)) == answers).float().mean()
    assert agreeing > 0.95  # of networks in bfloat16 and in float32
    assert record.accuracy == pytest.approx(100 * (answers == data.test.labels).float().mean().item(), abs=3)

    assert (record.measured_on, record.epochs, record.history, record.recipe) == ("test", 0, [], None)
    assert (record.weights, record.best_test_accuracy, record.selected_accuracy) == (sha256_of(brought), None, record.accuracy)
    kept = Weights.read(tmp_path / "model.safetensors")
    assert (kept.about.held_out, kept.about.builder, kept.about.key) == ((0, 0), BUILDER, record.key)
    assert torch.equal(kept.tensors["conv1.weight"], torch.load(brought)["conv1.weight"])
    found = evaluated(tmp_path / "model.safetensors", digits, device_name="cpu", threads=1)
    assert (found.name, found.accuracy) == (NAME, record.accuracy)


def test_it_teaches_a_student_by_a_file(digits: Path, brought: Path, tmp_path: Path) -> None:
    record = take(tmp_path, digits, brought)
    targets, student = tmp_path / "targets", "digits/own/resnet18-small/seed1"
    data = prepared.load(digits)
    soft_targets.compute(tmp_path / "model.safetensors", data, targets, views="unaugmented", device=CPU)
    files = Files(data=digits, output=tmp_path / "student", metrics=tmp_path / "student.json", soft_targets=(targets,))
    how = taught(builder="plain:2", epochs=1, training_share=0.2)
    train_network(Name.parse(student), how, files, threads=1, device_name="cpu")
    taught_record = Metrics.read(tmp_path / "student.json")
    assert (taught_record.teacher, taught_record.teacher_digest) == (NAME, record.weights_digest)
    judged = taught(builder="plain:2", validation_share=0.1)
    with pytest.raises(CheckpointError, match=r"resnet18/seed0 learnt from images that .*small/seed1 holds out"):
        soft_targets.from_file(targets, Name.parse(student), judged, data)


@pytest.mark.parametrize(
    ("change", "what_is_said"),
    [
        (lambda state: resnet18(num_classes=37).state_dict(), "weights.pth: has 37 classes, the data set has 10"),
        (lambda state: {k: v for k, v in state.items() if "layer4" not in k}, "doesn't fit the network: .* missing"),
        (lambda state: state | {"fc.bias": torch.full((10,), torch.nan)}, "fc.bias holds values that are infinite or not numbers"),
        (lambda state: [1, 2], "weights.pth: holds no weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(
    digits: Path, brought: Path, tmp_path: Path, change: Any, what_is_said: str
) -> None:
    torch.save(change(torch.load(brought)), tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=what_is_said) as raised:
        take(tmp_path / "out", digits, tmp_path / "weights.pth")
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "options", "what_is_said"),
    [
        ("cifar10/own/resnet18/seed0", {}, "needs cifar10, but the prepared data set is digits"),
        ("digits/own/resnet34-resnet18/seed0", {}, "weights are taken over for the first network of a chain alone, as in resnet18"),
        (NAME, {"soft_targets": (Path("targets"),)}, "is taken from .*weights.pth without training, so it has no use for targets"),
        (NAME, {"teachers": (Path("teacher"),)}, "no use for teacher"),
        (NAME, {"start": Path("start")}, "no use for start"),
        (NAME, {"key": "1" * 16}, "expected 1{16}"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    digits: Path, brought: Path, tmp_path: Path, name: str, options: dict[str, Any], what_is_said: str
) -> None:
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        take(tmp_path / "out", digits, brought, name, **options)
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_its_own_weights_are_not_written_over(digits: Path, brought: Path) -> None:
    before = brought.read_bytes()
    files = Files(data=digits, output=brought, metrics=brought.with_name("metrics.json"), weights=brought)
    with pytest.raises(ParameterError, match=r"weights.pth: is read by this command"):
        import_network(Name.parse(NAME), recipe(builder=BUILDER), files, threads=1, device_name="cpu")
    assert brought.read_bytes() == before
