# The best path from a teacher to a student. Which networks it takes is known as others have measured: each step is a checkpoint.
#
# REQUIRED INPUTS: {results}/path/models/…/metrics.json, {results}/path/soft_targets/…/unaugmented.safetensors
# OUTPUTS:         {results}/best_path.csv and .md; {results}/made/best_path.json, which bears their key


localrules:
    path_step,


checkpoint path_step:
    """Wait for the networks that a step is decided by; then Snakemake asks which ones the next step takes."""
    input:
        path_lacking,
    output:
        layout.path_step("{results}", "{step}"),
    log:
        layout.log("{results}", "path/{step}"),
    shell:
        "touch {output:q} > {log:q} 2>&1"


rule best_path:
    """The path that is chosen, beside those of rules of thumb: each one's distance from the best, and what it cost."""
    input:
        first=path_lacking,
        key=key_of("shown", what="best_path"),
    output:
        csv=layout.shown("{results}", layout.BEST_PATH, "csv"),
        markdown=layout.shown("{results}", layout.BEST_PATH, "md"),
        made=layout.made("{results}", layout.BEST_PATH),
    log:
        layout.log("{results}", layout.BEST_PATH),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.csv:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"
