"""A station, an outbox and an inbox of the former version work beside those of today, for as long as it takes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from sqlite3 import connect
from typing import Any, Final

import pytest

from tests.integration.test_exchange import REPORT
from tests.world.processes import STATION_READY, YIZHAN, running
from tests.world.station import FIRE
from tests.world.waiting import until
from yizhan.deploy.home import bring_up
from yizhan.schemas.quarters import Quarter

FORMER: Final = "e2b85477522d8cb93b38887029e99128806a7e0d"
"""The version that is in service. Each release names the one before it here."""
ROOT: Final = Path(__file__).parents[2]
QINGYUAN, SHOUNING = TWO = ("331126", "350924")


@dataclass(frozen=True)
class Version:
    """The code of one version: the folders that it is imported from, this tree's if there are none."""

    folders: tuple[Path, ...] = ()

    @property
    def env(self) -> dict[str, str]:
        """What a process of this version is started with: what stands first on the path is imported."""
        return {"PYTHONPATH": os.pathsep.join(map(str, self.folders))} if self.folders else {}

    def run(self, home: Path, *words: str, given: str = "") -> str:
        """Run a command of this version; its output."""
        command, env = [*YIZHAN, "--home", str(home), *words], {**os.environ, **self.env}
        done = subprocess.run(command, env=env, input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


TODAY: Final = Version()


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Take the former version out of the history; where there is none (a shallow clone), the test is skipped."""
    tree = tmp_path_factory.mktemp("former")
    archive = subprocess.run(["git", "archive", FORMER], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"the history of this clone does not have {FORMER[:8]}")
    subprocess.run(["tar", "x", "-C", str(tree)], input=archive.stdout, check=True)
    version = Version(tuple(sorted(each.parent for each in tree.glob("*/yizhan"))))
    where = "import yizhan.streams.station as found; print(found.__file__)"
    env = {**os.environ, **version.env}
    told = subprocess.run([YIZHAN[0], "-c", where], env=env, capture_output=True, text=True, check=True).stdout
    assert told.startswith(str(tree))
    return version


@pytest.fixture(scope="module")
def home(former: Version, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that the former version made, and a broker."""
    made = tmp_path_factory.mktemp("upgrade") / "home"
    former.run(made, "sample", "init", "--counties", "2")
    broker, _ = bring_up(made, TWO, now=datetime.now(UTC))
    try:
        yield made
    finally:
        broker.stop(0)


def rows(path: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Read a database without the code of either version."""
    if not path.exists():
        return []
    with closing(connect(f"{path.as_uri()}?mode=ro", uri=True)) as conn:
        return conn.execute(query, values).fetchall()


def urgent(county: str, reference: str) -> dict[str, Any]:
    """Return a fire of one county at the other's border."""
    other = SHOUNING if county == QINGYUAN else QINGYUAN
    payload = {**FIRE["payload"], "org_code": f"{county}000000", "place": {"county": county, "township": "南阳镇"}}
    return {**FIRE, "touches": [other], "external_ref": reference, "payload": payload}


def exchange(home: Path, versions: dict[str, Version], reference: str) -> None:
    """Let each county send a fire; the other acknowledges it; the sender reads that."""
    for sender, version in versions.items():
        (receiver,) = set(TWO) - {sender}
        given = json.dumps(urgent(sender, f"{reference}-{sender}"), ensure_ascii=False)
        told = version.run(home, "publish", "-", "--county", sender, "--yes", "--json", given=given)
        (event,) = (each["id"] for each in json.loads(told)["accepted"])
        inbox, outbox = (
            home / "counties" / county / name
            for county, name in ((receiver, "inbox.sqlite3"), (sender, "outbox.sqlite3"))
        )
        came = partial(rows, inbox, "SELECT way, warnings FROM items WHERE id = ?", event)
        until(came, f"{event} at {receiver}")
        assert came() == [("alarm", "")]
        officer = ("--county", receiver, "--name", "李四", "--badge", "654321")
        versions[receiver].run(home, "inbox", "ack", event, *officer)
        query = "SELECT stage FROM receipts JOIN events USING (seq) WHERE events.id = ? AND stage = 'acknowledged'"
        until(partial(rows, outbox, query, event), f"the acknowledgement of {event}")


def close(home: Path, station: Version, sender: Version, reference: str) -> None:
    """Let a report that waits for its quarter come with a digest that this station closes, for the time being."""
    given = json.dumps({**REPORT, "external_ref": reference}, ensure_ascii=False)
    told = sender.run(home, "publish", "-", "--county", SHOUNING, "--yes", "--json", given=given)
    (event,) = (each["id"] for each in json.loads(told)["accepted"])
    outbox = home / "counties" / SHOUNING / "outbox.sqlite3"
    stamped = "SELECT 1 FROM events WHERE id = ? AND postmark IS NOT NULL"
    until(partial(rows, outbox, stamped, event), f"the postmark of {event}")
    label = str(Quarter.containing(datetime.now(UTC), "Asia/Shanghai"))
    station.run(home, "digest", "close", "--county", QINGYUAN, "--label", label, "--interim")
    inbox = home / "counties" / QINGYUAN / "inbox.sqlite3"
    until(partial(rows, inbox, "SELECT 1 FROM items WHERE id = ? AND state = 'quiet'", event), f"{event} by digest")


@pytest.mark.timeout(600)
def test_each_side_may_be_upgraded_before_the_other(home: Path, former: Version, tmp_path: Path) -> None:
    """With the former station and with today's: alarms, acknowledgements and digests pass between both versions."""
    counties = {SHOUNING: TODAY, QINGYUAN: former}

    def process(version: Version, ready: str, *words: str) -> AbstractContextManager[object]:
        command = [*YIZHAN, "--home", str(home), *words]
        return running(command, tmp_path / "-".join(words), ready, version.env)

    of_counties = [
        process(version, ": ready", kind, "run", "--county", county)
        for county, version in counties.items()
        for kind in ("outbox", "inbox")
    ]
    with ExitStack() as stack:
        with ThreadPoolExecutor() as pool:
            list(pool.map(stack.enter_context, of_counties))
        for number, station in enumerate((former, TODAY)):
            with process(station, STATION_READY, "station", "run"):
                exchange(home, counties, f"接-{number}")
                close(home, station, counties[SHOUNING], f"情-{number}")
