"""The body of a request, piece by piece, for a service that runs in a thread.

Rule 1: nothing is kept in memory but one piece; where the browser goes away, the pieces end, and what came stays.
Rule 2: a browser that is silent for ``SILENT_SECONDS`` has gone away: a line that is cut may say nothing for ever, and
        each request holds a thread that other pages need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final

import anyio
import anyio.from_thread
from starlette.requests import ClientDisconnect, Request

SILENT_SECONDS: Final = 30.0


def pieces_of(request: Request) -> Iterator[bytes]:
    """Yield the body of a request; called in a thread of the server, it waits for the network there."""
    stream = request.stream()
    while True:
        piece = anyio.from_thread.run(_next, stream)
        if piece is None:
            return
        yield piece


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    with anyio.move_on_after(SILENT_SECONDS):
        try:
            async for piece in stream:
                return piece
        except ClientDisconnect:
            return None
    return None
