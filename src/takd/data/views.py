"""What training sees of the images: shuffling, held-out splits, crops and flips, normalisation. All drawn from (seed, epoch)."""

import hashlib
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor

from takd.data.prepared import Split

PADDING = 4
OFFSETS = 2 * PADDING + 1


def generator(*purpose: object) -> torch.Generator:
    """A source of randomness on the CPU that depends on `purpose` alone, never on how far another one has run."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def training_and_held_out(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of the images to train on and of those to hold out: of each class the same share, rounded down, drawn by `seed`.

    labels: (N,). Returns two int64 tensors, ascending, which together hold every position once.
    """
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique().tolist():
        positions = (labels == label).nonzero().squeeze(1)
        order = torch.randperm(len(positions), generator=generator("validation", seed, label))
        held_out[positions[order[: int(share * len(positions))]]] = True
    return (~held_out).nonzero().squeeze(1), held_out.nonzero().squeeze(1)


def share_of(positions: Tensor, labels: Tensor, share: float, seed: int) -> Tensor:
    """The first `share`, in (0, 1], of each class's positions in an order drawn by `seed`: smaller shares lie within larger ones.

    positions: those to choose from, ascending. labels: (N,), of all images. Returns the chosen ones, ascending.
    """
    if share == 1:
        return positions
    chosen = []
    for label in labels.unique().tolist():
        candidates = positions[labels[positions] == label]
        order = torch.randperm(len(candidates), generator=generator("share", seed, label))
        chosen.append(candidates[order[: round(share * len(candidates))]])
    return torch.cat(chosen).sort().values


def shuffled(positions: Tensor, seed: int, epoch: int) -> Tensor:
    """The positions in the order of one epoch."""
    return positions[torch.randperm(len(positions), generator=generator("order", seed, epoch))]


def drawn_views(count: int, seed: int, epoch: int) -> Tensor:
    """For each of `count` images one of the 9 x 9 x 2 views of crop and flip, in one epoch: (count, 3), row, column, flip."""
    code = torch.randint(OFFSETS * OFFSETS * 2, (count,), generator=generator("views", seed, epoch))
    return torch.stack((code // (OFFSETS * 2), code // 2 % OFFSETS, code % 2), dim=1)


class Normalisation(NamedTuple):
    """Per channel, what brings a pixel in 0…255 to what a network is shown: scale * pixel + shift. (3,) each, float32."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def of(cls, training: Split, kind: Literal["paper", "dataset"]) -> Self:
        """The paper's, or that of the training images' own statistics."""
        if kind == "paper":
            mean = deviation = torch.full((3,), 127.5)
        else:
            mean, deviation = channel_statistics(training.images)
        device = training.images.device
        return cls((1 / deviation).to(device), (-mean / deviation).to(device))


class Views:
    """A split's images as networks are shown them: normalised, and cropped and flipped where `augmented`."""

    def __init__(self, split: Split, normalisation: Normalisation, *, augmented: bool) -> None:
        self.images = split.images
        # For a row of pixels: a factor for each of its W * 3 bytes is applied four times as fast as three factors again and again.
        width = split.images.shape[2]
        self.scale, self.shift = normalisation.scale.repeat(width), normalisation.shift.repeat(width)
        self.padded = _padded(split.images) if augmented else None

    def of_epoch(self, seed: int, epoch: int) -> Tensor | None:
        """The views drawn for an epoch, to be given to `batch`: (N, 3) on the images' device; None without augmentation."""
        return None if self.padded is None else drawn_views(len(self.images), seed, epoch).to(self.images.device)

    def batch(self, positions: Tensor, views: Tensor | None) -> Tensor:
        """Images at `positions`, as `views` has them: (B, 3, H, W), float32, channels last in memory."""
        # index_select copies whole images; indexing with [positions] takes seven times as long.
        chosen = self.images.index_select(0, positions) if views is None else self._cropped(positions, views[positions])
        rows = chosen.flatten(2).to(torch.float32).mul_(self.scale).add_(self.shift)
        return rows.view_as(chosen).permute(0, 3, 1, 2)

    def _cropped(self, positions: Tensor, views: Tensor) -> Tensor:
        assert self.padded is not None
        side = self.images.shape[1]
        steps = torch.arange(side, device=views.device)
        row, column, flip = views.unsqueeze(2).unbind(1)  # (B, 1) each
        rows = row + steps
        columns = column + torch.where(flip == 1, side - 1 - steps, steps)
        return self.padded[positions[:, None, None], rows[:, :, None], columns[:, None, :]]


def _padded(images: Tensor) -> Tensor:
    """Black borders of PADDING pixels: (N, H, W, 3) to (N, H + 8, W + 8, 3)."""
    return torch.nn.functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over all pixels, in 0…255: (3,), float32. images: (N, H, W, 3), uint8."""
    histogram = torch.stack([torch.bincount(images[..., c].flatten(), minlength=256) for c in range(3)]).double()
    share = histogram / histogram.sum(dim=1, keepdim=True)  # exact sums, whatever the order or the device
    values = torch.arange(256, dtype=torch.float64, device=images.device)
    mean = (share * values).sum(dim=1)
    deviation = (share * (values - mean[:, None]) ** 2).sum(dim=1).sqrt()
    return mean.float(), deviation.float()
