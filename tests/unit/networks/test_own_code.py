from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from takd.errors import ParameterError
from takd.networks.builders import build, check, code_files

NET = """
from torch import nn
def net(classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes))
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(**files: str) -> Path:
        """Files of a project: `nets__small` is nets/small.py, PACKAGE __init__.py. Returns its root."""
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/').replace('PACKAGE', '__init__')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return written


def names(root: Path, builder: str) -> list[str]:
    return [str(path.relative_to(root)) for path in code_files(builder, root)]


@pytest.mark.parametrize("builder", ["deep/nets.py:net", "deep.nets:net"])
def test_a_users_function_builds_a_network(write: Callable[..., Path], builder: str) -> None:
    root = write(deep__nets=NET)
    assert check(builder, 5, 32, root=root) == 20
    assert build(builder, 5, root=root).training
    assert not (root / "deep" / "__pycache__").exists()


def test_a_file_finds_what_lies_beside_it_and_in_the_root(write: Callable[..., Path]) -> None:
    root = write(nets__own="import blocks, common\nnet = blocks.net", nets__blocks=NET, common="")
    assert check("nets/own.py:net", 5, 32, root=root) == 20
    assert names(root, "nets/own.py:net") == ["nets/own.py", "common.py", "nets/blocks.py"]


def test_the_files_that_count_are_those_imported_transitively(write: Callable[..., Path]) -> None:
    root = write(
        pkg__PACKAGE="from . import setup",
        pkg__setup="",
        pkg__nets="import json, torch\nfrom .layers import block\nfrom takd.networks import layers\ndef net(c):\n  import late",
        pkg__layers__PACKAGE="from ..deep.one import block",
        pkg__deep__one="import pkg.nets\nblock = 1",
        pkg__unused="",
        late="raise RuntimeError('run')",
        json="",
    )
    expected = ["pkg/nets.py", "late.py", "pkg/__init__.py", "pkg/deep/one.py", "pkg/layers/__init__.py", "pkg/setup.py"]
    assert names(root, "pkg.nets:net") == expected


def test_what_is_installed_below_the_root_does_not_count(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(nets="import installed_thing")
    site = root / "venv" / "site-packages"
    site.mkdir(parents=True)
    (site / "installed_thing.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    assert names(root, "nets.py:net") == ["nets.py"]


def test_the_users_modules_elsewhere_on_pythons_path_count(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a package that is installed in place, in another folder than the project."""
    root = write(other__lab__PACKAGE="", other__lab__nets="from . import blocks\ndef net(c): return 1 / 0", other__lab__blocks="")
    monkeypatch.syspath_prepend(str(root / "other"))
    (root / "project").mkdir()
    found = code_files("lab.nets:net", root / "project")
    assert [path.name for path in found] == ["nets.py", "__init__.py", "blocks.py"]
    with pytest.raises(ParameterError, match=r"other/lab/nets.py, line 2\)"):
        build("lab.nets:net", 5, root=root / "project")


def test_libraries_have_no_code_files(tmp_path: Path) -> None:
    assert code_files("torchvision:resnet18", tmp_path) == code_files("plain:2", tmp_path) == []


def test_a_changed_file_is_run_anew_and_an_unchanged_one_is_not(write: Callable[..., Path]) -> None:
    code = "import sizes\nfrom torch import nn\nRUNS = []\ndef net(c):\n    RUNS.append(1)\n"
    code += "    return nn.Linear(sizes.N * len(RUNS), c)"
    root = write(nets=code, sizes="N = 2")
    assert [build("nets.py:net", 5, root=root).in_features for _ in range(2)] == [2, 4]  # the same module's list grows
    write(sizes="N = 3")
    assert build("nets.py:net", 5, root=root).in_features == 3


