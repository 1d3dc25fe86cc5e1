"""What is judged of a study of one's own: whether its teacher helps its student, and whether an assistant does."""

from collections.abc import Sequence
from typing import Any

from takd.study.claims import Claims
from takd.study.papers_kinds import paths_between


def of_own_study(family: str, members: Sequence[str], variants: Sequence[str] = ()) -> Claims:
    """The questions of a family, largest member first: its student alone, under its teacher, and through assistants.

    variants: changed recipes, of each of which it is asked whether the student is better by it, on any way.
    """
    teacher, *assistants, student = members
    direct, *through = paths_between(teacher, assistants, student)
    above: dict[str, Any] = {"kind": "above", "family": family}
    claims: dict[str, Any] = {
        "teacher": {
            "where": "Table",
            "statement": f"{student} is better under {teacher} than from labels alone",
            "comparisons": [above | {"better": [direct], "worse": [student]}],
        }
    }
    if through:
        joint = {"label": "all paths through assistants above the direct one", "better": through, "worse": [direct]}
        claims["assistant"] = {
            "where": "Table",
            "statement": f"{student} is better through an assistant than directly under {teacher}",
            "comparisons": [above | {"better": through, "worse": [direct], "joint": [joint]}],
        }
    if len(through) > 1:
        claims["paths"] = {
            "where": "Paths",
            "statement": f"All paths through assistants are comparably good for {student}",
            "comparisons": [{"kind": "equal", "family": family, "chains": through}],
        }
    for number, variant in enumerate(variants, 1):
        claims[f"recipe{number}"] = {
            "where": "Recipes",
            "statement": f"{student} is better by the recipe of {variant} than by the study's own",
            "comparisons": [{"kind": "varied", "family": family, "chains": [student, direct, *through], "by": variant}],
        }
    return Claims.model_validate({"claims": claims})
