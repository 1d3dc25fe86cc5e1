# Exports: networks as files that a device runs, compared with the network first. They need takd[export].
#
# REQUIRED INPUTS: {results}/models/{dataset}/{family}/{chain}/seed{seed}/model.safetensors, data/prepared/{dataset}.safetensors
# OUTPUTS:         {results}/exports/{dataset}/{family}/{chain}/seed{seed}.onnx, seed{seed}.int8.onnx, seed{seed}.fp16.onnx;
#                  of each .md, its card, and .json, which bears its key; .latency.json, how long it takes here


rule export:
    """Write a network as ONNX, with normalisation inside, once it answers the test images as the network does."""
    input:
        first=lacking("export"),
        key=key_of("export"),
    output:
        onnx=layout.export("{results}", NETWORK, "{kind}", "onnx"),
        card=layout.export("{results}", NETWORK, "{kind}", "md"),
        made=layout.export("{results}", NETWORK, "{kind}", "json"),
    log:
        layout.log("{results}", f"exports/{NETWORK}{{kind}}"),
    threads: 1
    params:
        data=asked(TAKD.data),
        model=layout.model("{results}", NETWORK),
        kind=asked(TAKD.exports.option),
        builder=asked(TAKD.builder_option),
    shell:
        "takd export {params.model:q} --data {params.data:q} {params.kind} {params.builder}"
        " --output {output.onnx:q} --record {output.made:q} --key {input.key:q} --threads {threads} > {log:q} 2>&1"


rule latency:
    """Time an exported network on one core, while no other job of this run goes on; its card says it, too."""
    input:
        first=lacking("latency"),
        key=key_of("latency"),
    output:
        layout.latency("{results}", NETWORK, "{kind}"),
    log:
        layout.log("{results}", f"exports/{NETWORK}{{kind}}.latency"),
    threads: workflow.resource_settings.cores or 1  # all that there are: nothing goes beside it; a cluster has its own
    params:
        onnx=layout.export("{results}", NETWORK, "{kind}", "onnx"),
    shell:
        "takd latency {params.onnx:q} --card --record {output:q} --key {input.key:q} > {log:q} 2>&1"
