"""A training as a process of its own, which prints the memory that it held at most."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.epochs import recipe_of
from benchmarks.noise import CLASSES, DIGEST, noise
from takd.chain import Network
from takd.data.prepared import PreparedData, Split
from takd.device import chosen_device
from takd.files import read_tensors, write_tensors
from takd.training import train


def write_images(path: Path, images: int, test_images: int) -> None:
    """Noise as a prepared data set is kept."""
    data = noise(images, test_images)
    tensors = {
        "train_images": data.train.images,
        "train_labels": data.train.labels,
        "test_images": data.test.images,
        "test_labels": data.test.labels,
    }
    write_tensors(path, tensors, {})


def train_from_file(name: str, images: int, test_images: int, threads: int) -> None:
    """Train for one epoch on images mapped from the disk, as takd train does, and print the peak of memory in gigabytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.safetensors"
        # By a process of its own: the tensors that it draws must not count.
        draw = f"from pathlib import Path; from benchmarks.memory import write_images as write; write(Path({str(path)!r}), "
        draw += f"{images}, {test_images})"
        subprocess.run([sys.executable, "-c", draw], check=True)
        tensors, _ = read_tensors(path)
        train_split = Split(tensors["train_images"], tensors["train_labels"])
        test_split = Split(tensors["test_images"], tensors["test_labels"])
        data = PreparedData("cifar10", CLASSES, DIGEST, train_split, test_split)
        network = Network.parse(name)
        train(network, recipe_of(network), data, None, device=chosen_device("cpu", threads))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
