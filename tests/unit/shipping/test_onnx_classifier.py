"""An exported network answers as its graph computes; what isn't one is refused in a line."""

import sys
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


def export(path: Path, metadata: str | None, *, output: str = "probabilities") -> Path:
    """The softmax of a twentieth of each colour's mean, as an ONNX file."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("Mul", ["means", "twentieth"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [output], axis=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 8, 8, 3])
    answers = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in (output, "logits")]
    constants = [
        numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        numpy_helper.from_array(np.array(0.05, np.float32), "twentieth"),
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


def test_without_onnx_runtime_what_to_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(tmp_path / "a.onnx", said())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ParameterError, match=r"a\.onnx: onnxruntime isn't installed; pip install takd\[export\]"):
        takd.load(path)


def test_it_is_evaluated_on_the_images_of_its_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.from_numpy(np.stack([random_pixels(number, 8, 8) for number in range(40)]))
    labels = torch.arange(40) % 3
    split = Split(images, labels)
    data = PreparedData("digits", 3, "0" * 64, split, split, ("red", "green", "blue"))
    monkeypatch.setattr(prepared, "load", lambda path: replace(data, name=path.name))
    path = export(tmp_path / "a.onnx", said())
    found = evaluated(path, Path("digits"), device_name="cpu", threads=1)
    answers = images.float().mean(dim=(1, 2)).argmax(dim=1)
    assert found.accuracy == pytest.approx(100 * (answers == labels).float().mean().item())
    assert found.confusion.sum() == 40 and (found.name, found.labels) == (SAID["name"], data.labels)
    with pytest.raises(CheckpointError, match="isn't of these images of cifar10"):
        evaluated(path, Path("cifar10"), device_name="cpu", threads=1)
