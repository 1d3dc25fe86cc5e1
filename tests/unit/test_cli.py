"""The command line as a user meets it: what it prints, its exit code, and what it leaves on the disk."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from takd import cli
from takd.plan import plan
from tests.conftest import ROOT, recipe, taught

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def takd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["takd", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def train_arguments(folder: Path, data: Path, network: str = "digits/plain/2/seed0", **options: object) -> list[object]:
    given = {
        "data": data,
        "recipe": recipe(epochs=1).canonical(),
        "output": folder / "out" / "model.safetensors",
        "metrics": folder / "out" / "metrics.json",
    } | options
    return ["train", network, *(part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value))]


def test_a_chain_by_hand(takd: Run, digits: Path, tmp_path: Path) -> None:
    """Teacher, soft targets, student, table: each by the command that Snakemake calls."""
    teacher, student, targets = tmp_path / "4", tmp_path / "4-2", tmp_path / "targets.safetensors"
    code, out, _ = takd(*train_arguments(teacher, digits, "digits/plain/4/seed0", recipe=recipe(epochs=2).canonical()))
    assert code == 0 and out.startswith("epoch 1/2  loss ") and out.count("\n") == 2 and " images/s  " in out
    model = teacher / "out" / "model.safetensors"
    assert takd("targets", model, "--data", digits, "--output", targets)[0] == 0
    arguments = train_arguments(
        student, digits, "digits/plain/4-2/seed1", soft_targets=targets, recipe=taught(epochs=1).canonical()
    )
    assert takd(*arguments)[0] == 0

    metrics = json.loads((student / "out" / "metrics.json").read_text())
    assert (metrics["method"], metrics["teacher"], metrics["parameters"]) == ("BLKD", "digits/plain/4/seed0", 13_082)
    assert metrics["recipe"] == json.loads(taught(epochs=1).canonical())
    code, out, _ = takd("evaluate", student / "out" / "model.safetensors", "--data", digits)
    assert (code, out) == (0, f"digits/plain/4-2/seed1: {metrics['accuracy']:.2f} %\n")

    accuracy = tmp_path / "accuracy.csv"
    both = [folder / "out" / "metrics.json" for folder in (student, teacher)]
    assert takd("collect", *both, "--output", accuracy)[0] == 0
    assert [line.split(",")[2] for line in accuracy.read_text().splitlines()] == ["chain", "4", "4-2"]


def test_the_recipe_that_is_printed_is_the_one_that_is_used(takd: Run) -> None:
    options = ["--params", ROOT / "params.yaml", "--preset", ROOT / "presets/toy.yaml"]
    code, out, _ = takd("recipe", "digits/plain/10-2/seed0", *options)
    assert code == 0 and json.loads(out)["temperature"] == 4
    assert json.loads(out)["epochs"] != 150


def test_plan_lists_each_network_once(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    code, out, _ = takd("plan", "results/toy/table2.csv", "--cores", "2")
    assert code == 0 and out.count("digits/plain/") == 10 and "10 to train, 0 there" in out
    made = workspace / "results/toy/models/digits/plain/10/seed0"
    made.mkdir(parents=True)
    how = takd("recipe", "digits/plain/10/seed0", "--preset", "presets/toy.yaml")[1]
    (made / "metrics.json").write_text(json.dumps({"recipe": json.loads(how), "teacher": None}))
    assert "9 to train, 1 there" in takd("plan", "results/toy/table2.csv")[1]


@pytest.fixture
def seconds_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of a network takes as many seconds as it has layers; nothing is measured."""
    monkeypatch.setattr("takd.plan._measured", lambda known, network, recipe: float(network.size))


