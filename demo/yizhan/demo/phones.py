"""The demonstration's telephones: a command for each place on a county's ladder, and what the bell recorded of them.

Rule 1: a telephone here is a file that the message is written to; everything else is the bell as a county has it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from yizhan.consumers.bell.ring_store import RingStore
from yizhan.consumers.bell.rings import ALARM_STEP, Ring
from yizhan.consumers.bell.settings import FILE
from yizhan.consumers.inbox import Inbox
from yizhan.schemas.obligation_steps import RUNGS

FOLDER: Final = "phones"


def install(home: Path, county: str) -> None:
    """Write a county's ``bell.toml``: messages are written to ``phones/<county>-<rung>.json``."""
    (home / FOLDER).mkdir(exist_ok=True)
    lines = []
    for rung in RUNGS:
        phone = home / FOLDER / f"{county}-{rung}.json"
        lines += [f"[channels.{rung}]", f"command = ['tee', '-a', '{phone}']"]
    lines += ["[rungs]", *(f"{rung} = ['{rung}']" for rung in RUNGS)]
    path = home / "counties" / county / FILE
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rung(inbox: Inbox, county: str, about: str, step: str = ALARM_STEP) -> Ring | None:
    """Return the ring for a step of an alarm, once its telephone has taken it."""
    for ring, _tries in rings(inbox, county):
        if (ring.plan.about, ring.plan.step, ring.state) == (about, step, "delivered"):
            return ring
    return None


def rings(inbox: Inbox, county: str) -> list[tuple[Ring, int]]:
    """Return a county's rings of alarms and how often each was sent."""
    with RingStore(inbox.path, county) as book:
        return [(ring, len(tries)) for ring, tries in book.rings() if ring.plan.urgency == "alarm"]
