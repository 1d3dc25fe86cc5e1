import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.transforms.v2.functional as T
from PIL import Image

from takd.data import pictures
from takd.data.splits import workers
from takd.errors import DataError
from tests.unit.data.pictures_of import random_pixels, save


@pytest.mark.parametrize("suffix", sorted(pictures.SUFFIXES - {".jpg", ".jpeg", ".webp", ".gif", ".pgm"}))
def test_a_square_of_the_size_is_passed_through(tmp_path: Path, suffix: str) -> None:
    pixels = random_pixels(1, 16, 16)
    assert (pictures.read(save(tmp_path / f"a{suffix.upper()}", pixels), 16) == pixels).all()
    assert pictures.is_picture(tmp_path / f"a{suffix.upper()}") and not pictures.is_picture(tmp_path / "a.txt")


def test_processes_that_share_a_training_share_the_cores_for_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, sharing, each in ((64, 1, 16), (32, 4, 8), (2, 4, 1)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(sharing))
        assert workers() == each


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp"])
def test_lossy_formats_are_read_as_pillow_decodes_them(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", random_pixels(1, 16, 16))
    with Image.open(path) as image:
        assert (pictures.read(path, 16) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize(("height", "width"), [(40, 40), (31, 50), (50, 31), (7, 20), (16, 33), (9, 9), (200, 17)])
def test_others_are_scaled_and_cut_as_torchvision_does_it(tmp_path: Path, height: int, width: int) -> None:
    pixels = random_pixels(height, height, width)
    wanted = T.center_crop(T.resize(Image.fromarray(pixels), [16], interpolation=T.InterpolationMode.BILINEAR), [16, 16])
    assert (pictures.read(save(tmp_path / "a.png", pixels), 16) == np.asarray(wanted)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_camera_was_held(tmp_path: Path, orientation: int) -> None:
    pixels = random_pixels(3, 8, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    flipped = pixels[:, ::-1] if orientation in (2, 4, 5, 7) else pixels
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}[orientation]
    assert (pictures.read(tmp_path / "a.png", 8) == np.rot90(flipped, turns)).all()


def test_notes_of_a_camera_that_cannot_be_read_do_no_harm(tmp_path: Path) -> None:
    Image.fromarray(random_pixels(3, 8, 8)).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert (pictures.read(tmp_path / "a.png", 8) == random_pixels(3, 8, 8)).all()


def test_grey_is_three_equal_channels_and_16_bits_are_scaled_to_8(tmp_path: Path) -> None:
    grey = random_pixels(5, 8, 8)[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.pgm")
    assert (pictures.read(tmp_path / "a.pgm", 8) == grey[..., None]).all()
    wide = np.random.default_rng(0).integers(0, 65_536, (8, 8), dtype=np.uint16)
    for name in ("a.png", "a.tif", "b.pgm"):
        Image.fromarray(wide).save(tmp_path / name)
        expected = np.rint(wide / 65_535 * 255).astype(np.uint8)
        assert (pictures.read(tmp_path / name, 8) == expected[..., None]).all(), name


def test_one_bit_and_palettes_are_read(tmp_path: Path) -> None:
    bits = random_pixels(5, 8, 8)[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    assert (pictures.read(tmp_path / "bits.png", 8) == 255 * bits[..., None]).all()
    indices = random_pixels(6, 8, 8)[..., 0] % 4
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(colours.flatten().tolist())
    for name in ("a.png", "a.gif"):
        image.save(tmp_path / name)
        assert (pictures.read(tmp_path / name, 8) == colours[indices]).all()
    image.save(tmp_path / "b.png", transparency=2)
    colours[2] = 255
    assert (pictures.read(tmp_path / "b.png", 8) == colours[indices]).all()


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    pixels = np.concatenate((random_pixels(7, 8, 8), np.full((8, 8, 1), 255, np.uint8)), axis=2)
    pixels[0, :, 3], pixels[1, :, 3] = 0, 128
    for name in ("a.png", "a.tiff"):
        Image.fromarray(pixels).save(tmp_path / name)
        read = pictures.read(tmp_path / name, 8)
        assert (read[0] == 255).all() and (read[2:] == pixels[2:, :, :3]).all()
        half = pixels[1, :, :3] * (128 / 255) + 255 * (127 / 255)
        assert abs(read[1] - half).max() <= 1
    Image.fromarray(pixels[..., [0, 3]]).save(tmp_path / "grey.png")
    read = pictures.read(tmp_path / "grey.png", 8)
    assert (read[0] == 255).all() and (read[2:] == pixels[2:, :, :1]).all()


def test_printers_colours_are_brought_to_the_screens(tmp_path: Path) -> None:
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:4, :, 0], inks[4:, :, 3] = 255, 255  # cyan above, black below
    Image.frombytes("CMYK", (8, 8), inks.tobytes()).save(tmp_path / "a.tif")
    read = pictures.read(tmp_path / "a.tif", 8)
    assert (read[:4] == [0, 255, 255]).all() and (read[4:] == 0).all()


def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (pictures.read(tmp_path / "a.gif", 8) == [255, 0, 0]).all()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"")


def whole(path: Path) -> bytes:
    return save(path, random_pixels(1, 64, 64)).read_bytes()


@pytest.mark.parametrize(
    ("content", "what_is_said"),
    [
        (b"", "not a picture"),
        (b"<html>not found</html>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),  # would start Ghostscript
        (png_of(100_000, 100_000), "more than 89,478,485 pixels"),
        (png_of(12_000, 8_000), "more than 89,478,485 pixels"),
        (png_of(64, 64), "cut short or damaged"),
        (b"P5 99999999 99999999 255\n", "more than 89,478,485 pixels"),
        (b"P6 4 4 255\nshort", "cut short or damaged"),
    ],
)
def test_what_is_no_whole_picture_is_refused_in_one_line(tmp_path: Path, content: bytes, what_is_said: str) -> None:
    path = tmp_path / "a\nb.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=what_is_said) as raised:
        pictures.read(path, 8)
    assert "\n" not in str(raised.value) and "b.png" in str(raised.value)


@pytest.mark.parametrize("suffix", sorted(pictures.SUFFIXES - {".pgm"}))
def test_a_picture_that_is_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    content = whole(path)
    for share in (0.02, 0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match=f"a{suffix}: (not a picture|can't be read|cut short or damaged)"):
            pictures.read(path, 8)


def test_a_strip_that_would_be_endless_when_scaled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="90000 × 1 pixels, too narrow"):
        pictures.read(save(tmp_path / "a.png", random_pixels(0, 1, 90_000)), 224)


def test_fractions_and_32_bits_are_refused(tmp_path: Path) -> None:
    for values, what_is_said in ((np.zeros((8, 8), np.float32), "fractions"), (np.full((8, 8), 63, np.int32), "32 bits a pixel")):
        image: Any = Image.fromarray(values)
        image.save(tmp_path / "a.tif")
        with pytest.raises(DataError, match=what_is_said):
            pictures.read(tmp_path / "a.tif", 8)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for name, what_is_said in (("pipe.png", "not a file"), (".", "not a file"), ("absent.png", "no such file")):
        with pytest.raises(DataError, match=what_is_said):
            pictures.read(tmp_path / name, 8)


def test_a_side_is_asked_without_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of(64, 64))
    assert pictures.side(tmp_path / "a.png") == 64
    (tmp_path / "a.png").write_bytes(png_of(64, 65))
    with pytest.raises(DataError, match=r"64 × 65 pixels, not square; give a size, as in size: 224; all are brought"):
        pictures.side(tmp_path / "a.png")
