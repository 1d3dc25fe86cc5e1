"""accuracy.csv: one row a trained network; all that tables, figures and claims read."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from takd.csv_files import read as read_csv
from takd.errors import NetworkNameError, RecordError, shortened
from takd.files import write_text
from takd.records.metrics import Metrics
from takd.study.metric import Metric
from takd.study.names import Name

COLUMNS = [
    "dataset", "family", "chain", "variant", "method", "seed", "accuracy", "best_test_accuracy", "selected_accuracy",
    "epochs", "training_share", "seconds", "parameters", "threads", "machine", "commit", "key",
]  # fmt: skip
IMPORTED = "imported"  # in the place of a method: the network came in with its weights, and had no epochs here
_NUMBERS = {
    "seed": (0, 999_999), "accuracy": (0, 100), "best_test_accuracy": (0, 100), "selected_accuracy": (0, 100),
    "epochs": (0, 200_000), "training_share": (0, 1), "seconds": (0, 1e12), "parameters": (1, 1e15), "threads": (1, 65_536),
}  # fmt: skip
_WHOLE = ["seed", "epochs", "parameters", "threads"]
_NETWORK = ["variant", "dataset", "family", "chain", "seed"]


def columns_of(metric: Metric) -> list[str]:
    """The columns of an accuracy.csv: those of any, and the metric that networks are compared by, where it is another."""
    return COLUMNS if metric in COLUMNS else [*COLUMNS, metric]


def rows_of(records: Iterable[tuple[str, Metrics]], order: dict[str, list[str]], metric: Metric = "accuracy") -> pd.DataFrame:
    """A row a record, sorted. records: each with its variant, empty for the main one. order: a family's members, largest first.

    metric: what networks are compared by; NaN in a record that lacks it.
    """
    columns, rows, places = columns_of(metric), [], []
    for variant, record in records:
        name = record.network
        row: dict[str, object] = {"dataset": name.dataset, "family": name.family, "chain": name.chain, "variant": variant}
        row |= {"method": _method(name, record.epochs), "seed": name.seed, "training_share": record.training_share}
        rows.append([row[column] if column in row else getattr(record, column) for column in columns])
        members = order.get(name.family, [])
        place = tuple(members.index(member) if member in members else 0 for member in name.members)
        places.append((variant, name.dataset, name.family, place, name.chain, name.seed))
    sorted_rows = [rows[i] for i in sorted(range(len(rows)), key=places.__getitem__)]
    table = pd.DataFrame(sorted_rows, columns=columns).astype({"chain": str, metric: float})
    return _each_once(table, "networks")


def of_kept_weights(record: Metrics, metric: Metric) -> float:
    """What a network's kept weights reach by a metric, in per cent. Raises RecordError where its record lacks it."""
    value: float | None = record.selected_accuracy if metric == "accuracy" else getattr(record, metric)
    if value is None:
        raise RecordError(f"{record.name}: its record has no {metric}, by which networks are compared")
    return value


def _method(name: Name, epochs: int) -> str:
    return name.method if epochs else IMPORTED


def write(path: Path, table: pd.DataFrame) -> None:
    """Write an accuracy.csv, whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read(path: Path, metric: Metric = "accuracy") -> pd.DataFrame:
    """An accuracy.csv, of networks that are compared by the metric. Raises RecordError where it isn't one, or has one twice."""
    numbers = _NUMBERS | {metric: (0.0, 100.0)}
    table = read_csv(path, columns_of(metric), RecordError, numbers=numbers, whole=_WHOLE)
    needed = [name for name in COLUMNS if name not in ("variant", "best_test_accuracy")]
    for row, values in enumerate(table[needed].to_dict("records"), 2):
        for column, value in values.items():
            if value == "" or value != value:
                raise RecordError(f"{path}, row {row}: {column} is missing")
        try:
            name = Name.parse("{dataset}/{family}/{chain}/seed{seed}".format_map(values))
        except NetworkNameError as error:
            raise RecordError(f"{path}, row {row}: {error}") from None
        if values["method"] != (method := _method(name, values["epochs"])):
            raise RecordError(f"{path}, row {row}: method is {shortened(repr(values['method']))}, but {name} is {method}")
    return _each_once(table, str(path))


def by_seed(table: pd.DataFrame, dataset: str, family: str, chain: str, variant: str = "") -> "pd.Series[float]":
    """A chain's accuracies, by seed."""
    chosen = (table["dataset"] == dataset) & (table["family"] == family) & (table["chain"] == chain) & (table["variant"] == variant)
    return table[chosen].set_index("seed")["accuracy"]


def on_held_out(table: pd.DataFrame, *, compared: bool = False) -> bool:
    """Whether any accuracy was measured on training images that were held out, and not on the test images.

    compared: whether networks of all variants stand beside each other. Raises RecordError where both are among the networks of
    one variant, or of none, or of those that are compared: they can't be.
    """
    held_out = table["best_test_accuracy"].isna() & (table["epochs"] > 0)
    if compared and held_out[table["epochs"] > 0].nunique() > 1 and table["variant"].nunique() > 1:
        which = ", ".join(variant or "the main recipe" for variant in table["variant"][held_out].unique())
        raise RecordError(f"accuracies of {which} are of held-out images, others' of test images: they can't stand in one table")
    mixed = held_out[table["epochs"] > 0].groupby(table["variant"]).nunique() > 1
    if mixed.any():
        variant = mixed.idxmax()
        where = f"variants/{variant}" if variant else "networks"
        raise RecordError(f"{where}: some accuracies are of test images, others of held-out ones; give them folders of their own")
    return bool(held_out.any())


def _each_once(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table, if no network stands in it twice: that would count as a seed more."""
    twice = table[table.duplicated(_NETWORK)]
    if len(twice):
        variant, *parts, seed = map(str, twice.iloc[0][_NETWORK])
        name = "/".join([*([f"variants/{variant}"] if variant else []), *parts, f"seed{seed}"])
        raise RecordError(f"{source}: {name} stands there twice; networks of several folders need several accuracy.csv")
    return table
