import json
import re
import subprocess
from pathlib import Path

import pytest

from takd.cli.plan import duration
from takd.planning.plan import BEGINNING, made_plan
from takd.planning.targets import files_of
from takd.planning.workflow import Workflow
from tests.unit.cli.conftest import Run
from tests.unit.planning.project import Project, node

DATASETS = ("digits", "cifar10", "cifar100")


@pytest.fixture(autouse=True)
def here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch of a network takes as many seconds as it has layers; nothing is measured."""
    monkeypatch.chdir(workspace)
    builders = [f"plain:{size}" for size in (2, 4, 6, 8, 10)] + [f"resnet:{size}" for size in (8, 14, 20, 26, 32, 44, 56, 110)]
    seconds = {builder: float(builder.partition(":")[2]) for builder in builders}
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    (workspace / ".takd").mkdir()
    (workspace / ".takd/costs.json").write_text(json.dumps(dict.fromkeys(DATASETS, seconds)))


def test_a_plan_lists_each_network_once(takd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = takd("plan", "results/toy/table2.csv", "--cores", "2")
    names = [line.split()[1] for line in out.splitlines() if " digits/plain/" in line]
    assert code == 0 and len(names) == len(set(names)) >= 9
    assert out.splitlines()[-1].startswith(f"{len(names)} to train, 0 there: about ")


def test_a_plan_says_what_is_to_be_exported_and_timed(takd: Run) -> None:
    last = takd("plan", "results/toy/deploy.csv", "--cores", "2")[1].splitlines()[-1]
    assert re.search(r" to train, [1-9]\d* to export, [1-9]\d* to time, 0 there: about ", last)


def test_a_variants_plan_tells_its_shared_teachers_from_its_own_networks(takd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = takd("plan", "results/toy/variants/half/table2.csv")[1]
    assert " half digits/plain/10-4-2/seed1 " in out and " digits/plain/10-4/seed0 " in out
    assert " half digits/plain/10-4/seed0 " not in out


def test_a_plan_of_a_claim_says_how_many_trainings_it_takes_at_most(takd: Run) -> None:
    code, out, _ = takd("plan", "results/toy/decided/C4.md", "--cores", "2", "--changes", '{"seeds_at_most": 5}')
    # 10 and three assistants, five students under each, under 10 and alone; 110 and four assistants likewise
    assert code == 0 and out.splitlines()[-1].startswith(f"{4 + 5 * 5 + 5 + 6 * 5} to train, 0 there: about ")
    code, _, err = takd("plan", "results/toy/decided/C44.md")
    assert code == 2 and err == "takd: results/toy/decided: no claim C44; did you mean C4?\n"


@pytest.mark.parametrize(
    ("target", "cores", "seconds"),
    [
        # a network and those above it, at ten epochs each
        ("results/quick/models/cifar10/plain/10-8-4-2/seed1/metrics.json", 1, 4 * BEGINNING + 10 * (10 + 8 + 4 + 2)),
        # however many cores: no student before its teacher
        ("results/quick/models/cifar10/plain/10-8-4-2/seed1/metrics.json", 100, 4 * BEGINNING + 10 * (10 + 8 + 4 + 2)),
        # two networks at once, for ten epochs after a separate stage
        ("results/toy/models/digits/plain/10-2+mutual/seed0/metrics.json", 1, BEGINNING + (1 + 4) * (10 + 2)),
    ],
)
def test_a_plan_adds_up_what_is_to_be_trained(target: str, cores: int, seconds: float) -> None:
    assert made_plan(Workflow(writes_keys=False), [target], cores).seconds == pytest.approx(seconds)


TIMING = [f"takd: timing a few steps of plain:{size}" for size in (10, 4, 2)]


def test_what_no_record_tells_of_is_timed_once(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / ".takd/costs.json").unlink()
    timed: list[str] = []

    def epoch_seconds(dataset: str, lock: object, how: object) -> float:
        timed.append(how.network.builder)  # type: ignore[attr-defined]
        return 1800.0

    monkeypatch.setattr("takd.measuring.costs.epoch_seconds", epoch_seconds)
    target = "results/toy/models/digits/plain/10-4-2/seed0/metrics.json"
    last = takd("plan", target, "--no-measure")[1].splitlines()[-1]
    assert last.startswith("3 to train, 0 there: time unknown, as no record tells of any") and timed == []
    _, out, err = takd("plan", target, "--cores", "1")
    assert "about 6.00 hours on 1 cores" in out  # three networks of four epochs
    assert err.splitlines() == TIMING
    assert timed == ["plain:10", "plain:4", "plain:2"]
    takd("plan", target)
    assert len(timed) == 3


def test_what_was_timed_on_a_busy_machine_is_said_and_not_kept(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / ".takd/costs.json").unlink()
    monkeypatch.setattr("takd.measuring.costs.epoch_seconds", lambda *_: 1800.0)
    monkeypatch.setattr("os.getloadavg", lambda: (10.2, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    target = "results/toy/models/digits/plain/10-4-2/seed0/metrics.json"
    code, out, err = takd("plan", target, "--cores", "1")
    assert code == 0 and "about 6.00 hours on 1 cores" in out
    assert err.splitlines() == [*TIMING, "takd: the machine was busy: load 10 on 2 cores; times are too long, and not kept"]
    assert not (workspace / ".takd/costs.json").exists()
    monkeypatch.setattr("os.getloadavg", lambda: (1.9, 0.0, 0.0))
    assert takd("plan", target)[2].splitlines() == TIMING and (workspace / ".takd/costs.json").is_file()


@pytest.mark.parametrize("command", ["plan", "verify", "show"])
@pytest.mark.parametrize(
    ("target", "what_is_said"),
    [
        ("results/table9.csv", "results/table9.csv: nothing makes it; did you mean results/table"),
        ("results/slow/table2.csv", "results/slow/table2.csv: nothing makes it"),
        ("results/models/digits/plain/2-10/seed0/metrics.json", "members must shrink"),
        ("results/models/digits/plain/2/metrics.json", "expected dataset/family/chain/seedN"),
    ],
)
def test_a_target_that_nothing_makes_is_said_in_one_line(
    takd: Run, workspace: Path, command: str, target: str, what_is_said: str
) -> None:
    before = sorted(workspace.rglob("*"))
    code, _, err = takd(command, target)
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert sorted(workspace.rglob("*")) == before


def test_a_preset_that_cannot_be_used_is_said_where_its_target_is_asked_for(takd: Run, workspace: Path) -> None:
    (workspace / "presets/odd.yaml").write_text("train: {speed: 3}")
    code, _, err = takd("plan", "results/odd/table2.csv")
    assert code == 2 and "speed" in err and err.count("\n") == 1
    assert takd("plan", "results/toy/table2.csv")[0] == 0


def test_nothing_is_verified_where_nothing_is(takd: Run) -> None:
    assert takd("verify") == (0, "0 files: nothing is there yet\n", "")


def test_stale_files_are_told_how_parameters_of_the_command_line_are_said(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "mine").mkdir()
    mine = Project(workspace / "mine")
    monkeypatch.chdir(mine.root)
    written = mine.values["train"]
    mine.train(epochs=7)  # as by --config 'train={epochs: 7}'
    mine.make_line(node("digits/plain/10/seed0"))
    code, out, _ = takd("verify")
    assert code == 0 and "--changes" not in out
    mine.write(train=written)
    code, out, _ = takd("verify")
    hints = [line for line in out.splitlines() if "--changes" in line]
    assert code == 1 and len(hints) == 1 and "if --config said more in that run, say it again here" in hints[0]
    code, out, _ = takd("verify", "--changes", "train: {epochs: 7}")
    assert code == 0 and "--changes" not in out
    code, out, _ = takd("verify", "--changes", "train: {epochs: 8}")
    assert code == 1 and "--changes" not in out  # who typed it knows it


def test_folders_of_results_are_listed_a_line_each(takd: Run) -> None:
    code, out, err = takd("list")
    folders = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0 and {"results", "results/toy", "results/quick"} <= set(folders) and len(folders) == len(out.splitlines())
    assert not [folder for folder in folders if "/variants/" in folder or folder.endswith(("/search", "/path"))]
    assert folders["results/toy"] == f"{len(list(files_of(Workflow(writes_keys=False), 'results/toy')))} targets"
    assert err.startswith("takd list FOLDER says which") and err.count("\n") == 2


def test_what_can_be_made_in_a_folder_is_a_line_with_its_title(takd: Run) -> None:
    code, out, err = takd("list", "results/toy")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert rows["results/toy/table2.{csv,md}"] == (
        "Table 2: Plain CNN student (S=2) of a teacher (T=10) by the size of its teacher assistant"
    )
    assert "results/toy/figure2.{csv,png,svg}" in rows and "results/toy/report.{md,html}" in rows
    assert rows["results/toy/accuracy.csv"] == "Every network's accuracy, a row each"
    assert takd("list", "results/toy/")[1] == out
    assert takd("list", "results/toy/variants/half")[1].startswith("results/toy/variants/half/")


def test_a_listed_path_can_be_typed(takd: Run) -> None:
    paths = [line.split()[0] for line in takd("list", "results/toy")[1].splitlines()]
    typed = subprocess.run(["bash", "-c", f"printf '%s\\n' {' '.join(paths)}"], capture_output=True, text=True, check=True).stdout
    assert typed.split() == list(files_of(Workflow(writes_keys=False), "results/toy"))


def test_a_folder_that_nothing_makes_is_not_listed(takd: Run) -> None:
    code, out, err = takd("list", "results/tou")
    assert (code, out) == (2, "") and "results/tou: no preset or variant makes it; there are results/toy" in err


def test_changes_count_after_any_file(takd: Run) -> None:
    target = "results/toy/models/digits/plain/2/seed0/metrics.json"
    assert "about 40 s on 1 cores" in takd("plan", target, "--cores", "1", "--changes", "train: {epochs: 18}")[1]


def test_several_targets_have_one_plan(takd: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    networks = [f"results/toy/models/digits/plain/{chain}/seed0/metrics.json" for chain in ("10-4", "10-2")]
    code, out, _ = takd("plan", *networks, "--cores", "1", "--changes", "train: {epochs: 1}")
    assert code == 0 and out.splitlines()[-1].startswith("3 to train, 0 there: about 28 s on 1 cores")
    assert [line.split()[5] for line in out.splitlines() if " digits/plain/" in line] == ["14", "8.0", "6.0"]
    code, _, err = takd("plan", networks[0], "results/tabel2.csv")
    assert code == 2 and "results/tabel2.csv: nothing makes it" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (0.4, "0.4 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1.0 min"), (90, "1.5 min"), (3590, "59.8 min"),
     (3598, "1.00 hours"), (21_600, "6.00 hours")],
)  # fmt: skip
def test_a_time_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
