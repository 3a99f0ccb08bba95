r"""Lines of a file, and JSON objects in them however they are laid out. Nothing is parsed here.

Rule 1: a line ends with ``\n``, ``\r`` or both. UTF-16 with its mark (Windows' shell writes it) is read as the text
        that it is; every other encoding than UTF-8 is for the parser to refuse.
Rule 2: one object is one piece, with the line where it begins: on a line of its own (JSON Lines), over many lines, or
        in an array.
Rule 3: a broken piece takes no other with it. An object that begins where only a name can stand, and a text that is
        open at a line's end, show that what began before is broken.
Rule 4: never more than one piece is in memory, nor more of it than the longest that is taken.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Generator, Iterable, Iterator
from typing import BinaryIO, Final

_ENDS: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")
_BOM: Final = codecs.BOM_UTF8
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_UTF16: Final = 256 * 1024 * 1024
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\]]')
"""A whole text, a quotation mark that opens one and is not closed in its line, a bracket."""
_OTHER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^,\]]+')
"""A value in an array that is not an object."""

Line = bytes | int
"""Bytes without their end; the length of what is too long to keep."""


def numbered_lines(stream: BinaryIO, most: int) -> Iterator[tuple[int, Line]]:
    """Yield (number from 1, line), or the length of a line of more than ``most`` bytes."""
    first = stream.readline(most + 2)
    if first.startswith(_UTF16):
        text = (first + stream.read(_MOST_UTF16)).decode("utf-16", "replace")
        stream, first = io.BytesIO(text.encode("utf-8", "replace")), b""
        first = stream.readline(most + 2)
    number, held, dropped = 0, b"", 0
    piece = first.removeprefix(_BOM)
    while piece:
        *lines, held = _ENDS.split(held + piece)
        for line in lines:
            number, length = number + 1, dropped + len(line)
            yield number, length if length > most else line
            dropped = 0
        if dropped or len(held) > most + 1:
            # Too long to keep; a carriage return at its end may yet be half of a line's end.
            carry = held[-1:] if held.endswith(b"\r") else b""
            dropped, held = dropped + len(held) - len(carry), carry
        piece = stream.readline(most + 2)
    if held.removesuffix(b"\r") or dropped:
        length = dropped + len(held.removesuffix(b"\r"))
        yield number + 1, length if length > most else held.removesuffix(b"\r")


def json_pieces(lines: Iterable[tuple[int, Line]], most: int) -> Iterator[tuple[int, Line]]:
    """Yield (line where it begins, bytes) of each object and of whatever stands between, or the length if too long."""
    splitter = _Splitter(most)
    for number, line in lines:
        if isinstance(line, int):
            yield from splitter.broken_off()
            yield number, line
        elif line.strip():
            yield from splitter.take(number, line)
    yield from splitter.broken_off()


class _Splitter:
    """Objects that are being put together from lines."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_array = False
        """Between objects of an array that is itself no piece."""
        self._open: list[bytes] = []
        """Brackets that are open in the piece."""
        self._began = 0
        self._parts: list[bytes] = []
        self._length = 0

    def take(self, number: int, line: bytes) -> Iterator[tuple[int, Line]]:
        """Take a line that is not empty; yield what ends in it."""
        start = line.lstrip()
        value_expected = bool(self._parts) and self._parts[-1].rstrip().endswith(b":")
        if self._open and start.startswith(b"{") and self._open[-1] == b"{" and not value_expected:
            yield from self.broken_off()  # rule 3
        if not self._open and not self._in_array and not start.startswith((b"{", b"[")):
            yield number, line
            return
        place = 0
        while place < len(line):
            if self._open:
                place = yield from self._inside(line, place)
            else:
                place = yield from self._between(number, line, place)

    def _between(self, number: int, line: bytes, place: int) -> Generator[tuple[int, Line], None, int]:
        rest = line[place:]
        plain = rest.lstrip(b" \t,") if self._in_array else rest.lstrip(b" \t")
        place += len(rest) - len(plain)
        if plain.startswith(b"[") and not self._in_array:
            self._in_array = True
            return place + 1
        if plain.startswith(b"]") and self._in_array:
            self._in_array = False
            return place + 1
        if plain.startswith(b"{"):
            self._began = number
            self._open, self._parts, self._length = [b"{"], [b"{"], 1
            return place + 1
        if self._in_array and (other := _OTHER.match(plain)):
            yield number, other[0].strip()
            return place + other.end()
        if plain.strip():
            yield number, plain
        return len(line)

    def _inside(self, line: bytes, place: int) -> Generator[tuple[int, Line], None, int]:
        for token in _TOKEN.finditer(line, place):
            text = token[0]
            if text == b'"':  # rule 3
                self._add(line[place:])
                yield from self.broken_off()
                return len(line)
            if text in {b"{", b"["}:
                self._open.append(text)
            elif text in {b"}", b"]"}:
                self._open.pop()
                if not self._open:
                    self._add(line[place : token.end()])
                    yield from self._done(line, token.end())
                    return token.end() if self._in_array else len(line)
        self._add(line[place:] + b"\n")
        return len(line)

    def _add(self, part: bytes) -> None:
        self._length += len(part)
        if self._length <= self._most:
            self._parts.append(part)

    def _done(self, line: bytes, end: int) -> Iterator[tuple[int, Line]]:
        if not self._in_array:
            self._add(line[end:])  # whatever follows an object in its line is for the parser to refuse
        yield from self.broken_off()

    def broken_off(self) -> Iterator[tuple[int, Line]]:
        """Yield what is held, finished or not."""
        if self._parts:
            whole: Line = b"".join(self._parts).strip() if self._length <= self._most else self._length
            self._open, self._parts = [], []
            yield self._began, whole
        self._open = []
