"""What a dry run lists, against counts worked out by hand."""

import os
import re
import shutil
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

from takd.chain import Network
from takd.data.registry import DATASETS
from takd.params import Parameters
from tests.conftest import ROOT
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
        ("results/table3.csv", {"seeds": 1}, 2 * 9, 2 * 5),
        # seeds of the last hop alone: 10, 10-8, 10-6, 10-4 once, three students each under three assistants
        ("results/table2.csv", {}, 2 * (4 + 3 * 3), 2 * 4),
        # seeds of the whole chain: all seven networks and all four teachers thrice
        ("results/table2.csv", {"vary": "chain"}, 2 * 7 * 3, 2 * 4 * 3),
        # a ResNet's students see other views under each seed: 110 for assistants of seed 0, four assistants for three seeds
        ("results/table3.csv", {}, 2 * (5 + 4 * 3), 2 * (1 + 4 * 3)),
        ("results/quick/table2.csv", {"seeds": 1}, 2 * 7, 2 * 4),
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
    assert ran.jobs == {"prepare": data_sets, "train": networks, "soft_targets": soft_targets, "collect": 1, "tabulate": 1}


@pytest.mark.parametrize(
    ("target", "config", "networks", "soft_targets"),
    [
        ("results/figure6.csv", {"seeds": 1}, 10, 3),
        # 26 and 26-20 once; 8, 14, 26-8, 26-14, 26-14-8, 26-20-14 and two pairs thrice; each of three seeds has its views
        ("results/figure6.csv", {}, 2 + 8 * 3, 3 * 3),
        ("results/quick/figure6.csv", {"seeds": 1}, 10, 3),
        ("results/toy/figure6.csv", {"seeds": 1}, 10, 3),
    ],
)
def test_the_comparison_is_made_by_its_variant_on_one_data_set(
    snakemake: Snakemake, target: str, config: dict[str, object], networks: int, soft_targets: int
) -> None:
    ran = snakemake("-n", target, **config)
    assert ran.jobs == {"prepare": 1, "train": networks, "soft_targets": soft_targets, "collect": 1, "tabulate": 1}, ran.output
    folder = target.removesuffix("figure6.csv") + "variants/comparison/"
    made = set(re.findall(r"results/\S+/model\.safetensors", ran.output))
    assert len(made) == networks and all(name.startswith(f"{folder}models/") for name in made)


def test_mutual_learning_needs_the_data_alone(snakemake: Snakemake) -> None:
    ran = snakemake("-n", "results/models/cifar10/resnet/26-8+mutual/seed1/model.safetensors")
    assert ran.jobs == {"prepare": 1, "train": 1}, ran.output


def test_the_graph_of_paths_shares_their_prefixes(snakemake: Snakemake) -> None:
    # 15 paths from 10, 10 itself, and 8, 6, 4, 2 alone; teachers: 10, 10-8, 10-6, 10-4, 10-8-6, 10-8-4, 10-6-4, 10-8-6-4
    ran = snakemake("-n", "results/figure5.csv", seeds=1)
    assert ran.jobs == {"prepare": 1, "train": 15 + 1 + 4, "soft_targets": 8, "collect": 1, "draw": 1}, ran.output


def test_surfaces_are_measured_around_the_last_networks_alone(snakemake: Snakemake) -> None:
    # students 2, 10-2, 10-4-2 and 8, 110-8, 110-20-8, two seeds each; their teachers 10, 10-4, 110, 110-20 once;
    # soft targets of 10, 10-4, of 110 for its assistant of seed 0 and one more seed of its student, of 110-20 for two seeds
    ran = snakemake("-n", "results/toy/figure7.csv")
    soft_targets = 2 + 2 + 2
    assert ran.jobs == {
        "prepare": 1, "train": 6 * 2 + 4, "soft_targets": soft_targets, "surface": 6 * 2, "draw_surfaces": 1,
    }, ran.output  # fmt: skip
    # CIFAR-100 alone, as in the paper
    assert snakemake("-n", "results/figure7.png", seeds=1).jobs["surface"] == 6


def test_claims_read_surfaces_only_where_they_are_reported(snakemake: Snakemake) -> None:
    assert "surface" not in snakemake("-n", "results/claims.csv", seeds=1, report="[table2]").jobs
    assert snakemake("-n", "results/claims.csv", seeds=1, report="[table2,figure7]").jobs["surface"] == 6


