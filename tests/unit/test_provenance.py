"""Where a result came from: the commit, and whether the code was changed since."""

import subprocess
from pathlib import Path

import pytest

from takd import provenance


def test_the_commit_has_a_plus_where_the_code_was_changed_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", "-C", tmp_path, *identity, *arguments], capture_output=True, text=True, check=True).stdout

    code, elsewhere = tmp_path / "src/takd/provenance.py", tmp_path / "notes.txt"
    code.parent.mkdir(parents=True)
    code.write_text("before")
    monkeypatch.setattr(provenance, "__file__", str(code))
    assert provenance.commit() == "unknown"
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")[:12]
    copy = tmp_path / ".venv/takd/provenance.py"
    copy.parent.mkdir(parents=True)
    copy.write_text("of another commit, perhaps")
    monkeypatch.setattr(provenance, "__file__", str(copy))
    assert provenance.commit() == "unknown"
    monkeypatch.setattr(provenance, "__file__", str(code))
    elsewhere.write_text("not of the code")
    assert provenance.commit() == commit
    code.write_text("after")
    assert provenance.commit() == commit + "+"
