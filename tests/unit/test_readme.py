"""What the README shows of results is what stands in their files."""

import json
import re

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def rows(name: str) -> set[tuple[str, ...]]:
    return {cells(line) for line in (ROOT / "results" / name).read_text().splitlines() if line.startswith("|")}


def test_its_tables_are_those_of_the_results() -> None:
    known = rows("table1.md") | rows("quick/table1.md") | rows("quick/table2.md")
    shown = [cells(line) for line in README.splitlines() if re.match(r"\| *(CNN)? *\|.*\|.*(ours|paper|difference)", line)]
    shown = [line for line in shown if "Digits" not in line]
    assert len(shown) == 5 * 3
    assert set(shown) <= known


def test_its_verdicts_are_those_of_the_results() -> None:
    verdicts = {row[0]: row for row in rows("quick/claims.md") if re.fullmatch(r"C\d", row[0]) and row[3].startswith("**")}
    shown = {row[0]: row for row in map(cells, README.splitlines()) if re.fullmatch(r"C\d", row[0])}
    assert shown.keys() == verdicts.keys() == {f"C{number}" for number in range(1, 9)}
    for claim, (_, statement, said) in shown.items():
        assert statement == verdicts[claim][2]
        assert said == f"{verdicts[claim][3]} ({verdicts[claim][4]})"


def test_its_speed_is_what_was_measured() -> None:
    lines = json.loads((ROOT / "benchmarks/results.json").read_text())["lines"]
    times = {line["name"]: line["value"] for line in lines}
    assert f"authors' loop {times['blkd-plain']:.0f} times as long, one from labels alone {times['nokd-plain']:.0f} times" in README
    assert f"with crop and flip\n{times['blkd-resnet']:.0f} times" in README
    low, high = sorted([times["modern"], times["modern-2-jobs"]])
    assert f"a careful modern loop takes plain 10 → 2 {low:.1f} to {high:.1f} times as long" in README


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    assert not [link for link in links if not link.startswith("http") and not (ROOT / link).exists()]
