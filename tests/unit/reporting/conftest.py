"""Made-up accuracies, loss surfaces and records, by small functions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from takd.networks.registry import PAPER_FAMILIES
from takd.records.accuracy import COLUMNS
from takd.records.metrics import Epoch, Metrics
from takd.records.surface import POINT_COLUMNS
from takd.reporting.context import Context, read_published, titles_of
from takd.study import artifacts
from takd.study.names import Name
from takd.study.recipe import Recipe
from tests.conftest import ROOT, mutual, recipe, taught

GOLDEN = ROOT / "tests/golden"
ARTIFACTS = artifacts.load(ROOT / "paper/artifacts.yaml")
PUBLISHED = read_published(ROOT / "paper/published.csv")
BOTH = ("cifar10", "cifar100")
SHARES = {"": 1, "half": 1 / 2, "quarter": 1 / 4, "eighth": 1 / 8, "sixteenth": 1 / 16}
SHARES |= {f"soft_{name}" if name else "soft": share for name, share in SHARES.items()} | {"few": 1 / 16}


def accuracies(rows: Iterable[tuple[str, str, str, int, float]], **columns: Any) -> pd.DataFrame:
    """An accuracy.csv of data set, family, chain, seed, accuracy. columns: what else differs from an ordinary network's."""
    table = pd.DataFrame(list(rows), columns=["dataset", "family", "chain", "seed", "accuracy"])
    usual: dict[str, Any] = dict.fromkeys(("best_test_accuracy", "selected_accuracy"), table["accuracy"])
    usual |= {"variant": "", "epochs": 3, "training_share": 1.0}
    return table.assign(**(usual | columns)).reindex(columns=COLUMNS)


def of_figures(without: str = "") -> pd.DataFrame:
    """Accuracies by a formula of every network of every figure of accuracies under two seeds, but for one family."""
    figures = [spec for spec in ARTIFACTS.values() if spec.kind in ("lines", "paths", "rates")]
    shown = [one for one in dict.fromkeys(one for spec in figures for one in spec.networks(BOTH, 2)) if one.name.family != without]
    rows = [
        (
            name.dataset, name.family, name.chain, name.seed,
            40 + 2.0 * int(name.member) ** 0.5 + 1.5 * len(name.hops) + 0.25 * name.seed - 3 * (SHARES[variant] ** -0.6 - 1),
        )
        for name, variant in shown
    ]  # fmt: skip
    return accuracies(rows, variant=[one.variant for one in shown], training_share=[SHARES[one.variant] for one in shown])


def context(accuracy: pd.DataFrame, datasets: tuple[str, ...] = BOTH, points: pd.DataFrame | None = None) -> Context:
    """What tables and figures are made from, beside the paper's numbers."""
    none = pd.DataFrame(columns=POINT_COLUMNS)
    order = {family: list(members) for family, members in PAPER_FAMILIES.items()}
    return Context(datasets, titles_of(datasets), accuracy, none if points is None else points, PUBLISHED, order)


def record(name: str, accuracies: tuple[float, ...] = (50.0, 60.0), *, by: Recipe | None = None, **values: Any) -> Metrics:
    """The record of a training whose epochs ended with those accuracies; without any, of weights that were brought."""
    of = Name.parse(name)
    objective = {"labels": recipe, "distillation": taught, "mutual": mutual}[of.objective.name]
    history = [Epoch(epoch=n, learning_rate=0.1, loss=1 / n, accuracy=one, seconds=1) for n, one in enumerate(accuracies, 1)]
    given: dict[str, Any] = {
        "name": name, "key": "0" * 16, "recipe": (by or objective(epochs=len(history))) if history else None, "builder": "plain:2",
        "classes": 10, "data_digest": "d" * 64, "code": "c", "threads": 1, "device": "cpu", "machine": "A processor",
        "instructions": "avx2", "precision": "bfloat16", "versions": {"torch": "2", "takd": "0"}, "commit": "abc",
        "measured_on": "test", "accuracy": (accuracies or (70.0,))[-1], "best_test_accuracy": max(accuracies or (70.0,)),
        "selected_accuracy": (accuracies or (70.0,))[-1], "test_answers": None, "epochs": len(history), "seconds": 1800.0,
        "parameters": 100, "weights_digest": "e" * 64, "history": history,
    }  # fmt: skip
    return Metrics(**(given | values))


def written(files: list[Path]) -> dict[str, bytes]:
    """What stands in files, by their suffix."""
    return {path.suffix.removeprefix("."): path.read_bytes() for path in files}
