import os
import subprocess
import sys
from pathlib import Path

import pytest

import takd
from takd.errors import NetworkNameError, ParameterError, TakdError
from takd.planning import targets
from takd.planning.targets import all_files, check
from tests.conftest import ROOT
from tests.unit.planning.project import Project, node


@pytest.fixture
def presets(project: Project) -> Project:
    (project.root / "presets").mkdir()
    for name in ("toy", "quick"):
        (project.root / f"presets/{name}.yaml").write_bytes((ROOT / f"presets/{name}.yaml").read_bytes())
    return project


@pytest.mark.parametrize(
    "target",
    ["results/table2.csv", "results/toy/table2.md", "results/toy/figure2.svg",
     "results/toy/report.html", "results/quick/accuracy.csv",
     "results/variants/half/table2.csv", "results/models/digits/plain/10-4/seed0/metrics.json",
     "results/toy/models/digits/plain/10/seed3/model.safetensors",
     "results/toy/surfaces/digits/plain/10/seed3.csv", "results/soft_targets/digits/plain/10/seed0/unaugmented.safetensors",
     "results/soft_targets/digits/plain/10/seed0/seed0-30epochs-resized.safetensors",
     "data/prepared/digits.safetensors", "all", "--cores"],
)  # fmt: skip
def test_what_can_be_made_is_taken(presets: Project, target: str) -> None:
    check(presets.workflow(), target)


@pytest.mark.parametrize(
    ("target", "nearest"),
    [
        ("results/toy/tabel2.csv", "results/toy/table2.csv"),
        ("results/TOY/table2.csv", "results/toy/table2.csv"),
        ("results/tyo/table2.csv", "results/toy/table2.csv"),
        ("results/table2.cvs", "results/table2.csv"),
        ("results/table2", "results/table2."),
        ("results/table2.png", "results/table2.csv"),
        ("results/toy/raport.html", "results/toy/report.html"),
        ("results/variants/hlaf/table2.csv", "results/variants/half/table2.csv"),
        ("results/quick/acuracy.csv", "results/quick/accuracy.csv"),
        ("results/Toy/Report.md", "results/toy/report.md"),
    ],
)
def test_a_mistyped_target_gets_the_nearest_ones(presets: Project, target: str, nearest: str) -> None:
    with pytest.raises(ParameterError, match="nothing makes it; did you mean") as raised:
        check(presets.workflow(), target)
    said = str(raised.value)
    assert nearest in said and said.startswith(f"{target}: ") and "\n" not in said


@pytest.mark.parametrize(
    ("target", "what_is_said"),
    [
        ("results/zzzzzzzz/qqqqq", "nothing makes it; takd list shows what there is"),
        (
            "results/models/digits/plain/10/seed0/metric.json",
            "nothing makes it; of digits/plain/10/seed0 there are model.safetensors and",
        ),
        ("results/models/digits/plain/10/seed0/a/b", "nothing makes it"),
        ("results/surfaces/digits/plain/10/seed0.png", "nothing makes it|expected dataset/family/chain/seedN"),
        ("results/surfaces/digits/plain/10/seed0", "of digits/plain/10/seed0 there is the file seedN.csv"),
        ("results/soft_targets/digits/plain/10/seed0/views.safetensors", "files called as the views"),
        ("results/models/digits/plain/3/seed0/metrics.json", "plain has no member 3"),
        (
            "results/models/digit/plain/10/seed0/metrics.json",
            "unknown data set 'digit'; there are cifar10, cifar100, digits, imagenet",
        ),
        ("results/models/digits/plain/10/seed0x/metrics.json", "expected dataset/family/chain/seedN"),
        ("results/odd/models/digits/plain/10/seed0/metrics.json", "results/odd: no preset or variant makes it; there are"),
    ],
)
def test_a_target_with_a_wrong_part_is_told_which(presets: Project, target: str, what_is_said: str) -> None:
    with pytest.raises(TakdError, match=what_is_said) as raised:
        check(presets.workflow(), target)
    assert "\n" not in str(raised.value)


def test_a_target_of_a_broken_preset_says_what_is_wrong_with_it(presets: Project) -> None:
    (presets.root / "presets/odd.yml").write_text("seeds: 1", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"odd\.yml: a preset's file ends in .yaml; call it"):
        check(presets.workflow(), "results/odd/table2.csv")
    with pytest.raises(ParameterError, match=r"odd\.yml"):
        check(presets.workflow(), "results/odd/models/digits/plain/10/seed0/metrics.json")


def test_all_that_is_listed_can_be_made(presets: Project) -> None:
    workflow = presets.workflow()
    listed = all_files(workflow)
    assert len(listed) == len(set(listed)) and "results/toy/table2.csv" in listed
    for target in listed:
        check(workflow, target)


def test_what_lies_outside_of_results_is_snakemakes_affair(presets: Project) -> None:
    for target in ("", "dvc.yaml", str(Path("/etc/passwd")), "x" * 10_000):
        check(presets.workflow(), target)
    with pytest.raises((ParameterError, NetworkNameError)):
        check(presets.workflow(), "results/" + "x" * 10_000)


def test_another_checkout_s_code_is_told_of(tmp_path: Path) -> None:
    assert [*targets.warnings(tmp_path)] == []
    (tmp_path / "src/takd").mkdir(parents=True)
    (line,) = targets.warnings(tmp_path)
    assert str(tmp_path / "src/takd") in line and str(Path(takd.__file__).parent) in line
    assert [*targets.warnings(Path(takd.__file__).parents[2])] == []


