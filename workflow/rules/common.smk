# Names of files, and which files a network or a table needs.

import re
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

from takd.chain import Network, with_teachers
from takd.code_hash import code_hash
from takd.data.registry import DATASETS
from takd.errors import TakdError
from takd.networks.registry import FAMILIES, family
from takd.params import Parameters
from takd.reporting import artifacts

NETWORK = "{dataset}/{family}/{chain}/seed{seed}"
MODELS = "{results}/models"


def mistake(text):
    """End with the one line that a user needs, and the exit code that takd gives to mistakes."""
    print(f"takd: {text}", file=sys.stderr)
    raise SystemExit(2)


# Parameters by the folder of their results: params.yaml's, and each preset's over them. --config counts last.
PRESETS = {f"results/{path.stem}": path for path in sorted(Path("presets").glob("*.yaml"))}
typed = {key: value for key, value in workflow.config_settings.overwrite_config.items() if key != "preset"}
try:
    PARAMETERS = {
        results: Parameters.load(Path("params.yaml"), preset, changes=typed)
        for results, preset in {"results": None, **PRESETS}.items()
    }
    ARTIFACTS = artifacts.load(Path("paper/artifacts.yaml"))
    for parameters in PARAMETERS.values():
        for name in parameters.report:
            artifacts.look_up(ARTIFACTS, name)
except TakdError as error:
    mistake(error)

CHOSEN = f"results/{config['preset']}" if "preset" in config else "results"
if CHOSEN not in PARAMETERS:
    mistake(f"unknown preset {config['preset']!r}; there are {', '.join(path.stem for path in PRESETS.values())}")

# Snakemake's record of how each file was made: without it, a file that is there is taken for what params.yaml says now.
RECORDS = Path(".snakemake/metadata")
if not any(RECORDS.glob("*")) and any(Path("results").glob("**/models/**/*.safetensors")):
    mistake(
        "results/ holds networks, but .snakemake/metadata, the record of the recipes that made them, is missing: "
        "they could be taken for what params.yaml says now. Get the record (dvc pull), or move the networks away."
    )
typed_targets = [argument for argument in sys.argv[1:] if argument.startswith("results/")]
for path in typed_targets or [f"{CHOSEN}/{name}.csv" for name in PARAMETERS[CHOSEN].report]:
    if Path(path).is_file() and not (RECORDS / urlsafe_b64encode(path.encode()).decode()).exists():
        print(f"takd: {path} came with the repository; snakemake --force {path} makes it anew", file=sys.stderr)


def of_kind(*kinds):
    return [name for name in ARTIFACTS if ARTIFACTS[name].kind in kinds]


def tables_of(names):
    return [name for name in names if ARTIFACTS[name].kind == "table"]


def one_of(names):
    """A pattern for those names alone; for none where there are none (an empty pattern would match anything)."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    results=one_of(PARAMETERS),
    dataset=one_of(DATASETS),
    family=one_of(FAMILIES),
    chain=r"\d+(-\d+)*",
    seed=r"\d+",
    artifact=one_of(ARTIFACTS),
    table=one_of(tables_of(ARTIFACTS)),
    figure=one_of(of_kind("lines", "paths")),
    surfaces=one_of(of_kind("surfaces")),
    page=one_of([*tables_of(ARTIFACTS), "claims"]),
    views=r"unaugmented|seed\d+-\d+epochs",


def network_of(wildcards):
    try:
        return Network.of(wildcards.dataset, wildcards.family, wildcards.chain, int(wildcards.seed))
    except TakdError as error:
        mistake(error)


def recipe_of(wildcards):
    return PARAMETERS[wildcards.results].recipe(network_of(wildcards)).canonical()


def code_of_training(wildcards):
    return code_hash("takd.training", family(wildcards.family).module)


def code_of_surface(wildcards):
    return code_hash("takd.surface", family(wildcards.family).module)


def grid_of_surface(wildcards):
    """The grid as one parameter: numbers of several would be compared as a set, whichever is which."""
    grid = PARAMETERS[wildcards.results].surface
    return f"--points {grid.points} --span {grid.span} --images {grid.images}"


def soft_targets_of_teacher(wildcards):
    """The soft targets that a network learns from; none where it learns from labels alone."""
    network = network_of(wildcards)
    if not network.is_distilled:
        return []
    parameters = PARAMETERS[wildcards.results]
    recipe = parameters.recipe(network)
    views = f"seed{network.seed}-{recipe.epochs}epochs" if recipe.augmentation == "crop_flip" else "unaugmented"
    return f"{wildcards.results}/soft_targets/{network.teacher(parameters.teacher_seed)}/{views}.safetensors"


def views_of(wildcards):
    """The options that say which views a file of soft targets covers: those of each epoch under a seed, or the images alone."""
    return re.sub(r"seed(\d+)-(\d+)epochs", r"--views-seed \1 --epochs \2", wildcards.views).replace("unaugmented", "")


def metrics_of(names, parameters):
    """The metrics, below a folder of results, of every network that those tables show, and of their teachers."""
    shown = [network for name in names for network in ARTIFACTS[name].networks(parameters.datasets, parameters.seeds)]
    return [f"models/{network}/metrics.json" for network in with_teachers(shown, parameters.teacher_seed)]


def metrics_of_artifact(wildcards):
    names = [wildcards.artifact]
    return [f"{wildcards.results}/{path}" for path in metrics_of(names, PARAMETERS[wildcards.results])]


def metrics_of_report(wildcards):
    parameters = PARAMETERS[wildcards.results]
    return [f"{wildcards.results}/{path}" for path in metrics_of(parameters.report, parameters)]


def surfaces_shown(wildcards):
    """A file for each network whose loss surface a figure shows, or compares over seeds."""
    parameters = PARAMETERS[wildcards.results]
    networks = ARTIFACTS[wildcards.surfaces].networks(parameters.datasets, parameters.seeds)
    return [f"{wildcards.results}/surfaces/{network}.csv" for network in networks]


def flatness_reported(wildcards):
    """How flat the reported surfaces are; none where no figure of them is reported."""
    return [
        f"{wildcards.results}/{name}.csv" for name in PARAMETERS[wildcards.results].report if ARTIFACTS[name].kind == "surfaces"
    ]


def sections_of_report(wildcards):
    """The page's tables and figures, in the order of `report`, then the claims."""
    suffixes = {name: "md" if ARTIFACTS[name].kind == "table" else "png" for name in PARAMETERS[wildcards.results].report}
    return [f"{wildcards.results}/{name}.{suffix}" for name, suffix in {**suffixes, "claims": "md"}.items()]


def datasets_shown(wildcards):
    return ",".join(PARAMETERS[wildcards.results].datasets)
