"""A broker that runs once, on a home of its own, so that Java writes the archive of its classes.

Rule 1: it happens once for each Java and each set of jars; two processes that need it rehearse once.
Rule 2: whatever goes wrong, the real broker starts: a sentence says so, nothing is raised.
Rule 3: nothing remains but the archive: a process or a folder of a rehearsal that was cut short goes at the next.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from yizhan.deploy import admin, class_archive
from yizhan.deploy.broker import Broker
from yizhan.deploy.certificates import BROKER, ensure_certificates
from yizhan.deploy.jars import Progress, cache_folder, ensure_jars, locked
from yizhan.deploy.java import Java, java
from yizhan.schemas import topics
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _

_HEAP_MIB: Final = 256
_MEMBERS: Final = ("000000",)


def ensure_archive(cache: Path | None = None, progress: Progress = lambda _: None) -> None:
    """Provide jars and the archive of their classes, if it is missing or of another Java (10 to 20 s, once).

    Raises :class:`ToolMissing` and :class:`JarsMissing` as :func:`ensure_jars` does.
    """
    cache = cache or cache_folder()
    ensure_jars(cache, progress)
    found = java()
    if class_archive.is_settled(cache, found):
        return
    try:
        with locked(cache.with_name(cache.name + ".lock")):
            if not class_archive.is_settled(cache, found):  # else another process was first
                progress(_("试运行 Kafka，让它以后启动更快（只做一次）"))
                _rehearse(cache, found)
    except (OSError, YizhanError) as error:
        progress(_("试运行没有完成（{why}）；Kafka 照常启动，只是慢几秒").format(why=error))


def _rehearse(cache: Path, found: Java) -> None:
    home = cache / "rehearsal"
    made = home / class_archive.ARCHIVE
    broker = Broker(home, cache=cache, heap_mib=_HEAP_MIB, record=made)
    broker.stop()
    shutil.rmtree(home, ignore_errors=True)
    try:
        ensure_certificates(home / "tls", (BROKER, topics.ADMIN), now=datetime.now(UTC))
        broker.start()
        admin.apply(broker.admin_connection(), _MEMBERS)
        broker.stop()
        class_archive.keep(cache, found, made)
    finally:
        broker.stop()
        shutil.rmtree(home, ignore_errors=True)
