"""How large a step is: the learning rate by epoch."""

import math

from takd.study.recipe import Recipe


def learning_rate(recipe: Recipe, epoch: int, share: float) -> float:
    """The step size when `share` (in [0, 1)) of epoch `epoch`, counted from 0, is done.

    In a stage before the recipe's own epochs it is the one at the start; then the schedule begins. In warm-up epochs it rises from
    a tenth of that.
    """
    schedule, warm_up = recipe.schedule, recipe.schedule.warm_up_epochs
    warm = 0.1 + 0.9 * (epoch + share) / warm_up if epoch < warm_up else 1.0
    epoch -= recipe.objective.epochs_before
    if epoch < 0:
        return warm * schedule.learning_rate
    match schedule.schedule:
        case "constant":
            return warm * schedule.learning_rate
        case "step":
            return warm * (schedule.learning_rate * 0.1 ** sum(epoch >= drop for drop in schedule.learning_rate_drops))
        case "cosine":
            return warm * (schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch + share) / recipe.length.epochs)))
