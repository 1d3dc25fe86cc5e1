"""A search as a job: trials until there are as many as were asked for, the best in fresh seeds, and what it all came to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna import TrialPruned
from optuna.pruners import NopPruner
from optuna.study import Study
from optuna.trial import TrialState

from takd.errors import DivergenceError, ParameterError, RecordError
from takd.planning.workflow import Workflow
from takd.records.accuracy import of_kept_weights
from takd.records.key import check_key
from takd.records.made import Made
from takd.records.metrics import Epoch, Metrics, stored_key
from takd.search import plots, trials
from takd.search.journal import open_study
from takd.search.outcome import Outcome
from takd.search.pruning import Watcher
from takd.search.space import drawn
from takd.study import layout
from takd.study.metric import Metric
from takd.study.names import Name
from takd.study.search import Range, searched
from takd.study.tree import Node
from takd.training.bar import heard_by
from takd.training.job import Files, train_network

Hear = Callable[[Epoch, int], None]


def _ignored(epoch: Epoch, before: int) -> None:
    pass


@dataclass(frozen=True)
class Trainer:
    """Trains the networks of one search by the training job. node: the network, in the folder of the search."""

    workflow: Workflow
    node: Node
    threads: int
    device: str

    def train(self, seed: int, which: str, values: Mapping[str, Any], *, again: bool, hear: Hear = _ignored) -> Metrics:
        """The record of the network under a seed and those values. which: its folder. again: also where it is there already.

        hear: is told each epoch, and how many of them come before accuracy says anything; what it raises ends the training.
        """
        node = Node(self.node.results, self.node.name.with_seed(seed))
        recipe = self.workflow.keys.recipe(node, values)
        key = self.workflow.keys.trained(node, recipe)
        folder = Path(_network_folder(node, which))
        there = None if again else stored_key(folder / "metrics.json")
        if there is None or there[0] != key:
            files = Files(
                data=Path(layout.prepared(node.name.dataset)),
                output=folder / "model.safetensors",
                metrics=folder / "metrics.json",
                resume=None if again else Path(layout.resume(node.results, f"{network_of(node)}/{which}")),
                **self._given(node),
            )
            with heard_by(lambda epoch: hear(epoch, recipe.objective.epochs_before)):
                train_network(node.name, recipe, files, threads=self.threads, device_name=self.device, expected_key=key)
        return Metrics.read(folder / "metrics.json")

    @property
    def metric(self) -> Metric:
        """What the study compares networks by."""
        return self.workflow.tree.folder(self.node.results).parameters.metric

    def _given(self, node: Node) -> dict[str, Any]:
        """What a training reads besides images: its teacher's weights, those that it begins from."""
        tree, given = self.workflow.tree, dict[str, Any]()
        if (start := tree.folder(node.results).started(node.name)) is not None:
            given["start"] = Path(start)
        teachers = tree.teachers(node)
        given["teachers"] = tuple(Path(layout.model(*teacher)) for teacher in teachers)
        given["teacher_builders"] = tuple(self.workflow.own_builder(teacher) for teacher in teachers)
        return given


def network_of(node: Node) -> str:
    """A network's name less its seed."""
    return f"{node.name.dataset}/{node.name.family}/{node.name.chain}"


