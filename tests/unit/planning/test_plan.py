import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from takd.errors import NetworkNameError, ParameterError
from takd.files import write_tensors
from takd.planning import plan
from takd.planning.costs import FILE, add_to_file
from takd.planning.plan import Plan, made_plan
from takd.records.metrics import Epoch
from takd.study import layout
from tests.unit.planning.project import Project, node
from tests.unit.planning.test_keys import own

SECONDS = {("digits", f"plain:{size}"): float(size) for size in (10, 8, 6, 4, 2)}


def planned(project: Project, target: str = "results/table2.csv", cores: int = 1) -> Plan:
    return made_plan(project.workflow(), [target], cores)


@pytest.fixture
def timed(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An epoch of a network of size s takes s seconds; every training has two epochs, and begins at once."""
    monkeypatch.setattr(plan, "BEGINNING", 0.0)
    project.train(epochs=2)
    add_to_file(project.root / FILE, SECONDS)
    return project


def test_networks_and_hours_are_those_counted_by_hand(timed: Project) -> None:
    made = planned(timed)
    # Table 2: 10; 10-8, 10-6, 10-4; and for each of them a student of 2 under two seeds
    assert len(made.networks) == len(made.missing) == 1 + 3 + 3 * 2
    assert made.seconds == 2 * (10 + (8 + 6 + 4) + 6 * 2)
    # No student before its teacher: the longest line is 10, 10-8, 10-8-2.
    assert planned(timed, cores=1000).seconds == 2 * (10 + 8 + 2)
    assert planned(timed, cores=2).seconds == made.seconds / 2
    # Unaugmented answers, once a teacher: of 10, and of each assistant; 1,438 images, 10 classes, 2 bytes.
    assert made.bytes_of_soft_targets == 4 * 2 * 1438 * 10
    names = [str(each.node.name) for each in made.networks]
    assert names.index("digits/plain/10/seed0") == 0 and names.index("digits/plain/10-4/seed0") < names.index(
        "digits/plain/10-4-2/seed1"
    )


def test_each_training_takes_a_while_to_begin(timed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    without = planned(timed).seconds
    monkeypatch.setattr(plan, "BEGINNING", 4.0)
    timed.make(node("digits/plain/10/seed0"))
    assert planned(timed).seconds == without + 4.0 * 9 - 2 * 10  # of ten networks one is there; its epochs took 10 seconds each


def test_exports_and_their_timing_are_counted_and_take_their_time(timed: Project) -> None:
    own(timed, report=["deploy"], seeds=2)
    made, without = planned(timed, "results/pets/report.html"), planned(timed, "results/pets/accuracy.csv")
    # In two kinds of numbers: two networks each of three ways and of the teacher, and the assistant; each member is timed in both.
    assert (made.exports, made.timings, without.exports) == (2 * (3 * 2 + 2 + 1), 2 * 3, 0)
    assert made.seconds == without.seconds + plan.EXPORTING * (18 + 6)
    shared = made_plan(timed.workflow(), ["results/pets/report.html", "results/pets/deploy.csv"], 1)
    assert (shared.exports, shared.timings, shared.seconds) == (18, 6, made.seconds)
    alone = planned(timed, "results/pets/report.html", cores=10_000).seconds
    assert alone >= plan.EXPORTING * 6, "they are timed one after another"


@pytest.mark.parametrize(
    ("suffixes", "exports", "timings"),
    [(["onnx"], 1, 0), (["md", "json", "onnx"], 1, 0), (["int8.onnx", "fp16.md"], 2, 0), (["int8.latency.json", "onnx"], 2, 1)],
)
def test_an_export_that_is_asked_for_alone_counts_too(timed: Project, suffixes: list[str], exports: int, timings: int) -> None:
    student = "results/exports/digits/plain/10-2/seed0"
    without = planned(timed, "results/models/digits/plain/10-2/seed0/metrics.json")
    made = made_plan(timed.workflow(), [f"{student}.{suffix}" for suffix in suffixes], 1)
    assert (made.exports, made.timings) == (exports, timings)
    assert made.seconds == without.seconds + plan.EXPORTING * (exports + timings)


def test_images_without_labels_take_their_time_too(timed: Project) -> None:
    timed.train(epochs=2, training_share=0.5, unlabelled="rest", unlabelled_batch=256, batch_size=128)
    # Half of the images with labels, and of the students' twice as many without.
    assert planned(timed).seconds == 2 * 0.5 * (10 + 3 * (8 + 6 + 4) + 3 * 6 * 2)


def test_images_that_nobody_prepared_are_named(project: Project) -> None:
    own(project)
    assert planned(project, "results/pets/models/pets/pets/small/seed0/metrics.json").unread == ()
    (project.root / "presets/pets.lock").unlink()
    assert planned(project, "results/pets/models/pets/pets/small/seed0/metrics.json").unread == ("pets",)


def test_a_search_is_as_many_trainings_as_it_has_trials_and_seeds(timed: Project) -> None:
    """7 trials and 3 seeds of two epochs, each with one forward pass of its teacher of size 10; and that teacher."""
    timed.write(search=timed.values["search"] | {"trials": 7, "fresh_seeds": 3})
    made = planned(timed, "results/search/digits/plain/10-2.csv", cores=9)
    assert [(str(one.node.name), one.times) for one in made.networks] == [
        ("digits/plain/10/seed0", 1),
        ("digits/plain/10-2/seed0", 10),
    ]
    assert made.trainings == 11
    assert made.seconds == pytest.approx(2 * 10 + 10 * (2 * 2 + plan.FORWARD_SHARE * 10))  # on one core, after its teacher


def test_what_is_there_costs_nothing(timed: Project) -> None:
    timed.make_line(node("digits/plain/10-4/seed0"))
    add_to_file(timed.root / FILE, SECONDS)
    made = planned(timed)
    there = [str(each.node.name) for each in made.networks if each.seconds == 0]
    assert there == ["digits/plain/10/seed0", "digits/plain/10-4/seed0"] and len(made.missing) == 8
    timed.write(overrides={"digits/plain/10/*": {"epochs": 3}})
    assert len(planned(timed).missing) == 10


def test_a_student_whose_teacher_is_gone_is_trained_again(timed: Project) -> None:
    timed.make_line(node("digits/plain/10-4-2/seed0"))
    for name in ("metrics.json", "model.safetensors"):
        (timed.root / "results/models/digits/plain/10/seed0" / name).unlink()
    assert len(planned(timed).missing) == 10


def test_a_teacher_whose_weights_were_deleted_is_trained_again_for_a_student_that_is_not_there(timed: Project) -> None:
    teacher = node("digits/plain/10/seed0")
    timed.make_line(node("digits/plain/10-4-2/seed0"))
    (timed.root / layout.model(*teacher)).unlink()
    (timed.root / layout.soft_targets(*teacher, "unaugmented")).unlink()

    def missing(target: str) -> list[str]:
        return [str(each.node.name).removeprefix("digits/plain/") for each in planned(timed, target).missing]

    assert missing("results/models/digits/plain/10-4-2/seed0/metrics.json") == []
    assert missing("results/models/digits/plain/10/seed0/metrics.json") == []
    assert missing("results/models/digits/plain/10/seed0/model.safetensors") == ["10/seed0"]
    assert missing("results/models/digits/plain/10-8/seed0/metrics.json") == ["10/seed0", "10-8/seed0"]
    timed.answer(teacher, node("digits/plain/10-8/seed0"))
    assert missing("results/models/digits/plain/10-8/seed0/metrics.json") == ["10-8/seed0"]


def test_what_shows_the_networks_that_are_there_trains_none(timed: Project) -> None:
    timed.make_line(node("digits/plain/10-4-2/seed0"))
    timed.write(run="there")
    made = planned(timed)
    assert not made.missing and [str(each.node.name) for each in made.networks] == [
        "digits/plain/10/seed0", "digits/plain/10-4/seed0", "digits/plain/10-4-2/seed0"
    ]  # fmt: skip


def test_measured_epochs_count_before_the_cost_file(timed: Project) -> None:
    timed.make(node("digits/plain/10/seed0"))  # two seconds an epoch
    assert planned(timed).seconds == 2 * (8 + 6 + 4 + 6 * 2)
    timed.train(epochs=3)
    assert planned(timed).seconds == 3 * (2 + 8 + 6 + 4 + 6 * 2)


def test_what_nobody_knows_is_unknown(project: Project) -> None:
    made = planned(project)
    assert len(made.unknown) == 10 and made.seconds == 0
    add_to_file(project.root / FILE, {("digits", "plain:10"): 1.0})
    assert len(planned(project).unknown) == 9


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b'{"digits": 3}', b'{"digits": {"plain:10": "x"}}', b'{"digits": {"plain:10": NaN}}', b"[" * 5000, b"\xff",
     b'{"digits": {"plain:10": -1}}', b'{"digits": {"plain:10": 1' + b"0" * 400 + b"}}", b'{"digits": {"plain:10": 1e999}}'],
    ids=range(11),
)  # fmt: skip
def test_a_cost_file_that_cannot_be_used_is_as_if_nothing_was_measured(project: Project, content: bytes) -> None:
    path = project.root / FILE
    path.parent.mkdir()
    path.write_bytes(content)
    assert len(planned(project).unknown) == 10
    add_to_file(path, SECONDS)
    assert json.loads(path.read_text(encoding="utf-8"))["digits"]["plain:2"] == 2.0


def test_a_share_of_the_data_takes_a_share_of_the_time_and_a_peer_takes_its_own(timed: Project) -> None:
    variants = {"half": {"training_share": 0.5, "epochs": 6, "teachers": "shared"}}
    timed.write(variants=variants, report=["table2"])
    half = planned(timed, "results/variants/half/models/digits/plain/10-4/seed0/metrics.json")
    assert [(str(each.node), each.seconds) for each in half.networks] == [
        ("results/models/digits/plain/10/seed0", 20.0),
        ("results/variants/half/models/digits/plain/10-4/seed0", 0.5 * 6 * 4),
    ]
    timed.train(separate_epochs=3)
    pair = planned(timed, "results/models/digits/plain/10-4+mutual/seed0/model.safetensors")
    assert [(each.epochs, each.seconds) for each in pair.networks] == [(5, 5 * (10 + 4.0))]


def test_answers_to_augmented_views_take_a_forward_pass_each(timed: Project) -> None:
    timed.train(augmentation="crop_flip")
    made = planned(timed, "results/models/digits/plain/10-4/seed0/metrics.json")
    assert made.networks[1].seconds == 2 * 4 + plan.FORWARD_SHARE * 2 * 10
    assert made.bytes_of_soft_targets == 2 * 2 * 1438 * 10


def test_a_teacher_whose_features_are_compared_runs_beside_each_student(timed: Project) -> None:
    made = planned(timed, "results/models/digits/plain/10-4+at/seed0/metrics.json")
    assert made.networks[1].seconds == 2 * 4 + plan.FORWARD_SHARE * 2 * 10
    assert made.bytes_of_soft_targets == 0
    wildcards = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4+at", "seed": "0"}
    assert [each[1:] for each in timed.workflow().taught_from(wildcards)] == [
        ("teacher", "results/models/digits/plain/10/seed0/model.safetensors")
    ]
    assert timed.workflow().lacking("network", wildcards)[-1] == "results/models/digits/plain/10/seed0/model.safetensors"


def test_a_dense_student_reads_the_answers_of_all_above_it(timed: Project) -> None:
    """One file a teacher, each asked for once; a changed teacher's teacher is told, whatever lies between."""
    wildcards = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4-2+dgkd", "seed": "1"}
    below = "results/soft_targets/digits/plain"
    needed = [f"{below}/10-4/seed0/unaugmented.safetensors", f"{below}/10/seed0/unaugmented.safetensors"]
    assert [path for *_, path in timed.workflow().taught_from(wildcards)] == needed
    assert timed.workflow().train_options(wildcards) == " ".join(f"--soft-targets {path}" for path in needed)
    assert timed.workflow().lacking("network", wildcards)[-2:] == needed
    node = timed.workflow().node(wildcards)
    assert [str(each.name) for each in timed.workflow().tree.lineage(node)] == [
        f"digits/plain/{chain}" for chain in ("10/seed0", "10-4/seed0", "10-4-2+dgkd/seed1")
    ]
    key = timed.workflow().keys.network(node)
    timed.write(overrides={"digits/plain/10/*": {"epochs": 3}})
    assert timed.workflow().keys.network(node) != key


def test_an_ensembles_members_are_trained_under_their_seeds(timed: Project) -> None:
    timed.write(overrides={"digits/plain/10-4-2/*": {"ensemble": [2, 0]}})
    wildcards = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4-2", "seed": "1"}
    workflow = timed.workflow()
    node = workflow.node(wildcards)
    lineage = [str(each.name).removeprefix("digits/plain/") for each in workflow.tree.lineage(node)]
    assert lineage == ["10/seed0", "10-4/seed0", "10-4/seed2", "10-4-2/seed1"]  # teachers have seed 0 where nothing else is said
    assert [Path(path).parent.name for *_, path in workflow.taught_from(wildcards)] == ["seed2", "seed0"]
    made = planned(timed, "results/models/digits/plain/10-4-2/seed1/metrics.json")
    assert [each.seconds for each in made.networks] == [2 * 10, 2 * 4, 2 * 4, 2 * 2]
    assert workflow.keys.network(node) != workflow.keys.network(node._replace(name=node.name.with_seed(0)))


def test_an_ensemble_of_what_was_brought_is_refused(project: Project) -> None:
    own(project, weights={"large": "big.safetensors"}, overrides={"pets/pets/large-small/*": {"ensemble": [0, 1]}})
    student = node("pets/pets/large-small/seed0", "results/pets")
    with pytest.raises(ParameterError, match="ensemble: large was brought, so there is one of it"):
        project.workflow().tree.teachers(student)


def test_a_teacher_of_mixed_images_runs_beside_each_student_and_leaves_no_file(timed: Project) -> None:
    timed.train(mixup=0.2)
    made = planned(timed, "results/table2.csv")
    assert made.bytes_of_soft_targets == 0
    taught = {str(each.node.name): each.seconds for each in made.networks}
    for seed in (0, 1):
        assert taught[f"digits/plain/10-4-2/seed{seed}"] == 2 * 2 + plan.FORWARD_SHARE * 2 * 4
    wildcards = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4", "seed": "0"}
    assert [each[1:] for each in timed.workflow().taught_from(wildcards)] == [
        ("teacher", "results/models/digits/plain/10/seed0/model.safetensors")
    ]


def test_imported_networks_are_not_trained(project: Project) -> None:
    own(project, weights={"large": "teacher.pt"})
    (project.root / "teacher.pt").write_bytes(b"weights")
    made = planned(project, "results/pets/models/pets/pets/large/seed0/metrics.json")
    assert [each.seconds for each in made.networks] == [plan.BEGINNING + 1.0] and made.trainings == 0


@pytest.mark.parametrize(
    ("target", "count"),
    [("results/table2.md", 10), ("results/report.html", 10), ("results/accuracy.csv", 10), ("results/figure2.png", 4 * 2 + 4 * 2),
     ("results/models/digits/plain/10-4-2/seed5", 3), ("results/models/digits/plain/10-4-2/seed5/metrics.json", 3),
     ("results/soft_targets/digits/plain/10-4/seed0/unaugmented.safetensors", 2),
     ("results/surfaces/digits/plain/10-4/seed0.csv", 2)],
)  # fmt: skip
def test_every_kind_of_target_has_a_plan(project: Project, target: str, count: int) -> None:
    assert len(planned(project, target).networks) == count


def test_what_two_targets_need_is_planned_once(timed: Project) -> None:
    network = "results/models/digits/plain/10-8/seed7/metrics.json"
    both = made_plan(timed.workflow(), ["results/table2.csv", network, "results/table2.md"], 1)
    names = [str(each.node.name) for each in both.networks]
    assert len(names) == len(set(names)) == 10 + 1
    assert both.seconds == planned(timed, cores=1).seconds + 2 * 8


@pytest.mark.parametrize(
    "target", ["results/tabel2.csv", "nothing", "", "results", "/etc/passwd", "results/models/digits/plain/3/seed0"]
)
def test_what_nothing_makes_has_none(project: Project, target: str) -> None:
    with pytest.raises((ParameterError, NetworkNameError)) as raised:
        planned(project, target)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux")
def test_cores_are_those_that_the_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert plan.cores_here() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert plan.cores_here() == len(allowed)


def test_a_plan_needs_no_torch(project: Project) -> None:
    code = (
        "import sys; from pathlib import Path\nfrom takd.planning.plan import made_plan\n"
        f"from takd.planning.workflow import Workflow\nworkflow = Workflow(Path({str(project.root)!r}), writes_keys=False)\n"
        "made_plan(workflow, ['results/table2.csv'], 1); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parent).returncode == 0


def test_a_training_under_way_shows_its_epoch_and_counts_what_is_left(timed: Project) -> None:
    first = node("digits/plain/10/seed0")
    before = planned(timed)
    timed.train(epochs=4)
    epochs = [Epoch(epoch=n, learning_rate=0.1, loss=1, accuracy=60 + n, seconds=2.0).model_dump() for n in (1, 2, 3)]
    path = timed.root / layout.resume(*first)
    write_tensors(path, {"w": torch.zeros(1)}, {"key": "k", "history": epochs})
    made = planned(timed)
    assert [(one.node, one.begun and one.begun.accuracy) for one in made.begun] == [(first, 63.0)]
    assert made.seconds == 2 * before.seconds - 3 * 10  # an epoch of the first teacher takes ten seconds
    path.write_bytes(path.read_bytes()[:-1])
    assert not planned(timed).begun  # cut short: it would begin again
