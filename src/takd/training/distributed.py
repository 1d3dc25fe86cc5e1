"""Several processes a training: each computes its part of every step, and all end where one process ends.

The loss is computed on the whole batch, in every process, from what all of them computed; its gradient reaches each one's own part,
and the sum of the processes' gradients is the batch's. So no objective knows of processes, whatever it compares images with.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from takd.errors import CheckpointError, ParameterError
from takd.objectives.batch import Outputs
from takd.training.mixing import Mix
from takd.training.teaching import Said

LONGEST_WAIT = timedelta(hours=2)  # for another process: each may read its part of an epoch's pictures first


@dataclass(frozen=True)
class World:
    """The processes of one training. rank: which one this is, from 0. size: how many there are; one changes nothing."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def part(self, whole: Tensor) -> Tensor:
        """This process's part of a batch: a slice of its first dimension. Parts differ by one in length at most."""
        return whole if self.size == 1 else whole.tensor_split(self.size)[self.rank]

    def whole(self, part: Tensor, count: int, dim: int = 0) -> Tensor:
        """All parts in their order, the same bits in every process; gradients reach this process's own.

        part: `count` split as `part` does, along dim.
        """
        if self.size == 1:
            return part
        places = self.part(torch.arange(count))
        start, end = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        shape = list(part.shape)
        shape[dim] = count
        filled = part.new_zeros(shape)
        filled.narrow(dim, start, end - start).copy_(part.detach())
        dist.all_reduce(filled)
        return torch.cat((filled.narrow(dim, 0, start), part, filled.narrow(dim, end, count - end)), dim)

    def outputs(self, part: Any, count: int) -> Any:
        """What a model computed of a whole batch, from what each process's did of its part. Logits: (…, B, C)."""
        if self.size == 1:
            return part
        if isinstance(part, Outputs):
            return Outputs(self.whole(part.logits, count), tuple(self.whole(each, count) for each in part.features))
        return self.whole(part, count, dim=-2)

    def said(self, part: Said, count: int) -> Said:
        """What a teacher says of a whole batch, from what each process's said of its part."""
        if self.size == 1 or part.logits is None:
            return part
        features, ancestors = (tuple(self.whole(each, count) for each in some) for some in (part.features, part.ancestors))
        return part._replace(logits=self.whole(part.logits, count), features=features, ancestors=ancestors)

    def mix(self, mix: Mix) -> Mix:
        """What mixes a whole batch and hands on this process's part of its images; labels stay whole, as the loss is."""
        if self.size == 1:
            return mix

        def mixed(images: Tensor) -> tuple[Tensor, Tensor]:
            pictures, labels = mix(images)
            return self.part(pictures), labels

        return mixed

    def filled(self, count: int, chunks: Sequence[Tensor], compute: Callable[[Sequence[Tensor]], Iterator[Tensor]]) -> Tensor:
        """What `compute` says of `count` images, chunk by chunk, each chunk in one process: (N, …), the bits that one gives.

        chunks: positions, (B,) each. compute: of some chunks, in order, what it says of each.
        """
        if self.size == 1:
            return torch.cat(list(compute(chunks)))
        own = [chunks[int(place)] for place in self.part(torch.arange(len(chunks)))]
        # every process has to know the shape, one without a chunk too
        said = list(compute(own or chunks[:1]))
        rows = said[0].new_zeros((count, *said[0].shape[1:]))
        for positions, each in zip(own, said, strict=False):
            rows[positions] = each
        dist.all_reduce(rows)
        return rows

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give each process the sum of all gradients. Which parameters have one is the same in all, as the loss is."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
            gradient.copy_(summed.view(gradient.shape))

    def normalising(self, parts: int = 1) -> contextlib.AbstractContextManager[object]:
        """Within it, batch norm that trains normalises the whole batch, whatever the processes; or each of `parts` by itself."""
        if parts > 1:
            return _Normalising(partial(batch_norm_in_parts, parts=parts, world=self))
        return contextlib.nullcontext() if self.size == 1 else _Normalising(batch_norm)

    def check_alike(self, network: nn.Module, epochs: int) -> None:
        """Raises CheckpointError, in all processes, where they would go on from different states.

        epochs: that are done. So it is where one can't read the state that the others read, or finds it to be another card's.
        """
        if self.size == 1:
            return
        sums = [float(each.detach().cpu().double().sum()) for each in network.state_dict().values()]
        own = torch.tensor([float(epochs), *sums], dtype=torch.float64)
        least, most = (own.to(next(network.parameters()).device, copy=True) for _ in range(2))
        dist.all_reduce(least, dist.ReduceOp.MIN)
        dist.all_reduce(most, dist.ReduceOp.MAX)
        if not torch.equal(least, most):
            raise CheckpointError(
                f"{self.size} processes would go on from different states, after {least[0]:g} to {most[0]:g} epochs: their GPUs "
                "are unlike, or one can't read what is kept below resume/; remove that, or start fewer"
            )


