"""Two processes share each step of a training, and end where one ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.errors import CheckpointError, ParameterError
from takd.records.metrics import Metrics
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.distributed import ALONE, World, check_parts
from takd.training.loop import initialised, train
from takd.training.soft_targets import online
from takd.training.teaching import Several, Teaching
from takd.training.watched import Asking, Beside
from takd.training.written import origin_of
from tests.conftest import mutual, recipe, taught
from tests.unit.training.conftest import CPU, KEY, MadeUp, part, weights, write_network

Made = Callable[[Path, PreparedData, "Case", World], Teaching | None]


class Case(NamedTuple):
    """A training that two processes share."""

    name: Name
    how: Recipe
    teacher: Made = lambda folder, data, case, world: None


def made_up(folder: Path, data: PreparedData, case: Case, world: World) -> Teaching:
    return MadeUp(len(data.train), case.how.all_epochs)


def beside(folder: Path, data: PreparedData, case: Case, world: World) -> Teaching:
    """Its teachers, as files that answer beside it: one, or all above it."""
    names = list(case.name.ancestors) if case.name.objective.ancestors else [case.name.teacher()]
    given = []
    for name in names:
        path = folder / f"{world.rank}of{world.size}-{name.chain}.safetensors"
        write_network(path, data, str(name), f"resnet:{name.member}")
        given.append(online(path, case.name, case.how, data, CPU, None, name, world))
    if case.name.objective.features:
        return Beside(given[0])
    if case.name.objective.asks:
        return Asking(given[0], Normalisation.of(data.train, case.how.views.normalisation))
    return given[0] if len(given) == 1 else Several(given, None)


def of(chain: str) -> Name:
    return Name.parse(f"digits/resnet/{chain}/seed3")


# 100 images in steps of 35, 35 and 30: parts of unequal length.
SHORT: dict[str, Any] = {"precision": "float32", "batch_size": 35, "epochs": 1, "learning_rate": 0.01, "augmentation": "crop_flip"}
QUICK = {
    "plain:2 under soft targets": Case(of("14-8"), taught(builder="plain:2", **SHORT), made_up),
    "resnet:8": Case(of("8"), recipe(builder="resnet:8", **SHORT)),
    "resnet:8 in parts": Case(of("8"), recipe(builder="resnet:8", batch_norm_parts=2, **SHORT)),
}
LONG = {
    "mixed": Case(of("14-8"), taught(builder="resnet:8", mixup=0.4, **SHORT), beside),
    "online": Case(of("14-8"), taught(builder="resnet:8", policy="trivialaugment", **SHORT), beside),
    "weighted, clipped, averaged": Case(
        of("8"), recipe(builder="resnet:8", class_weights="balanced", clip_norm=0.5, ema_decay=0.5, **SHORT)
    ),
    "AdamW": Case(of("8"), recipe(builder="plain:2", optimiser="adamw", **SHORT | {"learning_rate": 1e-3})),
    "mutual": Case(of("14-8+mutual"), mutual(builder="resnet:8", peer="plain:2", **SHORT)),
    **{
        method: Case(of(f"14-8+{method}"), recipe(builder="resnet:8", objective=method, **SHORT), made_up)
        for method in ("dkd", "dist", "logit_std")
    },
    **{
        method: Case(of(f"{chain}+{method}"), recipe(builder="resnet:8", objective=method, **SHORT | more), beside)
        for method, chain, more in (
            ("at", "14-8", {}),
            ("fitnet", "14-8", {"fitnet_hint_epochs": 1}),
            ("fsp", "14-8", {"fsp_epochs": 1, "learning_rate": 1e-5}),
            ("bss", "14-8", {"epochs": 3, "learning_rate": 0.03}),  # so long that images are moved: 3, 7, 3 and 4 in four steps
            ("dgkd", "20-14-8", {}),
        )
    },
}


def few_digits(digits: Path) -> PreparedData:
    whole = prepared.load(digits)
    return replace(whole, train=part(whole.train, 100), test=part(whole.test, 130))


def trained(case: Case, folder: Path, data: PreparedData, world: World) -> tuple[dict[str, Tensor], Tensor, float]:
    """Weights, answers and last loss."""
    done = train(case.name, case.how, data, case.teacher(folder, data, case, world), device=CPU, world=world)
    return weights(done.network), done.answers, done.history[-1].loss


def work(rank: int, called: list[str], folder: Path, digits: Path) -> None:
    """One of two processes: some cases, one after another."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    data = few_digits(digits)
    torch.save({name: trained((QUICK | LONG)[name], folder, data, World(rank, 2)) for name in called}, folder / f"{rank}.pt")
    dist.destroy_process_group()


