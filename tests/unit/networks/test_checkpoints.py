import collections
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from takd.errors import CheckpointError
from takd.networks.builders import build
from takd.networks.checkpoints import load_into, read_state_dict

State = dict[str, Tensor]


def network(classes: int = 5, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build("torchvision:resnet18", classes)


@pytest.fixture(scope="module")
def state() -> State:
    """What a trained resnet18 for 5 classes would be saved as."""
    return network(seed=1).state_dict()


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def lightning(state: State) -> dict[str, Any]:
    """A checkpoint as Lightning writes it: more than weights, and a loss's weights among them."""
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": prefixed("model.", state) | {"criterion.weight": torch.ones(5)},
        "loops": {"fit_loop": {"state_dict": {}}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}],
        "hyper_parameters": {"lr": 0.1},
    }


FORMS: dict[str, Callable[[State], Any]] = {
    "state dict": lambda state: state,
    "ordered": lambda state: collections.OrderedDict(state),
    "half": lambda state: {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()},
    "state_dict": lambda state: {
        "state_dict": state,
        "epoch": 90,
        "best_acc1": 71.2,
        "optimizer": {"state": {}, "param_groups": []},
    },
    "model": lambda state: {"model": state, "epoch": 3, "lr_scheduler": {"last_epoch": 3}},
    "nested": lambda state: {"model": {"state_dict": state, "size": 18}},
    "net": lambda state: {"net": prefixed("module.", state), "acc": 95.1},
    "teacher": lambda state: {"teacher": prefixed("backbone.", state)},
    "DataParallel": lambda state: prefixed("module.", state),
    "compiled": lambda state: prefixed("_orig_mod.", state),
    "compiled in DataParallel": lambda state: {"model_state_dict": prefixed("module._orig_mod.", state)},
    "DataParallel compiled": lambda state: prefixed("_orig_mod.module.", state),
    "inner compiled": lambda state: {name.replace("layer1.", "layer1._orig_mod."): tensor for name, tensor in state.items()},
    "Lightning": lightning,
    "Lightning compiled": lambda state: {"state_dict": prefixed("model._orig_mod.", state)},
    "a number beside": lambda state: {**state, "epoch": 3},
    "without counters": lambda state: {name: tensor for name, tensor in state.items() if "num_batches" not in name},
    "parameters": lambda state: {
        name: nn.Parameter(tensor) if tensor.is_floating_point() else tensor for name, tensor in state.items()
    },
}


def assert_loaded(path: Path, state: State, tolerance: float = 0.0) -> None:
    loaded = network()
    load_into(loaded, read_state_dict(path), source=str(path))
    for name, tensor in loaded.state_dict().items():
        assert tensor.dtype == state[name].dtype
        torch.testing.assert_close(tensor, state[name], rtol=0, atol=tolerance)


LEGACY = ("state dict", "Lightning", "parameters")  # torch wrote no zip archives before 1.6


@pytest.mark.parametrize(("form", "archive"), [(form, True) for form in FORMS] + [(form, False) for form in LEGACY])
def test_the_usual_ways_of_saving_are_read(tmp_path: Path, state: State, form: str, archive: bool) -> None:
    torch.save(FORMS[form](state), path := tmp_path / "w.pth", _use_new_zipfile_serialization=archive)
    assert_loaded(path, state, 1e-2 if form == "half" else 0.0)


def test_safetensors_are_read(tmp_path: Path, state: State) -> None:
    save_file(prefixed("module.", state), path := tmp_path / "w.safetensors")
    assert_loaded(path, state)


def test_a_networks_own_names_may_look_like_prefixes(tmp_path: Path) -> None:
    """Names that the network has as they are stay what they are."""

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = nn.Sequential(nn.Linear(3, 4))
            self.backbone = nn.Linear(3, 4)

    torch.save(Wrapped().state_dict(), path := tmp_path / "w.pth")
    load_into(Wrapped(), read_state_dict(path), source="w.pth")


RAN = "ran"


