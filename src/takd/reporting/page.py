"""report.html: one page for a person, with all of its pictures in it; the result first, then how it came about."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from statistics import fmean

import pandas as pd

from takd.files import read_text
from takd.markdown import one_line
from takd.networks.registry import PAPER_FAMILIES
from takd.records.metrics import Metrics
from takd.reporting import curves, facts, not_run
from takd.reporting.claims_page import HOW_PAGE
from takd.reporting.context import family_title, of_all_accuracies, titles_of
from takd.reporting.curves import Chain
from takd.reporting.facts import Records
from takd.reporting.page_style import STYLE
from takd.reporting.rendering import as_html, tables_of, verdict_class
from takd.reporting.verdicts import OF_OWN, VERDICTS
from takd.study.artifacts import AnyArtifact, look_up
from takd.study.comparisons import BY
from takd.study.metric import Metric, said_of
from takd.study.names import hops_of
from takd.study.search import JudgedOn
from takd.study.shown import Cell

# Nothing is fetched and nothing runs, whatever a name says.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_html(
    title: str,
    records: Records,
    artifacts: Mapping[str, AnyArtifact],
    sections: Sequence[Path],
    verdicts: pd.DataFrame | None,
    verify_line: str,
    metric: Metric = "accuracy",
    chosen_on: JudgedOn = "held_out",
    *,
    caution: str = "",
    own: bool = False,
    how_judged: str | None = None,
) -> str:
    """The page. records: of all networks, each with its variant, empty for the main one; teachers first.

    sections: tables (.md) and figures (.png) in the order to show them, named after their artifacts, and claims.md. verdicts: a row
    a comparison, as claims.csv. verify_line: what `takd verify` says.
    metric: what networks are compared by. chosen_on: the images by which recipes were chosen. caution: what is wrong with them.
    own: verdicts are on a study of one's own, and not on the paper. how_judged: address of the page that says how claims are
    judged, which claims.md names.

    Raises ParameterError where a section is of no artifact.
    """
    page = _Page(records, {path.stem: look_up(artifacts, path.stem) for path in sections if path.stem != "claims"}, metric)
    of_networks = [path for path in sections if path.stem != "claims"]
    empty = not_run.of_which_nothing(of_networks, page.shown, page.chains)
    run = [path for path in of_networks if path not in empty]
    figures, tables = ([path for path in run if path.suffix == suffix] for suffix in (".png", ".md"))
    claims = next((read_text(path) for path in sections if path.stem == "claims"), "")
    main = next((path for path in figures if page.shown[path.stem].kind == "paths"), figures[0] if figures else None)
    parts = {
        "Result": _strong(of_all_accuracies(False, chosen_on))
        + _strong(caution)
        + _strong(facts.learnt_nothing(records))
        + page.result()
        + _verdicts(claims, verdicts, OF_OWN if own else {})
        + (page.figure(main) if main else ""),
        "Tables": "".join(map(page.table, tables)),
        "Figures": "".join(page.figure(path) for path in figures if path != main),
        "Claims": as_html(claims.replace(HOW_PAGE, f"[{HOW_PAGE}]({how_judged})", 1) if how_judged else claims, page.href),
        "Cost": as_html(f"{facts.what_was_run(records)}\n# Recipes\n\n{facts.recipes(records)}", page.href),
        "Networks": curves.as_html(page.chains, page.shown_in(run)),
    }
    parts = {name: part for name, part in parts.items() if part}
    parts[next(reversed([name for name in parts if name in ("Result", "Tables", "Figures")]))] += page.left_out(empty)
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in parts)
    body = "\n".join(f'<section id="{name.lower()}">\n<h2>{name}</h2>\n{part}</section>' for name, part in parts.items())
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(one_line(title))}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n'
        f"<h1>{escape(one_line(title))}</h1>\n<nav>{links}</nav>\n{body}\n<footer>{escape(one_line(verify_line))}</footer>\n"
        "</body>\n</html>\n"
    )


class _Page:
    """What leads where: cells of tables and names of chains to the networks' curves, and back."""

    def __init__(self, records: Records, shown: Mapping[str, AnyArtifact], metric: Metric) -> None:
        self.records = records
        self.metric = metric
        self.shown = shown
        self.chains: dict[Chain, list[Metrics]] = curves.by_chain(records)
        self.titles = titles_of(dict.fromkeys(chain.dataset for chain in self.chains))

    @cached_property
    def cells(self) -> dict[str, list[tuple[Cell, Chain]]]:
        """The cells of each artifact of which there are networks."""
        datasets = tuple(dict.fromkeys(chain.dataset for chain in self.chains))
        both = {
            name: [(cell, Chain(cell.variant, cell.dataset, cell.family, cell.chain)) for cell in spec.cells(datasets)]
            for name, spec in self.shown.items()
        }
        return {name: [(cell, chain) for cell, chain in cells if chain in self.chains] for name, cells in both.items()}

    def shown_in(self, paths: Iterable[Path]) -> dict[Chain, dict[str, str]]:
        """Of each chain those of the tables and figures that show it: where in the paper, by anchor."""
        places: dict[Chain, dict[str, str]] = {}
        for path in paths:
            for _, chain in self.cells[path.stem]:
                places.setdefault(chain, {})[path.stem] = self.shown[path.stem].where
        return places

    def href(self, head: Sequence[str], row: Sequence[str], column: int) -> str | None:
        """Where a chain's name leads, in a table that has a data set and a family beside it."""
        line = dict(zip(head, row, strict=True))
        if head[column] not in ("better", "than") or not {"data set", "family"} <= line.keys():
            return None
        text, _, by = row[column].removeprefix("gain of ").partition(BY)
        chain = self._by_names.get((line["data set"], line["family"], by or line.get("variant", ""), text))
        return None if chain is None else f"#{chain.anchor}"

    @cached_property
    def _by_names(self) -> dict[tuple[str, str, str, str], Chain]:
        return {(self.titles[chain.dataset], chain.family, chain.variant, chain.chain): chain for chain in self.chains}

    def table(self, path: Path) -> str:
        """A table, whose own numbers lead to the curves of their networks."""
        leads = {
            (one_line(cell.model), self.titles[cell.dataset], one_line(cell.column)): f"#{chain.anchor}"
            for cell, chain in self.cells[path.stem]
        }

        def href(head: Sequence[str], row: Sequence[str], column: int) -> str | None:
            beside_the_paper = not head[2].strip()
            return None if beside_the_paper and row[2] != "ours" else leads.get((row[0], row[1], head[column]))

        return f'<div id="{escape(path.stem)}">\n{as_html(read_text(path), href)}</div>\n'

    def figure(self, path: Path) -> str:
        """A figure with its picture, and what it shows."""
        spec = self.shown[path.stem]
        content = path.read_bytes()
        picture = base64.b64encode(content).decode()
        readable = int.from_bytes(content[16:20]) * 2 // 5  # a PNG's width; at two fifths of it the text is as small as can be read
        return (
            f'<figure class="picture" id="{escape(path.stem)}"><div><img style="--readable: {readable}px" '
            f'alt="{escape(one_line(spec.title))}" '
            f'src="data:image/png;base64,{picture}"></div>\n<figcaption><strong>{escape(spec.where)}.</strong> '
            f"{escape(one_line(spec.title))}. {escape(spec.how_to_read)}</figcaption></figure>\n"
        )

    def left_out(self, paths: Sequence[Path]) -> str:
        """Which tables and figures nothing was run for."""
        return f'<p class="quiet">{escape(not_run.sentence(paths, self.shown))}</p>\n' if paths else ""

    def result(self) -> str:
        """What was asked, in a sentence, and the students' accuracies each way."""
        families = ", ".join(dict.fromkeys(family_title(chain.family) for chain in self.chains if chain.family != chain.dataset))
        networks = f"{len(self.records)} network{'s' * (len(self.records) > 1)}{f' ({families})' if families else ''}"
        question = (
            "Does a small network learn more from a large teacher where assistants of sizes between stand on the way?"
            if any(len(hops_of(chain.chain)) > 2 for chain in self.chains)
            else "Does a small network learn more from a large teacher than from labels alone?"
        )
        asked = f"{question} {networks} on {', '.join(self.titles.values())}; {facts.time_of(self.records)} of training."
        students = [student for group in dict.fromkeys(chain[:3] for chain in self.chains) if (student := self._student(*group))]
        if not students:
            return f"<p>{escape(asked)}</p>\n"
        rows = "".join(
            f"<tr><th>{way}</th>{''.join(f'<td>{student[way]}</td>' for student in students)}</tr>\n" for way in students[0]
        )
        held_out = any(record.measured_on == "validation" for _, record in self.records)
        images = "training images that were held out" if held_out else "test images"
        says = (
            f"{said_of(self.metric)} on {images}, %; mean ± standard deviation (number of seeds). The best path is "
            "chosen by these very numbers, so chance flatters it."
        )
        if any(map(_is_pooled, self.chains.values())):
            says += " Students of several teachers are pooled; those of one teacher aren't independent, as levels has it."
        table = f'<div class="scroll result" tabindex="0"><table>\n{rows}</table></div>'
        return f'<p>{escape(asked)}</p>\n{table}\n<p class="quiet">{says}</p>\n'

    def _student(self, variant: str, dataset: str, family: str) -> dict[str, str]:
        """The student at the end of the longest chain: its accuracy from labels alone, by its teacher, and by the best path."""
        chains = {chain: hops_of(chain.chain) for chain in self.chains if chain[:3] == (variant, dataset, family)}
        longest = max(chains.values(), key=len)
        if len(longest) < 2 or variant:
            return {}
        whole = [chain for chain, hops in chains.items() if hops[-1] == longest[-1] and hops[0] in (longest[0], longest[-1])]

        def best(fewest: int, most: int) -> str:
            its = [chain for chain in whole if fewest <= len(chains[chain]) <= most]
            if not its:
                return "not run"
            means = {one: round(fmean(curves.values_of(self.chains[one], self.metric) or [0.0]), 2) for one in its}
            chain, *others = [one for one in its if means[one] == max(means.values())]
            path = " → ".join(map(str, chains[chain])) + (f", of {len(its)} paths" if len(its) > 1 else "")
            path += f"; as good: {', '.join(other.chain for other in others)}" if others else ""
            said = curves.said(self.chains[chain], self.metric)
            return f'<a href="#{escape(chain.anchor)}">{said}</a><br><small>{escape(path)}</small>'

        student = f"{family_title(family)} {longest[-1]}" if family in PAPER_FAMILIES else str(longest[-1])
        return {
            "student": f"<strong>{escape(student)}</strong><br>{escape(self.titles[dataset])}",
            "from labels alone": best(1, 1),
            "by its teacher": best(2, 2),
            "by the best path through assistants": best(3, len(longest)),
        }


