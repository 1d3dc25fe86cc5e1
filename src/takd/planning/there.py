"""Whether files that a command was given are there; where one isn't and the pipeline makes it, the command that does."""

import re
import shlex
from pathlib import Path

from takd.errors import CheckpointError

_NAME = r"[^/]+/[^/]+/[^/]+/seed\d+"
_MADE = re.compile(
    rf"(.*/)?(?P<target>results/(.+/)?models/{_NAME}/(model\.safetensors|metrics\.json)"
    rf"|results/(.+/)?exports/{_NAME}(\.int8|\.fp16)?\.onnx"
    r"|data/prepared/[^/]+\.safetensors)"
)


def check_there(*paths: Path) -> None:
    """Raises CheckpointError where a network, an exported one or a prepared data set isn't there, with the command that makes it.

    Which of these a file is, is told by where it lies. Of one that lies elsewhere nothing is said here.
    """
    for path in paths:
        if (match := _MADE.fullmatch(str(path))) and not path.exists():
            raise CheckpointError(f"{path}: no such file; `snakemake --cores 1 -- {shlex.quote(match['target'])}` makes it")
