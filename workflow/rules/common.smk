# What the rules ask of takd.planning: a job's inputs, parameters and key, by its wildcards.

import os
import sys
from pathlib import Path

from takd.errors import TakdError
from takd.planning import targets
from takd.planning.path_walk import steps
from takd.planning.walltimes import Walltimes
from takd.planning.workflow import Workflow, one_of
from takd.study import layout
from takd.study.layout import NETWORK

# takd is found beside the Python that runs Snakemake, in a job on another node, too, where nobody activated an environment.
os.environ["PATH"] += os.pathsep + str(Path(sys.executable).parent)


def mistake(error):
    """End with the one line that a user needs, and the exit code that takd gives to mistakes."""
    print(f"takd: {error}", file=sys.stderr)
    raise SystemExit(2)


typed = {name: value for name, value in config.items() if name not in ("preset", *targets.SETTINGS)}
try:
    typed_here = sys.argv[1:] if workflow.is_main_process else []
    targets.check_options(typed_here)
    TAKD = Workflow(typed=typed, writes_keys=workflow.is_main_process, **targets.settings(config))
    WALLTIMES = Walltimes(TAKD)
    CHOSEN = f"results/{config['preset']}" if "preset" in config else "results"
    TAKD.tree.folder(CHOSEN)
    for line in targets.looked_at(TAKD, typed_here, CHOSEN) if workflow.is_main_process else []:
        print(f"takd: {line}", file=sys.stderr)
except TakdError as error:
    mistake(error)


wildcard_constraints:
    results=one_of(TAKD.results),
    dataset=one_of(TAKD.datasets),
    family=r"[A-Za-z0-9_.]+",
    chain=r"[A-Za-z0-9_.+-]+",
    seed=r"0|[1-9][0-9]*",
    claim=r"[A-Za-z][A-Za-z0-9_]*",
    students=r"[0-9]+",
    table=one_of(TAKD.artifacts("csv", "md")),
    figure=one_of(TAKD.artifacts("csv", "png", "svg")),
    both=one_of(TAKD.artifacts("csv", "png", "svg", "md")),
    kind=r"(\.int8|\.fp16)?",
    step=r"[A-Za-z0-9_.]+",
    views=r"unaugmented|seed[0-9]+-[0-9]+epochs(-resized)?",


def asked(question, **given):
    """A function of wildcards for a rule: what takd answers, or the end in one line."""

    def answer(wildcards):
        try:
            return question({**dict(wildcards), **given})
        except TakdError as error:
            mistake(error)

    return answer


def key_of(kind, **given):
    """The one dated input of a job: the file with the key that its product should bear."""
    return asked(lambda names: TAKD.key_file(kind, _what(names)), **given)


def lacking(kind, **given):
    """What a job reads and isn't there yet, or isn't as it should be. What is, a job reads without asking Snakemake."""
    return asked(lambda names: TAKD.lacking(kind, _what(names)), **given)


def path_lacking(wildcards):
    """What the best path lacks, as far as it is known: of a later step, the step before it, after which Snakemake asks again."""
    names = dict(wildcards)
    if "step" not in names and asked(lambda each: TAKD.state("shown", each), what="best_path")(wildcards) == "fresh":
        return []
    path = asked(lambda each: TAKD.paths.asked(each["results"]))(wildcards)
    now = asked(lambda each: TAKD.paths.step(path))(wildcards)
    order = [*steps(path), ""]
    own = names.get("step", "")
    if order.index(own) < order.index(now.name):
        return []  # done, while other networks trained
    if now.name != own:
        checkpoints.path_step.get(results=wildcards.results, step=now.name)
    return TAKD.paths.lacking(path, now)


def _what(names):
    """A table, a figure and what is both are something shown."""
    return {**names, "what": names.get("what") or names.get("table") or names.get("figure") or names.get("both")}


def minutes(kind):
    """A job's walltime, which an executor passes on; a job within a job asks nobody."""

    def answer(wildcards, attempt):
        asks = workflow.is_main_process and workflow.non_local_exec_or_dryrun
        return asked(lambda names: WALLTIMES.minutes(kind, names, attempt))(wildcards) if asks else 0

    return answer


def together(kind):
    """What a job is sent together with, where a profile says how many are (group-components)."""
    return lambda wildcards: asked(lambda names: WALLTIMES.group(kind, names))(wildcards) if sends_groups() else None


def sends_groups():
    return workflow.is_main_process and bool(workflow.group_settings.group_components)