def _is_pooled(records: Sequence[Metrics]) -> bool:
    """Whether a chain's networks have several teachers, some of them the same."""
    return 1 < len({record.teacher for record in records}) < len(records)


def _strong(said: str) -> str:
    return f"<p><strong>{escape(said.strip())}</strong></p>\n" if said else ""


def _verdicts(claims: str, verdicts: pd.DataFrame | None, words: Mapping[str, str]) -> str:
    """The verdict on each claim, from the first table of claims.md; and how many comparisons came out how, in its words."""
    said = {"claim", "statement", "verdict"}
    summary: list[dict[str, str]] = next((table for table in tables_of(claims) if said <= table[0].keys()), [])
    cards = "".join(
        f'<li><span class="verdict {verdict_class(row["verdict"])}">{escape(row["verdict"])}</span> <b>{escape(row["claim"])}</b> '
        f"{escape(row['statement'])} <small>{escape(row.get('comparisons', ''))}</small></li>\n"
        for row in summary
    )
    text = f'<ul class="claims">\n{cards}</ul>\n' if cards else ""
    if verdicts is None or not cards:
        return text
    its = verdicts[verdicts["claim"].isin([row["claim"] for row in summary]) & (verdicts["kind"] != "joint")]
    counts = its.drop_duplicates(["dataset", "family", "variant", "unit", "better", "worse"])["verdict"].value_counts()
    shown = " ".join(
        f'<span class="verdict {verdict_class(verdict)}">{counts[verdict]} {words.get(verdict, verdict)}</span>'
        for verdict in VERDICTS
        if verdict in counts
    )
    return f'{text}<p>Comparisons, each counted once: {shown} <a href="#claims">all of them</a></p>\n'
