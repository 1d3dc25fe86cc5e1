"""Any network from a line of text: takd's own, torchvision's, timm's, or what a function of the user's returns.

build("resnet:20", 10)                              images (B, 3, 32, 32) to logits (B, 10)
build("torchvision:mobilenet_v3_small", 37, size=96)
build("timm:test_vit", 37, size=64)                 with takd[timm]
build("nets.py:small", 37, root=project)            def small(classes) -> nn.Module
"""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from takd.errors import ParameterError
from takd.networks import own_code, plain, resnet
from takd.networks.layers import parameter_count
from takd.networks.registry import check_builder, is_library, kind_and_name, library_of, nearest

__all__ = ["build", "check", "check_builder", "code_files", "fill", "is_library", "library_of"]


def build(builder: str, classes: int, *, root: Path = Path(), size: int | None = None) -> nn.Module:
    """A network with freshly drawn weights (torch's global generator), on the CPU, in training mode.

    It takes images (B, 3, H, W) to logits (B, classes). root: the folder that a user's file or module is looked for in.
    size: side of the images in pixels, for networks that are built for one (plain, vision transformers); None: their usual one.
    Raises ParameterError where there is no such network, or it can't be built.
    """
    kind, name = kind_and_name(builder)
    if kind == "plain":
        return plain.build(int(name), classes, plain.IMAGE_SIDE if size is None else size)
    if kind == "resnet":
        return resnet.build(int(name), classes)
    if kind == "imagenet":
        from takd.networks import imagenet

        return imagenet.build(int(name), classes)
    if kind == "torchvision":
        return _of_torchvision(builder, name, classes, size)
    if kind == "timm":
        return _of_timm(builder, name, classes, size)
    return _of_user(builder, classes, root, size)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, strict: bool = True) -> None:
    """Give a network the tensors of its state, as they lie in a file. Raises RuntimeError where they don't fit it.

    A file has no versions of layers, which a state_dict carries beside its tensors and by which some are read (torchvision's
    MNASNet): they are those of the network as it is built.
    """
    state = OrderedDict(tensors)
    state._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(state, strict=strict)


def code_files(builder: str, root: Path) -> list[Path]:
    """The user's files that a network depends on, as own_code.files_of finds them; none for a library's network."""
    return [] if is_library(builder) else own_code.files_of(builder, root)


def check(builder: str, classes: int, size: int, *, root: Path = Path()) -> int:
    """Build a network and run two images of size x size pixels through it, in both modes, with gradients: its number of parameters.

    The global generator is left as it was. Raises ParameterError, one line, where the network can't be trained as it is.
    """
    with torch.random.fork_rng(devices=[]):
        network = build(builder, classes, root=root, size=size)
        images = torch.randn(2, 3, size, size)
        if not parameter_count(network):
            raise ParameterError(f"{builder}: the network has no parameters, so there is nothing to train")
        for training in (False, True):
            with own_code.running(builder, root, f"fails on images of {size}x{size} pixels: "):
                logits = network.train(training)(images)
            _check_logits(builder, logits, classes)
        if not logits.requires_grad:
            raise ParameterError(f"{builder}: no gradient reaches the parameters; they are frozen, or the logits are detached")
        with own_code.running(builder, root, "fails in the backward pass: "):
            logits.sum().backward()
        network.zero_grad()
        with own_code.running(builder, root, "can't be copied, as where it keeps a tensor of its last images: "):
            copy.deepcopy(network)
    return parameter_count(network)


def _check_logits(builder: str, logits: object, classes: int) -> None:
    if not isinstance(logits, Tensor):
        raise ParameterError(
            f"{builder}: the network returns a {type(logits).__name__}; right would be one tensor of logits (B, classes)"
        )
    if logits.shape != (2, classes):
        shape = tuple(logits.shape)
        raise ParameterError(
            f"{builder}: for 2 images and {classes} classes, logits are of shape {shape}; right would be (2, {classes})"
        )
    if not logits.is_floating_point():
        raise ParameterError(f"{builder}: the logits are of type {logits.dtype}; right would be torch.float32")
    if not logits.isfinite().all():
        raise ParameterError(f"{builder}: fresh weights give logits that are infinite or not numbers")
    if classes > 1 and logits.min() >= 0 and torch.allclose(logits.sum(1), torch.ones(2), atol=1e-5):
        raise ParameterError(f"{builder}: the network ends in a softmax; right would be logits, what goes into the softmax")


def _of_torchvision(builder: str, name: str, classes: int, size: int | None) -> nn.Module:
    from torchvision import models

    names = models.list_models(module=models)
    if name not in names:
        if name in models.list_models():
            where = models.get_model_builder(name).__module__
            raise ParameterError(
                f"{builder}: from {where}, which doesn't classify images; right would be, say, torchvision:resnet18"
            )
        raise ParameterError(f"{builder}: torchvision has no network of that name; the nearest are {nearest(name, names)}")
    options: dict[str, Any] = {}
    if name in ("inception_v3", "googlenet"):
        options = {"aux_logits": False, "init_weights": True}
    elif size is not None and name.startswith("vit_"):
        options = {"image_size": size}
    elif size is not None and name.startswith("maxvit"):
        options = {"input_size": (size, size)}
    with own_code.running(builder, Path(), _for_size(size)):
        return models.get_model(name, weights=None, num_classes=classes, **options)  # type: ignore[no-any-return]


def _of_timm(builder: str, name: str, classes: int, size: int | None) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise ParameterError(f"{builder}: timm isn't installed; pip install 'takd[timm]'") from None
    if not timm.is_model(name):
        raise ParameterError(f"{builder}: timm has no network of that name; the nearest are {nearest(name, timm.list_models())}")
    with own_code.running(builder, Path(), _for_size(size)):
        if size is not None:
            try:
                return timm.create_model(name, pretrained=False, num_classes=classes, img_size=size)
            except TypeError as error:
                if "img_size" not in str(error):
                    raise
        return timm.create_model(name, pretrained=False, num_classes=classes)


def _for_size(size: int | None) -> str:
    return "" if size is None else f"can't be built for images of {size}x{size} pixels: "


def _of_user(builder: str, classes: int, root: Path, size: int | None) -> nn.Module:
    """What the user's function returns for `classes`; one with a parameter `image_size` is given that too."""
    function = own_code.function_of(builder, root)
    with own_code.running(builder, root):
        options = {"image_size": size} if size is not None and _takes(function, "image_size") else {}
        network = function(classes, **options)
    if not isinstance(network, nn.Module):
        raise ParameterError(f"{builder}: it returned a {type(network).__name__}; right would be a torch.nn.Module")
    with own_code.running(builder, root):
        if any(nn.parameter.is_lazy(tensor) for tensor in (*network.parameters(), *network.buffers())):
            if size is None:
                raise ParameterError(f"{builder}: it has lazy layers, whose shapes aren't known before images are")
            with torch.no_grad():
                network.eval()(torch.zeros(2, 3, size, size))
        return network.cpu().float().train()


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    return parameter in inspect.signature(function).parameters
