"""Why a network, or what is shown of networks, isn't as the workflow asks for: which field, code, images or teacher changed."""

from collections.abc import Iterator
from typing import Any

from takd.planning.trained import KeysOfTrained
from takd.records.metrics import Metrics
from takd.study.recipe import Recipe
from takd.study.tree import Node

MOST = 3  # fields of a recipe that are said


def changed_fields(was: Recipe, asked: Recipe) -> list[str]:
    """Each field of a recipe that isn't what is asked for, with both values."""
    old, new = _fields(was), _fields(asked)
    names = [name for name in old | new if old.get(name) != new.get(name)]
    return [f"{name.rpartition('.')[2]}: {old.get(name, 'none')}, now {new.get(name, 'none')}" for name in names]


def said_of_recipe(was: Recipe, asked: Recipe) -> str:
    """The first changed fields of a recipe, and how many more there are."""
    fields = changed_fields(was, asked)
    more = f" and {len(fields) - MOST} more" if len(fields) > MOST else ""
    return f"of another recipe ({'; '.join(fields[:MOST])}{more})"


def why_stale(keys: KeysOfTrained, node: Node, record: Metrics, recipe: Recipe | None = None) -> str:
    """What a network was trained from that is something else now. recipe: what is asked for; by default what its folder says."""
    reasons = list(_reasons(keys, node, record, keys.recipe(node) if recipe is None else recipe))
    return "; ".join(reasons) or "its record and its weights aren't of one training, or by an older format of takd's files"


def _reasons(keys: KeysOfTrained, node: Node, record: Metrics, asked: Recipe) -> Iterator[str]:
    if record.name != str(node.name):
        yield f"of {record.name}"
        return
    if record.recipe is None:
        yield "of other weights, images or code than were brought"
        return
    if changed_fields(record.recipe, asked):
        yield said_of_recipe(record.recipe, asked)
    if record.code != keys.code(record.recipe):
        yield f"of other code, commit {record.commit}; `takd adopt` keeps what older code trained"
    if record.data_digest != keys.data_digest(node):
        yield "of other images"
    if node.name.is_distilled:
        stale = [teacher.name for teacher in keys.tree.teachers(node) if keys.state(teacher) == "stale"]
        yield from (f"its teacher {name} is stale" for name in stale)
        if keys.is_of_another_teacher(node):
            yield "its teacher was trained again since"


def _fields(recipe: Recipe) -> dict[str, Any]:
    sections = recipe.model_dump(mode="json", exclude_none=True)
    return {f"{section}.{name}": value for section, fields in sections.items() for name, value in fields.items()}
