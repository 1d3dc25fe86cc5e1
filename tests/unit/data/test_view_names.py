import subprocess
import sys

import pytest

from takd.data.view_names import AUGMENTATIONS, PATTERN, ViewsName, covers, parse_views, views_name


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("none", 7, 30), "unaugmented"),
        (("crop_flip", 0, 30), "seed0-30epochs"),
        (("crop_flip", 12, 150), "seed12-150epochs"),
        (("resized_crop_flip", 0, 30), "seed0-30epochs-resized"),
    ],
)
def test_views_have_one_name(parts: tuple[str, int, int], name: str) -> None:
    assert views_name(*parts) == name
    assert parse_views(name) == (ViewsName("none", 0, 1) if parts[0] == "none" else parts)


def test_every_augmentation_has_a_name_that_fits_the_pattern() -> None:
    import re

    names = [views_name(kind, 3, 4) for kind in AUGMENTATIONS]
    assert len(set(names)) == len(names) and all(re.fullmatch(PATTERN, name) for name in names)


@pytest.mark.parametrize(
    ("there", "needed", "enough"),
    [
        ("seed0-30epochs", "seed0-30epochs", True),
        ("seed0-150epochs", "seed0-30epochs", True),
        ("seed0-30epochs", "seed0-150epochs", False),
        ("seed1-30epochs", "seed0-30epochs", False),
        ("seed0-30epochs", "seed0-30epochs-resized", False),
        ("seed0-30epochs-resized", "seed0-9epochs-resized", True),
        ("unaugmented", "unaugmented", True),
        ("seed0-30epochs", "unaugmented", False),
        ("unaugmented", "seed0-1epochs", False),
    ],
)
def test_a_file_covers_the_same_views_of_no_more_epochs(there: str, needed: str, enough: bool) -> None:
    assert covers(there, needed) is enough


@pytest.mark.parametrize(
    "name",
    ["", "seed0", "seed0-0epochs", "seed-1-3epochs", "seed00-3epochs", "seed0-30epochs-", "unaugmented-resized", "seed0-٣epochs"],
)
def test_no_other_text_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of views"):
        parse_views(name)


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown augmentation 'mixup'; there are none, crop_flip, resized_crop_flip"):
        views_name("mixup", 0, 1)
    for seed, epochs in ((-1, 3), (0, 0), (0, -1)):
        with pytest.raises(ValueError, match="no name of views"):
            views_name("crop_flip", seed, epochs)


def test_names_and_registry_need_no_torch() -> None:
    code = "import sys, takd.data.view_names, takd.data.registry; sys.exit('torch' in sys.modules or 'PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
