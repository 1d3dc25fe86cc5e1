"""Figure 7 of made-up surfaces: how flat they are is golden; the picture is only looked at."""

import os
from pathlib import Path

import pandas as pd
import pytest

from takd.errors import CheckpointError
from takd.grid import SurfaceGrid
from takd.reporting import artifacts, flatness, surfaces
from tests.conftest import ROOT

GOLDEN = ROOT / "tests/golden/figure7.csv"
FIGURE = artifacts.load(ROOT / "paper/artifacts.yaml")["figure7"]
STEEPNESS = {"NOKD": 3.0, "BLKD": 2.0, "TAKD": 1.5}


def points(without: str = "") -> pd.DataFrame:
    """Parabolas around every network of the figure under two seeds, steeper for the second, but for one family."""
    offsets = SurfaceGrid(points=5, span=1, images=10).offsets()
    rows = [
        (n.dataset, n.family, n.chain, n.method, n.seed, 10, "abc", a, b, 0.5 + (STEEPNESS[n.method] + n.seed) * (a**2 + b**2))
        for n, _ in FIGURE.networks(("cifar100",), seeds=2)
        if n.family != without
        for a in offsets
        for b in offsets
    ]
    return pd.DataFrame(rows, columns=flatness.POINT_COLUMNS)


def draw(table: pd.DataFrame, folder: Path) -> tuple[bytes, bytes]:
    assert isinstance(FIGURE, artifacts.Surfaces)
    surfaces.draw(FIGURE, ("cifar100",), table, flatness.rises(table), folder / "f.png", folder / "f.svg")
    return (folder / "f.png").read_bytes(), (folder / "f.svg").read_bytes()


def test_the_flatness_behind_the_figure_is_the_golden_one() -> None:
    text = flatness.as_csv(flatness.rises(points()))
    if os.environ.get("TAKD_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert GOLDEN.read_text() == text


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    rises = flatness.rises(points())
    one.write_text(flatness.as_csv(rises))
    other.write_text(flatness.as_csv(rises[:3]))
    pd.testing.assert_frame_equal(flatness.read([one, other]), rises, check_dtype=False, rtol=1e-5)  # each network once
    assert flatness.read([]).empty
    with pytest.raises(CheckpointError, match="not a loss surface"):
        flatness.read_points([one])


@pytest.mark.parametrize("without", ["", "resnet"])
def test_the_figure_is_drawn_whatever_is_missing(without: str, tmp_path: Path) -> None:
    png, svg = draw(points(without), tmp_path)
    assert png.startswith(b"\x89PNG") and svg == draw(points(without), tmp_path)[1]
