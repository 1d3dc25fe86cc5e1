# Tables, figures and verdicts, from the metrics of trained networks.
#
# REQUIRED INPUTS: {results}/models/…/metrics.json, {results}/surfaces/….csv, paper/
# OUTPUTS:         {results}/accuracy.csv, metrics.json, curves.csv, {table}.csv and .md, {figure}.csv, .png and .svg, claims.csv and .md, report.md


rule collect:
    """One row for each network that a table shows."""
    input:
        metrics_of_artifact,
    output:
        "{results}/accuracy/{artifact}.csv",
    log:
        "{results}/logs/collect-{artifact}.log",
    params:
        code=lambda wildcards: code_hash("takd.reporting.accuracy"),
    shell:
        "takd collect {input:q} --results {wildcards.results:q} --output {output:q} > {log:q} 2>&1"


rule accuracy:
    """One row for each network that any reported table shows."""
    input:
        metrics_of_report,
    output:
        "{results}/accuracy.csv",
    log:
        "{results}/logs/accuracy.log",
    params:
        code=lambda wildcards: code_hash("takd.reporting.accuracy"),
    shell:
        "takd collect {input:q} --results {wildcards.results:q} --output {output:q} > {log:q} 2>&1"


rule metrics:
    """The mean accuracy of every chain that is reported, for `dvc metrics`."""
    input:
        "{results}/accuracy.csv",
    output:
        "{results}/metrics.json",
    log:
        "{results}/logs/metrics.log",
    params:
        code=lambda wildcards: code_hash("takd.reporting.summary"),
    shell:
        "takd summarise --accuracy {input:q} --output {output:q} > {log:q} 2>&1"


rule curves:
    """One row for each epoch of each network that is reported, for `dvc plots`."""
    input:
        metrics_of_report,
    output:
        "{results}/curves.csv",
    log:
        "{results}/logs/curves.log",
    params:
        code=lambda wildcards: code_hash("takd.reporting.summary"),
    shell:
        "takd curves {input:q} --results {wildcards.results:q} --output {output:q} > {log:q} 2>&1"


rule tabulate:
    """A table in the paper's layout, ours beside the paper's."""
    input:
        accuracy="{results}/accuracy/{table}.csv",
        artifacts=ancient("paper/artifacts.yaml"),
        published=ancient("paper/published.csv"),
    output:
        csv="{results}/{table}.csv",
        markdown="{results}/{table}.md",
    log:
        "{results}/logs/{table}.log",
    params:
        shown=lambda wildcards: specification_of(wildcards.table),
        published=lambda wildcards: content_of("paper/published.csv"),
        datasets=datasets_shown,
        code=lambda wildcards: code_hash("takd.reporting.tables"),
    shell:
        "takd tabulate {wildcards.table} --accuracy {input.accuracy:q} --datasets {params.datasets:q}"
        " --artifacts {input.artifacts:q} --published {input.published:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"


rule draw:
    """A figure with the paper's content, and the numbers behind it."""
    input:
        accuracy="{results}/accuracy/{figure}.csv",
        artifacts=ancient("paper/artifacts.yaml"),
    output:
        csv="{results}/{figure}.csv",
        png=report(
            "{results}/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda wildcards: labels_of("figure", wildcards.figure, wildcards.results),
        ),
        svg="{results}/{figure}.svg",
    log:
        "{results}/logs/{figure}.log",
    params:
        shown=lambda wildcards: specification_of(wildcards.figure),
        datasets=datasets_shown,
        title=lambda wildcards: ARTIFACTS[wildcards.figure].title,
        how_to_read=lambda wildcards: ARTIFACTS[wildcards.figure].how_to_read,
        code=lambda wildcards: code_hash("takd.reporting.figures"),
    shell:
        "takd draw {wildcards.figure} --accuracy {input.accuracy:q} --datasets {params.datasets:q}"
        " --artifacts {input.artifacts:q}"
        " --csv {output.csv:q} --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


