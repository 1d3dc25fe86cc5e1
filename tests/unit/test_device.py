import pytest

from takd.device import chosen_device
from takd.errors import ParameterError


@pytest.mark.parametrize("free", [{"cuda:0": 10, "cuda:7": 20, "cuda:1": 15}, {"cuda:7": 20, "cuda:0": 10}])
def test_auto_is_the_gpu_with_most_free_memory(monkeypatch: pytest.MonkeyPatch, free: dict[str, int]) -> None:
    """None of them is on this machine, and the error names the one that was chosen."""
    monkeypatch.setattr("takd.device._free_memory", lambda: free)
    with pytest.raises(ParameterError, match="'cuda:7': not on this machine"):
        chosen_device("auto", 1)


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takd.device._free_memory", dict)
    assert chosen_device("auto", 1).type == "cpu"
