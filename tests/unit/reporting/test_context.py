"""What the paper printed, read from a file that people edit."""

from pathlib import Path

import pytest

from takd.errors import RecordError
from takd.reporting.context import PUBLISHED_COLUMNS, read_published
from takd.study.shown import Cell
from tests.unit.reporting.conftest import PUBLISHED, accuracies, context

HEAD = ",".join(PUBLISHED_COLUMNS)
ROW = "table1,Table 1,cifar10,CNN,NOKD,70.16"


@pytest.mark.parametrize(
    ("text", "what_is_said"),
    [
        ("a,b\n1,2\n", "expected the columns artifact, where"),
        (f"{HEAD}\n{ROW}\n{ROW[:-5]}101\n", "row 3: accuracy is '101'; expected a number from 0 to 100"),
        (f"{HEAD}\n{ROW[:-5]}nan\n", "row 2: accuracy is 'nan'"),
        (f"{HEAD}\n{ROW[:-5]}\n", "row 2: accuracy is missing"),
        (f"{HEAD}\n{ROW}\n{ROW[:-5]}70.2\n", "row 3: table1 has column NOKD of CNN on cifar10 twice"),
    ],
)
def test_what_is_no_file_of_published_numbers_is_refused(text: str, what_is_said: str, tmp_path: Path) -> None:
    (tmp_path / "published.csv").write_text(text)
    with pytest.raises(RecordError, match=what_is_said) as error:
        read_published(tmp_path / "published.csv")
    assert "\n" not in str(error.value) and "published.csv" in str(error.value)


def test_a_study_of_ones_own_has_no_published_numbers() -> None:
    assert read_published(None).columns.tolist() == PUBLISHED_COLUMNS and read_published(None).empty


def test_the_papers_number_is_that_of_artifact_data_set_row_and_column() -> None:
    of = context(accuracies([]))
    assert of.paper("table1", Cell("CNN", "plain", "cifar100", "TAKD", "10-4-2")) == 44.92
    assert of.paper("table2", Cell("CNN", "plain", "cifar100", "TAKD", "10-4-2")) != 44.92
    assert len(PUBLISHED) == 15 + 6 + 8 + 16 + 5


def test_people_call_data_sets_by_their_titles() -> None:
    of = context(accuracies([]), ("cifar10", "pets"))
    assert [of.title(name) for name in ("cifar10", "pets", "imagenet")] == ["CIFAR-10", "pets", "ImageNet"]
