"""What networks answered to each test image, as their records keep it, and the images' labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from takd.errors import RecordError
from takd.records.metrics import Metrics, unpacked_answers
from takd.study import layout

Classes = npt.NDArray[np.int64]
Chain = tuple[str, str, str, str]  # data set, family, chain, variant


@dataclass(frozen=True)
class KeptAnswers:
    """of_chain: a chain's answers by seed, (N,) each; networks that kept none aren't there. labels: data set to (N,).

    classes: data set to its classes' names.
    """

    of_chain: Mapping[Chain, Mapping[int, Classes]] = field(default_factory=dict)
    labels: Mapping[str, Classes] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def pair(self, chain: Chain, other: Chain) -> tuple[Classes, Classes]:
        """The answers of both chains' networks under the seeds that they share: (seeds, N) each, seeds rising."""
        first, second = self.of_chain.get(chain, {}), self.of_chain.get(other, {})
        seeds = sorted(first.keys() & second.keys())
        images = len(self.labels.get(chain[0], ()))
        return tuple(  # type: ignore[return-value]
            np.array([its[seed] for seed in seeds], dtype=np.int64).reshape(len(seeds), images) for its in (first, second)
        )


def kept_of(records: Iterable[tuple[str, Metrics]], root: Path = Path()) -> KeptAnswers:
    """The answers of networks, each record with its variant; labels are read from the prepared images, if any answers were kept.

    Raises RecordError where a record's answers aren't of those images, or don't have the accuracy that it names.
    """
    of_chain: dict[Chain, dict[int, Classes]] = {}
    labels: dict[str, Classes] = {}
    classes: dict[str, tuple[str, ...]] = {}
    for variant, record in records:
        if record.test_answers is None:
            continue
        name = record.network
        path = root / layout.prepared(name.dataset)
        if name.dataset not in labels:
            labels[name.dataset], classes[name.dataset] = _labels(path, record)
        answers = np.array(unpacked_answers(record.test_answers), dtype=np.int64)
        right = labels[name.dataset]
        if len(answers) != len(right) or abs(100 * (answers == right).mean() - record.selected_accuracy) > 1e-6:
            raise RecordError(f"{name}: its answers don't have its accuracy of {record.selected_accuracy:g} % on {path}")
        of_chain.setdefault((name.dataset, name.family, name.chain, variant), {})[name.seed] = answers
    return KeptAnswers(of_chain, labels, classes)


def _labels(path: Path, record: Metrics) -> tuple[Classes, tuple[str, ...]]:
    """The labels of the test images, and the classes' names. Raises RecordError where the network was judged on others."""
    from takd.data import prepared

    data = prepared.load(path)
    if data.digest != record.data_digest:
        raise RecordError(f"{path}: isn't of the images that {record.name} was judged on; prepare them again")
    labels: Classes = data.test.labels.numpy()
    return labels, tuple(data.labels)
