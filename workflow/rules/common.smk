# Names of files, and which files a network or a table needs.

import hashlib
import json
import re
import shlex
import sys
from pathlib import Path

from takd import warm_process
from takd.chain import Network
from takd.code_hash import code_hash
from takd.data.registry import DATASETS
from takd.errors import TakdError
from takd.folders import VARIANTS, folder_of, folders, needed, shown, teacher, tuned, within
from takd.networks.registry import FAMILIES, family
from takd.reporting import artifacts

NETWORK = "{dataset}/{family}/{chain}/seed{seed}"
MODELS = "{results}/models"


def mistake(text):
    """End with the one line that a user needs, and the exit code that takd gives to mistakes."""
    print(f"takd: {text}", file=sys.stderr)
    raise SystemExit(2)


# --config counts last, after params.yaml and presets.
typed = {key: value for key, value in workflow.config_settings.overwrite_config.items() if key != "preset"}
try:
    FOLDERS = folders(Path("params.yaml"), Path("presets"), typed)
    ARTIFACTS = artifacts.load(Path("paper/artifacts.yaml"))
    SHOWN = {results: shown(FOLDERS, results, ARTIFACTS) for results in FOLDERS}
    for results, names in SHOWN.items():
        needed(FOLDERS, results, [ARTIFACTS[name] for name in names])
except TakdError as error:
    mistake(error)

CHOSEN = f"results/{config['preset']}" if "preset" in config else "results"
if CHOSEN not in FOLDERS:
    mistake(
        f"unknown preset {config['preset']!r}; there are {', '.join(path.stem for path in sorted(Path('presets').glob('*.yaml')))}"
    )


def as_typed(settings):
    """Settings as options for a command line; empty where there are none."""
    values = [shlex.quote(f"{name}={json.dumps(value)}") for name, value in settings.items()]
    return " ".join(["--config", *values]) if values else ""


def of_kind(names, *kinds):
    return [name for name in names if ARTIFACTS[name].kind in kinds]


