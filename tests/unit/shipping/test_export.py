"""A network as a file: it answers as the network does, for any number of images, and says what it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.errors import CheckpointError
from takd.shipping import export as exporting
from takd.shipping.classifier import load
from takd.shipping.export import Comparison, compared, export
from takd.shipping.onnx_file import OnnxNetwork
from tests.unit.training.conftest import write_network

NAME = "digits/resnet/8/seed0"
LABELS = tuple("0123456789")
OWN = """
import torch
from torch import nn
class Odd(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(3, classes)
    def forward(self, x):
        return {returned}
def small(classes):
    return Odd(classes)
"""


@pytest.fixture(scope="module")
def images(digits: Path) -> PreparedData:
    return prepared.load(digits)


@pytest.fixture(scope="module")
def model(images: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    return write_network(path, images, NAME, "resnet:8", labels=LABELS)


@pytest.fixture(scope="module")
def written(model: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "student.onnx"
    export(model, path, data_path=digits)
    return path


@pytest.mark.parametrize("count", [1, 32])
def test_bytes_of_images_give_the_networks_probabilities(written: Path, model: Path, images: PreparedData, count: int) -> None:
    pixels = images.test.images[:count]
    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    probabilities, logits = session.run(["probabilities", "logits"], {"images": pixels.numpy()})
    np.testing.assert_allclose(probabilities, load(model)(pixels).numpy(), atol=1e-5)
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-5)


def test_batch_norm_is_folded_and_nothing_of_this_machine_is_in_the_file(written: Path) -> None:
    graph = onnx.load(written).graph
    assert [node.op_type for node in graph.node].count("Conv") == 9  # 1, 3 blocks of 2, and 2 shortcuts that change shape
    assert not [node for node in graph.node if node.op_type == "BatchNormalization" or node.domain not in ("", "ai.onnx")]
    assert str(Path(exporting.__file__).parents[3]).encode() not in written.read_bytes()


def test_a_file_says_what_it_is(written: Path, model: Path) -> None:
    said = {entry.key: entry.value for entry in onnx.load(written).metadata_props}
    assert json.loads(said["labels"]) == list(LABELS)
    about = OnnxNetwork.read(written).about
    assert (about.name, about.variant, about.labels, about.size) == (NAME, "fp32", LABELS, 32)
    assert about.weights_digest == load(model).about.digest


@pytest.mark.long
def test_the_same_network_gives_the_same_bytes(written: Path, model: Path, digits: Path, tmp_path: Path) -> None:
    export(model, tmp_path / "again.onnx", data_path=digits)
    assert (tmp_path / "again.onnx").read_bytes() == written.read_bytes()


def test_eight_bits_are_smaller_and_nearly_the_same(written: Path, model: Path, digits: Path, tmp_path: Path) -> None:
    made = export(model, tmp_path / "small.onnx", "int8", data_path=digits)
    kinds = [node.op_type for node in onnx.load(made.files[0]).graph.node]
    assert kinds.count("QuantizeLinear") > 9 and kinds.count("DequantizeLinear") > 9
    assert made.bytes == made.files[0].stat().st_size < written.stat().st_size / 2
    assert made.comparison.largest_difference > 0 and made.comparison.agreement > 80
    assert OnnxNetwork.read(made.files[0]).about.variant == "int8"


def test_half_precision_is_half_the_size(written: Path, model: Path, digits: Path, tmp_path: Path) -> None:
    made = export(model, tmp_path / "half.onnx", "fp16", data_path=digits)
    assert made.bytes < 0.6 * written.stat().st_size
    assert 0 < made.comparison.largest_difference < 0.1


def test_torchs_own_program_takes_any_number_of_images(model: Path, digits: Path, images: PreparedData, tmp_path: Path) -> None:
    made = export(model, tmp_path / "student.pt2", "torch", data_path=digits)
    program = torch.export.load(made.files[0]).module()
    for count in (1, 32):
        pixels = images.test.images[:count]
        torch.testing.assert_close(program(pixels)[0], load(model)(pixels), atol=1e-5, rtol=0)


def test_a_comparison_counts_by_hand(model: Path, images: PreparedData) -> None:
    classifier = load(model)
    labels = images.test.labels

    def answers(pixels: Any) -> Any:
        logits = classifier.network(classifier.normalised(torch.from_numpy(pixels))).detach().numpy().copy()
        if len(pixels) > 1:
            logits[1] += np.roll(logits[1], 1) * 100  # the second of each batch of 32
        return logits, logits

    held = compared(classifier.network, classifier.about, answers, images)
    said = torch.from_numpy(np.concatenate([answers(batch.numpy())[1] for batch in images.test.images.split(32)])).argmax(1)
    truth = classifier(images.test.images).argmax(1)
    assert held.accuracy == pytest.approx(100 * (said == labels).double().mean().item())
    assert held.network_accuracy == pytest.approx(100 * (truth == labels).double().mean().item())
    assert held.agreement == pytest.approx(100 * (said == truth).double().mean().item())
    assert held.images == len(labels)


def test_what_depends_on_the_images_beside_one_is_refused(model: Path, images: PreparedData) -> None:
    classifier = load(model)

    def answers(pixels: Any) -> Any:
        logits = classifier.network(classifier.normalised(torch.from_numpy(pixels))).detach().numpy() * len(pixels)
        return logits, logits

    with pytest.raises(CheckpointError, match="depend on the images beside one"):
        compared(classifier.network, classifier.about, answers, images)


def test_a_file_that_lost_accuracy_is_not_written(
    model: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_written", lambda *_: b"")
    monkeypatch.setattr(exporting, "OnnxNetwork", lambda *_: None)
    monkeypatch.setattr(exporting, "compared", lambda *_: Comparison(89.97, 90.0, 99.9, 0.5, 10_000))
    with pytest.raises(CheckpointError, match=r"student.onnx: not written: top-1 89.97 % .* has 90.00 %"):
        export(model, tmp_path / "student.onnx", data_path=digits)
    assert list(tmp_path.iterdir()) == []


def test_a_network_whose_classes_have_no_names_is_refused(images: PreparedData, digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model.safetensors", images, NAME, "resnet:8")
    with pytest.raises(CheckpointError, match="its classes have no names"):
        export(path, tmp_path / "student.onnx", data_path=digits)


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        ("self.layer(torch.special.bessel_j0(x.mean((2, 3))))", r"can't be written as ONNX: .*bessel"),
        ("self.layer(x.mean((2, 3))) if x.mean() > 0 else x.mean((2, 3))", r"can't be written as a graph: "),
    ],
    ids=["an operator that ONNX lacks", "a way that depends on the images"],
)
def test_what_is_no_graph_of_onnx_ends_in_one_line(
    images: PreparedData, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returned: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(OWN.format(returned=returned))
    path = write_network(tmp_path / "model.safetensors", images, NAME, "nets.py:small", labels=LABELS)
    with pytest.raises(CheckpointError, match=complaint) as error:
        export(path, tmp_path / "student.onnx", data_path=digits, builder="nets.py:small")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "student.onnx").exists()


def test_files_that_are_no_network_of_takds_are_refused(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    model = onnx.load(written)
    path.write_bytes(b"not ONNX")
    with pytest.raises(CheckpointError, match=r"other.onnx: not a network that ONNX Runtime runs"):
        OnnxNetwork.read(path)
    model.metadata_props[0].value = model.metadata_props[0].value.replace("resnet/8", "resnet/9")
    onnx.save(model, path)
    with pytest.raises(CheckpointError, match="was changed, or damaged"):
        OnnxNetwork.read(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(CheckpointError, match="not one that takd wrote"):
        OnnxNetwork.read(path)


def test_an_operator_of_the_files_own_is_not_run(written: Path, tmp_path: Path) -> None:
    model = onnx.load(written)
    model.graph.node[5].domain = "somebody.else"
    model.opset_import.append(onnx.helper.make_opsetid("somebody.else", 1))
    onnx.save(model, tmp_path / "own.onnx")
    with pytest.raises(CheckpointError, match="not a network that ONNX Runtime runs"):
        OnnxNetwork.read(tmp_path / "own.onnx")


@pytest.mark.long
def test_a_network_of_torchvisions_is_folded_too(digits: Path, images: PreparedData, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", images, NAME, "torchvision:mobilenet_v3_small", labels=LABELS)
    made = export(path, tmp_path / "student.onnx", data_path=digits)
    kinds = [node.op_type for node in onnx.load(made.files[0]).graph.node]
    assert "BatchNormalization" not in kinds
    assert made.comparison.largest_difference < 1e-3
