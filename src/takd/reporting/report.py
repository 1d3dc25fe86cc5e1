"""report.md: what was run, on what, and everything that came out, in one page."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from takd.data.registry import DATASETS
from takd.reporting import page
from takd.reporting.accuracy import metrics_of
from takd.reporting.artifacts import AnyArtifact, look_up
from takd.reporting.tables import aligned

# What a recipe's table shows, in this order; the rest is in every metrics.json.
RECIPE_FIELDS = (
    "epochs",
    "training_share",
    "batch_size",
    "learning_rate",
    "schedule",
    "weight_decay",
    "augmentation",
    "trade_off",
    "temperature",
    "kl_reduction",
    "separate_epochs",
)

RUN_FIELDS = (
    *("dataset", "family", "recipe", "seconds", "commit", "machine", "device", "threads", "precision"),
    *("versions", "data_digest", "measured_on"),
)


def as_markdown(
    title: str, metrics: list[Path], artifacts: Mapping[str, AnyArtifact], sections: list[Path], deviations: str
) -> str:
    """The page. sections: tables (.md) and figures (.png) in the order to show them, named after their artifacts, or claims.md.

    deviations: address of the page that says where takd deviates from the paper. Raises CheckpointError where metrics aren't,
    ParameterError where a section is of no artifact.
    """
    runs = []
    for path in metrics:
        with metrics_of(path) as values:
            runs.append({name: values[name] for name in RUN_FIELDS})
    parts = [f"# {title}", "## What was run", _what_was_run(runs), "### Recipes", _recipes(runs)]
    for section in sections:
        name = section.stem
        if name == "claims":
            parts += ["## Claims", page.read(section)]
        elif section.suffix == ".png":
            artifact = look_up(artifacts, name)
            parts += [
                f"## {artifact.where}",
                f"![{artifact.title}]({section.name})",
                f"{artifact.title}. {artifact.how_to_read}",
            ]
        else:
            parts += [f"## {look_up(artifacts, name).where}", page.read(section)]
    parts += [
        "## Deviations",
        f"Where this differs from the paper and from its authors' code, and why: [{Path(deviations).name}]({deviations}).",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _what_was_run(runs: list[dict[str, Any]]) -> str:
    """Networks, hours, commits, machines and data, counted from the metrics of every network."""

    def counted(*names: str) -> str:
        values = Counter(", ".join(f"{run[name]}" for name in names) for run in runs)
        if len(values) == 1:
            return next(iter(values))
        return "; ".join(f"{value} ({count} network{'s' * (count > 1)})" for value, count in sorted(values.items()))

    seconds = sum(run["seconds"] for run in runs)
    lines = [
        ["", ""],
        ["networks", f"{len(runs)}, each trained once"],
        ["time", f"{seconds / 3600:.2f} hours of training by the clock, summed over networks"],
        ["commit", counted("commit")],
        ["machine", counted("machine")],
        ["device, threads, precision", counted("device", "threads", "precision")],
        ["versions", "; ".join(sorted({", ".join(f"{name} {v}" for name, v in sorted(run["versions"].items())) for run in runs}))],
    ]
    for name in sorted({run["dataset"] for run in runs}):
        digests = sorted({run["data_digest"][:16] for run in runs if run["dataset"] == name})
        judged = sorted({run["measured_on"] for run in runs if run["dataset"] == name})
        lines.append([DATASETS[name].title, f"content {', '.join(digests)}…, judged on {' and '.join(judged)} images"])
    return aligned(lines)


def _recipes(runs: list[dict[str, Any]]) -> str:
    """The recipes in use, and how many networks each made."""
    recipes = Counter((run["family"], *(str(run["recipe"].get(field, "")) for field in RECIPE_FIELDS)) for run in runs)
    rows = [[*recipe, str(count)] for recipe, count in sorted(recipes.items(), key=lambda item: [_order(text) for text in item[0]])]
    return aligned([["family", *RECIPE_FIELDS, "networks"], *rows])


def _order(text: str) -> tuple[float, str]:
    """By size where it is a number, else by letters."""
    try:
        return float(text), ""
    except ValueError:
        return 0.0, text
