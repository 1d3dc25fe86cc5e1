"""Damaged and hostile files, made from good ones."""

import json
import re
import struct

from hypothesis import strategies as st

from takd.files import packed

NUMBERS = [
    b"-1",
    b"0",
    b"1e308",
    b"1e-400",
    b"NaN",
    b"Infinity",
    b"9" * 30,
    b"9" * 5000,
    b"0.1",
    b"010",
    b"1_0",
    b"true",
    b"null",
    b'"5"',
]
TOKENS = [
    *NUMBERS, b"[", b"[" * 3000, b"{", b'{"a":' * 3000, b"]", b"}", b",", b":", b'"', b"'", b"\n", b"\0", b"\xff", b"\x1b[31m",
    "٠".encode(), b"\\ud800", b"- ", b"? ", b"&a ", b"*a", b"!!python/object:x ", b"<<: ", b"---\n", b"x" * 5000, b"{}", b"[]",
    b"#",
    b"\xef\xbb\xbf", b"../../", b"+mutual", b"-10", b"/seed0",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, contents: st.SearchStrategy[bytes]) -> bytes:
    """Some good content, changed in one to six places."""
    content = draw(contents)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 1, 2, 8, 100]))
        match draw(st.sampled_from(["put", "put", "cut", "flip", "repeat", "number", "end"])):
            case "put":
                content = content[:place] + draw(st.sampled_from(TOKENS)) + content[place + length :]
            case "cut":
                content = content[:place] + content[place + length :]
            case "flip" if place < len(content):
                flipped = content[place] ^ (1 << draw(st.integers(0, 7)))
                content = content[:place] + bytes([flipped]) + content[place + 1 :]
            case "repeat":
                content = (
                    content[:place] + content[place : place + length] * draw(st.sampled_from([2, 50])) + content[place + length :]
                )
            case "number":
                numbers = list(re.finditer(rb"[0-9.]+", content))
                if numbers:
                    found = draw(st.sampled_from(numbers))
                    content = content[: found.start()] + draw(st.sampled_from(NUMBERS)) + content[found.end() :]
            case "end":
                content = content[:place]
    return content


def parts(content: bytes) -> tuple[bytes, bytes]:
    """The head and the tensors of a safetensors file."""
    size = struct.unpack("<Q", content[:8])[0]
    return content[8 : 8 + size], content[8 + size :]


@st.composite
def mutated_tensors(draw: st.DrawFn, content: bytes) -> bytes:
    """A safetensors file: changed anywhere; or its head, with the size put right; or what it says of itself, signed anew."""
    head, tensors = parts(content)
    match draw(st.sampled_from(["anywhere", "head", "metadata", "metadata", "values"])):
        case "anywhere":
            return draw(mutated(st.just(content)))
        case "head":
            head = draw(mutated(st.just(head)))
        case "values":
            tensors = draw(mutated(st.just(tensors)))
        case "metadata":
            entries = json.loads(head)
            said = json.loads(entries["__metadata__"]["takd"].partition(" ")[2])
            text = draw(mutated(st.just(json.dumps(said).encode()))).decode(errors="replace")
            entries["__metadata__"] = _signed(text)
            head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + tensors


def _signed(text: str) -> dict[str, str]:
    try:
        return packed(json.loads(text))
    except (ValueError, RecursionError):
        return {"takd": text}


def one_line(error: Exception, longest: int = 2000) -> None:
    """What an error says goes to a terminal as one line."""
    said = str(error)
    assert "\n" not in said and "\x1b" not in said and len(said) < longest, said[:500]
