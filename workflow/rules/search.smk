# Searches: hyper-parameters of one network, by trials that train it again and again. They need takd[search].
#
# REQUIRED INPUTS: data/prepared/{dataset}.safetensors, the weights of the network's teachers in {results}/search/models
# OUTPUTS:         {results}/search/{dataset}/{family}/{chain}.csv, .md, .history.png, .importance.png, .yaml; .json, which bears their key


rule search:
    """Search a network's hyper-parameters over the ranges that `search:` names, and train the best in fresh seeds."""
    input:
        first=lacking("search"),
        key=key_of("search"),
    output:
        csv=layout.search_result("{results}", layout.SEARCHED, "csv"),
        markdown=layout.search_result("{results}", layout.SEARCHED, "md"),
        history=layout.search_result("{results}", layout.SEARCHED, "history.png"),
        importance=layout.search_result("{results}", layout.SEARCHED, "importance.png"),
        values=layout.search_result("{results}", layout.SEARCHED, "yaml"),
        made=layout.search_result("{results}", layout.SEARCHED, "json"),
    log:
        layout.log("{results}", f"search/{layout.SEARCHED}"),
    threads: 1
    resources:
        gpu=1,
        gpu_slots=1,
    params:
        network=layout.SEARCHED + "/seed0",
        preset=asked(TAKD.searches.option),
        changes=TAKD.typed_option,
    shell:
        "takd search {params.network} {params.preset} {params.changes}" " --key {input.key:q} --threads {threads} > {log:q} 2>&1"
