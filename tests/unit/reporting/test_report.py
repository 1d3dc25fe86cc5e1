"""Both reports of a few made-up networks."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from takd.errors import ParameterError
from takd.records.metrics import Epoch, packed_answers
from takd.records.surface import read_rises
from takd.reporting import facts, kinds
from takd.reporting.claims_page import HOW_PAGE, as_markdown
from takd.reporting.judging import Measured, judge
from takd.reporting.page import report_html
from takd.reporting.rendering import as_html
from takd.reporting.report import report_markdown
from takd.study.artifacts import of_own_study
from takd.study.own_claims import of_own_study as of_own_claims
from tests.unit.reporting.conftest import ARTIFACTS, PUBLISHED, accuracies, context, record

RECORDS = [
    ("", record("cifar10/plain/10/seed0", (60.0, 80.0), commit="def", seconds=3600.0)),
    ("", record("cifar10/plain/10-4/seed0", (60.0, 75.0))),
    ("", record("cifar10/plain/10-4-2/seed0", (60.0, 71.0))),
    ("", record("cifar10/plain/10-4-2/seed1", (60.0, 73.0))),
    ("", record("cifar10/plain/10-2/seed0", (60.0, 71.5))),
    ("", record("cifar10/plain/2/seed0", (60.0, 70.0))),
    ("comparison", record("cifar10/resnet/14/seed0", (60.0, 89.0))),
]
NONE_PUBLISHED = PUBLISHED.iloc[:0]
CLAIMS = """Said before.

| claim | statement                 | verdict          | comparisons |
|-------|---------------------------|------------------|-------------|
| C1    | TAKD \\| is better         | **undecided**    | 2 of 3      |
| C7    | TAKD beats \\<b\\>all\\</b\\> | **contradicted** | 1           |

## Comparisons

| claim | data set | family | better | than | n | verdict           |
|-------|----------|--------|--------|------|---|-------------------|
| C1    | CIFAR-10 | plain  | 10-4-2 | 10-2 | 2 | reproduced, small |
"""
VERDICTS = pd.DataFrame(
    [
        ("C1", "10-4-2", "10-2", "order", "reproduced"),
        ("C1", "10-2", "2", "order", "undecided"),
        ("C1", "mean of x, y", "z", "joint", "reproduced"),
        ("C7", "10-4-2", "10-2", "above", "reproduced"),
        ("P1", "10", "10-4", "above", "contradicted"),
    ],
    columns=["claim", "better", "worse", "kind", "verdict"],
).assign(dataset="cifar10", family="plain", variant="", unit="points")


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("results")
    rows = [(n.dataset, n.family, n.chain, n.seed, one.accuracy) for _, one in RECORDS for n in [one.network]]
    of = context(accuracies(rows, variant=[variant for variant, _ in RECORDS]), ("cifar10",))
    for name in ("table1", "figure6", "figure5", "figure4", "figure7"):
        kinds.make(name, ARTIFACTS[name], of, folder / name)
    (folder / "claims.md").write_text(CLAIMS)
    return [folder / name for name in ("table1.md", "figure6.md", "figure5.png", "figure4.png", "figure7.png", "claims.md")]


def html(sections: list[Path], title: str = "results/toy", line: str = "takd verify: all whole") -> str:
    return report_html(title, RECORDS, ARTIFACTS, sections, VERDICTS, line)


class Checker(HTMLParser):
    """Elements that are opened and closed, and everything that leads somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.leads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "img", "br", "polyline", "path"):
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.leads.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("polyline", "path"):
            assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert not checker.open
    return checker


def test_report_md_says_what_was_run_and_shows_what_came_out(sections: list[Path]) -> None:
    page = report_markdown("results/toy", RECORDS, ARTIFACTS, sections, "../../docs/deviations.md")
    assert page.startswith("# results/toy\n")
    assert "7, each trained once" in page and "4.0 hours of training" in page
    assert "abc (6 networks); def (1 network)" in page and "cpu, 1, bfloat16" in page and "A processor" in page
    assert "CIFAR-10" in page and "content dddddddddddddddd…, judged on test images" in page
    assert page.index("## Table 1") < page.index("**Table 1.**") < page.index("## Figure 5")
    assert page.index(f"![{ARTIFACTS['figure5'].title}](figure5.png)") < page.index("## Claims") < page.index("Said before")
    assert page.index("Said before") < page.index("## What was run") < page.index("## Deviations")  # the result before the method
    recipes = page[page.index("### Recipes") : page.index("## Deviations")]
    assert recipes.count("| plain ") == 2 and recipes.count("batchmean") == 1 and "select" not in recipes
    assert page.endswith("[deviations.md](../../docs/deviations.md).\n")
    assert "Deviations" not in report_markdown("x", RECORDS, ARTIFACTS, sections, None)