def one_of(names):
    """A pattern for those names alone; for none where there are none (an empty pattern would match anything)."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    results=one_of(FOLDERS),
    dataset=one_of(DATASETS),
    family=one_of(FAMILIES),
    chain=r"\d+(\+[a-z]+)?(-\d+(\+[a-z]+)?)*",
    seed=r"0|[1-9]\d*",
    artifact=one_of(ARTIFACTS),
    table=one_of(of_kind(ARTIFACTS, "table")),
    figure=one_of(of_kind(ARTIFACTS, "lines", "paths", "rates")),
    surfaces=one_of(of_kind(ARTIFACTS, "surfaces")),
    page=one_of([*of_kind(ARTIFACTS, "table"), "claims"]),
    views=r"unaugmented|seed\d+-\d+epochs",


def network_of(wildcards):
    try:
        return Network.of(wildcards.dataset, wildcards.family, wildcards.chain, int(wildcards.seed))
    except TakdError as error:
        mistake(error)


def checked_recipe(wildcards):
    try:
        return FOLDERS[wildcards.results].parameters.recipe(network_of(wildcards))
    except TakdError as error:
        mistake(error)


def recipe_of(wildcards):
    return checked_recipe(wildcards).canonical()


# Hashes are functions in the rules, as Snakemake calls these when a job runs: a source that changes meanwhile is told from the one
# that was there at the start.
def code_of_training(wildcards):
    return code_hash("takd.training", family(wildcards.family).module)


def code_of_surface(wildcards):
    return code_hash("takd.surface", family(wildcards.family).module)


def grid_of_surface(wildcards):
    """The grid as one parameter: numbers of several would be compared as a set, whichever is which."""
    grid = FOLDERS[wildcards.results].parameters.surface
    return f"--points {grid.points} --span {grid.span} --images {grid.images}"


def soft_targets_of_teacher(wildcards):
    """The soft targets that a network learns from; none where it learns from labels alone."""
    network = network_of(wildcards)
    if not network.is_distilled:
        return []
    recipe = checked_recipe(wildcards)
    views = f"seed{network.seed}-{recipe.epochs}epochs" if recipe.augmentation == "crop_flip" else "unaugmented"
    folder, name = teacher(FOLDERS, wildcards.results, network)
    if recipe.validation_share and recipe.held_out != FOLDERS[folder].parameters.recipe(name).held_out:
        mistake(
            f"{network}: its teacher {name} learns from images that it holds out; give both the same validation_share and _seed"
        )
    return f"{folder}/soft_targets/{name}/{views}.safetensors"


def views_of(wildcards):
    """The options that say which views a file of soft targets covers: those of each epoch under a seed, or the images alone."""
    return re.sub(r"seed(\d+)-(\d+)epochs", r"--views-seed \1 --epochs \2", wildcards.views).replace("unaugmented", "")


def metrics_of(networks):
    return [f"{folder}/models/{network}/metrics.json" for folder, network in networks]


def metrics_of_all(results, names):
    """The metrics of every network that those tables and figures show, and of their teachers where they are of these results."""
    try:
        return metrics_of(within(results, needed(FOLDERS, results, [ARTIFACTS[name] for name in names])))
    except TakdError as error:
        mistake(error)


def metrics_of_artifact(wildcards):
    metrics = metrics_of_all(wildcards.results, [wildcards.artifact])
    if not metrics:
        mistake(f"{wildcards.artifact}: shows no network of the families in shown_families; see params.yaml")
    return metrics


def metrics_of_report(wildcards):
    return metrics_of_all(wildcards.results, SHOWN[wildcards.results])


def metrics_of_tuning(wildcards):
    """The metrics of every network of the grid."""
    return metrics_of(tuned(FOLDERS, wildcards.results))


def surfaces_shown(wildcards):
    """A file for each network whose loss surface a figure shows, or compares over seeds."""
    parameters = FOLDERS[wildcards.results].parameters
    networks = ARTIFACTS[wildcards.surfaces].networks(parameters.datasets, parameters.seeds, parameters.families_run)
    return [f"{folder_of(wildcards.results, variant)}/surfaces/{network}.csv" for network, variant in networks]


def flatness_reported(wildcards):
    """How flat the reported surfaces are; none where no figure of them is reported. A variant's aren't the paper's."""
    figures = of_kind(SHOWN[wildcards.results], "surfaces")
    return [f"{wildcards.results}/{name}.csv" for name in figures if not ARTIFACTS[name].variant]


def sections_of_report(wildcards):
    """The page's tables and figures, in the order of `report`, then the claims."""
    suffixes = {name: "md" if ARTIFACTS[name].kind == "table" else "png" for name in SHOWN[wildcards.results]}
    return [f"{wildcards.results}/{name}.{suffix}" for name, suffix in {**suffixes, "claims": "md"}.items()]


def reported(results):
    """Every table and figure of a folder's `report`, and what is made from all of them."""
    names = [*SHOWN[results], "accuracy", "curves"]
    return [
        *(f"{results}/{name}.csv" for name in names),
        *(f"{results}/{name}" for name in ("claims.md", "report.md", "metrics.json")),
    ]


def pages_of(results):
    """The tables and the claims of a folder's `report` as pages."""
    return [f"{results}/pages/{page}.html" for page in [*of_kind(SHOWN[results], "table"), "claims"]]


def labels_of(kind, name, results):
    """How the report lists an artifact: by its name in the paper."""
    return {kind: ARTIFACTS[name].where if name in ARTIFACTS else name.capitalize(), "results": results}


def config_of_folder(wildcards):
    """The --config that makes a Snakemake of its own take this folder for the chosen one, and what was typed for this one."""
    chosen = {} if wildcards.results == "results" else {"preset": Path(wildcards.results).name}
    return as_typed(typed | chosen)


def specification_of(*names):
    """What those artifacts are to show. A parameter in the place of the file, of which every entry would change every artifact."""
    return [ARTIFACTS[name].model_dump_json() for name in names if name in ARTIFACTS]


def content_of(path):
    """A parameter in the place of a file that came with the repository, whose age tells nothing."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def datasets_shown(wildcards):
    return ",".join(FOLDERS[wildcards.results].parameters.datasets)
