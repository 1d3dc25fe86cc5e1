"""DVC around Snakemake: the real dvc and git in copies of a repository whose small pipeline was reproduced once."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from safetensors.numpy import load

from tests.conftest import ROOT, WORKFLOW
from tests.workflow.conftest import TABLE

TRACKED = (*WORKFLOW, "src", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore", ".dvc/plots")
PARAMETERS = {"datasets": ["digits"], "seeds": 1, "report": ["small"]}
# a student that learns from soft targets alone: temperatures far apart give accuracies far apart
TRAINING = {"epochs": 1, "learning_rate": 0.02, "schedule": "cosine", "trade_off": 1, "temperature": 4}


@dataclass
class Repository:
    """A folder in which dvc, git and snakemake are run."""

    path: Path

    def run(self, *command: str) -> str:
        """What a command that must succeed prints."""
        places = self.path.parent
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "SNAKEMAKE_"))}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "src",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_GLOBAL_CONFIG_DIR": str(places / "dvc-global"),
            "DVC_SYSTEM_CONFIG_DIR": str(places / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(places / "dvc-site"),
            "DVC_STUDIO_OFFLINE": "true",
        }
        (places / "dvc-global").mkdir(exist_ok=True)
        (places / "dvc-global/config").write_text("[core]\n    check_update = false\n")
        ended = subprocess.run(
            command,
            cwd=self.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def dvc(self, *arguments: str) -> str:
        return self.run("dvc", *arguments)

    def dvc_json(self, *arguments: str) -> Any:
        return json.loads(self.dvc(*arguments, "--json"))

    def git(self, *arguments: str) -> str:
        return self.run("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments)

    def dvc_exp(self, *arguments: str) -> str:
        """An experiment is a commit, so it needs its author's name."""
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        return self.dvc("exp", *arguments)

    def commit_all(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def jobs(self) -> dict[str, int]:
        """How many jobs of each rule Snakemake lists."""
        printed = self.run("snakemake", "-n")
        if "Nothing to be done" in printed:
            return {}
        table = printed.rpartition("Job stats:\n")[2]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE) if rule != "total"}

    def networks(self) -> dict[str, tuple[int, bytes]]:
        """When each network was written, and its bytes."""
        files = (self.path / "results/models").rglob("model.safetensors")
        return {file.parts[-3]: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}

    @property
    def accuracy(self) -> float:
        """The student's accuracy, as metrics.json has it."""
        metrics = json.loads((self.path / "results/metrics.json").read_text())
        return float(metrics["digits"]["plain"]["4-2"]["accuracy"])

    def accuracy_of(self, experiment: str) -> float:
        """The same of an experiment that isn't in the workspace."""
        (shown,) = self.dvc_json("metrics", "diff", "HEAD", experiment).values()
        return float(shown["digits.plain.4-2.accuracy"]["new"])

    def set_temperature(self, value: float) -> None:
        parameters = self.path / "params.yaml"
        parameters.write_text(re.sub("temperature: .*", f"temperature: {value}", parameters.read_text(), count=1))

    def copy(self, path: Path) -> "Repository":
        """The same repository somewhere else, time stamps included."""
        shutil.copytree(self.path, path / "repository", symlinks=True)
        return Repository(path / "repository")


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A committed repository with a teacher and its student, made by `dvc repro`. Tests copy it before they change anything.

    Its first commit has published results of other parameters, as takd's own has: none of them may be taken for these.
    """
    repository = Repository(tmp_path_factory.mktemp("reproduced") / "repository")
    for name in TRACKED:
        target = repository.path / name
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    shrink(repository.path)
    (repository.path / "results/published").mkdir(parents=True)
    (repository.path / "results/published/small.csv").write_text("of other parameters\n")
    repository.git("init", "--quiet")
    repository.commit_all("A small pipeline")
    repository.dvc("repro")
    repository.commit_all("Its results")
    return repository


def shrink(folder: Path) -> None:
    """One data set and one table instead of the paper's: params.yaml alone says it."""
    parameters = yaml.safe_load((folder / "params.yaml").read_text())
    small = parameters | PARAMETERS | {"train": parameters["train"] | TRAINING}
    (folder / "params.yaml").write_text(yaml.safe_dump(small, sort_keys=False))
    (folder / "paper/artifacts.yaml").write_text(TABLE)
    for preset in (folder / "presets").glob("*.yaml"):
        preset.unlink()


