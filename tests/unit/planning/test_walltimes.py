import pytest

from takd.planning.costs import FILE, add_to_file
from takd.planning.walltimes import Walltimes
from tests.unit.planning.project import Project, node


def of(name: str, **more: str) -> dict[str, str]:
    """The wildcards of a job."""
    dataset, family, chain, seed = name.split("/")
    return {"results": "results", "dataset": dataset, "family": family, "chain": chain, "seed": seed.removeprefix("seed")} | more


@pytest.fixture
def timed(project: Project) -> Walltimes:
    """A first teacher takes half an hour, its students a minute and a half."""
    project.train(epochs=3)
    add_to_file(project.root / FILE, {("digits", "plain:10"): 600.0, ("digits", "plain:4"): 30.0, ("digits", "plain:2"): 10.0})
    return Walltimes(project.workflow())


def test_a_walltime_is_twice_the_estimate_and_grows_with_attempts(timed: Walltimes) -> None:
    assert timed.minutes("network", of("digits/plain/10/seed0")) == 5 + 2 * 3 * 600 / 60
    assert timed.minutes("network", of("digits/plain/10-4/seed0"), attempt=2) == 2 * (5 + 2 * 3 * 30 / 60)
    # unaugmented answers are one epoch's, and asking takes three tenths of a training step
    assert timed.minutes("soft_targets", of("digits/plain/10/seed0", views="unaugmented")) == 5 + 2 * 0.3 * 600 / 60
    # 21 x 21 points; params.yaml measures on the first 1,000 of 1,438 images
    grid = timed.workflow.tree.folder("results").parameters.surface
    asked = 0.3 * 30 * grid.points**2 * grid.images / 1438
    assert timed.seconds("surface", of("digits/plain/10-4/seed0")) == pytest.approx(asked)


def test_of_a_network_that_nobody_timed_half_a_day_is_asked(timed: Walltimes) -> None:
    assert timed.minutes("network", of("digits/plain/8/seed0")) == 12 * 60
    assert timed.group("network", of("digits/plain/8/seed0")) is None


def test_short_jobs_are_together_by_their_hops_with_the_answers_that_they_read(timed: Walltimes) -> None:
    assert timed.group("network", of("digits/plain/10/seed0")) is None  # half an hour: alone
    assert timed.group("soft_targets", of("digits/plain/10/seed0", views="unaugmented")) == "hops2"
    assert timed.group("network", of("digits/plain/10-4/seed0")) == timed.group("network", of("digits/plain/10-2/seed0")) == "hops2"
    assert timed.group("soft_targets", of("digits/plain/10-4/seed0", views="unaugmented")) == "hops3"
    assert timed.group("network", of("digits/plain/10-4-2/seed0")) == "hops3"


def test_a_teacher_that_runs_beside_its_student_counts_in_its_walltime(project: Project) -> None:
    project.train(epochs=3)
    add_to_file(project.root / FILE, {("digits", "plain:10"): 600.0, ("digits", "plain:4"): 30.0})
    beside = Walltimes(project.workflow(soft_targets_at_most=1))
    assert beside.seconds("network", of("digits/plain/10-4/seed0")) == 3 * 30 + 0.3 * 3 * 600


def test_what_four_processes_took_is_four_times_as_much_for_one(project: Project) -> None:
    project.train(epochs=3)
    project.make(node("digits/plain/10/seed0"), processes=4)  # two seconds an epoch
    asked = Walltimes(project.workflow()).seconds("soft_targets", of("digits/plain/10/seed0", views="unaugmented"))
    assert asked == pytest.approx(0.3 * 4 * 2)