@pytest.mark.parametrize(
    ("target", "cores", "seconds"),
    [
        # 10 epochs, on each of two data sets: 10, 10-8, 10-6, 10-4, and three seeds of three students
        ("results/quick/table2.csv", 2, 2 * 10 * (10 + 8 + 6 + 4 + 3 * 3 * 2) / 2),
        # no student before its teacher: 10, 10-8, 10-8-2
        ("results/quick/table2.csv", 100, 10 * (10 + 8 + 2)),
        # and what 110 says to its assistants of seed 0, and each assistant to students of three seeds, at 0.3 of a training
        ("results/quick/table3.csv", 1, 2 * 10 * (110 + 122 + 4 * 3 * 8 + 0.3 * (110 + 3 * 122))),
        # less data in as many more epochs: 2, 10, 10-4, 10-2, 10-4-2 on all of the data, and on four shares of it
        ("results/quick/figure6_left.csv", 1, 2 * 10 * (3 * (2 + 10 + 4 + 2 + 2) * 5)),
        # a network and those above it
        ("results/quick/models/cifar10/plain/10-8-4-2/seed1/metrics.json", 2, 10 * (10 + 8 + 4 + 2)),
        # eighteen points of the grid, 10-2 each, under one teacher
        ("results/tuning.csv", 1, 150 * (10 + 18 * 2)),
    ],
)
@pytest.mark.usefixtures("seconds_by_size")
def test_a_plan_adds_up_what_is_to_be_trained(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, target: str, cores: int, seconds: float
) -> None:
    monkeypatch.chdir(workspace)
    made = plan(Path(target), Path("params.yaml"), Path("presets"), Path("paper/artifacts.yaml"), cores)
    assert made.seconds == pytest.approx(seconds)


