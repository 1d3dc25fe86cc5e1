"""What a dry run lists, against counts worked out by hand."""

import re
from pathlib import Path

import pytest

from takd.study import layout
from tests.workflow.conftest import Snakemake

# Networks of one data set with one seed:
#   table 1  plain 10, 2, 10-2, 10-4, 10-4-2; ResNet 110, 8, 110-8, 110-20, 110-20-8                      10
#   table 2  10, 10-8, 10-6, 10-4, 10-8-2, 10-6-2, 10-4-2                                                  7
#   table 3  110, 110-56, 110-32, 110-20, 110-14, and each of the four followed by 8                       9
#   all      plain 2, 10-2 and table 2's; ResNet 8, 110-8 and table 3's                             9 + 11 = 20
#   figure 6 26, 8, 26-8, 26-14, 26-14-8, 14, 26-20, 26-20-14, and two by mutual learning                  10
# Soft targets: one file for a plain teacher, one for each seed under which a ResNet's students see their views.
#   table 1  of 10, 10-4, 110, 110-20; table 2 of 10, 10-8, 10-6, 10-4; table 3 of 110 and four assistants;
#   figure 6 of 26, 26-14, 26-20, and none for mutual learning


@pytest.mark.parametrize(
    ("target", "config", "networks", "soft_targets"),
    [
        ("results/table1.csv", {"seeds": 1}, 2 * 10, 2 * 4),
        ("results/table2.csv", {"seeds": 1}, 2 * 7, 2 * 4),
        pytest.param("results/table3.csv", {"seeds": 1}, 2 * 9, 2 * 5, marks=pytest.mark.long),
        # seeds of the last hop alone: 10, 10-8, 10-6, 10-4 once, three students each under three assistants
        ("results/table2.csv", {}, 2 * (4 + 3 * 3), 2 * 4),
        # seeds of the whole chain: all seven networks and all four teachers thrice
        pytest.param("results/table2.csv", {"vary": "chain"}, 2 * 7 * 3, 2 * 4 * 3, marks=pytest.mark.long),
        # a ResNet's students see other views under each seed: 110 for assistants of seed 0, four assistants for three seeds
        pytest.param("results/table3.csv", {}, 2 * (5 + 4 * 3), 2 * (1 + 4 * 3), marks=pytest.mark.long),
        pytest.param("results/quick/table2.csv", {"seeds": 1}, 2 * 7, 2 * 4, marks=pytest.mark.long),
        ("results/toy/table2.csv", {"seeds": 1}, 7, 4),
        ("results/toy/table2.csv", {"preset": "toy", "seeds": 1}, 7, 4),
    ],
)
def test_each_network_is_listed_once(
    snakemake: Snakemake, target: str, config: dict[str, object], networks: int, soft_targets: int
) -> None:
    ran = snakemake("-n", target, **config)
    data_sets = 1 if "toy" in target else 2
    assert ran.code == 0, ran.output
    assert ran.jobs == {"prepare": data_sets, "train": networks, "soft_targets": soft_targets, "table": 1}


@pytest.mark.parametrize(
    ("target", "config", "networks", "soft_targets"),
    [
        # 26 and 26-20; 8, 14, 26-8, 26-14, 26-14-8, 26-20-14; five other methods for either student, whose teachers run along
        ("results/figure6.csv", {"seeds": 1}, 2 + 6 + 2 * 5, 3),
        # 26 and 26-20 once, all others thrice; each of three seeds has its views
        pytest.param("results/figure6.csv", {}, 2 + (6 + 2 * 5) * 3, 3 * 3, marks=pytest.mark.long),
        pytest.param("results/quick/figure6.csv", {"seeds": 1}, 2 + 6 + 2 * 5, 3, marks=pytest.mark.long),
        ("results/toy/figure6.csv", {"seeds": 1}, 2 + 6 + 2 * 5, 3),
    ],
)
def test_the_comparison_is_made_by_its_variant_on_one_data_set(
    snakemake: Snakemake, target: str, config: dict[str, object], networks: int, soft_targets: int
) -> None:
    ran = snakemake("-n", target, **config)
    assert ran.jobs == {"prepare": 1, "train": networks, "soft_targets": soft_targets, "table": 1}, ran.output
    folder = target.removesuffix("figure6.csv") + "variants/comparison/"
    made = set(re.findall(r"output: (results/\S+/model\.safetensors)", ran.output))
    assert len(made) == networks and all(name.startswith(f"{folder}models/") for name in made)