def check_two_end_where_one_ends(cases: dict[str, Case], folder: Path, digits: Path, *, apart: float) -> None:
    """The two have the same bits, and lie apart from one process's weights by a small share of the way that those went.

    apart: that share. Rounding alone, as of sums in another order, grows to so much within three steps, by ReLUs that switch.
    """
    torch.multiprocessing.spawn(work, (list(cases), folder, digits), nprocs=2)  # type: ignore[attr-defined, no-untyped-call]
    first, second = (torch.load(folder / f"{rank}.pt") for rank in (0, 1))
    data = few_digits(digits)
    for called, case in cases.items():
        own, answers, loss = first[called]
        expected, said, whole = trained(case, folder, data, ALONE)
        assert all(torch.equal(own[key], second[called][0][key]) for key in own), called
        start = initialised(case.how.network.builder, 10, case.name.seed, 32).state_dict()
        assert distance(own, expected) < apart * distance(start, expected), called
        assert loss == pytest.approx(whole, rel=apart), called
        assert (answers == said).float().mean() > 0.98, called  # two logits may be as good as equal


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return float(torch.cat([(one[key].double() - other[key].double()).flatten() for key in one]).norm())


def test_two_processes_end_where_one_ends(digits: Path, tmp_path: Path) -> None:
    check_two_end_where_one_ends(QUICK, tmp_path, digits, apart=5e-4)


@pytest.mark.long
def test_two_processes_end_where_one_ends_by_every_objective(digits: Path, tmp_path: Path) -> None:
    check_two_end_where_one_ends(LONG, tmp_path, digits, apart=5e-3)


@pytest.mark.parametrize(("count", "parts"), [(7, [[0, 1, 2, 3], [4, 5, 6]]), (1, [[0], []]), (2, [[0], [1]])])
def test_parts_are_contiguous_and_hold_each_image_once(count: int, parts: list[list[int]]) -> None:
    assert [World(rank, 2).part(torch.arange(count)).tolist() for rank in (0, 1)] == parts
    assert ALONE.part(torch.arange(count)).tolist() == list(range(count))


def test_a_step_with_fewer_images_than_processes_is_refused_before_the_first() -> None:
    check_parts(103, 50, World(0, 3))
    check_parts(101, 50, World(0, 4))  # the single image joins the step before
    with pytest.raises(
        ParameterError, match="distributed: 4 processes, but of 103 images by batch_size 50 a step has 3; start fewer"
    ):
        check_parts(103, 50, World(0, 4))


def torchrun(folder: Path, digits: Path, *, epochs: int = 2) -> subprocess.Popen[str]:
    """`takd train` in two processes, by the command that the rule types."""
    told = recipe(builder="plain:2", epochs=epochs).canonical()
    started = (
        f"{Path(sys.executable).with_name('torchrun')} --standalone --nproc-per-node 2 -m takd train digits/plain/2/seed0".split()
    )
    written = [f"--{what}={folder / what}.json" for what in ("output", "metrics", "resume")]
    command = [*started, "--recipe", told, f"--data={digits}", *written, "--device=cpu", "--threads=2"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)