class Hostile:
    """Unpickling it would make a file."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


def hostile(target: Path) -> dict[str, Any]:
    return {
        "os.system": Hostile(os.system, f"touch {target}"),
        "exec": Hostile(exec, f"open({str(target)!r}, 'w')"),
        "open": Hostile(open, str(target), "w"),
        "in a state dict": {"state_dict": {"a": torch.ones(2)}, "args": Hostile(os.system, f"touch {target}")},
        "a network": nn.Linear(2, 2),
        "a class": {"state_dict": {"a": torch.ones(2)}, "path": target},
    }


@pytest.mark.parametrize("kind", ["os.system", "exec", "open", "in a state dict", "a network", "a class"])
@pytest.mark.parametrize("way", ["zip", "legacy", "pickle 2", "pickle 5"])
def test_a_file_that_asks_to_run_code_is_not_opened(tmp_path: Path, kind: str, way: str) -> None:
    content, path = hostile(tmp_path / RAN)[kind], tmp_path / "w.pth"
    if way.startswith("pickle"):
        path.write_bytes(pickle.dumps(content, protocol=int(way[-1])))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "zip")
    with pytest.raises(CheckpointError) as error:
        read_state_dict(path)
    text = str(error.value)
    assert not (tmp_path / RAN).exists() and text.startswith(str(path)) and "\n" not in text and "delete" not in text
    if way in ("zip", "legacy"):
        assert "asks to run code (" in text and "torch.save(model.state_dict()" in text
        named = {
            "os.system": "system",
            "exec": "exec",
            "open": "open",
            "in a state dict": "system",
            "a network": "Linear",
            "a class": "Path",
        }
        assert named[kind] in text


def damaged(folder: Path, state: State) -> dict[str, Path]:
    """Files that hold no weights, by what is wrong with them."""
    torch.save(state, whole := folder / "whole.pth")
    data = whole.read_bytes()
    files: dict[str, bytes] = {
        "empty.pth": b"",
        "text.pth": b"epoch,accuracy\n1,50\n",
        "cut.pth": data[: len(data) // 2],
        "one.ckpt": data[:1],
        "zeros.pt": bytes(5000),
        "number.pth": pickle.dumps(3, protocol=2),
        "cut.safetensors": struct.pack("<Q", 100) + b"{}",
        "huge.safetensors": struct.pack("<Q", 2**62) + b"{}" * 50,
        "short.safetensors": b"abc",
        "json.safetensors": struct.pack("<Q", 4) + b"{a}]",
        "zip.safetensors": data[:9000],
        "empty.safetensors": b"",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}}, folder / "nothing.pth")
    torch.save([1, 2], folder / "list.pth")
    torch.save({}, folder / "no.pth")
    torch.save({"a": torch.ones(2, 2).to_sparse()}, folder / "sparse.pth")
    torch.save({"a": torch.ones(2, 2, device="meta")}, folder / "meta.pth")
    torch.save({"a" * 5000: torch.ones(2)}, folder / "long.pth")
    with zipfile.ZipFile(folder / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(folder / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        for record in source.infolist():
            archive.writestr(record.filename, source.read(record))
    os.mkfifo(folder / "pipe.pth")
    (folder / "folder.pth").mkdir()
    (folder / "loop.pth").symlink_to(folder / "loop.pth")
    (folder / "device.pth").symlink_to("/dev/zero")
    names = [path.name for path in folder.iterdir() if path != whole]
    return {name: folder / name for name in [*names, "missing.pth", "x" * 300 + ".pth"]}


def test_a_file_that_holds_no_weights_is_told_in_one_line(tmp_path: Path) -> None:
    state = {f"layer{index}.weight": torch.randn(64, 64) for index in range(3)}
    for name, path in damaged(tmp_path, state).items():
        with pytest.raises(CheckpointError) as error:
            read_state_dict(path)
        text = str(error.value)
        assert text.startswith(f"{path}: ") and "\n" not in text and "delete" not in text and len(text) < 300 + len(str(path)), name
        assert "weights_only" not in text


def test_a_cut_at_any_place_is_told(tmp_path: Path) -> None:
    state = {"a.weight": torch.randn(6, 5), "a.bias": torch.randn(6)}
    torch.save(state, whole := tmp_path / "whole.pth")
    data, path = whole.read_bytes(), tmp_path / "cut.pth"
    for length in range(0, len(data), 37):
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            read_state_dict(path)


def test_damaged_bytes_give_weights_or_one_line(tmp_path: Path) -> None:
    """Whatever bytes a file holds, no other error leaves the reader."""
    generator = torch.Generator().manual_seed(0)
    for archive in (True, False):
        torch.save({"a.weight": torch.randn(6, 5)}, whole := tmp_path / "whole.pth", _use_new_zipfile_serialization=archive)
        data = whole.read_bytes()
        for _ in range(150):
            changed = bytearray(data)
            for position in torch.randint(len(data), (3,), generator=generator).tolist():
                changed[position] = int(torch.randint(256, (1,), generator=generator))
            (path := tmp_path / "changed.pth").write_bytes(changed)
            try:
                read_state_dict(path)
            except CheckpointError as error:
                assert "\n" not in str(error)


def test_what_does_not_fit_is_counted_and_the_first_are_named(state: State) -> None:
    changed = {name: tensor for name, tensor in state.items() if not name.startswith("layer1")}
    changed |= {"conv1.weight": torch.zeros(64, 1, 3, 3), "head.weight": torch.zeros(3)}
    with pytest.raises(CheckpointError) as error:
        load_into(network(), changed, source="w.pth")
    text = str(error.value)
    assert text.startswith("w.pth: ") and "\n" not in text
    assert "20 missing (layer1.0.conv1.weight, layer1.0.bn1.weight, layer1.0.bn1.bias, ...)" in text
    assert "1 unexpected (head.weight)" in text
    assert "1 of another shape (conv1.weight (64, 1, 3, 3) instead of (64, 3, 7, 7))" in text


def test_a_head_for_other_classes_is_told_with_both_numbers(state: State) -> None:
    with pytest.raises(CheckpointError, match=r"^w\.pth: has 5 classes, the data set has 37$"):
        load_into(network(37), state, source="w.pth")


@pytest.mark.parametrize("kind", ["other classes", "none", "another kind"])
def test_a_start_leaves_the_head_as_it_was_drawn(state: State, kind: str) -> None:
    given = dict(state)
    if kind != "other classes":
        del given["fc.weight"], given["fc.bias"]
    if kind == "another kind":
        given |= {"head.mlp.0.weight": torch.zeros(3, 512)}
    target = network(37)
    head = target.state_dict()["fc.weight"].clone()
    load_into(target, given, source="w.pth", head_may_differ=True)
    found = target.state_dict()
    assert torch.equal(found["fc.weight"], head) and torch.equal(found["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])


def test_a_start_still_needs_all_that_comes_before_the_head(state: State) -> None:
    given = {name: tensor for name, tensor in state.items() if not name.startswith("layer4.1.conv2")}
    with pytest.raises(CheckpointError, match="1 missing"):
        load_into(network(37), given, source="w.pth", head_may_differ=True)
    wider = state | {"layer1.0.conv1.weight": torch.zeros(32, 64, 3, 3), "layer1.0.conv2.weight": torch.zeros(64, 32, 3, 3)}
    with pytest.raises(CheckpointError, match="2 of another shape"):
        load_into(network(5), wider, source="w.pth", head_may_differ=True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("layer1.0.conv1.weight", float("nan"), "infinite or not numbers"),
        ("bn1.running_var", float("inf"), "infinite or not numbers"),
        ("fc.weight", 1e300, "infinite or not numbers"),
        ("fc.weight", 3, "is of type torch.int64"),
    ],
)
def test_weights_that_are_no_numbers_are_refused_and_nothing_is_loaded(
    state: State, name: str, value: float, expected: str
) -> None:
    dtype = torch.int64 if isinstance(value, int) else torch.float64
    target = network()
    before = {each: tensor.clone() for each, tensor in target.state_dict().items()}
    with pytest.raises(CheckpointError, match=f"{name}.*{expected}"):
        load_into(target, state | {name: torch.full(state[name].shape, value, dtype=dtype)}, source="w.pth")
    assert all(torch.equal(tensor, before[each]) for each, tensor in target.state_dict().items())


def test_heads_that_are_only_for_training_are_left_out() -> None:
    """torchvision's weights of GoogLeNet and Inception have them; takd builds the networks without."""
    with torch.device("meta"):
        target = build("torchvision:googlenet", 5)
    target = target.to_empty(device="cpu")
    given = {name: torch.zeros_like(tensor) for name, tensor in target.state_dict().items()}
    load_into(target, given | {"aux1.conv.conv.weight": torch.zeros(3)}, source="w.pth")