def test_without_a_target_everything_that_is_reported_is_made(snakemake: Snakemake) -> None:
    # plain, CIFAR-10: 5 sizes alone; 10-8, 10-6, 10-4, 10-2; 8-2, 6-2, 4-2 (figure 2); 10-8-2, 10-6-2, 10-4-2
    # plain, CIFAR-100: these, and the other 8 of figure 5's 11 paths of three hops and more
    # ResNet: 110, 8, 110-8, four assistants, four students; the assistants' sizes alone (figure 4)
    plain, resnet = (5 + 4 + 3 + 3) + (5 + 4 + 3 + 3 + 8), 2 * (11 + 4)
    # four smaller shares of the data (figure 6): 10, 2, and three students of teachers that have it all
    plain += 2 * 4 * 5
    # teachers with students: 10, 10-8, 10-6, 10-4, 8, 6, 4, and on CIFAR-100 10-8-6, 10-8-4, 10-6-4, 10-8-6-4; 110 and assistants
    # and figure 6, whose networks are of another recipe
    soft_targets = 7 + (7 + 4) + 2 * (1 + 4) + 3
    ran = snakemake("-n", seeds=1)
    assert ran.jobs == {
        "prepare": 2, "train": plain + resnet + 10, "soft_targets": soft_targets,
        "surface": 6, "draw_surfaces": 1,  # of networks that table 1 has
        "collect": 9, "tabulate": 4, "draw": 5, "accuracy": 1, "judge": 1, "report": 1, "metrics": 1, "curves": 1, "all": 1,
    }, ran.output  # fmt: skip


def test_the_dry_run_of_continuous_integration(snakemake: Snakemake) -> None:
    # digits stand in wherever the paper shows one data set; two seeds of whatever is shown, one of what only teaches
    # plain: 5 sizes alone, 15 paths from 10, and 8-2, 6-2, 4-2, all of them shown
    # ResNet: 6 sizes alone, 110-8 and four students behind assistants; four assistants only teach
    # 80 epochs: 8, 14, 26-8, 26-14, two mutual, 26-14-8, 26-20-14; 26 and 26-20 only teach
    # four shares of the data: 10, 2, 10-4, 10-2, 10-4-2
    train = 2 * (5 + 15 + 3) + 2 * (6 + 1 + 4) + 4 + 2 * (6 + 2) + 2 + 2 * 4 * 5
    # plain: 10, 10-8, 10-6, 10-4, 8, 6, 4, and four longer paths; a ResNet's students see other views under each seed: of 110,
    # of its four assistants, and in 80 epochs of 26, 26-14 and 26-20
    soft_targets = (7 + 4) + (2 + 4 * 2) + 3 * 2
    ran = snakemake("-n", preset="toy")
    assert ran.code == 0, ran.output
    assert ran.jobs == {
        "prepare": 1, "train": train, "soft_targets": soft_targets, "surface": 2 * 6, "draw_surfaces": 1,
        "collect": 9, "tabulate": 4, "draw": 5, "accuracy": 1, "judge": 1, "report": 1, "metrics": 1, "curves": 1, "all": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "config", "what_is_said"),
    [
        ("all", {"preset": "slow"}, "unknown preset 'slow'; there are quick, toy"),
        ("results/table2.csv", {"seeds": 0}, "seeds: Input should be greater than 0, not 0"),
        ("results/table2.csv", {"sedes": 1}, "sedes: no such parameter"),
        ("results/table2.csv", {"report": "[table9]"}, "unknown table or figure 'table9'"),
        ("results/quick/table2.csv", {"datasets": "[mnist]"}, "params.yaml: datasets: unknown data set 'mnist'"),
        ("results/models/cifar10/plain/2-10/seed0/model.safetensors", {}, "chain '2-10': sizes must shrink"),
        ("results/models/cifar10/plain/3/seed0/model.safetensors", {}, "plain has no size 3"),
        ("results/models/cifar10/plain/10-2+magic/seed0/model.safetensors", {}, "unknown objective 'magic'; there are mutual"),
        ("results/models/cifar10/plain/10+mutual-2/seed0/model.safetensors", {}, "10 comes first"),
        ("results/variants/comparison/figure6.csv", {}, "results/variants/comparison has no variant 'comparison'"),
        ("results/table3.csv", {"shown_families": "[plain]"}, "table3: shows no network of the families in shown_families"),
    ],
)
def test_a_mistake_is_named(snakemake: Snakemake, target: str, config: dict[str, object], what_is_said: str) -> None:
    ran = snakemake("-n", target, **config)
    assert ran.code == 2
    assert what_is_said in ran.output and "Traceback" not in ran.output


