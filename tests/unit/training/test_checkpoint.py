from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from takd.errors import ParameterError
from takd.files import read_tensors, write_tensors
from takd.records.metrics import Epoch
from takd.training.checkpoint import Progress, resume_key
from takd.training.loop import initialised
from takd.training.optimiser import Optimiser, optimiser_of
from tests.conftest import recipe
from tests.unit.training.conftest import same, weights

HISTORY = [Epoch(epoch=1, learning_rate=0.1, loss=0.3, accuracy=50.0, seconds=1.5)]


def stepped(seed: int = 0) -> tuple[nn.Module, Optimiser]:
    """A network and its optimiser after one step."""
    network = initialised("plain:2", 10, seed, 32)
    optimiser = optimiser_of(network, recipe().optimiser)
    network(torch.ones(2, 3, 32, 32)).sum().backward()
    optimiser.step(0.1)
    return network, optimiser


def saved(path: Path, best: dict[str, Tensor] | None = None) -> tuple[nn.Module, Optimiser]:
    network, optimiser = stepped()
    Progress(path, "this").save(network, optimiser, best or {}, HISTORY)
    return network, optimiser


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    best = {"0.0.weight": torch.randn(3)}
    network, optimiser = saved(tmp_path / "resume", best)
    other, fresh = initialised("plain:2", 10, 1, 32), optimiser_of(initialised("plain:2", 10, 1, 32), recipe().optimiser)
    found: dict[str, Tensor] = {}
    assert Progress(tmp_path / "resume", "this").restore(other, fresh, found) == HISTORY
    assert same(weights(network), weights(other)) and same(best, found)
    for mine, theirs in zip(fresh.state, optimiser.state, strict=True):
        assert mine.keys() == {"momentum"} and same(mine, theirs)


def test_another_key_is_another_training(tmp_path: Path) -> None:
    saved(tmp_path / "resume")
    network, optimiser = stepped(seed=1)
    before = weights(network)
    assert Progress(tmp_path / "resume", "other").restore(network, optimiser, {}) == []
    assert same(before, weights(network))
    assert Progress(tmp_path / "absent", "this").restore(network, optimiser, {}) == []


@pytest.mark.parametrize("damage", ["cut", "bit", "history"])
def test_a_state_that_is_damaged_is_said_and_not_taken(tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "resume"
    saved(path)
    content = path.read_bytes()
    if damage == "history":
        tensors, metadata = read_tensors(path)
        write_tensors(path, tensors, metadata | {"history": [{"epoch": 0}]})
    else:
        path.write_bytes(content[:-10] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    network, optimiser = stepped(seed=1)
    before = weights(network)
    assert Progress(path, "this").restore(network, optimiser, {}) == []
    assert same(before, weights(network))
    assert f"{path}: can't be gone on from" in capsys.readouterr().out


def test_a_file_that_is_not_takds_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "resume"
    save_file({"w": torch.zeros(1)}, tmp_path / "foreign")
    torch.save({"w": torch.zeros(1)}, tmp_path / "pickle")
    for content in (b"my thesis", (tmp_path / "foreign").read_bytes(), (tmp_path / "pickle").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ParameterError, match="resume: not the state of a training that takd wrote") as raised:
            Progress(path, "this")
        assert "\n" not in str(raised.value) and path.read_bytes() == content


def test_an_empty_file_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "resume").touch()
    saved(tmp_path / "resume")
    assert (tmp_path / "resume").stat().st_size > 0


def test_a_key_is_over_each_text_by_itself() -> None:
    assert len({resume_key("ab", "c"), resume_key("a", "bc"), resume_key("abc"), resume_key("abc", "")}) == 4