rule draw_surfaces:
    """Loss surfaces beside each other, and how flat each network's is."""
    input:
        surfaces=surfaces_shown,
        artifacts=ancient("paper/artifacts.yaml"),
    output:
        csv="{results}/{surfaces}.csv",
        png=report(
            "{results}/{surfaces}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda wildcards: labels_of("figure", wildcards.surfaces, wildcards.results),
        ),
        svg="{results}/{surfaces}.svg",
    log:
        "{results}/logs/{surfaces}.log",
    params:
        shown=lambda wildcards: specification_of(wildcards.surfaces),
        datasets=datasets_shown,
        title=lambda wildcards: ARTIFACTS[wildcards.surfaces].title,
        how_to_read=lambda wildcards: ARTIFACTS[wildcards.surfaces].how_to_read,
        code=lambda wildcards: code_hash("takd.reporting.surfaces"),
    shell:
        "takd draw-surfaces {wildcards.surfaces} {input.surfaces:q} --datasets {params.datasets:q}"
        " --artifacts {input.artifacts:q}"
        " --csv {output.csv:q} --png {output.png:q} --svg {output.svg:q} > {log:q} 2>&1"


rule judge:
    """The verdict on each of the paper's claims."""
    input:
        accuracy="{results}/accuracy.csv",
        surfaces=flatness_reported,
        artifacts=ancient("paper/artifacts.yaml"),
        claims=ancient("paper/claims.csv"),
        published=ancient("paper/published.csv"),
    output:
        csv="{results}/claims.csv",
        markdown="{results}/claims.md",
    log:
        "{results}/logs/claims.log",
    params:
        shown=lambda wildcards: specification_of(*ARTIFACTS),
        claims=lambda wildcards: content_of("paper/claims.csv"),
        published=lambda wildcards: content_of("paper/published.csv"),
        datasets=datasets_shown,
        surfaces=lambda wildcards, input: " ".join(f"--surfaces {path}" for path in input.surfaces),
        code=lambda wildcards: code_hash("takd.reporting.claims"),
    shell:
        "takd judge --accuracy {input.accuracy:q} {params.surfaces} --datasets {params.datasets:q}"
        " --artifacts {input.artifacts:q} --claims {input.claims:q} --published {input.published:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"


rule tuning:
    """A grid of recipes, compared on held-out training images."""
    input:
        metrics_of_tuning,
    output:
        csv="{results}/tuning.csv",
        markdown="{results}/tuning.md",
    log:
        "{results}/logs/tuning.log",
    params:
        fields=lambda wildcards: ",".join(sorted(FOLDERS[wildcards.results].parameters.tuning.grid)),
        code=lambda wildcards: code_hash("takd.reporting.tuning"),
    shell:
        "takd tuning {input:q} --fields {params.fields:q} --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"


rule report:
    """What was run, and all that came out, on one page."""
    input:
        metrics=metrics_of_report,
        sections=sections_of_report,
        artifacts=ancient("paper/artifacts.yaml"),
    output:
        "{results}/report.md",
    log:
        "{results}/logs/report.log",
    params:
        shown=lambda wildcards: specification_of(*SHOWN[wildcards.results]),
        sections=lambda wildcards, input: " ".join(f"--section {path}" for path in input.sections),
        deviations=lambda wildcards: "../" * len(Path(wildcards.results).parts) + "docs/deviations.md",
        code=lambda wildcards: code_hash("takd.reporting.report"),
    shell:
        "takd report {input.metrics:q} {params.sections} --title {wildcards.results:q} --deviations {params.deviations}"
        " --artifacts {input.artifacts:q} --output {output:q} > {log:q} 2>&1"


rule html:
    """All of it in one page that needs nothing else: Snakemake's own report."""
    input:
        lambda wildcards: reported(wildcards.results) + pages_of(wildcards.results),
    output:
        "{results}/report.html",
    log:
        "{results}/logs/html.log",
    wildcard_constraints:
        results=one_of(results for results in FOLDERS if VARIANTS not in results),
    params:
        config=config_of_folder,
    shell:
        # A second Snakemake, which only reads: the first one holds the lock.
        "snakemake --nolock --report {output:q} {params.config} -- pages > {log:q} 2>&1"


rule page:
    """A table, or the verdicts, as a page of its own for `snakemake --report`."""
    input:
        "{results}/{page}.md",
    output:
        report(
            "{results}/pages/{page}.html",
            caption="../report/page.rst",
            category="Tables and claims",
            labels=lambda wildcards: labels_of("table", wildcards.page, wildcards.results),
        ),
    log:
        "{results}/logs/page-{page}.log",
    params:
        code=lambda wildcards: code_hash("takd.reporting.page"),
    shell:
        "takd page {input:q} --output {output:q} > {log:q} 2>&1"
