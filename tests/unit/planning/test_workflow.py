"""The patterns by which Snakemake tells names from one another."""

import re

from hypothesis import given
from hypothesis import strategies as st

from takd.planning.workflow import one_of

PARTS = st.sampled_from(["a", "b", "ab", "a.b", "(", "variants"])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@given(st.lists(NAMES, max_size=12), NAMES)
def test_a_pattern_is_of_its_names_alone(names: list[str], other: str) -> None:
    pattern = one_of(names)
    assert all(re.fullmatch(pattern, name) for name in names)
    assert bool(re.fullmatch(pattern, other)) == (other in names)
    assert not re.fullmatch(pattern, "")
    assert not any(re.fullmatch(pattern, f"{name}/") for name in names)


def test_folders_with_the_same_within_share_their_pattern() -> None:
    names = [f"results/{preset}{below}" for preset in ("toy", "quick") for below in ("", "/variants/half", "/variants/few")]
    assert one_of(names) == "(?:results)(?:/(?:(?:toy|quick)(?:/(?:(?:variants)(?:/(?:(?:half|few)))))?))"
