"""Every reader of files, on 2,000 damaged or hostile ones each: a value or one line, within ten seconds and a gigabyte."""

import json
import resource
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from takd.errors import TakdError
from takd.planning.lock import Lock
from takd.records import accuracy, made, surface
from takd.records import metrics as records
from takd.records.exports import ExportRecord, LatencyRecord
from takd.records.made import Made
from takd.records.metrics import Metrics
from takd.records.soft_targets import SoftTargets
from takd.records.weights import Weights
from takd.search import trials
from takd.search.journal import open_study
from takd.study import artifacts
from takd.study.names import Name, hops_of
from takd.study.params import load_parameters
from takd.study.recipe import read_recipe
from takd.study.tree import Tree
from takd.training.checkpoint import Progress
from takd.training.optimiser import optimiser_of
from takd.yaml_files import parse_yaml
from tests.conftest import ROOT, mutual, recipe, taught
from tests.fuzz.mutations import mutated, mutated_tensors, one_line
from tests.unit.records import examples, test_resume
from tests.unit.search.conftest import run

pytestmark = pytest.mark.long
GIGABYTE = 1_000_000_000

cases = settings(
    max_examples=2000,
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=True,
    database=None,
)


@pytest.fixture(autouse=True)
def a_gigabyte() -> Iterator[None]:
    """What takes more ends in a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GIGABYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


YAML = [(ROOT / name).read_bytes() for name in ("params.yaml", "presets/quick.yaml", "presets/toy.yaml")]
YAML += [
    b"a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n",
    b'{"a": [1, "b", null, true], "c": {"d": 1e-4}}',
    b"overrides: {'*/plain/*': {epochs: 3}}",
]


@given(mutated(st.sampled_from(YAML)) | st.binary(max_size=200))
@cases
def test_yaml(content: bytes) -> None:
    try:
        values = parse_yaml(content.decode(errors="replace"), "P")
        json.dumps(values)
        assert repr(parse_yaml(json.dumps(values), "P")) == repr(values) or "\\u" in json.dumps(values)
    except TakdError as error:
        one_line(error)


@given(mutated(st.sampled_from(YAML)))
@cases
def test_parameters(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "preset.yaml"
    path.write_bytes(content)
    try:
        load_parameters(ROOT / "params.yaml", path, {})
    except TakdError as error:
        one_line(error)


@given(mutated(st.sampled_from(YAML)))
@settings(cases, max_examples=300)
def test_a_preset_in_a_tree(tmp_path: Path, content: bytes) -> None:
    for name in ("params.yaml", "paper/artifacts.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "presets").mkdir(exist_ok=True)
    (tmp_path / "presets/odd.yaml").write_bytes(content)
    tree = Tree(tmp_path)
    assert "results" in tree.folders
    try:
        tree.needed("results/odd", tree.shown("results/odd"))
    except TakdError as error:
        one_line(error)


@given(mutated(st.just((ROOT / "paper/artifacts.yaml").read_bytes())))
@settings(cases, max_examples=500)
def test_artifacts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "artifacts.yaml"
    path.write_bytes(content)
    try:
        for artifact in artifacts.load(path).values():
            list(artifact.cells(("cifar10", "cifar100")))
    except TakdError as error:
        one_line(error)


RECIPES = [make().canonical().encode() for make in (recipe, taught, mutual)]


@given(mutated(st.sampled_from(RECIPES)))
@cases
def test_recipes(content: bytes) -> None:
    try:
        found = read_recipe(content.decode(errors="replace"))
        assert read_recipe(found.canonical()) == found
    except TakdError as error:
        one_line(error)


NAMES = [b"cifar10/plain/10-4-2/seed0", b"digits/resnet/26-8+mutual/seed31", b"pets/pets/resnet34-mobilenet_v3_small/seed1"]


@given((mutated(st.sampled_from(NAMES)).map(lambda content: content.decode(errors="replace"))) | st.text(max_size=60))
@cases
def test_names(text: str) -> None:
    for read in (Name.parse, hops_of):
        try:
            found = read(text)
            assert not isinstance(found, Name) or (str(found) == text and text.isascii())
        except TakdError as error:
            one_line(error)


def signed_anew(content: bytes, digest_of: Callable[[Any], str]) -> bytes:
    """A record with the digest of what it says now, so that more than its digest is read; what is no JSON any more as it is."""
    try:
        changed = json.loads(content)
        changed.pop("digest", None)
        return json.dumps(changed | {"digest": digest_of(changed)}).encode()
    except (ValueError, AttributeError, TypeError, RecursionError):
        return content


@given(st.data())
@cases
def test_metrics(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "metrics.json"
    examples.metrics().write(path)
    values = json.loads(path.read_bytes())
    path.write_bytes(signed_anew(data.draw(mutated(st.just(json.dumps(values).encode()))), records._digest))
    try:
        record = Metrics.read(path)
        assert 0 <= record.accuracy <= 100
        if record.test_answers is not None:
            records.unpacked_answers(record.test_answers)
    except TakdError as error:
        one_line(error)
    records.stored_key(path)


@given(st.data())
@cases
def test_accuracy(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "accuracy.csv"
    accuracy.write(path, accuracy.rows_of([("", examples.metrics()), ("less", examples.metrics())], {}))
    path.write_bytes(data.draw(mutated(st.just(path.read_bytes()))))
    try:
        found = accuracy.read(path)
        assert (
            found["accuracy"].between(0, 100).all()
            and not found.duplicated(["variant", "dataset", "family", "chain", "seed"]).any()
        )
    except TakdError as error:
        one_line(error)


@given(st.data())
@cases
def test_surfaces(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "surface.csv"
    surface.write_points(
        path, Name.parse(examples.NAME), [(0, 0, 0.5, 0.6), (1, 0, 0.25, 0.5)], images=10, commit="c", key=examples.KEY
    )
    before = surface.read_points([path])
    path.write_bytes(data.draw(mutated(st.just(path.read_bytes()))))
    try:
        assert surface.read_points([path]).equals(before)
    except TakdError as error:
        one_line(error)


@given(st.data())
@cases
def test_weights(tmp_path: Path, data: st.DataObject) -> None:
    path = examples.weights(tmp_path / "model.safetensors")
    path.write_bytes(data.draw(mutated_tensors(path.read_bytes())))
    try:
        found = Weights.read(path)
        assert all(tensor.isfinite().all() for tensor in found.tensors.values()) and 2 <= found.about.classes <= 65_536
    except TakdError as error:
        one_line(error)


@given(st.data())
@cases
def test_soft_targets(tmp_path: Path, data: st.DataObject) -> None:
    path = examples.soft_targets(tmp_path / "targets.safetensors")
    before = SoftTargets.read(path).logits.clone()
    path.write_bytes(data.draw(mutated_tensors(path.read_bytes())))
    try:
        found = SoftTargets.read(path)
        assert found.logits.numel() == 0 or torch.equal(found.logits.flatten(), before.flatten())
    except TakdError as error:
        one_line(error)


@given(st.data())
@cases
def test_a_training_under_way(tmp_path: Path, data: st.DataObject) -> None:
    (tmp_path / "resume").unlink(missing_ok=True)
    path = test_resume.saved(tmp_path / "resume")
    path.write_bytes(data.draw(mutated_tensors(path.read_bytes())))
    torch.manual_seed(0)
    model = nn.Linear(2, 3)
    try:
        history = Progress(path, "k").restore(model, optimiser_of(model, recipe().optimiser), {})
        assert all(0 <= epoch.accuracy <= 100 for epoch in history)
    except TakdError as error:
        one_line(error)


@given(st.data())
@cases
def test_made_and_locks(tmp_path: Path, data: st.DataObject) -> None:
    Made(key=examples.KEY, files={"table2.csv": examples.DIGEST}).write(tmp_path / "made.json")
    Lock(digest=examples.DIGEST, classes=3, train=10, test=5, size=32).write(tmp_path / "lock")
    for name in ("made.json", "lock"):
        path = tmp_path / name
        path.write_bytes(data.draw(mutated(st.just(path.read_bytes()))))
        try:
            found = Made.read(path) if name == "made.json" else Lock.read(path)
            if isinstance(found, Made):
                found.changed(tmp_path)
        except TakdError as error:
            one_line(error)


@given(st.data())
@cases
def test_exports_and_latencies(tmp_path: Path, data: st.DataObject) -> None:
    both: dict[str, Any] = {"key": examples.KEY, "name": examples.NAME, "kind": "int8"}
    ExportRecord(files={"a.onnx": examples.DIGEST}, **both, **examples.EXPORTED).write(tmp_path / "export.json")
    LatencyRecord(files={}, **both, **examples.TIMED).write(tmp_path / "latency.json")
    for name, record in (("export.json", ExportRecord), ("latency.json", LatencyRecord)):
        path = tmp_path / name
        path.write_bytes(signed_anew(data.draw(mutated(st.just(path.read_bytes()))), made._digest))
        try:
            assert record.read(path).commit.isprintable()
        except TakdError as error:
            one_line(error)


FOUND = b'judged_on: held_out\noverrides:\n  "digits/plain/4-2/*":\n    temperature: 9\n    learning_rate: 0.03\n'


@given(mutated(st.just(FOUND)))
@cases
def test_overrides_from(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "found.yaml").write_bytes(content)
    try:
        load_parameters(tmp_path / "params.yaml", None, {"overrides_from": ["found.yaml"]})
    except TakdError as error:
        one_line(error)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of three trials."""
    path = tmp_path_factory.mktemp("search") / "journal"
    run(path, 3)
    return path.read_bytes()


@given(st.data())
@cases
def test_journals(tmp_path: Path, journal: bytes, data: st.DataObject) -> None:
    path = tmp_path / "journal"
    path.write_bytes(data.draw(mutated(st.just(journal))))
    try:
        study = open_study(path, "study", 7)
        trials.give_up_lost(study)
        assert all(one.accuracy is None or 0 <= one.accuracy <= 100 for one in trials.tried(study))
    except TakdError as error:
        one_line(error)
