"""What the site has beside the pages: commands, every decision and note, and the measured files that pages link to."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.cli import get_docs_for_click
from typer.core import TyperGroup

from takd.cli import app

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?<=\]\()\.\.?/[^)#\s]+")
INDEXES = ("README.md", "index.md")  # what MkDocs makes index.html of
COMMANDS = """# Commands

At the end of this page you know each command of `takd`, with its options.
`takd COMMAND --help` prints the same. Snakemake's rules call these commands too.

"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder in the navigation stands for its pages; notes begin with the latest."""
    for entry in config.nav or []:
        ((title, place),) = entry.items()
        if isinstance(place, str) and place.endswith("/"):
            pages = sorted(path.name for path in (ROOT / "docs" / place).glob("*.md"))
            entry[title] = [place + page for page in (pages[::-1] if place == "notes/" else pages)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page of commands, and what pages link to outside of docs/, under its path in the repository."""
    files.append(File.generated(config, "commands.md", content=COMMANDS + commands()))
    linked = {path for page in files.documentation_pages() for path in outside(page.src_uri, page.content_string)}
    for path in sorted(linked):
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links that lead outside of docs/ lead to the copy in the site."""
    here = page.file.src_uri

    def inside(match: re.Match[str]) -> str:
        path = in_repository(here, match[0])
        return match[0] if path.startswith("docs/") else posixpath.relpath(path, posixpath.dirname(here) or ".")

    return LINK.sub(inside, markdown) if (ROOT / "docs" / here).exists() else markdown


def outside(page: str, markdown: str) -> Iterator[str]:
    """What a page links to outside of docs/, as paths in the repository; README, which would be the site's first page, never."""
    for link in LINK.findall(markdown):
        path = in_repository(page, link)
        if not path.startswith("docs/") and path not in INDEXES and (ROOT / path).is_file():
            yield path


def in_repository(page: str, link: str) -> str:
    """Where a page's link leads, from the repository's root."""
    return posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))


def commands() -> str:
    """takd's commands as typer writes them down, without those that are gone."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    group.commands = {name: command for name, command in group.commands.items() if not command.hidden}
    for command in group.commands.values():
        command.short_help = (command.help or "").split("\n\n")[0]  # whole, where a terminal has it cut
    context = typer.Context(group, info_name="takd")
    text = get_docs_for_click(obj=group, ctx=context, indent=1, name="takd")
    return text.replace("```console\n$ ", "```text\n")
