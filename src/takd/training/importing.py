"""Taking over a network that was trained elsewhere: its weights are checked, judged on the test images and written as takd's."""

import torch

from takd.data import prepared
from takd.data.views import Normalisation
from takd.data.views import Views as Shown
from takd.errors import ParameterError
from takd.files import sha256_of
from takd.networks.builders import build
from takd.networks.checkpoints import load_into, read_state_dict
from takd.records.key import check_key, imported_key, own_code_of, training_code
from takd.records.provenance import commit
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.recipe_parts import Views
from takd.training.checks import check_dataset, check_network
from takd.training.device import chosen_device, used_precision
from takd.training.inference import logits, share_correct, still
from takd.training.job import Files
from takd.training.scores import scores_of
from takd.training.written import Measured, origin_of, write

PRECISION = "bfloat16"  # in which an imported network answers, where the machine has it: a recipe's default


def import_network(
    name: Name, recipe: Recipe, files: Files, *, threads: int, device_name: str, expected_key: str | None = None
) -> None:
    """Take over the network of `files.weights`. Of the recipe only builder and normalisation count.

    Raises CheckpointError where the weights don't fit, ParameterError where a teacher or weights to begin from are given too, where
    the network is no chain's first, or where the workflow expects another key.
    """
    # what is given
    assert files.weights is not None
    _check_alone(name, files)
    builder, views = recipe.network.builder, Views(normalisation=recipe.views.normalisation)
    files.check(builder)
    data = prepared.load(files.data)
    check_dataset(name, data)
    device = chosen_device(device_name, threads)
    check_network(builder, data)

    # what it is going to be
    made_at, own_code, digest = commit(), own_code_of(builder), sha256_of(files.weights)
    code = training_code((builder,), None, brought=True)
    key = imported_key(name, f"{builder} {views.normalisation}", weights=digest, code=code, data_digest=data.digest)
    check_key(files.output, key, expected_key)
    origin = origin_of(
        name, data, device, key=key, code=code, builder=builder, precision=PRECISION, threads=threads, weights=digest
    )

    # judge
    network = build(builder, data.classes, size=data.size)
    load_into(network, read_state_dict(files.weights), source=str(files.weights))
    network = network.to(device).to(memory_format=torch.channels_last)
    test = data.test.to(device)
    normalisation = Normalisation.of(data.train.to(device), views.normalisation)
    images = Shown(test, normalisation, augmentation="none")
    said = logits(still(network, used_precision(PRECISION, device), images), images)
    answers = said.argmax(dim=1)
    accuracy = share_correct(answers, test.labels)
    print(f"{name}: {accuracy:.2f} % on the test images, by {files.weights}", flush=True)

    # write
    measured = Measured(
        accuracy=accuracy,
        selected_accuracy=accuracy,
        answers=answers,
        history=[],
        on_test=True,
        scores=scores_of(said, test.labels),
    )
    write(
        files.output,
        files.metrics,
        network,
        origin,
        data,
        measured,
        views=views,
        precision=PRECISION,
        commit=made_at,
        own_code=own_code,
    )


def _check_alone(name: Name, files: Files) -> None:
    """Raises ParameterError where something is given that only a training needs, or the network is no chain's first."""
    other = next((path for path in (*files.soft_targets, *files.teachers, files.start) if path is not None), None)
    if other is not None:
        raise ParameterError(f"{name}: is taken from {files.weights} without training, so it has no use for {other}")
    if len(name.hops) > 1:
        raise ParameterError(f"{name}: weights are taken over for the first network of a chain alone, as in {name.member}")
