# Networks: each trained once, under the name that is its chain.
#
# REQUIRED INPUTS: data/prepared/{dataset}.safetensors
# OUTPUTS:         {results}/models/{dataset}/{family}/{chain}/seed{seed}/model.safetensors and metrics.json
#                  {results}/soft_targets/{dataset}/{family}/{chain}/seed{seed}/{views}.safetensors
#                  {results}/surfaces/{dataset}/{family}/{chain}/seed{seed}.csv


rule train:
    """Train the last network of a chain, from labels alone, under the network one hop before it, or with it; or take its weights."""
    input:
        first=lacking("network"),
        key=key_of("network"),
    output:
        model=layout.model("{results}", NETWORK),
        metrics=layout.metrics("{results}", NETWORK),
    log:
        layout.log("{results}", f"train/{NETWORK}"),
    group:
        together("network")
    threads: asked(TAKD.processes)
    resources:
        gpu=asked(TAKD.processes),
        gpu_slots=asked(TAKD.processes),
        runtime=minutes("network"),
    params:
        launcher=asked(TAKD.launcher),
        network=NETWORK,
        data=asked(TAKD.data),
        recipe=asked(TAKD.recipe),
        options=asked(TAKD.train_options),
        resume=layout.resume("{results}", NETWORK),
    shell:
        "{params.launcher} train {params.network} --data {params.data:q} {params.options} --recipe {params.recipe:q}"
        " --output {output.model:q} --metrics {output.metrics:q} --resume {params.resume:q}"
        " --key {input.key:q} --threads {threads} > {log:q} 2>&1"


rule soft_targets:
    """Ask a teacher once about every image as its students see it."""
    input:
        first=lacking("soft_targets"),
        key=key_of("soft_targets"),
    output:
        layout.soft_targets("{results}", NETWORK, "{views}"),
    log:
        layout.log("{results}", f"soft_targets/{NETWORK}/{{views}}"),
    group:
        together("soft_targets")
    threads: 1
    resources:
        gpu=1,
        gpu_slots=1,
        runtime=minutes("soft_targets"),
    params:
        data=asked(TAKD.data),
        teacher=layout.model("{results}", NETWORK),
        builder=asked(TAKD.builder_option),
    shell:
        "takd targets {params.teacher:q} --data {params.data:q} --views {wildcards.views} {params.builder}"
        " --output {output:q} --key {input.key:q} --threads {threads} > {log:q} 2>&1"


rule surface:
    """Measure the loss around a trained network, on a grid along two random directions."""
    input:
        first=lacking("surface"),
        key=key_of("surface"),
    output:
        layout.surface("{results}", NETWORK),
    log:
        layout.log("{results}", f"surfaces/{NETWORK}"),
    group:
        together("surface")
    threads: 1
    resources:
        gpu=1,
        gpu_slots=1,
        runtime=minutes("surface"),
    params:
        data=asked(TAKD.data),
        model=layout.model("{results}", NETWORK),
        grid=asked(TAKD.grid),
        builder=asked(TAKD.builder_option),
    shell:
        "takd surface {params.model:q} --data {params.data:q} {params.grid} {params.builder}"
        " --output {output:q} --key {input.key:q} --threads {threads} > {log:q} 2>&1"
