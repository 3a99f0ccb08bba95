"""Bytes in and out of a command: files by the name that was typed, standard input and output for ``-``."""

from __future__ import annotations

import sys
from typing import Final

import click

from yizhan.runtime.standard_streams import standard_input
from yizhan.schemas.i18n import marked
from yizhan.schemas.invisible import escaped
from yizhan.services.errors import ServiceError

STDIN: Final = "-"
MOST_BYTES: Final = 256 * 1024 * 1024
"""Longest file read, in bytes: years of drafts."""


def read_input(name: str, most: int = MOST_BYTES) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        ServiceError: longer than ``most`` bytes.
        OSError: it cannot be read.
    """
    if name == STDIN:
        data = standard_input().read(most + 1)
    else:
        with open(name, "rb") as file:  # noqa: PTH123 -- the name is also shown as it was typed
            data = file.read(most + 1)
    if len(data) > most:
        raise ServiceError(marked("{name} 超过 {most} 字节，读不下"), name=name, most=most)
    return data


def write_stdout(data: bytes) -> None:
    """Write bytes to standard output."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_envelope(envelope: bytes) -> None:
    """Write an envelope to standard output (``ServiceError`` for a terminal: it is no text)."""
    if sys.stdout.isatty():
        raise ServiceError(marked("信封是二进制，不写到终端；请用 -o FILE，或重定向到文件"))
    write_stdout(envelope)


def write_payload(payload: bytes) -> None:
    """Write a payload to standard output; to a terminal only text, without control characters."""
    if not sys.stdout.isatty():
        write_stdout(payload)
        return
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise ServiceError(marked("内容不是文本，不写到终端；请用 -o FILE，或重定向到文件")) from None
    click.echo(escaped(text, keep_lines=True))
