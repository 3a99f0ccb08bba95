"""A film of 200 MiB from county to county, and the latency of alarms sent meanwhile.

Time runs from the start of sealing to the sender's knowing that the partner has every chunk. Alarms run as in
``latency``, at 10 a second, once on an idle line and once beside the film; the ratio is of the two. Memory is each
process's largest resident set (``VmHWM``), before the film and after it. Saving is opening, checking and writing.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.alarm_chain import Listener, alarm, latencies
from bench.harness import peak_mib, percentile, say, significant
from bench.throughput import PARTNER, SOURCE
from yizhan.consumers.attachments import attachments_of
from yizhan.consumers.files import FileStore
from yizhan.producers.drafts import parse_draft
from yizhan.producers.file_sealing import attach
from yizhan.producers.outbox import Outbox
from yizhan.runtime.clock import utc_now
from yizhan.schemas.files import MAX_FILE_BYTES
from yizhan.services.sample_files import write_samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Ground

PER_SECOND: Final = 10
QUIET: Final = 300
"""Alarms on the idle line."""
WARM: Final = 20
_PATIENCE_SECONDS: Final = 240
_HEAD: Final = b"\0\0\0\x18ftypmp42\0\0\0\0mp41mp42"


def alarms(outbox: Outbox, bell: Listener, more: Callable[[int], bool]) -> list[float]:
    """Send alarms while ``more`` says so; milliseconds from each commit to the word of the inbox after its own."""
    accepted: dict[str, float] = {}
    begun = time.monotonic()
    while more(len(accepted)):
        time.sleep(max(0.0, begun + len(accepted) / PER_SECOND - time.monotonic()))
        accepted[outbox.publish(alarm()).id] = time.perf_counter()
    return latencies(accepted, bell.rang)


def _film(path: Path) -> Path:
    """Write a film of the largest allowed size, of random bytes, which cannot be compressed."""
    with path.open("wb") as stream:
        stream.write(_HEAD)
        for _ in range(MAX_FILE_BYTES // (1 << 20) - 1):
            stream.write(os.urandom(1 << 20))
        stream.write(os.urandom(MAX_FILE_BYTES - stream.tell()))
    return path


def _figures(times: list[float]) -> dict[str, float]:
    return {name: significant(percentile(times, share)) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


def measure(ground: Ground) -> dict[str, Any]:
    """Return seconds of each step, memory, and the latency of alarms without and during the transfer."""
    folder = ground.home / "counties" / SOURCE
    with (
        tempfile.TemporaryDirectory(prefix="yizhan-film-") as there,
        ground.process(ground.yizhan("station", "run"), "Worker ready"),
        ground.process(ground.yizhan("outbox", "run", "--county", SOURCE), "ready") as sender,
        ground.process(ground.yizhan("outbox", "run", "--county", PARTNER), "ready"),
        ground.process(ground.yizhan("inbox", "run", "--county", SOURCE, "--quiet"), "ready"),
        contextlib.closing(Listener(ground)) as bell,
        Outbox(folder / "outbox.sqlite3", SOURCE, ground.signing[SOURCE], ground.charters) as outbox,
    ):
        film = _film(Path(there) / "film.mp4")
        (out := Path(there) / "out").mkdir()
        alarms(outbox, bell, lambda n: n < WARM)
        idle = alarms(outbox, bell, lambda n: n < QUIET)
        before = {"outbox": peak_mib(sender.pid), "inbox": peak_mib(bell.pid)}
        begun = time.monotonic()
        write_samples(ground.home, (SOURCE, PARTNER), utc_now())
        draft = parse_draft(json.loads((ground.home / "event.jsonl").read_text("utf-8").splitlines()[0]))
        letter = attach(outbox, draft.model_copy(update={"to": (PARTNER,), "external_ref": "film"}), [film])
        sealed = time.monotonic() - begun
        outbox.publish(letter)
        say(f"files: sealed in {sealed:.1f} s")
        busy = alarms(outbox, bell, lambda _: bool(outbox.files()) and time.monotonic() - begun < _PATIENCE_SECONDS)
        whole = time.monotonic() - begun
        if outbox.files():
            raise TimeoutError(f"the film was not whole after {whole:.0f} s")
        after = {"outbox": peak_mib(sender.pid), "inbox": peak_mib(bell.pid)}
        begun = time.monotonic()
        with FileStore(ground.home / "counties" / PARTNER / "inbox.sqlite3") as store:
            saved = store.save(attachments_of(letter.payload)[0][0], out)
        opened = time.monotonic() - begun
        if saved.stat().st_size != MAX_FILE_BYTES:
            raise RuntimeError("the film did not arrive whole")
    return {
        "what": f"{MAX_FILE_BYTES} bytes; alarms at {PER_SECOND}/s, ms from commit to commit, idle and beside the film",
        "seconds": {name: significant(value) for name, value in (("seal", sealed), ("whole", whole), ("save", opened))},
        "peak_mib": {"before": before, "after": after},
        "alarms": {"idle": len(idle), "beside": len(busy)},
        "idle_ms": _figures(idle),
        "beside_ms": _figures(busy),
        "ratio": {key: significant(_figures(busy)[key] / _figures(idle)[key]) for key in ("p50", "p99")},
    }
