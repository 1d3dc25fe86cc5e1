# Tables, figures, verdicts and the page of all of them, from what trainings measured.
#
# REQUIRED INPUTS: {results}/models/…/metrics.json, {results}/surfaces/….csv, paper/
# OUTPUTS:         {results}/{table}.csv and .md, {figure}.csv, .png and .svg (and .md), accuracy.csv, curves.csv, metrics.json,
#                  claims.csv and .md, report.md and .html; {results}/made/….json, which bear their keys


rule table:
    """A table in the paper's layout, ours beside the paper's."""
    input:
        first=lacking("shown"),
        key=key_of("shown"),
    output:
        csv=layout.shown("{results}", "{table}", "csv"),
        markdown=layout.shown("{results}", "{table}", "md"),
        made=layout.made("{results}", "{table}"),
    log:
        layout.log("{results}", "{table}"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.csv:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


rule figure:
    """A figure with the paper's content, and the numbers behind it."""
    input:
        first=lacking("shown"),
        key=key_of("shown"),
    output:
        csv=layout.shown("{results}", "{figure}", "csv"),
        png=layout.shown("{results}", "{figure}", "png"),
        svg=layout.shown("{results}", "{figure}", "svg"),
        made=layout.made("{results}", "{figure}"),
    log:
        layout.log("{results}", "{figure}"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.csv:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


rule figure_with_table:
    """A figure, and its numbers as a table for people: networks as devices run them."""
    input:
        first=lacking("shown"),
        key=key_of("shown"),
    output:
        csv=layout.shown("{results}", "{both}", "csv"),
        png=layout.shown("{results}", "{both}", "png"),
        svg=layout.shown("{results}", "{both}", "svg"),
        markdown=layout.shown("{results}", "{both}", "md"),
        made=layout.made("{results}", "{both}"),
    log:
        layout.log("{results}", "{both}"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.csv:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


rule collect:
    """One row for each network that is reported, one for each epoch of it, and the mean of each chain for `dvc metrics`."""
    input:
        first=lacking("shown", what="accuracy"),
        key=key_of("shown", what="accuracy"),
    output:
        accuracy=layout.shown("{results}", "accuracy", "csv"),
        curves=layout.shown("{results}", "curves", "csv"),
        metrics=layout.shown("{results}", "metrics", "json"),
        made=layout.made("{results}", "accuracy"),
    log:
        layout.log("{results}", "accuracy"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.accuracy:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


rule judge:
    """The verdict on each of the claims."""
    input:
        first=lacking("shown", what="claims"),
        key=key_of("shown", what="claims"),
    output:
        csv=layout.shown("{results}", "claims", "csv"),
        markdown=layout.shown("{results}", "claims", "md"),
        made=layout.made("{results}", "claims"),
    log:
        layout.log("{results}", "claims"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.csv:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"


rule report:
    """What was run, and all that came out, on one page: for a browser, and as Markdown."""
    input:
        first=lacking("shown", what="report"),
        key=key_of("shown", what="report"),
    output:
        html=layout.shown("{results}", "report", "html"),
        markdown=layout.shown("{results}", "report", "md"),
        made=layout.made("{results}", "report"),
    log:
        layout.log("{results}", "report"),
    params:
        changes=TAKD.typed_option,
    shell:
        "takd show {output.html:q} {params.changes} --key {input.key:q} > {log:q} 2>&1"
