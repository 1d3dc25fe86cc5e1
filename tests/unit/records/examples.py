"""What the tests of records share: a good record of each kind, and files whose metadata somebody changed who knows how."""

import json
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from takd.files import packed, read_tensors
from takd.records.metrics import Epoch, Metrics, packed_answers
from takd.records.soft_targets import write_soft_targets
from takd.records.weights import write_weights
from tests.conftest import recipe

NAME, KEY, DIGEST = "digits/plain/4/seed0", "0123456789abcdef", "ab" * 32

ABOUT: dict[str, Any] = {
    "name": NAME, "key": KEY, "builder": "plain:4", "classes": 10, "labels": [str(i) for i in range(10)], "size": 32,
    "scale": [2 / 255] * 3, "shift": [-1.0] * 3, "precision": "float32", "held_out": (0.0, 0), "data_digest": DIGEST,
    "commit": "abc+",
}  # fmt: skip

ABOUT_TARGETS: dict[str, Any] = {
    "teacher": NAME, "teacher_key": KEY, "teacher_digest": DIGEST, "key": KEY, "views": "seed0-2epochs", "data_digest": DIGEST,
    "held_out": (0.0, 0),
}  # fmt: skip


def tensors() -> dict[str, Tensor]:
    return {"layer.weight": torch.arange(24.0).view(2, 3, 4), "layer.bias": torch.tensor([0.5, -0.5]), "count": torch.tensor(7)}


def weights(path: Path, **changes: Any) -> Path:
    write_weights(path, tensors(), ABOUT | changes)
    return path


def soft_targets(path: Path, **changes: Any) -> Path:
    epochs = (torch.arange(12).view(4, 3).half() + epoch for epoch in range(2))
    write_soft_targets(path, epochs, (2, 4, 3), ABOUT_TARGETS | changes)
    return path


def metrics(**changes: Any) -> Metrics:
    history = [Epoch(epoch=n + 1, learning_rate=0.02, loss=2.5 - n, accuracy=50.0 + 10 * n, seconds=1.5) for n in range(2)]
    values: dict[str, Any] = {
        "name": NAME, "key": KEY, "recipe": recipe(), "builder": "plain:4", "classes": 10, "data_digest": DIGEST, "code": KEY,
        "threads": 1, "device": "cpu", "machine": "a processor", "instructions": "AVX2", "precision": "float32",
        "versions": {"torch": "2.9"}, "commit": "abc", "measured_on": "test", "accuracy": 60.0, "best_test_accuracy": 60.0,
        "selected_accuracy": 60.0, "test_answers": packed_answers([1, 2, 9]), "epochs": 2, "seconds": 3.0, "parameters": 100,
        "weights_digest": DIGEST, "history": history,
    }  # fmt: skip
    return Metrics(**(values | changes))


def with_metadata(path: Path, changes: dict[str, Any], *, gone: tuple[str, ...] = ()) -> Path:
    """The same file saying something else of itself, its digest computed anew: as if takd had written it."""
    found, metadata = read_tensors(path)
    metadata = {name: value for name, value in (metadata | changes).items() if name not in gone}
    return raw(path, found, packed(metadata))


def raw(path: Path, found: dict[str, Tensor], metadata: dict[str, str]) -> Path:
    """Write safetensors, of whatever type."""
    kinds = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
             torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}  # fmt: skip
    entries: dict[str, Any] = {"__metadata__": metadata}
    content = b""
    for name, tensor in found.items():
        data = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        entries[name] = {
            "dtype": kinds[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(content), len(content) + len(data)],
        }
        content += data
    header = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content)
    return path


EXPORTED: dict[str, Any] = {
    "weights_digest": "0" * 64, "accuracy": 84.0, "network_accuracy": 85.0, "agreement": 98.0, "largest_difference": 0.5,
    "images": 100, "bytes": 5000, "parameters": 1000, "multiply_adds": 20_000, "commit": "abc", "versions": {"onnxruntime": "1"},
}  # fmt: skip

TIMED: dict[str, Any] = {
    "median": 0.25, "within": 0.5, "images_per_second": 9000, "calls": 200, "machine": "a processor", "commit": "abc",
    "versions": {"onnxruntime": "1"},
}  # fmt: skip