def test_networks_without_a_record_of_their_recipes_are_not_trusted(snakemake: Snakemake, workspace: Path) -> None:
    model = workspace / "results/models/cifar10/plain/10/seed0/model.safetensors"
    model.parent.mkdir(parents=True)
    model.touch()
    records = workspace / ".snakemake/metadata"
    records.mkdir(parents=True)
    (records / urlsafe_b64encode(b"results/models/cifar10/plain/8/seed0/model.safetensors").decode()).touch()
    ran = snakemake("-n", "results/table2.csv")
    assert ran.code == 2 and f"{model.relative_to(workspace)} is there, but not Snakemake's record" in ran.output
    record = urlsafe_b64encode(str(model.relative_to(workspace)).encode()).decode()
    (records / record).write_text("{}")
    assert snakemake("-n", "results/table2.csv").code == 0


def test_a_network_that_an_interrupted_job_left_is_trained_anew(snakemake: Snakemake, workspace: Path) -> None:
    model = "results/models/cifar10/plain/10/seed0/model.safetensors"
    (workspace / model).parent.mkdir(parents=True)
    (workspace / model).touch()
    marks = workspace / ".snakemake/incomplete"
    marks.mkdir(parents=True)
    (marks / urlsafe_b64encode(model.encode()).decode()).write_text("{}")
    assert snakemake("-n", model).jobs == {"prepare": 1, "train": 1}


def test_each_training_has_a_file_of_its_own_to_go_on_from_and_its_threads(snakemake: Snakemake) -> None:
    ran = snakemake("-n", "-p", "--cores=2", "--set-threads=train=2", "results/toy/models/digits/plain/10-2/seed1/metrics.json")
    trainings = [line for line in ran.output.splitlines() if "takd train " in line]
    assert [re.findall(r"--(resume|threads) (\S+)", line) for line in trainings] == [
        [("resume", f"results/toy/resume/digits/plain/{name}.safetensors"), ("threads", "2")] for name in ("10/seed0", "10-2/seed1")
    ]


@pytest.mark.parametrize(
    "kind", ["soft_targets/cifar10/plain/10/seed0/unaugmented.safetensors", "surfaces/cifar10/plain/2/seed0.csv"]
)
def test_what_was_computed_from_networks_is_not_trusted_without_a_record(snakemake: Snakemake, workspace: Path, kind: str) -> None:
    path = workspace / "results" / kind
    path.parent.mkdir(parents=True)
    path.touch()
    ran = snakemake("-n", "results/table2.csv")
    assert ran.code == 2 and f"{path.relative_to(workspace)} is there, but not Snakemake's record" in ran.output


def test_a_student_is_not_judged_on_images_that_its_teacher_learns_from(snakemake: Snakemake, workspace: Path) -> None:
    mine = workspace / "presets/mine.yaml"
    mine.write_text('overrides: {"cifar10/plain/*-2/*": {validation_share: 0.1}}')
    ran = snakemake("-n", "results/mine/models/cifar10/plain/10-2/seed1/metrics.json")
    assert ran.code == 2 and "cifar10/plain/10-2/seed1: its teacher cifar10/plain/10/seed0 learns from images that it" in ran.output
    mine.write_text("train: {validation_share: 0.1}")
    assert snakemake("-n", "results/mine/models/cifar10/plain/10-2/seed1/metrics.json").jobs["train"] == 2


def test_every_file_of_soft_targets_is_compared_by_its_content(workspace: Path) -> None:
    """Above the profile's limit Snakemake goes by times, and a copied tree would be trained anew."""
    limit = yaml.safe_load((workspace / "profiles/default/config.yaml").read_text())["max-checksum-file-size"]
    parameters = Parameters.load(workspace / "params.yaml")
    for dataset in parameters.datasets:
        published = DATASETS[dataset]
        epochs = parameters.recipe(Network.of(dataset, "resnet", "110-8", 0)).epochs
        assert epochs * published.training_images * published.classes * 2 < limit


def test_a_record_with_a_long_name_is_found(snakemake: Snakemake, workspace: Path) -> None:
    long = f"results/variants/{'a' * 100}/models/cifar10/plain/10-8-6-4-2/seed0/variants/{'b' * 100}/model.safetensors"
    (workspace / long).parent.mkdir(parents=True)
    (workspace / long).touch()
    assert snakemake("-n", "results/table2.csv").code == 2
    name = urlsafe_b64encode(long.encode()).decode()
    record = workspace / ".snakemake/metadata" / f"@{name[:254]}" / name[254:]
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert snakemake("-n", "results/table2.csv").code == 0


def test_results_that_came_with_the_repository_are_said_to_have(snakemake: Snakemake, workspace: Path) -> None:
    (workspace / "results/quick").mkdir(parents=True)
    (workspace / "results/quick/table2.csv").touch()
    ran = snakemake("-n", "results/quick/table2.csv", seeds=1)
    assert ran.output.count("came with the repository") == 1
    assert "--force --config seeds=1 -- results/quick/table2.csv makes it anew" in ran.output


