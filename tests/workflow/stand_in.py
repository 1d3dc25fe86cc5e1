"""A stand-in for `takd` in tests of failures: its trainings take no time, and their accuracy is a hash of all that went into them.

So a table tells whether it is of this recipe, this teacher and these images. FAIL names the command that fails, and HOW: exit,
disk full, SIGTERM, SIGINT, SIGKILL (of the job), or snakemake:SIGTERM and the like (of Snakemake itself). Other commands are
takd's own.
"""

import hashlib
import os
import resource
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from takd.code import code_hash
from takd.files import packed, read_metadata
from takd.planning.lock import Lock
from takd.records import soft_targets, weights
from takd.records.key import SOFT_TARGETS, code_of, network_key, soft_targets_key
from takd.records.metrics import Epoch, Metrics
from takd.study.names import Name
from takd.study.recipe import read_recipe


def main() -> None:
    command, *arguments = sys.argv[1:]
    options = dict(pairwise(arguments))
    place = arguments[0] if command in ("train", "targets", "show") else command
    if os.environ.get("FAIL") in (command, f"{command} {place}"):
        fail(os.environ["HOW"])
    if command == "prepare":
        prepare(options["--output"], arguments[0])
    elif command == "train":
        train(Name.parse(arguments[0]), options)
    elif command == "targets":
        targets(Path(arguments[0]), options)
    else:
        from takd.cli import main as own

        own()


def fail(how: str) -> None:
    if how == "exit":
        sys.exit(2)
    if how == "disk full":  # no file grows beyond a few bytes: who goes on fails as it writes, its log too
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return
    who, _, number = how.rpartition(":")
    os.kill(snakemake() if who else os.getpid(), getattr(signal, number))
    time.sleep(20)
    sys.exit(2)


def snakemake() -> int:
    """The process id of the Snakemake above this job."""
    process = os.getpid()
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        if b"snakemake" in command and b"bash" not in command:
            return process
    raise SystemExit("no Snakemake above")


def prepare(output: str, dataset: str) -> None:
    save(Path(output), {"digest": Lock.of_published(dataset).digest, "dataset": dataset})


def train(name: Name, options: dict[str, str]) -> None:
    recipe = read_recipe(options["--recipe"])
    data = read_metadata(Path(options["--data"]))["digest"]
    taught = soft_targets.read_about(Path(options["--soft-targets"])) if "--soft-targets" in options else None
    code = code_of(recipe)
    key = network_key(name, recipe, code=code, data_digest=data, teacher_key=taught.teacher_key if taught else None)
    made_from = f"{recipe.canonical()} {taught.teacher_digest if taught else ''} {data}"
    accuracy = int(hashlib.sha256(made_from.encode()).hexdigest(), 16) % 10_000 / 100
    digest = hashlib.sha256(f"{accuracy}".encode()).hexdigest()
    about = {
        "name": str(name), "key": key, "builder": recipe.network.builder, "classes": 10, "labels": (), "size": 32,
        "scale": (1, 1, 1), "shift": (0, 0, 0), "precision": "float32", "held_out": (0.0, 0), "data_digest": data,
        "commit": "stand-in", "digest": digest,
    }  # fmt: skip
    save(Path(options["--output"]), weights.About.model_validate(about).model_dump(mode="json"))
    Metrics(
        name=str(name), key=key, recipe=recipe, builder=recipe.network.builder, classes=10, data_digest=data,
        teacher=taught.teacher if taught else None, teacher_digest=taught.teacher_digest if taught else None, code=code,
        threads=1, device="cpu", machine="stand-in", instructions="none", precision="float32", versions={}, commit="stand-in",
        measured_on="test", accuracy=accuracy, best_test_accuracy=accuracy, selected_accuracy=accuracy, test_answers=None,
        epochs=recipe.all_epochs, seconds=1, parameters=1, weights_digest=digest,
        history=[
            Epoch(epoch=epoch + 1, learning_rate=0.1, loss=1, accuracy=accuracy, seconds=1) for epoch in range(recipe.all_epochs)
        ],
    ).write(Path(options["--metrics"]))  # fmt: skip


def targets(teacher: Path, options: dict[str, str]) -> None:
    about = weights.read_about(teacher)
    views, data = options["--views"], read_metadata(Path(options["--data"]))["digest"]
    key = soft_targets_key(about.key, views, code=code_hash(SOFT_TARGETS), data_digest=data)
    record = soft_targets.About(
        teacher=about.name, teacher_key=about.key, teacher_digest=about.digest, key=key, views=views, data_digest=data,
        held_out=(0.0, 0), digest="0" * 64,
    )  # fmt: skip
    save(Path(options["--output"]), record.model_dump(mode="json"))


def save(path: Path, metadata: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"nothing": np.zeros(1)}, path, metadata=packed(metadata))


if __name__ == "__main__":
    main()
