# Data sets: archive or folder to tensors.
#
# REQUIRED INPUTS: none; an archive in data/raw is taken, one that isn't there is downloaded; one's own images are where a preset says
# OUTPUTS:         data/prepared/{dataset}.safetensors


rule prepare:
    """Verify a data set's content and write its images as tensors, in an order that no archive decides."""
    input:
        key=key_of("data"),
    output:
        layout.prepared("{dataset}"),
    log:
        "data/prepared/{dataset}.log",
    localrule: True  # clusters' nodes often reach no network
    params:
        own=asked(lambda names: TAKD.prepare_options(names["dataset"])),
    shell:
        "takd prepare {wildcards.dataset} {params.own} --output {output:q} > {log:q} 2>&1"
