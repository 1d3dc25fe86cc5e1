"""A library's own weights of a network: where they lie, or are fetched to."""

import urllib.error
from pathlib import Path

import torch

from takd.errors import CheckpointError
from takd.networks.registry import kind_and_name


def library_weights(builder: str) -> Path:
    """The file with the weights that torchvision publishes for a network, fetched if it isn't there.

    Raises CheckpointError where there are none, or they can't be had; it says where to put the file then.
    """
    kind, name = kind_and_name(builder)
    if kind != "torchvision":
        raise CheckpointError(f"{builder}: takd knows torchvision's own weights alone; give a file, as in MEMBER=FILE")
    from torchvision.models import get_model_weights

    published = getattr(get_model_weights(name), "DEFAULT", None)
    if published is None:
        raise CheckpointError(f"{builder}: torchvision publishes no weights of it; give a file, as in MEMBER=FILE")
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(published.url, str(path), progress=False)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{builder}: {published.url} can't be reached ({error}); put the file at {path}") from None
    return path
