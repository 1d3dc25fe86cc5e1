"""takd: knowledge distillation through teacher assistants.

snakemake --cores 4 --force results/table2.csv            the paper's recipe; --force, as one came with the repository
snakemake --cores 4 --force results/quick/table2.csv      presets/quick.yaml, a short one
snakemake --cores 4 results/toy/table2.csv                presets/toy.yaml: toy data, half a minute
"""


configfile: "params.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/records.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/report.smk"


onstart:
    # On this machine alone: jobs of a cluster run elsewhere, and under limits of their own.
    if workflow.local_exec:
        warm_process.start()


rule all:
    """Every table and figure that is reported, and the verdicts on the paper's claims; with --config preset=… that preset's."""
    default_target: True
    input:
        reported(CHOSEN),


rule pages:
    """The same, and the tables and the claims as pages for `snakemake --report`."""
    input:
        reported(CHOSEN),
        pages_of(CHOSEN),