def test_where_everything_is_asked_for_what_came_with_the_repository_is_counted(snakemake: Snakemake, workspace: Path) -> None:
    (workspace / "results").mkdir()
    config: dict[str, object] = {"report": ["table2"], "shown_families": ["plain"], "datasets": ["digits"], "seeds": 1}
    for name in ("table2.csv", "accuracy.csv", "curves.csv", "claims.csv", "claims.md", "report.md", "metrics.json"):
        (workspace / "results" / name).touch()
    ran = snakemake("-n", **config)
    assert ran.jobs == {}
    assert "6 of 6 files that are reported came with the repository and stay as they are" in ran.output
    anew = snakemake("-n", "--forcerun accuracy collect curves draw_surfaces", **config)
    assert anew.jobs["train"] == 7 and anew.jobs["tabulate"] == anew.jobs["judge"] == anew.jobs["report"] == 1


def test_what_is_made_from_a_changed_result_that_came_with_the_repository_is_made_anew(
    snakemake: Snakemake, workspace: Path
) -> None:
    shutil.copytree(ROOT / "results/quick", workspace / "results/quick")
    git = ("git", "-C", str(workspace), "-c", "user.name=takd", "-c", "user.email=takd@example.org")
    for command in (("init", "--quiet"), ("add", "results"), ("commit", "--quiet", "--message", "results")):
        subprocess.run([*git, *command], check=True)
    assert snakemake("-n", "results/quick/claims.csv").jobs == {}
    with (workspace / "results/quick/accuracy.csv").open("a") as file:
        file.write("changed\n")
    assert snakemake("-n", "results/quick/claims.csv").jobs == {"judge": 1}


def test_results_that_came_with_the_repository_stay_whatever_their_age(snakemake: Snakemake, workspace: Path) -> None:
    """git gives a file the time at which it wrote it: here what is made from others is the older one."""
    now = time.time()
    for folder in ("results", "results/quick"):
        (workspace / folder).mkdir()
        for age, name in enumerate(
            ("accuracy.csv", "figure7.csv", "claims.csv", "claims.md", "table2.csv", "table2.md", "report.md")
        ):
            (workspace / folder / name).touch()
            os.utime(workspace / folder / name, (now - age, now - age))
    with (workspace / "paper/artifacts.yaml").open("a") as file:
        file.write("\n# changed since\n")
    assert snakemake("-n", "results/quick/claims.csv", "results/quick/table2.csv", "results/quick/report.md").jobs == {}


def test_tuning_tries_every_point_of_the_grid_under_one_teacher(snakemake: Snakemake) -> None:
    # three temperatures by three trade-offs
    ran = snakemake("-n", "results/toy/tuning.csv")
    assert ran.jobs == {"prepare": 1, "train": 1 + 3 * 3, "soft_targets": 1, "tuning": 1}, ran.output
    students = re.findall(r"output: results/toy/variants/tuning/variants/(\S+?)/models/digits/plain/10-2/", ran.output)
    assert len(set(students)) == 9 and "learning_rate=0.02,temperature=10,trade_off=0.9" in students


def test_every_rule_that_runs_takd_runs_again_when_its_code_changes() -> None:
    rules = {}
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^(?=rule )", file.read_text(), flags=re.MULTILINE)[1:]:
            rules[rule.split(":")[0].removeprefix("rule ")] = rule
    of_takd = {name for name, rule in rules.items() if '"takd ' in rule}
    assert {"prepare", "train", "soft_targets", "surface", "collect", "tabulate", "judge", "tuning"} <= of_takd
    # as a function, which Snakemake calls when the job runs
    later = re.compile(r" code=(code_of_\w+|lambda wildcards: code_hash\(.*\)),$", re.MULTILINE)
    assert [name for name in of_takd if not later.search(rules[name])] == []


def test_a_table_of_ones_own_is_an_entry_and_no_rule(snakemake: Snakemake, workspace: Path) -> None:
    with (workspace / "paper/artifacts.yaml").open("a") as file:
        file.write(
            "\nmine:\n  kind: table\n  where: Mine\n  title: Of my own\n"
            "  rows: [{model: CNN, family: plain, chains: {short: 8-4, long: 8-6-4}}]\n"
        )
    ran = snakemake("-n", "results/mine.csv", seeds=1)
    assert ran.jobs["train"] == 2 * len(["8", "8-4", "8-6", "8-6-4"]), ran.output
