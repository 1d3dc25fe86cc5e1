"""A trained network's accuracy on the test images."""

from pathlib import Path

from takd.data import prepared
from takd.training.device import chosen_device, used_precision
from takd.training.inference import still, top1_accuracy
from takd.training.opened import opened, shown


def accuracy_on_test(
    model: Path, data_path: Path, *, device_name: str, threads: int, builder: str | None = None
) -> tuple[str, float]:
    """A trained network's name and its top-1 test accuracy, in per cent.

    builder: of a network of one's own code. Raises CheckpointError where it is of another data set, ParameterError where there is
    no such device.
    """
    data = prepared.load(data_path)
    network, about = opened(model, data_digest=data.digest, builder=builder)
    device = chosen_device(device_name, threads)
    test = data.test.to(device)
    images = shown(test, about)
    frozen = still(network.to(device), used_precision(about.precision, device), images)
    return about.name, top1_accuracy(frozen, images, test.labels)
