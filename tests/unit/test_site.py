"""The site: every page has its place in it, says what it is for, and asks no network; links are held by the strict build."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from tests.conftest import ROOT

DOCS = ROOT / "docs"
GENERATED = {"commands.md"}  # by docs/site_hooks.py


def places(nav: list[dict[str, Any]]) -> Iterator[str]:
    """The files of a navigation, depth first."""
    for entry in nav:
        for place in entry.values():
            if isinstance(place, str):
                yield place
            else:
                yield from places(place)


NAV = list(places(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
FOLDERS = {place for place in NAV if place.endswith("/")}
PAGES = sorted(DOCS.glob("*.md"))


def test_every_page_stands_once_in_the_navigation() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    listed = {page for page in pages if f"{page.rpartition('/')[0]}/" in FOLDERS}
    assert sorted([*NAV, *listed]) == sorted(pages | FOLDERS | GENERATED)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_opens_with_what_its_reader_will_have(page: Path) -> None:
    title, opening = page.read_text().split("\n\n")[:2]
    assert title.startswith("# ") and opening.startswith("At the end of this page ")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a link that leads nowhere ends the build."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_its_pages_ask_no_network(site: Path) -> None:
    asked = re.compile(r"""(?:<(?:script|img|iframe)[^>]* src|<link[^>]* href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//""")
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > len(PAGES)
    assert not [(file.name, found[0]) for file in files for found in asked.finditer(file.read_text())]
    assert not [file.name for file in site.rglob("*.html") if 'class="mermaid"' in file.read_text()]  # drawn by a script from afar


def test_its_reference_is_that_of_the_code(site: Path) -> None:
    commands = re.sub("<[^>]*>", "", (site / "commands.html").read_text())
    assert "takd init" in commands and "--assistant" in commands and "what to do next" in commands
    assert "takd tabulate" not in commands  # gone, and named by takd alone
    python = (site / "python.html").read_text()
    assert 'id="takd.load"' in python and "0…1" in python


def test_its_first_page_is_where_to_start_and_no_link_or_picture_leads_nowhere(site: Path) -> None:
    title = (DOCS / "index.md").read_text().partition("\n")[0].removeprefix("# ")
    assert f">{title}<" in (site / "index.html").read_text()
    led = re.compile(r"""(?:href|src)=["']?([^"'\s>#?]+)""")
    nowhere = [
        (page.relative_to(site).as_posix(), place)
        for page in site.rglob("*.html")
        if page.name != "404.html"  # whose links begin at a server's root
        for place in led.findall(page.read_text())
        if not re.match(r"[a-z]+:|//", place) and not (page.parent / unquote(place)).is_file()
    ]
    assert not nowhere


def test_what_pages_link_to_elsewhere_comes_along(site: Path) -> None:
    links = {
        (ROOT / "docs" / link).resolve().relative_to(ROOT)
        for page in PAGES
        for link in re.findall(r"\]\((\.\./[^)#\s]+)", page.read_text())
    }
    assert links
    for path in links:
        assert (site / path.with_suffix(".html" if path.suffix == ".md" else path.suffix)).is_file(), path
