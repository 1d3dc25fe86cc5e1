"""accuracy.csv and the loss surfaces: tables that records are."""

from pathlib import Path

import pytest

from takd.errors import RecordError
from takd.records import accuracy, surface
from takd.records.accuracy import by_seed, on_held_out, rows_of
from takd.study.names import Name
from tests.conftest import recipe, taught
from tests.unit.records.examples import KEY, metrics

ORDER = {"plain": ["10", "8", "6", "4", "2"]}
DISTILLED = metrics(name="digits/plain/10-4/seed1", recipe=taught(), teacher="digits/plain/10/seed0")
IMPORTED = metrics(name="digits/plain/10/seed0", recipe=None, epochs=0, history=[], best_test_accuracy=None)


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    table = rows_of([("", DISTILLED), ("", metrics()), ("less", metrics()), ("", IMPORTED)], ORDER)
    assert table[["variant", "chain", "seed", "method"]].to_numpy().tolist() == [
        ["", "10", 0, "imported"], ["", "10-4", 1, "BLKD"], ["", "4", 0, "NOKD"], ["less", "4", 0, "NOKD"],
    ]  # fmt: skip
    accuracy.write(tmp_path / "accuracy.csv", table)
    found = accuracy.read(tmp_path / "accuracy.csv")
    assert found.astype(str).to_numpy().tolist() == table.astype(str).replace("None", "nan").to_numpy().tolist()
    assert by_seed(found, "digits", "plain", "10-4").to_dict() == {1: 60.0}
    assert by_seed(found, "digits", "plain", "4", "less").to_dict() == {0: 60.0}


def test_rows_are_in_the_order_of_the_family_whatever_order_they_come_in() -> None:
    records = [
        ("", metrics(name=f"digits/plain/{chain}/seed0", recipe=None, epochs=2)) for chain in ("2", "10", "10-8", "8", "10-2")
    ]
    assert rows_of(records, ORDER)["chain"].tolist() == ["10", "10-8", "10-2", "8", "2"]
    assert rows_of(reversed(records), ORDER).equals(rows_of(records, ORDER))


def test_an_empty_table_is_one(tmp_path: Path) -> None:
    accuracy.write(tmp_path / "accuracy.csv", rows_of([], ORDER))
    assert len(accuracy.read(tmp_path / "accuracy.csv")) == 0


def test_a_network_twice_would_count_as_a_seed_more(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="networks: digits/plain/4/seed0 stands there twice"):
        rows_of([("", metrics()), ("", metrics())], ORDER)
    with pytest.raises(RecordError, match="variants/less/digits/plain/4/seed0 stands there twice"):
        rows_of([("less", metrics()), ("", metrics()), ("less", metrics())], ORDER)
    path = tmp_path / "accuracy.csv"
    accuracy.write(path, rows_of([("", metrics())], ORDER))
    path.write_text(path.read_text(encoding="utf-8") + path.read_text(encoding="utf-8").splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match=r"accuracy\.csv: digits/plain/4/seed0 stands there twice"):
        accuracy.read(path)


@pytest.mark.parametrize(
    ("column", "value", "what_is_said"),
    [
        ("accuracy", "NaN", "row 2: accuracy is 'NaN'; expected a number from 0 to 100"),
        ("accuracy", "", "row 2: accuracy is missing"),
        ("accuracy", "250", "row 2: accuracy is '250'"),
        ("best_test_accuracy", "-5", "row 2: best_test_accuracy"),
        ("selected_accuracy", "inf", "row 2: selected_accuracy"),
        ("seed", "1.5", "row 2: seed is '1.5'; expected a whole number from 0 to 999999"),
        ("seed", "", "row 2: seed is missing"),
        ("seed", "9" * 5000, "row 2: seed"),
        ("chain", "10--4", "row 2: network 'digits/plain/10--4/seed0'"),
        ("chain", "1٠", "row 2: network"),
        ("chain", "4+mutual", "row 2: chain '4.mutual': 4 comes first"),
        ("chain", "", "row 2: chain is missing"),
        ("dataset", "../x", "row 2: network"),
        ("dataset", "\x1b[31m", "row 2: network"),
        ("dataset", "x" * 100_000, "row 2: network"),
        ("method", "TAKD", "row 2: method is 'TAKD', but digits/plain/4/seed0 is NOKD"),
        ("method", "imported", "row 2: method is 'imported', but digits/plain/4/seed0 is NOKD"),
        ("epochs", "0", "row 2: method is 'NOKD', but digits/plain/4/seed0 is imported"),
        ("epochs", "-1", "row 2: epochs"),
        ("training_share", "2", "row 2: training_share"),
        ("parameters", "0", "row 2: parameters"),
        ("seconds", "1e99", "row 2: seconds"),
        ("threads", "", "row 2: threads is missing"),
        ("commit", "a,b", "row 2: 18 fields where the head has 17"),
    ],
    ids=lambda value: value[:24].encode("unicode_escape").decode(),
)
def test_what_cannot_be_is_named_by_row_and_column(tmp_path: Path, column: str, value: str, what_is_said: str) -> None:
    path = tmp_path / "accuracy.csv"
    accuracy.write(path, rows_of([("", metrics())], ORDER))
    head, row = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    row[head.index(column)] = value
    path.write_text(",".join(head) + "\n" + ",".join(row) + "\n", encoding="utf-8")
    with pytest.raises(RecordError, match=what_is_said) as raised:
        accuracy.read(path)
    said = str(raised.value)
    assert "\n" not in said and "\x1b" not in said and len(said) < 600


