"""Every parameter with its unit, range and source, as a page: `python -m takd.study.reference > docs/parameters.md`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from takd.data.registry import OwnImages
from takd.objectives.registry import ALL
from takd.study.params import Claims, Parameters, Surface, Variant
from takd.study.path_section import PathSection
from takd.study.recipe import Recipe
from takd.study.search import Range, Search

UNITS = {
    "seeds": "networks",
    "seeds_at_most": "networks",
    "equal_within": "percentage points",
    "points": "points, odd",
    "span": "filter norms",
    "images": "images",
    "validation_share": "of the training images",
    "validation_seed": "",
    "training_share": "of the training images",
    "batch_size": "images",
    "unlabelled_batch": "images",
    "momentum": "",
    "beta2": "",
    "clip_norm": "",
    "batch_norm_parts": "parts",
    "label_smoothing": "of each label",
    "mixup": "",
    "erasing": "",
    "cutmix": "",
    "weight_decay": "",
    "learning_rate": "",
    "learning_rate_drops": "epochs",
    "warm_up_epochs": "epochs",
    "epochs": "epochs",
    "patience": "epochs",
    "ema_decay": "",
    "separate_epochs": "epochs",
    "trade_off": "",
    "temperature": "",
    "dkd_alpha": "",
    "dkd_beta": "",
    "dkd_temperature": "",
    "dkd_warm_up_epochs": "epochs",
    "dist_beta": "",
    "dist_gamma": "",
    "dist_temperature": "",
    "logit_std_label_weight": "",
    "logit_std_weight": "",
    "logit_std_temperature": "",
    "at_weight": "",
    "trials": "networks",
    "held_out_share": "of the training images",
    "fresh_seeds": "seeds",
    "sampler_seed": "",
    "assistants_at_most": "assistants",
    "core_hours": "core-hours",
    "within": "percentage points",
    "low": "",
    "high": "",
    "choices": "",
    "fitnet_hint_epochs": "epochs",
    "fitnet_weight": "",
    "fitnet_last_weight": "",
    "fitnet_temperature": "",
    "fsp_epochs": "epochs",
    "fsp_weight": "",
    "bss_weight": "",
    "bss_soft_weight": "",
    "bss_temperature": "",
    "bss_samples": "images",
    "bss_steps": "",
    "bss_step": "",
    "dgkd_trade_off": "",
    "dgkd_temperature": "",
    "dgkd_dropped": "teachers",
    "ensemble": "",
    "size": "pixels",
    "test_share": "of each class",
    "test_seed": "",
}  # of numbers; empty where there is none
SOURCES = {
    "seeds": "Not in the paper; its authors' code searches for the best of three.",
    "validation_seed": "takd's.",
    "schedule": "Paper: constant for plain CNN, step for ResNet.",
    "select": "Paper: the best test accuracy is reported; its authors' code: `best_test`.",
    "trade_off": "Not in the paper; its authors' code searches 0.05 to 1.",
    "temperature": "Not in the paper; its authors' code searches 1 to 20.",
    "kl_reduction": "Paper: `batchmean`; its authors' code: `elementmean`.",
    "dkd_alpha": "Zhao et al.: 1.",
    "dist_beta": "Huang et al.'s code: 1.",
    "dist_gamma": "Huang et al.'s code: 1.",
    "dist_temperature": "Huang et al.'s code: 1.",
    "logit_std_label_weight": "Sun et al.'s code: 0.1.",
    "logit_std_weight": "Sun et al.'s code: 9.",
    "logit_std_temperature": "Sun et al.'s code: 2.",
    "points": "Not in the paper.",
    "span": "Li et al. 2018.",
    "images": "Not in the paper.",
    "equal_within": "takd's.",
    "seeds_at_most": "takd's.",
    "held_out_share": "takd's.",
    "fresh_seeds": "takd's.",
    "sampler_seed": "takd's.",
    "within": "takd's.",
}  # where the field itself doesn't say it
TITLES = {
    "dkd": "DKD",
    "dist": "DIST",
    "at": "AT",
    "logit_std": "Logit standardisation",
}  # of objectives that aren't called as in names
_SOURCE = re.compile(r"(Paper|Not in the paper|He et al)\b")  # how a sentence begins that says where a value is from
_OWN = ("data", "members", "weights", "start")
_WORDS = {"boolean": "true or false", "string": "text", "object": "a mapping"}

HEAD = """\
# Parameters

At the end of this page you know every parameter, its range, and where its value is from.

Generated from the code: `python -m takd.study.reference > docs/parameters.md`.

