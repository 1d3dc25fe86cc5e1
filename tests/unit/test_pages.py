"""Each block of commands on each page is run as typed (tests/workflow/test_pages_run.py) or says what it needs."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from takd.planning.plan import nodes_of
from takd.planning.workflow import Workflow
from takd.starting import project
from tests.conftest import ROOT
from tests.pages import NEEDS, PAGES, Block, blocks, paragraphs, prose, script

WITH_COMMANDS = [page for page in PAGES if any(block.language == "sh" for block in blocks(page))]
PROGRAMS = {".", "cd", "M=results/quick/models/cifar10/resnet", "dvc", "git", "grep", "make", "pip", "snakemake", "takd"}


def words_of(block: Block) -> list[list[str]]:
    return [shlex.split(command.replace("\\\n", " "), comments=True) for command in block.commands]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_says_its_language_and_what_it_needs(page: Path) -> None:
    text = page.read_text()
    found = list(blocks(page))
    assert len(found) * 2 == len(re.findall(r"^ *```", text, flags=re.MULTILINE))  # none is indented, or left open
    assert {block.language for block in found} <= {"sh", "python", "yaml", "text"}
    assert {block.needs for block in found} <= {None, *NEEDS}
    assert len(re.findall("<!-- needs:", text)) == sum(block.needs is not None for block in found)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_lines_of_prose_are_short(page: Path) -> None:
    assert not [line for line in prose(page) if len(line) > 100]


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "decisions"], ids=lambda page: page.name)
def test_paragraphs_and_sentences_are_short(page: Path) -> None:
    for paragraph in paragraphs(page):
        assert len(paragraph) <= 5
        text = re.sub(r"`[^`]*`", "code", " ".join(paragraph))
        assert not [one for one in re.split(r"(?<!al)[.!?:;][)*”]* ", text) if len(re.findall(r"[^\W_]+(?:[.,'’-]\w+)*", one)) > 25]


def test_an_extra_that_is_to_be_typed_is_quoted_as_zsh_needs_it() -> None:
    folders = ("docs", "src", "workflow", "presets", "profiles", "paper")
    files = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in (".md", ".py", ".smk", ".yaml")]
    files += [ROOT / name for name in ("README.md", "CHANGELOG.md", "Dockerfile", "Makefile", "params.yaml", "Snakefile")]
    typed = {path: re.findall(r"pip install ([^\s`]*\[[a-z,]+\]\S?)", path.read_text()) for path in files}
    assert sum(map(len, typed.values())) > 5  # they are found
    assert not {path: words for path, words in typed.items() if any(word[0] not in "'\"" or word[-1] != word[0] for word in words)}


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_what_is_typed_are_programs_that_a_reader_has(page: Path) -> None:
    typed = [words for block in blocks(page) if block.language == "sh" for words in words_of(block)]
    assert {words[0] for words in typed if words} <= PROGRAMS


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_that_are_not_run_are_known_at_least(page: Path) -> None:
    """README's test holds those of takd and Snakemake's targets."""
    from dvc.cli.parser import get_main_parser

    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for block in blocks(page):
        for words in words_of(block) if block.language == "sh" else []:
            if words[:1] == ["dvc"]:
                get_main_parser().parse_args(words[1:])  # which refuses what it doesn't know
            if words[:1] == ["make"]:
                assert words[1] in targets


def test_the_small_experiment_is_as_small_as_its_page_says(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    page = ROOT / "docs/compare-experiments.md"
    (words,) = [
        words for block in blocks(page) for words in words_of(block) if words[:3] == ["dvc", "exp", "run"] and "small" in words
    ]
    project.lay_out(tmp_path)
    apply_overrides(tmp_path / "params.yaml", [value for option, value in pairwise(words) if option == "--set-param"])
    workflow = Workflow(tmp_path, writes_keys=False)
    nodes = nodes_of(workflow, "results/report.html")
    assert {node.name.dataset for node in nodes} == {"digits"} and {workflow.tree.recipe(node).all_epochs for node in nodes} == {4}
    assert f"It trains {len(nodes)} small networks" in page.read_text()


def test_a_page_becomes_a_script_in_its_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```yaml\n# presets/mine.yaml\nseeds: 2\n```\n\n```sh\ntakd init pets \\\n  --data pets  # looks\ntakd list\n```\n\n"
        "<!-- needs: a GPU -->\n```sh\nnvidia-smi\n```\n\n```yaml\n# at the end of a.yaml:\nb: 1\n```\n\n```python\n"
        "import takd\n```\n```python\ndef loss(): ...\n```\n"
    )
    assert script(page, {"takd init": "by hand", "a.yaml": "too"}) == (
        "set -euo pipefail\n"
        "mkdir -p presets\ncat > presets/mine.yaml <<'END'\n# presets/mine.yaml\nseeds: 2\nEND\n"
        "takd init pets \\\n  --data pets  # looks\nby hand\ntakd list\n"
        "mkdir -p .\ncat >> a.yaml <<'END'\n# at the end of a.yaml:\nb: 1\nEND\ntoo\n"
        "python - <<'END'\nimport takd\nEND\n"
    )
