"""The desk holds no private key: it works where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.world.desk import DeskWorld, running_desk
from tests.world.simulator import QINGYUAN
from tests.world.station import with_a_fire
from yizhan.desk.accounts.model import Role
from yizhan.desk.routes import PAGES
from yizhan.runtime.clock import utc_now
from yizhan.schemas.quarters import Quarter
from yizhan.services.stores import read_inbox

REFUSED = {"/inbox/{id}/countersign": "不是待会签的巡护计划"}
"""Path → why what rings here is refused there, which no key would change."""


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run a desk in a home whose key files were moved away."""
    station = with_a_fire(tmp_path_factory.mktemp("desk") / "home")
    keys = station.app.county_folder(QINGYUAN) / "keys"
    keys.rename(tmp_path_factory.mktemp("safe") / "keys")
    with running_desk(station) as world:
        yield world


def test_every_page_opens_without_a_key(keyless: DeskWorld) -> None:
    """Every page that can be asked for answers, for every role that may open it; none fails."""
    with read_inbox(keyless.home, QINGYUAN) as inbox:
        assert inbox is not None
        (fire,) = (each.id for each in inbox.ringing())
    quarter = str(Quarter.containing(utc_now(), keyless.home.charter.time_zone))
    values = {"id": fire, "n": "1", "type": "forest_fire", "label": quarter, "partner": "350924"}
    browsers = {role: keyless.browser(role) for role in Role}
    failed = []
    for page in PAGES:
        if page.stream or "GET" not in page.methods or "{token" in page.path:
            continue
        path = re.sub(r"{([a-z]+)(:[a-z]+)?}", lambda found: values.get(found[1], "1"), page.path)
        for role in page.roles or {Role.DUTY}:
            answer = browsers[role].get(path)
            refused = page.path in REFUSED and REFUSED[page.path] in answer.text
            if answer.status not in {200, 303, 404} and not refused:
                failed.append((path, role.value, answer.status, answer.text[-300:]))
    assert failed == []


def test_an_alarm_is_acknowledged_without_a_key(keyless: DeskWorld) -> None:
    """The answer is stored, and owed to the sender until ``inbox run`` sends it."""
    with read_inbox(keyless.home, QINGYUAN) as inbox:
        assert inbox is not None
        (fire,) = (each.id for each in inbox.ringing())
        answered = keyless.browser(Role.DUTY).post(f"/inbox/{fire}/answer", {"stage": "acknowledged"})
        assert answered.status == 303
        assert inbox.ringing() == ()
        assert inbox.count_owed_receipts() == 1
