"""What takd is compared with: the authors' training loop, written afresh from its description, and a careful modern one.

Both train takd's own networks, so that only the loops differ.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from takd.data.prepared import Split

BATCH = 128
MODERN_EVALUATION_BATCH = 500
MEAN, DEVIATION = (0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761)  # of CIFAR-100's pixels in 0…1; the authors' for both
TRADE_OFF, TEMPERATURE = 0.5, 5.0

Batch = tuple[Tensor, Tensor]


class Pictures(Dataset[tuple[Tensor, int]]):
    """A split as torchvision's CIFAR-10 gives it: one PIL image at a time, through a chain of transforms."""

    def __init__(self, split: Split, *, augmented: bool) -> None:
        self.pixels = split.images.numpy()
        self.labels = split.labels.tolist()
        drawn = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()] if augmented else []
        self.transform = transforms.Compose([*drawn, transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def loader(split: Split, *, training: bool, augmented: bool, workers: int = 2) -> DataLoader[tuple[Tensor, int]]:
    """The authors' loader: (B, 3, 32, 32), float32, channels first, and (B,) labels."""
    return DataLoader(Pictures(split, augmented=augmented), batch_size=BATCH, shuffle=training, num_workers=workers)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    trade_off: float = TRADE_OFF,
    temperature: float = TEMPERATURE,
    reduction: Literal["elements", "batch"] = "elements",
) -> Tensor:
    """The paper's eq. 3, its divergence averaged over batch and classes as in the authors' code, or over the batch alone."""
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.softmax(teacher_logits / temperature, dim=1)
    terms = F.kl_div(student, teacher, reduction="none")
    divergence = terms.mean() if reduction == "elements" else terms.sum(dim=1).mean()
    hard = F.cross_entropy(student_logits, labels)
    return (1 - trade_off) * hard + trade_off * temperature**2 * divergence


def optimiser(student: nn.Module) -> torch.optim.Optimizer:
    """The authors' SGD: no Nesterov, decay on every weight."""
    return torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def authors_epoch(
    student: nn.Module, teacher: nn.Module | None, training: Iterable[Batch], test: Iterable[Batch], descent: torch.optim.Optimizer
) -> float:
    """One epoch as the authors' code runs it, then the share of the test images that the student gets right.

    float32, channels first. The teacher is asked again about every batch and isn't shielded from autograd: each backward pass
    also computes gradients of its weights, which nobody uses.
    """
    student.train()
    if teacher is not None:
        teacher.eval()
    for images, labels in training:
        descent.zero_grad()
        logits = student(images)
        loss = F.cross_entropy(logits, labels) if teacher is None else distillation_loss(logits, teacher(images), labels)
        loss.backward()
        descent.step()
    return _share_right(student, test)


def modern_epoch(
    student: nn.Module,
    teacher: nn.Module,
    training: Split,
    test: Split,
    descent: torch.optim.Optimizer,
) -> float:
    """The same epoch as a careful programmer writes it today, teacher still in the loop, then the share of test images right.

    Images are tensors in memory, the arithmetic is bfloat16 where autocast allows it, memory is channels last, the teacher
    builds no graph. Both networks must be in channels-last memory, and all on one device.
    """
    device = training.labels.device
    show = in_memory(training)
    student.train()
    teacher.eval()
    for batch in torch.randperm(len(training), device=device).split(BATCH):
        images = show(batch)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            with torch.no_grad():
                taught = teacher(images)
            logits = student(images)
        loss = distillation_loss(logits.float(), taught.float(), training.labels[batch], reduction="batch")
        descent.zero_grad()
        loss.backward()
        descent.step()
    show = in_memory(test)
    batches = ((show(batch), test.labels[batch]) for batch in torch.arange(len(test), device=device).split(MODERN_EVALUATION_BATCH))
    with torch.autocast(device.type, dtype=torch.bfloat16):
        return _share_right(student, batches)


def in_memory(split: Split) -> Callable[[Tensor], Tensor]:
    """Positions to normalised images, float32, (B, 3, 32, 32) in channels-last memory."""
    device = split.labels.device
    scale = (1 / (255 * torch.tensor(DEVIATION))).to(device)
    shift = (-torch.tensor(MEAN) / torch.tensor(DEVIATION)).to(device)
    return lambda positions: split.images[positions].float().mul_(scale).add_(shift).permute(0, 3, 1, 2)


@torch.no_grad()
def _share_right(student: nn.Module, test: Iterable[Batch]) -> float:
    student.eval()
    right = count = 0
    for images, labels in test:
        right += int((student(images).argmax(dim=1) == labels).sum())
        count += len(labels)
    return right / count
