"""What a job is given, held against each other before the first step: name, recipe, images, builder."""

from torch import Tensor, nn

from takd.data.prepared import PreparedData
from takd.errors import ParameterError
from takd.networks.builders import check
from takd.networks.registry import PAPER_FAMILIES, kind_and_name
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.loop import chosen_images, initialised
from takd.training.unlabelled import TransferSet


def check_network(builder: str, data: PreparedData, batch_size: int | None = None) -> None:
    """Try a network on two images before the first step; takd's own are known to work by more than one image a step.

    batch_size: of its training, where there is one. Raises ParameterError where it can't be built or fails, where batch norm would
    see one image a step, or where the network keeps what a file of weights doesn't hold.
    """
    known = kind_and_name(builder)[0] in PAPER_FAMILIES
    if known and batch_size != 1:
        return
    if not known:
        check(builder, data.classes, data.size)
    network = initialised(builder, data.classes, 0, data.size)
    if batch_size == 1 and any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules()):
        raise ParameterError(f"batch_size: 1, but {builder} has batch norm, which compares the images of a step; it needs two")
    for name, value in network.state_dict().items():
        kind = str(value.dtype).removeprefix("torch.") if isinstance(value, Tensor) else type(value).__name__
        if kind not in ("float32", "int64"):
            raise ParameterError(
                f"{builder}: its state has {name}, {kind}; right would be float32, int64, or a buffer with persistent=False"
            )
        if not value.isfinite().all():
            raise ParameterError(
                f"{builder}: {name} begins with numbers that are infinite or none; right would be finite ones, or a buffer with "
                "persistent=False"
            )


def check_recipe(name: Name, recipe: Recipe) -> None:
    """Raises ParameterError where the recipe is that of another kind of hop."""
    said = recipe.objective.name
    if said != name.objective.name:
        wanted = name.objective.name
        raise ParameterError(f"{name}: learns by {wanted}, but its recipe is for {said}; `takd recipe {name}` prints one")
    if (recipe.network.peer is None) != (name.peer is None):
        there = "names none" if recipe.network.peer is None else f"names {recipe.network.peer}"
        raise ParameterError(f"{name}: {'has no peer' if name.peer is None else 'needs a peer'}, but its recipe {there}")


def check_member(name: Name, recipe: Recipe) -> None:
    """Raises ParameterError where the recipe builds another of the paper's networks than the name says."""
    for member, builder in ((name.member, recipe.network.builder), (name.peer, recipe.network.peer)):
        kind, its = kind_and_name(builder) if builder is not None else ("", "")
        if member is not None and name.family in PAPER_FAMILIES and kind == name.family and its != member:
            raise ParameterError(f"{name}: its recipe builds {builder}, another member; `takd recipe {name}` prints its own")


def check_images(name: Name, recipe: Recipe, data: PreparedData) -> None:
    """Raises ParameterError where the images are others than the name's, or a share leaves too few of them."""
    check_dataset(name, data)
    images, held_out = chosen_images(data.train.labels, recipe.views, name.seed)
    if len(held_out) == 0 < recipe.views.validation_share:
        raise ParameterError(f"recipe: validation_share {recipe.views.validation_share:g} holds out no image of {data.name}")
    if len(images) < 2:
        raise ParameterError(
            f"recipe: training_share {recipe.views.training_share:g} leaves {len(images)} images of {data.name}; training needs two"
        )
    if recipe.views.unlabelled == "folder" and (data.unlabelled is None or data.unlabelled_digest != recipe.network.unlabelled):
        there = "has none" if data.unlabelled is None else "has others"
        raise ParameterError(f"{name}: its recipe is of images without labels, but {data.name} {there}; prepare it again")
    transfer = TransferSet.of(data, images, held_out, recipe.views, name.seed)
    if transfer is not None and not len(transfer.positions):
        raise ParameterError(f"recipe: unlabelled: training_share {recipe.views.training_share:g} leaves no image of {data.name}")


def check_dataset(name: Name, data: PreparedData) -> None:
    """Raises ParameterError where a prepared data set isn't the one that a network's name says."""
    if name.dataset != data.name:
        raise ParameterError(f"{name}: needs {name.dataset}, but the prepared data set is {data.name}")
