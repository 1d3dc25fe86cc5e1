"""How sure a difference of two chains is over students and over test images: both are samples, and each student sees each image.

The crossed bootstrap draws students and images, both with replacement (Owen 2007, "The pigeonhole bootstrap"). What belongs to
neither a student nor an image alone comes three times into its variance where it belongs once; the two that are too many are
taken out, by the mean square of what is left in a two-way analysis of variance. Of n students n - 1 are drawn (McCarthy and Snowden
1985): with n their part would be too small by (n - 1) / n.
"""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar

from takd.reporting.effects import Effect

DRAWS = 4000  # an interval's width is then off by 1 in 100
AT_ONCE = 500  # draws that are held in memory
Signs = npt.NDArray[np.int8]
Right = npt.NDArray[np.bool_]


def over_students_and_images(students: Effect, differences: Signs, *, seed: int = 0) -> Effect:
    """The effect of `students`, which is over students alone, with an interval over students and images.

    differences: (students, images), 1 where only the better network is right, -1 where only the worse one is, else 0. Never within
    the interval over students alone: of two students their deviation is hardly known, and images can't make up for that. seed: of
    the draws.
    """
    if not students.has_interval or differences.shape[1] < 2:
        return students
    both = by_both_samples(students, differences, seed=seed)
    return both if both.low <= students.low else replace(students, method="crossed")


def by_both_samples(students: Effect, differences: Signs, *, seed: int = 0) -> Effect:
    """The same by both samples' error and its degrees of freedom (Satterthwaite 1946), whichever interval is the wider."""
    count, images = differences.shape
    by_student, by_image = (100 * differences.mean(axis=axis, dtype=float) for axis in (1, 0))
    left = 100 * differences - by_student[:, None] - by_image + by_student.mean()
    twice = 2 * float((left**2).sum()) / ((count - 1) * (images - 1)) / (count * images)
    alone = students.error**2
    both = max(float(_drawn(differences, seed).var(ddof=1)) - twice, alone)
    freedom = both**2 / (alone**2 / students.freedom + (both - alone) ** 2 / (images - 1))
    return replace(students, error=math.sqrt(both), freedom=freedom, method="crossed")


def _drawn(differences: Signs, seed: int) -> npt.NDArray[np.float64]:
    """The mean difference, in points, of each draw: (DRAWS,). Images on which all students do the same are drawn as one."""
    count, images = differences.shape
    patterns, times = np.unique(differences, axis=1, return_counts=True)
    random = np.random.default_rng(seed)
    means = []
    for _ in range(0, DRAWS, AT_ONCE):
        of_students = random.multinomial(count - 1, np.full(count, 1 / count), AT_ONCE) / (count - 1)
        of_images = random.multinomial(images, times / images, AT_ONCE) / images
        means.append(100 * ((of_students @ patterns) * of_images).sum(axis=1))
    return np.concatenate(means)


def mcnemar_p(first: Right, second: Right) -> float:
    """The probability of so unequal a count of images that one network alone has right, if both were as good (McNemar 1947, exact).

    first, second: whether each image was right, (images,).
    """
    table = [[int((a & b).sum()) for b in (second, ~second)] for a in (first, ~first)]
    return float(mcnemar(table, exact=True).pvalue) if table[0][1] + table[1][0] else 1.0
