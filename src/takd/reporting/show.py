"""From a target to its files: which records it reads, held against their keys, and who makes it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from takd.errors import ParameterError, RecordError
from takd.files import write_text
from takd.objectives.registry import DistillationFields
from takd.planning.costs import core_seconds
from takd.planning.workflow import Workflow
from takd.records import accuracy as accuracies
from takd.records import surface
from takd.records.key import check_key
from takd.records.made import Made
from takd.records.metrics import Metrics
from takd.records.soft_targets import SoftTargets
from takd.reporting import best_path, claims_page, kinds, page, probes, report, summary
from takd.reporting.context import Context, of_all_accuracies, read_published, titles_of
from takd.reporting.exported import exported_of
from takd.reporting.judging import Measured, judge
from takd.reporting.kept_answers import KeptAnswers, kept_of
from takd.study import layout
from takd.study.artifacts import look_up
from takd.study.further_kinds import Probes
from takd.study.layout import VARIANTS
from takd.study.params import Parameters
from takd.study.path_networks import UNAUGMENTED
from takd.study.tree import Node

PUBLISHED = Path("paper/published.csv")
Ask = Callable[[list[Path], Path, float, Mapping[Path, Path]], pd.DataFrame]  # models, images, temperature, model to its teacher
GATHERED = {"accuracy": "accuracy", "curves": "accuracy", "metrics": "accuracy", "claims": "claims", "report": "report"}
GATHERED |= {layout.BEST_PATH: layout.BEST_PATH}


def make(workflow: Workflow, target: str, expected_key: str | None = None, ask: Ask | None = None) -> list[Path]:
    """Make what a target names, with all that belongs to it, and its record; the files that were written.

    ask: what asks networks themselves, where a table needs that; its code is in that table's key alone.

    Raises ParameterError where nothing makes it, RecordError where a network's record isn't there, or isn't what the parameters ask
    for.
    """
    results, stem = str(Path(target).parent), Path(target).stem
    folder = workflow.tree.folder(results)
    what = GATHERED.get(stem) or stem
    if what not in GATHERED.values():
        look_up(folder.artifacts, what)
    key = workflow.keys.of_shown(results, what)
    check_key(Path(target), key, expected_key)
    if lacking := workflow.lacking("shown", {"results": results, "what": what}):
        others = f", nor {len(lacking) - 1} others" if len(lacking) > 1 else ""
        makes = f"`snakemake --cores 1 -- {target}` makes what it needs"
        raise RecordError(f"{target}: {lacking[0]} isn't there, or not as it should be{others}; {makes}")
    if what == "accuracy":
        files = _gather(workflow, results)
    elif what == "claims":
        files = _judge(workflow, results)
    elif what == "report":
        files = _report(workflow, results)
    elif what == layout.BEST_PATH:
        files = _best_path(workflow, results)
    else:
        context = _context(workflow, results, what)
        if workflow.keys.ships(results, what):
            context = replace(context, exported=exported_of(workflow, results, what))
        if ask is not None and workflow.keys.asks(results, what):
            context = replace(context, probes=_asked(workflow, results, what, ask))
        files = kinds.make(what, look_up(folder.artifacts, what), context, Path(results, what))
    Made.of(key, files, _made_from(workflow, results, what)).write(Path(layout.made(results, what)))
    return files


def _made_from(workflow: Workflow, results: str, what: str) -> list[Path]:
    """The files that something shown is made from, so that another of them under the same key is noticed."""
    keys = workflow.keys
    if what == "claims":
        return [Path(layout.made(results, name)) for name in ("accuracy", *keys.beside_accuracies(results))]
    if what == "report":
        return [Path(layout.made(results, name)) for name in (*workflow.tree.shown(results), "accuracy", "claims")]
    if what == layout.BEST_PATH:
        asked = workflow.paths.asked(results)
        networks = [node for path in workflow.paths.finished(asked).means for node in asked.networks(path)]
        return [Path(layout.metrics(*node)) for node in networks]
    if what != "accuracy" and (surfaces := keys.surfaces_shown(results, what)):
        return [Path(layout.surface(*node)) for node in surfaces]
    if keys.ships(results, what):
        return [Path(path) for path in workflow.exports.records(results, what)]
    nodes = keys.networks_reported(results) if what == "accuracy" else keys.networks_shown(results, [what])
    return [Path(layout.metrics(*node)) for node in nodes]


def _records(workflow: Workflow, results: str, nodes: list[Node]) -> list[tuple[str, Metrics]]:
    """The records of networks, each with its variant. Raises RecordError where one isn't by the recipe, code, data and teacher."""
    records = []
    for node in nodes:
        path = Path(layout.metrics(*node))
        record = Metrics.read(path)
        if record.key != workflow.keys.network(node):
            raise RecordError(
                f"{path}: was made by another recipe, code, data or teacher than the parameters ask for; run snakemake"
            )
        variant = node.results.partition(f"{results}{VARIANTS}")[2]
        records.append((variant, record))
    return records


