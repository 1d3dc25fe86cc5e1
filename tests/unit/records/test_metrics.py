import base64
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from takd.errors import RecordError
from takd.records import metrics as records
from takd.records.metrics import Epoch, Metrics, packed_answers, stored_key, unpacked_answers
from tests.conftest import mutual, recipe, taught
from tests.unit.records.examples import DIGEST, KEY, metrics


def written(path: Path, **changes: Any) -> Path:
    metrics(**changes).write(path)
    return path


def signed(path: Path, changes: dict[str, Any], gone: tuple[str, ...] = ()) -> Path:
    """The same record saying something else, its digest computed anew."""
    values = json.loads(path.read_bytes())
    values = {name: value for name, value in (values | changes).items() if name not in (*gone, "digest")}
    path.write_text(json.dumps(values | {"digest": records._digest(values)}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recipe": taught(), "teacher": "digits/plain/10/seed0", "teacher_digest": DIGEST},
        {"recipe": mutual(epochs=1)},
        {"recipe": recipe(validation_share=0.1), "measured_on": "validation", "best_test_accuracy": None, "test_answers": None},
        {"recipe": None, "weights": DIGEST, "epochs": 0, "history": [], "best_test_accuracy": None},
        {"adopted": True, "machine": "Größe ± ü"},
    ],
    ids=range(6),
)
def test_a_record_comes_back_as_it_was(tmp_path: Path, changes: dict[str, Any]) -> None:
    record = metrics(**changes)
    record.write(tmp_path / "metrics.json")
    assert Metrics.read(tmp_path / "metrics.json") == record
    assert stored_key(tmp_path / "metrics.json") == (KEY, DIGEST)
    assert record.training_share == 1.0 and record.network.seed == 0


@pytest.mark.parametrize(("patience", "fits"), [(1, True), (2, False), (0, False)])
def test_a_training_may_end_before_its_epochs_where_its_patience_did(patience: int, fits: bool) -> None:
    history = [Epoch(epoch=epoch, learning_rate=0.1, loss=1.0, accuracy=60.0, seconds=1.0) for epoch in (1, 2)]
    early = recipe(epochs=6, validation_share=0.1, select="best_held_out", patience=patience)
    changes = {"measured_on": "validation", "best_test_accuracy": None, "test_answers": None, "history": history, "epochs": 2}
    if fits:
        assert metrics(recipe=early, accuracy=60.0, selected_accuracy=60.0, **changes).epochs == 2
    else:
        with pytest.raises(ValidationError, match="epochs: 2, but its recipe has 6"):
            metrics(recipe=early, accuracy=60.0, selected_accuracy=60.0, **changes)


