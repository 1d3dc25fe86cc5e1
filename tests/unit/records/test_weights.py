import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from takd.errors import CheckpointError
from takd.files import packed, read_metadata, write_tensors
from takd.records.weights import About, Weights, read_about, tensors_digest, write_weights
from tests.unit.records.examples import ABOUT, DIGEST, KEY, NAME, raw, soft_targets, tensors, weights, with_metadata


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    found = Weights.read(weights(tmp_path / "model"), data_digest=DIGEST)
    assert found.tensors.keys() == tensors().keys()
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in tensors().items())
    assert found.about == About.model_validate(ABOUT | {"digest": tensors_digest(tensors())})
    assert str(found.about.network) == NAME


def test_what_they_say_is_read_without_torch(tmp_path: Path) -> None:
    path = weights(tmp_path / "model")
    code = f"import sys; from pathlib import Path; from takd.records.weights import read_about; read_about(Path({str(path)!r}))"
    assert subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], check=False).returncode == 0


def test_the_digest_is_of_the_weights_alone(tmp_path: Path) -> None:
    one, again, later = (weights(tmp_path / name, **changes) for name, changes in (("a", {}), ("b", {}), ("c", {"commit": "d"})))
    assert one.read_bytes() == again.read_bytes() != later.read_bytes()
    assert read_about(one).digest == read_about(later).digest
    other = tensors() | {"layer.bias": torch.tensor([0.5, 0.5])}
    assert write_weights(tmp_path / "other", other, ABOUT).digest != read_about(one).digest


def test_a_digest_tells_names_shapes_and_types_apart() -> None:
    tensor = torch.arange(6.0)
    digests = {
        tensors_digest(each)
        for each in (
            {"a": tensor}, {"b": tensor}, {"a": tensor.view(2, 3)}, {"a": tensor.view(torch.int32)}, {"a": tensor, "b": tensor[:0]},
        )
    }  # fmt: skip
    assert len(digests) == 5
    assert tensors_digest({"a": tensor.view(2, 3).T}) == tensors_digest({"a": tensor.view(2, 3).T.contiguous()})


def test_the_digest_of_large_tensors_is_of_all_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tensors_digest(tensors())
    monkeypatch.setattr("takd.records.weights.PART", 5)
    assert tensors_digest(tensors()) == whole


