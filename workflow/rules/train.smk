# Networks: each trained once, under the name that is its chain.
#
# REQUIRED INPUTS: data/prepared/{dataset}.safetensors
# OUTPUTS:         {results}/models/{dataset}/{family}/{chain}/seed{seed}/model.safetensors and metrics.json
#                  {results}/soft_targets/{dataset}/{family}/{chain}/seed{seed}/{views}.safetensors
#                  {results}/surfaces/{dataset}/{family}/{chain}/seed{seed}.csv


rule train:
    """Train the last network of a chain, from labels alone, under the soft targets of the network one hop before it, or with it."""
    input:
        data="data/prepared/{dataset}.safetensors",
        soft_targets=soft_targets_of_teacher,
    output:
        model=f"{MODELS}/{NETWORK}/model.safetensors",
        metrics=f"{MODELS}/{NETWORK}/metrics.json",
    log:
        f"{MODELS}/{NETWORK}/train.log",
    threads: 1
    resources:
        gpu=1,
    params:
        recipe=recipe_of,
        code=code_of_training,
        # not compared between runs, as it looks at the input; the input itself is
        soft_targets=lambda wildcards, input: f"--soft-targets {input.soft_targets}" if input.soft_targets else "",
    shell:
        "takd train {wildcards.dataset}/{wildcards.family}/{wildcards.chain}/seed{wildcards.seed}"
        " --data {input.data:q} {params.soft_targets} --recipe {params.recipe:q}"
        " --output {output.model:q} --metrics {output.metrics:q}"
        " --resume {wildcards.results}/resume/{wildcards.dataset}/{wildcards.family}/{wildcards.chain}/seed{wildcards.seed}.safetensors"
        " --threads {threads} > {log:q} 2>&1"


rule soft_targets:
    """Ask a teacher once about every image as its students see it."""
    input:
        data="data/prepared/{dataset}.safetensors",
        teacher=f"{MODELS}/{NETWORK}/model.safetensors",
    output:
        f"{{results}}/soft_targets/{NETWORK}/{{views}}.safetensors",
    log:
        f"{{results}}/soft_targets/{NETWORK}/{{views}}.log",
    threads: 1
    resources:
        gpu=1,
    params:
        views=views_of,
        code=lambda wildcards: code_hash("takd.soft_targets"),
    shell:
        "takd targets {input.teacher:q} --data {input.data:q} {params.views} --output {output:q}"
        " --threads {threads} > {log:q} 2>&1"


rule surface:
    """Measure the loss around a trained network, on a grid along two random directions."""
    input:
        data="data/prepared/{dataset}.safetensors",
        model=f"{MODELS}/{NETWORK}/model.safetensors",
    output:
        f"{{results}}/surfaces/{NETWORK}.csv",
    log:
        f"{{results}}/surfaces/{NETWORK}.log",
    threads: 1
    resources:
        gpu=1,
    params:
        grid=grid_of_surface,
        code=code_of_surface,
    shell:
        "takd surface {input.model:q} --data {input.data:q} {params.grid} --output {output:q}" " --threads {threads} > {log:q} 2>&1"