def test_mutual_learning_needs_the_data_alone(snakemake: Snakemake) -> None:
    ran = snakemake("-n", "results/models/cifar10/resnet/26-8+mutual/seed1/model.safetensors")
    assert ran.jobs == {"prepare": 1, "train": 1}, ran.output


@pytest.mark.long
def test_the_graph_of_paths_shares_their_prefixes(snakemake: Snakemake) -> None:
    # 15 paths from 10, 10 itself, and 8, 6, 4, 2 alone; teachers: 10, 10-8, 10-6, 10-4, 10-8-6, 10-8-4, 10-6-4, 10-8-6-4
    ran = snakemake("-n", "results/figure5.csv", seeds=1)
    assert ran.jobs == {"prepare": 1, "train": 15 + 1 + 4, "soft_targets": 8, "figure": 1}, ran.output


@pytest.mark.long
def test_surfaces_are_measured_around_the_last_networks_alone(snakemake: Snakemake) -> None:
    # students 2, 10-2, 10-4-2 and 8, 110-8, 110-20-8, two seeds each; their teachers 10, 10-4, 110, 110-20 once;
    # soft targets of 10, 10-4, of 110 for its assistant of seed 0 and one more seed of its student, of 110-20 for two seeds
    ran = snakemake("-n", "results/toy/figure7.csv")
    soft_targets = 2 + 2 + 2
    assert ran.jobs == {
        "prepare": 1, "train": 6 * 2 + 4, "soft_targets": soft_targets, "surface": 6 * 2, "figure": 1,
    }, ran.output  # fmt: skip
    # CIFAR-100 alone, as in the paper
    assert snakemake("-n", "results/figure7.png", seeds=1).jobs["surface"] == 6


def test_networks_as_files_are_timed_once_a_member_and_alone(snakemake: Snakemake) -> None:
    """Of each family a student, an assistant and a teacher, each alone, and three distilled networks: six; two files of each."""
    ran = snakemake("-n", "--cores=2", "results/toy/deploy.md", seeds=1)
    shown = {"export": 2 * 12, "latency": 2 * 6, "figure_with_table": 1}
    assert ran.jobs == {"prepare": 1, "train": 12, "soft_targets": 4} | shown
    timing = [job for job in ran.output.split("\nrule ") if job.startswith("latency:")]
    assert len(timing) == 12 and all("threads: 2\n" in job for job in timing)  # all cores


def test_claims_read_surfaces_only_where_they_are_reported(snakemake: Snakemake) -> None:
    assert "surface" not in snakemake("-n", "results/claims.csv", seeds=1, report="[table2]").jobs
    assert snakemake("-n", "results/claims.csv", seeds=1, report="[table2,figure7]").jobs["surface"] == 6


def test_without_a_target_everything_that_is_reported_is_made(snakemake: Snakemake) -> None:
    # plain, CIFAR-10: 5 sizes alone; 10-8, 10-6, 10-4, 10-2; 8-2, 6-2, 4-2 (figure 2); 10-8-2, 10-6-2, 10-4-2
    # plain, CIFAR-100: these, and the other 8 of figure 5's 11 paths of three hops and more
    # ResNet: 110, 8, 110-8, four assistants, four students; the assistants' sizes alone (figure 4)
    plain, resnet = (5 + 4 + 3 + 3) + (5 + 4 + 3 + 3 + 8), 2 * (11 + 4)
    # figure 6, CIFAR-10. Four smaller shares of the data: 10, 2, and three students of teachers that have it all; five shares by
    # soft targets alone: these students; few images for teachers too: 10, 10-4, 2, and two students
    plain += 4 * 5 + 5 * 3 + 5
    # teachers with students: 10, 10-8, 10-6, 10-4, 8, 6, 4, and on CIFAR-100 10-8-6, 10-8-4, 10-6-4, 10-8-6-4; 110 and assistants
    # and figure 6, whose networks are of another recipe
    soft_targets = 7 + (7 + 4) + 2 * (1 + 4) + 3 + 2
    ran = snakemake("-n", seeds=1)
    assert ran.jobs == {
        "prepare": 2, "train": plain + resnet + 18, "soft_targets": soft_targets,
        "surface": 6,  # of networks that table 1 has
        "table": 5, "figure": 6, "collect": 1, "judge": 1, "report": 1, "all": 1,
    }, ran.output  # fmt: skip


