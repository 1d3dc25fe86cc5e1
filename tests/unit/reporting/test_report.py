import json
from pathlib import Path
from typing import Any

import pytest

from takd.errors import CheckpointError
from takd.reporting import artifacts, report
from takd.reporting.page import as_html
from tests.conftest import ROOT, recipe, taught

ARTIFACTS = artifacts.load(ROOT / "paper/artifacts.yaml")


def write(folder: Path, name: str, **values: Any) -> Path:
    run = {
        "dataset": "digits", "family": "plain", "seconds": 1800.0, "commit": "abc", "machine": "A processor", "device": "cpu",
        "threads": 1, "precision": "bfloat16", "versions": {"torch": "2", "takd": "0"}, "data_digest": "d" * 64,
        "measured_on": "test", "recipe": json.loads(recipe().canonical()),
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(run | values))
    return path


def test_the_page_says_what_was_run_and_shows_what_came_out(tmp_path: Path) -> None:
    (tmp_path / "table2.md").write_text("the table itself\n")
    (tmp_path / "claims.md").write_text("the verdicts\n")
    metrics = [
        write(tmp_path, "one"),
        write(tmp_path, "other", commit="def", recipe=json.loads(taught().canonical())),
        write(tmp_path, "third"),
    ]
    sections = [tmp_path / name for name in ("table2.md", "figure2.png", "claims.md")]
    page = report.as_markdown("results/toy", metrics, ARTIFACTS, sections, "../../docs/deviations.md")
    assert page.startswith("# results/toy\n")
    assert "3, each trained once" in page and "1.50 hours of training" in page
    assert "abc (2 networks); def (1 network)" in page and "cpu, 1, bfloat16" in page and "A processor" in page
    assert "Digits" in page and "content dddddddddddddddd…, judged on test images" in page
    assert page.index("## Table 2") < page.index("the table itself") < page.index("## Figure 2")
    assert page.index(f"![{ARTIFACTS['figure2'].title}](figure2.png)") < page.index("## Claims") < page.index("the verdicts")
    recipes = page[page.index("### Recipes") : page.index("## Table 2")]
    assert recipes.count("| plain ") == 2 and recipes.count("batchmean") == 1


def test_a_table_becomes_a_page_without_running_what_it_holds() -> None:
    html = as_html("**Table.** Ours\n\n| a | b |\n|---|---|\n| 1 | <script>x</script> |\n", "table2")
    assert "<strong>Table.</strong>" in html and "<td>1</td>" in html and "<title>table2</title>" in html
    assert "<script>" not in html and "http" not in html


def test_what_is_no_metrics_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    for path, what_is_said in ((tmp_path / "bad.json", "not the metrics"), (tmp_path / "absent.json", "no such file")):
        with pytest.raises(CheckpointError, match=what_is_said):
            report.as_markdown("x", [path], ARTIFACTS, [], "")
