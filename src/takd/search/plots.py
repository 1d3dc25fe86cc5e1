"""Two pictures beside a search's page, by Optuna's own plots: its history, and how much each field mattered."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from takd.files import written_whole
from takd.search.trials import counted, state_of

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.ticker import MaxNLocator
from optuna.visualization.matplotlib import plot_optimization_history, plot_param_importances

HISTORY, IMPORTANCE = "history.png", "importance.png"  # after the network's name
FEWEST = 4  # trials that ended, of which importance is asked
TOO_FEW = f"Fewer than {FEWEST} trials ended, or all alike:\nhow much a field mattered can't be told."
STYLE: dict[Any, Any] = {"savefig.dpi": 150, "figure.figsize": (6.4, 4), "text.parse_math": False}


def draw(study: Study, what: str, place: Path, count: int | None = None) -> list[Path]:
    """Write both pictures beside `place`, a search's table; the files. what: the number that decides, as people write it.

    count: of the trials that were asked for, as in `trials.counted`.
    """
    ended = _of_those_that_ended(counted(study, count))
    files = [place.with_name(f"{place.stem}.{name}") for name in (HISTORY, IMPORTANCE)]
    with warnings.catch_warnings(), pyplot.rc_context(STYLE):
        warnings.simplefilter("ignore", ExperimentalWarning)
        history = plot_optimization_history(ended, target_name=what)
        history.set_title("What the trials came to")
        history.set_xlabel("trial")
        history.xaxis.set_major_locator(MaxNLocator(integer=True))
        marks = history.get_legend_handles_labels()[0]  # below, where they hide no trial
        history.legend(marks, ["a trial", "the best so far"], ncols=2, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15))
        _save(files[0])
        _importance(ended, what)
        _save(files[1])
    return files


def _of_those_that_ended(trials: list[FrozenTrial]) -> Study:
    """A study of the same trials, in memory, by the same numbers; all but those that ended well have no accuracy."""
    copy = optuna.create_study(direction="maximize")
    copy.add_trials([_without_others(trial) for trial in trials])
    return copy


def _without_others(trial: FrozenTrial) -> FrozenTrial:
    if state_of(trial) == "complete":
        return trial
    return create_trial(state=TrialState.FAIL, params=trial.params, distributions=trial.distributions)


def _importance(ended: Study, what: str) -> None:
    """By the share of the variance over trials that each field accounts for (Hutter et al. 2014)."""
    values = [trial.value for trial in ended.get_trials(deepcopy=False, states=[TrialState.COMPLETE])]
    if len(values) >= FEWEST and len(set(values)) > 1:
        axes = plot_param_importances(ended, FanovaImportanceEvaluator(seed=0), target_name=what)
        axes.set_title("How much each field mattered", loc="left")  # in the place of Optuna's
        axes.set_ylabel("")
        axes.set_xlabel(f"share of the variance of {what.removesuffix(', %')}")
        if (legend := axes.get_legend()) is not None:
            legend.remove()
        return
    _, axes = pyplot.subplots()
    axes.text(0.5, 0.5, TOO_FEW, transform=axes.transAxes, ha="center", va="center", color="0.5")
    axes.set_axis_off()


def _save(path: Path) -> None:
    picture = pyplot.gcf()
    with written_whole(path) as file:
        picture.savefig(file, format="png", bbox_inches="tight")
    pyplot.close(picture)