def _context(workflow: Workflow, results: str, what: str) -> Context:
    folder = workflow.tree.folder(results)
    order = {name: list(members) for name, members in folder.families.items()}
    surfaces = workflow.keys.surfaces_shown(results, what)
    nodes = [] if surfaces or workflow.keys.ships(results, what) else workflow.keys.networks_shown(results, [what])
    records = _records(workflow, results, nodes)
    return Context(
        datasets=folder.datasets,
        titles=titles_of(folder.datasets),
        accuracy=accuracies.rows_of(records, order, folder.parameters.metric),
        points=surface.read_points([Path(layout.surface(*node)) for node in surfaces]),
        published=published_of(workflow, results),
        order=order,
        kept=kept_of(records) if workflow.keys.needs_labels(results, what) else KeptAnswers(),
        spent=_spent(workflow, nodes, records),
        metric=folder.parameters.metric,
        seeds=folder.parameters.seeds,
        chosen_on=workflow.keys.chosen_on(results, workflow.keys.networks_behind(results, what)),
    )


def _asked(workflow: Workflow, results: str, what: str, ask: Ask) -> pd.DataFrame:
    """What the networks of a table answered. Raises RecordError where one's weights aren't what the parameters ask for."""
    spec = look_up(workflow.tree.folder(results).artifacts, what)
    there = [node for node in workflow.keys.networks_shown(results, [what]) if _has_weights(workflow, node)]
    shown = [node for node in workflow.tree.cells(results, [what]) if node in there]
    above = {node: workflow.tree.teacher(node) for node in shown if node.name.is_distilled}
    tables = []
    for dataset in dict.fromkeys(node.name.dataset for node in shown):
        its = [node for node in shown if node.name.dataset == dataset]
        teachers = {Path(layout.model(*node)): Path(layout.model(*above[node])) for node in its if above.get(node) in there}
        models = [Path(layout.model(*node)) for node in its]
        tables.append(ask(models, Path(layout.prepared(dataset)), spec.temperature, teachers) if isinstance(spec, Probes) else None)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _has_weights(workflow: Workflow, node: Node) -> bool:
    if not workflow.keys.has_model(node):
        raise RecordError(f"{layout.model(*node)}: isn't there, or of another recipe, code, data or teacher; run snakemake")
    return True


def _spent(
    workflow: Workflow, nodes: list[Node], records: list[tuple[str, Metrics]]
) -> dict[tuple[str, str, str, str], dict[int, tuple[float, float]]]:
    """Core-seconds of networks with all above them, and of theirs alone, where the records of all of those are among them.

    By chain and seed.
    """
    own = {node: core_seconds(record) for node, (_, record) in zip(nodes, records, strict=True)}
    spent: dict[tuple[str, str, str, str], dict[int, tuple[float, float]]] = {}
    for node, (variant, _) in zip(nodes, records, strict=True):
        line, name = workflow.tree.lineage(node), node.name
        if all(each in own for each in line):
            cost = sum(own[each] for each in line), own[node]
            spent.setdefault((name.dataset, name.family, name.chain, variant), {})[name.seed] = cost
    return spent


def published_of(workflow: Workflow, results: str) -> pd.DataFrame:
    """The paper's numbers; none beside a study of one's own, or where networks are compared by what the paper doesn't give."""
    folder = workflow.tree.folder(results)
    others = folder.is_own or folder.parameters.metric != "accuracy"
    return read_published(None if others or not PUBLISHED.is_file() else PUBLISHED)


def _best_path(workflow: Workflow, results: str) -> list[Path]:
    """best_path.csv and .md. Raises RecordError where networks or their answers are lacking."""
    asked = workflow.paths.asked(results)
    now = workflow.paths.step(asked)
    if lacking := workflow.paths.lacking(asked, now):
        raise RecordError(f"{lacking[0]}: isn't there, or not as it should be; run snakemake, which makes it")
    alone = {node.name.member: (node, Metrics.read(Path(layout.metrics(*node)))) for node in asked.asked_for_answers()}
    answers = {
        member: SoftTargets.read(Path(layout.soft_targets(*node, UNAUGMENTED))).of_epoch(0).numpy()
        for member, (node, _) in alone.items()
    }
    taught = workflow.tree.recipe(asked.networks((asked.members[0], asked.members[-1]))[0])
    assert isinstance(taught.objective, DistillationFields)
    measured = best_path.Measured(
        members=asked.members,
        walked=workflow.paths.finished(asked),
        sizes={member: record.parameters for member, (_, record) in alone.items()},
        gaps=best_path.gaps_of(answers, taught.objective.temperature),
        within=asked.section.within,
        exhaustive=asked.section.exhaustive,
        labels_alike=all(record.measured_on == "validation" for _, record in alone.values()),
        metric=asked.metric,
        chosen_on=workflow.keys.chosen_on(results, asked.possible()),
    )
    title = f"{titles_of((asked.dataset,))[asked.dataset]}, {asked.family}"
    return best_path.write(title, measured, Path(results, layout.BEST_PATH))


