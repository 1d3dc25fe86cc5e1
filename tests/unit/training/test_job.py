"""Trainings as jobs: what they write of what was measured, what they refuse, and when they go on from where one was interrupted."""

import errno
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

import takd
from takd import cli
from takd.data import prepared
from takd.errors import CheckpointError, ParameterError
from takd.files import sha256_of
from takd.measuring.evaluation import evaluated
from takd.measuring.probe import probed
from takd.measuring.surface import write_surface
from takd.records import accuracy
from takd.records.metrics import Epoch, Metrics, unpacked_answers
from takd.records.provenance import machine
from takd.records.weights import Weights
from takd.study.names import Name
from takd.study.params import Surface
from takd.study.recipe import Recipe
from takd.training import job, soft_targets, written
from takd.training.inference import logits
from takd.training.job import Files, train_network
from takd.training.loop import Trained, initialised
from takd.training.scores import Scores
from takd.training.step import Step
from tests.conftest import mutual, recipe, taught
from tests.unit.training.conftest import CPU, Stop, same

ALONE = "digits/plain/2/seed0"
OWN = """
from torch import nn
from widths import WIDTH
def small(classes):
    return nn.Sequential(nn.Conv2d(3, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(0.2), nn.Linear(WIDTH, classes))
"""

TIED = """
from torch import nn
class Tied(nn.Sequential):
    def forward(self, images):
        flatten, first, one, other, unused, last = self
        return last(other(one(first(flatten(images)))))
def tied(classes):
    one, other = nn.Linear(8, 8), nn.Linear(8, 8)
    other.weight = one.weight
    return Tied(nn.Flatten(), nn.Linear(3072, 8).requires_grad_(False), one, other, nn.Linear(3, 3), nn.Linear(8, classes))
"""