`params.yaml` holds the paper's recipe. A preset, `presets/NAME.yaml`, replaces parts of it, and its
results lie in `results/NAME`. A preset with `members` stands alone: it is
[a study of one's own](your-own.md). In a preset, `null` takes a value away.

`snakemake --config seeds=5 -- TARGET` counts after any file. Whatever looks like a number with
digits, point and exponent alone is one. A misspelt name, a value out of range and a name that
stands twice are refused in one line.
"""
RECIPE = """\
## Recipes

These stand under `train`, for all networks. Later ones count: `families.NAME`, then each pattern of
`overrides` that matches, then `variants.NAME`, and of its own `overrides` those that match.
What can't matter for a network is left out of its recipe.
`takd recipe cifar10/plain/10-4-2/seed0` prints what a network gets.
"""


def page() -> str:
    """The page, as Markdown."""
    general = [field for field in Parameters.model_fields if field not in (*_OWN, "surface", "claims", "search", "path")]
    own = table(Parameters, [field for field in _OWN if field != "data"])
    parts = [HEAD, "## What is run\n", table(Parameters, general), "Of each variant:\n", table(Variant, ["teachers"]), RECIPE]
    for section in Recipe.TYPED.values():
        parts += [f"### {(section.__doc__ or '').rstrip('.')}\n", table(section)]
    for objective in ALL.values():
        if objective.fields.typed():
            title = f"### {TITLES.get(objective.name) or objective.name.capitalize()} ({objective.fields.source})\n"
            parts += [title, table(objective.fields, objective.fields.typed())]
    parts += ["## Loss surfaces: `surface`\n", table(Surface), "## Verdicts: `claims`\n", table(Claims)]
    parts += ["## Searches: `search`\n", table(Search), "Of each field that is searched:\n", table(Range)]
    parts += ["## The best path: `path`\n", table(PathSection)]
    parts += ["## A study of one's own\n", own, "Its images, under `data`:\n", table(OwnImages)]
    return "\n".join(parts)


def table(model: type[BaseModel], fields: tuple[str, ...] | list[str] | None = None) -> str:
    """A row for each field of a model, or for those named."""
    schema = model.model_json_schema()
    required = schema.get("required", ())
    lines = ["| parameter | range | unless said | what it is | source |", "|---|---|---|---|---|"]
    for field in model.model_fields if fields is None else fields:
        name = model.model_fields[field].alias or field
        about = schema["properties"][name]
        what, source = split(about.get("description", ""))
        default = "required" if name in required else shown(about.get("default"))
        said = source or SOURCES.get(name, "")
        lines.append(f"| `{name}` | {allowed(name, about)} | {default} | {what} | {said} |")
    return "\n".join(lines) + "\n"


def split(description: str) -> tuple[str, str]:
    """What a description says of a field, and the sentences at its end that say where its value is from."""
    sentences = re.split(r"(?<=\.) (?=[A-Z])", description)
    first = next((place for place, sentence in enumerate(sentences) if _SOURCE.match(sentence)), len(sentences))
    return " ".join(sentences[:first]), " ".join(sentences[first:])


def allowed(name: str, about: Mapping[str, Any]) -> str:
    """A field's range and unit, from its JSON schema."""
    choices = [one for one in about.get("anyOf", [about]) if one.get("type") != "null"]
    return " or ".join(f"{_one(one)} {UNITS.get(name, '')}".rstrip() for one in choices)


def _one(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if about.get("type") == "array":
        return f"a list of at most {about['maxItems']}: {_one(about['items'])}"
    if about.get("type") in ("integer", "number"):
        return ", ".join(_bounds(about)) or "a number"
    if "anyOf" in about:
        return " or ".join(_one(each) for each in about["anyOf"])
    return _WORDS[about["type"]]


def _bounds(about: Mapping[str, Any]) -> Iterator[str]:
    low, high = about.get("minimum"), about.get("maximum")
    if low is not None and high is not None:
        yield f"{_number(low)} to {_number(high)}"
        return
    for key, said in (
        ("minimum", "from {}"),
        ("exclusiveMinimum", "above {}"),
        ("maximum", "to {}"),
        ("exclusiveMaximum", "below {}"),
    ):
        if key in about:
            yield said.format(_number(about[key]))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 and value == int(value) else f"{value:.10g}"


def shown(value: object) -> str:
    """A default, as it would be typed; nothing where there is none."""
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value:.10g}`" if isinstance(value, int | float) else f"`{value}`"


if __name__ == "__main__":
    print(page(), end="")
