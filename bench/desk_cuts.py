"""A desk behind a bad line: cut, stalled, slept through, a thousand times, while alarms come."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Page, sync_playwright

from bench import desk
from bench.harness import percentile, say, significant
from tests.desk.browsing import FLAGS, chromium_path
from tests.world.cutting import CuttingProxy

if TYPE_CHECKING:
    from bench.harness import Ground

CUTS = 1000
LOST = 5
"""How often the line stays down until the page says so."""
SEED: Final = 20261130
_ALARM_EVERY: Final = 3
"""An alarm comes at every so many cuts."""


def measure(_ground: Ground | None = None) -> dict[str, Any]:
    """Return how many alarms were missing or doubled on the page, and how soon a lost line is said."""
    with (
        CuttingProxy() as proxy,
        desk.world(100, [f"127.0.0.1:{proxy.port}"]) as ours,
        sync_playwright() as playwright,
        contextlib.closing(playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))) as browser,
    ):
        proxy.target = ours.place
        page = desk.open_page(browser, f"http://127.0.0.1:{proxy.port}", ours.cookie)
        found = _cuts(ours, page, proxy, random.Random(SEED))
        if LOST:
            found["red_bar_seconds"] = _lost(page, proxy)
        say(f"desk_cuts: {found}")
        return found


def _cuts(ours: desk.World, page: Page, proxy: CuttingProxy, chance: random.Random) -> dict[str, Any]:
    records = iter(ours.waiting(CUTS // _ALARM_EVERY + 1))
    ids: list[str] = []
    page.evaluate("window.__painted = []")
    for number in range(CUTS):
        kind = chance.choice(["cut", "cut", "stall", "refuse"])
        if kind == "stall":
            proxy.stall()
        else:
            proxy.cut(refuse=kind == "refuse")
        if number % _ALARM_EVERY == 0:
            outcome = ours.inbox.receive(next(records))
            assert outcome.item is not None
            ids.append(outcome.item.id)
        page.wait_for_timeout(chance.uniform(5, 120))
        proxy.mend()
        page.wait_for_timeout(chance.uniform(5, 200))
        if len(ids) % 50 == 49:
            desk.painted(page, set(ids[-20:]))
            ours.acknowledge(ids[-49:-20])
    painted = desk.painted(page, set(ids))
    pairs = [name for name, _at in page.evaluate("window.__painted")]
    shown = page.locator("#alarms .alarm:not([data-signed])").evaluate_all("all => all.map(one => one.dataset.id)")
    return {
        "cuts": CUTS,
        "alarms": len(ids),
        "missing": len(set(ids) - painted.keys()),
        "twice": len(pairs) - len(set(pairs)),
        "twice_on_the_page": len(shown) - len(set(shown)),
    }


def _lost(page: Page, proxy: CuttingProxy) -> dict[str, Any]:
    """Return seconds from the loss until the red bar is there."""
    found = []
    for number in range(LOST):
        page.locator("#lamp-line:not(.bad)").wait_for()
        page.wait_for_timeout(500)
        began = time.monotonic()
        if number % 2:
            proxy.stall()
        else:
            proxy.cut(refuse=True)
        page.locator("#lost:not([hidden])").wait_for()
        found.append(time.monotonic() - began)
        proxy.mend()
        page.locator("#lost").wait_for(state="hidden")
    return {"median": significant(percentile(found, 0.5)), "max": significant(max(found))}
