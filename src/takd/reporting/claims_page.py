"""claims.csv and claims.md: verdicts on claims for programs and for people."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from takd.data.registry import DATASET_TITLES
from takd.markdown import aligned, escaped
from takd.reporting.against_itself import Numbers, OwnNumbers, given_twice, named_alike
from takd.reporting.beside_the_paper import distance, orders
from takd.reporting.judging import ALL, Measured, supposed
from takd.reporting.verdicts import OF_OWN, VERDICTS, Judged, Model, Row, counted_once, of_claim, of_premise
from takd.study.claims import Claims
from takd.study.metric import Metric, said_of_others

Words = Mapping[str, str]  # what people read in place of some verdicts
COLUMNS: dict[str, Callable[[Row], Any]] = {
    "claim": lambda row: row.claim,
    "dataset": lambda row: row.dataset,
    "family": lambda row: row.family,
    "variant": lambda row: row.variant,
    "kind": lambda row: row.kind,
    "label": lambda row: row.label,
    "better": lambda row: row.better,
    "worse": lambda row: row.worse,
    "better_mean": lambda row: row.better_mean,
    "worse_mean": lambda row: row.worse_mean,
    "effect": lambda row: row.found.effect,
    "low": lambda row: row.found.low,
    "high": lambda row: row.found.high,
    "level": lambda row: row.found.level,
    "unit": lambda row: row.unit,
    "n": lambda row: row.found.n,
    "method": lambda row: row.found.method,
    "p": lambda row: "" if math.isnan(row.found.p) else f"{row.found.p:.3g}",
    "verdict": lambda row: row.verdict,
    "small": lambda row: row.small,
    "paper_effect": lambda row: row.paper,
    "holds_paper": lambda row: "" if row.holds_paper is None else row.holds_paper,
    "seeds_to_decide": lambda row: row.seeds_to_decide,
}  # and `premise`, whether what the claim supposes is met there

HOW_PAGE = "docs/how-a-claim-is-judged.md"
HOW = (
    "Intervals are over seeds. A comparison is {reproduced} where its whole interval is above zero, contradicted where it is "
    "below, equal where it holds zero and lies within ± {equal_within:g} points, and else undecided. The intervals of a claim hold "
    f"together in 95 of 100 claims, where chance is as large in each chain. {HOW_PAGE} says how, and what else "
    "costs, with an example.\n\n"
)
ROWS_SAY = (
    "n: seeds that both sides have. By: `model`, an effect for each chain and each seed, by least squares; `pairs`, Student's t of "
    "the differences within seeds, where a premise of the model fails or there are two chains; `samples`, Welch's t, where no "
    "seeds are shared. A verdict with `small` has its whole interval within the margin of equality. Where seeds vary the last "
    "hop alone (`vary: student`), effects are those of other students of the same teacher and assistant."
)
ONE_SEED_SAYS = " A row of one seed has no interval: it takes two to tell an effect from chance."
ALIKE_SAYS = (
    " A row of several seeds has no interval where their differences are equal to the digit: nothing tells how large chance is."
)
PAPER_SAYS = (
    " Paper: its effect, and whether our interval holds it; `constant`: against a number that it quotes. Seeds: how many would "
    "tell the paper's effect from none four times out of five."
)
MATCHED_SAYS = " Matched: on test images, each network's logits scaled by one number that was fitted on the other half of them."
JOINT_SAYS = (
    "A row asks one question of several chains at once, and is judged at 95 % by itself. Under one label the effects on several "
    "data sets and families are averaged."
)
PREMISES_SAY = (
    "Where a premise is not met, a claim may hold or fail for another reason than the paper's: an assistant that is better than "
    "its teacher may just be the better teacher."
)
MODELS_SAY = (
    "p of two tests: chains differ alike under each seed (Tukey's), and scatter alike (Bartlett's). Where one is below 0.05, pairs "
    "are compared instead."
)


def as_csv(claims: Claims, judged: Judged, metric: Metric = "accuracy") -> str:
    """A row a comparison, of claims and premises, then a row a joint test; four digits after the point.

    metric: what networks are compared by; a column says so, where it isn't top-1 accuracy.
    """
    rows = [*judged.rows, *judged.joint]
    table = pd.DataFrame([[ask(row) for ask in COLUMNS.values()] for row in rows], columns=list(COLUMNS))
    table["seeds_to_decide"] = table["seeds_to_decide"].astype("Int64")
    table["premise"] = [supposed(claims.all()[row.claim], judged, row.dataset, row.family) for row in rows]
    if metric != "accuracy":
        table["metric"] = metric
    return table.to_csv(index=False, lineterminator="\n", float_format="%.4f")


def as_markdown(claims: Claims, judged: Judged, measured: Measured, *, said: str = "", own: bool = False) -> str:
    """The verdict on each claim, what was compared for it, what it rests on, and the paper's numbers against its own claims.

    said: of all accuracies, as by `of_all_accuracies`. own: claims are those of a study of one's own, and not the paper's.
    """
    words = OF_OWN if own else {}
    run = [row for row in judged.rows if row.verdict != "not run" and row.claim in claims.claims]
    joint = [row for row in judged.joint if row.verdict != "not run" and row.claim in claims.claims]
    sections = [
        said
        + _metric(measured)
        + HOW.format(equal_within=measured.equal_within, reproduced=words.get("reproduced", "reproduced"))
        + _summary(claims, judged, words),
        _sums([row for row in judged.rows if row.claim in claims.claims], words),
        _beside_the_paper(claims, judged, measured),
        _section("Comparisons that were run", _rows_say(run), _table(_of_rows(run, words), run)),
        _section("Joint tests", JOINT_SAYS, _table(_of_joint(joint, words), joint)),
        _section("What claims suppose", PREMISES_SAY, _premises(claims, judged)),
        _section("What intervals suppose", MODELS_SAY, _table(_of_models(judged.models), judged.models)),
        _against_itself(claims, measured.numbers),
    ]
    return "\n".join(section for section in sections if section)


def _metric(measured: Measured) -> str:
    """What networks are compared by, where it isn't top-1 accuracy, and how many lack it."""
    if measured.metric == "accuracy":
        return ""
    lacking = int(measured.accuracy[measured.metric].isna().sum())
    others = f" The records of {lacking} networks lack it: not kept, so not compared." if lacking else ""
    return f"{said_of_others(measured.metric)}{others}\n\n"


