"""An exported network answers as its graph computes; what isn't one is refused in a line."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import takd
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.errors import CheckpointError, DataError, ParameterError
from takd.files import packed
from takd.measuring.evaluation import evaluated
from tests.unit.data.pictures_of import random_pixels, save

SAID: dict[str, Any] = {
    "name": "digits/plain/2/seed0", "key": "0" * 16, "weights_digest": "0" * 64, "variant": "fp32",
    "labels": ["red", "green", "blue"], "size": 8, "commit": "abc",
}  # fmt: skip


def said(**changes: Any) -> str:
    return packed(SAID | changes)["takd"]


def export(
    path: Path, metadata: str | None, *, output: str = "probabilities", factor: float = 0.05, last: Sequence[onnx.NodeProto] = ()
) -> Path:
    """The softmax of a twentieth of each colour's mean, as an ONNX file. last: what stands in softmax's place."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("Mul", ["means", "twentieth"], ["logits"]),
        *(last or [helper.make_node("Softmax", ["logits"], [output], axis=1)]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 8, 8, 3])
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in (output, "logits")]
    constants = [
        numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        numpy_helper.from_array(np.array(factor, np.float32), "twentieth"),
        numpy_helper.from_array(np.zeros((7, 3), np.float32), "seven"),
    ]
    graph = helper.make_graph(nodes, "colours", [images], answers, constants)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    if metadata is not None:
        helper.set_model_props(model, {"takd": metadata})
    onnx.save(model, path)
    return path


def test_its_answers_are_those_of_the_graph(tmp_path: Path) -> None:
    pixels = random_pixels(0, 8, 8)
    logits = pixels.mean(axis=(0, 1)) / 20
    expected = np.exp(logits) / np.exp(logits).sum()
    network = takd.load(export(tmp_path / "a.onnx", said()))
    answers = network.predict(save(tmp_path / "a.png", pixels))
    order = np.argsort(-expected)
    assert [answer.label for answer in answers] == [SAID["labels"][place] for place in order]
    assert [answer.probability for answer in answers] == pytest.approx(expected[order], rel=1e-5)
    batch = torch.from_numpy(np.stack([pixels, 255 - pixels]))
    assert network(batch)[0].numpy() == pytest.approx(expected, rel=1e-5) and network(batch).shape == (2, 3)
    with pytest.raises(DataError, match=r"expected \(B, 8, 8, 3\), uint8"):
        network(batch.float())


