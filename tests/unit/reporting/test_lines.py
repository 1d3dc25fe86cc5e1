"""The numbers behind figures of lines and paths are golden; their pictures are only looked at."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from takd.reporting import kinds, lines, style
from takd.reporting.context import Context
from takd.study.papers_kinds import Lines, Series
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context, of_figures, written
from tests.unit.reporting.golden import check

FIGURES = [name for name, spec in ARTIFACTS.items() if spec.kind in ("lines", "paths", "rates")]


def numbers(name: str, table: pd.DataFrame) -> pd.DataFrame:
    found: pd.DataFrame = kinds.module_of(ARTIFACTS[name].kind).numbers(name, ARTIFACTS[name], context(table))
    return found


def drawn(spec: Lines, of: Context) -> Any:
    with pyplot.rc_context(style.STYLE):
        return lines.draw(spec, lines.numbers("", spec, of), of)


def of_lines(name: str) -> Lines:
    spec = ARTIFACTS[name]
    assert isinstance(spec, Lines)
    return spec


@pytest.fixture(autouse=True)
def _no_picture_left() -> Any:
    yield
    pyplot.close("all")


@pytest.mark.parametrize("name", FIGURES)
def test_the_numbers_behind_a_figure_are_the_golden_ones(name: str, tmp_path: Path) -> None:
    files = kinds.make(name, ARTIFACTS[name], context(of_figures(without="resnet")), tmp_path / name)
    check(f"{name}.csv", files[0].read_text())


@pytest.mark.parametrize("name", FIGURES)
def test_networks_of_variants_that_a_figure_does_not_show_count_for_nothing(name: str) -> None:
    table = of_figures()
    more = pd.concat([table, table.assign(variant="another", accuracy=1.0)], ignore_index=True)
    pd.testing.assert_frame_equal(numbers(name, more), numbers(name, table))


def test_a_gain_is_in_per_cent_of_the_accuracy_alone_seed_by_seed() -> None:
    table = of_figures()
    row = numbers("figure3", table).query("dataset == 'cifar10' and x == '4'").iloc[0]
    plain = table.query("dataset == 'cifar10' and family == 'plain' and variant == ''").set_index(["chain", "seed"])["accuracy"]
    gains = [100 * (plain["10-4", seed] / plain["4", seed] - 1) for seed in (0, 1)]
    assert row["value"] == pytest.approx(np.mean(gains)) and row["deviation"] == pytest.approx(np.std(gains, ddof=1))


def test_the_dashed_line_is_the_mean_of_both_ends() -> None:
    data = numbers("figure4", of_figures()).query("dataset == 'cifar10' and family == 'resnet'")
    ends = data[data["x"].isin(["8", "110"])]["value"].mean()
    assert data[data["series"] == "mean of"]["value"].item() == pytest.approx(ends)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("without", ["resnet", "plain"])
def test_a_figure_is_the_same_file_each_time_whatever_is_missing(name: str, without: str, tmp_path: Path) -> None:
    of = context(of_figures(without))
    one, again = (written(kinds.make(name, ARTIFACTS[name], of, tmp_path / folder / "f")) for folder in ("one", "again"))
    assert one == again and one["png"].startswith(b"\x89PNG")
    nothing = {cell.family for cell in ARTIFACTS[name].cells(("cifar10",))} == {without}
    assert (b"not run" in _text(one["svg"])) == nothing


def _text(svg: bytes) -> bytes:
    """matplotlib writes a text that it draws as outlines into a comment."""
    return b" ".join(re.findall(rb"<!-- (.*?) -->", svg))


def test_panels_of_which_nothing_was_run_are_left_out() -> None:
    spec, table = of_lines("figure4"), of_figures(without="resnet")
    assert [axis.get_title() for axis in drawn(spec, context(table)).axes] == [
        "(a) plain CNN, CIFAR-10",
        "(b) plain CNN, CIFAR-100",
    ]
    only = table[table["dataset"] == "cifar100"]
    assert [axis.get_title() for axis in drawn(spec, context(only)).axes] == ["plain CNN, CIFAR-100"]


def test_no_line_leads_across_a_size_that_was_not_run() -> None:
    spec, table = of_lines("figure4"), of_figures(without="resnet").query("chain != '6'")
    for axis in drawn(spec, context(table)).axes:
        (bars,) = axis.containers
        assert [np.isnan(value) for value in bars[0].get_ydata()] == [False, False, True, False, False]
    (axis, _) = drawn(of_lines("assistants"), context(of_figures().query("chain != '10-6-2'"))).axes
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "none"]
    assert list(hollow[0].get_ydata())[::2] == [73.51, 72.75] and np.isnan(hollow[0].get_ydata()[1])


def test_there_is_one_legend_and_it_has_each_line_once() -> None:
    picture = drawn(of_lines("figure2"), context(of_figures()))
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["student after BLKD", "its teacher"]
    assert len(picture.legends) == 1 and not any(axis.get_legend() for axis in picture.axes)


def test_the_paper_s_own_numbers_stand_hollow_beside_those_that_were_run() -> None:
    """Of Tables 1 and 2, on CIFAR-10, each above or below its own point; one entry of the legend is for all of them."""
    picture = drawn(of_lines("assistants"), context(of_figures()))
    hollow = [line for line in picture.axes[0].lines if line.get_markerfacecolor() == "none"]
    assert [list(line.get_ydata()) for line in hollow] == [[73.51, 73.15, 72.75], [72.57] * 3, [70.16] * 3]
    for line, bars in zip(hollow, picture.axes[0].containers, strict=True):
        assert list(line.get_xdata()) == list(bars[0].get_xdata()) and line.get_color() == bars[0].get_color()
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["TAKD", "BLKD", "NOKD", lines.PAPERS]


@pytest.mark.parametrize("name", ["figure2", "figure3", "figure4"])
def test_no_hollow_mark_stands_where_the_paper_has_no_number(name: str) -> None:
    picture = drawn(of_lines(name), context(of_figures()))
    assert not [line for axis in picture.axes for line in axis.lines if line.get_markerfacecolor() == "none"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"paper": {"7": "table1/CNN/NOKD"}}, "paper: 7 isn't one of `points`: 4"),
        ({"paper": {"4": "table1/CNN"}}, "pattern"),
        ({"paper": {"4": "table1/CNN/NOKD"}, "gain_over": {"4": "2"}}, "its numbers are accuracies"),
    ],
)
def test_a_number_of_the_paper_belongs_to_a_point(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Series.model_validate({"label": "TAKD", "points": {"4": "10-4-2"}} | changes)


def test_equal_points_of_two_series_stand_beside_each_other() -> None:
    spec = of_lines("assistants")
    chains = {chain for series in spec.panels[0].series for chain in series.points.values()}
    equal = accuracies(("cifar10", "plain", chain, seed, 70.0 + seed) for chain in chains for seed in (0, 1))
    (axis,) = drawn(spec, context(equal, ("cifar10",))).axes
    places = sorted(float(x) for bars in axis.containers for x in bars[0].get_xdata())
    assert len(places) == 9 and min(np.diff(places)) > 0.1
    assert [round(place) for place in places] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("held_out", [True, False])
def test_a_figure_of_accuracies_on_held_out_images_says_so(held_out: bool) -> None:
    table = of_figures()
    picture = drawn(of_lines("figure2"), context(table.assign(best_test_accuracy=float("nan")) if held_out else table))
    assert picture.get_suptitle() == ("on held-out training images" if held_out else "")