def test_weights_that_were_brought_are_said_to_be(sections: list[Path]) -> None:
    brought = [*RECORDS[:5], ("", record("cifar10/plain/2/seed0", ()))]
    page = report_markdown("x", brought, ARTIFACTS, [], None)
    assert "6, of which 1 came in with their weights" in page and "| came in with its weights |" in page
    assert "came in with its weights" in report_html("x", brought, ARTIFACTS, sections, None, "")


def test_the_page_needs_nothing_else_and_is_whole(sections: list[Path]) -> None:
    checker = checked(html(sections))
    assert not checker.tags & {"script", "link", "iframe", "object"}
    assert all(lead.startswith(("#", "data:image/png;base64,")) for lead in checker.leads)
    assert len(checker.ids) == len(set(checker.ids))
    assert {lead[1:] for lead in checker.leads if lead.startswith("#")} <= set(checker.ids)


def test_a_picture_stays_as_wide_as_its_text_can_be_read(sections: list[Path]) -> None:
    wide = {}
    for path in sections:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                wide[path.stem] = picture.width
    shown = dict(re.findall(r'<figure class="picture" id="(\w+)"><div><img style="--readable: (\d+)px"', html(sections)))
    assert shown and {name: int(pixels) for name, pixels in shown.items()} == {name: wide[name] * 2 // 5 for name in shown}


def test_the_page_opens_on_the_result_and_ends_with_what_verify_says(sections: list[Path]) -> None:
    page = html(sections)
    places = [page.index(f"<h2>{name}</h2>") for name in ("Result", "Tables", "Figures", "Claims", "Cost", "Networks")]
    assert places == sorted(places)
    result = page[places[0] : places[1]]
    assert "10 → 4 → 2" in result and "72.00 ± 1.41 (2)" in result and "71.50 (1)" in result and "70.00 (1)" in result
    assert 'id="figure5"' in result  # of figures the one of paths
    assert '<span class="verdict undecided">undecided</span> <b>C1</b> TAKD | is better' in result
    assert '<span class="verdict contradicted">contradicted</span> <b>C7</b> TAKD beats &lt;b&gt;all&lt;/b&gt;' in result
    assert page.split("</footer>")[0].endswith("<footer>takd verify: all whole")
    assert "Not run: Figure 7." in page


def test_each_comparison_of_a_claim_is_counted_once(sections: list[Path]) -> None:
    said = re.findall(r'<span class="verdict [a-z-]+">(\d+ [a-z ]+)</span>', html(sections))
    assert said == ["1 reproduced", "1 undecided"]  # neither the joint test, nor what isn't a claim's that is listed


def test_cells_and_chains_lead_to_curves_and_these_lead_back(sections: list[Path]) -> None:
    page = html(sections)
    assert page.count('<a href="#cifar10/plain/10-4-2">72.00 ± 1.41 (2)</a>') == 2  # in the result, and in Table 1
    assert '<a href="#cifar10/plain/10-4-2">10-4-2</a></td>' in page and '<a href="#cifar10/plain/2">2</a>' not in page
    assert '<a href="#comparison/cifar10/resnet/14">89.00 (1)</a>' in page
    card = page[page.index('<figure id="cifar10/plain/10-4-2">') :].partition("</figure>")[0]
    assert card.count("<polyline") == 2 and '<a href="#table1">Table 1</a>' in card and '<a href="#figure5">Figure 5</a>' in card


def test_tables_and_figures_of_which_nothing_was_run_are_named_and_not_shown(sections: list[Path], tmp_path: Path) -> None:
    of = context(accuracies([("cifar10", "plain", "10-4-2", 0, 71.0)]), ("cifar10",))
    more = [tmp_path / f"{name}.md" for name in ("table3", "answers", "probes")]
    for path in more:
        kinds.make(path.stem, ARTIFACTS[path.stem], of, path.with_suffix(""))
    page = html([*sections[:-1], *more, sections[-1]])
    for_a_terminal = report_markdown("x", RECORDS, ARTIFACTS, [*sections[:-1], *more, sections[-1]], None)
    assert "\n\nNot run: Figure 7, Table 3, Answers, Probes.\n\n## What was run\n" in for_a_terminal
    assert "## Table 1" in for_a_terminal and not any(f"## {name}" in for_a_terminal for name in ("Figure 7", "Table 3", "Answers"))
    assert "Not run: Figure 7, Table 3, Answers, Probes." in page
    assert 'id="table1"' in page and not any(f'id="{path.stem}"' in page for path in more)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.2, "1 second"), (3.1, "3 seconds"), (150.0, "2 minutes"), (5900.0, "98 minutes"), (36_000.0, "10.0 hours")],
)
def test_time_is_said_in_a_unit_that_leaves_digits(seconds: float, said: str) -> None:
    assert facts.time_of([("", record("cifar10/plain/2/seed0", seconds=seconds))]) == said


