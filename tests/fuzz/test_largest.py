"""The largest files that the readers take at all, filled with what costs most: ten seconds and a gigabyte, at the most."""

import json
import resource
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from takd.errors import TakdError
from takd.files import LONGEST_HEADER
from takd.records import accuracy
from takd.records import metrics as records
from takd.records.metrics import Metrics
from takd.records.soft_targets import SoftTargets
from takd.records.weights import Weights
from takd.study.params import load_parameters
from takd.study.recipe import LONGEST as LONGEST_RECIPE
from takd.study.recipe import read_recipe
from takd.training.checkpoint import Progress
from takd.yaml_files import LONGEST as LONGEST_YAML
from takd.yaml_files import parse_yaml
from tests.conftest import ROOT
from tests.fuzz.mutations import one_line
from tests.unit.records import examples

pytestmark = pytest.mark.long
GIGABYTE, SECONDS = 1_000_000_000, 10


@contextmanager
def bounded() -> Iterator[None]:
    """A block that ends in a MemoryError where it takes more than a gigabyte, and fails after ten seconds of a core."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + GIGABYTE, before[1]))
    started = time.process_time()
    try:
        yield
    except TakdError as error:
        one_line(error)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.process_time() - started < SECONDS


FILLINGS = [b"[],", b"{},", b'{"a":1},', b"1,", b'"a",', b"1e5,", b"[[],[]],", b'{"a":{"b":[]}},']


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("read", [Weights.read, SoftTargets.read, lambda path: Progress(path, "k")])
def test_heads_of_safetensors(tmp_path: Path, filling: bytes, read: Callable[[Path], object]) -> None:
    path = tmp_path / "file.safetensors"
    head = b'{"__metadata__":{"takd":"{}"},"a":[' + filling * ((LONGEST_HEADER - 100) // len(filling)) + b"1]}"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with bounded():
        read(path)
    said = json.dumps({"labels": json.loads(b"[" + filling * (LONGEST_HEADER // 3 // len(filling)) + b"1]")})
    head = json.dumps({"__metadata__": {"takd": said}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with bounded():
        read(path)


def test_many_small_tensors(tmp_path: Path) -> None:
    path = examples.weights(tmp_path / "file.safetensors")
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    entries = json.loads(content[8 : 8 + size])
    end = len(content) - 8 - size
    entries |= {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [end, end]} for i in range(200_000)}
    head = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + content[8 + size :])
    with bounded():
        Weights.read(path)


@pytest.mark.parametrize("filling", FILLINGS)
def test_metrics(tmp_path: Path, filling: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(b'{"history":[' + filling * ((records.LARGEST - 100) // len(filling)) + b"1]}")
    with bounded():
        Metrics.read(path)


def test_a_training_of_many_epochs(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    examples.metrics().write(path)
    values = json.loads(path.read_bytes())
    values["history"] = [values["history"][0] | {"epoch": n + 1, "accuracy": 60.0} for n in range(100_000)]
    values["epochs"] = values["recipe"]["length"]["epochs"] = 100_000
    values.pop("digest")
    path.write_text(json.dumps(values | {"digest": records._digest(values)}), encoding="utf-8")
    with bounded():
        assert len(Metrics.read(path).history) == 100_000


@pytest.mark.parametrize("row", ["," * 16 + "\n", "digits,plain,4,,NOKD,{},60,60,60,2,1,3,100,1,m,c,k\n", "\n", '"",' * 16 + "\n"])
def test_tables(tmp_path: Path, row: str) -> None:
    path = tmp_path / "accuracy.csv"
    path.write_text(",".join(accuracy.COLUMNS) + "\n" + "".join(row.format(i) for i in range(199_000)), encoding="utf-8")
    with bounded():
        assert len(accuracy.read(path)) == 199_000


@pytest.mark.parametrize(
    "filling",
    ["a: 1\n", "- 1\n", "x", "[1],", "# a\n", "'", "a\n\n", "? a\n", "&a ", "! ", "{a: 1},", "\t", " ", "- - - - - - -\n"],
)
def test_yaml(filling: str) -> None:
    for before in ("", "a: ", "a: [", "a: '", "a: |\n ", "overrides:\n  "):
        with bounded():
            parse_yaml(before + filling * ((LONGEST_YAML - 20) // len(filling)), "P")


def test_parameters(tmp_path: Path) -> None:
    path = tmp_path / "preset.yaml"
    patterns = "".join(f'  "*/plain/10-8-6-4-2/*{"?" * i}": {{epochs: {i + 1}}}\n' for i in range(150))
    members = "".join(f"  m{i}: plain:10\n" for i in range(16))
    path.write_text(
        f"data: {{folder: x}}\ntrain: {{epochs: 1, learning_rate: 1}}\nmembers:\n{members}overrides:\n{patterns}", encoding="utf-8"
    )
    with bounded():
        load_parameters(ROOT / "params.yaml", path, {})


@pytest.mark.parametrize("filling", FILLINGS)
def test_recipes(filling: bytes) -> None:
    with bounded():
        read_recipe('{"views": [' + filling.decode() * ((LONGEST_RECIPE - 20) // len(filling)) + "1]}")
