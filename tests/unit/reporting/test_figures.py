"""The numbers behind each figure are golden; its picture is only looked at. TAKD_WRITE_GOLDEN=1 pytest writes them anew."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from takd.reporting import accuracy as accuracies
from takd.reporting import artifacts, figures
from tests.conftest import ROOT

GOLDEN = ROOT / "tests/golden"
ARTIFACTS = artifacts.load(ROOT / "paper/artifacts.yaml")
DRAWN = artifacts.Lines | artifacts.Paths | artifacts.Rates
FIGURES = [name for name, artifact in ARTIFACTS.items() if isinstance(artifact, DRAWN)]


def accuracy(without: str = "") -> pd.DataFrame:
    """Made-up accuracies of every network of every figure under two seeds, but for one family."""
    shown = dict.fromkeys(shown for name in FIGURES for shown in ARTIFACTS[name].networks(("cifar10", "cifar100"), seeds=2))
    shares = {"": 1, "half": 1 / 2, "quarter": 1 / 4, "eighth": 1 / 8, "sixteenth": 1 / 16}
    rows = [
        (
            n.dataset, n.family, n.chain, variant, n.seed,
            40 + 2.0 * n.size**0.5 + 1.5 * len(n.sizes) + 0.25 * n.seed - 3 * (shares[variant] ** -0.6 - 1), shares[variant],
        )
        for n, variant in shown
        if n.family != without
    ]  # fmt: skip
    columns = ["dataset", "family", "chain", "variant", "seed", "accuracy", "training_share"]
    return pd.DataFrame(rows, columns=columns).reindex(columns=accuracies.COLUMNS)


def data_behind(name: str, table: pd.DataFrame) -> pd.DataFrame:
    figure = ARTIFACTS[name]
    assert isinstance(figure, DRAWN)
    return figures.data_behind(figure, ("cifar10", "cifar100"), table)


@pytest.mark.parametrize("name", FIGURES)
def test_the_data_behind_a_figure_is_the_golden_one(name: str) -> None:
    text = data_behind(name, accuracy(without="resnet")).to_csv(index=False, lineterminator="\n", float_format="%.4f")
    path = GOLDEN / f"{name}.csv"
    if os.environ.get("TAKD_WRITE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("name", FIGURES)
def test_networks_of_variants_that_a_figure_does_not_show_count_for_nothing(name: str) -> None:
    table = accuracy()
    more = pd.concat([table, table.assign(variant="another", accuracy=1.0)], ignore_index=True)
    pd.testing.assert_frame_equal(data_behind(name, more), data_behind(name, table))


def test_a_gain_is_in_per_cent_of_the_accuracy_alone_seed_by_seed() -> None:
    table = accuracy()
    row = data_behind("figure3", table).query("dataset == 'cifar10' and x == '4'").iloc[0]
    plain = table.query("dataset == 'cifar10' and family == 'plain' and variant == ''").set_index(["chain", "seed"])["accuracy"]
    gains = [100 * (plain["10-4", seed] / plain["4", seed] - 1) for seed in (0, 1)]
    assert row["value"] == pytest.approx(np.mean(gains)) and row["deviation"] == pytest.approx(np.std(gains, ddof=1))


def test_the_dashed_line_is_the_mean_of_both_ends() -> None:
    data = data_behind("figure4", accuracy()).query("dataset == 'cifar10' and family == 'resnet'")
    ends = data[data["x"].isin(["8", "110"])]["value"].mean()
    assert data[data["series"] == "mean of"]["value"].item() == pytest.approx(ends)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("without", ["resnet", "plain"])
def test_a_figure_is_drawn_whatever_is_missing(name: str, without: str, tmp_path: Path) -> None:
    data = data_behind(name, accuracy(without))
    for folder in ("one", "again"):
        figures.draw(ARTIFACTS[name], data, tmp_path / folder / "f.png", tmp_path / folder / "f.svg")  # type: ignore[arg-type]
    assert (tmp_path / "one/f.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one/f.svg").read_bytes() == (tmp_path / "again/f.svg").read_bytes()
    if {cell.family for cell in ARTIFACTS[name].cells(("cifar10",))} == {without}:
        assert (data["n"] == 0).all()


@pytest.mark.parametrize("held_out", [True, False])
def test_a_figure_of_accuracies_on_held_out_images_says_so(held_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    monkeypatch.setattr(figures, "save", lambda picture, *paths: saved.append(picture))
    shown = ARTIFACTS["figure2"]
    assert isinstance(shown, artifacts.Lines)
    figures.draw(shown, data_behind("figure2", accuracy()), Path("f.png"), Path("f.svg"), held_out=held_out)
    (picture,) = saved
    assert picture.get_suptitle() == ("on held-out training images" if held_out else "")
