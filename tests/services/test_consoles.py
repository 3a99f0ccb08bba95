"""The pages of the desk as ``yizhan bell status`` and ``bell test`` see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.services.access_world import OFFICER
from tests.world.simulator import SHOUNING
from yizhan.services.actor import Actor
from yizhan.services.bell import bell_path, bell_status, send_test_messages
from yizhan.services.consoles import list_consoles, report_console
from yizhan.services.home import Home

BELL = """
[channels.desk]
console = true
[channels.phone]
command = ["true"]
[rungs]
duty = ["desk", "phone"]
"""


@pytest.fixture
def rung(home: Home) -> Iterator[Home]:
    """Give 寿宁 a bell with the desk as a channel."""
    path = bell_path(home, SHOUNING)
    path.touch(mode=0o600)
    path.write_text(BELL, encoding="utf-8")
    yield home
    path.unlink()


def test_a_page_with_sound_is_what_makes_the_channel_work(rung: Home) -> None:
    """Dead while no page is open or none can be heard; named with officer and place; a test asks the same."""
    told = []
    actor = Actor(OFFICER.badge, "desk console", OFFICER)
    for audible in (None, False, True):
        if audible is not None:
            report_console(rung, SHOUNING, "page-1", "值班室", ["350924-1-1"], actor, audible=audible)
        status = bell_status(rung, SHOUNING)
        desk = next(each for each in status.channels if each.name == "desk")
        (test,) = send_test_messages(rung, SHOUNING, channel="desk")
        told.append((desk.kind, desk.dead, desk.why, test.outcome, len(status.consoles)))
    assert told == [
        ("console", True, "no console", "no console", 0),
        ("console", True, "no sound", "no sound", 1),
        ("console", False, None, "delivered", 1),
    ]
    (console,) = list_consoles(rung, SHOUNING)
    assert (console.badge, console.label, console.audible) == (OFFICER.badge, "值班室", True)
