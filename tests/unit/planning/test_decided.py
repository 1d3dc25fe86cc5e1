"""What a claim compares and may come to need: hand counts on the paper's own claims, with the digits in place of its data."""

from typing import Any

import pytest
import yaml

from takd.errors import ParameterError
from takd.planning import targets
from takd.planning.decided import Decided
from takd.planning.plan import made_plan
from takd.planning.verify import verify
from takd.records.made import Made
from takd.study import layout
from tests.unit.planning.project import Project, node
from tests.unit.planning.test_keys import own

TWO = {
    "claims": {
        "C4": {
            "where": "Table 2",
            "statement": "An assistant helps",
            "comparisons": [{"kind": "above", "family": "plain", "better": ["10-4-2"], "worse": ["10-2"]}],
        }
    }
}


def decided(project: Project) -> Decided:
    return project.workflow().decided


def claims(project: Project, values: dict[str, Any]) -> None:
    (project.root / "paper/claims.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def test_all_that_c4_may_need_is_counted_by_hand(project: Project) -> None:
    of = decided(project)
    assert of.looks("results") == (2, 4, 9, 20)
    # plain: 8, 6, 4 above BLKD and above NOKD; ResNet: 56, 32, 20, 14 above both
    assert len(of.comparisons("results", "C4")) == 3 + 3 + 4 + 4
    students = of.at_most("results", "C4")
    assert len(students) == (3 + 2) * 20 + (4 + 2) * 20
    # and 10, 10-8, 10-6, 10-4; 110 and four assistants, each once, as seeds vary the last hop
    everything = of.with_teachers(students)
    assert len(everything) == len(students) + 4 + 5
    assert len(made_plan(project.workflow(), ["results/decided/C4.md"], 1).missing) == len(everything)
    project.write(vary="chain")
    of = decided(project)
    assert len(of.with_teachers(of.at_most("results", "C4"))) == (3 + 2 + 4 + 6 + 5) * 20
    project.write(vary="every_hop")
    with pytest.raises(ParameterError, match="vary: every_hop: more students would have other teachers"):
        decided(project).at_most("results", "C4")


def test_a_gain_needs_the_networks_that_it_is_over(project: Project) -> None:
    of = decided(project)
    gain = of.comparisons("results", "C3")[0]
    assert (gain.better, gain.worse) == (("10-6",), ("10-8",))
    names = [str(one.name) for one in of.networks("results", gain, [1])]
    assert names == [f"digits/plain/{chain}/seed1" for chain in ("10-6", "10-8", "6", "8")]


def test_data_sets_that_are_not_here_are_left_out(project: Project) -> None:
    # C1 has ImageNet, too: 10-4-2 > 10-2 > 2 and 110-20-8 > 110-8 > 8 are left
    assert len(decided(project).comparisons("results", "C1")) == 4


def test_a_quoted_number_needs_one_side_alone(project: Project) -> None:
    quoted = [one for one in decided(project).comparisons("results", "S7") if one.quoted]
    assert len(quoted) == 2 * 4 and all(one.chains == one.better for one in quoted)
    (network,) = decided(project).networks("results", quoted[0], [3])
    assert network == node("digits/resnet/26-14-8/seed3", "results/variants/comparison")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/decided/C44.md", "results/decided: no claim C44; did you mean C4"),
        ("results/decided/c4.md", r"did you mean C4\?$"),
        ("results/decided/zzz.csv", "no claim zzz; there are C1, C2"),
        ("results/decided/C5.md", "C5 tells by accuracies what it compares"),
        ("results/decided/C8.md", "C8 compares loss surfaces"),
        ("results/decided/C4.txt", "nothing makes it"),
        ("results/variants/half/decided/C4.md", "claims are decided of params.yaml's own results, or of a preset's"),
        ("results/nobody/decided/C4.md", "results/nobody: no preset or variant makes it"),
    ],
)
def test_a_claim_that_cannot_be_decided_is_told_in_one_line(target: str, said: str, project: Project) -> None:
    with pytest.raises(ParameterError, match=said) as caught:
        targets.check(project.workflow(), target)
    assert "\n" not in str(caught.value)


