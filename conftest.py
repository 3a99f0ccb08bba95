"""What holds for every test and every documented example."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import hypothesis
import pytest

# No time limit for one example: a loaded machine is no fault of the code, and pytest-timeout ends what hangs.
# The same examples in each run, so that a change is judged by itself; `--hypothesis-profile=search` looks for new ones.
# `make unit` tries fewer of them (`--hypothesis-profile=quick`).
for _profile, _same, _examples in (("yizhan", True, 100), ("quick", True, 20), ("search", False, 100)):
    hypothesis.settings.register_profile(
        _profile,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        print_blob=True,
        derandomize=_same,
        max_examples=_examples,
    )
hypothesis.settings.load_profile("yizhan")


MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- pytest makes folders of its own in it
ROOM_BYTES: Final = 6 << 30
"""What the temporary folders of a whole run need at most, with as much again."""
GARBAGE_OBJECTS: Final = 20_000
"""New objects after which the garbage collector looks at the youngest."""
LOGGERS: Final = ("", "yizhan", "kafka", "aiokafka", "asyncio")
"""Those whose level a command of ours may set."""


def pytest_configure() -> None:
    """Keep temporary folders in memory where there is room: a test that kills processes needs no disk to survive.

    ``--basetemp`` or ``PYTEST_DEBUG_TEMPROOT`` name another place.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the tests, begin with the files that take longest (``--dist loadfile``)."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: "integration" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what lives as long as the run: modules, items, tables of cases.

    It would look through them hundreds of times. It also begins less often, as a test makes much and keeps little.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 10, 10)


@pytest.fixture(autouse=True, scope="session")
def _developers_environment_is_out_of_sight() -> None:
    """Neither a setting of the developer's own Yizhan (``YIZHAN_…``) nor the width of a terminal reaches a test.

    pytest-xdist tells its workers the width by ``COLUMNS``.
    """
    for name in [name for name in os.environ if name.startswith("YIZHAN_") or name == "COLUMNS"]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _log_levels_end_with_their_test() -> Iterator[None]:
    """Put levels back: a command that runs for long changes what is logged, and the next test must not see it."""
    before = [(logger, logger.level) for logger in map(logging.getLogger, LOGGERS)]
    yield
    for logger, level in before:
        if logger.level != level:
            logger.setLevel(level)


@pytest.fixture(autouse=True, scope="session")
def _brokers_compile_quickly() -> None:
    """Let the JVMs of tests use the quick compiler only: a broker that lives a minute starts with half the CPU."""
    os.environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1"


@pytest.fixture(autouse=True, scope="session")
def _children_start_with_default_signals() -> None:
    """Let processes that tests start react to signals, also when this one was started by ``nohup`` or with ``&``.

    A child inherits that a signal is ignored. It does not inherit a handler, so a handler that does
    nothing keeps the signal away from this process only.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal without any effect."""