def run(folder: Path, data: Path, name: str = ALONE, how: Recipe | None = None, threads: int = 1, **options: Any) -> Metrics:
    """Train a network into a folder; its record."""
    key = options.pop("key", None)
    files = Files(data=data, output=folder / "model.safetensors", metrics=folder / "metrics.json", **options)
    how = how or recipe(builder="plain:2", training_share=0.2)
    train_network(Name.parse(name), how, files, threads=threads, device_name="cpu", expected_key=key)
    return Metrics.read(folder / "metrics.json")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings end at once, at 20 %; they had 30 % before."""
    history = [
        Epoch(epoch=i, learning_rate=0.1, loss=1.0, accuracy=value, seconds=0.5) for i, value in enumerate((10.0, 30.0, 20.0), 1)
    ]
    network = initialised("plain:2", 10, 0, 32)
    monkeypatch.setattr(job, "train", lambda *_, **__: Trained(network, history, torch.arange(359), Scores(None, 0, 0)))


@pytest.mark.parametrize(("share", "best", "measured_on"), [(0, 30, "test"), (0.1, None, "validation")])
@pytest.mark.usefixtures("nothing_learnt")
def test_the_accuracy_is_that_of_the_last_epoch_and_the_best_of_the_test_images_is_kept_apart(
    digits: Path, tmp_path: Path, share: float, best: float | None, measured_on: str
) -> None:
    record = run(tmp_path, digits, how=recipe(builder="plain:2", epochs=3, validation_share=share))
    assert (record.accuracy, record.best_test_accuracy, record.measured_on) == (20, best, measured_on)
    assert record.selected_accuracy == 20 and record.seconds == 1.5
    assert [epoch.accuracy for epoch in record.history] == [10, 30, 20]
    assert (record.test_answers is None) == (share > 0)
    assert record.test_answers is None or unpacked_answers(record.test_answers) == list(range(359))
    assert (record.balanced_accuracy, record.macro_f1) == (0, 0)
    assert accuracy.on_held_out(accuracy.rows_of([("", record)], {})) == (measured_on == "validation")


@pytest.mark.usefixtures("nothing_learnt")
def test_the_accuracy_of_the_weights_that_were_kept_is_the_best_epochs(digits: Path, tmp_path: Path) -> None:
    record = run(tmp_path, digits, how=recipe(builder="plain:2", epochs=3, select="best_test"))
    assert (record.accuracy, record.selected_accuracy) == (20, 30)


def test_the_record_says_what_did_the_arithmetic(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, commits = [], ["at the start"]

    def nothing(*_: Any, **__: Any) -> Trained:
        threads.append(torch.get_num_threads())
        commits.append("of somebody at work meanwhile")
        epoch = Epoch(epoch=1, learning_rate=0.1, loss=1.0, accuracy=10.0, seconds=0.5)
        return Trained(initialised("plain:2", 10, 0, 32), [epoch], torch.arange(359), Scores(None, 0, 0))

    monkeypatch.setattr(job, "train", nothing)
    monkeypatch.setattr(job, "commit", lambda: commits[-1])
    try:
        record = run(tmp_path, digits, threads=2, how=recipe(builder="plain:2", epochs=1, precision="float32"))
    finally:
        torch.set_num_threads(1)
    assert (threads, record.threads, record.device, record.precision) == ([2], 2, "cpu", "float32")
    assert record.commit == Weights.read(tmp_path / "model.safetensors").about.commit == "at the start"
    assert record.machine == machine(CPU) != ""
    assert record.versions["torch"] == version("torch") and record.instructions == torch.backends.cpu.get_cpu_capability()


@pytest.mark.parametrize("normalisation", ["paper", "dataset", "imagenet"])
def test_a_network_is_evaluated_on_images_as_it_was_trained_on_them(digits: Path, tmp_path: Path, normalisation: str) -> None:
    record = run(tmp_path, digits, how=recipe(builder="plain:2", epochs=1, normalisation=normalisation))
    found = evaluated(tmp_path / "model.safetensors", digits, device_name="cpu", threads=1)
    assert (found.name, found.accuracy, found.top5) == (ALONE, record.accuracy, record.top5_accuracy)


# What it goes on from.


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, data: Path, **options: Any) -> bytes:
    """What a training leaves to go on from that ended after its last epoch, before its record was written."""

    def full(*_: object, **__: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(job, "write", full)
        with pytest.raises(OSError):
            run(folder, data, resume=folder / "resume.safetensors", **options)
    return (folder / "resume.safetensors").read_bytes()


@pytest.fixture
def printed_epochs(capsys: pytest.CaptureFixture[str]) -> Any:
    """How many epochs were trained since it was last asked."""
    return lambda: capsys.readouterr().out.count("epoch ")


def test_an_interrupted_training_goes_on_where_all_that_its_bits_depend_on_is_the_same(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed_epochs: Any
) -> None:
    state = interrupted(tmp_path, monkeypatch, digits)
    resume = tmp_path / "resume.safetensors"

    def epochs_run(**changes: Any) -> int:
        printed_epochs()
        resume.write_bytes(state)
        run(tmp_path, digits, resume=resume, **changes)
        return int(printed_epochs())

    assert epochs_run() == 0
    assert not resume.exists()
    assert epochs_run(how=recipe(builder="plain:2", training_share=0.2, learning_rate=0.03)) == 2
    assert epochs_run(name="digits/plain/2/seed1") == 2
    try:
        assert epochs_run(threads=2) == 2
    finally:
        torch.set_num_threads(1)
    with monkeypatch.context() as patch:
        patch.setattr(written, "instructions", lambda _: "AVX")
        assert epochs_run() == 2
    with monkeypatch.context() as patch:
        patch.setattr(job, "code_of", lambda _: "another line of training code")
        assert epochs_run() == 2
    assert epochs_run() == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), "its memory is full"),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "it was lost; the same command goes on"),
    ],
)
def test_a_training_whose_device_fails_goes_on_from_its_last_epoch_and_ends_in_the_same_bits(
    digits: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: RuntimeError,
    said: str,
) -> None:
    steps = iter(range(100))
    real = Step.__call__

    def fail(step: Step, *arguments: Any) -> Any:
        if next(steps) == 3:  # of two epochs of three steps
            raise fault
        return real(step, *arguments)

    whole, torn = tmp_path / "whole", tmp_path / "torn"
    run(whole, digits)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Step, "__call__", fail)
        assert cli.ended(lambda: run(torn, digits, resume=torn / "resume.safetensors")) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and said in err and out.count("epoch ") == 1
    assert left(torn) == ["resume.safetensors"]
    run(torn, digits, resume=torn / "resume.safetensors")
    assert capsys.readouterr().out.count("epoch ") == 1
    ends = [Weights.read(folder / "model.safetensors").tensors for folder in (whole, torn)]
    assert same(*ends)


def test_an_interrupted_student_starts_afresh_where_its_teachers_answers_are_others(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed_epochs: Any
) -> None:
    teacher, student, name = tmp_path / "4", tmp_path / "4-2", "digits/plain/4-2/seed0"
    run(teacher, digits, "digits/plain/4/seed0", recipe(builder="plain:4", epochs=1))
    targets, data = tmp_path / "targets", prepared.load(digits)
    soft_targets.compute(teacher / "model.safetensors", data, targets, views="unaugmented", device=CPU)
    how = taught(builder="plain:2", training_share=0.2)
    state = interrupted(student, monkeypatch, digits, name=name, how=how, soft_targets=(targets,))

    def epochs_run() -> int:
        printed_epochs()
        (student / "resume.safetensors").write_bytes(state)
        run(student, digits, name, how, soft_targets=(targets,), resume=student / "resume.safetensors")
        return int(printed_epochs())

    assert epochs_run() == 0
    with monkeypatch.context() as patch:
        patch.setattr(soft_targets, "logits", lambda *arguments, **options: logits(*arguments, **options) + 1)
        soft_targets.compute(teacher / "model.safetensors", data, targets, views="unaugmented", device=CPU)
    assert epochs_run() == 2


def test_a_resume_file_that_is_not_takds_is_refused_and_left(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ParameterError, match=r"thesis.txt: not the state of a training that takd wrote"):
        run(tmp_path / "out", digits, resume=tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work" and left(tmp_path) == ["thesis.txt"]


# What it refuses before the first step.


@pytest.fixture
def no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: Any, **__: Any) -> None:
        raise AssertionError("it was trained")

    monkeypatch.setattr(job, "train", step)


@pytest.mark.parametrize(
    ("name", "how", "what_is_said"),
    [
        ("cifar10/plain/2/seed0", recipe(), "needs cifar10, but the prepared data set is digits"),
        ("digits/plain/4-2/seed0", recipe(), "learns by distillation, but its recipe is for labels; `takd recipe digits/plain/4-2"),
        ("digits/plain/2/seed0", taught(), "learns by labels, but its recipe is for distillation"),
        ("digits/plain/4-2+mutual/seed0", recipe(objective="mutual"), "needs a peer, but its recipe names none"),
        ("digits/plain/4-2/seed0", taught(peer="plain:4"), "has no peer, but its recipe names plain:4"),
        ("digits/plain/4-2/seed0", taught(), "needs --soft-targets of digits/plain/4/seed0, which `takd targets` makes"),
        ("digits/plain/2/seed0", recipe(validation_share=0.0001), "validation_share 0.0001 holds out no image of digits"),
        ("digits/plain/2/seed0", recipe(training_share=0.0001), "training_share 0.0001 leaves 0 images of digits"),
        ("digits/plain/2/seed0", recipe(builder="torchvision:resnet19"), "torchvision has no network of that name"),
        ("digits/plain/2/seed0", recipe(builder="torchvision:resnet18", batch_size=1), "batch_size: 1, but .* has batch norm"),
        ("digits/resnet/8/seed0", recipe(builder="resnet:8", batch_size=1), "batch_size: 1, but resnet:8 has batch norm"),
        ("digits/plain/2/seed0", recipe(builder="absent.py:small"), "there is no file absent.py"),
        ("digits/plain/2/seed0", recipe(builder="plain:2").model_copy(
            update={"network": recipe().network.model_copy(update={"start": "a" * 64})}
        ), "its recipe begins from weights; give them by --start"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_step")
def test_what_does_not_go_together_is_said_in_one_line(
    digits: Path, tmp_path: Path, name: str, how: Recipe, what_is_said: str
) -> None:
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        run(tmp_path, digits, name, how)
    assert "\n" not in str(raised.value) and left(tmp_path) == []


@pytest.mark.usefixtures("no_step")
def test_another_key_than_the_workflow_expects_ends_it(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"model.safetensors: the recipe, code, data or teacher changed .* expected 1{16}"):
        run(tmp_path, digits, key="1" * 16)
    assert left(tmp_path) == []


def test_the_key_that_the_workflow_expects_is_the_one_that_is_written(digits: Path, tmp_path: Path) -> None:
    key = run(tmp_path / "one", digits).key
    assert run(tmp_path / "other", digits, key=key).key == key
    assert Weights.read(tmp_path / "other" / "model.safetensors").about.key == key


@pytest.mark.usefixtures("no_step")
def test_a_network_without_a_teacher_is_given_none(digits: Path, tmp_path: Path) -> None:
    for option in ("soft_targets", "teachers"):
        with pytest.raises(ParameterError, match=r"digits/plain/2/seed0: has no teacher, but .*absent was given"):
            run(tmp_path, digits, **dict[str, Any]({option: (tmp_path / "absent",)}))


@pytest.mark.parametrize("option", ["data", "soft_targets", "teachers", "start", "weights", "settings"])
@pytest.mark.parametrize("written_to", ["output", "metrics", "resume"])
def test_nothing_is_written_over_what_is_read(tmp_path: Path, option: str, written_to: str) -> None:
    given: dict[str, Any] = {name: tmp_path / name for name in ("data", "output", "metrics", "resume")}
    several = option in ("settings", "soft_targets", "teachers")
    given[option] = (tmp_path / "x/../both",) if several else tmp_path / "x/../both"
    given[written_to] = tmp_path / "both"
    (tmp_path / "x").mkdir()
    (tmp_path / "both").write_text("dear")
    with pytest.raises(ParameterError, match="both: is read by this command, so it can't be written by it"):
        Files(**given).check()
    assert (tmp_path / "both").read_text() == "dear"


def test_nothing_is_written_over_the_code_that_builds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "widths.py").write_text("WIDTH = 4")
    for name in ("nets.py", "widths.py"):
        files = Files(data=Path("data"), output=Path(name), metrics=Path("metrics"))
        with pytest.raises(ParameterError, match=f"{name}: is read by this command"):
            files.check("nets.py:small")


# Weights to begin from, code of one's own, and what is left when something fails.


def beginning(path: Path, **changes: Any) -> Recipe:
    how = recipe(**changes)
    return how.model_copy(update={"network": how.network.model_copy(update={"start": sha256_of(path)})})


def test_a_training_begins_from_weights_whose_head_is_drawn_afresh_where_it_does_not_fit(digits: Path, tmp_path: Path) -> None:
    elsewhere = initialised("plain:4", 7, 5, 32)
    torch.save(elsewhere.state_dict(), tmp_path / "start.pth")
    how = beginning(tmp_path / "start.pth", builder="plain:4", learning_rate=1e-8, epochs=1, training_share=0.1)
    record = run(tmp_path, digits, "digits/plain/4/seed0", how, start=tmp_path / "start.pth")
    tensors = Weights.read(tmp_path / "model.safetensors").tensors
    torch.testing.assert_close(tensors["0.0.weight"], elsewhere.get_parameter("0.0.weight").data, rtol=0, atol=1e-5)
    last = "11.weight"
    drawn = initialised("plain:4", 10, 0, 32)
    torch.testing.assert_close(tensors[last], drawn.get_parameter(last).data, rtol=0, atol=1e-5)
    assert record.recipe is not None and record.recipe.network.start == sha256_of(tmp_path / "start.pth")


@pytest.mark.usefixtures("no_step")
def test_other_weights_than_the_recipes_are_refused(digits: Path, tmp_path: Path) -> None:
    for name, seed in (("start.pth", 0), ("other.pth", 1)):
        torch.save(initialised("plain:4", 10, seed, 32).state_dict(), tmp_path / name)
    with pytest.raises(CheckpointError, match=r"other.pth: not the weights that the recipe of digits/plain/2/seed0 begins from"):
        run(tmp_path / "out", digits, how=beginning(tmp_path / "start.pth"), start=tmp_path / "other.pth")
    with pytest.raises(ParameterError, match=r"its recipe begins from nothing, but .*other.pth was given"):
        run(tmp_path / "out", digits, start=tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"start.pth: doesn't fit the network"):
        run(tmp_path / "out", digits, how=beginning(tmp_path / "start.pth", builder="resnet:8"), start=tmp_path / "start.pth")


def test_a_network_of_ones_own_code_is_trained_and_teaches(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file's function to a student of another family, twice in the same bits; its code is part of the key."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "widths.py").write_text("WIDTH = 4")
    name, how = "digits/own/small/seed0", recipe(builder="nets.py:small", training_share=0.2, epochs=1)
    first, again = (run(tmp_path / folder, digits, name, how) for folder in ("one", "again"))
    assert first.weights_digest == again.weights_digest and first.builder == "nets.py:small"
    model = tmp_path / "one" / "model.safetensors"
    student = taught(builder="plain:2", training_share=0.2, epochs=1)
    with pytest.raises(CheckpointError, match=r"model.safetensors: was built by nets.py:small, code of one's own"):
        run(tmp_path / "student", digits, "digits/own/small-2/seed0", student, teachers=(model,))
    with_builder: dict[str, Any] = {"teachers": (model,), "teacher_builders": ("nets.py:small",)}
    record = run(tmp_path / "student", digits, "digits/own/small-2/seed0", student, **with_builder)
    assert (record.teacher, record.teacher_digest) == (name, first.weights_digest)
    assert evaluated(model, digits, device_name="cpu", threads=1, builder="nets.py:small").accuracy == first.accuracy
    (tmp_path / "widths.py").write_text("WIDTH = 5")
    assert run(tmp_path / "wider", digits, name, how).key != first.key


def test_a_network_whose_layers_share_a_weight_is_trained_and_goes_on(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of its layers is frozen, too, and one isn't used."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(TIED)
    how = recipe(builder="nets.py:tied", training_share=0.1)
    whole = run(tmp_path / "whole", digits, how=how)
    state = interrupted(tmp_path / "out", monkeypatch, digits, how=how)
    assert len(state) > 0 and run(tmp_path / "out", digits, how=how, resume=tmp_path / "out/resume.safetensors") is not None
    kept = Weights.read(tmp_path / "out/model.safetensors")
    assert kept.about.digest == whole.weights_digest
    assert torch.equal(kept.tensors["2.weight"], kept.tensors["3.weight"])
    drawn = initialised("nets.py:tied", 10, 0, 32)
    assert torch.equal(kept.tensors["1.weight"], drawn.get_parameter("1.weight"))
    found = evaluated(tmp_path / "out/model.safetensors", digits, device_name="cpu", threads=1, builder="nets.py:tied")
    assert (found.name, found.accuracy) == (ALONE, whole.accuracy)


@pytest.mark.parametrize(
    ("code", "what_is_said"),
    [
        (
            "def small(classes):\n    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
            "    network.register_buffer('mask', torch.ones(3) > 0)\n    return network",
            "nets.py:small: its state has mask, bool; right would be float32, int64, or a buffer with persistent=False",
        ),
        (
            "def small(classes):\n    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
            "    network.register_buffer('mask', torch.tensor(float('-inf')))\n    return network",
            "nets.py:small: mask begins with numbers that are infinite or none; right would be finite ones, or a buffer with",
        ),
        ("def small(classes):\n    return nn.Linear(3, classes)", "nets.py:small: fails on images of 32x32 pixels"),
        ("def small(classes):\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 7))", r"right would be \(2, 10\)"),
        ("def small(classes):\n    raise KeyError('width')", r"nets.py:small: KeyError: 'width' \(nets.py, line 4\)"),
        ("def large(classes):\n    return None", "nets.py has no function 'small'; there are large"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_code_of_ones_own_that_fails_is_said_in_one_line(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, what_is_said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(f"import torch\nfrom torch import nn\n{code}\n")
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        run(tmp_path / "out", digits, how=recipe(builder="nets.py:small"))
    assert "\n" not in str(raised.value)


def test_what_a_network_of_changed_code_says_is_asked_by_nobody(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(OWN)
    (tmp_path / "widths.py").write_text("WIDTH = 4")
    run(tmp_path, digits, "digits/own/large/seed0", recipe(builder="nets.py:small", epochs=1, training_share=0.1))
    teacher, data, how = tmp_path / "model.safetensors", prepared.load(digits), taught(builder="plain:2", epochs=1)
    student, grid = Name.parse("digits/own/large-small/seed0"), Surface(points=3, span=1, images=20)
    ways: list[Callable[[], object]] = [
        lambda: soft_targets.compute(teacher, data, tmp_path / "targets", views="unaugmented", device=CPU, builder="nets.py:small"),
        lambda: soft_targets.online(teacher, student, how, data, CPU, "nets.py:small"),
        lambda: write_surface(teacher, digits, grid, tmp_path / "surface", CPU, builder="nets.py:small"),
        lambda: evaluated(teacher, digits, device_name="cpu", threads=1, builder="nets.py:small"),
        lambda: probed([teacher], digits, temperature=1, device_name="cpu", threads=1, builder="nets.py:small"),
        lambda: takd.load(teacher, builder="nets.py:small"),  # and so `takd predict`
    ]
    (tmp_path / "widths.py").write_text("WIDTH = 4  # of the only layer")
    for way in ways:
        way()
    (tmp_path / "nets.py").write_text(OWN.replace("nn.ReLU()", "nn.GELU()"))  # the weights would fit
    for name in ("targets", "surface"):
        (tmp_path / name).unlink()
    for way in ways:
        with pytest.raises(CheckpointError, match=r"nets.py:small was changed since digits/own/large/seed0 was made by it"):
            way()
    assert not (tmp_path / "targets").exists() and not (tmp_path / "surface").exists()


@pytest.mark.parametrize("edited", ["nets.py", "peers.py"])
def test_code_of_ones_own_that_is_edited_after_its_key_trains_nothing(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    """An editor saves the file between the key and the building of the network that bears it."""
    monkeypatch.chdir(tmp_path)
    for name in ("nets.py", "peers.py"):
        (tmp_path / name).write_text(OWN)
    (tmp_path / "widths.py").write_text("WIDTH = 4")

    def save(*_: object) -> None:
        (tmp_path / edited).write_text(OWN.replace("nn.ReLU()", "nn.GELU()"))

    monkeypatch.setattr(job, "check_key", save)
    how = mutual(builder="nets.py:small", peer="peers.py:small", epochs=1, separate_epochs=1, training_share=0.1)
    with pytest.raises(ParameterError, match=rf"{edited}:small was changed after the key of digits/own/\S+ was computed") as raised:
        run(tmp_path / "out", digits, "digits/own/large-small+mutual/seed0", how, resume=tmp_path / "out/resume.safetensors")
    assert "\n" not in str(raised.value) and not (tmp_path / "out").exists()


def test_a_peer_is_trained_beside_the_network_and_only_the_network_is_kept(digits: Path, tmp_path: Path) -> None:
    how = mutual(builder="plain:2", peer="plain:4", epochs=1, separate_epochs=1, training_share=0.2)
    record = run(tmp_path, digits, "digits/plain/4-2+mutual/seed0", how)
    assert (record.epochs, record.teacher, record.network.method) == (2, None, "MUTUAL")
    assert Weights.read(tmp_path / "model.safetensors").tensors.keys() == initialised("plain:2", 10, 0, 32).state_dict().keys()


@pytest.mark.usefixtures("nothing_learnt")
def test_weights_whose_record_cannot_be_written_are_not_left(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("takd.records.metrics.write_json", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path, digits, how=recipe(builder="plain:2", epochs=3))
    assert left(tmp_path) == []


def test_a_training_that_is_stopped_leaves_its_state_alone(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on from there to the bits of one that wasn't stopped."""
    whole = run(tmp_path / "whole", digits)

    def stop(*_: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("takd.training.job.Bar.epoch", stop)
        with pytest.raises(Stop):
            run(tmp_path / "out", digits, resume=tmp_path / "resume")
    assert left(tmp_path / "out") == [] and (tmp_path / "resume").exists()
    resumed = run(tmp_path / "out", digits, resume=tmp_path / "resume")
    assert resumed.weights_digest == whole.weights_digest and not (tmp_path / "resume").exists()
    one, other = (Weights.read(tmp_path / folder / "model.safetensors").tensors for folder in ("whole", "out"))
    assert same(one, other)