@pytest.mark.usefixtures("seconds_by_size")
def test_a_plan_counts_what_learns_from_a_network_that_is_missing(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    teachers = {
        "10/seed0": None,
        "10-8/seed0": "digits/plain/10/seed0",
        "10-8-2/seed0": "digits/plain/10-8/seed0",
        "10-6/seed0": "digits/plain/10/seed0",
    }
    for name, its_teacher in teachers.items():
        made = workspace / "results/toy/models/digits/plain" / name
        made.mkdir(parents=True)
        how = json.loads(takd("recipe", f"digits/plain/{name}", "--preset", "presets/toy.yaml")[1])
        metrics = {"recipe": how | ({"epochs": 1} if name == "10-8/seed0" else {}), "teacher": its_teacher}
        (made / "metrics.json").write_text(json.dumps(metrics))
    # 10 and 10-6 stay; 10-8 has another recipe, so its student is trained anew with it
    assert "8 to train, 2 there" in takd("plan", "results/toy/table2.csv")[1]
    made = workspace / "results/toy/models/digits/plain/10-6/seed0/metrics.json"
    made.write_text(made.read_text().replace("10/seed0", "10/seed1"))  # as under `vary: chain`
    assert "9 to train, 1 there" in takd("plan", "results/toy/table2.csv")[1]


@pytest.mark.usefixtures("seconds_by_size")
def test_plan_tells_variants_apart(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    out = takd("plan", "results/toy/figure6_left.csv")[1]
    for share in ("half", "quarter", "eighth", "sixteenth"):
        assert f" variants/{share}/digits/plain/10-4-2/seed1 " in out
    assert " digits/plain/10-4-2/seed1 " in out


@pytest.mark.usefixtures("seconds_by_size")
def test_plan_of_a_variant_names_its_shared_teachers_by_their_folder(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    out = takd("plan", "results/toy/variants/half/table2.csv")[1]
    assert " results/toy/digits/plain/10-4/seed0 " in out and " digits/plain/10-4-2/seed1 " in out


BAD = [
    (["--recipe", recipe().canonical().replace('"epochs": 2', '"epochs": 0')], "epochs: Input should be greater than 0, not 0"),
    (["--recipe", recipe().canonical().replace('"cosine"', '"linear"')], "recipe: schedule: Input should be 'constant'"),
    (["--recipe", recipe().canonical().replace('0.02', '"fast"')], 'not "fast"'),
    (["--recipe", recipe().canonical().replace('"epochs"', '"epoch"')], "recipe: epochs: is missing"),
    (["--recipe", "absent.yaml"], "absent.yaml: no such file"),
    (["--recipe", taught().canonical()], "digits/plain/2/seed0 has no use for kl_reduction, temperature, trade_off"),
    (["--recipe", recipe(validation_share=0.0001).canonical()], "holds out no image of digits"),
    (["--data", "absent.safetensors"], "absent.safetensors: no such file"),
    (["--soft-targets", "absent.safetensors"], "digits/plain/2/seed0: has no teacher, but soft targets were given"),
    (["--device", "cuda:99"], "device 'cuda:99': not on this machine; there are cpu"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "what_is_said"), BAD)
def test_bad_options_end_in_one_line(takd: Run, digits: Path, tmp_path: Path, options: list[str], what_is_said: str) -> None:
    code, out, err = takd(*train_arguments(tmp_path, digits), *options)
    assert (code, out) == (2, "")
    assert err.startswith("takd: ") and what_is_said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "what_is_said"),
    [
        ("mnist/plain/2/seed0", "unknown data set 'mnist'"),
        ("digits/plane/2/seed0", "unknown family 'plane'"),
        ("digits/plain/3/seed0", "plain has no size 3"),
        ("digits/plain/2-10/seed0", "sizes must shrink"),
        ("digits/plain/10-10/seed0", "sizes must shrink"),
        ("digits/plain/10+2/seed0", "expected sizes joined by '-'"),
        ("cifar10/plain/2/seed0", "needs cifar10, but the prepared data set is digits"),
        ("digits/plain/10-2/seed0", "digits/plain/10-2/seed0 needs kl_reduction, temperature, trade_off"),
        ("digits/plain/10-2+mutual/seed0", "digits/plain/10-2+mutual/seed0 needs separate_epochs"),
    ],
)
def test_what_is_no_network_of_the_data_ends_in_one_line(
    takd: Run, digits: Path, tmp_path: Path, network: str, what_is_said: str
) -> None:
    code, _, err = takd(*train_arguments(tmp_path, digits, network))
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_student_without_soft_targets_is_told_whose(takd: Run, digits: Path, tmp_path: Path) -> None:
    code, _, err = takd(*train_arguments(tmp_path, digits, "digits/plain/4-2/seed0", recipe=taught().canonical()))
    assert code == 2 and "needs --soft-targets of digits/plain/4/seed0" in err


GRID = ["--span", "1", "--images", "10", "--points"]
MEASURED = str(ROOT / "results/quick/accuracy.csv")
PICTURE = ["--datasets", "digits", "--csv", "c.csv", "--png", "p.png", "--svg", "s.svg"]


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (["prepare", "mnist", "--output", "x"], "unknown data set 'mnist'"),
        (["plan", "results/table9.csv"], "unknown table or figure 'table9'; there are table1, table2, table3, figure2"),
        (["plan", "results/slow/table2.csv"], "no preset 'slow'"),
        (["recipe", "digits/plain/2-10/seed0"], "sizes must shrink"),
        (["targets", "x", "--data", "x", "--output", "y", "--epochs", "3"], "--epochs 3: images as they are need one"),
        (["collect", "absent.json", "--output", "x"], "absent.json: no such file"),
        (["collect", "params.yaml", "--output", "x"], "params.yaml: not the metrics of a training"),
        (["collect", "chain.json", "--output", "x"], "chain.json: not the metrics of a training"),
        (["page", "binary.md", "--output", "x"], "binary.md: not a text in UTF-8"),
        (["prepare", "digits", "--output", "paper"], "paper: Is a directory"),
        (["targets", "x", "--data", "x", "--output", "paper"], "paper: Is a directory"),
        (["plan", "results/slow/models/digits/plain/2/seed0/metrics.json"], "no preset 'slow'"),
        (["plan", "results/models/digits/plain/2/metrics.json"], "digits/plain"),
        (["evaluate", "params.yaml", "--data", "params.yaml"], "params.yaml: cut short or damaged"),
        (["surface", "x", "--data", "x", *GRID, "4", "--output", "y"], "points: must be odd, not 4"),
        (["draw-surfaces", "figure2", "x", *PICTURE], "figure2: shows no loss surfaces"),
        (["draw-surfaces", "figure7", "params.yaml", *PICTURE], "params.yaml: not a loss surface; takd surface writes one"),
        (["draw-surfaces", "figure7", "absent.csv", *PICTURE], "absent.csv: no such file"),
        (["draw", "figure7", "--accuracy", "x", *PICTURE], "figure7: loss surfaces, not accuracies; takd draw-surfaces"),
        (["draw", "figure2", "--accuracy", "x", *PICTURE], "x: no such file"),
        (["draw", "figure2", "--accuracy", "params.yaml", *PICTURE], "params.yaml: not such a CSV file"),
        (["draw", "figure2", "--accuracy", "paper/claims.csv", *PICTURE], "paper/claims.csv: expected the columns dataset, fam"),
        (["draw", "figure2", "--accuracy", MEASURED, "--datasets", "cifar10, cifar", *PICTURE[2:]], "unknown data set 'cifar'"),
    ],
)
def test_other_commands_complain_in_one_line_too(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what_is_said: str
) -> None:
    monkeypatch.chdir(workspace)
    (workspace / "chain.json").write_text(json.dumps({"recipe": {"training_share": 1}, "chain": 10}))
    (workspace / "binary.md").write_bytes(b"\xff\xfe")
    before = sorted(workspace.rglob("*"))
    code, _, err = takd(*arguments)
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert sorted(workspace.rglob("*")) == before


