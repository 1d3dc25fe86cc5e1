"""ImageNet's archives, as they are handed out: unpacked into train/ and val/ by torchvision, which knows their development kit."""

import tempfile
from pathlib import Path

from takd.errors import DataError, shortened

ARCHIVES = "ILSVRC2012_*.tar*"


def unpack(root: Path) -> None:
    """Make those of train/ and val/ that aren't in `root` from the archives that are; each whole or not at all.

    Nothing is done where both folders are there, or no archive is. Classes are called by their WordNet ids, as everywhere. Raises
    DataError where an archive is missing, damaged, or can't be unpacked.
    """
    archives = [path.resolve() for path in sorted(root.glob(ARCHIVES))]
    missing = [split for split in ("train", "val") if not (root / split).is_dir()]
    if not archives or not missing:
        return
    from torchvision.datasets import ImageNet

    with tempfile.TemporaryDirectory(dir=root, prefix=".unpacking-") as name:
        place = Path(name)
        for path in archives:
            (place / path.name).symlink_to(path)
        for split in missing:
            try:
                ImageNet(name, split)
            except Exception as error:  # torchvision raises nearly anything for archives that aren't as they should be
                raise DataError(f"{root}: no {split}/, and the archives beside it can't be unpacked: {shortened(error)}") from None
            (place / split).rename(root / split)
