"""Commands as processes of their own: started, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.world.waiting import until

YIZHAN = (sys.executable, "-m", "yizhan.cli")
"""How a command line of ours begins."""
STATION_READY = "Worker ready"
"""What a station writes when it works."""
_END_SECONDS = 20.0


def make_home(home: Path, *words: str, pass_fds: Sequence[int] = ()) -> Path:
    """Run ``sample init`` for two counties: it takes a second, so fixtures do it once."""
    command = [*YIZHAN, "--home", str(home), "sample", "init", "--counties", "2", *words]
    subprocess.run(command, check=True, capture_output=True, pass_fds=pass_fds)
    return home


@contextlib.contextmanager
def running(
    argv: Sequence[str], log: Path, ready: str, env: Mapping[str, str] | None = None, *, apart: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the block ends; the block begins when the log has the words ``ready``.

    ``apart`` keeps the Ctrl-C of a terminal from it: whoever started it ends it.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            argv, stdout=file, stderr=file, env={**os.environ, **(env or {})}, start_new_session=apart
        )
    try:
        wait_for_words(process, log, ready)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_words(process: subprocess.Popen[bytes], log: Path, words: str) -> None:
    """Wait until a process has written some words.

    Raises:
        AssertionError: it ended, or the limit is over; with the end of its log.
    """

    def text() -> str:
        return log.read_text(encoding="utf-8", errors="replace")

    def written() -> bool:
        ended = process.poll() is not None
        if words in text():
            return True
        assert not ended, f"{process.args!r} ended without {words!r}:\n{text()[-3000:]}"
        return False

    until(written, lambda: f"{words!r} in:\n{text()[-3000:]}")
