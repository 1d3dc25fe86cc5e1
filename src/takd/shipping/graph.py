"""A trained network as one graph for programs that know nothing of takd: bytes of images in, probabilities and logits out."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from takd.errors import CheckpointError, shortened
from takd.networks.frozen import fused
from takd.records.weights import About

INPUT, PROBABILITIES, LOGITS = "images", "probabilities", "logits"
MOST_BYTES = 2_000_000_000  # of an ONNX file in one piece


class Whole(nn.Module):
    """Normalisation, the network, and softmax: (B, S, S, 3), uint8, to probabilities and logits, both (B, C), float32."""

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, about: About, precision: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(precision).to(memory_format=torch.contiguous_format)
        self.precision = precision
        self.register_buffer("scale", torch.tensor(about.scale))
        self.register_buffer("shift", torch.tensor(about.shift))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of the classes, and the logits behind them."""
        shown = (images.float() * self.scale + self.shift).permute(0, 3, 1, 2).contiguous()
        logits = self.network(shown.to(self.precision)).float()
        return logits.softmax(dim=1), logits


def traced(
    network: nn.Module, about: About, images: Tensor, precision: torch.dtype = torch.float32
) -> torch.export.ExportedProgram:
    """The graph of a network with batch norm folded, for any number of images.

    images: two or more, (B, S, S, 3), uint8. precision: of all arithmetic between the normalised images and the logits. Raises
    CheckpointError where the network's own code can't be written as a graph.
    """
    shown = (images.float() * torch.tensor(about.scale) + torch.tensor(about.shift)).permute(0, 3, 1, 2)
    with said_in_a_line("written as a graph", about):
        whole = Whole(fused(network, shown), about, precision).eval().requires_grad_(False)
        free = {"images": {0: torch.export.Dim("batch")}}
        program = torch.export.export(whole, (images[:2],), dynamic_shapes=free)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # this machine's files
    return program


def as_torch(program: ExportedProgram, about: About) -> bytes:
    """The graph as a file for `torch.export.load`."""
    content = io.BytesIO()
    with said_in_a_line("saved by torch.export", about):
        torch.export.save(program, content)
    return content.getvalue()


def as_onnx(program: ExportedProgram, about: About) -> Any:
    """The graph as an onnx.ModelProto that says nothing of where it was made.

    Raises CheckpointError where ONNX lacks an operator of it, or it is too large for one file.
    """
    with said_in_a_line("written as ONNX", about):
        names = {"input_names": [INPUT], "output_names": [PROBABILITIES, LOGITS]}
        converted = torch.onnx.export(program, dynamo=True, verbose=False, **names)  # type: ignore[arg-type]
        assert converted is not None
        model = converted.model_proto
    size = model.ByteSize()
    if size > MOST_BYTES:
        raise CheckpointError(f"{about.name}: {size:,} bytes as ONNX; a file in one piece has at most {MOST_BYTES:,}")
    _without_traces(model)
    return model


def _without_traces(model: Any) -> None:
    """Take out what the exporter notes of this machine's files, and what any reader finds itself; name the free dimension."""
    graph = model.graph
    del graph.value_info[:]
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


@contextlib.contextmanager
def said_in_a_line(what: str, about: About) -> Iterator[None]:
    """What torch complains of while it makes a graph, in one line; its warnings and its log are dropped."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # the network's own code may raise anything where it meets a symbol in the place of a number
        raise CheckpointError(f"{about.name}: can't be {what}: {_first_cause(error)}") from None
    finally:
        logging.disable(logging.NOTSET)


def _first_cause(error: BaseException) -> str:
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    text = str(error).strip()
    return shortened(text.splitlines()[0] if text else type(error).__name__)
