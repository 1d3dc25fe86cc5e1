"""docs/recipe.md: its recipes can be trained by, and no field that came with it is left out."""

import re

import pytest

from takd.objectives.registry import ALL
from takd.study.recipe import resolve
from takd.study.recipe_parts import Labels, Length, NetworkSection, Optimiser, Views
from takd.yaml_files import parse_yaml
from tests.conftest import ROOT

PAGE = (ROOT / "docs/recipe.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
@pytest.mark.parametrize("objective", ["labels", "distillation"])
def test_its_recipes_are_recipes(text: str, objective: str) -> None:
    settings = parse_yaml(text, "the page")["train"]
    made = resolve(NetworkSection(builder="plain:4"), ALL[objective], [settings])
    written = {name: value for section in made.model_dump(mode="json").values() for name, value in section.items()}
    needed = ALL[objective].fields.typed()
    for name, value in settings.items():
        if name not in ("trade_off", "temperature", "kl_reduction") or name in needed:
            assert written[name] == value


@pytest.mark.parametrize("section", [Optimiser, Views, Length, Labels])
def test_every_field_that_came_later_has_a_row(section: type[Optimiser | Views | Length | Labels]) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for name in section.quiet:
        assert [row for row in rows if re.match(rf"\| `{name}[`:]", row)], name
        assert all(row.count(" | ") == 4 for row in rows)
