"""A study of one's own, from a folder of pictures to a report: by `takd init` and snakemake, as a user types them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import takd
from takd.data import prepared
from takd.records.metrics import Metrics
from takd.records.weights import Weights
from tests.workflow.conftest import Snakemake

NETS = """
from torch import nn


def wide(classes):
    return net(classes, 12)


def middle(classes):
    return net(classes, 8)


def narrow(classes):
    return net(classes, 4)


def net(classes, width):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, stride=4), nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Dropout(0.1),
        nn.Flatten(), nn.Linear(4 * width, classes),
    )
"""


def typed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "takd", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ,
    )


def pictures(folder: Path, count: int, size: int = 64) -> None:
    """Two classes that differ in colour."""
    random = np.random.default_rng(0)
    for split, images in (("train", count), ("test", count // 2)):
        for place, label in enumerate(("cat", "dog")):
            (folder / split / label).mkdir(parents=True)
            for number in range(images):
                pixels = random.integers(0, 120, (size, size, 3))
                pixels[..., place] += 90
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / label / f"{number}.png")


@pytest.fixture
def pets(workspace: Path) -> Path:
    pictures(workspace / "data/pets", 24)
    (workspace / "nets.py").write_text(NETS)
    return workspace


def quicker(preset: Path) -> None:
    text = preset.read_text().replace("seeds: 3", "seeds: 2").replace("warm_up_epochs: 3", "warm_up_epochs: 1")
    preset.write_text(re.sub(r"(?m)^  epochs: [0-9]+", "  epochs: 2", text))


def test_a_folder_of_pictures_and_three_builders_become_a_report(snakemake: Snakemake, pets: Path) -> None:
    shutil.copy(pets / "data/pets/train/cat/1.png", pets / "data/pets/test/cat/0.png")
    begun = typed(
        pets, "init", "pets", "--data", "data/pets", "--teacher", "nets.py:wide", "--assistant", "nets.py:middle",
        "--student", "nets.py:narrow",
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    assert "ways to the student, 3 networks each: narrow, wide-narrow, wide-middle-narrow\n" in begun.stdout
    assert "48 images to train on and 24 to test, 2 classes, 64 pixels a side" in begun.stdout
    assert re.search(r"snakemake --cores \d+ results/pets/report\.html", begun.stdout)
    quicker(pets / "presets/pets.yaml")
    # wide, narrow, middle alone; wide-middle, wide-narrow, wide-middle-narrow: what teaches once or twice, as the figure shows it
    ran = snakemake("results/pets/report.html")
    assert ran.code == 0, ran.output
    page = (pets / "results/pets/report.html").read_text()
    assert "wide-middle-narrow" in page and "Table 1" not in page
    caution = "Test images that are among the training images too: 1 of 24. So accuracies are too high."
    assert caution in page and caution in (pets / "results/pets/report.md").read_text()
    table = (pets / "results/pets/table.md").read_text()
    assert "through middle" in table and "not run" not in table
    assert snakemake("-n", "results/pets/report.html").jobs == {}
    verified = typed(pets, "verify")
    assert verified.returncode == 0, verified.stdout

    model = pets / "results/pets/models/pets/pets/wide-narrow/seed0/model.safetensors"
    with pytest.raises(takd.errors.CheckpointError, match=r"was built by nets\.py:narrow, code of one's own"):
        takd.load(model)

    # own code counts: a change of it, though not of its comments, trains its networks again
    nets = pets / "nets.py"
    nets.write_text(NETS.replace("def wide", "# the teacher\ndef wide"))
    assert snakemake("-n", "results/pets/table.csv").jobs == {}
    nets.write_text(NETS.replace("Dropout(0.1)", "Dropout(0.2)"))
    assert snakemake("-n", "results/pets/table.csv").jobs["train"] > 5

    # other pictures under the same name
    nets.write_text(NETS)
    (pets / "data/pets/train/cat/0.png").unlink()
    (pets / "data/prepared/pets.safetensors").unlink()
    changed = snakemake("data/prepared/pets.safetensors")
    assert changed.code != 0 and "not the images that were registered" in changed.output


def test_a_teacher_that_is_trained_already_is_judged_and_teaches(snakemake: Snakemake, pets: Path) -> None:
    from torchvision.models import get_model

    torch.manual_seed(0)
    network = get_model("mobilenet_v3_small", weights=None, num_classes=2)
    with torch.no_grad():
        network.classifier[-1].bias.copy_(torch.tensor((0.5, -0.5)))  # as drawn, its answers are smaller than half precision has
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in network.state_dict().items()}}, pets / "teacher.pth")
    begun = typed(
        pets, "init", "pets", "--data", "data/pets", "--teacher", "torchvision:mobilenet_v3_small", "--weights", "teacher.pth",
        "--student", "plain:2", "--size", "32",
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    quicker(pets / "presets/pets.yaml")
    target = "results/pets/models/pets/pets/mobilenet_v3_small-plain2/seed0/metrics.json"
    ran = snakemake(target)
    assert ran.code == 0, ran.output
    teacher = Metrics.read(pets / "results/pets/models/pets/pets/mobilenet_v3_small/seed0/metrics.json")
    assert (teacher.epochs, teacher.recipe, teacher.history) == (0, None, [])
    kept = Weights.read(pets / "results/pets/models/pets/pets/mobilenet_v3_small/seed0/model.safetensors")
    assert all(torch.equal(kept.tensors[name], tensor) for name, tensor in network.state_dict().items())
    student = Metrics.read(pets / target)
    assert student.teacher_digest == kept.about.digest
    answers = takd.load((pets / target).with_name("model.safetensors")).predict(pets / "data/pets/test/dog/1.png")
    assert {answer.label for answer in answers} == {"cat", "dog"} and sum(a.probability for a in answers) == pytest.approx(1)
    # other weights make another teacher, and another student
    torch.save({name: tensor * 1.01 if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()},
               pets / "teacher.pth")  # fmt: skip
    assert snakemake("-n", target).jobs == {"train": 2, "soft_targets": 1}


def test_pictures_of_a_known_data_set_end_in_the_bits_of_its_archive(snakemake: Snakemake, workspace: Path, digits: Path) -> None:
    data = prepared.load(digits)
    for split, part in (("train", data.train), ("test", data.test)):
        for number, (image, label) in enumerate(zip(part.images.numpy(), part.labels.tolist(), strict=True)):
            place = workspace / f"data/pictures/{split}/{label}/{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place)
    (workspace / "presets/pictures.yaml").write_text(
        "data: {folder: data/pictures, size: 32}\nmembers: {4: 'plain:4', 2: 'plain:2'}\nreport: [table]\n"
        "train: {epochs: 1, learning_rate: 0.02, schedule: cosine, normalisation: paper}\n"
    )
    (workspace / "presets/archive.yaml").write_text(
        "datasets: [digits]\ntrain: {epochs: 1, learning_rate: 0.02, schedule: cosine}\n"
    )
    own, known = "results/pictures/models/pictures/pictures/2/seed0", "results/archive/models/digits/plain/2/seed0"
    ran = snakemake(f"{own}/metrics.json", f"{known}/metrics.json")
    assert ran.code == 0, ran.output
    first, second = (Weights.read(workspace / name / "model.safetensors") for name in (own, known))
    assert first.about.digest == second.about.digest
    assert json.loads((workspace / "presets/pictures.lock").read_text())["train"] == len(data.train)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--teacher", "torchvision:resnet43", "--student", "plain:2"], "resnet43"),
        (
            ["--teacher", "plain:4", "--student", "plain:4"],
            "plain4: 2 of --teacher, --assistant and --student are called so; a chain has each name once",
        ),
        (["--teacher", "nets.py:none", "--student", "plain:2"], "nets.py has no function 'none'"),
        (["--teacher", "plain:4", "--student", "plain:2", "--data", "data/cats"], "data/cats"),
        (["--teacher", "plain:4", "--student", "plain:2", "--weights", "nets.py"], "nets.py"),
        (
            ["--teacher", "plain:4", "--student", "plain:2", "--start", "7=x"],
            "--start 7: no such network; there are plain4, plain2",
        ),
    ],
)
def test_a_mistake_ends_in_one_line_and_writes_no_preset(pets: Path, arguments: list[str], what: str) -> None:
    data = [] if "--data" in arguments else ["--data", "data/pets"]
    ended = typed(pets, "init", "pets", *data, "--size", "32", *arguments)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert what in ended.stderr and ended.stderr.count("\n") == 1
    assert not (pets / "presets/pets.yaml").exists() and not (pets / "presets/pets.lock").exists()


def test_what_is_there_is_not_written_over(pets: Path) -> None:
    (pets / "presets/pets.yaml").write_text("mine")
    ended = typed(pets, "init", "pets", "--data", "data/pets", "--teacher", "plain:4", "--student", "plain:2")
    assert ended.returncode == 2 and "is there already" in ended.stderr
    assert (pets / "presets/pets.yaml").read_text() == "mine"


@pytest.mark.long
def test_what_a_preset_says_of_its_images_counts(snakemake: Snakemake, pets: Path) -> None:
    begun = typed(
        pets, "init", "pets", "--data", "data/pets", "--teacher", "plain:4", "--student", "plain:2", "--size", "32"
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    preset, lock = pets / "presets/pets.yaml", pets / "presets/pets.lock"
    quicker(preset)
    target = "results/pets/models/pets/pets/plain2/seed0/metrics.json"
    assert snakemake(target).code == 0
    assert snakemake("-n", target).jobs == {}
    # another size makes other images
    preset.write_text(preset.read_text().replace("size: 32", "size: 16"))
    assert snakemake("-n", target).jobs == {"prepare": 1, "train": 1}
    assert snakemake(target).code == 0
    assert json.loads(lock.read_text())["size"] == 16
    assert snakemake("-n", target).jobs == {}
    # a lock that is lost is written anew
    lock.unlink()
    assert snakemake(target).code == 0 and lock.is_file()
    assert snakemake("-n", target).jobs == {}
    # a name of takd's own data
    preset.rename(pets / "presets/digits.yaml")
    lost = snakemake("-n", "results/digits/table.csv")
    assert lost.code == 2 and "digits is a data set of takd's" in lost.output
