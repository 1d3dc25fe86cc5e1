import errno
from pathlib import Path

import pytest

from takd.files import write_text, written_whole


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with written_whole(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    with pytest.raises(RuntimeError, match="interrupted"), written_whole(path) as file:
        file.write(b"another")
        raise RuntimeError("interrupted")
    assert path.read_bytes() == b"half"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_who_reads_a_file_while_it_is_replaced_reads_the_old_one_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    with (tmp_path / "file").open() as reader:
        write_text(tmp_path / "file", "another")
        assert reader.read() == "old"
    assert (tmp_path / "file").read_text() == "another"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "file", "text")
    assert list(tmp_path.iterdir()) == []