def test_the_same_record_is_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path / "a").read_bytes() == written(tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [('"accuracy": 60.0', '"accuracy": 61.0'), ('"threads": 1', '"threads": 2'), ('"seconds": 3.0', '"seconds": 3.5'),
     ('"commit": "abc"', '"commit": "abd"'), ('"loss": 2.5', '"loss": 2.4'), (f'"key": "{KEY}"', '"key": "ffffffffffffffff"')],
)  # fmt: skip
def test_what_was_changed_by_hand_is_told(tmp_path: Path, old: str, new: str) -> None:
    path = written(tmp_path / "metrics.json")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(
        RecordError, match=r"metrics\.json: (isn't what was written|not what a training wrote: : ?accuracy|not what)"
    ):
        Metrics.read(path)
    assert stored_key(path) is None


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({"accuracy": 250}, "accuracy: must be less than or equal to 100, not 250"),
        ({"accuracy": -5}, "accuracy"),
        ({"accuracy": float("nan")}, "accuracy: expected a number that isn't infinite"),
        ({"accuracy": float("inf")}, "accuracy"),
        ({"accuracy": "60"}, "accuracy: expected a number, not '60'"),
        ({"accuracy": True}, "accuracy: expected a number, not true"),
        ({"accuracy": None}, "accuracy"),
        ({"accuracy": 59.0}, "accuracy: 59, but its history ends at 60"),
        ({"best_test_accuracy": 61.0}, "best_test_accuracy: 61, but its history's is 60"),
        ({"selected_accuracy": 55.0}, "selected_accuracy: 55, which no epoch of its history had"),
        ({"epochs": 3}, "epochs: 3, but its recipe has 2"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": 10**9}, "epochs"),
        ({"history": []}, None),
        ({"history": "none"}, r"history: expected a list"),
        ({"history": [{"epoch": 1}]}, "history.0.learning_rate: is missing"),
        ({"history": [None]}, "history.0"),
        ({"name": "digits/plain/4"}, "name: network 'digits/plain/4': expected dataset/family/chain/seedN"),
        ({"name": ["x"]}, "name: expected a text"),
        ({"name": "x" * 300_000}, "name"),
        ({"teacher": "\x1b[31m"}, "teacher"),
        ({"key": "k"}, "key"),
        ({"recipe": {}}, "recipe.network: is missing"),
        ({"recipe": "{}"}, "recipe: expected a mapping"),
        ({"recipe": [1]}, "recipe"),
        ({"builder": "nonsense"}, "builder: 'nonsense': not a builder"),
        ({"classes": 10**12}, "classes"),
        ({"classes": "10"}, "classes: expected a whole number, not '10'"),
        ({"parameters": 0}, "parameters"),
        ({"parameters": 1e300}, "parameters"),
        ({"seconds": -1.0}, "seconds"),
        ({"threads": 0}, "threads"),
        ({"precision": "int8"}, "precision: must be 'bfloat16' or 'float32'"),
        ({"versions": ["torch"]}, "versions: expected a mapping"),
        ({"versions": {"torch": 2.9}}, "versions.torch: expected a text"),
        ({"measured_on": "train"}, "measured_on"),
        ({"adopted": "no"}, "adopted: expected true or false, not 'no'"),
        ({"weights_digest": "abc"}, "weights_digest"),
        ({"machine": "x" * 300_000}, "machine"),
        ({"new": 1}, "new: no such parameter"),
    ],
    ids=lambda value: str(value)[:30].encode("unicode_escape").decode() if isinstance(value, dict) else "",
)
def test_fields_of_the_wrong_type_or_size_are_named(tmp_path: Path, changes: dict[str, Any], what_is_said: str | None) -> None:
    path = signed(written(tmp_path / "metrics.json"), changes)
    if what_is_said is None:  # an adopted record may have none
        assert Metrics.read(path).history == []
        return
    with pytest.raises(RecordError, match=what_is_said) as raised:
        Metrics.read(path)
    said = str(raised.value)
    assert said.startswith(f"{path}: ") and "\n" not in said and "\x1b" not in said and len(said) < 1000


@pytest.mark.parametrize("field", ["name", "key", "accuracy", "history", "epochs", "data_digest", "versions"])
def test_nothing_may_be_missing(tmp_path: Path, field: str) -> None:
    with pytest.raises(RecordError, match=f"{field}: is missing"):
        Metrics.read(signed(written(tmp_path / "metrics.json"), {}, gone=(field,)))


def test_a_history_is_of_all_epochs_in_order() -> None:
    history = metrics().history
    for wrong in (history[:1], [history[1], history[0]], [*history, history[1]], [history[0], history[0]]):
        with pytest.raises(ValidationError):
            metrics(history=wrong)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"nonsense", b"[]", b"null", b"\xff", b"{", b"{}", b"[" * 200_000, b'{"a":' * 100_000, b'{"a": ' + b"1" * 5000 + b"}",
        b'{"name": "' + b"x" * 300_000 + b'"}', b'{"\\u001b[31m": 1}', b'{"a": NaN}', b'"' + b"x" * 1000, b" " * 20_000_001,
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"metrics\.json: ") as raised:
        Metrics.read(path)
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and len(said) < 600
    assert stored_key(path) is None


def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RecordError):
            Metrics.read(path)
        assert stored_key(path) is None


def test_answers_come_back_as_they_were() -> None:
    for answers in ([], [0], [65_535, 0, 9], list(range(10)) * 1000):
        assert unpacked_answers(packed_answers(answers)) == answers
    assert len(packed_answers([i % 10 for i in range(10_000)])) < 5000


PACKED = (zlib.compress(b"odd"), zlib.compress(bytes(10**8)), zlib.compress(b"12")[:-4])


@pytest.mark.parametrize("text", ["!", "AAAA", "eJw", "ü", *(base64.b64encode(each).decode() for each in PACKED)], ids=range(7))
def test_what_are_no_answers_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="not the packed classes of a test set"):
        unpacked_answers(text)