def test_the_dry_run_of_continuous_integration(snakemake: Snakemake) -> None:
    # digits stand in wherever the paper shows one data set; two seeds of whatever is shown, one of what only teaches
    # plain: 5 sizes alone, 15 paths from 10, and 8-2, 6-2, 4-2, all of them shown
    # ResNet: 6 sizes alone, 110-8 and four students behind assistants; four assistants only teach
    # 80 epochs: 8, 14, 26-8, 26-14, 26-14-8, 26-20-14, five other methods for 8 and for 14; 26 and 26-20 only teach
    # four shares of the data: 10, 2, 10-4, 10-2, 10-4-2; five by soft targets alone: 10-4, 10-2, 10-4-2; few images for all of a
    # chain: 2, 10-2, 10-4-2, and 10 and 10-4, which only teach
    train = 2 * (5 + 15 + 3) + 2 * (6 + 1 + 4) + 4 + 2 * (6 + 2 * 5) + 2 + 2 * (4 * 5 + 5 * 3 + 3) + 2
    # plain: 10, 10-8, 10-6, 10-4, 8, 6, 4, and four longer paths; a ResNet's students see other views under each seed: of 110,
    # of its four assistants, and in 80 epochs of 26, 26-14 and 26-20
    soft_targets = (7 + 4) + (2 + 4 * 2) + 3 * 2 + 2
    ran = snakemake("-n", preset="toy")
    assert ran.code == 0, ran.output
    assert ran.jobs == {
        "prepare": 1, "train": train, "soft_targets": soft_targets, "surface": 2 * 6,
        "table": 5, "figure": 6, "collect": 1, "judge": 1, "report": 1, "all": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "config", "what_is_said"),
    [
        ("all", {"preset": "slow"}, "results/slow: no preset or variant makes it"),
        ("results/table2.csv", {"seeds": 0}, "seeds: must be greater than or equal to 1, not 0"),
        ("results/table2.csv", {"seeds": "true"}, "seeds: expected a whole number, not 'true'"),
        ("results/table2.csv", {"seeds": 10**12}, "seeds: must be less than or equal to"),
        ("results/table2.csv", {"sedes": 1}, "sedes: no such parameter"),
        ("results/table2.csv", {"report": "[table9]"}, "unknown table or figure 'table9'"),
        ("results/quick/table2.csv", {"datasets": "[mnist]"}, "params.yaml: datasets: unknown data set 'mnist'"),
        ("results/models/cifar10/plain/2-10/seed0/model.safetensors", {}, "chain '2-10': members must shrink"),
        ("results/models/cifar10/plain/3/seed0/model.safetensors", {}, "plain has no member 3"),
        ("results/models/cifar10/plain/10-2+magic/seed0/model.safetensors", {}, "unknown objective 'magic'; there are mutual"),
        ("results/models/cifar10/plain/10+mutual-2/seed0/model.safetensors", {}, "10 comes first"),
        ("results/variants/comparison/figure6.csv", {}, "Figure 6 (right): shows variants, and results/variants/comparison is one"),
        ("results/toy/tabel2.csv", {}, "results/toy/tabel2.csv: nothing makes it; did you mean results/toy/table2.csv"),
        ("results/TOY/table2.csv", {}, "results/TOY/table2.csv: nothing makes it; did you mean results/toy/table2.csv"),
        ("results/toy/figure2.md", {}, "results/toy/figure2.md: nothing makes it"),
        ("results/toy/decided/C4.md", {"seeds": 3, "seeds_at_most": 2}, "seeds_at_most: 2 is below the 3 seeds that are there"),
    ],
)
def test_a_mistake_is_named_in_one_line(snakemake: Snakemake, target: str, config: dict[str, object], what_is_said: str) -> None:
    ran = snakemake("-n", target, **config)
    assert ran.code == 2
    (line,) = [line for line in ran.output.splitlines() if line.startswith("takd: ")]
    assert what_is_said in line and "Traceback" not in ran.output


@pytest.mark.parametrize(
    ("name", "content", "what_is_said"),
    [
        ("my preset.yaml", "seeds: 1", "names a folder of results; use letters, digits and _"),
        ("odd.yml", "seeds: 1", "a preset's file ends in .yaml"),
        ("odd.yaml", "train: {epochs: many}", "epochs: expected a whole number, not 'many'"),
        ("odd.yaml", "a: [", "not YAML"),
        ("published.yaml", "seeds: 1", "results/published is a folder of params.yaml's own results"),
    ],
)
def test_a_bad_preset_stops_its_own_targets_alone(
    snakemake: Snakemake, workspace: Path, name: str, content: str, what_is_said: str
) -> None:
    (workspace / "presets" / name).write_text(content)
    ran = snakemake("-n", "results/toy/table2.csv", seeds=1)
    assert ran.jobs["train"] == 7
    (line,) = [line for line in ran.output.splitlines() if line.startswith("takd: ")]
    assert "left out" in line and what_is_said in line
    own = snakemake("-n", f"results/{Path(name).stem}/table2.csv")
    assert own.code == 2 and what_is_said in own.output and "Traceback" not in own.output


