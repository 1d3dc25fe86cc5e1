import shutil
from pathlib import Path

import pytest

import takd
from takd import code_hash


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of takd's sources that the hash is taken of."""
    copy = tmp_path / "takd"
    shutil.copytree(Path(takd.__file__).parent, copy)

    class Spec:
        origin = str(copy / "__init__.py")

    monkeypatch.setattr(code_hash, "find_spec", lambda _: Spec)
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_changed_loss_changes_the_hash_of_training_and_of_nothing_else(package: Path) -> None:
    training, tables = code_hash.code_hash("takd.training"), code_hash.code_hash("takd.reporting.tables")
    edit(package / "objectives" / "distillation.py", "temperature**2", "temperature**3")
    assert code_hash.code_hash("takd.training") != training
    assert code_hash.code_hash("takd.reporting.tables") == tables


def test_a_changed_family_concerns_its_own_networks(package: Path) -> None:
    plain, resnet = (code_hash.code_hash("takd.training", f"takd.networks.{name}") for name in ("plain", "resnet"))
    edit(package / "networks" / "resnet.py", "torch.relu_(self.first(x))", "torch.tanh(self.first(x))")
    assert code_hash.code_hash("takd.training", "takd.networks.plain") == plain
    assert code_hash.code_hash("takd.training", "takd.networks.resnet") != resnet


@pytest.mark.parametrize(("old", "new"), [('"""', '"""Or: '), ("\n\n", "\n\n# A comment.\n"), ("\n\n\n", "\n\n\n\n")])
def test_comments_docstrings_and_layout_do_not_count(package: Path, old: str, new: str) -> None:
    before = code_hash.code_hash("takd.training")
    edit(package / "training.py", old, new)
    assert code_hash.code_hash("takd.training") == before


def test_a_new_entry_in_a_registry_concerns_nothing_that_is_there(package: Path) -> None:
    before = code_hash.code_hash("takd.training", "takd.networks.plain")
    edit(package / "networks" / "registry.py", '"plain": Family(', '"mine": Family("mine", (1,)), "plain": Family(')
    edit(package / "data" / "registry.py", '"cifar10": Dataset(', '"mine": Dataset("", 1, 1, "", ""), "cifar10": Dataset(')
    edit(package / "data" / "sources.py", '"cifar10": read_cifar10,', '"mine": read_cifar10, "cifar10": read_cifar10,')
    assert code_hash.code_hash("takd.training", "takd.networks.plain") == before


def test_imports_are_followed_to_the_end(package: Path) -> None:
    before = code_hash.code_hash("takd.training")
    edit(package / "files.py", "file.flush()", "pass")  # training → checkpoint → files
    assert code_hash.code_hash("takd.training") != before


def test_the_command_line_is_no_part_of_training(package: Path) -> None:
    before = code_hash.code_hash("takd.training")
    edit(package / "cli.py", "return 2", "return 3")
    assert code_hash.code_hash("takd.training") == before


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        code_hash.code_hash("takd.absent")