def search(
    workflow: Workflow,
    results: str,
    name: Name,
    *,
    count: int | None = None,
    only: tuple[str, ...] = (),
    journal: Path | None = None,
    threads: int = 1,
    device: str = "auto",
    expected_key: str | None = None,
) -> list[Path]:
    """Run trials for a network until `count` have ended, by other workers too; the files of what they came to.

    None are written where other workers' trials still run, or one of them trains the fresh seeds: that one writes them. only: the
    fields to search, all where it is empty. Raises ParameterError where the search can't be run, before its first trial.
    """
    searches = workflow.searches
    node = searches.node(results, name)
    section = searches.section(node)
    fields = searched(section.fields, name, only)
    count = section.trials if count is None else count
    if lacking := searches.lacking(node):
        raise ParameterError(f"{lacking[0]}: isn't there, or not as it should be; snakemake --cores 1 -- {' '.join(lacking)}")
    key = searches.key(node, fields, count)
    place = Path(searches.result(node, "csv"))
    check_key(place.with_suffix(".csv"), key, expected_key)

    trainer = Trainer(workflow, node, threads, device)
    study_name = f"{name} {searches.trials_key(node, fields)}"
    study = open_study(journal or place.with_suffix(".journal"), study_name, section.sampler_seed, section.pruner)
    running = run_trials(study, trainer, fields, count, on_test=section.judged_on == "test", metric=trainer.metric)
    if running:
        print(f"{running} trials of other workers run on; the last to end writes {place.with_suffix('.csv')}")
        return []

    with trials.seeds_claimed(study, section.fresh_seeds) as mine:
        if not mine:
            print(f"another worker trains the best in fresh seeds, and writes {place.with_suffix('.csv')}")
            return []
        outcome = _outcome(section.judged_on, trainer, fields, trials.tried(study, count))
        files = [*outcome.write(place), *plots.draw(study, outcome.what, place, count)]
        Made.of(key, files).write(place.with_suffix(".json"))
        return files


def run_trials(
    study: Study, trainer: Trainer, fields: Mapping[str, Range], count: int, *, on_test: bool, metric: Metric = "accuracy"
) -> int:
    """Trials until `count` have ended or run, those of other workers among them; how many of theirs still run.

    on_test, metric: what decides, as in `judged`.
    """
    prunes = not isinstance(study.pruner, NopPruner)
    while True:
        running = trials.give_up_lost(study)
        if trials.taken(study) >= count:
            return running
        trial = study.ask()
        trial.set_user_attr(trials.WORKER, trials.this_worker())
        if trials.taken(study, before=trial.number) >= count:  # another worker took the last one meanwhile
            study.tell(trial, state=TrialState.FAIL)
            return trials.give_up_lost(study)
        try:
            values = drawn(trial, fields)
            print(f"trial {trial.number}: {', '.join(f'{field} {value}' for field, value in values.items())}", flush=True)
            watcher = Watcher(trial)
            hear = watcher.hear if prunes else _ignored
            record = trainer.train(trainer.node.name.seed, f"trial{trial.number}", values, again=True, hear=hear)
        except DivergenceError as error:
            print(f"trial {trial.number}: {error}")
            trial.set_user_attr(trials.DIVERGED, True)
            study.tell(trial, 0.0)  # so that the sampler keeps away from there
            continue
        except TrialPruned:
            print(f"trial {trial.number}: pruned, as most were better by this epoch")
            trial.set_user_attr(trials.SECONDS, watcher.seconds)
            study.tell(trial, state=TrialState.PRUNED)
            continue
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        trial.set_user_attr(trials.SECONDS, record.seconds)
        study.tell(trial, judged(record, on_test=on_test, metric=metric))


def judged(record: Metrics, *, on_test: bool, metric: Metric = "accuracy") -> float:
    """The number that decides, in per cent: accuracy of the best epoch on the test images, or of the kept weights on held-out ones.

    metric: by another one than accuracy, of the kept weights in either case.
    """
    if on_test and record.best_test_accuracy is None:
        raise RecordError(f"{record.name}: was measured on held-out images, and not on the test images")
    best = record.best_test_accuracy if on_test and metric == "accuracy" else None
    return of_kept_weights(record, metric) if best is None else best


def _outcome(judged_on: str, trainer: Trainer, fields: Mapping[str, Range], tried: list[trials.Tried]) -> Outcome:
    best, fresh = trials.best(tried), dict[int, float]()
    if best is None:
        raise RecordError(f"{trainer.node.name}: none of {len(tried)} trials ended well; search where learning_rate is lower")
    for node in trainer.workflow.searches.seeds(trainer.node)[1:]:
        record = trainer.train(node.name.seed, f"seed{node.name.seed}", best.values, again=False)
        fresh[node.name.seed] = judged(record, on_test=judged_on == "test", metric=trainer.metric)
    return Outcome(network_of(trainer.node), judged_on, fields, tried, best, fresh, trainer.metric)


def _network_folder(node: Node, which: str) -> str:
    results = layout.searched_folder(node.results)
    assert results is not None  # as the search's node was asked for
    return layout.search_network(results, network_of(node), which)
