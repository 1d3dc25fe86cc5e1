"""The course of trainings as small pictures in a page: one a chain, a line a seed."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import mean, stdev
from typing import NamedTuple

from takd.records.accuracy import IMPORTED
from takd.records.metrics import Metrics
from takd.reporting.context import family_title, titles_of
from takd.reporting.facts import Records
from takd.study.metric import Metric
from takd.study.names import hops_of

WIDTH, HEIGHT, EDGE = 220, 60, 3  # of a picture, in its own units
MOST_POINTS = 60  # of a line: more are closer together than a screen's


class Chain(NamedTuple):
    """The networks of one chain, which differ in their seed."""

    variant: str
    dataset: str
    family: str
    chain: str

    @property
    def anchor(self) -> str:
        """Its place in a page."""
        return "/".join([*([self.variant] if self.variant else []), self.dataset, self.family, self.chain])


def by_chain(records: Records) -> dict[Chain, list[Metrics]]:
    """The records of each chain, in order."""
    found: dict[Chain, list[Metrics]] = {}
    for variant, record in records:
        name = record.network
        found.setdefault(Chain(variant, name.dataset, name.family, name.chain), []).append(record)
    return found


def values_of(records: Sequence[Metrics], metric: Metric = "accuracy") -> list[float]:
    """The metric of each, in per cent, less those of records that lack it."""
    return [value for record in records if (value := getattr(record, metric)) is not None]


def said(records: Sequence[Metrics], metric: Metric = "accuracy") -> str:
    """Mean ± standard deviation (number of seeds), per cent, as in tables."""
    values = values_of(records, metric)
    if not values:
        return "not kept"
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{spread} ({len(values)})"


def as_html(chains: Mapping[Chain, Sequence[Metrics]], shown_in: Mapping[Chain, Mapping[str, str]]) -> str:
    """A card a chain, in groups that have a scale in common. shown_in: of a chain the tables and figures, by the page's anchors."""
    parts = []
    titles = titles_of({chain.dataset for chain in chains})
    for group in dict.fromkeys(chain[:3] for chain in chains):
        its = {chain: records for chain, records in chains.items() if chain[:3] == group}
        accuracies = [epoch.accuracy for records in its.values() for record in records for epoch in record.history] or [0.0, 100.0]
        variant, dataset, family = group
        title = f"{family_title(family)}, {titles[dataset]}" + (f", variant {variant}" if variant else "")
        parts.append(
            f"<h3>{escape(title)}</h3>\n<p>Accuracy after each epoch, {min(accuracies):.0f} to {max(accuracies):.0f} %.</p>"
        )
        cards = (
            _card(chain, records, (min(accuracies), max(accuracies)), shown_in.get(chain, {})) for chain, records in its.items()
        )
        parts.append(f'<div class="curves">\n{"".join(cards)}</div>')
    return "\n".join(parts)


def _card(chain: Chain, records: Sequence[Metrics], bounds: tuple[float, float], shown_in: Mapping[str, str]) -> str:
    path = " → ".join(map(str, hops_of(chain.chain)))
    method = records[0].network.method if any(record.recipe for record in records) else IMPORTED
    places = ", ".join(f'<a href="#{escape(anchor)}">{escape(where)}</a>' for anchor, where in shown_in.items())
    return (
        f'<figure id="{escape(chain.anchor)}"><figcaption><b>{escape(path)}</b> {escape(method)}<br>{said(records)}</figcaption>'
        f"{_picture(records, bounds)}{f'<small>in {places}</small>' if places else ''}</figure>\n"
    )


def _picture(records: Sequence[Metrics], bounds: tuple[float, float]) -> str:
    trained = [record for record in records if record.history]
    if not trained:
        return "<p>came in with its weights</p>"
    longest = max(len(record.history) for record in trained)
    lines = "".join(f'<polyline points="{_points(record, longest, bounds)}"/>' for record in trained)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="accuracy over {longest} epochs">'
        f'<path class="axis" d="M{EDGE} 0V{HEIGHT - EDGE}H{WIDTH}"/>{lines}'
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 7}">{longest} epochs</text></svg>'
    )


def _points(record: Metrics, longest: int, bounds: tuple[float, float]) -> str:
    low, high = bounds
    step = -(-len(record.history) // MOST_POINTS)
    history = [*record.history[:-1:step], record.history[-1]]  # the last one counts
    across, up = (WIDTH - 2 * EDGE) / max(longest - 1, 1), (HEIGHT - 2 * EDGE) / max(high - low, 1e-9)
    return " ".join(
        f"{EDGE + across * (epoch.epoch - 1):.0f},{HEIGHT - EDGE - up * (epoch.accuracy - low):.1f}" for epoch in history
    )
