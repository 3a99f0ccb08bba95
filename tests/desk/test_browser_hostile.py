"""What a partner writes to run something in our browsers, in every text of a report: it is text on every page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.desk.browsing import open_page
from tests.world.desk import DeskWorld, running_desk
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, with_a_fire
from tests.world.waiting import until
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import Role
from yizhan.producers.drafts import parse_draft
from yizhan.services.stores import open_outbox, read_inbox

pytestmark = pytest.mark.browser
CALL: Final = "window.hit=1"
VECTORS: Final = (
    f"<script>{CALL}</script>", f"<img src=x onerror={CALL}>", f"<svg onload={CALL}>", f"<svg/onload={CALL}//",
    f"<iframe srcdoc='<script>parent.{CALL}</script>'>", f"<a href=javascript:{CALL}>火</a>",
    f"<details open ontoggle={CALL}>", f"<input autofocus onfocus={CALL}>", f"<video><source onerror={CALL}>",
    f"<math><mtext><img src=x onerror={CALL}>", f"<object data=javascript:{CALL}>",
    f"<style>@import'//x'</style>{CALL}",
    f"{{{{{CALL}}}}}", f"${{{CALL}}}", f"<template><img src=x onerror={CALL}></template>",
    f"<form action=javascript:{CALL}><button>", f"<base href=//x.example/>{CALL}", f"<link rel=import href=//x>{CALL}",
    f"<meta http-equiv=refresh content=0;url=javascript:{CALL}>", f"<x hx-on:load={CALL} hx-get=/duty>",
    f"<div hx-get=/sign-out hx-trigger=load>{CALL}", f"<body onload={CALL}>", f"<marquee onstart={CALL}>",
    f"<button formaction=javascript:{CALL}>", f"<image href=x onerror={CALL}>",
)  # fmt: skip
WRAPS: Final = ("{}", "\"'>{}", "</textarea>{}", "</title></style>{}", "--><!--{}-->", "]]>{}", "\\x3c{}", "<<{}>>")
PAYLOADS: Final = tuple(wrap.format(vector)[:120] for vector, wrap in product(VECTORS, WRAPS))
FIELDS: Final = ("township", "village", "spot", "forest_compartment", "summary")


def reports() -> Iterator[dict[str, Any]]:
    """Yield reports of fires whose texts are the payloads, each once."""
    for start in range(0, len(PAYLOADS), len(FIELDS)):
        texts = dict(zip(FIELDS, PAYLOADS[start : start + len(FIELDS)], strict=True))
        payload = {**FIRE["payload"], "summary": texts.pop("summary"), "place": {"county": SHOUNING, **texts}}
        yield {**FIRE, "external_ref": f"接-{start}", "payload": payload}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run a desk that received all of them."""
    station = with_a_fire(tmp_path_factory.mktemp("desk") / "home")
    send(station)
    with running_desk(station) as world:
        yield world


def send(station: Station) -> None:
    """Let the partner send them."""
    with open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox:
        for sent in outbox.publish_many(map(parse_draft, reports())):
            assert not isinstance(sent, Exception), sent
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)


def harmed(page: Page) -> list[str]:
    """Return what runs or was made by others' text."""
    return list(
        page.evaluate(
            """() => {
            const made = document.querySelectorAll(
              'img, iframe, object, embed, video, math, base, marquee, script:not([src]), main script, main style,' +
              'main link, [onerror], [onload], [onfocus], [ontoggle], [onstart], [srcdoc], [href^="javascript:"],' +
              '[action^="javascript:"], [formaction], [hx-on\\\\:load], [hx-get="/sign-out"]');
            return [...made].map(each => each.outerHTML.slice(0, 120)).concat(window.hit ? ['it ran'] : []);
          }"""
        )
    )


def test_two_hundred_texts_stay_texts(attacked: DeskWorld, chromium: Browser) -> None:
    """On the duty page, in the lists, the searches and on each item's page nothing runs and no element is made."""
    assert len(PAYLOADS) == 200
    with read_inbox(attacked.home, QINGYUAN) as inbox:
        assert inbox is not None
        ids = [each.id for each in inbox.ringing()]
    assert len(ids) == 1 + len(PAYLOADS) // len(FIELDS)
    with open_page(chromium, attacked, Role.DUTY) as page:
        page.goto(f"{attacked.address}/duty")
        until(lambda: page.locator("#alarms .alarm").count() == len(ids))
        assert harmed(page) == []
        for path in ("/inbox", "/search?q=window.hit", "/due", "/shift", *(f"/inbox/{each}" for each in ids[::4])):
            page.goto(f"{attacked.address}{path}")
            assert harmed(page) == [], path
        page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<marquee>x</marquee>')")
        assert harmed(page) == ["<marquee>x</marquee>"], "it would be noticed"
