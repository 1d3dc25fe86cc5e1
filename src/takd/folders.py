"""The folders of results: of params.yaml, of each preset, of each variant; and which networks a table needs in which of them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from takd.chain import Network
from takd.errors import ParameterError
from takd.params import Parameters
from takd.reporting.artifacts import AnyArtifact, Artifact, look_up

RESERVED = ("accuracy", "logs", "models", "pages", "soft_targets", "surfaces", "variants")  # folders below each folder of results
VARIANTS = "/variants/"
TUNING = "tuning"  # the variant that holds images out, to choose hyper-parameters on


class Folder(NamedTuple):
    """What stands in a folder was made by `parameters`. teachers: the folder whose networks teach those of this one."""

    parameters: Parameters
    teachers: str


def folder_of(results: str, variant: str) -> str:
    """The folder of a variant of those results; without one, theirs."""
    return f"{results}{VARIANTS}{variant}" if variant else results


def folders(params: Path, presets: Path, changes: Mapping[str, Any]) -> dict[str, Folder]:
    """All folders by name: results, results/PRESET, and variants/NAME below each. changes: typed, count after any file's.

    Raises ParameterError where a file can't be used.
    """
    found: dict[str, Folder] = {}
    for results, preset in {"results": None, **{f"results/{path.stem}": path for path in sorted(presets.glob("*.yaml"))}}.items():
        if preset and not re.fullmatch(r"[\w-]+", preset.stem):
            raise ParameterError(f"{preset}: names a folder of results; use letters, digits, _ and -")
        if preset and preset.stem in RESERVED:
            raise ParameterError(f"{preset}: results/{preset.stem} is a folder of params.yaml's own results; choose another name")
        parameters = Parameters.load(params, preset, changes)
        if TUNING in parameters.variants:
            raise ParameterError(f"variants: {TUNING} is the name of takd's own; choose another one")
        found[results] = Folder(parameters, results)
        _add_variants(found, results, parameters.variants | {TUNING: parameters.tuning.held_out()})
        _add_variants(found, folder_of(results, TUNING), parameters.tuning.points())
    return found


def _add_variants(found: dict[str, Folder], results: str, variants: Mapping[str, Any]) -> None:
    for name, variant in variants.items():
        folder = folder_of(results, name)
        teachers = found[results].teachers if variant.teachers == "shared" else folder
        found[folder] = Folder(found[results].parameters.varied(variant), teachers)


def shown(found: Mapping[str, Folder], results: str, artifacts: Mapping[str, AnyArtifact]) -> list[str]:
    """What `report` names, in order, less what shows no network of these data sets and families. Raises ParameterError.

    In a variant's folder less what shows variants itself, too.
    """
    parameters = found[results].parameters
    names = []
    for name in parameters.report:
        artifact = look_up(artifacts, name)
        of_this_folder = VARIANTS not in results or not artifact.variants_shown
        if of_this_folder and artifact.networks(parameters.datasets, parameters.seeds, parameters.families_run):
            names.append(name)
    return names


def within(results: str, networks: Iterable[tuple[str, Network]]) -> list[tuple[str, Network]]:
    """Those in a folder of results or below it: teachers that a variant shares aren't its own results."""
    return [(folder, network) for folder, network in networks if folder == results or folder.startswith(f"{results}/")]


def needed(found: Mapping[str, Folder], results: str, artifacts: Iterable[Artifact]) -> list[tuple[str, Network]]:
    """Folder and network of all that those artifacts show in a folder of results, and of all teachers, each once, teachers first.

    Raises ParameterError where an artifact shows a variant that the folder doesn't have: a variant has none of its own.
    """
    parameters = found[results].parameters
    networks: dict[tuple[str, Network], None] = {}
    for artifact in artifacts:
        for network, variant in artifact.networks(parameters.datasets, parameters.seeds, parameters.families_run):
            folder = folder_of(results, variant)
            if folder not in found:
                known = ", ".join(name for name in parameters.variants if folder_of(results, name) in found)
                raise ParameterError(f"{artifact.where}: {results} has no variant {variant!r}; it has {known or 'none'}")
            networks.update(dict.fromkeys(lineage(found, folder, network)))
    return list(networks)


def tuned(found: Mapping[str, Folder], results: str) -> list[tuple[str, Network]]:
    """Folder and network of every point of the grid that `tuning` compares; their teachers are another matter."""
    tuning = found[results].parameters.tuning
    tried = [Network.parse(f"{name}/seed{seed}") for name in tuning.networks for seed in range(tuning.seeds)]
    return [(folder_of(folder_of(results, TUNING), point), network) for point in tuning.points() for network in tried]


def lineage(found: Mapping[str, Folder], folder: str, network: Network) -> list[tuple[str, Network]]:
    """Folder and name of every network above one, and its own, teachers first."""
    if not network.is_distilled:
        return [(folder, network)]
    return [*lineage(found, *teacher(found, folder, network)), (folder, network)]


def teacher(found: Mapping[str, Folder], folder: str, network: Network) -> tuple[str, Network]:
    """Folder and name of a network's teacher. Raises ValueError where it has none."""
    parameters, teachers = found[folder]
    return teachers, network.teacher(parameters.teacher_seed)
