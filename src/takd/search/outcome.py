"""What a search came to: a row a trial, the best values as a file that presets take, and a page that says how much was luck."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from takd.files import write_text
from takd.markdown import aligned
from takd.search.plots import HISTORY, IMPORTANCE
from takd.search.trials import Tried
from takd.study.metric import TITLES, Metric
from takd.study.search import Range

COLUMNS = ("number", "state", "accuracy", "seconds", "judged_on")  # and one for each field
SHOWN = 10  # trials on the page
JUDGED = {
    "held_out": "training images that were held out of its training, and of its teachers'",
    "test": "the **test images**, at the best epoch: the paper's protocol. It is no accuracy that one can expect of other images",
}
HEAD = """\
# The best of {count} trials of {network}, judged on {judged_on} images: {accuracy:.2f} %.
# A preset takes it by overrides_from: [{path}]
"""


@dataclass(frozen=True)
class Outcome:
    """Of one search. network: dataset/family/chain. fresh: seed to the accuracy, in per cent, of the best values under it.

    metric: by what accuracies are.
    """

    network: str
    judged_on: str
    fields: Mapping[str, Range]
    trials: Sequence[Tried]
    best: Tried
    fresh: Mapping[int, float]
    metric: Metric = "accuracy"

    def write(self, table: Path) -> list[Path]:
        """Write the table, and the page and the values beside it; the files."""
        files = [table, table.with_suffix(".md"), table.with_suffix(".yaml")]
        write_text(files[0], self.as_table().to_csv(index=False, lineterminator="\n"))
        write_text(files[1], self.as_markdown())
        write_text(files[2], self.as_yaml(files[2]))
        return files

    def as_table(self) -> pd.DataFrame:
        """A row a trial, by number. accuracy: in per cent, empty where it has none; its column is called as the metric."""
        rows = [
            [one.number, one.state, one.accuracy, None if one.seconds is None else round(one.seconds, 1), self.judged_on]
            + [one.values.get(field) for field in self.fields]
            for one in self.trials
        ]
        columns = [self.metric if column == "accuracy" else column for column in COLUMNS]
        return pd.DataFrame(rows, columns=[*columns, *self.fields])

    def as_yaml(self, path: Path) -> str:
        """The best values, for every seed of the network, and what they were judged on."""
        assert self.best.accuracy is not None
        head = HEAD.format(
            count=len(self.trials), network=self.network, judged_on=_plain(self.judged_on), accuracy=self.best.accuracy, path=path
        )
        values = "".join(f"    {field}: {json.dumps(value)}\n" for field, value in self.best.values.items())
        return f'{head}judged_on: {self.judged_on}\noverrides:\n  "{self.network}/*":\n{values}'

    def as_markdown(self) -> str:
        """The page: the best, the luck in it, and the trials from the best down."""
        assert self.best.accuracy is not None
        counts = {state: sum(one.state == state for one in self.trials) for state in ("pruned", "diverged", "lost")}
        others = "".join(f", {count} {state}" for state, count in counts.items() if count)
        ended = sum(one.state == "complete" for one in self.trials)
        best = [[f"`{field}`", _range(where), _value(self.best.values[field])] for field, where in self.fields.items()]
        ranked = sorted(self.trials, key=lambda one: (-(one.accuracy or 0), one.number))[:SHOWN]
        rows = [
            [str(one.number), _percent(one.accuracy), one.state, *(_value(one.values.get(field)) for field in self.fields)]
            for one in ranked
        ]
        return "\n".join(
            [
                f"# Search: {self.network}\n",
                f"{ended} trials ended{others}. Each was judged on {self._judged()}.\n",
                f"The best is trial {self.best.number}: {self.best.accuracy:.2f} %.\n",
                aligned([["field", "searched", "best"], *best]),
                f"![Accuracy of each trial, and the best so far]({self.file}.{HISTORY})\n",
                f"![How much each field mattered]({self.file}.{IMPORTANCE})\n",
                "## How much of it is luck\n",
                f"{self.luck()}\n",
                f"## The trials from the best down{', to the tenth' if len(self.trials) > SHOWN else ''}\n",
                aligned([["trial", f"{_title(self.metric)}, %", "state", *self.fields], *rows]).rstrip("\n"),
                "",
            ]
        )

    @property
    def file(self) -> str:
        """What its files are called, less their suffixes."""
        return self.network.rpartition("/")[2]

    @property
    def what(self) -> str:
        """The number that decides, as people write it."""
        return f"{_title(self.metric)} on {_plain(self.judged_on)} images, %"

    def _judged(self) -> str:
        """The images that decide; where it isn't top-1 accuracy, by what."""
        if self.metric == "accuracy":
            return JUDGED[self.judged_on]
        images = "the **test images**" if self.judged_on == "test" else JUDGED[self.judged_on]
        return f"{images}, by {TITLES[self.metric]} of the weights that were kept"

    def luck(self) -> str:
        """The accuracy that won beside those of the same values in fresh seeds, in a sentence or two."""
        assert self.best.accuracy is not None
        if not self.fresh:
            return "The best wasn't trained again: `fresh_seeds: 0`."
        values = list(self.fresh.values())
        mean, won = fmean(values), self.best.accuracy
        spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
        seeds = f"{len(values)} fresh seeds come" if len(values) > 1 else "one fresh seed comes"
        side = "above" if won >= mean else "below"
        each = ", ".join(f"{value:.2f}" for value in values)
        return (
            f"Under the same values, {seeds} to {mean:.2f}{spread} % ({each}).\n"
            f"The trial that won had {won:.2f} %: {abs(won - mean):.2f} points {side} that mean."
        )


def _title(metric: Metric) -> str:
    return "accuracy" if metric == "accuracy" else TITLES[metric]


def _plain(judged_on: str) -> str:
    return judged_on.replace("_", "-")


def _range(where: Range) -> str:
    if where.choices:
        return ", ".join(map(_value, where.choices))
    return f"{_value(where.low)} to {_value(where.high)}{', logarithmic' if where.log else ''}"


def _value(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else json.dumps(value).strip('"')
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