def _section(title: str, says: str, table: list[list[str]]) -> str:
    return f"## {title}\n\n{says}\n\n{aligned(table)}" if len(table) > 1 else ""


def _table(columns: dict[str, Callable[[Any], str]], lines: Iterable[Any]) -> list[list[str]]:
    return [list(columns), *([ask(line) for ask in columns.values()] for line in lines)]


def _summary(claims: Claims, judged: Judged, words: Words) -> str:
    lines = [["claim", "verdict", "where", "statement", "comparisons", "what it supposes is"]]
    for name, claim in claims.claims.items():
        rows = judged.of(name)
        places = dict.fromkeys((row.dataset, row.family) for row in rows if row.verdict != "not run")
        states = {place: supposed(claim, judged, *place) for place in places}
        said = [f"{state} on {_title(dataset)}, {escaped(family)}" for (dataset, family), state in states.items() if state]
        verdict = f"**{_in(words, of_claim(rows))}**"
        lines.append([name, verdict, escaped(claim.where), escaped(claim.statement), _counted(rows, words), "; ".join(said)])
    return aligned(lines if any(line[-1] for line in lines[1:]) else [line[:-1] for line in lines])


def _in(words: Words, verdict: str) -> str:
    return words.get(verdict, verdict)


def _counted(rows: Sequence[Row], words: Words) -> str:
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    return ", ".join(f"{count} {_in(words, verdict)}" for verdict, count in counts.items() if count)