def test_each_training_has_a_file_of_its_own_to_go_on_from_and_its_threads(snakemake: Snakemake) -> None:
    ran = snakemake("-n", "-p", "--cores=2", "--set-threads=train=2", "results/toy/models/digits/plain/10-2/seed1/metrics.json")
    trainings = [line for line in ran.output.splitlines() if "takd train " in line]
    assert [re.findall(r"--(resume|threads) (\S+)", line) for line in trainings] == [
        [("resume", f"results/toy/resume/digits/plain/{name}.safetensors"), ("threads", "2")] for name in ("10/seed0", "10-2/seed1")
    ]


def test_a_student_is_not_judged_on_images_that_its_teacher_learns_from(snakemake: Snakemake, workspace: Path) -> None:
    mine = workspace / "presets/mine.yaml"
    mine.write_text('overrides: {"cifar10/plain/*-2/*": {validation_share: 0.1}}')
    ran = snakemake("-n", "results/mine/models/cifar10/plain/10-2/seed1/metrics.json")
    assert ran.code == 2 and "cifar10/plain/10-2/seed1: its teacher cifar10/plain/10/seed0 learns from images that it" in ran.output
    mine.write_text("train: {validation_share: 0.1}")
    assert snakemake("-n", "results/mine/models/cifar10/plain/10-2/seed1/metrics.json").jobs["train"] == 2


def test_where_answers_would_be_too_large_a_file_the_teacher_runs_beside_its_student(snakemake: Snakemake) -> None:
    target = "results/table3.csv"
    assert snakemake("-n", target, seeds=1, datasets="[cifar10]").jobs["soft_targets"] == 5
    # 150 epochs of 50,000 images and 10 classes in half precision are 150 MB
    ran = snakemake("-n", "-p", target, seeds=1, datasets="[cifar10]", soft_targets_at_most=150_000_000 - 1)
    assert "soft_targets" not in ran.jobs and ran.jobs["train"] == 9
    assert f"--teacher {layout.model('results', 'cifar10/resnet/110-14/seed0')}" in ran.output
    again = snakemake("-n", target, seeds=1, datasets="[cifar10]", soft_targets_at_most=150_000_000)
    assert again.jobs["soft_targets"] == 5


def test_a_table_of_ones_own_is_an_entry_and_no_rule(snakemake: Snakemake, workspace: Path) -> None:
    with (workspace / "paper/artifacts.yaml").open("a") as file:
        file.write(
            "\nmine:\n  kind: table\n  where: Mine\n  title: Of my own\n"
            "  rows: [{model: CNN, family: plain, chains: {short: 8-4, long: 8-6-4}}]\n"
        )
    ran = snakemake("-n", "results/mine.csv", seeds=1)
    assert ran.jobs["train"] == 2 * len(["8", "8-4", "8-6", "8-6-4"]), ran.output


def test_a_claim_that_is_to_be_decided_lists_its_first_look_and_says_how_many_trainings_there_are_at_most(
    snakemake: Snakemake,
) -> None:
    ran = snakemake("-n", "results/toy/decided/C4.md", seeds_at_most=6)
    # 10, 10-8, 10-6, 10-4 and two students of five chains; 110, four assistants and two students of six
    first, most = (4 + 5 * 2) + (5 + 6 * 2), (4 + 5 * 6) + (5 + 6 * 6)
    assert ran.jobs == {
        "prepare": 1, "train": first, "soft_targets": 4 + (2 + 4 * 2), "look": 1, "decided": 1,
    }, ran.output  # fmt: skip
    line = f"takd: results/toy/decided/C4.md: {most} trainings at most; {first} of them before the next look, at 2 students a chain"
    assert line in ran.output


def test_a_dry_run_writes_keys_and_nothing_else(snakemake: Snakemake, workspace: Path) -> None:
    before = {path for path in workspace.rglob("*") if path.is_file()}
    assert snakemake("-n", "results/toy/table2.csv").code == 0
    new = {path.relative_to(workspace).parts[0] for path in workspace.rglob("*") if path.is_file()} - {
        path.relative_to(workspace).parts[0] for path in before
    }
    assert new <= {".takd", ".snakemake"}
    assert not (workspace / "results").exists()
