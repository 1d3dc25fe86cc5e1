"""What was run, counted from the records of all networks: hours, commits, machines, data and recipes, as Markdown."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from takd.markdown import aligned, escaped
from takd.records.metrics import Metrics, unpacked_answers
from takd.reporting.context import titles_of

NAMED = 5  # chains that a sentence names
FEW = 5  # epochs after which networks needn't have learnt anything
FELL = 0.5  # of the first epoch's loss: below it a training has learnt something
Records = Sequence[tuple[str, Metrics]]  # each with its variant, empty for the main one
# What the table of recipes shows, in this order, where any network's has it; the rest is in every metrics.json.
RECIPE_FIELDS = (
    *("epochs", "training_share", "batch_size", "learning_rate", "schedule", "warm_up_epochs", "weight_decay", "augmentation"),
    *("validation_share", "select", "trade_off", "temperature", "kl_reduction", "separate_epochs", "unlabelled"),
)
USUAL = {"warm_up_epochs": 0, "validation_share": 0, "select": "last", "unlabelled": "none"}  # not worth a column


def time_of(records: Records) -> str:
    """How long training took by the clock, summed over networks, in the unit that says it best."""
    seconds = sum(record.seconds for _, record in records)
    if seconds < 100:
        return f"{seconds:.0f} second{'s' * (round(seconds) != 1)}"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def learnt_nothing(records: Records) -> str:
    """Which chains' networks give every test image the same class, and what may help, in a line; empty where none does.

    A loss that fell all the same is one of too few steps: batch norm's averages, by which test images are judged, lag behind.
    """
    alike = [
        (_chain(variant, record), record) for variant, record in records if record.recipe is not None and _is_of_one_class(record)
    ]
    if not alike:
        return ""
    names = list(dict.fromkeys(name for name, _ in alike))
    more = len(names) - NAMED
    some = ", ".join(names[:NAMED]) + (f" and {more} more chain{'s' * (more > 1)}" if more > 0 else "")
    helps = "a lower learning_rate may help"
    if all(_fell(record) for _, record in alike):
        helps = "their loss fell, so more epochs may help"
    elif all(record.epochs <= FEW for _, record in alike):
        helps = "so few epochs teach little, and a lower learning_rate may help too"
    share = f"{len(alike)} of {len(records)} networks"
    return f"Learnt nothing that test images show: {share}, as each image gets the same class; {helps}. They are of {some}."


def _is_of_one_class(record: Metrics) -> bool:
    """Whether a network gives all of several test images the same class."""
    answers = [] if record.test_answers is None else unpacked_answers(record.test_answers)
    return len(answers) > 1 and len(set(answers)) == 1


def _fell(record: Metrics) -> bool:
    return bool(record.history) and record.history[-1].loss < FELL * record.history[0].loss


def _chain(variant: str, record: Metrics) -> str:
    """A network's chain, with its data set and family where these aren't a study's own, called alike."""
    network = record.network
    own = network.dataset == network.family
    return f"{variant} {network.chain if own else f'{network.dataset}/{network.family}/{network.chain}'}".lstrip()


def what_was_run(records: Records) -> str:
    """Networks, hours, commits, machines and data."""
    runs = [record for _, record in records]
    imported = sum(record.recipe is None for record in runs)
    lines = [
        ["", ""],
        ["networks", f"{len(runs)}, " + (f"of which {imported} came in with their weights" if imported else "each trained once")],
        ["time", f"{time_of(records)} of training by the clock, summed over networks"],
        ["commit", _counted(runs, lambda run: run.commit)],
        ["machine", _counted(runs, lambda run: run.machine)],
        ["device, threads, precision", _counted(runs, lambda run: f"{run.device}, {run.threads}, {run.precision}")],
        ["versions", "; ".join(sorted({", ".join(f"{name} {v}" for name, v in sorted(run.versions.items())) for run in runs}))],
    ]
    titles = titles_of({run.network.dataset for run in runs})
    for name in sorted(titles):
        its = [run for run in runs if run.network.dataset == name]
        digests, judged = sorted({run.data_digest[:16] for run in its}), sorted({run.measured_on for run in its})
        lines.append([titles[name], f"content {', '.join(digests)}…, judged on {' and '.join(judged)} images"])
    return aligned([list(map(escaped, line)) for line in lines])


def recipes(records: Records) -> str:
    """The recipes in use, and how many networks each made."""
    known = Counter((record.network.family, *map(_fields(record).get, RECIPE_FIELDS)) for _, record in records)
    shown = [number for number, field in enumerate(RECIPE_FIELDS, 1) if any(_is_said(field, recipe[number]) for recipe in known)]
    head = ["family", *(RECIPE_FIELDS[number - 1] for number in shown), "networks"]
    rows = [
        [escaped(str(recipe[0])), *("" if recipe[number] is None else escaped(str(recipe[number])) for number in shown), str(count)]
        for recipe, count in known.items()
    ]
    return aligned([head, *sorted(rows, key=lambda row: list(map(_order, row)))])


def _counted(runs: Sequence[Metrics], said: Callable[[Metrics], str]) -> str:
    values = Counter(map(said, runs))
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(f"{value} ({count} network{'s' * (count > 1)})" for value, count in sorted(values.items()))


def _fields(record: Metrics) -> dict[str, Any]:
    """A recipe's fields without their sections; for weights that came in, that they did."""
    if record.recipe is None:
        return {"epochs": "came in with its weights"}
    sections = record.recipe.model_dump(exclude={"network"})
    return {name: value for section in sections.values() for name, value in section.items()}


def _is_said(field: str, value: object) -> bool:
    return value is not None and value != USUAL.get(field)


def _order(text: str) -> tuple[float, str]:
    """By size where it is a number, else by letters."""
    try:
        return float(text), ""
    except ValueError:
        return 0.0, text
