"""Standard input, output and errors, whatever the caller made of them: closed, full, broken off, in another encoding.

Rule 1: no state of them is an unexpected error. What cannot be written in their encoding is written as an escape.
Rule 2: whoever stops reading (``| head``) ends the command in silence; a full disk is named.
"""

from __future__ import annotations

import os
import sys
from typing import IO, BinaryIO

from yizhan.runtime.errors import StreamClosed
from yizhan.schemas.i18n import marked


def prepare_streams() -> None:
    """Put something in the place of closed streams; let every character be written."""
    # In this order: the lowest free descriptor is taken, so that no file opened later gets a standard one's number.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 -- for the whole run
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def standard_input() -> BinaryIO:
    """Return standard input as bytes (``StreamClosed`` where the caller closed it)."""
    if getattr(sys.stdin, "name", None) == os.devnull:
        raise StreamClosed(marked("标准输入已关闭；请写明文件名，或用管道送入"))
    return sys.stdin.buffer


def flush_output() -> OSError | None:
    """Write out what is left; return why that is not possible. Afterwards Python ends without a word."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
    except OSError as error:
        _discard(sys.stdout)
        return error
    return None


def takes_output() -> bool:
    """Tell whether standard output still takes a byte; an error of the system does not say which file it is about."""
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except (OSError, ValueError):
        _discard(sys.stdout)
        return False
    return True


def _discard(stream: IO[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
