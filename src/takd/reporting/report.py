"""report.md: everything that came out, and what was run, on what, in one page for a repository or a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from takd.files import read_text
from takd.markdown import escaped
from takd.reporting import curves, facts, not_run
from takd.reporting.context import of_all_accuracies
from takd.reporting.facts import Records
from takd.study.artifacts import AnyArtifact, look_up
from takd.study.search import JudgedOn


def report_markdown(
    title: str,
    records: Records,
    artifacts: Mapping[str, AnyArtifact],
    sections: Sequence[Path],
    deviations: str | None,
    chosen_on: JudgedOn = "held_out",
    caution: str = "",
) -> str:
    """The page. records: of all networks, each with its variant, empty for the main one. caution: what is wrong with the images.

    sections: tables (.md) and figures (.png) in the order to show them, named after their artifacts, or claims.md; those of which
    nothing was run are named in a line at the end. deviations: address of the page that says where takd deviates from the paper.
    chosen_on: the images by which recipes were chosen. Raises ParameterError where a section is of no artifact.
    """
    said = of_all_accuracies(False, chosen_on)
    parts = [
        f"# {escaped(title)}",
        *([said] if said else []),
        *(f"**{escaped(one)}**" for one in (caution, facts.learnt_nothing(records)) if one),
    ]
    shown = {path.stem: look_up(artifacts, path.stem) for path in sections if path.stem != "claims"}
    empty = not_run.of_which_nothing([path for path in sections if path.stem in shown], shown, curves.by_chain(records))
    for section in sections:
        if section in empty:
            continue
        if section.stem == "claims":
            parts += ["## Claims", read_text(section).replace("\n## ", "\n### ")]  # its headings, below this one
            continue
        spec = shown[section.stem]
        parts.append(f"## {escaped(spec.where)}")
        if section.suffix == ".png":
            parts += [f"![{escaped(spec.title)}]({section.name})", f"{escaped(spec.title)}. {spec.how_to_read}"]
        else:
            parts.append(read_text(section))
    parts += [escaped(not_run.sentence(empty, shown))] if empty else []
    parts += ["## What was run", facts.what_was_run(records), "### Recipes", facts.recipes(records)]
    if deviations is not None:
        where = f"[{Path(deviations).name}]({deviations})"
        parts += ["## Deviations", f"Where this differs from the paper and from its authors' code, and why: {where}."]
    return "\n\n".join(part.strip() for part in parts) + "\n"
