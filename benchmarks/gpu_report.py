"""What benchmarks/gpu.py found, as a page: each bar and what was reached, then every measurement."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

EPOCHS, SEEDS, TRIALS = 150, 3, 120  # of the paper's recipe, of Table 3 here, of a search for λ and τ
SINGLE = 50_000  # images of an epoch

Found = Mapping[str, Any]


class Bar(NamedTuple):
    """What is asked for. reached: from what was found; raises KeyError where that wasn't measured."""

    work: str
    bar: float
    unit: str
    reached: Callable[[Found], float]
    at_least: bool = False


def _epoch(chain: str) -> Callable[[Found], float]:
    return lambda found: float(found["epochs"][chain]["seconds"])


def _together(chain: str, count: int) -> Callable[[Found], float]:
    """Seconds of an epoch of each of those at once, a process each: that is how takd trains, evaluation in it."""
    return lambda found: float(SINGLE / found["at once, processes"][f"{chain} x {count}"]["images_a_second"])


def _faster(chain: str, than: str) -> Callable[[Found], float]:
    return lambda found: float(found["ways"][chain][f"{than}_seconds"] / found["ways"][chain]["takd_seconds"])


def _table3(found: Found) -> float:
    """Minutes, one after the other: per seed a teacher and an assistant, their answers to each epoch, and three students."""
    by = found["epochs"]
    teaching = sum(by[chain][each] for chain in ("resnet/110", "resnet/20") for each in ("seconds", "pass_seconds"))
    return float(SEEDS * EPOCHS * (teaching + 3 * by["resnet/110-8"]["seconds"]) / 60)


def _search(found: Found) -> float:
    """Minutes of trials of plain 2, sixteen at once."""
    return TRIALS * EPOCHS * _together("plain/10-2", 16)(found) / 60


BARS = (
    Bar("ResNet-110, an epoch of CIFAR-10 with crop and flip, evaluation in it", 3.5, "s", _epoch("resnet/110")),
    Bar("ResNet-8 under soft targets, the same", 0.3, "s", _epoch("resnet/110-8")),
    Bar("ResNet-8 under soft targets, each of eight at once", 0.08, "s", _together("resnet/110-8", 8)),
    Bar("plain 2 under soft targets", 0.12, "s", _epoch("plain/10-2")),
    Bar("plain 2 under soft targets, each of sixteen at once", 0.02, "s", _together("plain/10-2", 16)),
    Bar("plain 10 → 2 against the authors' way", 50, "×", _faster("plain/10-2", "authors"), True),
    Bar("ResNet 110 → 8 against the authors' way", 30, "×", _faster("resnet/110-8", "authors"), True),
    Bar("plain 10 → 2 against a careful modern loop", 4, "×", _faster("plain/10-2", "modern"), True),
    Bar(
        "ResNet 110 → 8 against a careful modern loop, which neither crops nor flips",
        4,
        "×",
        _faster("resnet/110-8", "modern"),
        True,
    ),
    Bar("Table 3, one data set, three seeds, 150 epochs, calculated from epochs one after the other", 15, "min", _table3),
    Bar("λ, τ: 120 trials of plain 2 by 150 epochs, calculated from sixteen at once", 10, "min", _search),
)


def as_markdown(found: Found) -> str:
    """The page."""
    about = ", ".join(f"{key} {value}" for key, value in found.get("about", {}).items())
    card = found.get("card", {}).get("rates", {})
    parts = ["<!-- written by benchmarks/gpu_report.py from gpu.json -->", f"{about}; {_facts(card)}."]
    if found.get("about", {}).get("device") == "cpu":
        parts.append("Tried on a processor, at tiny sizes: not a result.")
    parts.append(_markdown(("work", "bar", "reached", "met"), [_row(bar, found) for bar in BARS]))
    for part, measured in found.items():
        if part not in ("about", "card", "seconds"):
            parts += [f"**{part}**", _measured(measured)]
    if shares := _shares(found):
        parts += [
            "**share of the card**, of a captured step: bytes are those that layers' outputs take, written and read once a layer; "
            "outside of steps is what an epoch takes beside them, as evaluation and the processor",
            _markdown(("network", "of its bf16 product", "of its memory bandwidth", "of an epoch outside of steps"), shares),
        ]
    return "\n\n".join(parts) + "\n"


def _row(bar: Bar, found: Found) -> tuple[str, ...]:
    asked = f"{'≥' if bar.at_least else '≤'} {bar.bar:g} {bar.unit}"
    try:
        reached = bar.reached(found)
    except (KeyError, TypeError):
        return bar.work, asked, "not measured", ""
    met = reached >= bar.bar if bar.at_least else reached <= bar.bar
    return bar.work, asked, f"{reached:.3g} {bar.unit}", "yes" if met else "no"


def _facts(card: Mapping[str, Any]) -> str:
    names = {"copied_bytes_a_second": "copies {:.2e} bytes a second", "bf16_operations_a_second": "{:.2e} bf16 operations a second"}
    names |= {"microseconds_an_eager_kernel": "{:.1f} µs an eager kernel"}
    return ", ".join(names[key].format(value) if key in names else f"{key} {value}" for key, value in card.items())


def _measured(measured: Mapping[str, Any]) -> str:
    """A table of one part: a row for each measurement, a column for each number."""
    columns = list(dict.fromkeys(key for each in measured.values() for key in each if not isinstance(each[key], list)))
    rows = [(key, *(_number(each.get(column, "")) for column in columns)) for key, each in measured.items()]
    return _markdown(("", *(column.replace("_", " ") for column in columns)), rows)


def _shares(found: Found) -> list[tuple[str, ...]]:
    card = found.get("card", {}).get("rates", {})
    rows: list[tuple[str, ...]] = []
    for chain, step in found.get("steps", {}).items():
        if "captured_milliseconds" not in step or "copied_bytes_a_second" not in card:
            continue
        epoch = found.get("epochs", {}).get(chain, {}).get("seconds")
        steps = found["about"]["images"] / step["images"] * step["captured_milliseconds"] / 1e3
        product = step["operations_a_second"] / card["bf16_operations_a_second"]
        memory = step["bytes_a_second"] / card["copied_bytes_a_second"]
        rows.append((chain, f"{product:.1%}", f"{memory:.1%}", "" if epoch is None else f"{max(0.0, 1 - steps / epoch):.1%}"))
    return rows


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows))


def _number(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value).replace("|", "/")