@pytest.fixture(scope="module")
def sharper(reproduced: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The same after another temperature and a second `dvc repro`, not committed."""
    repository = reproduced.copy(tmp_path_factory.mktemp("sharper"))
    repository.set_temperature(0.25)
    repository.dvc("repro")
    return repository


@pytest.fixture(scope="module")
def direct(reproduced: Repository, tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], float]:
    """The student's accuracy at a temperature, by takd alone: no Snakemake, no DVC."""

    def accuracy(temperature: float) -> float:
        folder = tmp_path_factory.mktemp("direct")
        recipe = json.loads(reproduced.run("takd", "recipe", "digits/plain/4-2/seed0"))
        recipe["objective"]["temperature"] = temperature
        targets = "results/soft_targets/digits/plain/4/seed0/unaugmented.safetensors"
        reproduced.run(
            *("takd", "train", "digits/plain/4-2/seed0", "--data", "data/prepared/digits.safetensors", "--soft-targets", targets),
            *("--recipe", json.dumps(recipe), "--output", str(folder / "model.safetensors")),
            *("--metrics", str(folder / "metrics.json")),
        )
        return float(json.loads((folder / "metrics.json").read_text())["accuracy"])

    return accuracy


def test_repro_runs_the_pipeline_and_a_second_time_nothing(reproduced: Repository) -> None:
    assert set(reproduced.networks()) == {"4", "4-2"}
    assert pd.read_csv(reproduced.path / "results/small.csv")["BLKD"].item() == pytest.approx(reproduced.accuracy, abs=0.006)
    results = {path.name for path in (reproduced.path / "results").iterdir() if path.is_file()}
    assert results >= {
        "accuracy.csv",
        "claims.csv",
        "claims.md",
        "curves.csv",
        "metrics.json",
        "report.html",
        "small.csv",
        "small.md",
    }
    before = reproduced.networks()
    assert "didn't change, skipping" in reproduced.dvc("repro")
    assert reproduced.networks() == before
    assert reproduced.jobs() == {}


def test_git_has_what_is_published_and_dvc_the_rest(reproduced: Repository) -> None:
    assert reproduced.git("ls-files", "results", "data", ".snakemake").split() == ["results/published/small.csv"]
    assert reproduced.git("status", "--porcelain") == ""
    outs = yaml.safe_load((reproduced.path / "dvc.lock").read_text())["stages"]["reproduce"]["outs"]
    assert {out["path"] for out in outs} == {
        *(f"results/{name}" for name in ("models", "soft_targets", "surfaces", "variants", "made")),
        *(f"results/{name}" for name in ("accuracy.csv", "claims.csv", "curves.csv", "metrics.json")),
    }


def test_a_changed_temperature_retrains_the_student_alone(
    reproduced: Repository, sharper: Repository, direct: Callable[[float], float]
) -> None:
    before, after = reproduced.networks(), sharper.networks()
    assert after["4"] == before["4"]
    assert after["4-2"][0] > before["4-2"][0] and after["4-2"][1] != before["4-2"][1]
    assert sharper.accuracy == direct(0.25) != reproduced.accuracy


def test_metrics_and_parameters_are_compared(reproduced: Repository, sharper: Repository) -> None:
    old, new = reproduced.accuracy, sharper.accuracy
    shown = sharper.dvc_json("metrics", "show")[""]["data"]["results/metrics.json"]["data"]
    assert shown["digits"]["plain"]["4-2"] == {"accuracy": new, "n": 1}  # one network has no deviation
    changed = sharper.dvc_json("metrics", "diff")["results/metrics.json"]
    assert changed == {"digits.plain.4-2.accuracy": {"old": old, "new": new, "diff": pytest.approx(new - old)}}
    assert sharper.dvc_json("params", "diff") == {"params.yaml": {"train.temperature": {"old": 4, "new": 0.25, "diff": -3.75}}}
    assert "digits.plain.4-2.accuracy" in sharper.dvc("metrics", "diff")


def test_curves_are_drawn(sharper: Repository, tmp_path: Path) -> None:
    curves = pd.read_csv(sharper.path / "results/curves.csv")
    assert curves["network"].tolist() == ["digits/plain/4-2/seed0", "digits/plain/4/seed0"] and (curves["epoch"] == 1).all()
    curves = curves[:1]
    assert curves["accuracy"].item() == sharper.accuracy
    sharper.dvc("plots", "show", "--out", str(tmp_path / "page"))
    page = (tmp_path / "page/index.html").read_text()
    for measure in ("accuracy", "loss"):
        (specification,) = re.findall(rf'<div id = "{measure}">.*?var spec = (.*?);\n', page, flags=re.DOTALL)
        drawn = json.loads(specification)
        assert drawn["encoding"]["color"]["field"] == "network"
        assert (drawn["encoding"]["x"]["field"], drawn["encoding"]["y"]["field"]) == ("epoch", measure)
        point = next(point for point in drawn["data"]["values"] if point["network"] == "digits/plain/4-2/seed0")
        assert (point["network"], float(point[measure])) == ("digits/plain/4-2/seed0", curves[measure].item())


@pytest.mark.long
def test_an_experiment_in_the_workspace(reproduced: Repository, tmp_path: Path, direct: Callable[[float], float]) -> None:
    repository = reproduced.copy(tmp_path)
    repository.dvc_exp("run", "--name", "soft", "--set-param", "train.temperature=20")
    assert repository.networks()["4"] == reproduced.networks()["4"]
    assert repository.accuracy == direct(20) != reproduced.accuracy
    assert "soft" in repository.dvc("exp", "list", "--name-only")


@pytest.mark.long
def test_queued_experiments_are_what_direct_runs_are(
    reproduced: Repository, tmp_path: Path, direct: Callable[[float], float]
) -> None:
    repository = reproduced.copy(tmp_path)
    temperatures = {"hard": 0.1, "soft": 50}
    for name, temperature in temperatures.items():
        repository.dvc_exp("run", "--queue", "--name", name, "--set-param", f"train.temperature={temperature}")
    repository.dvc("queue", "start")
    try:
        deadline = time.monotonic() + 240
        while re.search("Queued|Running", status := repository.dvc("queue", "status")):
            assert time.monotonic() < deadline, status
            time.sleep(1)
    finally:
        repository.dvc("queue", "stop", "--kill")
    assert status.count("Success") == 2, status

    accuracies = {}
    for name, temperature in temperatures.items():
        log = repository.dvc("queue", "logs", name)
        # a folder of its own: the teacher and its soft targets come from DVC's cache
        assert re.search(r"^train +1$", log, flags=re.MULTILINE), log
        assert "rule soft_targets" not in log, log
        accuracies[name] = repository.accuracy_of(name)
        assert accuracies[name] == direct(temperature)
    assert len({*accuracies.values(), reproduced.accuracy}) == 3
    assert repository.accuracy == reproduced.accuracy


def test_a_clone_pulls_and_has_nothing_to_do(reproduced: Repository, tmp_path: Path) -> None:
    remote = ("remote", "add", "--local", "--default", "storage", str(tmp_path / "storage"))
    repository = reproduced.copy(tmp_path / "there")
    repository.dvc(*remote)
    repository.dvc("push")
    repository.git("clone", "--quiet", str(repository.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    clone.dvc(*remote)
    clone.dvc("pull")
    assert "up to date" in clone.dvc("status")
    # tables and the report aren't DVC's: made again in seconds, from networks that are
    assert set(clone.jobs()) <= {"table", "judge", "report", "all"}
    assert clone.git("status", "--porcelain") == ""
    assert {name: content for name, (_, content) in clone.networks().items()} == {
        name: content for name, (_, content) in reproduced.networks().items()
    }
    clone.set_temperature(3)
    assert clone.jobs()["train"] == 1


@pytest.mark.parametrize("kind", ["hardlink", pytest.param("symlink", marks=pytest.mark.long)])
def test_links_into_the_cache_are_never_written_through(reproduced: Repository, tmp_path: Path, kind: str) -> None:
    repository = reproduced.copy(tmp_path)
    repository.dvc("config", "cache.type", kind)
    repository.dvc("checkout", "--relink")
    repository.set_temperature(0.25)
    repository.run("snakemake", "--cores", "2")
    cache = repository.path / ".dvc/cache/files/md5"
    objects = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".dir"]
    assert len(objects) > 5
    assert [path for path in objects if hashlib.md5(path.read_bytes()).hexdigest() != path.parent.name + path.name] == []
    assert repository.accuracy != reproduced.accuracy


def test_of_a_lost_object_only_what_is_missing_is_made(reproduced: Repository, tmp_path: Path) -> None:
    repository = reproduced.copy(tmp_path)
    before = repository.networks()
    lost = "results/models/digits/plain/4-2/seed0"
    shutil.rmtree(repository.path / lost)
    assert repository.jobs() == {}  # the tables are right, so nothing is missed
    repository.run("snakemake", "--cores", "2", "--", f"{lost}/model.safetensors")
    after = repository.networks()
    assert after["4"] == before["4"] and after["4-2"][0] > before["4-2"][0]
    tensors = [load(content) for _, content in (before["4-2"], after["4-2"])]  # what is said beside them names another commit
    assert all((tensors[0][name] == tensors[1][name]).all() for name in tensors[0])


def test_the_code_that_runs_is_the_repository_s_own(reproduced: Repository, tmp_path: Path) -> None:
    repository = reproduced.copy(tmp_path)
    module = repository.path / "src/takd/reporting/summary.py"
    module.write_text(module.read_text().replace('"accuracy": float(values.mean())', '"accuracy": float(values.mean()) + 1000'))
    repository.dvc("repro")
    assert repository.accuracy == reproduced.accuracy + 1000
    assert repository.networks() == reproduced.networks()


def test_no_remote_is_written_down() -> None:
    assert "remote" not in (ROOT / ".dvc/config").read_text()
