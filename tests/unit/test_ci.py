"""What others' machines read of this repository says what is so here."""

import re
import tomllib

import yaml

from tests.conftest import ROOT

CI = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_ci_runs_what_make_has_on_each_python_that_takd_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (low, high) = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()  # type: ignore[union-attr]
    for job in CI["jobs"].values():
        assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]
    commands = [step["run"] for job in CI["jobs"].values() for step in job["steps"] if "run" in step]
    targets = re.findall(r"^make (\S+)", "\n".join(commands), flags=re.MULTILINE)
    assert targets == ["test"] and f"\n{targets[0]}:" in MAKEFILE
    assert "$(INDEX)" in MAKEFILE and "$(PYTHON)" in MAKEFILE


def test_ci_s_actions_are_of_a_major_version_and_its_rights_are_to_read() -> None:
    uses = [step["uses"] for job in CI["jobs"].values() for step in job["steps"] if "uses" in step]
    assert uses and all(re.fullmatch(r"actions/[a-z-]+@v\d+", one) for one in uses)
    assert CI["permissions"] == {"contents": "read"}
    assert set(CI[True]) == {"push", "pull_request"}  # YAML 1.1 reads `on` as true


def test_the_catalogue_finds_what_it_asks_for() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == {"desc", "flags"}
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    deployed = re.search(r"^\s*(conda|container|singularity):", rules + (ROOT / "Snakefile").read_text(), flags=re.MULTILINE)
    assert any(usage["software-stack-deployment"].values()) == (deployed is not None)
    assert usage["report"] == ("report(" in rules)
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme


def test_no_rule_asks_for_cores_that_a_cluster_lacks() -> None:
    """An executor is given --jobs alone; Snakemake's `workflow.cores` then ends such a run, and no dry one."""
    rules = [*(ROOT / "workflow").rglob("*.smk"), ROOT / "Snakefile"]
    assert [path.name for path in rules if "workflow.cores" in path.read_text()] == []
