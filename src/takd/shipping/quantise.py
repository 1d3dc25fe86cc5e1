"""Eight-bit networks, by ONNX Runtime's static quantisation: weights and activations, their ranges seen on training images."""

import logging
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from takd.shipping.graph import INPUT
from takd.shipping.onnx_file import Pixels

CALIBRATION_IMAGES = 512
_NORMALISING = ("Cast", "Mul", "Add", "Transpose")


def quantised(model: Any, batches: Iterable[Pixels]) -> Any:
    """The onnx.ModelProto with QDQ pairs round what can compute in eight bits; normalisation and softmax stay in float32.

    batches: of training images, (B, S, S, 3), uint8. Weights are signed, a scale for each output channel; activations unsigned,
    which processors multiply fastest: twice as fast as signed ones on AVX-512 VNNI (docs/decisions/0035).
    """
    copy = onnx.ModelProto.FromString(model.SerializeToString())  # it moves the weights of what it is given to a file
    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)  # it advises to fold batch norm, which is done
    try:
        with TemporaryDirectory() as folder:
            quantize_static(
                copy,
                Path(folder, "int8.onnx"),
                _Batches(batches),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_in_float32(copy.graph),
            )
            return onnx.load(Path(folder, "int8.onnx"))
    finally:
        root.setLevel(level)


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, batches: Iterable[Pixels]) -> None:
        self._batches = iter(batches)

    def get_next(self) -> dict[str, Pixels] | None:
        """What the calibration shows the network next; None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _in_float32(graph: Any) -> list[str]:
    """Names of the nodes between the images and the network, and of the softmax behind it."""
    names, tensors = [graph.node[-1].name], {INPUT}
    for node in graph.node:
        if node.op_type in _NORMALISING and tensors & set(node.input):
            names.append(node.name)
            tensors |= set(node.output)
            if node.op_type == "Transpose":
                break
    return names
