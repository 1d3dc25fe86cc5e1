# Students until a claim is decided: look by look, the networks that open comparisons need, then the claim's page.
#
# REQUIRED INPUTS: {results}/models/…/metrics.json, paper/claims.yaml
# OUTPUTS:         {results}/decided/{claim}.csv, .md, and .json, which bears their key

from functools import cache


@cache
def looking():
    """What knows how far a claim is; it needs statistics, which other targets do without."""
    from takd.reporting.deciding import Looking

    return Looking(TAKD)


def looked_enough(wildcards):
    """Nothing where no look is to come, else the next one. Snakemake asks again when that look's networks are there."""
    students = asked(lambda names: looking().next(names))(wildcards)
    return [] if students is None else checkpoints.look.get(**wildcards, students=students).output


for target in typed_here:
    try:
        if (claimed := targets.decided_claim(TAKD, target)) is not None:
            from takd.reporting.deciding import said_of

            print(f"takd: {said_of(TAKD, *claimed)}", file=sys.stderr)
    except TakdError as error:
        mistake(error)


rule decided:
    """What became of a claim by adding students until each comparison is decided, or there are as many as there may be."""
    input:
        looked=looked_enough,
        key=key_of("decided"),
    output:
        csv=layout.decided("{results}", "{claim}", "csv"),
        markdown=layout.decided("{results}", "{claim}", "md"),
        made=layout.decided("{results}", "{claim}", "json"),
    log:
        layout.log("{results}", "decided/{claim}"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.markdown:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


checkpoint look:
    """The networks of a claim's open comparisons for a look at so many students a chain: that they are there, and no more."""
    input:
        networks=asked(lambda names: looking().needs(names)),
        key=key_of("look"),
    output:
        touch(layout.look("{results}", "{claim}", "{students}")),
    localrule: True
