"""What a search for the path from a teacher to a student is: its ends, and how far it goes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from takd.errors import ParameterError
from takd.study.paths import between
from takd.study.section import Section


def _as_word(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Member = Annotated[str, BeforeValidator(_as_word)]  # the paper's are numbers


class PathSection(Section):
    """Which path is looked for, and how."""

    teacher: Annotated[Member, Field(alias="from", description="The teacher, a member of a family.")]
    student: Annotated[Member, Field(alias="to", description="The student, a smaller member of the same family.")]
    dataset: Annotated[str, Field(description="The data set; may be left out where `datasets` has one.")] = ""
    assistants_at_most: Annotated[
        int | None, Field(ge=0, description="The most assistants of a path; all that lie between, where it isn't said.")
    ] = None
    core_hours: Annotated[
        float | None,
        Field(gt=0, description="A budget in its place: as many assistants as keep all trainings within, by what those took."),
    ] = None
    exhaustive: Annotated[bool, Field(description="Whether all paths are trained, 2ⁿ to the student, beside the recursion.")] = (
        False
    )
    within: Annotated[
        float, Field(ge=0, le=50, description="Points: the cheapest path that is behind the best by no more is chosen.")
    ] = 0.3

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.core_hours is not None and self.assistants_at_most is not None:
            raise ValueError("either assistants_at_most, or core_hours, which says how many there may be")
        if self.core_hours is not None and self.exhaustive:
            raise ValueError("exhaustive: trains all paths, whatever core_hours says; leave one out")
        return self

    def family(self, families: Mapping[str, Sequence[str]]) -> str:
        """The family that both ends are of, the teacher the larger. Raises ParameterError where there is none."""
        both = [name for name, members in families.items() if self.teacher in members and self.student in members]
        for name in both or families:
            try:
                between(list(families[name]), self.teacher, self.student)
            except ParameterError:
                if both or len(families) == 1:
                    raise
            else:
                return name
        known = "; ".join(f"{name}: {', '.join(members)}" for name, members in families.items())
        raise ParameterError(f"path: no family has both {self.teacher} and {self.student}; there are {known}")

    def of_datasets(self, datasets: Sequence[str]) -> str:
        """The data set, of those of a study. Raises ParameterError where it isn't one of them, or several are left."""
        if self.dataset and self.dataset not in datasets:
            raise ParameterError(f"path.dataset: {self.dataset!r} isn't among `datasets`, which are {', '.join(datasets)}")
        if not self.dataset and len(datasets) != 1:
            raise ParameterError(f"path.dataset: is missing; one of {', '.join(datasets)}")
        return self.dataset or datasets[0]