def test_an_unknown_option_is_a_mistake_too(takd: Run) -> None:
    assert takd("train", "--speed", "3")[0] == 2


def test_no_permission_is_said_with_the_place(takd: Run, digits: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    takd(*train_arguments(tmp_path, digits))  # imports all that it takes, while the sources can still be read
    locked.chmod(0o555)
    for folder in (tmp_path, *tmp_path.parents[:2], digits.parent):  # pytest's own, which are closed to others
        folder.chmod(0o755)
    rights = os.geteuid()
    if rights == 0:  # root may write anywhere
        os.seteuid(65534)
    try:
        code, _, err = takd(*train_arguments(locked, digits))
    finally:
        os.seteuid(rights)
    assert code == 2 and "locked" in err and err.endswith("Permission denied\n") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "metrics", "what_is_said"),
    [
        ("model.safetensors", "file/metrics.json", "file/metrics.json: Not a directory"),
        ("folder", "metrics.json", "folder: Is a directory"),
        ("same", "same", "same: is given for two files of the job; each needs one of its own"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_the_first_epoch(
    takd: Run, digits: Path, tmp_path: Path, output: str, metrics: str, what_is_said: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    code, out, err = takd(*train_arguments(tmp_path, digits), "--output", tmp_path / output, "--metrics", tmp_path / metrics)
    assert (code, out) == (2, "") and err.endswith(f"{what_is_said}\n") and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("other", ["output", "metrics", "data"])
def test_a_resume_file_that_is_another_file_of_the_job_is_refused(takd: Run, digits: Path, tmp_path: Path, other: str) -> None:
    data = tmp_path / "data.safetensors"
    data.write_bytes(digits.read_bytes())
    places: dict[str, Path] = {"output": tmp_path / "model", "metrics": tmp_path / "metrics", "data": data}
    options = [part for name, path in (places | {"resume": places[other]}).items() for part in (f"--{name}", path)]
    code, _, err = takd("train", "digits/plain/2/seed0", "--recipe", recipe().canonical(), *options)
    assert (code, err) == (2, f"takd: {places[other]}: is given for two files of the job; each needs one of its own\n")
    assert data.read_bytes() == digits.read_bytes() and list(tmp_path.iterdir()) == [data]


def test_one_network_twice_is_not_collected(takd: Run, digits: Path, tmp_path: Path) -> None:
    assert takd(*train_arguments(tmp_path, digits))[0] == 0
    metrics, output = tmp_path / "out" / "metrics.json", tmp_path / "accuracy.csv"
    code, _, err = takd("collect", metrics, metrics, "--output", output)
    assert code == 2 and "digits/plain/2/seed0 stands there twice" in err and not output.exists()
    assert takd("collect", metrics, "--output", output)[0] == 0
    output.write_text(output.read_text() + output.read_text().splitlines()[1] + "\n")
    table = ("--csv", tmp_path / "table.csv", "--markdown", tmp_path / "table.md")
    code, _, err = takd("tabulate", "table2", "--accuracy", output, "--datasets", "digits", *table)
    assert code == 2 and f"{output}: digits/plain/2/seed0 stands there twice" in err


def test_weights_whose_metrics_cannot_be_written_are_not_left(
    takd: Run, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("takd.jobs.write_json", full)
    code, _, err = takd(*train_arguments(tmp_path, digits))
    assert (code, err) == (2, "takd: No space left on device\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    takd: Run, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = takd(*train_arguments(tmp_path, digits))
    assert (code, err) == (2, "takd: No space left on device\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_loss_that_diverges_is_said_and_leaves_nothing(takd: Run, digits: Path, tmp_path: Path) -> None:
    how = recipe(learning_rate=1e30, precision="float32").canonical()
    code, _, err = takd(*train_arguments(tmp_path, digits, recipe=how))
    assert code == 2 and "in epoch 1, step" in err and "try a learning rate below" in err
    assert list(tmp_path.iterdir()) == []


def test_help_names_the_commands(takd: Run) -> None:
    code, out, _ = takd("--help")
    assert code == 0
    for command in ("prepare", "train", "targets", "evaluate", "surface", "collect", "tabulate", "draw-surfaces", "plan"):
        assert command in out
