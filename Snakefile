"""takd: knowledge distillation through teacher assistants.

snakemake --cores 4 results/table2.csv                                      the paper's recipe
snakemake --cores 4 --config preset=quick results/quick/table2.csv          a short one
snakemake --cores 4 --config preset=toy results/toy/table2.csv              toy data, a minute or two
"""

import sys
from pathlib import Path


def mistake(text):
    """End with the one line that a user needs, and the exit code that takd gives to mistakes."""
    print(f"takd: {text}", file=sys.stderr)
    raise SystemExit(2)


configfile: "params.yaml"


if "preset" in config:
    presets = sorted(path.stem for path in Path("presets").glob("*.yaml"))
    if config["preset"] not in presets:
        mistake(f"unknown preset {config['preset']!r}; there are {', '.join(presets)}")

    configfile: f"presets/{config['preset']}.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"


rule all:
    """Every table and figure that params.yaml reports, and the verdicts on the paper's claims."""
    default_target: True
    input:
        expand(f"{RESULTS}/{{artifact}}.csv", artifact=PARAMETERS.report),
        f"{RESULTS}/accuracy.csv",
        f"{RESULTS}/claims.md",
