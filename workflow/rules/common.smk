# Names of files, and which files a network or a table needs.

import re

from takd.chain import Network, with_teachers
from takd.code_hash import code_hash
from takd.data.registry import DATASETS
from takd.errors import TakdError
from takd.networks.registry import FAMILIES, family
from takd.params import Parameters
from takd.reporting import artifacts

PRESET = config.get("preset")
RESULTS = f"results/{PRESET}" if PRESET else "results"
NETWORK = "{dataset}/{family}/{chain}/seed{seed}"
MODELS = f"{RESULTS}/models"

try:
    PARAMETERS = Parameters.of({key: value for key, value in config.items() if key != "preset"}, "params.yaml")
    ARTIFACTS = artifacts.load(Path("paper/artifacts.yaml"))
except TakdError as error:
    mistake(error)


wildcard_constraints:
    dataset="|".join(DATASETS),
    family="|".join(FAMILIES),
    chain=r"\d+(-\d+)*",
    seed=r"\d+",
    artifact="|".join(ARTIFACTS),
    table="|".join(name for name in ARTIFACTS if ARTIFACTS[name].kind == "table"),
    figure="|".join(name for name in ARTIFACTS if ARTIFACTS[name].kind != "table"),
    views=r"unaugmented|seed\d+-\d+epochs",


if not Path(".snakemake/metadata").is_dir() and any(Path(MODELS).rglob("*.safetensors")):
    mistake(
        f"{MODELS} holds networks, but .snakemake/metadata, the record of the recipes that made them, is missing: "
        "they could be taken for what params.yaml says now. Get the record (dvc pull), or move the networks away."
    )


def network_of(wildcards):
    try:
        return Network.of(wildcards.dataset, wildcards.family, wildcards.chain, int(wildcards.seed))
    except TakdError as error:
        mistake(error)


def recipe_of(wildcards):
    return PARAMETERS.recipe(network_of(wildcards)).canonical()


def code_of_training(wildcards):
    return code_hash("takd.training", family(wildcards.family).module)


def soft_targets_of_teacher(wildcards):
    """The soft targets that a network learns from; none where it learns from labels alone."""
    network = network_of(wildcards)
    if not network.is_distilled:
        return []
    recipe = PARAMETERS.recipe(network)
    views = f"seed{network.seed}-{recipe.epochs}epochs" if recipe.augmentation == "crop_flip" else "unaugmented"
    return f"{RESULTS}/soft_targets/{network.teacher(PARAMETERS.teacher_seed)}/{views}.safetensors"


def views_of(wildcards):
    """The options that say which views a file of soft targets covers: those of each epoch under a seed, or the images alone."""
    return re.sub(r"seed(\d+)-(\d+)epochs", r"--views-seed \1 --epochs \2", wildcards.views).replace("unaugmented", "")


def metrics_of(names):
    """The metrics of every network that those tables show, and of their teachers."""
    shown = [network for name in names for network in ARTIFACTS[name].networks(PARAMETERS.datasets, PARAMETERS.seeds)]
    return [f"{MODELS}/{network}/metrics.json" for network in with_teachers(shown, PARAMETERS.teacher_seed)]