def test_modules_of_the_same_name_in_two_projects_are_kept_apart(tmp_path: Path) -> None:
    for folder, width in (("a", 3), ("b", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "nets.py").write_text(f"from torch import nn\ndef net(c): return nn.Linear({width}, c)")
    assert [build("nets:net", 5, root=tmp_path / folder).in_features for folder in "aba"] == [3, 4, 3]


FAILURES = {
    "def net(classes):\n    return undefined": "NameError: name 'undefined' is not defined (nets.py, line 2)",
    "import nothing_of_that_name": "ModuleNotFoundError: No module named 'nothing_of_that_name' (nets.py, line 1)",
    "x = 1\ndef net(:": "SyntaxError: invalid syntax (nets.py, line 2)",
    "x = '\0'": "null bytes",
    "import sys\nsys.exit(3)": "SystemExit: 3 (nets.py, line 2)",
    "def net(classes):\n    raise ValueError('one\\ntwo')": "ValueError: one (nets.py, line 2)",
    "def net():\n    pass": "TypeError: net() takes 0 positional arguments",
    "def net(classes):\n    return 3": "returned a int; right would be a torch.nn.Module",
    "def net(classes):\n    pass": "returned a NoneType",
    "def nett(classes):\n    pass": "has no function 'net'; there are nett",
    "net = 3": "has no function 'net'",
    "from torch import nn\ndef net(classes):\n    return nn.Flatten()": "has no parameters",
    "from torch import nn\ndef net(c):\n    return nn.Linear(32, c)": "are of shape (2, 3, 32, 5); right would be (2, 5)",
    "from torch import nn\ndef net(classes):\n    return nn.Linear(7, classes)": "fails on images of 32x32 pixels: RuntimeError",
}
FORWARDS = {
    "return x.sum(), x": "returns a tuple; right would be one tensor of logits",
    "return {'logits': self.a(x)}": "returns a dict",
    "return self.a(x)[:, :4]": "are of shape (2, 4)",
    "return self.a(x).argmax(1, keepdim=True).expand(2, 5)": "torch.int64",
    "return self.a(x).detach()": "no gradient reaches the parameters",
    "return self.a(x).softmax(1)": "ends in a softmax",
    "return self.a(x) / 0": "infinite or not numbers",
    "self.kept = self.a(x); return self.kept": "can't be copied",
    "return self.a(x) + missing": "(nets.py, line 7)",
    "return self.a(x) if not self.training else (self.a(x), None)": "returns a tuple",
    "y = self.a(x).exp(); z = y * 1; y.add_(1); return z + y": "fails in the backward pass",
}
MODULE = """from torch import nn
class net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.a = nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))
    def forward(self, x):
        {}
"""


@pytest.mark.parametrize(("code", "expected"), FAILURES.items())
def test_what_is_wrong_in_a_users_file_is_said_in_one_line(write: Callable[..., Path], code: str, expected: str) -> None:
    root = write(nets=code)
    with pytest.raises(ParameterError) as error:
        check("nets.py:net", 5, 32, root=root)
    assert expected in str(error.value) and str(error.value).startswith("nets.py:net: ") and "\n" not in str(error.value)


@pytest.mark.parametrize(("line", "expected"), FORWARDS.items())
def test_what_is_wrong_in_a_users_forward_is_said_in_one_line(write: Callable[..., Path], line: str, expected: str) -> None:
    root = write(nets=MODULE.format(line))
    with pytest.raises(ParameterError) as error:
        check("nets.py:net", 5, 32, root=root)
    assert expected in str(error.value) and str(error.value).startswith("nets.py:net: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("builder", ["nowhere.py:net", "nowhere:net", "folder.py:net", "no.where:net"])
def test_a_missing_file_or_module_is_said_in_one_line(tmp_path: Path, builder: str) -> None:
    (tmp_path / "folder.py").mkdir()
    for ask in (lambda: build(builder, 5, root=tmp_path), lambda: code_files(builder, tmp_path)):
        with pytest.raises(ParameterError, match=r"no (file|module)") as error:
            ask()
        assert "\n" not in str(error.value)


def test_an_error_in_a_file_that_is_imported_names_that_file(write: Callable[..., Path]) -> None:
    root = write(nets__own="import blocks\nnet = blocks.net", nets__blocks="def net(c):\n\n    return 1 / 0")
    with pytest.raises(ParameterError, match=r"ZeroDivisionError: division by zero \(nets/blocks.py, line 3\)"):
        build("nets/own.py:net", 5, root=root)


def test_lazy_layers_are_drawn_before_training(write: Callable[..., Path]) -> None:
    root = write(nets="from torch import nn\ndef net(c): return nn.Sequential(nn.Flatten(), nn.LazyLinear(c))")
    assert check("nets.py:net", 5, 8, root=root) == 3 * 8 * 8 * 5 + 5
    with pytest.raises(ParameterError, match="lazy"):
        build("nets.py:net", 5, root=root)


def test_a_function_that_asks_for_the_image_size_is_given_it(write: Callable[..., Path]) -> None:
    root = write(
        nets="from torch import nn\ndef net(c, image_size=224): return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, c))"
    )
    assert check("nets.py:net", 5, 8, root=root) == 965


def test_checking_leaves_the_global_generator(write: Callable[..., Path]) -> None:
    root = write(nets=NET)
    before = torch.get_rng_state()
    check("nets.py:net", 5, 8, root=root)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_users_network_comes_in_float32_and_training_mode(write: Callable[..., Path]) -> None:
    root = write(nets="from torch import nn\ndef net(c): return nn.Linear(3, c).double().eval()")
    network = build("nets.py:net", 5, root=root)
    assert isinstance(network, nn.Linear) and network.training and network.weight.dtype == torch.float32
