"""What tables and figures are made from: accuracies, loss surfaces, the paper's numbers, and how data sets are called."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from takd.csv_files import read as read_csv
from takd.data.registry import DATASET_TITLES
from takd.errors import RecordError, shortened
from takd.records.accuracy import on_held_out
from takd.reporting.kept_answers import KeptAnswers
from takd.study.metric import TITLES, Metric
from takd.study.search import JudgedOn
from takd.study.shown import Cell

PUBLISHED_COLUMNS = ["artifact", "where", "dataset", "model", "column", "accuracy"]
_PLACE = ["artifact", "dataset", "model", "column"]
CHOSEN_ON_TEST = "RECIPES OR EPOCHS CHOSEN ON THE TEST IMAGES"
_CHAIN = ["dataset", "family", "chain", "variant"]


@dataclass(frozen=True)
class Context:
    """One folder of results, as its tables and figures see it.

    datasets: the study's. titles: data set to what people call it. accuracy: as accuracy.csv. points: of loss surfaces.
    published: as paper/published.csv. order: family to its members, largest first. kept: what networks answered to the test
    images, where it is asked for. probes: what networks were asked, a row a network and strength of noise. spent: a chain's (data
    set, family, chain, variant) core-seconds by seed, with all networks above it and alone, where all of them are there.
    seeds: the study's.
    exported: what was measured of exported networks, a row a file. metric: the column of `accuracy` that networks are compared by.
    chosen_on: the images by which recipes were chosen, and epochs (`select`).
    """

    datasets: tuple[str, ...]
    titles: Mapping[str, str]
    accuracy: pd.DataFrame
    points: pd.DataFrame
    published: pd.DataFrame
    order: Mapping[str, list[str]]
    kept: KeptAnswers = field(default_factory=KeptAnswers)
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)
    spent: Mapping[tuple[str, str, str, str], Mapping[int, tuple[float, float]]] = field(default_factory=dict)
    exported: pd.DataFrame = field(default_factory=pd.DataFrame)
    metric: Metric = "accuracy"
    seeds: int = 1
    chosen_on: JudgedOn = "held_out"

    def title(self, dataset: str) -> str:
        """What people call a data set."""
        return self.titles.get(dataset, DATASET_TITLES.get(dataset, dataset))

    def networks(self, dataset: str, family: str, chain: str, variant: str = "") -> pd.DataFrame:
        """The rows of a chain's networks, by seed."""
        return self._by_chain.get((dataset, family, chain, variant), self._none)

    def accuracies(self, dataset: str, family: str, chain: str, variant: str = "") -> "pd.Series[float]":
        """A chain's accuracies by the study's metric, by seed, in per cent; less those of networks whose record lacks it."""
        return self.networks(dataset, family, chain, variant)[self.metric].dropna()

    def paper(self, name: str, cell: Cell) -> float:
        """What the paper has in a cell of the artifact `name`, in per cent; NaN where it has nothing."""
        return self._papers.get((name, cell.dataset, cell.model, cell.column), math.nan)

    def paper_at(self, place: str, dataset: str) -> float:
        """What the paper has in artifact/model/column, in per cent; NaN where it has nothing."""
        artifact, model, column = place.split("/")
        return self._papers.get((artifact, dataset, model, column), math.nan)

    @cached_property
    def held_out(self) -> bool:
        """Whether accuracies are of training images that were held out. Raises RecordError where some are and others aren't."""
        return on_held_out(self.accuracy, compared=True)

    @property
    def compared_by(self) -> str:
        """The metric as people write it, where it isn't top-1 accuracy; else empty."""
        return "" if self.metric == "accuracy" else TITLES[self.metric]

    @property
    def shouted(self) -> str:
        """What has to be said of all accuracies at once, after a comma: that no other images can be expected to give them."""
        said = ["ON HELD-OUT TRAINING IMAGES"] if self.held_out else []
        return "".join(f", {one}" for one in (*said, *([CHOSEN_ON_TEST] if self.chosen_on == "test" else [])))

    @property
    def chosen_on_test(self) -> str:
        """A sentence where recipes or epochs were chosen by the test images; else empty."""
        return f" {CHOSEN_ON_TEST}." if self.chosen_on == "test" else ""

    @cached_property
    def lacking(self) -> int:
        """How many networks have a record without the metric."""
        return int(self.accuracy[self.metric].isna().sum())

    @cached_property
    def _by_chain(self) -> dict[tuple[str, ...], pd.DataFrame]:
        return {tuple(map(str, key)): rows.set_index("seed") for key, rows in self.accuracy.groupby(_CHAIN, sort=False)}

    @cached_property
    def _papers(self) -> dict[tuple[str, ...], float]:
        places = self.published[_PLACE].itertuples(index=False, name=None)
        return dict(zip(places, map(float, self.published["accuracy"]), strict=True))

    @cached_property
    def _none(self) -> pd.DataFrame:
        return self.accuracy.iloc[:0].set_index("seed")


def titles_of(datasets: Collection[str]) -> dict[str, str]:
    """What people call those data sets; published ones have a title, others their name."""
    return {name: DATASET_TITLES.get(name, name) for name in datasets}


def of_all_accuracies(held_out: bool, chosen_on: JudgedOn) -> str:
    """A sentence each where accuracies are of held-out training images, and where the test images chose recipes or epochs."""
    first = "All accuracies are ON HELD-OUT TRAINING IMAGES.\n\n" if held_out else ""
    chosen = f"{CHOSEN_ON_TEST}: no accuracy to expect of other images.\n\n" if chosen_on == "test" else ""
    return first + chosen


def read_published(path: Path | None) -> pd.DataFrame:
    """The numbers that the paper printed, in per cent, a row a cell of a table; none without a path.

    Raises RecordError where the file isn't that, or has a cell twice or without its number.
    """
    if path is None:
        return pd.DataFrame(columns=PUBLISHED_COLUMNS)
    table = read_csv(path, PUBLISHED_COLUMNS, RecordError, numbers={"accuracy": (0, 100)})
    for row, (missing, twice) in enumerate(zip(table["accuracy"].isna(), table.duplicated(_PLACE), strict=True), 2):
        if missing:
            raise RecordError(f"{path}, row {row}: accuracy is missing; expected a number from 0 to 100")
        if twice:
            artifact, dataset, model, column = (shortened(text, 60) for text in table.loc[row - 2, _PLACE])
            raise RecordError(
                f"{path}, row {row}: {artifact} has column {column} of {model} on {dataset} twice; each cell has one number"
            )
    return table


def family_title(family: str) -> str:
    """What people call a family."""
    return {"plain": "plain CNN", "resnet": "ResNet", "imagenet": "ResNet"}.get(family, family)
