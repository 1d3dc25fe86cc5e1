# Data sets: archive to tensors.
#
# REQUIRED INPUTS: none; an archive in data/raw is taken, one that isn't there is downloaded
# OUTPUTS:         data/prepared/{dataset}.safetensors


rule prepare:
    """Verify a data set's content and write its images as tensors, in an order that no archive decides."""
    output:
        "data/prepared/{dataset}.safetensors",
    log:
        "data/prepared/{dataset}.log",
    params:
        code=lambda wildcards: code_hash("takd.data.prepared"),
    shell:
        "takd prepare {wildcards.dataset} --raw data/raw --output {output:q} > {log:q}"
