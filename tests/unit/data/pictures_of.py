"""What the tests of one's own images share: folders of small pictures, drawn from a seed."""

from pathlib import Path

import numpy as np
from PIL import Image

from takd.data.pictures import Pixels


def random_pixels(seed: int, height: int = 8, width: int = 8) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def folder_of_classes(root: Path, counts: dict[str, int], side: int = 8, first: int = 0) -> Path:
    """A folder a class, below `root`, with so many different pictures each."""
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            save(root / name / f"{number}.png", random_pixels(first + 1000 * place + number, side, side))
    return root
