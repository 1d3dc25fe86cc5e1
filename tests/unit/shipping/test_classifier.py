"""A network that was opened for use answers as it does in training, for pictures of any size and kind."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import takd
from takd.data import prepared
from takd.errors import CheckpointError, DataError
from takd.shipping.predictor import Answer, Predictor
from tests.unit.data.pictures_of import random_pixels, save
from tests.unit.training.conftest import lively, write_network

LABELS = tuple(f"digit {number}" for number in range(10))


@pytest.fixture
def model(digits: Path, tmp_path: Path) -> Path:
    return write_network(tmp_path / "model", prepared.load(digits), "digits/plain/2/seed0", "plain:2", labels=LABELS)


def test_its_answers_are_the_networks_largest_probabilities(model: Path, tmp_path: Path) -> None:
    pixels = random_pixels(1, 32, 32)
    with torch.no_grad():
        logits = lively("plain:2").eval()(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1)[0].double().numpy()
    expected = np.exp(logits) / np.exp(logits).sum()
    answers = takd.load(model).predict(save(tmp_path / "a.png", pixels), count=4)
    order = np.argsort(-expected)[:4]
    assert [answer.label for answer in answers] == [LABELS[place] for place in order]
    assert [answer.probability for answer in answers] == pytest.approx(expected[order], rel=1e-4)
    assert len(takd.load(model).predict(tmp_path / "a.png", count=99)) == 10


def test_a_picture_is_brought_to_the_size_of_the_images(model: Path, tmp_path: Path) -> None:
    wide = random_pixels(2, 64, 200)
    centre = Image.fromarray(wide).resize((100, 32), Image.Resampling.BILINEAR).crop((34, 0, 66, 32))
    save(tmp_path / "wide.png", wide)
    centre.save(tmp_path / "centre.png")
    network = takd.load(model)
    assert network.predict(tmp_path / "wide.png") == network.predict(tmp_path / "centre.png")


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "1", "P", "I;16"])
def test_pictures_of_other_colours_are_answered(model: Path, tmp_path: Path, mode: str) -> None:
    pixels = random_pixels(3, 40, 40)
    wide = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    image = wide if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / "a.tif")
    answers = takd.load(model).predict(tmp_path / "a.tif", 10)
    assert sum(answer.probability for answer in answers) == pytest.approx(1)


def test_images_of_another_shape_are_refused(model: Path) -> None:
    network = takd.load(model)
    for images in (torch.zeros(1, 32, 32, 3), torch.zeros(32, 32, 3, dtype=torch.uint8), torch.zeros(1, 3, 32, 32).byte()):
        with pytest.raises(DataError, match=r"expected \(B, 32, 32, 3\), uint8"):
            network(images)


def test_a_network_says_what_it_is(model: Path) -> None:
    assert repr(takd.load(model)) == f"<Classifier digits/plain/2/seed0, 32×32 pixels, 10 classes: {', '.join(LABELS)}>"


def test_of_many_classes_the_first_are_named() -> None:
    class Many(Predictor):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return images

    assert repr(Many("a/b/c/seed0", 8, 100, ())).endswith("100 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …>")


def test_a_record_in_the_place_of_a_network_is_told_which_file_is_wanted(model: Path) -> None:
    record = model.with_name("metrics.json")
    record.write_text('{"name": "digits/plain/2/seed0"}')
    with pytest.raises(CheckpointError, match=r"metrics\.json: what was measured of a network; the network is model\.safetensors"):
        takd.load(record)


def test_classes_without_names_are_numbered(digits: Path, tmp_path: Path, model: Path) -> None:
    path = write_network(tmp_path / "unnamed", prepared.load(digits), "digits/plain/2/seed0", "plain:2")
    assert takd.load(path).labels == tuple("0123456789") and not takd.load(path).labelled
    assert takd.load(model).labels == LABELS and takd.load(model).labelled


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    class Broken(Predictor):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 2), float("nan"))

    with pytest.raises(CheckpointError, match=r"a\.png: the network's answers to it aren't finite"):
        Broken("digits/plain/2/seed0", 8, 2, ("cat", "dog")).predict(save(tmp_path / "a.png", random_pixels(0)))


def test_an_answer_has_a_label_and_a_probability() -> None:
    assert Answer("cat", 0.5)._asdict() == {"label": "cat", "probability": 0.5}
