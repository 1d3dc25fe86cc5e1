"""Networks as devices run them: who is on the Pareto front by hand, and what the table and the figure say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib import pyplot

from takd.errors import RecordError
from takd.reporting import deploying, kinds, show
from takd.reporting.context import Context
from takd.reporting.exported import COLUMNS
from takd.study.artifacts import of_own_study
from takd.study.further_kinds import Deploy
from tests.unit.planning.project import Project, node
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context

SPEC = ARTIFACTS["deploy"]
OWN = of_own_study("pets", ["large", "middle", "small"])["deploy"]
LATENCY = {"10": 4.0, "2": 1.0}


def exported() -> Context:
    """Seeds 0 and 1 of plain 2 and 10-2, and seed 0 of its teacher; eight bits halve latencies, and cost a point."""
    rows = []
    for chain, seeds, accuracy in (("2", 2, 70.0), ("10-2", 2, 72.0), ("10", 1, 75.0)):
        for seed in range(seeds):
            for place, numbers in enumerate(("fp32", "int8"), 1):
                latency = LATENCY[chain.split("-")[-1]] / place
                counted = (accuracy + seed - place + 1, 1000, 20_000, 4000 // place + seed)
                rows.append(("cifar10", "plain", chain, "", seed, numbers, *counted, latency, 2 * latency, 1000 / latency, "A | B"))
    return replace(context(accuracies([]), ("cifar10",)), exported=pd.DataFrame(rows, columns=COLUMNS))


def test_the_front_is_that_of_a_hand_drawing() -> None:
    assert deploying.on_front([1, 2, 3, 3, 4, 1], [70, 72, 71, 74, 74, 69]) == [True, True, False, True, False, False]
    assert deploying.on_front([1, 1], [70, 70]) == [True, True]  # none is better than the other


def test_a_row_a_chain_and_kind_has_means_over_seeds_and_the_latency_of_its_member() -> None:
    assert isinstance(SPEC, Deploy)
    table: Any = deploying.numbers("deploy", SPEC, exported()).set_index(["family", "chain", "numbers"])
    row = table.loc["plain", "10-2", "int8"]
    assert row[["accuracy", "n", "bytes", "latency_ms", "latency_95_ms"]].tolist() == [71.5, 2, 2000, 0.5, 1.0]
    assert row["deviation"] == pytest.approx(0.5**0.5) and row["on_front"]
    assert table.loc[("plain", "10", "fp32"), "n"] == 1  # its teacher, as far as it was needed
    assert table.loc[("resnet", "110", "fp32"), "n"] == 0
    # 71.5 % in 0.5 ms, 72.5 % in 1 ms, 74 % in 2 ms, 75 % in 4 ms; plain 2 from labels is as fast as 10-2, and worse
    assert table.index[table["on_front"]].tolist() == [
        ("plain", "10-2", "fp32"), ("plain", "10-2", "int8"), ("plain", "10", "fp32"), ("plain", "10", "int8")
    ]  # fmt: skip


def test_files_say_what_was_run_and_what_was_not(tmp_path: Path) -> None:
    files = kinds.make("deploy", SPEC, exported(), tmp_path / "deploy")
    assert files == kinds.files(SPEC, tmp_path / "deploy") and files[1].read_bytes().startswith(b"\x89PNG")
    read = pd.read_csv(files[0])
    assert list(read.columns) == deploying.COLUMNS and read["on_front"].sum() == 4
    text = files[3].read_text()
    assert "| 71.50 ± 0.71 | 1,000      | 20,000        | 2,000 | 0.5 | 1         | 2,000    | yes   |" in text
    assert "Timed on A \\| B." in text and text.count("not run") == 2 * 9


def test_equal_points_share_a_name_and_long_names_take_several_lines(tmp_path: Path) -> None:
    columns = {"latency_ms": [1.0, 1.0, 8.0], "accuracy": [99.9, 99.9, 99.95]}
    front = pd.DataFrame({"chain": ["small", "large-small", "a_large_network-and_its_student"], **columns})
    _, axis = pyplot.subplots()
    axis.set(xscale="log", xlim=(0.5, 16))
    deploying._name_points(axis, front)
    first, second = axis.texts
    assert (first.get_text(), first.get_horizontalalignment()) == ("small\nand 1 more", "left")
    assert (second.get_text(), second.get_horizontalalignment()) == ("a_large_network →\nand_its_student", "right")
    pyplot.close()


def test_nothing_run_is_a_picture_and_a_table_too(tmp_path: Path) -> None:
    files = kinds.make("deploy", SPEC, context(accuracies([])), tmp_path / "deploy")
    assert files[1].is_file() and "no machine yet" in files[3].read_text()


def test_a_study_of_ones_own_ships_every_way_to_its_student_and_its_teacher() -> None:
    assert [cell.chain for cell in OWN.cells(("pets",))] == ["small", "large-small", "large-middle-small", "large"]


def test_it_is_made_from_exports_and_the_latency_of_one_network_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path)
    project.write(run="there")
    monkeypatch.chdir(project.root)
    for name in ("10", "10-2"):
        project.make(node(f"digits/plain/{name}/seed0"))
    project.make(node("digits/plain/10-2/seed1"))
    student, other, teacher = (node(f"digits/plain/{name}") for name in ("10-2/seed0", "10-2/seed1", "10/seed0"))
    wanted = {"results": "results", "what": "deploy"}
    place = "results/exports/digits/plain/"
    names = [f"{chain}{kind}.onnx" for chain in ("10-2/seed0", "10-2/seed1", "10/seed0") for kind in ("", ".int8")]
    timed = [f"{chain}{kind}.latency.json" for chain in ("10-2/seed0", "10/seed0") for kind in ("", ".int8")]
    assert project.workflow().lacking("shown", wanted) == [place + name for name in (*names, *timed)]
    with pytest.raises(RecordError, match=r"results/deploy\.csv: .*seed0\.onnx isn't there, .* nor 9 others; `snakemake"):
        show.make(project.workflow(), "results/deploy.csv")
    for kind in ("", ".int8"):
        for each in (student, other, teacher):
            project.export(each, kind)
        for each in (student, teacher):
            project.time(each, kind)
    show.make(project.workflow(), "results/deploy.csv")
    table: Any = pd.read_csv("results/deploy.csv").set_index(["family", "chain", "numbers"])
    assert table.loc[("plain", "10-2", "int8"), ["accuracy", "n", "latency_ms"]].tolist() == [84.0, 2, 0.25]
    assert project.workflow().state("shown", wanted) == "fresh"
    project.time(student, "", median=0.3)  # again, by another machine, say
    assert project.workflow().state("shown", wanted) == "stale"
