import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from takd.records.metrics import Metrics
from tests.conftest import ROOT, mutual, recipe, taught
from tests.unit.cli.conftest import Run, files_in, train_arguments

SMALL: dict[str, Any] = {"builder": "plain:2", "epochs": 1, "training_share": 0.2}


def test_a_chain_by_hand(takd: Run, digits: Path, tmp_path: Path) -> None:
    """Teacher, soft targets, student: each by the command that Snakemake calls; the student by a recipe in a file."""
    teacher, student, targets = tmp_path / "4", tmp_path / "4-2", tmp_path / "targets.safetensors"
    code, out, _ = takd(*train_arguments(teacher, digits, "digits/plain/4/seed0", recipe=recipe(epochs=2).canonical()))
    assert code == 0 and out.startswith("epoch 1/2  loss ") and out.count("\n") == 2 and " images/s  " in out
    model = teacher / "out" / "model.safetensors"
    code, out, _ = takd("targets", model, "--data", digits, "--output", targets)
    assert (code, out) == (0, f"{targets}\n")
    (tmp_path / "recipe.json").write_text(taught(**SMALL).canonical())
    given = {"soft_targets": targets, "recipe": tmp_path / "recipe.json"}
    assert takd(*train_arguments(student, digits, "digits/plain/4-2/seed1", **given))[0] == 0
    record = Metrics.read(student / "out" / "metrics.json")
    assert (record.network.method, record.teacher, record.parameters) == ("BLKD", "digits/plain/4/seed0", 13_082)
    assert record.recipe == taught(**SMALL)
    code, out, _ = takd("evaluate", student / "out" / "model.safetensors", "--data", digits)
    assert code == 0 and out.startswith(f"digits/plain/4-2/seed1: top-1 {record.accuracy:.2f} %\n")

    beside = tmp_path / "beside"
    assert takd(*train_arguments(beside, digits, "digits/plain/4-2/seed1", teacher=model, recipe=tmp_path / "recipe.json"))[0] == 0
    assert Metrics.read(beside / "out" / "metrics.json").weights_digest == record.weights_digest


def test_weights_from_elsewhere_are_taken_by_the_same_command(takd: Run, digits: Path, tmp_path: Path) -> None:
    from torchvision.models import mobilenet_v3_small

    torch.save(mobilenet_v3_small(num_classes=10).state_dict(), tmp_path / "weights.pth")
    how = recipe(builder="torchvision:mobilenet_v3_small").canonical()
    code, out, _ = takd(*train_arguments(tmp_path, digits, "digits/own/m/seed0", recipe=how, weights=tmp_path / "weights.pth"))
    assert code == 0 and out.startswith("digits/own/m/seed0: ") and "% on the test images" in out
    code, _, err = takd(
        "train", "digits/own/m/seed0", *train_arguments(tmp_path, digits, weights=tmp_path / "absent", recipe=how)[2:]
    )
    assert code == 2 and "absent" in err and err.count("\n") == 1


BAD = [
    (["--recipe", recipe(epochs=2).canonical().replace(' 2,', " 0,")], "recipe: length.epochs: must be greater than or equal to 1"),
    (["--recipe", recipe().canonical().replace('"cosine"', '"linear"')], "recipe: schedule.schedule: must be 'constant', 'step'"),
    (["--recipe", recipe().canonical().replace('0.02', '"fast"')], "expected a number, not 'fast'"),
    (["--recipe", recipe().canonical().replace('"epochs"', '"epoch"')], "recipe: length.epochs: is missing"),
    (["--recipe", "{"], "recipe: "),
    (["--recipe", "[]"], "recipe: "),
    (["--recipe", ""], "takd: .: a folder, not a file"),
    (["--recipe", "absent.yaml"], "absent.yaml: no such file"),
    (["--recipe", taught().canonical()], "digits/plain/2/seed0: learns by labels, but its recipe is for distillation"),
    (["--recipe", recipe(validation_share=0.0001).canonical()], "holds out no image of digits"),
    (["--data", "absent.safetensors"], "absent.safetensors: no such file"),
    (["--soft-targets", "absent.safetensors"], "digits/plain/2/seed0: has no teacher, but absent.safetensors was given"),
    (["--soft-targets", "a", "--teacher", "b"], "--soft-targets and --teacher: one of them says what the teacher says"),
    (["--device", "cuda:99"], "device 'cuda:99': not on this machine; there are cpu"),
    (["--key", "absent.key"], "absent.key: no such file"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "what_is_said"), BAD)