@pytest.mark.parametrize("length", [0, 4, 100, 600, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = weights(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*(cut short|damaged)") as raised:
        Weights.read(path)
    assert "\n" not in str(raised.value)


def test_every_bit_counts(tmp_path: Path) -> None:
    path = weights(tmp_path / "model")
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = Weights.read(path)
            assert tensors_digest(found.tensors) == tensors_digest(tensors())  # between tokens of JSON
        except CheckpointError as error:
            assert "\n" not in str(error) and len(str(error)) < 600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", 10**11), ("classes", -10), ("classes", 0), ("classes", 1), ("classes", None), ("classes", "10"),
        ("classes", 10.5), ("classes", [10]), ("classes", True), ("classes", 11), ("name", 5), ("name", None),
        ("name", "x" * 300_000),
        ("name", "digits/plain/4"), ("name", "../../etc/passwd"), ("name", "digits/plain/4/seed0\n"),
        ("name", "digits/plain/\x1b[31m/seed0"),
        ("key", "0123"), ("key", "g" * 16), ("key", 1), ("builder", ""), ("builder", "os:system("), ("builder", 4),
        ("builder", "plain:3"),
        ("builder", "x" * 300_000), ("labels", "0123456789"), ("labels", ["a"] * 9), ("labels", [1] * 10),
        ("labels", ["x" * 500] * 10), ("labels", ["", *"123456789"]), ("labels", ["\x1b[2J", *"123456789"]),
        ("labels", ["a\nb", *"123456789"]), ("labels", ["\ud800", *"123456789"]), ("labels", [*"112345678", "9"]),
        ("labels", ["a"] * 70_000), ("size", 0), ("size", 10**6), ("size", "32"), ("scale", [1.0]), ("scale", [1e300] * 3),
        ("scale", [float("nan")] * 3), ("scale", [float("inf")] * 3), ("scale", "abc"),
        ("scale", [1.0, 0.0, 1.0]), ("scale", [-1.0] * 3),
        ("shift", None), ("precision", "int8"),
        ("held_out", [1.0, 0]), ("held_out", [0.1]), ("held_out", [0.1, -1]), ("held_out", 0), ("data_digest", "d"), ("digest", ""),
        ("digest", "0" * 64), ("commit", ["abc"]), ("commit", "c" * 1000), ("other", 1),
    ],
    ids=lambda value: str(value)[:24].encode("unicode_escape").decode(),
)  # fmt: skip
def test_what_a_file_says_of_itself_is_checked(tmp_path: Path, field: str, value: Any) -> None:
    path = with_metadata(weights(tmp_path / "model.safetensors"), {field: value})
    with pytest.raises(CheckpointError, match=r"model\.safetensors: (not a network's weights|isn't what was written)") as raised:
        Weights.read(path)
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and len(said) < 1000
    assert field in said or field == "digest"


@pytest.mark.parametrize("field", [*ABOUT, "digest"])
def test_nothing_may_be_missing(tmp_path: Path, field: str) -> None:
    path = with_metadata(weights(tmp_path / "model"), {}, gone=(field,))
    with pytest.raises(CheckpointError, match=f"{field}: is missing"):
        read_about(path)


@pytest.mark.parametrize(
    ("changed", "what_is_said"),
    [
        ({"layer.bias": torch.tensor([float("nan"), 0])}, "layer.bias holds numbers that aren't finite"),
        ({"layer.bias": torch.tensor([float("-inf"), 0])}, "layer.bias holds numbers that aren't finite"),
        ({"layer.weight": torch.zeros(2, 3, 4, dtype=torch.int8)}, "layer.weight is int8; weights are float32"),
        ({"layer.weight": torch.zeros(2, 3, 4, dtype=torch.bfloat16)}, "layer.weight is bfloat16"),
        ({"layer.weight": torch.zeros(2, 3, 4, dtype=torch.float16)}, "layer.weight is float16"),
        ({"layer.weight": torch.zeros(2, 3, 4, dtype=torch.float64)}, "layer.weight is float64"),
        ({"count": torch.tensor(True)}, "count is bool"),
        ({"x" * 300_000: torch.zeros(1, dtype=torch.int32)}, "x… is int32"),
        ({"\x1b[31m": torch.zeros(1, dtype=torch.uint8)}, "is uint8"),
    ],
    ids=range(9),
)  # fmt: skip
def test_weights_are_finite_numbers_of_the_right_kind(tmp_path: Path, changed: dict[str, Tensor], what_is_said: str) -> None:
    """Also where whoever changed them computed the digest anew."""
    all_of_them = tensors() | changed
    about = About.model_validate(ABOUT | {"digest": tensors_digest(all_of_them)})
    path = raw(tmp_path / "model", all_of_them, packed(about.model_dump(mode="json")))
    with pytest.raises(CheckpointError, match=what_is_said) as raised:
        Weights.read(path)
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value) and len(str(raised.value)) < 400


def test_no_weights_are_none(tmp_path: Path) -> None:
    write_weights(tmp_path / "model", {}, ABOUT)
    with pytest.raises(CheckpointError, match="holds no weights"):
        Weights.read(tmp_path / "model")


def test_a_file_larger_than_any_networks_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model"
    about = About.model_validate(ABOUT | {"digest": DIGEST})
    tensor = {"dtype": "F32", "shape": [5 * 10**9], "data_offsets": [0, 20 * 10**9]}
    head = json.dumps({"__metadata__": packed(about.model_dump(mode="json")), "w": tensor}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + 20 * 10**9)  # of holes
    with pytest.raises(CheckpointError, match=r"20,000,00.* bytes; a network's weights have at most"):
        Weights.read(path)


def test_other_images_and_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="digits/plain/4/seed0 was trained on other images"):
        Weights.read(weights(tmp_path / "model"), data_digest="cd" * 32)
    with pytest.raises(CheckpointError, match="not a network's weights"):
        Weights.read(soft_targets(tmp_path / "targets"))
    write_tensors(tmp_path / "resume", tensors(), {"kind": "a training under way", "key": KEY})
    with pytest.raises(CheckpointError, match="not a network's weights"):
        Weights.read(tmp_path / "resume")
    assert read_metadata(tmp_path / "resume")["key"] == KEY