def _sums(rows: Sequence[Row], words: Words) -> str:
    once = counted_once(rows)
    return f"Each comparison counted once, under the first claim that makes it: {len(once)}, of which {_counted(once, words)}.\n"


def _beside_the_paper(claims: Claims, judged: Judged, measured: Measured) -> str:
    """Two numbers over all that was run: how many of the paper's orders hold, and how far accuracies are from the paper's."""
    datasets = tuple(dict.fromkeys(row.dataset for row in judged.rows if row.claim in claims.claims))
    far, counts = distance(claims, datasets, measured), orders(claims, judged)
    if not far.cells:
        return ""
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    compared = f"The paper puts one cell above another in {sum(counts.values())} pairs that were run: {said}. " if said else ""
    best = "" if math.isnan(far.best) else f", and by {far.best:.2f} by the best epoch, as the paper counts"
    differs = f"our accuracy differs from the paper's by {far.last:.2f} points on average"
    return f"{compared}Over {far.cells} cells {differs}{best}.\n"


def _rows_say(rows: Sequence[Row]) -> str:
    matched = any(row.unit == "nats, matched" for row in rows)
    seeds = [row.found.n for row in rows if not row.found.has_interval]
    return (
        ROWS_SAY
        + (ONE_SEED_SAYS if any(n < 2 for n in seeds) else "")
        + (ALIKE_SAYS if any(n >= 2 for n in seeds) else "")
        + (PAPER_SAYS if _has_paper(rows) else "")
        + (MATCHED_SAYS if matched else "")
    )


def _has_paper(rows: Sequence[Row]) -> bool:
    return not all(math.isnan(row.paper) for row in rows)


def _of_rows(rows: Sequence[Row], words: Words) -> dict[str, Callable[[Row], str]]:
    """The columns of single comparisons, the verdict where it is seen first. The paper's only where it has numbers."""
    columns: dict[str, Callable[[Row], str]] = {
        "claim": lambda row: row.claim,
        "verdict": lambda row: _verdict(row, words),
        "data set": lambda row: _title(row.dataset),
        "family": lambda row: escaped(row.family),
        **_variant(rows),
        "better": lambda row: ("gain of " if row.unit == "% of NOKD" else "") + escaped(row.better),
        "than": lambda row: ("gain of " if row.unit == "% of NOKD" else "") + escaped(row.worse),
        "effect": lambda row: _signed(row.found.effect),
        "interval": _interval,
        "unit": lambda row: row.unit,
        "n": lambda row: str(row.found.n),
        "by": lambda row: row.found.method,
    }
    if _has_paper(rows):
        columns |= {"paper": _paper, "seeds": _seeds}
    return columns


def _variant(lines: Sequence[Row | Model]) -> dict[str, Callable[[Any], str]]:
    """The column of changed recipes, where any of the lines is of one."""
    return {"variant": lambda line: escaped(line.variant)} if any(line.variant for line in lines) else {}


def _of_joint(rows: Sequence[Row], words: Words) -> dict[str, Callable[[Row], str]]:
    return {
        "claim": lambda row: row.claim,
        "verdict": lambda row: _verdict(row, words),
        "test": lambda row: escaped(row.label),
        "data set": lambda row: _title(row.dataset),
        "family": lambda row: escaped(row.family),
        **_variant(rows),
        "effect": lambda row: _signed(row.found.effect),
        "interval": _interval,
        "unit": lambda row: row.unit,
        "n": lambda row: str(row.found.n),
        "p": lambda row: _p(row.found.p),
    }


