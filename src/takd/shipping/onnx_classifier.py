"""A network in an ONNX file that answers for pictures: it is run by ONNX Runtime on the CPU."""

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, ValidationError
from torch import Tensor

from takd.errors import CheckpointError, ParameterError, shortened
from takd.files import check_regular, packed, parsed_json
from takd.records.weights import Label
from takd.shipping.predictor import Predictor
from takd.study.section import first_problem

METADATA, PROBABILITIES = "takd", "probabilities"


class Said(BaseModel):
    """What a file says of itself, as far as it is needed here; it may say more. labels: none where the classes have no names."""

    labels: Annotated[tuple[Label, ...], Field(max_length=65_536)] = ()
    size: Annotated[int, Field(ge=1, le=4096)]


class OnnxClassifier(Predictor):
    """An exported network with its labels. Its input is images (B, S, S, 3), uint8; its output `probabilities`, (B, C)."""

    def __init__(self, path: Path) -> None:
        """Raises CheckpointError where the file isn't one that takd exported, ParameterError where ONNX Runtime isn't installed."""
        self._path = path
        self._session = _opened(path)
        said = _said(path, self._session.get_modelmeta().custom_metadata_map)
        given, answered = self._session.get_inputs(), {one.name: one.shape for one in self._session.get_outputs()}
        shape = given[0].shape if len(given) == 1 and given[0].type == "tensor(uint8)" else []
        if shape[1:] != [said.size, said.size, 3] or len(answered.get(PROBABILITIES, [])) != 2:
            raise CheckpointError(f"{path}: its inputs and outputs aren't those that takd writes")
        classes = answered[PROBABILITIES][1]
        if not isinstance(classes, int) or (said.labels and len(said.labels) != classes):
            raise CheckpointError(f"{path}: {len(said.labels)} labels for {classes} classes")
        self._input = given[0].name
        super().__init__(said.size, classes, said.labels)

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8.

        Raises DataError for other images, CheckpointError where the network can't run on them.
        """
        self.check(images)
        try:
            (probabilities,) = self._session.run([PROBABILITIES], {self._input: images.numpy()})
        except Exception as error:  # ONNX Runtime's exceptions have no base of their own
            raise CheckpointError(f"{self._path}: can't run: {shortened(error)}") from None
        return torch.from_numpy(probabilities).float()


def _opened(path: Path) -> Any:
    """An onnxruntime.InferenceSession on one thread of the CPU. No operator of somebody's own is loaded."""
    check_regular(path)
    try:
        import onnxruntime
    except ImportError:
        raise ParameterError(f"{path}: onnxruntime isn't installed; pip install takd[export]") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong with a file is said once, by us
    try:
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise CheckpointError(f"{path}: not a network that ONNX Runtime runs ({shortened(error)})") from None


def _said(path: Path, metadata: dict[str, str]) -> Said:
    """What the file says under `takd`: JSON, after a digest of it or not."""
    text = metadata.get(METADATA)
    if text is None:
        raise CheckpointError(f"{path}: an ONNX file, but not one that takd exported")
    try:
        values = parsed_json(text[text.find("{") :])
        if not text.startswith("{") and packed(values)[METADATA] != text:
            raise ValueError
        return Said.model_validate(values)
    except ValidationError as error:
        raise CheckpointError(f"{path}: what it says of itself can't be used: {first_problem(error)}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{path}: what it says of itself was changed, or damaged") from None
