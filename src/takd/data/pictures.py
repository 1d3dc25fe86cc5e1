"""One picture file becomes one square of pixels, the same wherever it is read.

Colours are taken as they are stored: no colour profile is applied.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from takd.errors import DataError, shortened

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"))
MOST_PIXELS = 89_478_485  # Pillow warns above it

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # no format that starts another program
_WIDE = ("I", "I;16", "I;16L", "I;16B", "I;16N")

warnings.simplefilter("error", Image.DecompressionBombWarning)


def is_picture(path: Path) -> bool:
    """Whether the name's suffix, in upper or lower case, is one of SUFFIXES."""
    return path.suffix.lower() in SUFFIXES


def shown(path: Path) -> str:
    """A path for an error's line: such names may hold a line's end, or bytes that are no text."""
    return shortened(path, 1000)


def read(path: Path, size: int) -> Pixels:
    """The picture in a file, upright, in three channels: (size, size, 3), uint8.

    Of an animation it is the first frame; what is transparent shows white; 16 bits are scaled to 8. Raises DataError where the file
    is missing, no picture, damaged, or of more than MOST_PIXELS pixels.
    """
    with _opened(path) as image:
        return fitted(image, size, shown(path))


def shorter_side(path: Path) -> int:
    """The shorter side of a picture, in pixels. Raises DataError where it isn't one."""
    with _opened(path) as image:
        return min(image.size)


def side(path: Path) -> int:
    """The side of a square picture, in pixels. Raises DataError where it isn't one, or no picture."""
    with _opened(path) as image:
        return side_of(image, shown(path))


def side_of(image: Image.Image, where: str) -> int:
    """The side of a square picture, in pixels. Raises DataError where it isn't square."""
    if image.width != image.height:
        raise DataError(
            f"{where}: {image.width} × {image.height} pixels, not square; give a size, as in size: 224; all are brought to it"
        )
    return image.width


def fitted(image: Image.Image, size: int, where: str) -> Pixels:
    """A picture in three channels, brought to a square: (size, size, 3), uint8.

    Its shorter side is scaled to `size` (bilinear, antialiased), then its centre is cut out, as torchvision's Resize and CenterCrop
    do it. One of that size is left as it is. Raises DataError, which begins with `where`, where it can't be decoded.
    """
    try:
        image.load()
        if image.mode == "I" and image.format == "TIFF":  # how many of its bits say something isn't known
            raise DataError("32 bits a pixel; convert it to 8 or 16")
        colours = _colours(_upright(image))
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Exception as error:  # a damaged picture can raise nearly anything
        raise DataError(f"{where}: cut short or damaged ({shortened(error)})") from None
    width, height = colours.size
    if (width, height) != (size, size):
        shorter, longer = sorted((width, height))
        scaled = int(size * longer / shorter)
        if size * scaled > MOST_PIXELS:
            raise DataError(f"{where}: {width} × {height} pixels, too narrow to be scaled to {size}")
        colours = colours.resize((size, scaled) if width <= height else (scaled, size), Image.Resampling.BILINEAR)
        left, top = round((colours.width - size) / 2), round((colours.height - size) / 2)
        colours = colours.crop((left, top, left + size, top + size))
    return np.asarray(colours, dtype=np.uint8)


def _opened(path: Path) -> Image.Image:
    """A picture whose pixels aren't decoded yet."""
    if not path.is_file():  # a pipe would wait for ever
        raise DataError(f"{shown(path)}: {'not a file' if path.exists() else 'no such file'}")
    try:
        image = Image.open(path, formats=_FORMATS)
    except UnidentifiedImageError:
        raise DataError(f"{shown(path)}: not a picture, or one of another kind than {', '.join(_FORMATS)}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{shown(path)}: more than {MOST_PIXELS:,} pixels") from None
    except Exception as error:
        raise DataError(f"{shown(path)}: can't be read ({shortened(error)})") from None
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"{shown(path)}: more than {MOST_PIXELS:,} pixels")
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # notes of a camera that can't be read say nothing of how it was held
        return image


def _colours(image: Image.Image) -> Image.Image:
    """The picture in red, green and blue."""
    if image.mode in _WIDE:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65_535:
            raise DataError("more than 16 bits a pixel; convert it to 8")
        image = Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    if image.mode == "F":
        raise DataError("pixels are fractions; convert it to 8 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