def _of_models(models: Sequence[Model]) -> dict[str, Callable[[Model], str]]:
    return {
        "claim": lambda model: model.claim,
        "data set": lambda model: _title(model.dataset),
        "family": lambda model: escaped(model.family),
        **_variant(models),
        "chains": lambda model: escaped(", ".join(model.chains)),
        "additive: p": lambda model: _p(model.premises.additivity) or "not tested",
        "scatter alike: p": lambda model: _p(model.premises.deviations) or "not tested",
        "intervals by": lambda model: "model" if model.premises.hold else "pairs",
    }


def _premises(claims: Claims, judged: Judged) -> list[list[str]]:
    """A line a premise, data set and family, with the numbers of each comparison that goes against it."""
    table = [["premise", "it says", "data set", "family", "verdict", "by", "supposed by"]]
    for name, premise in claims.all().items():
        by = [other for other, claim in claims.claims.items() if name in claim.supposes]
        run = [row for row in judged.of(name) if row.verdict != "not run"] if by else []
        for dataset, family in dict.fromkeys((row.dataset, row.family) for row in run):
            rows = [row for row in run if (row.dataset, row.family) == (dataset, family)]
            state = of_premise(rows)
            verdict = "**premise not met**" if state == "not met" else state
            against = "; ".join(_turned_round(row) for row in rows if row.verdict == "contradicted")
            place = _title(dataset), escaped(family)
            table.append([name, escaped(premise.statement), *place, verdict, against, ", ".join(by)])
    return table


def _turned_round(row: Row) -> str:
    interval = f"{_signed(-row.found.high)}\u00a0…\u00a0{_signed(-row.found.low)}"
    numbers = f"{escaped(row.worse)} has {row.worse_mean:.2f}, {escaped(row.better)} {row.better_mean:.2f}"
    return f"{numbers} ({_signed(-row.found.effect)}, {interval})"


def _against_itself(claims: Claims, numbers: Numbers) -> str:
    compared = named_alike(claims, numbers)
    says = (
        f"By the paper's numbers alone, one a cell and so without intervals: {len(compared)} differences of which it gives "
        "both sides. Those below don't go the way that it claims."
    )
    for dataset, family, chain, places in given_twice(claims, numbers):
        both = " and ".join(f"{number:.2f} ({escaped(place)})" for place, number in places.items())
        says += f" It gives {escaped(family)} {escaped(chain)} on {_title(dataset)} two numbers: {both}."
    columns: dict[str, Callable[[list[OwnNumbers]], str]] = {
        "claim": lambda its: ", ".join(dict.fromkeys(one.claim for one in its)),
        "data set": lambda its: _title(its[0].dataset),
        "family": lambda its: escaped(its[0].family),
        "better": lambda its: f"{escaped(its[0].better)}: {its[0].better_number:.2f}",
        "than": lambda its: f"{escaped(its[0].worse)}: {its[0].worse_number:.2f}",
        "difference": lambda its: f"{its[0].difference:+.2f}" if its[0].difference else "equal",
    }
    against = [its for its in compared if its[0].difference <= 0]
    return _section("The paper's numbers against its own claims", says, _table(columns, against))


def _verdict(row: Row, words: Words) -> str:
    small = row.small and row.kind != "equal" and row.verdict in ("reproduced", "contradicted")
    return _in(words, row.verdict) + (", small" if small else "")


def _paper(row: Row) -> str:
    if math.isnan(row.paper):
        return ""
    return _signed(row.paper) + {True: ", held", False: ", not held", None: ""}[row.holds_paper]


def _seeds(row: Row) -> str:
    return "" if row.verdict != "undecided" or math.isnan(row.paper) else str(row.seeds_to_decide or "unknown")


def _interval(row: Row) -> str:
    return f"{_signed(row.found.low)}\u00a0…\u00a0{_signed(row.found.high)}" if row.found.has_interval else ""


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}".replace("inf", "∞")


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _title(dataset: str) -> str:
    if dataset == ALL:
        return "all that were run"
    return DATASET_TITLES[dataset] if dataset in DATASET_TITLES else escaped(dataset)