@pytest.mark.parametrize(
    ("metadata", "what_is_said"),
    [
        (None, "an ONNX file, but not one that takd wrote"),
        ("{", "isn't what was written: what it says of itself is damaged"),
        (said().replace("green", "greem"), "isn't what was written: what it says of itself was changed, or damaged"),
        (said(labels=["red", "gr\neen", "blue"]), "not a network of takd's, or of another version: labels"),
        (said(labels=["red", "green"]), "its inputs and outputs aren't those that takd writes"),
        (said(size=9), "its inputs and outputs aren't those that takd writes"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, metadata: str | None, what_is_said: str) -> None:
    path = export(tmp_path / "a.onnx", metadata)
    with pytest.raises(CheckpointError, match=r"a\.onnx: ") as raised:
        takd.load(path)
    assert what_is_said in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    whole = export(tmp_path / "whole.onnx", said()).read_bytes()
    contents = {"empty": b"", "text": b"no network", "cut": whole[: len(whole) // 2]}
    for name, content in contents.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
        with pytest.raises(CheckpointError, match=rf"{name}\.onnx: not a network that ONNX Runtime runs") as raised:
            takd.load(tmp_path / f"{name}.onnx")
        assert "\n" not in str(raised.value)
    with pytest.raises(CheckpointError, match=r"absent\.onnx: no such file"):
        takd.load(tmp_path / "absent.onnx")
    with pytest.raises(CheckpointError, match="its inputs and outputs aren't those that takd writes"):
        takd.load(export(tmp_path / "other.onnx", said(), output="answers"))


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(3_000_000_000)  # of nothing: it takes no place
    said = {
        "pipe": "a device or a pipe, not a file",
        "folder": "a folder, not a file",
        "large": "3,000,000,000 bytes; an ONNX file",
    }
    for name, what in said.items():
        with pytest.raises(CheckpointError, match=rf"{name}\.onnx: {what}"):
            takd.load(tmp_path / f"{name}.onnx")


def test_a_network_of_operators_or_weights_of_elsewhere_is_refused(tmp_path: Path) -> None:
    model = onnx.load(export(tmp_path / "a.onnx", said()))
    model.graph.node[2].domain = "elsewhere"
    (tmp_path / "operator.onnx").write_bytes(model.SerializeToString())
    model.graph.node[2].domain = ""
    outside = model.graph.initializer[1]
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="../../../../etc/passwd")
    (tmp_path / "weights.onnx").write_bytes(model.SerializeToString())
    for name in ("operator", "weights"):
        with pytest.raises(CheckpointError, match=rf"{name}\.onnx: not a network that ONNX Runtime runs") as raised:
            takd.load(tmp_path / f"{name}.onnx")
        assert str(raised.value).isprintable()


@pytest.fixture
def forty(monkeypatch: pytest.MonkeyPatch) -> PreparedData:
    """40 random images of three classes, as any prepared file's."""
    images = torch.from_numpy(np.stack([random_pixels(number, 8, 8) for number in range(40)]))
    split = Split(images, torch.arange(40) % 3)
    data = PreparedData("digits", 3, "0" * 64, split, split, ("red", "green", "blue"))
    monkeypatch.setattr(prepared, "load", lambda path: replace(data, name=path.name))
    return data


NO_ANSWERS = {
    "probabilities of 130": [helper.make_node("Identity", ["means"], ["probabilities"])],
    "probabilities below 0": [helper.make_node("Neg", ["means"], ["probabilities"])],
    "one answer for all images": [helper.make_node("ReduceMean", ["means", "axes0"], ["probabilities"], keepdims=1)],
    "seven answers for one image": [helper.make_node("Identity", ["seven"], ["probabilities"])],
}


@pytest.mark.parametrize("which", NO_ANSWERS)
@pytest.mark.usefixtures("forty")
def test_answers_that_are_no_probabilities_of_each_image_are_refused(tmp_path: Path, which: str) -> None:
    last = [helper.make_node("Constant", [], ["axes0"], value_ints=[0]), *NO_ANSWERS[which]]
    path = export(tmp_path / "a.onnx", said(), last=last)
    with pytest.raises(CheckpointError, match=r"a\.onnx: what it answers aren't probabilities of 3 classes for each image"):
        evaluated(path, Path("digits"), device_name="cpu", threads=1)
    if which != "one answer for all images":
        with pytest.raises(CheckpointError, match="aren't probabilities"):
            takd.load(path).predict(save(tmp_path / "a.png", random_pixels(0, 8, 8)))


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
@pytest.mark.usefixtures("forty")
def test_answers_that_are_no_numbers_have_no_accuracy(tmp_path: Path, factor: float) -> None:
    path = export(tmp_path / "a.onnx", said(), factor=factor)
    with pytest.raises(CheckpointError, match="its answers to the test images aren't finite numbers, so it has no accuracy"):
        evaluated(path, Path("digits"), device_name="cpu", threads=1)
    with pytest.raises(CheckpointError, match=r"a\.png: the network's answers to it aren't finite numbers"):
        takd.load(path).predict(save(tmp_path / "a.png", random_pixels(0, 8, 8)))


def test_without_onnx_runtime_what_to_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(tmp_path / "a.onnx", said())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ParameterError, match=r"a\.onnx: onnxruntime isn't installed; pip install 'takd\[export\]'"):
        takd.load(path)


def test_it_is_evaluated_on_the_images_of_its_data_set(tmp_path: Path, forty: PreparedData) -> None:
    path = export(tmp_path / "a.onnx", said())
    found = evaluated(path, Path("digits"), device_name="cpu", threads=1)
    answers = forty.test.pixels(torch.arange(40)).float().mean(dim=(1, 2)).argmax(dim=1)
    assert found.accuracy == pytest.approx(100 * (answers == forty.test.labels).float().mean().item())
    assert found.confusion.sum() == 40 and (found.name, found.labels) == (SAID["name"], forty.labels)
    with pytest.raises(CheckpointError, match="isn't of these images of cifar10"):
        evaluated(path, Path("cifar10"), device_name="cpu", threads=1)