def _gather(workflow: Workflow, results: str) -> list[Path]:
    """accuracy.csv, a row a network; curves.csv, a row an epoch; metrics.json, a mean a chain."""
    folder = workflow.tree.folder(results)
    records = _records(workflow, results, workflow.keys.networks_reported(results))
    order = {name: list(members) for name, members in folder.families.items()}
    return summary.collected(records, order, Path(results), folder.parameters.metric)


def _whole(workflow: Workflow, results: str, what: str) -> None:
    """Raises RecordError where a file for people isn't what was written, or not what the parameters ask for."""
    state = workflow.keys.state_of_shown(results, what)
    if state != "fresh":
        raise RecordError(f"{layout.made(results, what)}: {state}: run snakemake, which makes it")


def _judge(workflow: Workflow, results: str) -> list[Path]:
    _whole(workflow, results, "accuracy")
    folder = workflow.tree.folder(results)
    table = accuracies.read(Path(results, "accuracy.csv"), folder.parameters.metric)
    table, said = _under_one_teacher(table, folder.parameters)
    rises = surface.read_rises([Path(results, f"{name}.csv") for name in workflow.keys.surface_figures(results)])
    known = workflow.decided.claims(results)
    given = folder.parameters
    answered = probes.read([Path(results, f"{name}.csv") for name in workflow.keys.probe_tables(results)])
    within, published = given.claims.equal_within, published_of(workflow, results)
    measured = Measured(table, rises, published, within, given.metric, folder.teacher_seed, answered)
    judged = judge(known, folder.datasets, measured)
    files = [Path(results, "claims.csv"), Path(results, "claims.md")]
    write_text(files[0], claims_page.as_csv(known, judged, given.metric))
    chosen_on = workflow.keys.chosen_on(results, workflow.keys.networks_reported(results))
    said = of_all_accuracies(accuracies.on_held_out(table), chosen_on) + said
    write_text(files[1], claims_page.as_markdown(known, judged, measured, said=said, own=folder.is_own))
    return files


def _under_one_teacher(table: pd.DataFrame, given: Parameters) -> tuple[pd.DataFrame, str]:
    """The networks that claims are judged by, and a sentence where these aren't all.

    Where every hop varies, networks of two chains under one seed have the same teacher below the study's `seeds` alone, and
    students of one teacher aren't independent: what is left is what `vary: student` has.
    """
    judged = table[table["seed"] < given.seeds] if given.vary == "every_hop" else table
    if len(judged) == len(table):
        return table, ""
    which = f"seeds 0 to {given.seeds - 1}, under the teacher and the assistants of seed 0"
    return judged, f"Every hop varies here: claims are judged by {which}. `levels` compares several teachers.\n\n"


def _report(workflow: Workflow, results: str) -> list[Path]:
    folder = workflow.tree.folder(results)
    given, names = folder.parameters, workflow.tree.shown(results)
    for what in (*names, "accuracy", "claims"):
        _whole(workflow, results, what)
    nodes = workflow.keys.networks_reported(results)
    records = _records(workflow, results, nodes)
    sections = [Path(results, f"{name}.{look_up(folder.artifacts, name).suffixes[1]}") for name in names]
    if not records:
        raise ParameterError(f"{results}: no network is there, so there is nothing to report")
    top = "../" * len(Path(results).parts)
    deviations, how_judged = (None, None) if folder.is_own else (f"{top}docs/deviations.md", f"{top}{claims_page.HOW_PAGE}")
    artifacts = {name: folder.artifacts[name] for name in names}
    title = folder.study or results
    files = [Path(results, "report.md"), Path(results, "report.html")]
    with_claims = [*sections, Path(results, "claims.md")]
    caution, chosen_on = _caution(workflow, results), workflow.keys.chosen_on(results, nodes)
    write_text(files[0], report.report_markdown(title, records, artifacts, with_claims, deviations, chosen_on, caution))
    verdicts = pd.read_csv(Path(results, "claims.csv"))
    said = f"takd verify: {len(records)} networks as they should be, when this page was made"
    html = page.report_html(
        title,
        records,
        artifacts,
        with_claims,
        verdicts,
        said,
        given.metric,
        chosen_on,
        caution=caution,
        own=folder.is_own,
        how_judged=how_judged,
    )
    write_text(files[1], html)
    return files


def _caution(workflow: Workflow, results: str) -> str:
    """What is wrong with the images of a study of one's own, in a sentence; empty where nothing is."""
    folder = workflow.tree.folder(results)
    lock = workflow.keys.lock(results, folder.datasets[0]) if folder.is_own else None
    if lock is None or not lock.duplicates:
        return ""
    return f"Test images that are among the training images too: {lock.duplicates} of {lock.test}. So accuracies are too high."
