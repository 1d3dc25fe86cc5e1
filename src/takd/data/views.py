"""What training sees of the images: shuffling, held-out splits, crops and flips, normalisation. All drawn from (seed, epoch)."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor

from takd.data.policies import change_of, changed, drawn_seeds
from takd.data.randomness import generator as generator
from takd.data.splits import Split, StreamedSplit
from takd.data.view_names import Augmentation, checked
from takd.data.view_names import ViewsName as ViewsName
from takd.data.view_names import covers as covers
from takd.data.view_names import parse_views as parse_views
from takd.data.view_names import views_name as views_name

PADDING = 4
OFFSETS = 2 * PADDING + 1
PADDED_AT_ONCE = 1_000_000_000  # bytes; images that take more are padded a batch at a time

AREA = (0.25, 1.0)  # share of the image that a resized crop takes; torchvision's default begins at 0.08
ASPECT = (3 / 4, 4 / 3)  # width by height of a resized crop, drawn from the logarithm's range
_TRIES = 10  # as torchvision has it

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels in 0…1
_CHUNK = 1024  # images whose pixels are counted at a time


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


def balanced(positions: Tensor, labels: Tensor, seed: int, epoch: int) -> Tensor:
    """As many positions, drawn for one epoch with replacement: each class as likely as another, and each image within its class.

    positions: those to choose from. labels: (N,), of all images.
    """
    _, which, counts = labels[positions].unique(return_inverse=True, return_counts=True)
    chances = 1 / counts.double()[which]
    drawn = torch.multinomial(chances, len(positions), replacement=True, generator=generator("balanced", seed, epoch))
    return positions[drawn]


def drawn_views(count: int, seed: int, epoch: int) -> Tensor:
    """For each of `count` images one of the 9 x 9 x 2 views of crop and flip, in one epoch: (count, 3), row, column, flip."""
    code = torch.randint(OFFSETS * OFFSETS * 2, (count,), generator=generator("views", seed, epoch))
    return torch.stack((code // (OFFSETS * 2), code // 2 % OFFSETS, code % 2), dim=1)


def drawn_boxes(count: int, side: int, seed: int, epoch: int) -> Tensor:
    """For each of `count` images of `side` pixels a box and a flip, in one epoch: (count, 5), row, column, height, width, flip.

    Drawn as torchvision's RandomResizedCrop draws it: up to ten times an area and an aspect, until the box fits; else the image.
    """
    random = generator("resized", seed, epoch)
    area, aspect, row, column = torch.rand((4, count, _TRIES), generator=random, dtype=torch.float64)
    flip = torch.randint(2, (count,), generator=random)
    pixels = side * side * (AREA[0] + (AREA[1] - AREA[0]) * area)
    low, high = math.log(ASPECT[0]), math.log(ASPECT[1])
    ratio = (low + (high - low) * aspect).exp()
    width, height = (pixels * ratio).sqrt().round().long(), (pixels / ratio).sqrt().round().long()
    fits = (width > 0) & (width <= side) & (height > 0) & (height <= side)
    boxes = torch.stack(((row * (side - height + 1)).long(), (column * (side - width + 1)).long(), height, width), dim=2)
    first = fits.long().argmax(dim=1)
    chosen = boxes[torch.arange(count), first]
    chosen = torch.where(fits.any(dim=1, keepdim=True), chosen, torch.tensor((0, 0, side, side)))
    return torch.cat((chosen, flip[:, None]), dim=1)


class Normalisation(NamedTuple):
    """Per channel, what brings a pixel in 0…255 to what a network is shown: scale * pixel + shift. (3,) each, float32."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def of(cls, training: Split, kind: Literal["paper", "dataset", "imagenet"]) -> Self:
        """The paper's, that of the training images' own statistics, or ImageNet's. Raises ValueError for another kind."""
        if kind == "paper":
            mean = deviation = torch.full((3,), 127.5)
        elif kind == "dataset":
            mean, deviation = statistics(training)
            deviation = torch.where(deviation > 0, deviation, 1.0)  # a channel that is the same in all pixels: it comes to 0
        elif kind == "imagenet":
            mean, deviation = 255 * torch.tensor(IMAGENET_MEAN), 255 * torch.tensor(IMAGENET_DEVIATION)
        else:
            raise ValueError(f"unknown normalisation {kind!r}; there are paper, dataset and imagenet")
        device = training.labels.device
        return cls((1 / deviation).to(device), (-mean / deviation).to(device))


