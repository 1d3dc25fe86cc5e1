"""What README and the pages of docs/ show in blocks of code: commands that are run as typed, files, or neither.

A block of `sh` is run, unless the line above it says what it needs: <!-- needs: real data -->. A block whose first line is a
comment with a path, as in `# presets/mine.yaml`, is that file; `# at the end of paper/artifacts.yaml` adds to one. A block of
Python that begins with `import` or `from` is run.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDS = ("real data", "a GPU", "a cluster", "idle cores", "a remote")
_BLOCK = re.compile(r"(?:^<!-- needs: (?P<needs>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (?P<end>at the end of )?(?P<path>[\w./-]+\.(?:py|yaml))\b")


class Block(NamedTuple):
    """A block of code. needs: what it can't be run without; file: what it stands for, and whether it adds to it."""

    language: str
    text: str
    needs: str | None
    file: tuple[str, bool] | None

    @property
    def is_run(self) -> bool:
        typed = self.language == "sh" or (self.language == "python" and self.text.startswith(("import ", "from ")))
        return typed and self.file is None and self.needs is None

    @property
    def commands(self) -> list[str]:
        """What is typed, a command each, as it stands."""
        return re.findall(r"^(?:.*\\\n)*.+$", self.text, flags=re.MULTILINE)


def blocks(page: Path) -> Iterator[Block]:
    """A page's blocks of code, in order."""
    for found in _BLOCK.finditer(page.read_text()):
        head = _FILE.match(found["text"])
        file = (head["path"], bool(head["end"])) if head else None
        yield Block(found["language"], found["text"], found["needs"], file)


def script(page: Path, after: dict[str, str]) -> str:
    """All that a page shows, as one script for bash. after: what a reader does by hand after a command or file that begins so."""
    lines = ["set -euo pipefail"]
    for block in blocks(page):
        if block.file:
            path, adds = block.file
            lines.append(f"mkdir -p {Path(path).parent}\ncat {'>>' if adds else '>'} {path} <<'END'\n{block.text}END")
            lines += [doing for start, doing in after.items() if path == start]
        elif block.is_run and block.language == "python":
            lines.append(f"python - <<'END'\n{block.text}END")
        elif block.is_run:
            for command in block.commands:
                lines.append(command)
                lines += [doing for start, doing in after.items() if command.startswith(start)]
    return "\n".join(lines) + "\n"


def prose(page: Path) -> Iterator[str]:
    """Its lines as they are read, without code, tables, and where links lead."""
    inside = False
    for line in page.read_text().splitlines():
        inside ^= line.startswith("```")
        if not inside and not line.startswith(("```", "|", "    ")):
            yield re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)


def paragraphs(page: Path) -> Iterator[list[str]]:
    """Its paragraphs and items of lists, as lines."""
    found: list[str] = []
    for line in [*prose(page), ""]:
        if found and (not line.strip() or re.match(r" *(-|\d+\.) |#|<!--|:::", line)):
            yield found
            found = []
        if line.strip() and not line.startswith(("#", "<!--", ":::")):
            found.append(line)
