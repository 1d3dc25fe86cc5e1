"""Reads the pickles of CIFAR's batches with a machine that knows few opcodes, calls nothing, and keeps no more than they hold.

Python's unpickler isn't used. A pickle can name any function, and a short one can fill the memory or take years to hash.
"""

import struct
from typing import Any

import numpy as np

from takd.errors import DataError

MOST_OPCODES = 1_000_000  # CIFAR-100's training batch has some 150,000
LONGEST_LINE = 1000
LONGEST_KEY = 1000  # bytes

_MARK = object()
_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy", "ndarray"): "class",
    ("numpy", "dtype"): "type",
}
_INTEGERS = {"K": "<B", "M": "<H", "J": "<i"}
_LENGTHS = {"U": "<B", "C": "<B", "\x8c": "<B", "T": "<i", "B": "<I", "X": "<I", "\x8e": "<Q", "\x8d": "<Q"}
_TEXT = ("X", "\x8c", "\x8d")
_CONSTANTS: dict[str, Any] = {"N": None, "\x88": True, "\x89": False}
_TUPLES = {"\x85": 1, "\x86": 2, "\x87": 3}
_PUT_AND_GET = {"q": "<B", "r": "<I", "h": "<B", "j": "<I"}


class Array:
    """A two-dimensional array of uint8, once its state was set."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.content: bytes | memoryview = b""

    def set_state(self, state: object) -> None:
        """Take what numpy pickles of an array. Raises DataError for any but a two-dimensional one of uint8, rows first."""
        match state:
            case (int(), (int() as rows, int() as columns), _Type(), False, bytes() | memoryview() as content):
                pass
            case _:
                raise DataError("holds an array that isn't a two-dimensional one of uint8")
        if rows < 0 or columns < 0 or rows * columns != len(content):
            raise DataError("holds an array whose bytes don't fill its shape")
        self.shape, self.content = (rows, columns), content

    def array(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The array itself, (rows, columns), on the pickle's own memory."""
        return np.frombuffer(self.content, dtype=np.uint8).reshape(self.shape)


class _Type:
    """numpy's type uint8."""


class _Global:
    def __init__(self, kind: str) -> None:
        self.kind = kind


def read(data: bytes | bytearray) -> object:
    """What the pickle holds: dictionaries, lists, tuples, integers, text, bytes (long ones as memoryview) and `Array`.

    Raises DataError where it names anything else, or is longer than any published one. A damaged one raises whatever it raises.
    """
    return _Machine(data).run()


class _Machine:
    """A stack, and a memo that is a dictionary: an index costs nothing, however large."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data, self.view, self.at = data, memoryview(data), 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> object:
        for _ in range(MOST_OPCODES):
            code = chr(self.take(1)[0])
            if code == ".":
                return self.stack.pop()
            self.step(code)
        raise DataError(f"the pickle has more than {MOST_OPCODES:,} opcodes, which the published file hasn't")

    def take(self, count: int) -> memoryview:
        """The next `count` bytes."""
        if not 0 <= count <= len(self.view) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self.view[self.at - count : self.at]

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.at, self.at + LONGEST_LINE)
        if end < 0:
            raise ValueError("a line without an end")
        text = bytes(self.take(end - self.at))
        self.at += 1
        return text

    def since_mark(self) -> list[Any]:
        """What was put on the stack since the last mark, taken from it."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def step(self, code: str) -> None:
        """Carry out one opcode."""
        push = self.stack.append
        if code in _INTEGERS:
            push(self.number(_INTEGERS[code]))
        elif code in _LENGTHS:
            content = self.take(self.number(_LENGTHS[code]))
            if code in _TEXT:
                push(str(content, "utf-8", "surrogatepass"))
            else:
                push(bytes(content) if len(content) <= LONGEST_KEY else content)
        elif code in _PUT_AND_GET:
            index = self.number(_PUT_AND_GET[code])
            self.memo.__setitem__(index, self.stack[-1]) if code in "qr" else push(self.memo[index])
        elif code in _CONSTANTS:
            push(_CONSTANTS[code])
        elif code in _TUPLES:
            items = self.stack[-_TUPLES[code] :]
            del self.stack[-_TUPLES[code] :]
            push(tuple(items))
        else:
            self.rarer_step(code)

    def rarer_step(self, code: str) -> None:
        """Carry out one opcode of those that a batch has few of."""
        push, pop = self.stack.append, self.stack.pop
        match code:
            case "\x80":  # protocol
                self.take(1)
            case "\x95":  # frame
                self.take(8)
            case "(":
                self.marks.append(len(self.stack))
            case "]":
                push([])
            case "}":
                push({})
            case ")":
                push(())
            case "t":
                push(tuple(self.since_mark()))
            case "l":
                push(self.since_mark())
            case "d":
                push(_filled({}, self.since_mark()))
            case "a":
                item = pop()
                _list(self.stack[-1]).append(item)
            case "e":
                items = self.since_mark()
                _list(self.stack[-1]).extend(items)
            case "s":
                value, key = pop(), pop()
                _filled(self.stack[-1], [key, value])
            case "u":
                items = self.since_mark()
                _filled(self.stack[-1], items)
            case "I":
                push(int(self.line()))
            case "\x8a":
                push(int.from_bytes(self.take(self.number("<B")), "little", signed=True))
            case "V":
                push(self.line().decode("raw-unicode-escape"))
            case "p":
                self.memo[int(self.line())] = self.stack[-1]
            case "g":
                push(self.memo[int(self.line())])
            case "\x94":
                self.memo[len(self.memo)] = self.stack[-1]
            case "c":
                push(_named(self.line().decode(), self.line().decode()))
            case "\x93":
                name, module = pop(), pop()
                push(_named(module, name))
            case "R":
                arguments, called = pop(), pop()
                push(_made(called, arguments))
            case "b":
                state = pop()
                if isinstance(self.stack[-1], Array):
                    self.stack[-1].set_state(state)
                elif not isinstance(self.stack[-1], _Type):
                    raise DataError("the pickle sets the state of something, which the published file doesn't")
            case _:
                raise ValueError(f"opcode {ord(code):#x}")


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError("appends to what is no list")
    return value


def _filled(value: Any, items: list[Any]) -> dict[str, Any]:
    """Keys are text alone: to hash a tuple that holds itself many times over takes for ever."""
    if type(value) is not dict or len(items) % 2:
        raise ValueError("sets items of what is no dictionary")
    for key, item in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | bytes) or len(key) > LONGEST_KEY:
            raise DataError("holds a dictionary with keys that aren't short texts")
        value[key.decode("latin1") if isinstance(key, bytes) else key] = item
    return value


def _named(module: object, name: object) -> _Global:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("names what is no text")
    if (module, name) not in _GLOBALS:
        shown = "".join(letter if letter.isprintable() else "?" for letter in f"{module}.{name}"[:100])
        raise DataError(f"the pickle calls {shown}, which the published file doesn't; nothing was run")
    return _Global(_GLOBALS[module, name])


def _made(called: object, arguments: object) -> object:
    if not isinstance(called, _Global) or not isinstance(arguments, tuple):
        raise DataError("the pickle calls something, which the published file doesn't; nothing was run")
    if called.kind == "array":
        return Array()
    kind = arguments[0] if called.kind == "type" and arguments else None
    name = kind.decode("latin1") if isinstance(kind, bytes) else kind
    if name not in ("u1", "|u1"):
        shown = repr(name[:20]) if isinstance(name, str) else "something"  # the text of nested tuples can be endless
        raise DataError(f"holds an array of {shown}, expected uint8")
    return _Type()
