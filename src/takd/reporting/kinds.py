"""The kinds of tables and figures: a module each, with its numbers and how they are written."""

from pathlib import Path
from types import ModuleType

from takd.reporting.context import Context
from takd.study.artifacts import AnyArtifact


def make(name: str, spec: AnyArtifact, context: Context, place: Path) -> list[Path]:
    """Make a table or figure; its files. place: results/quick/table2, without a suffix. Raises RecordError.

    Each kind's module has `numbers(name, spec, context)`, a table of them, and `write(spec, numbers, context, place)`.
    """
    module = module_of(spec.kind)
    return list(module.write(spec, module.numbers(name, spec, context), context, place))


def files(spec: AnyArtifact, place: Path) -> list[Path]:
    """The files that `make` writes."""
    return [place.with_name(f"{place.name}.{suffix}") for suffix in spec.suffixes]


def module_of(kind: str) -> ModuleType:
    """The module of a kind; imported only when asked, as figures need a library of a second."""
    if kind == "table":
        from takd.reporting import tables

        return tables
    if kind == "answers":
        from takd.reporting import answers

        return answers
    if kind == "wins":
        from takd.reporting import wins

        return wins
    if kind == "levels":
        from takd.reporting import levels

        return levels
    if kind == "probes":
        from takd.reporting import probes

        return probes
    from takd.reporting import deploying, lines, paths, rates, spending, surfaces

    figures = {"lines": lines, "paths": paths, "rates": rates, "costs": spending, "surfaces": surfaces, "deploy": deploying}
    return figures[kind]