class Views:
    """A split's images as networks are shown them: normalised, and cropped and flipped as the augmentation has it.

    Raises ValueError for an augmentation that there isn't.
    """

    def __init__(
        self,
        split: Split,
        normalisation: Normalisation,
        *,
        augmentation: str = "none",
        policy: str = "none",
        erasing: float = 0,
    ) -> None:
        """policy, erasing: as in a recipe: what is done to each view beyond its augmentation."""
        self.split = split
        self.change = change_of(policy, erasing)
        self.augmentation: Augmentation = checked(augmentation)
        # For a row of pixels: a factor for each of its W * 3 bytes is applied four times as fast as three factors again and again.
        self.scale, self.shift = normalisation.scale.repeat(split.size), normalisation.shift.repeat(split.size)
        bytes_of_images = len(split) * split.size**2 * 3
        in_memory = type(split) is Split and bytes_of_images <= PADDED_AT_ONCE
        self.padded = _padded(split.images) if self.augmentation == "crop_flip" and in_memory else None

    def __len__(self) -> int:
        return len(self.split)

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.split.labels.device

    @property
    def images(self) -> Tensor:
        """The images themselves: (N, H, W, 3), uint8. Raises TypeError where they are streamed."""
        return self.split.images

    def of_epoch(self, seed: int, epoch: int) -> Tensor | None:
        """The views drawn for an epoch, to be given to `batch`: (N, 3 or 5) on the images' device; None without augmentation.

        Where a policy or erasing changes views, each has the seed of that in one column more.
        """
        drawn = self._crops(seed, epoch)
        if self.change is None:
            return drawn
        seeds = drawn_seeds(len(self), seed, epoch).to(self.device)
        return seeds if drawn is None else torch.cat((drawn, seeds), dim=1)

    def _crops(self, seed: int, epoch: int) -> Tensor | None:
        match self.augmentation:
            case "none":
                return None
            case "crop_flip":
                return drawn_views(len(self), seed, epoch).to(self.device)
            case "resized_crop_flip":
                return drawn_boxes(len(self), self.split.size, seed, epoch).to(self.device)

    def batch(self, positions: Tensor, views: Tensor | None) -> Tensor:
        """Images at `positions`, as `views` has them: (B, 3, H, W), float32, channels last in memory."""
        drawn = None if views is None else views[positions]
        chosen = self._cropped(positions, drawn if drawn is None or self.change is None else drawn[:, :-1])
        if drawn is not None and self.change is not None:
            chosen = changed(chosen, drawn[:, -1], self.change)
        rows = chosen.flatten(2).to(torch.float32).mul_(self.scale).add_(self.shift)
        return rows.view_as(chosen).permute(0, 3, 1, 2)

    def _cropped(self, positions: Tensor, drawn: Tensor | None) -> Tensor:
        """Images at `positions`, cropped and flipped as drawn for them: (B, H, W, 3), in 0…255."""
        if drawn is None or self.augmentation == "none":
            return self.split.pixels(positions)
        if self.augmentation == "resized_crop_flip":
            return resized_crops(self.split.pixels(positions), drawn)
        if self.padded is not None:
            return cropped(self.padded, positions, drawn)
        padded = _padded(self.split.pixels(positions))
        return cropped(padded, torch.arange(len(padded), device=padded.device), drawn)

    def batches(self, batches: Sequence[Tensor], views: Tensor | None) -> Iterator[Tensor]:
        """What `batch` gives for each of `batches`, in order. Streamed images are read while the batch before is used."""
        if not isinstance(self.split, StreamedSplit) or self.change is not None:  # what changes views draws from torch's generator
            yield from (self.batch(positions, views) for positions in batches)
            return
        with ThreadPoolExecutor(1) as reader:
            ahead = None
            for positions in batches:
                here, ahead = ahead, reader.submit(self.batch, positions, views)
                if here is not None:
                    yield here.result()
            if ahead is not None:
                yield ahead.result()


def cropped(padded: Tensor, positions: Tensor, views: Tensor) -> Tensor:
    """Of the padded images at `positions` what `views`, (B, 3), cut out and flip: (B, H, W, 3), uint8."""
    side = padded.shape[1] - 2 * PADDING
    steps = torch.arange(side, device=views.device)
    row, column, flip = views.unsqueeze(2).unbind(1)  # (B, 1) each
    rows = row + steps
    columns = column + torch.where(flip == 1, side - 1 - steps, steps)
    return padded[positions[:, None, None], rows[:, :, None], columns[:, None, :]]


def resized_crops(images: Tensor, boxes: Tensor) -> Tensor:
    """A box of each image brought to the image's size, bilinear, not antialiased, and flipped: (B, H, W, 3), float32, in 0…255.

    images: (B, H, W, 3), uint8, square. boxes: (B, 5), row, column, height, width, flip.
    """
    side = images.shape[1]
    row, column, height, width, flip = boxes.to(torch.float32).unsqueeze(2).unbind(1)  # (B, 1) each
    steps = torch.arange(side, device=images.device)

    def sampled(start: Tensor, length: Tensor, steps: Tensor) -> Tensor:
        """Where each pixel is looked up, in grid_sample's -1…1; never beyond the box's outermost pixels."""
        within = ((steps + 0.5) * (length / side) - 0.5).clamp(min=0).minimum(length - 1)
        return (2 * (start + within) + 1) / side - 1

    rows = sampled(row, height, steps)
    columns = sampled(column, width, torch.where(flip == 1, side - 1 - steps, steps))
    grid = torch.stack((columns[:, None, :].expand(-1, side, -1), rows[:, :, None].expand(-1, -1, side)), dim=3)
    floats = images.to(torch.float32).permute(0, 3, 1, 2)
    crops = torch.nn.functional.grid_sample(floats, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return crops.permute(0, 2, 3, 1).contiguous()


def _padded(images: Tensor) -> Tensor:
    """Black borders of PADDING pixels: (N, H, W, 3) to (N, H + 8, W + 8, 3)."""
    return torch.nn.functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))


def statistics(split: Split) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over all pixels of a split, in 0…255: (3,), float32."""
    positions = torch.arange(len(split), device=split.labels.device)
    counts = torch.zeros(3, 256, dtype=torch.float64, device=positions.device)
    for chunk in positions.split(_CHUNK):
        counts += _counts(split.pixels(chunk))
    return _moments(counts)


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over all pixels, in 0…255: (3,), float32. images: (N, H, W, 3), uint8."""
    return _moments(_counts(images))


def _counts(images: Tensor) -> Tensor:
    """How often each value stands in each channel: (3, 256), exact, whatever the order or the device."""
    return torch.stack([torch.bincount(images[..., c].flatten(), minlength=256) for c in range(3)]).double()


def _moments(counts: Tensor) -> tuple[Tensor, Tensor]:
    share = counts / counts.sum(dim=1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64, device=counts.device)
    mean = (share * values).sum(dim=1)
    deviation = (share * (values - mean[:, None]) ** 2).sum(dim=1).sqrt()
    return mean.float(), deviation.float()