def test_which_recipe_is_better_is_not_decided_by_more_students(project: Project) -> None:
    own(project, variants={"long": {"epochs": 5}}, report=["table", "recipes"])
    with pytest.raises(ParameterError, match="recipe1 compares two recipes"):
        targets.check(project.workflow(), "results/pets/decided/recipe1.md")


def test_a_variant_that_is_gone_is_told(project: Project) -> None:
    project.write(variants={})
    with pytest.raises(ParameterError, match="results has no variant 'comparison'; it has none"):
        targets.check(project.workflow(), "results/decided/C7.md")


@pytest.mark.parametrize(("at_most", "said"), [(2, "2 is below the 3 seeds that are there; give 3 or more"), (1, "greater than")])
def test_seeds_at_most_is_not_below_seeds(at_most: int, said: str, project: Project) -> None:
    with pytest.raises(ParameterError, match=said):
        targets.check(project.workflow(typed={"seeds": 3, "seeds_at_most": at_most}), "results/decided/C4.md")


def test_seeds_at_most_is_not_below_what_is_there(project: Project) -> None:
    project.train(epochs=1)
    claims(project, TWO)
    for name in ("10/seed0", "10-4/seed0", *(f"{chain}/seed{seed}" for chain in ("10-2", "10-4-2") for seed in (2, 3))):
        project.make(node(f"digits/plain/{name}"))
    targets.check(project.workflow(typed={"seeds_at_most": 4}), "results/decided/C4.md")
    with pytest.raises(ParameterError, match="seeds_at_most: 2 is below the 4 seeds that are there; give 4 or more"):
        targets.check(project.workflow(typed={"seeds_at_most": 2}), "results/decided/C4.md")


def test_the_key_is_of_all_that_a_claim_may_read_and_of_no_other_claim(project: Project) -> None:
    both = TWO["claims"] | {"C9": TWO["claims"]["C4"]}
    claims(project, {"claims": both})
    before = decided(project).key("results", "C4")
    claims(project, {"claims": both | {"C9": both["C9"] | {"statement": "Another one"}}})
    assert decided(project).key("results", "C4") == before
    project.write(surface={"points": 3, "span": 1, "images": 5})
    assert decided(project).key("results", "C4") == before
    for changes in (
        {"seeds": 3},
        {"seeds_at_most": 7},
        {"claims": {"equal_within": 0.5}},
        {"chosen_on": "test"},
        {"overrides": {"digits/plain/10/*": {"momentum": 0.5}}},
    ):
        assert project.workflow(typed=changes).decided.key("results", "C4") != before
    claims(project, TWO | {"claims": {"C4": TWO["claims"]["C4"] | {"statement": "Another one"}}})
    assert decided(project).key("results", "C4") != before


def test_a_page_is_held_against_its_record(project: Project) -> None:
    claims(project, TWO)
    record, key = decided(project).expected("results", "C4")
    assert record == "results/decided/C4.json" and decided(project).state("results", "C4") == "missing"
    page = project.root / layout.decided("results", "C4", "md")
    page.parent.mkdir(parents=True)
    page.write_text("C4\n", encoding="utf-8")
    assert [one.finding for one in verify(project.workflow())] == ["foreign"]
    Made.of(key, [page]).write(project.root / record)
    assert {one.path: one.finding for one in verify(project.workflow(), "results/decided/C4.md")} == dict.fromkeys(
        ("results/decided/C4.md", record), "as it should be"
    )
    assert {one.finding for one in verify(project.workflow(typed={"seeds_at_most": 7}))} == {"stale"}
    page.write_text("C5\n", encoding="utf-8")
    assert {one.path: one.finding for one in verify(project.workflow())}["results/decided/C4.md"] == "changed"
