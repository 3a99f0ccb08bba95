"""The reference of ``bench.desk``: the least that paints a new row of an inbox in a browser, without our desk.

``python -m bench.bare_desk INBOX`` serves one page; a thread asks SQLite for new rows every 20 ms, as ours does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

PAGE = """<!doctype html><meta charset="utf-8"><section id="alarms"></section><script>
new EventSource('/live').onmessage = event => {
  const row = document.createElement('article');
  row.className = 'alarm'; row.dataset.id = event.data; row.textContent = event.data;
  document.getElementById('alarms').prepend(row);
};
</script>"""


def application(path: str) -> Starlette:
    """Return the application for an inbox's file."""
    streams: set[asyncio.Queue[str]] = set()

    def watch(loop: asyncio.AbstractEventLoop) -> None:
        conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        version, last = -1, conn.execute("SELECT coalesce(max(seq), 0) FROM items").fetchone()[0]
        while True:
            time.sleep(0.02)
            if (now := conn.execute("PRAGMA data_version").fetchone()[0]) == version:
                continue
            version = now
            for seq, event_id in conn.execute("SELECT seq, id FROM items WHERE seq > ? ORDER BY seq", (last,)):
                last = seq
                for stream in tuple(streams):
                    loop.call_soon_threadsafe(stream.put_nowait, event_id)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=watch, args=(asyncio.get_running_loop(),), daemon=True).start()
        yield

    async def live(_request: Request) -> Response:
        queue: asyncio.Queue[str] = asyncio.Queue()
        streams.add(queue)

        async def events() -> AsyncIterator[str]:
            while True:
                yield f"data: {await queue.get()}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    routes = [Route("/", lambda _request: HTMLResponse(PAGE)), Route("/live", live)]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve on a port that the system chooses, and print it."""
    config = uvicorn.Config(application(sys.argv[1]), log_level="critical", host="127.0.0.1", port=0)
    listener = config.bind_socket()
    listener.listen()  # uvicorn would do it a moment later
    print(f"http://127.0.0.1:{listener.getsockname()[1]} : ready", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