def test_accuracies_on_held_out_images_are_not_mixed_with_others() -> None:
    held_out = metrics(
        name="digits/plain/2/seed0", recipe=recipe(validation_share=0.1), measured_on="validation", best_test_accuracy=None,
        test_answers=None,
    )  # fmt: skip
    assert on_held_out(rows_of([("", held_out)], ORDER)) and not on_held_out(rows_of([("", metrics()), ("", IMPORTED)], ORDER))
    with pytest.raises(RecordError, match="networks: some accuracies are of test images, others of held-out ones"):
        on_held_out(rows_of([("", held_out), ("", metrics())], ORDER))
    assert on_held_out(rows_of([("less", held_out), ("", metrics())], ORDER))


# Loss surfaces.

POINTS = [(a, b, 0.5 + a * a + b * b, 0.25 + a * a) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 0.0, 1.0)]
NAME = Name.parse("digits/plain/10-4/seed3")


def written(path: Path, name: Name = NAME) -> Path:
    surface.write_points(path, name, POINTS, images=100, commit="abc", key=KEY)
    return path


def test_a_surface_comes_back_as_it_was(tmp_path: Path) -> None:
    table = surface.read_points([written(tmp_path / "a.csv"), written(tmp_path / "b.csv", NAME.with_seed(4))])
    assert list(table.columns) == surface.POINT_COLUMNS and len(table) == 18
    assert table[["a", "b", "loss", "matched_loss"]][:9].to_numpy().tolist() == [list(point) for point in POINTS]
    assert table["seed"].unique().tolist() == [3, 4] and set(table["method"]) == {"BLKD"}
    assert surface.stored_key(tmp_path / "a.csv") == KEY
    assert len(surface.read_points([])) == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [(",0.5,", ",0.4,"), ("-1,-1,2.5", "-1,-1,NaN"), ("-1,-1,2.5", "-1,-1,"), ("-1,-1,2.5", "-1,-1,inf"), (",100,", ",101,"),
     (",3,100", ",x,100"), (KEY, "f" * 16), ("plain,10-4", "plain,10--4"), ("digits,plain", "digits,plain,plain"), ("abc", "abd"),
     ("loss,digest", "digest,loss")],
)  # fmt: skip
def test_a_surface_that_was_changed_is_told(tmp_path: Path, old: str, new: str) -> None:
    path = written(tmp_path / "surface.csv")
    text = path.read_text(encoding="utf-8")
    assert old in text
    for changed in (text.replace(old, new), text.replace(old, new, 1)):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(RecordError, match=r"surface\.csv") as raised:
            surface.read_points([path])
        assert "\n" not in str(raised.value)
        assert surface.stored_key(path) is None


def test_a_surface_cut_short_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "surface.csv")
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, content.rindex(b"\n", 0, -1) + 1, content.index(b"\n") + 1):
        path.write_bytes(content[:length])
        with pytest.raises(RecordError):
            surface.read_points([path])


def test_two_surfaces_of_one_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="two of the loss surfaces are of one network"):
        surface.read_points([written(tmp_path / "a.csv"), written(tmp_path / "b.csv")])
