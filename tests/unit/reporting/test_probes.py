"""What networks were asked, as a table, and the claims that are judged by it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from takd.errors import RecordError
from takd.measuring.probe import COLUMNS as ASKED
from takd.planning.keys import Keys
from takd.planning.workflow import Workflow
from takd.reporting import probes, show
from takd.reporting.judging import Measured, judge
from takd.study import claims
from takd.study.further_kinds import Probes
from tests.conftest import ROOT
from tests.unit.planning.project import Project, node
from tests.unit.reporting.conftest import ARTIFACTS, PUBLISHED, accuracies, context

PAPER = claims.load(ROOT / "paper/claims.yaml")
SPEC = ARTIFACTS["probes"]
NO_RISES = pd.DataFrame({name: pd.Series(dtype=object) for name in ("dataset", "family", "chain", "seed", "rise", "matched_rise")})
CHAINS = ["10", "8", "6", "4", "2", "10-2", "8-2", "6-2", "4-2", "10-4-2"]


def asked(chains: list[str], seeds: int = 3, dataset: str = "cifar10") -> pd.DataFrame:
    """Rows as `takd probe` has them: the larger the first member, the surer and the further from its student."""
    rows = []
    for chain in chains:
        taught, size = "-" in chain, int(chain.partition("-")[0])
        for seed in range(seeds):
            little = 0.01 * ((seed + size) % 3)
            mimicry = (0.1 * size + little, 90.0 - size + little, 95.0 - size + little) if taught else (math.nan,) * 3
            for noise in (0.0, 0.04, 0.08, 0.16):
                accuracy = 60 - 100 * noise + 2 * chain.count("-") + little
                place = (dataset, "plain", chain, ("NOKD", "BLKD", "TAKD")[chain.count("-")], seed)
                rows.append((*place, 4.0, 2 - 0.1 * size + little, *mimicry, noise, accuracy, 100))
    return pd.DataFrame(rows, columns=ASKED)


def table(chains: list[str]) -> pd.DataFrame:
    assert isinstance(SPEC, Probes)
    return probes.numbers("probes", SPEC, replace(context(accuracies([])), probes=asked(chains)))


def test_a_row_a_network_comes_back_from_its_file(tmp_path: Path) -> None:
    assert isinstance(SPEC, Probes)
    numbers = table(CHAINS)
    assert len(numbers) == 30 and (numbers["noise_0.16"] < numbers["accuracy"]).all()
    csv, markdown = probes.write(SPEC, numbers, context(accuracies([])), tmp_path / "probes")
    pd.testing.assert_frame_equal(probes.read([csv]), numbers, check_dtype=False, atol=1e-4)
    text = markdown.read_text()
    assert "| CIFAR-10  | plain  | 10-4-2" in text and "| CIFAR-100 | resnet | 110-8    | 0 | not run" in text
    csv.write_text(csv.read_text().replace(",100\n", ",many\n", 1))
    with pytest.raises(RecordError, match="images is 'many'"):
        probes.read([csv])


def test_claims_are_judged_by_what_networks_were_asked() -> None:
    measured = Measured(accuracies([]), NO_RISES, PUBLISHED, 0.3, teacher_seed=0, probes=table(CHAINS))
    found = judge(PAPER, ("cifar10",), measured)
    rows = [row for name in ("S4", "S5", "S6") for row in found.of(name) if row.family == "plain"]
    assert len(rows) == 3 * 3 + 3 + 3 * 2 and {row.verdict for row in rows} == {"reproduced"}
    assert {row.unit for row in found.of("S4")} == {
        "nats of divergence", "points of agreement", "points of agreement, training"
    }  # fmt: skip
    assert {row.verdict for row in found.of("S6") if row.family == "resnet"} == {"not run"}
    nothing = judge(PAPER, ("cifar10",), Measured(accuracies([]), NO_RISES, PUBLISHED, 0.3))
    assert {row.verdict for name in ("S4", "S5", "S6") for row in nothing.of(name)} == {"not run"}


def test_networks_that_are_there_are_asked_beside_their_teachers(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path)
    project.write(run="there", report=["probes"])
    for chain in ("10", "10-2", "2"):
        project.make(node(f"digits/plain/{chain}/seed0"))
    seen: list[tuple[list[Path], dict[Path, Path]]] = []

    def ask(models: list[Path], data: Path, temperature: float, teachers: Mapping[Path, Path]) -> pd.DataFrame:
        assert (data, temperature) == (Path("data/prepared/digits.safetensors"), 4)
        seen.append((models, dict(teachers)))
        return asked(["10", "2", "10-2"], seeds=1, dataset="digits")

    monkeypatch.chdir(project.root)
    workflow = Workflow(writes_keys=False)
    assert Keys(workflow.tree).claims("results") != project.workflow(typed={"report": ["table2"]}).keys.claims("results")
    wanted = {"results": "results", "what": "probes"}
    assert workflow.lacking("shown", wanted) == ["data/prepared/digits.safetensors"]
    with pytest.raises(RecordError, match=r"results/probes.csv: data/prepared/digits.safetensors isn't there, or not as it should"):
        show.make(workflow, "results/probes.csv", ask=ask)
    (tmp_path / "data/prepared").mkdir(parents=True)
    (tmp_path / "data/prepared/digits.safetensors").symlink_to(digits)
    show.make(Workflow(writes_keys=False), "results/probes.csv", ask=ask)
    of = {chain: Path(f"results/models/digits/plain/{chain}/seed0/model.safetensors") for chain in ("10", "2", "10-2")}
    assert seen == [([of["10"], of["2"], of["10-2"]], {of["10-2"]: of["10"]})]
    assert Workflow(writes_keys=False).state("shown", wanted) == "fresh"
    of["2"].unlink()  # networks without their weights can't be asked
    again = Workflow(writes_keys=False)
    assert node("digits/plain/2/seed0") not in again.keys.networks_shown("results", ["probes"])
    project.write(run="all")
    assert str(of["2"]) in Workflow(writes_keys=False).lacking("shown", wanted)