def own_page(folder: Path) -> str:
    """Of a study of one's own: an imported teacher, and a student that is as good by both ways."""
    accuracy = {"big": 90.0, "big-mid": 80.0, "mid": 79.0, "big-small": 72.004, "big-mid-small": 71.996, "small": 70.0}
    records = [
        ("", record(f"pets/pets/{chain}/seed0", () if chain == "big" else (50.0, value), accuracy=value, selected_accuracy=value))
        for chain, value in accuracy.items()
    ]
    rows = [("pets", "pets", chain, 0, value) for chain, value in accuracy.items()]
    of = replace(context(accuracies(rows, epochs=[one.epochs for _, one in records]), ("pets",)), published=NONE_PUBLISHED)
    specs = of_own_study("pets", ["big", "mid", "small"])
    for name, spec in specs.items():
        kinds.make(name, spec, of, folder / name)
    claims, measured = of_own_claims("pets", ["big", "mid", "small"]), Measured(of.accuracy, read_rises([]), NONE_PUBLISHED, 0.3)
    judged = judge(claims, ("pets",), measured)
    (folder / "claims.md").write_text(as_markdown(claims, judged, measured, own=True))
    verdicts = VERDICTS[:1].assign(claim="teacher")
    return report_html("pets", records, specs, [folder / f for f in ("table.md", "paths.png", "claims.md")], verdicts, "", own=True)


def test_a_study_of_one_s_own_is_not_held_against_a_paper(tmp_path: Path) -> None:
    page = own_page(tmp_path)
    text = re.sub("<[^>]*>", " ", page.split("</style>")[1])
    assert not re.search(r"\b(ours|paper|reproduced)\b", text) and "1 confirmed" in text
    checker = checked(page)
    assert {lead[1:] for lead in checker.leads if lead.startswith("#")} <= set(checker.ids)
    table = page[page.index('<div id="table">') : page.index("<h2>Claims")]
    assert '<a href="#pets/pets/big-mid-small">72.00 (1)</a>' in table
    assert "imported" in page[page.index('<figure id="pets/pets/big">') :].partition("</figure>")[0]


def test_of_paths_that_are_equally_good_the_result_names_all(tmp_path: Path) -> None:
    accuracy = {"10-8-2": 71.0, "10-4-2": 72.004, "10-6-2": 71.996}
    records = [("", record(f"cifar10/plain/{chain}/seed0", (50.0, value))) for chain, value in accuracy.items()]
    page = report_html("x", records, ARTIFACTS, [], None, "")
    assert "10 → 4 → 2, of 3 paths; as good: 10-6-2" in page


def test_methods_that_are_compared_with_one_lead_to_curves_without_the_paper(tmp_path: Path) -> None:
    records = [("", record(f"cifar10/resnet/{chain}/seed0", (50.0, 80.0))) for chain in ("26-8", "26-14-8")]
    of = accuracies([("cifar10", "resnet", chain, 0, 80.0) for chain in ("26-8", "26-14-8")])
    kinds.make("methods", ARTIFACTS["methods"], context(of, ("cifar10",)), tmp_path / "methods")
    page = report_html("x", records, ARTIFACTS, [tmp_path / "methods.md"], None, "")
    table = page[page.index('<div id="methods">') : page.index("<h2>Cost")]
    assert table.count('<a href="#cifar10/resnet/26-14-8">80.00 (1)</a>') == 1
    assert table.count('<tr class="ours">') == 1 and table.count('<tr class="difference">') == 2
    assert "<p>Not run: ResNet-14 on CIFAR-10.</p>" in table


def test_nothing_that_a_name_says_is_markup(sections: list[Path]) -> None:
    evil = '<script>alert("1")</script><img src=x onerror=alert(2)>'
    checker = checked(html(sections, title=evil, line=evil))
    assert "script" not in checker.tags and "x" not in checker.leads
    assert r"\<script\>" in report_markdown(evil, RECORDS, ARTIFACTS, [], None).splitlines()[0]
    text = as_html(f"**Table.** Ours\n\n| a | b |\n|---|---|\n| 1 | {evil} |\n")
    assert "<td>1</td>" in text and "<script" not in text and "<img" not in text


