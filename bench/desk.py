"""The desk in a real browser: from the inbox's commit to the paint, beside the least that could paint it."""

from __future__ import annotations

import contextlib
import copy
import re
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench.harness import percentile, say, significant
from tests.desk.browsing import FLAGS, chromium_path
from tests.world.desk import Browser as Asker
from tests.world.processes import YIZHAN, running
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, arrived
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.consumers.arrivals import Arrived
from yizhan.consumers.inbox import Inbox
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import PASSWORD, SampleAccount, add_sample_accounts
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.services.sample import make_sample
from yizhan.services.stores import inbox_path, open_inbox, open_outbox

if TYPE_CHECKING:
    from bench.harness import Ground

ROWS = 100_000
ALARMS = 1000
AT_ONCE = 300
PER_SECOND = 20
SOUNDS = 20
PAGES = 100
IDLE_SECONDS = 20.0
COOKIE = f"yz-{QINGYUAN}"
_WATCH = """
window.__painted = []; window.__sounds = [];
addEventListener('DOMContentLoaded', () => {
  const list = document.getElementById('alarms');
  if (!list) { return; }
  new MutationObserver(all => all.forEach(one => one.addedNodes.forEach(node => {
    if (!node.dataset || !node.dataset.id) { return; }
    requestAnimationFrame(() => { const after = new MessageChannel();
      const now = () => performance.timeOrigin + performance.now();
      after.port1.onmessage = () => window.__painted.push([node.dataset.id, now()]);
      after.port2.postMessage(0); });
  }))).observe(list, { childList: true });
  new MutationObserver(() => window.__sounds.push(performance.timeOrigin + performance.now()))
    .observe(document.documentElement, { attributeFilter: ['data-last-sound'] });
});
"""


@dataclass
class World:
    """A county's inbox that this process writes, and the desk that another one serves."""

    station: Station
    inbox: Inbox
    person: SampleAccount
    cookie: str
    address: str
    pid: int

    @property
    def place(self) -> tuple[str, int]:
        """Where it listens."""
        host, _colon, port = self.address.partition("//")[2].partition(":")
        return host, int(port)

    def waiting(self, count: int) -> list[Arrived]:
        """Have the partner send alarms; return them as they would be read from Kafka."""
        with open_outbox(self.station.app, SHOUNING, TerminalPassphrase()) as outbox:
            fires = [copy.deepcopy(FIRE) for _ in range(count)]
            now = time.time_ns()
            for number, fire in enumerate(fires):
                fire |= {"external_ref": f"bench-{now}-{number}", "grade": 1 + number % 4}
            for sent in outbox.publish_many(map(parse_draft, fires)):
                assert not isinstance(sent, Exception), sent
        before = len(self.station.topics.get(topics.alerts(QINGYUAN), []))
        self.station.carry(SHOUNING)
        new = self.station.topics[topics.alerts(QINGYUAN)][before:]
        return [arrived(output, before + place, at, "alert") for place, (output, at) in enumerate(new)]

    def acknowledge(self, ids: list[str]) -> None:
        """Acknowledge alarms, as an officer elsewhere would."""
        for each in ids:
            self.inbox.acknowledge(each, "周某", "331900")


