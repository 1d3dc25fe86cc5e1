"""What a job leaves behind: a network's weights, then the record of it; both or neither."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.networks.layers import parameter_count
from takd.networks.registry import library_of
from takd.records.metrics import Epoch, Metrics, Origin, packed_answers
from takd.records.provenance import machine, versions
from takd.records.weights import write_weights
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.recipe_parts import Views
from takd.training.checkpoint import apart
from takd.training.device import instructions, library_versions, used_precision
from takd.training.scores import Scores
from takd.training.teaching import Teaching


@dataclass(frozen=True)
class Measured:
    """What a job found out about its network.

    accuracy: of the last epoch, selected_accuracy: of the weights that are kept, both in per cent. answers: their top-1 classes for
    the images judged: (N,), int64. history: empty where nothing was trained. on_test: whether the test images were
    judged. scores: of the weights that are kept.
    """

    accuracy: float
    selected_accuracy: float
    answers: Tensor
    history: list[Epoch]
    on_test: bool
    scores: Scores


def origin_of(
    name: Name,
    data: PreparedData,
    device: torch.device,
    *,
    key: str,
    code: str,
    builder: str,
    precision: str,
    threads: int,
    processes: int = 1,
    recipe: Recipe | None = None,
    teacher: Teaching | None = None,
    weights: str | None = None,
) -> Origin:
    """Everything that a network's bits depend on, and where it is made. weights: digest of the file that it is taken from."""
    library = library_of(builder)
    return Origin(
        name=str(name),
        key=key,
        recipe=recipe,
        weights=weights,
        builder=builder,
        classes=data.classes,
        data_digest=data.digest,
        teacher=None if teacher is None else str(teacher.teacher),
        teacher_digest=None if teacher is None else teacher.teacher_digest,
        code=code,
        threads=threads,
        processes=processes if processes > 1 else None,
        device=device.type,
        machine=machine(device),
        instructions=instructions(device),
        precision="bfloat16" if used_precision(precision, device) == torch.bfloat16 else "float32",
        versions=versions(*([library] if library else [])) | library_versions(device),
    )


def write(
    output: Path,
    metrics: Path,
    network: nn.Module,
    origin: Origin,
    data: PreparedData,
    measured: Measured,
    *,
    views: Views,
    precision: str,
    commit: str,
    own_code: str | None,
) -> None:
    """Write weights to `output`, then their record to `metrics`. Raises OSError where one can't be written; then neither is there.

    views: how the network is shown images, and what it didn't learn from. precision: that of its recipe, in which later readers
    compute where they can. own_code: hash of somebody's own code that built it,
    as its training began. On held-out images there is no test accuracy, so no best one.
    """
    normalisation = Normalisation.of(data.train, views.normalisation)
    about = origin.model_dump(include={"name", "key", "builder", "classes", "data_digest"}) | {
        "commit": commit,
        "own_code": own_code,
        "labels": data.labels,
        "size": data.size,
        "scale": normalisation.scale.tolist(),
        "shift": normalisation.shift.tolist(),
        "precision": precision,
        "held_out": views.held_out,
    }
    accuracies = [epoch.accuracy for epoch in measured.history]
    weights = write_weights(output, apart(network.state_dict()), about)
    record = Metrics(
        **dict(origin),
        commit=commit,
        measured_on="test" if measured.on_test else "validation",
        accuracy=measured.accuracy,
        best_test_accuracy=max(accuracies) if accuracies and measured.on_test else None,
        selected_accuracy=measured.selected_accuracy,
        **measured.scores._asdict(),
        test_answers=packed_answers(measured.answers.tolist()) if measured.on_test else None,
        epochs=len(measured.history),
        seconds=sum(epoch.seconds for epoch in measured.history),
        parameters=parameter_count(network),
        weights_digest=weights.digest,
        history=measured.history,
    )
    try:
        record.write(metrics)
    except OSError:
        output.unlink()
        raise