def test_bad_options_end_in_one_line(takd: Run, digits: Path, tmp_path: Path, options: list[str], what_is_said: str) -> None:
    code, out, err = takd(*train_arguments(tmp_path, digits), *options)
    assert (code, out) == (2, "")
    assert err.startswith("takd: ") and what_is_said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "how", "what_is_said"),
    [
        ("digits/plain/10_2/seed", recipe(), "expected dataset/family/chain/seedN, as in cifar10/plain/10-4-2/seed0"),
        ("digits/plain/10-2+magic/seed0", recipe(), "unknown objective 'magic'; there are mutual"),
        ("cifar10/plain/2/seed0", recipe(), "needs cifar10, but the prepared data set is digits"),
        ("digits/plain/10-2/seed0", recipe(), "learns by distillation, but its recipe is for labels"),
        ("digits/plain/10-2+mutual/seed0", recipe(), "learns by mutual, but its recipe is for labels"),
        ("digits/plain/10-2/seed0", mutual(), "learns by distillation, but its recipe is for mutual"),
        (
            "digits/plain/2/seed0",
            recipe(builder="plain:4"),
            "its recipe builds plain:4, another member; `takd recipe digits/plain/2",
        ),
        ("digits/plain/10-2+mutual/seed0", mutual(builder="plain:2", peer="plain:6"), "its recipe builds plain:6, another member"),
        ("digits/plain/4-2/seed0", taught(), "needs --soft-targets of digits/plain/4/seed0"),
    ],
)
def test_what_is_no_network_of_the_data_or_recipe_ends_in_one_line(
    takd: Run, digits: Path, tmp_path: Path, network: str, how: object, what_is_said: str
) -> None:
    code, _, err = takd(*train_arguments(tmp_path, digits, network, recipe=how.canonical()))  # type: ignore[attr-defined]
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_does_not_fit_ends_it_before_the_first_step(takd: Run, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("1" * 16 + "\n")
    code, out, err = takd(*train_arguments(tmp_path, digits, key=tmp_path / "key"))
    assert (code, out) == (2, "") and "expected 1111111111111111); run the same command again" in err and err.count("\n") == 1
    assert files_in(tmp_path) == [tmp_path / "key"]
    takd(*train_arguments(tmp_path, digits))
    record = Metrics.read(tmp_path / "out" / "metrics.json")
    (tmp_path / "key").write_text(f"{record.key}\n")
    assert takd(*train_arguments(tmp_path, digits, key=tmp_path / "key"))[0] == 0
    (tmp_path / "key").write_bytes(b"\xff" * 50)
    assert takd(*train_arguments(tmp_path, digits, key=tmp_path / "key"))[::2] == (
        2,
        f"takd: {tmp_path}/key: not a text in UTF-8\n",
    )


@pytest.mark.parametrize(
    ("output", "other"),
    [
        (output, other)
        for output in ("output", "metrics", "resume")
        for other in ("output", "metrics", "data", "recipe", "key")
        if output != other
    ],
)
def test_no_file_of_the_job_is_written_over_another(takd: Run, digits: Path, tmp_path: Path, output: str, other: str) -> None:
    places: dict[str, Any] = {name: tmp_path / name for name in ("output", "metrics", "data", "recipe", "key")}
    places["data"].write_bytes(digits.read_bytes())
    places["recipe"].write_text(recipe(**SMALL).canonical())
    places["key"].write_text("1" * 16)
    before = {path: path.read_bytes() for path in files_in(tmp_path)}
    code, _, err = takd(*train_arguments(tmp_path, digits, **places | {output: places[other]}))
    written = other in ("output", "metrics")
    said = "is given for two files of the job" if written else "is read by this command"
    assert code == 2 and err.startswith(f"takd: {places[other]}: {said}") and err.count("\n") == 1
    assert {path: path.read_bytes() for path in files_in(tmp_path)} == before


@pytest.mark.parametrize("output", ["output", "metrics", "resume"])
@pytest.mark.parametrize(
    ("place", "what_is_said"),
    [
        ("file/metrics.json", "file/metrics.json: Not a directory"),
        ("folder", "folder: Is a directory"),
        ("pipe", "pipe: a device or a pipe, not a file"),
        ("/dev/null", "/dev/null: a device or a pipe, not a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_the_first_epoch(
    takd: Run, digits: Path, tmp_path: Path, output: str, place: str, what_is_said: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    code, out, err = takd(*train_arguments(tmp_path, digits), f"--{output}", tmp_path / place)
    assert (code, out) == (2, "") and err.endswith(f"{what_is_said}\n") and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is asked for, which root alone can be")
def test_no_permission_is_said_with_the_place(takd: Run, digits: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    takd(*train_arguments(tmp_path, digits))  # imports all that it takes, while the sources can still be read
    locked.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents[:2], digits.parent):  # pytest's own, which are closed to others
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        code, _, err = takd(*train_arguments(locked, digits))
    finally:
        os.seteuid(0)
    assert code == 2 and "locked" in err and err.endswith("Permission denied\n") and err.count("\n") == 1


def test_a_resume_file_that_is_not_takds_is_refused_and_left(takd: Run, digits: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("dear")
    code, out, err = takd(*train_arguments(tmp_path, digits, resume=notes))
    assert (code, out) == (2, "") and f"{notes}: not the state of a training that takd wrote" in err and err.count("\n") == 1
    assert notes.read_text() == "dear" and files_in(tmp_path) == [notes]


def test_a_loss_that_diverges_is_said_and_leaves_nothing(takd: Run, digits: Path, tmp_path: Path) -> None:
    how = recipe(builder="plain:2", learning_rate=100, weight_decay=10, precision="float32", epochs=9, schedule="constant")
    code, _, err = takd(*train_arguments(tmp_path, digits, recipe=how.canonical()))
    assert code == 2 and "the loss became" in err and "try a learning rate below 100" in err
    assert files_in(tmp_path) == []


@pytest.mark.long
def test_another_instruction_set_or_thread_count_starts_afresh(digits: Path, tmp_path: Path) -> None:
    """One process is ended after its last epoch, before its record: what others make of its state."""
    code = """
import os, sys
from takd import cli
from takd.training import job
job.write = lambda *_, **__: os._exit(7)
cli.main()
"""
    resume = tmp_path / "resume"
    arguments = [*map(str, train_arguments(tmp_path, digits, resume=resume, device="cpu"))]
    environment = os.environ | {"PYTHONPATH": "src"}

    def epochs_run(*more: str, **change: str) -> int:
        command = [sys.executable, "-m", "takd", *arguments, *more]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment | change, check=True)
        return done.stdout.count("epoch ")

    command = [sys.executable, "-c", code, *arguments]
    assert subprocess.run(command, capture_output=True, cwd=ROOT, env=environment).returncode == 7
    state = resume.read_bytes()
    found = []
    for more, change in (([], {}), (["--threads", "2"], {}), ([], {"ATEN_CPU_CAPABILITY": "default"})):
        resume.write_bytes(state)
        found.append(epochs_run(*more, **change))
    assert found == [0, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (
            ["x", "--data", "x", "--output", "y", "--views", "all"],
            "--views: no name of views: 'all'; there are unaugmented, seed0-30",
        ),
        (["x", "--data", "x", "--output", "folder"], "folder: Is a directory"),
        (["x", "--data", "data", "--output", "x"], "x: is read by this command"),
        (["x", "--data", "data", "--output", "data"], "data: is read by this command"),
        (["x", "--data", "data", "--output", "nets.py", "--builder", "nets.py:small"], "nets.py: is read by this command"),
        (["x", "--data", "data", "--output", "key", "--key", "key"], "key: is read by this command"),
        (["x", "--data", "data", "--output", "/dev/null"], "/dev/null: a device or a pipe, not a file"),
        (["x", "--data", "data", "--output", "y"], "x: not a whole safetensors file"),
    ],
)
def test_targets_that_cannot_be_are_said_in_one_line(
    takd: Run, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what_is_said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "data").write_bytes(digits.read_bytes())
    (tmp_path / "nets.py").write_text("def small(classes): ...")
    for name in ("x", "key"):
        (tmp_path / name).write_text("1")
    before = {path: path.read_bytes() for path in files_in(tmp_path)}
    code, _, err = takd("targets", *arguments)
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in files_in(tmp_path)} == before


def test_a_network_of_ones_own_code_is_opened_only_when_it_is_named(
    takd: Run, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = "from torch import nn\ndef small(classes):\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
    (tmp_path / "nets.py").write_text(own)
    how = recipe(**SMALL | {"builder": "nets.py:small"}).canonical()
    assert takd(*train_arguments(tmp_path, digits, "digits/own/small/seed0", recipe=how))[0] == 0
    model = tmp_path / "out" / "model.safetensors"
    surface = ["surface", model, "--points", "3", "--span", "1", "--images", "10", "--output", "s.csv"]
    for command in (["evaluate", model], ["targets", model, "--output", "t"], surface):
        code, _, err = takd(*command, "--data", digits)
        assert code == 2 and "was built by nets.py:small, code of one's own; name it: builder='nets.py:small'" in err
        assert takd(*command, "--data", digits, "--builder", "nets.py:small")[0] == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["builder"] == "nets.py:small"
