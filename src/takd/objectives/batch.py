"""What an objective is given at each step."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """What each step knows. labels: (B,), int64, or (B, C), float32, what they are softened to: as cross_entropy takes them.

    teacher_logits: (B, C), half precision, where there is a teacher. epoch: counted from 0.
    teacher_features: where the objective compares features, the teacher's, float32, stage by stage. epochs: of the whole training.
    """

    labels: Tensor
    teacher_logits: Tensor | None
    epoch: int
    teacher_features: tuple[Tensor, ...] = ()
    epochs: int = 1


class Outputs(NamedTuple):
    """What a student computes whose features are compared. logits: (B, C). features: what the objective's adapter made of them."""

    logits: Tensor
    features: tuple[Tensor, ...]

    def float(self) -> "Outputs":
        """The same in float32."""
        return Outputs(self.logits.float(), tuple(each.float() for each in self.features))
