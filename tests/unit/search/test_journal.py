import re
from pathlib import Path

import pytest

from takd.errors import RecordError
from takd.search.journal import mend, open_study
from takd.search.trials import tried
from tests.unit.search.conftest import run


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'{"a":1}\n{"b":2}\n', b'{"a":1}\n{"b":2}\n'),
        (b'{"a":1}\n{"b":', b'{"a":1}\n'),
        (b'{"a":1}\n{"b":2}', b'{"a":1}\n'),  # its end may be missing, as that of 2 may be of 23
        (b'{"a":1}\n{"b":\n', b'{"a":1}\n'),
        (b'{"a":1}\n\0\0\0', b'{"a":1}\n'),
        (b'{"a"', b""),
        (b"", b""),
    ],
)
def test_a_last_line_that_is_not_whole_is_cut_off(content: bytes, kept: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_bytes(content)
    mend(journal)
    assert journal.read_bytes() == kept


def test_a_torn_last_line_loses_that_trial_alone(tmp_path: Path) -> None:
    """Whatever the place at which the last line is torn, the others stay and the search goes on."""
    journal = tmp_path / "journal"
    before = tried(run(journal, 3))
    whole = journal.read_bytes()
    last = whole.rstrip(b"\n").rpartition(b"\n")[2]
    assert b'"state"' in last  # the end of the third trial
    for left in (1, len(last) // 2, len(last) - 1, len(last)):
        journal.write_bytes(whole[: -len(last) - 1 + left])
        after = tried(run(journal, 3))
        assert after[:2] == before[:2]
        assert [one.state for one in after] == ["complete", "complete", "lost", "complete"]
        assert tried(open_study(journal, "study", 7)) == after


@pytest.mark.parametrize("damage", [b"{", b'{"op_code":\n', b"[1]\n", b"1\n", b"\xff\xfe\n", b'{"op_code":99}\n'])
def test_damage_before_the_last_line_is_told(damage: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run(journal, 1)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], damage, *lines[2:]]))
    with pytest.raises(RecordError, match="not a journal of trials, or damaged before its last line"):
        open_study(journal, "study", 7)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (rb'"seconds":[0-9.]+', b'"seconds":"3"', "trial 0: no worker writes such a record: seconds"),
        (rb'"seconds":[0-9.]+', b'"seconds":[1]', "trial 0: no worker writes such a record: seconds"),
        (rb'"seconds":[0-9.]+', b'"seconds":NaN', "trial 0: no worker writes such a record: seconds"),
        (rb'"values":\[[0-9.]+', b'"values":[3462.67', "trial 0: no worker writes such a record: accuracy"),
        (rb'"values":\[[0-9.]+', b'"values":[-1', "trial 0: no worker writes such a record: accuracy"),
        (rb'"worker":"[^"]+"', b'"worker":null', "trial 0: no worker writes such a record: worker"),
        (rb'"worker":"[^"]+"', b'"worker":"a ' + b"9" * 30 + b'"', "trial 0: no worker writes such a record: worker"),
        (rb'"op_code":6.*', b'"op_code":6', "not a journal of trials"),
        (rb'"directions":\[2\]', b'"directions":[9]', "not a journal of trials"),
        (rb'"datetime_start":"[^"]+"', b'"datetime_start":"tomorrow"', "not a journal of trials"),
        (rb'"trial_id":0', b'"trial_id":' + b"9" * 5000, "not a journal of trials"),
        (
            rb"$",
            b'\n{"op_code":2,"worker_id":"a","study_id":0,"user_attr":{"fresh seeds: a 5 6":"now"}}\n',
            "claims fresh seeds so",
        ),
        (rb"$", b'\n{"a":' + b"[" * 100_000 + b"\n{}\n", "not a journal of trials"),
    ],
)
def test_a_record_that_no_worker_writes_is_told_in_a_line(tmp_path: Path, old: bytes, new: bytes, said: str) -> None:
    journal = tmp_path / "journal"
    run(journal, 2)
    journal.write_bytes(re.sub(old, new, journal.read_bytes(), count=1))
    with pytest.raises(RecordError) as raised:
        open_study(journal, "study", 7)
    assert said in str(raised.value) and str(raised.value).isprintable() and str(journal) in str(raised.value)


def test_a_journal_of_several_searches_keeps_them_apart(tmp_path: Path) -> None:
    run(tmp_path / "journal", 2)
    assert tried(open_study(tmp_path / "journal", "another", 7)) == []
