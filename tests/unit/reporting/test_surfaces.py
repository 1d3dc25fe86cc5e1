"""Figure 7 of made-up surfaces: how flat they are is golden; the picture is only looked at."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from takd.errors import RecordError
from takd.records.surface import POINT_COLUMNS, read_points, read_rises
from takd.reporting import flatness, kinds, surfaces
from takd.study.papers_kinds import Surfaces
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context, written
from tests.unit.reporting.golden import check

FIGURE = ARTIFACTS["figure7"]
STEEPNESS = {"NOKD": 3.0, "BLKD": 2.0, "TAKD": 1.5}


def points(without: str = "") -> pd.DataFrame:
    """Parabolas around every network of the figure under two seeds, steeper for the second, but for one family."""
    offsets = np.linspace(-1, 1, 5)
    rows = [
        (
            n.dataset, n.family, n.chain, n.method, n.seed, 10, "abc", "k", a, b,
            0.5 + (STEEPNESS[n.method] + n.seed) * (a**2 + b**2), 0.75 + STEEPNESS[n.method] * (a**2 + b**2),
        )
        for n, _ in FIGURE.networks(("cifar100",), seeds=2)
        if n.family != without
        for a in offsets
        for b in offsets
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=POINT_COLUMNS)


def make(table: pd.DataFrame, folder: Path) -> dict[str, bytes]:
    return written(kinds.make("figure7", FIGURE, context(accuracies([]), ("cifar100",), table), folder / "figure7"))


def test_the_flatness_behind_the_figure_is_the_golden_one(tmp_path: Path) -> None:
    check("figure7.csv", make(points(), tmp_path)["csv"].decode())


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    for folder, table in (("one", points()), ("other", points(without="resnet"))):
        make(table, tmp_path / folder)
    files = [tmp_path / "one/figure7.csv", tmp_path / "other/figure7.csv"]
    pd.testing.assert_frame_equal(read_rises(files), flatness.rises(points()), check_dtype=False, rtol=1e-5)  # each network once
    with pytest.raises(RecordError, match="not a loss surface"):
        read_points(files[:1])


def test_the_figure_is_the_same_file_each_time(tmp_path: Path) -> None:
    partly = points(without="resnet").query("chain != '10-2'")
    one = make(partly, tmp_path / "one")
    assert one["png"].startswith(b"\x89PNG") and one == make(partly, tmp_path / "again")


def test_rows_of_which_nothing_was_run_are_left_out() -> None:
    assert isinstance(FIGURE, Surfaces)
    for table, rows in ((points(), 2), (points(without="plain"), 1)):
        of = context(accuracies([]), ("cifar100",), table)
        picture = surfaces.draw(FIGURE, surfaces.numbers("figure7", FIGURE, of), of)
        assert len({axis.get_subplotspec().rowspan.start for axis in picture.axes if axis.get_title()}) == rows
        pyplot.close(picture)


def test_a_network_that_was_not_run_leaves_no_empty_frame() -> None:
    assert isinstance(FIGURE, Surfaces)
    of = context(accuracies([]), ("cifar100",), points(without="resnet").query("chain != '10-2'"))
    picture = surfaces.draw(FIGURE, surfaces.numbers("figure7", FIGURE, of), of)
    titles = [axis.get_title().partition(":")[0] for axis in picture.axes if axis.get_title()]
    assert titles == ["NOKD", "TAKD"]
    assert all(axis.has_data() for axis in picture.axes)
    pyplot.close(picture)


def test_a_figure_without_any_surface_is_made(tmp_path: Path) -> None:
    assert make(points()[:0], tmp_path)["csv"].count(b"\n") == 1