ALONE = World()


class _Normalising(TorchFunctionMode):
    """Takes the place of `F.batch_norm` in any network; torch's own SyncBatchNorm doesn't run on CPUs."""

    def __init__(self, norm: Callable[..., Tensor]) -> None:
        super().__init__()
        self.norm = norm

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.batch_norm:
            return self.norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def batch_norm(
    input: Tensor,  # F.batch_norm's names
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`F.batch_norm` whose batch is that of all processes: their mean and variance, by sums with gradients.

    input: (B, C, …), of this process. Computed in float32, as torch does; returns what input is of.
    """
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    values, channels = input.float(), input.shape[1]
    others = [0, *range(2, input.dim())]
    shape = [1, channels] + [1] * (input.dim() - 2)
    own = values.new_full((1,), values.numel() // channels)
    sums = _summed(torch.cat((values.sum(others), own)))
    count = sums[-1].detach()
    mean = sums[:-1] / count
    centred = values - mean.view(shape)
    variance = _summed(centred.square().sum(others)) / count
    with torch.no_grad():
        if running_mean is not None and running_var is not None:
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((variance * count / (count - 1)).to(running_var.dtype), momentum)
    scale = (variance + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    normalised = centred * scale.view(shape)
    return (normalised if bias is None else normalised + bias.view(shape)).to(input.dtype)


def batch_norm_in_parts(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    parts: int,
    world: World,
) -> Tensor:
    """`F.batch_norm` of each part of a batch by itself. Running statistics take the mean of the parts' own.

    input: (B, C, …), the whole batch of one process, or one part of each of `parts` processes.
    """
    if not training:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    pieces = input.tensor_split(parts if world.size == 1 else 1)
    if running_mean is not None and running_var is not None:
        others = [0, *range(2, input.dim())]
        found = torch.stack([torch.stack(torch.var_mean(each.detach().float(), others)) for each in pieces]).sum(0)
        if world.size > 1:
            dist.all_reduce(found)
        variance, mean = found / parts
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(variance, momentum)
    return torch.cat([F.batch_norm(each, None, None, weight, bias, True, momentum, eps) for each in pieces])


def _summed(own: Tensor) -> Tensor:
    summed: Tensor = _Summed.apply(own)
    return summed


class _Summed(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs, as each one's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        summed = own.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed


@contextlib.contextmanager
def joined(device: str) -> Iterator[tuple[World, str]]:
    """The processes that torchrun started this one with, and the device of this one; alone, where nothing started it.

    device: as people name it; of several processes each has a GPU of its own. Raises ParameterError where there are too few.
    """
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        yield ALONE, device
        return
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if device.startswith("cuda:"):
        raise ParameterError(f"device {device}: {size} processes need a GPU each; --device cuda gives each its own, cpu none")
    if gpus < (here := int(os.environ["LOCAL_WORLD_SIZE"])) and (gpus or device == "cuda"):
        raise ParameterError(f"device {device}: {here} processes need a GPU each, but there are {gpus}; take --device cpu")
    card = torch.device("cuda", local) if gpus else None
    dist.init_process_group("nccl" if gpus else "gloo", device_id=card, timeout=LONGEST_WAIT)
    yield World(rank, size), f"cuda:{local}" if gpus else "cpu"
    dist.destroy_process_group()  # after a good end alone: it waits for the others, who may wait for one that failed


def check_parts(images: int, batch_size: int, world: World, norm_parts: int = 1) -> None:
    """Raises ParameterError where a step of an epoch has too few images for its processes, or for batch norm in parts.

    images: of an epoch. norm_parts: as a recipe has batch_norm_parts.
    """
    if norm_parts > 1 and world.size not in (1, norm_parts):
        raise ParameterError(f"batch_norm_parts: {norm_parts}, but distributed: {world.size}; right would be {norm_parts}, or 1")
    last = images % batch_size or batch_size
    smallest = min(images, batch_size, batch_size if last == 1 else last)  # a single one joins the step before
    if norm_parts > 1 and smallest < 2 * norm_parts:
        raise ParameterError(f"batch_norm_parts: {norm_parts}, but a step has {smallest} images; batch norm needs two in each part")
    if smallest < world.size:
        raise ParameterError(
            f"distributed: {world.size} processes, but of {images} images by batch_size {batch_size} a step has {smallest}; "
            "start fewer"
        )
