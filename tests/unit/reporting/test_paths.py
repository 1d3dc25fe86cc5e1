"""Figures of paths over members that are words, and over many of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot

from takd.records.accuracy import IMPORTED
from takd.reporting import paths, style
from takd.reporting.context import Context
from takd.study.artifacts import of_own_study
from takd.study.papers_kinds import Paths
from tests.unit.reporting.conftest import accuracies, context

MEMBERS = ("vit_base_patch16_224.augreg_in21k", "resnet18", "mobilenet_v3_small")


def study(members: tuple[str, ...]) -> Paths:
    spec = of_own_study("pets", members)["paths"]
    assert isinstance(spec, Paths)
    return spec


def accuracy_of_all(spec: Paths) -> Context:
    """Longer paths are better."""
    chains = [cell.chain for cell in spec.cells(("pets",))]
    return context(accuracies(("pets", "pets", chain, 0, 50.0 + chain.count("-")) for chain in chains), ("pets",))


def texts(spec: Paths, of: Context) -> list[Any]:
    with pyplot.rc_context(style.STYLE):
        picture = paths.draw(spec, paths.numbers("paths", spec, of), of)
    picture.draw_without_rendering()
    found = list(picture.axes[0].texts)
    pyplot.close(picture)
    return found


def test_names_stand_above_their_columns_and_none_overlaps_another() -> None:
    spec = study(MEMBERS)
    heads = texts(spec, accuracy_of_all(spec))[: len(MEMBERS)]
    assert ["".join(head.get_text().split("\n")) for head in heads] == list(MEMBERS)
    boxes = [head.get_window_extent() for head in heads]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_no_two_networks_stand_in_one_place() -> None:
    spec = study(MEMBERS)
    places = [text.get_position() for text in texts(spec, accuracy_of_all(spec)) if text.get_text() == text.get_text().strip()]
    assert len(places) == len(set(places))


def test_paths_that_are_equally_good_are_bold_alike() -> None:
    """To two digits, as they are drawn."""
    spec = study(MEMBERS)
    table = accuracy_of_all(spec).accuracy
    student = table["chain"].str.endswith(MEMBERS[-1])
    table.loc[student, "accuracy"] = 60.0
    table.loc[student & table["chain"].str.contains("-"), "accuracy"] = [72.001, 71.999]
    bold = [text.get_text() for text in texts(spec, context(table, ("pets",))) if text.get_weight() == "bold"]
    assert bold.count("72.00") == 2 and "60.00" not in bold


def test_where_all_of_a_column_are_alike_none_is_bold() -> None:
    spec = study(MEMBERS)
    table = accuracy_of_all(spec).accuracy.assign(accuracy=50.0)
    assert "50.00" not in [text.get_text() for text in texts(spec, context(table, ("pets",))) if text.get_weight() == "bold"]
    picture = paths.draw(spec, paths.numbers("paths", spec, context(table, ("pets",))), context(table, ("pets",)))
    assert not [text for text in picture.legends[0].get_texts() if text.get_text().startswith("bold")]
    pyplot.close(picture)


def test_a_teacher_that_came_in_with_its_weights_is_not_drawn_as_trained_from_labels() -> None:
    spec = study(MEMBERS)
    table = accuracy_of_all(spec).accuracy
    table.loc[table["chain"] == MEMBERS[0], "epochs"] = 0
    of = context(table, ("pets",))
    numbers = paths.numbers("paths", spec, of).set_index("chain")["series"]
    assert numbers[MEMBERS[0]] == IMPORTED and numbers[MEMBERS[1]] == "NOKD"
    with pyplot.rc_context(style.STYLE):
        picture = paths.draw(spec, paths.numbers("paths", spec, of), of)
    said = [text.get_text() for text in picture.legends[0].get_texts()]
    assert said[0] == "imported: came in with its weights" and len(said) == len(set(said)) == 5
    pyplot.close(picture)


@pytest.mark.parametrize("run", [1, 3, 6])
def test_what_was_not_run_is_said_to_be(run: int) -> None:
    spec = study(MEMBERS)
    all_of = accuracy_of_all(spec).accuracy
    said = [text.get_text() for text in texts(spec, context(all_of[:run], ("pets",)))]
    assert said.count("not run") == len(all_of) - run


def test_of_very_many_paths_the_best_and_the_direct_one_are_drawn_and_all_are_in_the_file(tmp_path: Path) -> None:
    members = tuple(f"m{number}" for number in range(8))
    spec = study(members)
    of = accuracy_of_all(spec)
    said = [text.get_text() for text in texts(spec, of)]
    assert "Drawn are the direct path and the 31 best of 64 to m7; the CSV file has all." in said
    assert "57.00" in said  # the longest
    csv = paths.write(spec, paths.numbers("paths", spec, of), of, tmp_path / "paths")[0]
    assert csv.read_text().count(",m7,") == 65
    assert (tmp_path / "paths.png").stat().st_size < 2_000_000
