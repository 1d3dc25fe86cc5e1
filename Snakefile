"""takd: knowledge distillation through teacher assistants.

snakemake --cores 4 results/table2.csv            the paper's recipe
snakemake --cores 4 results/quick/table2.csv      presets/quick.yaml, a short one
snakemake --cores 4 results/toy/table2.csv        presets/toy.yaml: toy data, half a minute
"""


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/decided.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/path.smk"
include: "workflow/rules/report.smk"


rule all:
    """Every table and figure that is reported, and the verdicts on the claims; with --config preset=… that preset's."""
    default_target: True
    input:
        TAKD.reported(CHOSEN),
