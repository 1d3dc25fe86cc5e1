import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from takd.errors import CheckpointError, DivergenceError
from takd.files import packed
from takd.records.soft_targets import About, SoftTargets, read_about, write_soft_targets
from tests.unit.records.examples import ABOUT_TARGETS, raw, soft_targets, weights, with_metadata


def logits() -> Tensor:
    return torch.stack([torch.arange(12).view(4, 3).half() + epoch for epoch in range(2)])


def test_soft_targets_come_back_as_they_were(tmp_path: Path) -> None:
    found = SoftTargets.read(soft_targets(tmp_path / "targets"))
    assert torch.equal(found.logits, logits()) and found.logits.dtype == torch.float16
    assert found.about == About(**ABOUT_TARGETS, digest=hashlib.sha256(logits().numpy().tobytes()).hexdigest())
    assert torch.equal(found.of_epoch(1), logits()[1])


def test_one_answer_serves_all_epochs_of_unaugmented_views(tmp_path: Path) -> None:
    write_soft_targets(tmp_path / "targets", iter(logits()[:1]), (1, 4, 3), ABOUT_TARGETS | {"views": "unaugmented"})
    found = SoftTargets.read(tmp_path / "targets")
    assert torch.equal(found.of_epoch(0), found.of_epoch(41))


def test_the_same_answers_are_the_same_file(tmp_path: Path) -> None:
    assert soft_targets(tmp_path / "a").read_bytes() == soft_targets(tmp_path / "b").read_bytes()


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_answers_that_overflow_are_not_written(tmp_path: Path, value: float) -> None:
    bad = logits()
    bad[1, 2, 0] = value
    with pytest.raises(DivergenceError, match=r"digits/plain/4/seed0: its logits overflow half precision .* in epoch 2"):
        write_soft_targets(tmp_path / "targets", iter(bad), (2, 4, 3), ABOUT_TARGETS)
    assert list(tmp_path.iterdir()) == []


def test_every_bit_counts(tmp_path: Path) -> None:
    path = soft_targets(tmp_path / "targets")
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            found = SoftTargets.read(path)
            assert found.logits.numpy().tobytes() == logits().numpy().tobytes()
        except CheckpointError as error:
            assert "\n" not in str(error) and len(str(error)) < 600


def with_logits(path: Path, tensor: Tensor, name: str = "logits") -> Path:
    """Whose digest was computed anew."""
    digest = hashlib.sha256(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()
    about = About.model_validate(ABOUT_TARGETS | {"digest": digest})
    return raw(path, {name: tensor}, packed(about.model_dump(mode="json")))


NONE = "holds no soft targets: expected half-precision logits"


@pytest.mark.parametrize(
    ("tensor", "what_is_said"),
    [
        (logits().float(), NONE), (logits().to(torch.int16), NONE), (logits().bool(), NONE), (logits().bfloat16(), NONE),
        (logits()[0], NONE), (logits().flatten(), NONE), (logits()[0, 0, 1], NONE), (logits()[:0], NONE),
        (logits()[:, :, :0], NONE),
        (logits()[None], NONE), (torch.zeros_like(logits()), "all logits are 0"),
        (logits() * float("nan"), "aren't finite"), (logits() * 60_000, "aren't finite"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_teachers_answers_is_refused(tmp_path: Path, tensor: Tensor, what_is_said: str) -> None:
    with pytest.raises(CheckpointError, match=what_is_said) as raised:
        SoftTargets.read(with_logits(tmp_path / "targets", tensor))
    assert "\n" not in str(raised.value)


def test_answers_under_another_name_are_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=NONE):
        SoftTargets.read(with_logits(tmp_path / "targets", logits(), "logit"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("teacher", 5), ("teacher", None), ("teacher", "digits/plain/4"), ("teacher", "x" * 300_000), ("teacher", "\x1b[31m"),
        ("teacher_key", "0"), ("teacher_digest", None), ("key", []), ("views", "all of them"), ("views", "seed0-0epochs"),
        ("views", "seed-1-2epochs"), ("views", "seed٠-2epochs"), ("views", 3), ("views", "seed0-" + "9" * 5000 + "epochs"),
        ("data_digest", "d"), ("held_out", [2, 0]), ("held_out", "none"), ("digest", 0), ("other", "x"),
    ],
    ids=lambda value: str(value)[:24].encode("unicode_escape").decode(),
)  # fmt: skip
def test_what_a_file_says_of_itself_is_checked(tmp_path: Path, field: str, value: Any) -> None:
    path = with_metadata(soft_targets(tmp_path / "targets.safetensors"), {field: value})
    with pytest.raises(CheckpointError, match=r"targets\.safetensors: not soft targets") as raised:
        read_about(path)
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and field in said and len(said) < 800


def test_a_networks_weights_are_no_soft_targets(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not soft targets"):
        SoftTargets.read(weights(tmp_path / "model"))