@pytest.mark.parametrize(
    ("read_only", "target", "told"),
    [
        ("results", "results/toy/table2.csv", True),
        ("results/toy", "results/toy/table2.csv", True),
        ("results/toy/models/digits", "results/toy/table2.csv", True),
        ("results/toy/models/digits", "results/toy/variants/half/table2.csv", True),
        ("results/models", "results/table2.csv", True),
        ("results/toy", "results/table2.csv", False),
        ("results/models", "results/toy/table2.csv", False),
        ("results/published/toy", "results/table2.csv", False),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_of_where_a_target_would_lie_in_it(
    presets: Project, monkeypatch: pytest.MonkeyPatch, read_only: str, target: str, told: bool
) -> None:
    workflow = presets.workflow()
    for name in ("results/toy/models/digits", "results/models", "results/published/toy"):
        (presets.root / name).mkdir(parents=True, exist_ok=True)
    targets.check_writable(workflow, [target])
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != presets.root / read_only)
    if told:
        with pytest.raises(ParameterError, match=f"{read_only}: can't be written: read-only"):
            targets.check_writable(workflow, [target])
    else:
        targets.check_writable(workflow, [target])


def test_nothing_depends_on_a_machines_locale(presets: Project) -> None:
    """A preset, own code and a data set's folder with letters that ASCII doesn't have, where Python reads files as ASCII."""
    (presets.root / "net.py").write_text("# Größe\ndef build(): return 'é'\n", encoding="utf-8")
    (presets.root / "presets/mine.yaml").write_text(
        "# Größe ±\ndata: {folder: données/été}\nmembers: {a: plain:4, b: net.py:build}\n"
        "train: {epochs: 1, learning_rate: 0.1, trade_off: 0.5, temperature: 4, kl_reduction: batchmean}\n",
        encoding="utf-8",
    )
    code = (
        "import sys; from pathlib import Path\nfrom takd.planning.workflow import Workflow\n"
        f"workflow = Workflow(Path({str(presets.root)!r}))\n"
        "workflow.key_file('shown', {'results': 'results/mine', 'what': 'report'}); sys.exit(len(workflow.tree.broken))"
    )
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("target", ["presets/odd.yml", "presets/qiuck.yaml", "presets/toy"])
def test_a_preset_that_is_not_there_is_made_by_nobody(presets: Project, target: str) -> None:
    with pytest.raises(ParameterError, match=f"{target}: nothing makes it; a preset is written by hand") as raised:
        check(presets.workflow(), target)
    assert "\n" not in str(raised.value)
    check(presets.workflow(), "presets/toy.yaml")  # as in --configfile presets/toy.yaml


def test_what_is_there_and_stale_is_told_where_only_what_is_there_is_shown(project: Project) -> None:
    project.make_line(node("digits/plain/10-4-2/seed0"))
    project.make_line(node("digits/plain/10-4-2/seed1"))
    before = project.values["train"]["temperature"]
    project.train(temperature=9.5)
    assert list(targets.left_out(project.workflow(), "results/table2.csv")) == []  # they are trained
    project.write(run="there")
    (said,) = targets.left_out(project.workflow(), "results/table2.csv")
    assert said.startswith("results/table2.csv: 2 networks are there, but stale and not shown: ") and "\n" not in said
    assert ": digits/plain/10-4-2/seed0 and others; " in said
    assert list(targets.left_out(project.workflow(), "results/report.html")) == [said.replace("table2.csv", "report.html")]
    for quiet in ("results/models/digits/plain/10-4-2/seed0/metrics.json", "data/prepared/digits.safetensors", "--cores"):
        assert list(targets.left_out(project.workflow(), quiet)) == []
    project.train(temperature=before)
    assert list(targets.left_out(project.workflow(), "results/table2.csv")) == []


def test_a_preset_that_waits_for_its_search_is_said_where_it_is_asked_for_alone(presets: Project) -> None:
    folder = presets.root / "presets"
    (folder / "found.yaml").write_text("seeds: 2\noverrides_from: [results/search/digits/plain/10-4-2.yaml]\n")
    (folder / "broken.yaml").write_text("seeds: none\n")
    (said,) = targets.looked_at(presets.workflow(), ["results/toy/table2.csv"], "results")
    assert said.startswith("results/broken: left out: ")
    for asked in ("results/found/table2.csv", "results/found/models/digits/plain/10/seed0/metrics.json"):
        with pytest.raises(ParameterError, match=r"10-4-2\.yaml: no such file; a search writes it, beside its \.csv"):
            targets.looked_at(presets.workflow(), [asked], "results")


@pytest.mark.parametrize(
    "option", ["-F", "-nF", "-Fp", "-pF", "-f", "-kf", "-R", "-Rtrain", "--force", "--forcea", "--forcerun=train"]
)
def test_options_that_make_what_is_right_anew_are_refused_however_they_are_typed(option: str) -> None:
    with pytest.raises(ParameterError, match=f"^{option}: keys decide"):
        targets.check_options(["--cores", "4", option, "--", "results/table2.csv"])


def test_other_options_are_snakemakes_affair() -> None:
    targets.check_options(["-n", "-np", "-c4", "-sSnakefile", "-qFr", "--force-use-threads", "-dRuns", "results/-F"])
