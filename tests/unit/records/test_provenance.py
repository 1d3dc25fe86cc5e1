"""Where a result came from: the commit, and whether the code was changed since."""

import subprocess
from pathlib import Path

import pytest
import torch

from takd.records import provenance


def test_the_commit_has_a_plus_where_the_code_was_changed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", "-C", tmp_path, *identity, *arguments], capture_output=True, text=True, check=True).stdout

    code, elsewhere = tmp_path / "src/takd/records/provenance.py", tmp_path / "notes.txt"
    code.parent.mkdir(parents=True)
    code.write_text("before", encoding="utf-8")
    monkeypatch.setattr(provenance, "__file__", str(code))
    assert provenance.commit() == "unknown"
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")[:12]
    copy = tmp_path / ".venv/takd/records/provenance.py"
    copy.parent.mkdir(parents=True)
    copy.write_text("of another commit, perhaps", encoding="utf-8")
    monkeypatch.setattr(provenance, "__file__", str(copy))
    assert provenance.commit() == "unknown"
    monkeypatch.setattr(provenance, "__file__", str(code))
    elsewhere.write_text("not of the code", encoding="utf-8")
    assert provenance.commit() == commit
    code.write_text("after", encoding="utf-8")
    assert provenance.commit() == commit + "+"


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() == "unknown"


def test_versions_and_machine_are_said() -> None:
    assert provenance.versions("torchvision").keys() == {"python", "takd", "torch", "safetensors", "torchvision"}
    assert provenance.machine(torch.device("cpu"))
