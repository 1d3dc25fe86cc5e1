# Tables, from the metrics of trained networks.
#
# REQUIRED INPUTS: {results}/models/…/metrics.json, paper/artifacts.yaml, paper/published.csv
# OUTPUTS:         {results}/{artifact}.csv and .md, {results}/accuracy.csv


rule collect:
    """One row for each network that a table shows."""
    input:
        lambda wildcards: metrics_of([wildcards.artifact]),
    output:
        f"{RESULTS}/accuracy/{{artifact}}.csv",
    log:
        f"{RESULTS}/logs/collect-{{artifact}}.log",
    params:
        code=code_hash("takd.reporting.accuracy"),
    shell:
        "takd collect {input:q} --output {output:q} > {log:q} 2>&1"


rule accuracy:
    """One row for each network that any reported table shows."""
    input:
        metrics_of(PARAMETERS.report),
    output:
        f"{RESULTS}/accuracy.csv",
    log:
        f"{RESULTS}/logs/accuracy.log",
    params:
        code=code_hash("takd.reporting.accuracy"),
    shell:
        "takd collect {input:q} --output {output:q} > {log:q} 2>&1"


rule tabulate:
    """A table in the paper's layout, ours beside the paper's."""
    input:
        accuracy=f"{RESULTS}/accuracy/{{artifact}}.csv",
        artifacts="paper/artifacts.yaml",
        published="paper/published.csv",
    output:
        csv=f"{RESULTS}/{{artifact}}.csv",
        markdown=f"{RESULTS}/{{artifact}}.md",
    log:
        f"{RESULTS}/logs/{{artifact}}.log",
    params:
        datasets=",".join(PARAMETERS.datasets),
        code=code_hash("takd.reporting.tables"),
    shell:
        "takd tabulate {wildcards.artifact} --accuracy {input.accuracy:q} --datasets {params.datasets:q}"
        " --artifacts {input.artifacts:q} --published {input.published:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"
