"""The table of benchmarks/results.json, for a terminal and as Markdown: `python -m benchmarks.report` writes results.md anew."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.command import run
from takd.files import write_text

HERE = Path(__file__).parent
COLUMNS = ("work", "compared with", "baseline, s", "takd, s", "result", "range", "bar", "met")
Results = dict[str, Any]


def main(results: Path = HERE / "results.json", output: Path = HERE / "results.md") -> None:
    """Write the Markdown table of a run."""
    write_text(output, as_markdown(json.loads(results.read_text())))


def rows(results: Results) -> list[tuple[str, ...]]:
    """A row for each line, as texts, in the order of COLUMNS."""
    return [
        (
            line["work"],
            line["compared_with"],
            _number(line["baseline_seconds"]),
            _number(line["takd_seconds"]),
            f"{_number(line['value'])} {line['unit']}",
            f"{_number(line['low'])} – {_number(line['high'])}",
            "" if line["bar"] is None else f"{'≥' if line['at_least'] else '<'} {line['bar']:g}",
            {True: "yes", False: "no", None: ""}[line["met"]],
        )
        for line in results["lines"]
    ]


def conditions(results: Results) -> list[str]:
    """On what it was measured, and how, in a few sentences."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    said = [
        f"{results['machine']}, {results['cores']} cores, {results['threads']} threads; {versions}; commit {results['commit']}.",
        f"Medians of {results['repeats']} alternating repeats (memory: two, growth: one); the range is over the repeats.",
        f"An epoch is {results['images']:,} images and a fifth as many test images; where only a share of it was run, on both "
        f"sides, the row says on how many.",
    ]
    if results["load"] > 0.5:
        said.append(f"The machine wasn't idle: its load was {results['load']:.1f} when the run began.")
    if results["quick"]:
        said.append("A quick look, with fewer images or repeats than the benchmark has or of no commit: not a result.")
    return said


def as_table(results: Results) -> Table:
    """For a terminal."""
    table = Table(*COLUMNS, caption=" ".join(conditions(results)))
    for row in rows(results):
        table.add_row(*row)
    return table


def as_markdown(results: Results) -> str:
    """The table, on what it was measured, and how the graph of paths grows."""
    parts = ["\n".join(conditions(results)), _markdown(COLUMNS, rows(results))]
    if results["paths"]:
        columns = tuple(sorted(results["paths"][0], key=lambda column: column != "intermediate_sizes"))
        cells = [tuple(str(row[column]) for column in columns) for row in results["paths"]]
        parts += [
            "Networks that a figure of every path takes, ResNet-110 to ResNet-8 on CIFAR-100 under the paper's recipe, one seed "
            "(each path's prefixes are networks that other paths share):",
            _markdown(tuple(column.replace("_", " ") for column in columns), cells),
        ]
    return "\n\n".join(["<!-- written by benchmarks/report.py from results.json -->", *parts]) + "\n"


def _markdown(columns: tuple[str, ...], cells: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None) -> str:
    """Three digits or so: enough for what repeats differ by."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    run(main)
