"""Markdown that takd wrote as HTML: tables in boxes that scroll, verdicts in colour and words, cells that lead somewhere."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

Href = Callable[[Sequence[str], Sequence[str], int], str | None]  # a table's head, one of its rows, and a column: where it leads
COLOURED = (
    *("reproduced", "reproduced in part", "confirmed", "confirmed in part"),
    *("contradicted", "equal", "undecided", "not run", "met", "not met"),
)
LONG, SHORT = 40, 16  # characters: a longer cell is wide and has several lines, a shorter one has one
WORD = re.compile(r"[^\W\d_]{2,}")  # between the two a cell with several may have several lines, and numbers have one
HEADINGS = {"h1": "h3", "h2": "h4"}  # the page has its own above them


def _opened(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="scroll" tabindex="0">\n<table>\n'


def _closed(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table>\n</div>\n"


PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
PARSER.add_render_rule("table_open", _opened)
PARSER.add_render_rule("table_close", _closed)


def as_html(markdown: str, href: Href = lambda head, row, column: None) -> str:
    """A part of a page. Raw HTML in the Markdown is shown as text."""
    tokens = PARSER.parse(markdown)
    for token in tokens:
        token.tag = HEADINGS.get(token.tag, token.tag)
    for head, line, row in _rows(tokens):
        texts = [plain(token) for token in row]
        if len(texts) > 2 and texts[2] in ("ours", "paper", "difference"):
            line.attrSet("class", texts[2])
        elif len(texts) > 2 and texts[2] and not texts[0] + texts[1]:
            line.attrSet("class", "difference")  # another line of the same row
        for column, (name, token) in enumerate(zip(head, row, strict=True)):
            if len(texts[column]) > LONG:
                _surround(token, "div", {"class": "long"})
            elif len(texts[column]) > SHORT and name != "verdict" and len(WORD.findall(texts[column])) > 1:
                _surround(token, "div", {"class": "words"})
            if name == "verdict":
                _surround(token, "span", {"class": f"verdict {verdict_class(texts[column])}"})
            elif texts[column] and (address := href(head, texts, column)):
                _surround(token, "a", {"href": address})
    return str(PARSER.renderer.render(tokens, PARSER.options, {}))


def tables_of(markdown: str) -> list[list[dict[str, str]]]:
    """The tables in a Markdown text: their rows, as plain texts by column."""
    tables: list[list[dict[str, str]]] = []
    last = None
    for head, _, row in _rows(PARSER.parse(markdown)):
        if head is not last:
            tables.append([])
            last = head
        tables[-1].append(dict(zip(head, map(plain, row), strict=True)))
    return tables


def plain(token: Token) -> str:
    """A cell's text without its marks."""
    return "".join(child.content for child in token.children or [])


def verdict_class(verdict: str) -> str:
    """How the page's style calls a verdict; empty for what is none."""
    word = verdict.partition(",")[0].removeprefix("premise ")
    return word.replace(" ", "-") if word in COLOURED else ""


def _rows(tokens: Sequence[Token]) -> Iterator[tuple[list[str], Token, list[Token]]]:
    """Of each row below a table's head: the head's texts, where the row begins, and its cells."""
    head: list[str] = []
    line: Token | None = None
    cells: list[Token] = []
    for token in tokens:
        if token.type == "table_open":
            head = []
        elif token.type == "tr_open":
            line, cells = token, []
        elif token.type == "inline" and line is not None:
            cells.append(token)
        elif token.type == "tr_close" and line is not None:
            if head:
                yield head, line, cells
            else:
                head = [plain(cell) or " " for cell in cells]
            line = None


def _surround(token: Token, tag: str, attributes: dict[str, str | int | float]) -> None:
    token.children = [Token("mark_open", tag, 1, attributes), *(token.children or []), Token("mark_close", tag, -1)]