@pytest.mark.long
def test_after_one_of_the_processes_was_killed_the_training_goes_on_and_ends_in_the_same_bits(digits: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    said, _ = torchrun(whole, digits, epochs=12).communicate(timeout=120)
    assert said.count("epoch 12/12") == 1  # one of them speaks
    assert sorted(path.name for path in whole.iterdir()) == ["metrics.json", "output.json"]

    run = torchrun(broken, digits, epochs=12)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("epoch 2/"):
            os.kill(children(run.pid)[1], signal.SIGKILL)
            break
    run.communicate(timeout=120)
    assert run.returncode != 0 and [path.name for path in broken.iterdir()] == ["resume.json"]
    said, _ = torchrun(broken, digits, epochs=12).communicate(timeout=120)
    assert "epoch 12/12" in said and "epoch 1/12" not in said

    records = [Metrics.read(folder / "metrics.json") for folder in (whole, broken)]
    assert records[0].weights_digest == records[1].weights_digest
    assert [record.processes for record in records] == [2, 2] and records[0].threads == 1


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_training_is_not_gone_on_with_by_another_number_of_processes(digits: Path) -> None:
    """The state is kept under all that is in a record's origin."""
    data = prepared.load(digits)
    one, two = (
        origin_of(Name.parse("digits/plain/2/seed0"), data, CPU, key=KEY, code="c", builder="plain:2", precision="float32",
                  threads=1, processes=count)
        for count in (1, 2)
    )  # fmt: skip
    assert (one.processes, two.processes) == (None, 2)
    assert one.model_dump_json() != two.model_dump_json()


@pytest.mark.parametrize(("epochs", "moved"), [(3, 0.0), (4, 1e-3)])
def test_processes_that_would_go_on_from_different_states_are_all_stopped(
    monkeypatch: pytest.MonkeyPatch, epochs: int, moved: float
) -> None:
    network = torch.nn.Linear(3, 2)
    other = [4.0, *(float(each.double().sum()) + moved for each in network.state_dict().values())]

    def reduced(own: Tensor, operation: object) -> None:
        take = torch.minimum if operation == dist.ReduceOp.MIN else torch.maximum
        own.copy_(take(own, torch.tensor(other, dtype=torch.float64)))

    monkeypatch.setattr("torch.distributed.all_reduce", reduced)
    with pytest.raises(CheckpointError, match=rf"would go on from different states, after {epochs} to 4 epochs"):
        World(0, 2).check_alike(network, epochs)
    other[1:] = [each - moved for each in other[1:]]
    World(1, 2).check_alike(network, 4)


def test_batch_norm_in_parts_is_each_parts_own(digits: Path) -> None:
    """Against torch's, part by part; running statistics are the parts' mean."""
    images = torch.randn(7, 3, 4, 4, generator=torch.Generator().manual_seed(0)) + torch.arange(7.0)[:, None, None, None]
    norm, parted = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    with ALONE.normalising(2):
        got = parted(images)
    torch.testing.assert_close(got, torch.cat([norm(images[:4]), norm(images[4:])]))
    assert not torch.allclose(got, norm(images), atol=0.1)
    own = torch.stack([images[:4].mean((0, 2, 3)), images[4:].mean((0, 2, 3))]).mean(0)
    torch.testing.assert_close(parted.running_mean, 0.1 * own)


def test_parts_of_batch_norm_are_held_against_processes_and_images() -> None:
    check_parts(100, 50, World(0, 2), 2)
    check_parts(100, 50, ALONE, 25)
    with pytest.raises(ParameterError, match="batch_norm_parts: 4, but distributed: 2; right would be 4, or 1"):
        check_parts(100, 50, World(0, 2), 4)
    with pytest.raises(ParameterError, match="batch_norm_parts: 26, but a step has 50 images; batch norm needs two in each part"):
        check_parts(100, 50, ALONE, 26)