def test_texts_in_cells_wrap_and_numbers_stay_on_a_line() -> None:
    sentence = "A comparison of chains that is longer than forty characters"
    text = as_html(f"| a | b | c |\n|---|---|---|\n| 72.00 ± 1.41 (10) | 14 reproduced, 16 undecided | {sentence} |\n")
    assert "<td>72.00 ± 1.41 (10)</td>" in text
    assert '<td><div class="words">14 reproduced, 16 undecided</div></td>' in text
    assert f'<td><div class="long">{sentence}</div></td>' in text


def test_the_page_leads_to_how_claims_are_judged_where_that_is_known(sections: list[Path], tmp_path: Path) -> None:
    (tmp_path / "claims.md").write_text(f"{HOW_PAGE} says how.\n")
    page = report_html("x", RECORDS, ARTIFACTS, [tmp_path / "claims.md"], None, "", how_judged=f"../../{HOW_PAGE}")
    assert f'<a href="../../{HOW_PAGE}">{HOW_PAGE}</a> says how.' in page
    assert f"<p>{HOW_PAGE} says how." in report_html("x", RECORDS, ARTIFACTS, [tmp_path / "claims.md"], None, "")


def test_a_section_of_no_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="unknown table or figure 'table9'"):
        report_markdown("x", RECORDS, ARTIFACTS, [tmp_path / "table9.md"], None)
    with pytest.raises(ParameterError, match="unknown table or figure 'table9'"):
        report_html("x", RECORDS, ARTIFACTS, [tmp_path / "table9.md"], None, "")


@pytest.mark.parametrize(("teachers", "pooled"), [((0, 0, 1, 1), True), ((0, 0, 0, 0), False), ((0, 1, 2, 3), False)])
def test_students_of_several_teachers_are_said_to_be_pooled(teachers: tuple[int, ...], pooled: bool) -> None:
    records = [
        ("", record(f"cifar10/plain/10-2/seed{seed}", (50.0, 70.0 + seed), teacher=f"cifar10/plain/10/seed{teacher}"))
        for seed, teacher in enumerate(teachers)
    ]
    assert ("Students of several teachers are pooled" in report_html("x", records, ARTIFACTS, [], None, "")) == pooled


def test_what_is_wrong_with_the_images_stands_before_all_else() -> None:
    records = [("", record("pets/pets/2/seed0", (50.0,)))]
    assert "<p><strong>3 of 9 are.</strong></p>" in report_html("x", records, ARTIFACTS, [], None, "", caution="3 of 9 are.")
    assert report_markdown("x", records, ARTIFACTS, [], None, caution="3 of 9 are.").startswith("# x\n\n**3 of 9 are.**\n\n")


def test_networks_that_answer_every_image_alike_are_named_first(tmp_path: Path) -> None:
    records = [
        ("", record(f"cifar10/plain/10-2/seed{seed}", (10.0,), test_answers=packed_answers([3] * 50 + [last])))
        for seed, last in enumerate((3, 3, 4))
    ]
    said = "2 of 3 networks, as each image gets the same class; so few epochs teach little, and a lower learning_rate may help too."
    assert said in report_html("x", records, ARTIFACTS, [], None, "").partition("<table>")[0]
    assert said in report_markdown("x", records, ARTIFACTS, [], None).partition("## What was run")[0]
    assert "Learnt nothing" not in report_html("x", records[2:], ARTIFACTS, [], None, "")
    history = [Epoch(epoch=n, learning_rate=0.1, loss=loss, accuracy=10.0, seconds=1) for n, loss in ((1, 2.0), (2, 0.1))]
    too_few = record("pets/pets/2/seed0", (10.0, 10.0), test_answers=packed_answers([1, 1])).model_copy(update={"history": history})
    said = "their loss fell, so more epochs may help. They are of 2."
    assert said in report_markdown("x", [("", too_few)], ARTIFACTS, [], None)
    history = [Epoch(epoch=n, learning_rate=0.1, loss=2.0, accuracy=10.0, seconds=1) for n in range(1, 10)]
    too_fast = record("pets/pets/2/seed0", (10.0,) * 9, test_answers=packed_answers([1, 1])).model_copy(update={"history": history})
    said = "the same class; a lower learning_rate may help. They are of 2."
    assert said in report_markdown("x", [("", too_fast)], ARTIFACTS, [], None)
    chains = ("10", "8", "6", "4", "2", "10-2", "8-2")
    many = [("", record(f"cifar10/plain/{chain}/seed0", (10.0,), test_answers=packed_answers([0, 0]))) for chain in chains]
    assert "cifar10/plain/2 and 2 more chains." in report_markdown("x", many, ARTIFACTS, [], None)
