"""Features of student and teacher, stage by stage, for objectives that compare more than logits."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from takd.data.randomness import generator
from takd.data.views import Normalisation
from takd.errors import ParameterError
from takd.networks.features import WithFeatures, stages, with_features
from takd.objectives.batch import Asked, Outputs
from takd.training.inference import EXAMPLE
from takd.training.soft_targets import Online
from takd.training.teaching import Said, Shown

Adapter = Callable[[Sequence[Tensor], Sequence[Tensor]], nn.Module]


class Watched(nn.Module):
    """A student, its features, and the objective's adapter, which is trained along and never saved with the student."""

    def __init__(self, student: WithFeatures, adapter: nn.Module) -> None:
        super().__init__()
        self.student = student
        self.adapter = adapter

    def forward(self, images: Tensor) -> Outputs:
        """(B, 3, H, W) to logits and adapted features."""
        logits, features = self.student(images)
        return Outputs(logits, self.adapter(tuple(features.values())))


class Beside:
    """A teacher that runs beside its student and shows its features, step by step."""

    def __init__(self, online: Online) -> None:
        """Raises ParameterError where the teacher names no stages."""
        self.teacher, self.teacher_key, self.teacher_digest = online.teacher, online.teacher_key, online.teacher_digest
        self.online = online
        self.stages = _stages_of(online.network, str(self.teacher), self.example)
        self.watched = with_features(self.online.network, self.stages, self.example)

    @property
    def example(self) -> Tensor:
        """Some images, as the teacher takes them."""
        images = self.online.images
        return self._pictures(torch.arange(min(EXAMPLE, len(images)), device=images.device), images.of_epoch(self.online.seed, 0))

    def keep(self, count: int) -> None:
        """Show the last `count` stages alone: those that the student has too."""
        self.stages = self.stages[-count:]
        self.watched = with_features(self.online.network, self.stages, self.example)

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """Nothing: features of a whole epoch would fill the memory, so each step is asked."""

    @torch.no_grad()
    def of_step(self, shown: Shown) -> Said:
        """Its logits and features. Raises DivergenceError where a logit overflows half precision."""
        pictures = self._pictures(shown.positions, shown.views)
        logits, features = self.watched(pictures if shown.mix is None else shown.mix(pictures)[0])
        return Said(self.online.rounded(logits, shown.epoch), tuple(each.float() for each in features.values()))

    def _pictures(self, positions: Tensor, views: Tensor | None) -> Tensor:
        return self.online.images.batch(positions, views).to(next(self.online.network.parameters()).dtype)


class Asking:
    """A teacher that runs beside its student, and can be asked about images that the objective makes."""

    def __init__(self, online: Online, normalisation: Normalisation) -> None:
        """normalisation: of the student, whose images are turned into what the teacher takes."""
        self.teacher, self.teacher_key, self.teacher_digest = online.teacher, online.teacher_key, online.teacher_digest
        self.online = online
        device = online.images.device  # the normalisation may have been found where the data were read
        own = [each[:3].view(3, 1, 1).to(device) for each in (normalisation.scale, normalisation.shift)]
        taken = [each[:3].view(3, 1, 1) for each in (online.images.scale, online.images.shift)]
        self.own, self.taken = own, taken
        self.ask = Asked(self._logits, darkest=own[1], brightest=255 * own[0] + own[1])

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """As the teacher online."""
        self.online.begin_epoch(epoch, device, is_mixed=is_mixed)

    def of_step(self, shown: Shown) -> Said:
        """Its logits, and itself."""
        return self.online.of_step(shown)._replace(ask=self.ask)

    def _logits(self, images: Tensor) -> Tensor:
        network = self.online.network
        (scale, shift), (taken_scale, taken_shift) = self.own, self.taken
        as_taken = (images.float() - shift) / scale * taken_scale + taken_shift
        logits: Tensor = network(as_taken.to(next(network.parameters()).dtype, memory_format=torch.channels_last))
        return logits.float()


def watched(student: nn.Module, called: str, teacher: Beside, adapter: Adapter, example: Tensor, seed: int) -> Watched:
    """The student with its features beside its teacher's: stages are paired from the last, as many as both have.

    called: the student's name. example: some images, as the student takes them, on its device. seed: draws the adapter's weights.
    Raises ParameterError where the student names no stages.
    """
    own = _stages_of(student, called, example)
    count = min(len(own), len(teacher.stages))
    teacher.keep(count)
    with_them = with_features(student, own[-count:], example)
    modes = [(module, module.training) for module in student.modules()]
    with_them.eval()  # running statistics stay what they are
    with torch.no_grad():
        features = tuple(with_them(example)[1].values())
        taught = tuple(each.float() for each in teacher.watched(teacher.example)[1].values())
    for module, mode in modes:
        module.training = mode
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("adapter", seed).initial_seed())
        made = adapter(features, taught)
    return Watched(with_them, made.to(example.device))


def _stages_of(network: nn.Module, called: str, example: Tensor) -> tuple[str, ...]:
    found = stages(network, example)
    if not found:
        raise ParameterError(
            f"{called}: has no stages whose features could be compared: none of its modules gives (B, C, H, W) with H above 1; "
            "take a method over soft targets, as +dkd"
        )
    return found
