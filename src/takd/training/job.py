"""Training as a job: from files to files, with all that it is given checked before the first step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.errors import CheckpointError, ParameterError
from takd.files import check_outputs, read_metadata, sha256_of
from takd.networks.builders import code_files
from takd.networks.checkpoints import load_into, read_state_dict
from takd.records.key import check_key, code_of, network_key, own_code_of
from takd.records.provenance import commit
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.bar import Bar
from takd.training.checkpoint import Progress, resume_key
from takd.training.checks import check_images, check_member, check_network, check_recipe
from takd.training.device import chosen_device
from takd.training.distributed import World, check_parts, joined
from takd.training.loop import chosen_images, initialised, train
from takd.training.soft_targets import from_file, online
from takd.training.teaching import Several, Teaching
from takd.training.unlabelled import judged_among
from takd.training.watched import Asking, Beside
from takd.training.written import Measured, origin_of, write


@dataclass(frozen=True)
class Files:
    """What a job reads and writes. Of soft_targets and teacher a distilled network needs one; others need neither.

    Several of either where several teachers teach, in the order that `taught_by` has. start: weights that training begins from.
    weights: of a network that isn't trained, only taken over. teacher_builders: one a teacher, of one's own code. settings: files
    that recipe and key were read from.
    """

    data: Path
    output: Path
    metrics: Path
    soft_targets: tuple[Path, ...] = ()
    teachers: tuple[Path, ...] = ()
    start: Path | None = None
    weights: Path | None = None
    resume: Path | None = None
    teacher_builders: tuple[str | None, ...] = ()
    settings: tuple[Path, ...] = ()

    def check(self, *builders: str | None) -> None:
        """Raises ParameterError or OSError where one can't be written, or would be written over another or a builder's code."""
        code = [path for builder in (*builders, *self.teacher_builders) if builder for path in code_files(builder, Path())]
        read = [self.data, *self.soft_targets, *self.teachers, self.start, self.weights, *self.settings, *code]
        written = [self.output, self.metrics, self.resume]
        check_outputs([path for path in written if path], [path for path in read if path])


def train_network(
    name: Name, recipe: Recipe, files: Files, *, threads: int, device_name: str, expected_key: str | None = None
) -> None:
    """Train one network and write its weights, then its metrics. Where a TakdError or an OSError is raised, neither is written.

    expected_key: what the workflow expects the result to bear; another one ends in a ParameterError before the first step. Where
    torchrun started several processes, they train it together and share the threads, and the first one writes.
    """
    with joined(device_name) as (world, own_device):
        own_threads = max(threads // world.size, 1)
        _train_in(world, name, recipe, files, threads=own_threads, device_name=own_device, expected_key=expected_key)


def _train_in(
    world: World, name: Name, recipe: Recipe, files: Files, *, threads: int, device_name: str, expected_key: str | None
) -> None:
    # what is given
    builder, peer = recipe.network.builder, recipe.network.peer
    files.check(builder, peer)
    data = prepared.load(files.data)
    check_recipe(name, recipe)
    check_images(name, recipe, data)
    device = chosen_device(device_name, threads)
    for each in filter(None, (builder, peer)):
        check_network(each, data, recipe.optimiser.batch_size)
    images, held_out = chosen_images(data.train.labels, recipe.views, name.seed)
    check_parts(len(images), recipe.optimiser.batch_size, world, recipe.optimiser.batch_norm_parts)
    teacher = _teacher(name, recipe, files, data, device, world)
    start = _start(name, recipe, files, data)
    check_member(name, recipe)

    # what it is going to be
    made_at = commit()  # before the hours in which somebody may commit
    code, own_codes = code_of(recipe), {each: own_code_of(each) for each in (builder, peer) if each}
    teacher_key = None if teacher is None else teacher.teacher_key
    key = network_key(name, recipe, code=code, data_digest=data.digest, teacher_key=teacher_key)
    check_key(files.output, key, expected_key)
    precision = recipe.optimiser.precision
    origin = origin_of(
        name,
        data,
        device,
        key=key,
        code=code,
        builder=builder,
        precision=precision,
        threads=threads,
        processes=world.size,
        recipe=recipe,
        teacher=teacher,
    )
    progress = None
    if files.resume is not None:
        progress = Progress(files.resume, resume_key(origin.model_dump_json(), _bytes_digest(files)))

    # train
    if world.leads and recipe.views.unlabelled == "folder" and (judged := judged_among(data, held_out)):
        print(f"{name}: {judged} of its images without labels are those that it is judged on", flush=True)
    with Bar(len(images), recipe.all_epochs, quiet=not world.leads) as bar:
        trained = train(
            name,
            recipe,
            data,
            teacher,
            device=device,
            start=start,
            progress=progress,
            world=world,
            on_built=partial(_check_unchanged, name, own_codes),
            on_epoch=bar.epoch,
            on_step=bar.step,
        )
    if not world.leads:
        return

    # write
    accuracies = [epoch.accuracy for epoch in trained.history]
    measured = Measured(
        accuracy=accuracies[-1],
        selected_accuracy=accuracies[-1] if recipe.length.select == "last" else max(accuracies),
        answers=trained.answers,
        scores=trained.scores,
        history=trained.history,
        on_test=recipe.views.validation_share == 0,
    )
    places = files.output, files.metrics
    write(
        *places,
        trained.network,
        origin,
        data,
        measured,
        views=recipe.views,
        precision=precision,
        commit=made_at,
        own_code=own_codes[builder],
    )
    if progress is not None:
        progress.finish()


def _check_unchanged(name: Name, own_codes: Mapping[str, str | None]) -> None:
    """Raises ParameterError where what was just built isn't of the code that the key is over: the network would bear another's key.

    own_codes: hashes of one's own code, as the key was computed. Later edits don't matter: the code that trains is loaded by now.
    """
    for builder, before in own_codes.items():
        if own_code_of(builder) != before:
            raise ParameterError(f"{builder} was changed after the key of {name} was computed; run the same command again")


def _teacher(name: Name, recipe: Recipe, files: Files, data: PreparedData, device: torch.device, world: World) -> Teaching | None:
    """What teaches it, from files or as it is asked; None for a network without a teacher."""
    given = files.soft_targets or files.teachers
    runs = name.objective.features or name.objective.asks
    if runs and not files.teachers:
        raise ParameterError(f"{name}: needs --teacher, {name.teacher()}, as +{name.objective.name} asks it more than logits")
    if name.is_distilled and not given:
        raise ParameterError(f"{name}: needs --soft-targets of {name.teacher()}, which `takd targets` makes, or --teacher")
    if not name.is_distilled and given:
        raise ParameterError(f"{name}: has no teacher, but {given[0]} was given")
    if not given:
        return None
    names = taught_by(name, recipe)
    if len(given) != len(names):
        said = ", ".join(map(str, names))
        raise ParameterError(f"{name}: {len(given)} teachers were given, but it learns from {len(names)}: {said}, in this order")
    if files.soft_targets:
        return _one_of([from_file(path, name, recipe, data, each) for path, each in zip(given, names, strict=True)], name, recipe)
    builders = files.teacher_builders or (None,) * len(given)
    if len(builders) != len(given):
        raise ParameterError(f"{name}: {len(builders)} --teacher-builder for {len(given)} teachers; give each one, '' for none")
    beside = [
        online(path, name, recipe, data, device, code, each, world) for path, code, each in zip(given, builders, names, strict=True)
    ]
    if name.objective.asks:
        return Asking(beside[0], Normalisation.of(data.train, recipe.views.normalisation))
    return Beside(beside[0]) if name.objective.features else _one_of(beside, name, recipe)


def taught_by(name: Name, recipe: Recipe) -> list[Name]:
    """The names of what teaches a network, its own teacher first; their seeds count in an ensemble alone."""
    first = name.teacher()
    if seeds := recipe.objective.teachers_seeds:
        return [first.with_seed(seed) for seed in seeds]
    return list(name.ancestors) if name.objective.ancestors else [first]


def _one_of(teachers: Sequence[Teaching], name: Name, recipe: Recipe) -> Teaching:
    """All teachers as one. Raises CheckpointError where an ensemble's are of other seeds than its recipe says."""
    seeds = recipe.objective.teachers_seeds
    for teacher, seed in zip(teachers, seeds, strict=False):
        if teacher.teacher.seed != seed:
            raise CheckpointError(f"{name}: was given {teacher.teacher}, but its ensemble has seed {seed} there")
    if len(teachers) == 1:
        return teachers[0]
    return Several(teachers, float(recipe.objective.model_dump()["temperature"]) if seeds else None)


def _start(name: Name, recipe: Recipe, files: Files, data: PreparedData) -> dict[str, Tensor] | None:
    """The weights that training begins from, checked against the network; a head of another size is drawn afresh."""
    wanted = recipe.network.start
    if files.start is None:
        if wanted is not None:
            raise ParameterError(f"{name}: its recipe begins from weights; give them by --start")
        return None
    if wanted is None:
        raise ParameterError(
            f"{name}: its recipe begins from nothing, but {files.start} was given; a preset's `start:` names weights"
        )
    if sha256_of(files.start) != wanted:
        raise CheckpointError(f"{files.start}: not the weights that the recipe of {name} begins from")
    network = initialised(recipe.network.builder, data.classes, name.seed, data.size)
    load_into(network, read_state_dict(files.start), source=str(files.start), head_may_differ=True)
    return network.state_dict()


def _bytes_digest(files: Files) -> str:
    """Of soft targets, as a teacher's last bits differ by machine: the digests that the files bear, which were checked."""
    return " ".join(str(read_metadata(path)["digest"]) for path in files.soft_targets)
