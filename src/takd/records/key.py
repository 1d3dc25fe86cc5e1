"""The key of a file: a hash over everything that it is made from. What it should be decides whether the file is made again.

A key is over a recipe, the code, the keys of what goes in and the data's digest, so a change far upstream shows at each file
downstream. It rests on no record of Snakemake's, and on no time stamp.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from takd.code import code_hash
from takd.errors import ParameterError
from takd.networks.own_code import files_of
from takd.networks.registry import PAPER_FAMILIES, is_library, kind_and_name
from takd.objectives.registry import ALL
from takd.study.names import Name
from takd.study.recipe import Recipe

FORMAT = 1  # of the files themselves; another one makes all of them anew
TRAINING = "takd.training.job"  # whose code, and all that it imports, is what trains
IMPORTING = "takd.training.importing"
SOFT_TARGETS = "takd.training.soft_targets"


def training_code(builders: tuple[str | None, ...], objective: str | None, *, brought: bool = False, root: Path = Path()) -> str:
    """The hash of all code that a network's bits depend on: the training's, what builds it and its peer, and its objective's.

    objective: None where it is taken over and not trained. brought: whether it begins from weights of elsewhere. Raises
    ParameterError where a builder's own code isn't there.
    """
    modules = [IMPORTING if objective is None else TRAINING, *(["takd.networks.checkpoints"] if brought else [])]
    files: list[Path] = []
    for builder in builders:
        if builder is None:
            continue
        if not is_library(builder):
            files += files_of(builder, root)
        elif (kind := kind_and_name(builder)[0]) in PAPER_FAMILIES:
            modules.append(f"takd.networks.{kind}")
    if objective is not None:
        modules.append(ALL[objective].module)
    return code_hash(*dict.fromkeys(modules), files=files)


def code_of(recipe: Recipe, root: Path = Path()) -> str:
    """The hash of all code that the training by a recipe depends on."""
    network = recipe.network
    return training_code((network.builder, network.peer), recipe.objective.name, brought=network.start is not None, root=root)


def own_code_of(builder: str, root: Path = Path()) -> str | None:
    """The hash of somebody's own code that builds a network; None where a library builds it."""
    return None if is_library(builder) else code_hash(files=files_of(builder, root))


def key_of(*made_from: object) -> str:
    """16 hexadecimal digits over what something is made from: texts, numbers, lists and mappings of them."""
    return hashlib.sha256(json.dumps([FORMAT, *made_from], sort_keys=True).encode()).hexdigest()[:16]


def check_key(path: Path, key: str, expected: str | None) -> None:
    """Raises ParameterError where what is about to be made isn't what the workflow expects."""
    if expected is not None and key != expected:
        raise ParameterError(
            f"{path}: the recipe, code, data or teacher changed since the workflow was read (key {key}, expected {expected}); "
            "run the same command again"
        )


def data_key(dataset: str, digest: str | None) -> str:
    """Of a prepared data set: what is in it counts, not how it was read. digest: None where nobody has read it yet."""
    return key_of("data", dataset, digest)


def network_key(name: Name, recipe: Recipe, *, code: str, data_digest: str | None, teacher_key: str | None) -> str:
    """Of a trained network. code: the hash of all that trains it. teacher_key: of the network that teaches it, where one does."""
    return key_of("network", str(name), recipe.canonical(), code, data_digest, teacher_key)


def imported_key(name: Name, builder: str, *, weights: str, code: str, data_digest: str | None) -> str:
    """Of a network whose weights were brought. weights: their file's sha256."""
    return key_of("imported", str(name), builder, weights, code, data_digest)


def teachers_key(keys: Sequence[str]) -> str:
    """Of all networks that teach one: of one teacher its own key."""
    return keys[0] if len(keys) == 1 else key_of("teachers", list(keys))


def teachers_digest(digests: Sequence[str]) -> str:
    """Of the weights of all networks that teach one, in their order: of one teacher its own digest."""
    return digests[0] if len(digests) == 1 else hashlib.sha256(json.dumps(list(digests)).encode()).hexdigest()


def soft_targets_key(teacher_key: str, views: str, *, code: str, data_digest: str | None) -> str:
    """Of a teacher's answers to the views of a name."""
    return key_of("soft targets", teacher_key, views, code, data_digest)


def surface_key(network: str, grid: dict[str, object], *, code: str) -> str:
    """Of the loss around a network. network: its key."""
    return key_of("surface", network, grid, code)