def measure(_ground: Ground | None = None) -> dict[str, Any]:
    """Return milliseconds from commit to paint and to sound, and what pages, start and idling cost."""
    with (
        world() as ours,
        sync_playwright() as playwright,
        contextlib.closing(playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))) as browser,
    ):
        found: dict[str, Any] = {"what": "ms from the inbox's commit, with the rows of inbox_rows in it"}
        found["inbox_rows"] = ROWS
        found |= _load(browser, ours)
        page = open_page(browser, ours.address, ours.cookie)
        ms = _alarms(ours, page, ALARMS)
        with running([sys.executable, "-m", "bench.bare_desk", str(ours.inbox.path)], _log(ours), ": ready"):
            address = _address(_log(ours))
            bare = _alarms(ours, open_page(browser, address), max(20, ALARMS // 5))
        found["painted"] = _figures(ms) | {
            "reference": _figures(bare),
            "ratio": significant(percentile(ms, 0.5) / percentile(bare, 0.5)),
            "count": len(ms),
        }
        say(f"desk: painted {found['painted']}")
        found["at_once"] = _at_once(ours, page)
        found["sound_ms"] = _figures(_sounds(ours, page))
        found["inbox_page_ms"] = _pages(ours)
        found["idle"] = _idle(ours)
        say(f"desk: {found}")
        return found


@contextlib.contextmanager
def world(rows: int | None = None, names: Sequence[str] = ()) -> Iterator[World]:
    """Make an alliance of two counties, an inbox full of rows, and a desk that serves it.

    ``names``: host and port by which browsers reach it, where these are not the desk's own.
    """
    with tempfile.TemporaryDirectory(prefix="yizhan-desk-") as folder:
        home = Path(folder) / "home"
        make_sample(home, (SHOUNING, QINGYUAN), datetime.now(UTC))
        station = Station(home)
        path = inbox_path(station.app, QINGYUAN)
        with open_inbox(station.app, QINGYUAN, TerminalPassphrase()) as inbox:
            with AccountStore(station.app.county_folder(QINGYUAN) / ACCOUNTS_FILE) as accounts:
                person = add_sample_accounts(accounts, utc_now())[Role.DUTY]
                cookie = accounts.sign_in(person.badge, PASSWORD, person.codes.pop(), utc_now())
            made = World(station, inbox, person, cookie, "", 0)
            first = inbox.receive(made.waiting(1)[0])
            assert first.item is not None
            made.acknowledge([first.item.id])
            _fill(path, rows or ROWS)
            log = _log(made, "desk.log")
            port = free_port() if names else 0
            command = [*YIZHAN, "--home", str(home), "desk", "run", "--county", QINGYUAN, "--port", str(port)]
            command += [word for name in names for word in ("--name", name)]
            with running(command, log, "Ctrl-C") as process:
                made.address, made.pid = f"http://127.0.0.1:{port}" if names else _address(log), process.pid
                yield made


def free_port() -> int:
    """Return a port of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _log(ours: World, name: str = "bare.log") -> Path:
    return ours.station.app.path / name


def _address(log: Path) -> str:
    found = re.search(r"http://[0-9.]+:[0-9]+", log.read_text("utf-8"))
    assert found is not None, log
    return found[0]


def _fill(path: Path, rows: int) -> None:
    """Copy the one item until there are as many as asked for: events of former years."""
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.row_factory = sqlite3.Row
        for table in ("items", "letters"):
            row = dict(conn.execute(f"SELECT * FROM {table}").fetchone())  # noqa: S608 -- two names
            marks = ",".join("?" * len(row))
            conn.executemany(f"INSERT INTO {table} ({','.join(row)}) VALUES ({marks})", _copies(row, table, rows))  # noqa: S608


def _copies(row: dict[str, Any], table: str, rows: int) -> Iterator[tuple[Any, ...]]:
    for number in range(2, rows + 1):
        made = row | {"seq": number}
        if table == "items":
            name = f"{row['id'].rpartition('-')[0]}-{10**9 + number}"
            made |= {"id": name, "thread": name, "n": 10**9 + number, "hash": number.to_bytes(32, "big")}
        yield tuple(made.values())


def open_page(browser: Browser, address: str, cookie: str = "") -> Page:
    """Open the duty page, or the reference's one, with a clock at each paint."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    if cookie:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(f"{address}/duty" if cookie else address)
    if cookie:
        page.locator("#lamp-line:not(.warn)").wait_for()
    else:
        page.wait_for_load_state()
    return page


def _alarms(ours: World, page: Page, count: int) -> list[float]:
    """Let alarms come at a steady rate; return the milliseconds from each commit to its paint."""
    commits: dict[str, float] = {}
    records = ours.waiting(count)
    page.evaluate("window.__painted = []")
    ringing: list[str] = []
    began = time.monotonic()
    for number, record in enumerate(records):
        page.wait_for_timeout(max(0.0, (began + number / PER_SECOND - time.monotonic()) * 1000))
        outcome = ours.inbox.receive(record)
        assert outcome.item is not None
        assert outcome.rings
        commits[outcome.item.id] = time.time() * 1000
        ringing.append(outcome.item.id)
        if len(ringing) > 2 * PER_SECOND:
            ours.acknowledge(ringing[:PER_SECOND])
            del ringing[:PER_SECOND]
    found = painted(page, set(commits))
    ours.acknowledge(ringing)
    return [found[each] - at for each, at in commits.items()]


def painted(page: Page, wanted: set[str], seconds: float = 60.0) -> dict[str, float]:
    """Wait until events are painted; return id → when, in milliseconds since 1970."""
    deadline = time.monotonic() + seconds
    while True:
        pairs = page.evaluate("window.__painted")
        found = dict(reversed(pairs))
        if wanted <= found.keys():
            assert len([name for name, _at in pairs if name in wanted]) == len(wanted), "something was painted twice"
            return found
        assert time.monotonic() < deadline, f"{len(wanted - found.keys())} of {len(wanted)} were not painted"
        page.wait_for_timeout(20)


def _at_once(ours: World, page: Page) -> dict[str, Any]:
    """Let many alarms come in batches, as after a broken line; return seconds to the last paint."""
    records = ours.waiting(AT_ONCE)
    page.evaluate("window.__painted = []")
    began, ids = time.time(), []
    for start in range(0, len(records), 100):
        ids += [each.item.id for each in ours.inbox.receive_many(records[start : start + 100]) if each.item is not None]
    committed = time.time()
    last = max(painted(page, set(ids)).values()) / 1000
    ours.acknowledge(ids)
    return {"count": len(ids), "seconds": significant(last - began), "after_last_commit": significant(last - committed)}


def _sounds(ours: World, page: Page) -> list[float]:
    """Return the milliseconds from a commit to the sound, for single alarms after silence."""
    found = []
    for record in ours.waiting(SOUNDS):
        page.wait_for_timeout(2000)
        page.evaluate("window.__sounds = []")
        outcome = ours.inbox.receive(record)
        at = time.time() * 1000
        assert outcome.item is not None
        deadline = time.monotonic() + 60
        while not (sounds := page.evaluate("window.__sounds")):
            assert time.monotonic() < deadline, "no sound"
            page.wait_for_timeout(10)
        found.append(sounds[0] - at)
        ours.acknowledge([outcome.item.id])
    return found


def _load(browser: Browser, ours: World) -> dict[str, Any]:
    """Return the bytes on the wire of the first page in an empty browser."""
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": ours.cookie, "url": ours.address}])
    page, sizes = context.new_page(), []
    network = context.new_cdp_session(page)
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    network.send("Network.enable")
    page.goto(f"{ours.address}/duty")
    page.locator("#lamp-line:not(.warn)").wait_for()
    context.close()
    return {"first_load_kb": significant(sum(sizes) / 1000)}


def _pages(ours: World) -> dict[str, Any]:
    """Return milliseconds of the inbox's first page and of one in its middle, over HTTP."""
    asker, found = Asker(ours.address.partition("//")[2], ours.cookie, name=COOKIE), []
    for number in range(PAGES):
        began = time.monotonic()
        answer = asker.get("/inbox" if number % 2 else f"/inbox?before={ROWS // 2 - number}")
        assert answer.status == 200, answer.text[:300]
        found.append((time.monotonic() - began) * 1000)
    return _figures(found)


def _idle(ours: World) -> dict[str, Any]:
    """Return the processor's share and the memory of a desk with one console and nothing to tell."""
    process = psutil.Process(ours.pid)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    mib = process.memory_info().rss / 2**20
    return {"cpu_percent": significant(100 * used / (time.monotonic() - began)), "rss_mib": significant(mib)}


def _figures(values: list[float]) -> dict[str, Any]:
    return {"p50": significant(percentile(values, 0.5)), "p99": significant(percentile(values, 0.99))} | {
        "p95": significant(percentile(values, 0.95))
    }
