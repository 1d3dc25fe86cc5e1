"""A model card says what a file is, from the network's record and those of its other seeds."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from takd.networks.builders import build
from takd.records.weights import About
from takd.shipping.card import Facts, card, over_seeds, records_beside
from takd.shipping.size import multiply_adds
from tests.conftest import taught
from tests.unit.records.examples import ABOUT, metrics

NAME = "cifar10/plain/10-4-2/seed{}"
FACTS = Facts(
    file="student.int8.onnx", kind="int8", bytes=12_345, accuracy=70.25, network_accuracy=70.5, agreement=98.75,
    largest_difference=0.51, images=10_000, parameters=1_234, multiply_adds=567_890, commit="abc", version="0.1.0",
    date="2026-11-28",
)  # fmt: skip


def record(seed: int, accuracy: float, **changes: Any) -> Any:
    given = {"name": NAME.format(seed), "selected_accuracy": accuracy, "history": [], "recipe": taught(epochs=2), "epochs": 2}
    return metrics(**given | changes)


def about(**changes: Any) -> About:
    return About.model_validate(
        ABOUT | {"name": NAME.format(0), "digest": "0" * 64, "labels": [f"class {n}" for n in range(10)]} | changes
    )


def test_seeds_have_a_mean_and_an_interval_of_students_t() -> None:
    seeds = over_seeds([record(0, 70.0), record(1, 72.0), record(2, 74.0)])
    assert seeds is not None and (seeds.networks, seeds.mean) == (3, 72.0)
    assert seeds.half_width == pytest.approx(4.303 * 2 / 3**0.5, rel=1e-3)  # t for 2 degrees of freedom; deviation 2
    assert over_seeds([record(0, 70.0)]) is None


def test_other_seeds_count_where_they_are_of_the_same_recipe(tmp_path: Path) -> None:
    assert records_beside(tmp_path / "seed0" / "model.safetensors") == (None, [])
    different: list[dict[str, Any]] = [{}, {}, {"recipe": taught(epochs=2, momentum=0.5)}, {"name": "cifar10/plain/10-4/seed3"}]
    for seed, changes in enumerate(different):
        record(seed, 70.0 + seed, **changes).write(tmp_path / f"seed{seed}" / "metrics.json")
    (tmp_path / "seed4").mkdir()
    (tmp_path / "seed4" / "metrics.json").write_text("{}")
    own, others = records_beside(tmp_path / "seed0" / "model.safetensors")
    assert own is not None and own.network.seed == 0
    assert [one.network.seed for one in others] == [1]


def test_a_card_says_all_that_a_reader_needs() -> None:
    text = card(about(), FACTS, record(0, 70.0, teacher="cifar10/plain/10-4/seed0"), [record(1, 72.0)])
    for said in (
        "distilled through teacher assistants", "| chain | 10 → 4 → 2 |", "class 0, class 1", "eight bits", "12,345 bytes",
        "| parameters | 1,234 |", "567,890 an image", "70.25 % of 10,000 test images", "70.50 % in float32", "98.75 %",
        "| its recipe, the 2 seeds there were | 71.00 ± 12.71 %", "on 2026-11-28 by", "at commit abc",
        "Its teacher was `cifar10/plain/10-4/seed0`", '"momentum"',
        "MIT licence", "10.1609/aaai.v34i04.5963",
    ):  # fmt: skip
        assert said in text, said


def test_a_card_without_its_networks_record_says_what_the_file_says() -> None:
    text = card(about(name="cifar10/plain/2/seed0"), FACTS, None, [])
    assert "trained from labels alone" in text and "seeds" not in text and "## Recipe" not in text


def test_a_card_of_a_network_that_came_in_with_its_weights_says_so() -> None:
    of = about(name="cifar10/plain/10/seed0")
    brought = metrics(name="cifar10/plain/10/seed0", recipe=None, epochs=0, history=[], best_test_accuracy=None)
    text = card(of, FACTS, brought, [])
    assert "A classifier of 10 classes, which came in with its weights." in text and "taken over at commit" in text
    assert "labels alone" not in text and "trained at" not in text
    trained = card(of, FACTS, metrics(name="cifar10/plain/10/seed0"), [])
    assert "trained from labels alone" in trained and "trained at commit" in trained and "weights." not in trained.split("\n")[2]


@pytest.mark.parametrize(("member", "count"), [("plain:2", None), ("resnet:8", 12_501_632)])
def test_multiply_adds_are_those_of_a_hand_count(member: str, count: int | None) -> None:
    small = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    assert multiply_adds(small, 32) == 32 * 32 * 8 * 3 * 9 + 8 * 10
    grouped = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3))
    assert multiply_adds(grouped, 32) == 16 * 16 * 6 * 9
    network = build(member, 10, size=32)
    assert count is None or multiply_adds(network, 32) == count


def test_multiply_adds_of_attention_are_those_of_its_projections() -> None:
    """Of 16 patches of 8x8 pixels: a block's three projections and the one behind them, 4 d² a patch, and its layers, 2 d · 4d."""
    patches, d = 16, 12
    block = nn.TransformerEncoderLayer(d, 2, dim_feedforward=4 * d, batch_first=True)
    network = nn.Sequential(nn.Conv2d(3, d, 8, stride=8), nn.Flatten(2), Turned(), block).eval()
    assert multiply_adds(network, 32) == patches * (d * 3 * 64 + 4 * d * d + 8 * d * d)
    assert torch.backends.mha.get_fastpath_enabled() and torch.is_grad_enabled()


class Turned(nn.Module):
    """(B, d, patches) to (B, patches, d)."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.transpose(1, 2)
