import pytest

from takd.errors import NetworkNameError, ParameterError
from takd.planning import targets
from takd.planning.verify import verify
from takd.study import layout
from tests.unit.planning.project import Project, node

STUDENT = node("digits/plain/10-4/seed0")
BY = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4", "seed": "0"}


def state(project: Project, kind: str = "") -> str:
    return project.workflow().state("export", BY | {"kind": kind})


def findings(project: Project) -> dict[str, str]:
    return {one.path: one.finding for one in verify(project.workflow()) if "/exports/" in one.path}


def test_an_export_reads_images_and_weights(project: Project) -> None:
    workflow = project.workflow()
    product, _ = workflow.expected("export", BY | {"kind": ".int8"})
    assert product == "results/exports/digits/plain/10-4/seed0.int8.json"
    wanted = ["data/prepared/digits.safetensors", layout.model(*STUDENT)]
    assert workflow.lacking("export", BY | {"kind": ".int8"}) == wanted
    project.make_line(STUDENT)
    assert project.workflow().lacking("export", BY | {"kind": ""}) == wanted[:1]


def test_each_kind_has_a_key_of_its_own_that_follows_its_network(project: Project) -> None:
    def keys() -> list[str]:
        return [project.workflow().exports.expected(STUDENT, kind)[1] for kind in ("", ".int8", ".fp16")]

    before = keys()
    assert len({*before}) == 3
    project.train(momentum=0.5)
    assert not {*before} & {*keys()}


def test_an_export_is_stale_with_its_network(project: Project) -> None:
    assert state(project) == "missing"
    project.export(STUDENT)
    assert (state(project), state(project, ".int8")) == ("fresh", "missing")
    assert project.workflow().lacking("export", BY | {"kind": ""}) == []
    project.train(momentum=0.5)
    assert state(project) == "stale"


def test_verify_tells_of_each_file(project: Project) -> None:
    onnx, card, _ = project.export(STUDENT)
    project.export(STUDENT, ".int8")
    names = [layout.export(*STUDENT, kind, suffix) for kind in ("", ".int8") for suffix in ("onnx", "md", "json")]
    assert findings(project) == dict.fromkeys(names, "as it should be")
    card.write_text("by hand")
    other = onnx.with_name("seed0.tflite")
    other.write_text("x")
    expected = dict.fromkeys(names, "as it should be") | {names[1]: "changed", str(other.relative_to(project.root)): "foreign"}
    assert findings(project) == expected
    project.train(momentum=0.5)
    assert findings(project)[names[0]] == "stale"


def test_a_latency_is_that_of_its_export(project: Project) -> None:
    def state() -> str:
        return project.workflow().state("latency", BY | {"kind": ".int8"})

    onnx = layout.export(*STUDENT, ".int8", "onnx")
    assert state() == "missing" and project.workflow().lacking("latency", BY | {"kind": ".int8"}) == [onnx]
    _, card, record = project.export(STUDENT, ".int8")
    assert project.workflow().lacking("latency", BY | {"kind": ".int8"}) == []
    path = project.time(STUDENT, ".int8")
    assert state() == "fresh" and findings(project)[str(path.relative_to(project.root))] == "as it should be"
    card.unlink()
    record.write_text(record.read_text().replace('"images"', '"images" '))  # exported again: its card lacks the row
    assert state() == "stale"
    project.export(STUDENT, ".int8")
    project.time(STUDENT, ".int8")
    project.train(momentum=0.5)
    assert state() == "stale" and findings(project)[str(path.relative_to(project.root))] == "stale"


@pytest.mark.parametrize("name", ["seed0.onnx", "seed0.int8.onnx", "seed1.fp16.md", "seed0.int8.latency.json"])
def test_exports_are_targets(project: Project, name: str) -> None:
    assert targets.product_of(project.workflow(), f"results/exports/digits/plain/10-4/{name}") is not None


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("digits/plain/10-4/seed0.int4.onnx", r"of digits/plain/10-4/seed0 there are seedN.onnx, seedN.int8.onnx"),
        ("digits/plain/10-4/seed0", r"there are seedN.onnx"),
        ("digits/plain/4-10/seed0.onnx", r"members must shrink"),
        ("digits/plain/10-4.onnx", r"expected dataset/family/chain/seedN"),
    ],
)
def test_a_mistyped_export_is_told(project: Project, path: str, complaint: str) -> None:
    with pytest.raises((ParameterError, NetworkNameError), match=complaint):
        targets.check(project.workflow(), f"results/exports/{path}")
