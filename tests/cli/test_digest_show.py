"""The events of a quarter between two counties, as ``digest show`` prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import INTELLIGENCE, NOW, World
from tests.world.station import Station
from yizhan.bulletin.quarter_document import markdown_text
from yizhan.bulletin.quarter_events import QuarterEvent, quarter_event
from yizhan.cli.commands.digest import quarter_json
from yizhan.schemas import strictjson
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import parse_header
from yizhan.schemas.payloads import read
from yizhan.schemas.policy import decide
from yizhan.schemas.timestamps import written
from yizhan.services.digests import QuarterEvents, quarter_markdown
from yizhan.services.home import Home
from yizhan.services.quarters import read_quarter

ZONE, LABEL = "Asia/Shanghai", "2026Q4"
LATER = NOW + timedelta(hours=1)
QUIET: dict[str, Any] = {"type": INTELLIGENCE, "priority": "routine", "stage": None, "touches": None}


@pytest.fixture(scope="module")
def world() -> World:
    """Make six counties."""
    return World()


@pytest.fixture
def listener(world: World, tmp_path: Path) -> Iterator[Listener]:
    """Open an inbox of 庆元."""
    for county in world.counties.values():
        county.n, county.lanes = 0, {}
    made = Listener(world, tmp_path / "inbox.sqlite3")
    yield made
    made.inbox.close()


@pytest.fixture
def names(home: Path) -> Home:
    """Return a home: it has the counties' names and the time zone."""
    return Station(home).app


def fire(summary: str) -> bytes:
    """Write the payload of a fire, as far as it is shown."""
    return strictjson.dumps(
        {"summary": summary, "place": {"county": PARTNER, "township": "平溪镇", "village": "龙头坑村"}}
    )


def ref_of(value: bytes) -> dict[str, str]:
    """Return what a later event calls this one."""
    envelope = parse_envelope(value)
    return {"id": parse_header(envelope.unverified_header).id, "hash": envelope.hash.hex()}


def own_event(world: World, payload: bytes, **attributes: Any) -> QuarterEvent:  # noqa: ANN401 -- of a header
    """Write an event of ours to the partner, as the outbox holds it."""
    header = world.header(ME, (PARTNER,), **attributes)
    decision = decide(header, PARTNER, world.charter.policy)
    event_hash = parse_envelope(world.seal(header, payload)).hash
    return quarter_event(header, event_hash, PARTNER, decision.way, read(header.type, payload), decision.rule)


def close(listener: Listener, values: list[bytes], **said: Any) -> None:  # noqa: ANN401 -- of a manifest
    """Let the station close the quarter over these events."""
    hashes = [parse_envelope(value).hash for value in values]
    record, _ = listener.manifest(hashes, **({"label": LABEL, "closed": written(LATER)} | said))
    assert listener.inbox.receive(record).became == "manifest"


def events(listener: Listener | None, *own: QuarterEvent) -> QuarterEvents:
    """Return the quarter, with events of ours."""
    contents = read_quarter(None if listener is None else listener.inbox, None, LABEL, (ME, PARTNER), ZONE)
    return QuarterEvents(LABEL, ME, PARTNER, LATER, replace(contents, events=(*contents.events, *own)))


@pytest.fixture
def quarter(listener: Listener, world: World) -> QuarterEvents:
    """Live a quarter: fires that were withdrawn and corrected, a lost one, intelligence both ways."""
    burnt = world.seal(world.header(to=(ME,)), fire("山顶起火 | **已控制**\n# 假标题"))
    false = world.seal(world.header(to=(ME,)), fire("疑似火情"))
    back = world.seal(world.header(to=(ME,), withdraws=ref_of(false), stage="update"), fire("烧田埂，非林火"))
    better = world.seal(world.header(to=(ME,), supersedes=ref_of(burnt), stage="update"), fire("过火0.3公顷"))
    drill = world.seal(world.header(to=(ME,), status="Exercise"), fire("联合演练"))
    lost = world.seal(world.header(to=(ME,)), fire("没有送到"))
    report = strictjson.dumps({"title": "盗伐线索", "summary": "有人夜间运木材"})
    told = world.seal(world.header(to=(ME,), **QUIET), report)
    newer = world.seal(world.header(to=(ME,), type="yizhan.weather.v9", touches=None, stage=None), b"\xff")
    stranger = world.event("350722", (ME,), **QUIET)
    prompt = [burnt, false, back, better, drill]
    for value in prompt:
        listener.deliver(value)
    named = [listener.arrived(b"", world.postmark(value), "digest") for value in [*prompt, lost]]
    copied = [listener.stamped(value, kind="digest") for value in (told, newer)]
    copied.append(listener.stamped(stranger, "350722", kind="digest"))
    listener.inbox.receive_many(named + copied)
    close(listener, [*prompt, lost, told, newer, stranger], prompt=6)
    return events(listener, own_event(world, strictjson.dumps({"title": "回访", "summary": "已核实"}), **QUIET))


def test_the_quarter_in_markdown(names: Home, quarter: QuarterEvents) -> None:
    """Both directions, by mechanism and type; nothing left out; others' words are no markup."""
    text = quarter_markdown(names, quarter)
    lines = text.splitlines()
    assert lines[0] == "# 庆元县与寿宁县环境安全情报通报 2026年第4季度"
    headings = [line for line in lines if line.startswith("#")]
    assert headings[1:] == [
        "## 寿宁县发往庆元县",
        "### 联管",
        "#### 森林火灾 (5)",
        "### 联享",
        "#### 情报信息 (1)",
        "### 其他",
        "#### yizhan.weather.v9 (1)",
        "## 庆元县发往寿宁县",
        "### 联享",
        "#### 情报信息 (1)",
    ]
    assert "共8件：报警2件，通知3件，季度2件；已撤回1件，已更正1件，演练1件，缺1件。" in text
    assert r"山顶起火 \| \*\*已控制\*\* \# 假标题" in text
    assert re.search(r"\| ~~350924\S+~~ \|.*~~疑似火情~~.*已撤回，见350924", text)
    assert re.search(r"已更正，见350924", text)
    assert "【演练】联合演练" in text
    assert "- **缺：清单列有350924" in text
    assert "盗伐线索：有人夜间运木材" in text
    assert "平溪镇龙头坑村" in text
    assert "2026-11-23 16:00" in text
    assert "清单中有当时应即时送达而本县未收到的文书" in text
    assert "350722" not in text


def test_the_quarter_as_json(quarter: QuarterEvents) -> None:
    """The JSON has the same events as the text, as codes and counts."""
    made = quarter_json(quarter)
    assert made["counts"]["in"] == {
        "all": 8, "alarm": 2, "notice": 3, "digest": 2, "withdrawn": 1, "superseded": 1, "exercises": 1, "missing": 1,
    }  # fmt: skip
    assert (made["label"], made["empty"], made["proven"]) == (LABEL, False, True)
    (digest,) = made["digests"]
    assert (digest["verdict"], digest["warnings"]) == ("verified", ["missing_urgent"])
    assert made["named"] == {"all": 9, "prompt": 6, "here": 8, "others": 1, "system": 0, "unverified": 0}
    assert [entry["mechanism"] for entry in made["out"]] == ["联享"]
    assert {entry["type"] for entry in made["in"] if entry["withdrawn_by"]} == {"yizhan.incident.forest_fire.v1"}
    assert json.dumps(made["in"][0])


def test_an_empty_quarter_is_shown(listener: Listener, names: Home) -> None:
    """零报告, with the manifest that proves it."""
    close(listener, [])
    text = quarter_markdown(names, events(listener))
    assert "**零报告**" in text
    assert "与驿站清单一致" in text


def test_what_no_manifest_proves_is_not_called_empty(listener: Listener, names: Home) -> None:
    """Without a manifest, or with an interim one, nobody knows what came; 零报告 is not said."""
    for count, interim in ((0, None), (1, True)):
        if interim is not None:
            close(listener, [], interim=interim)
        made = events(listener)
        assert (made.empty, len(made.contents.digests)) == (False, count)
        text = quarter_markdown(names, made)
        assert "零报告" not in text
        assert "尚不能断定有无" in text


def test_a_quarter_closed_twice_cites_both_manifests(listener: Listener, world: World, names: Home) -> None:
    """They are added up, and receipts and other counties' events are told apart from what is listed."""
    receipt = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 1}
    for period in (
        [world.event(PARTNER, (ME,), **QUIET), world.event("350722", (ME,), **QUIET)],
        [world.event(PARTNER, (ME,), **QUIET)],
    ):
        said = world.event(PARTNER, (ME,), **(QUIET | {"type": "yizhan.receipt.v1", "receipt": receipt}))
        for value in [*period, said]:
            source = parse_header(parse_envelope(value).unverified_header).county
            assert listener.deliver(value, source, "digest").became == "stored"
        before = [each.hash.hex() for each in listener.inbox.digests()]
        closed = written(LATER + timedelta(hours=len(before)))
        previous = before[-1] if before else None
        close(listener, [*period, said], start=4 * len(before), previous=previous, closed=closed)
    digests = listener.inbox.digests()
    assert [each.verdict.value for each in digests] == ["verified", "verified"]
    text = quarter_markdown(names, events(listener))
    assert [each.hash.hex()[:16] in text for each in digests] == [True, True]
    assert "本季度结算2次，清单合计5件" in text
    assert "寿宁县的2件列于本表，其他县1件，回执、系统通知和通报2件" in text


def test_a_letter_is_shown_in_the_quarter_in_which_the_station_received_it(listener: Listener, world: World) -> None:
    """A digest that was closed under another quarter's label brings it nevertheless."""
    value = world.event(PARTNER, (ME,), **QUIET)
    listener.deliver(value, kind="digest")
    close(listener, [value], label="2027Q1", closed="2027-01-05T00:00:00.000Z")
    shown = events(listener)
    assert ([each.id for each in shown.received], shown.contents.proven) == ([ref_of(value)["id"]], True)


def test_without_a_digest_the_text_says_so(world: World, names: Home) -> None:
    """The outgoing half can be written before the station closes."""
    text = quarter_markdown(names, events(None, own_event(world, fire("火"))))
    assert "驿站清单未到" in text
    assert "零报告" not in text


def test_our_own_withdrawn_and_corrected_show_too(world: World) -> None:
    """Our own withdrawn and corrected events are shown as the partner sees them."""
    first, second = own_event(world, fire("一")), own_event(world, fire("二"))
    refs = [{"id": each.id, "hash": each.hash} for each in (first, second)]
    back = own_event(world, fire("撤"), withdraws=refs[0], stage="update")
    better = own_event(world, fire("改"), supersedes=refs[1], stage="update")
    made = quarter_json(events(None, first, second, back, better))
    fates = {entry["id"]: (entry["withdrawn_by"], entry["superseded_by"]) for entry in made["out"]}
    assert fates[first.id] == (back.id, None)
    assert fates[second.id] == (None, better.id)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a \\[31mb"),
        ("ab\u202egpj.exe", "ab gpj.exe"),
        ("<script>", "\\<script\\>"),
        ("http://x www.x", "http\\://x www\\.x"),
        ("350924-2026-1", "350924-2026-1"),
        ("长" * 400, "长" * 300 + "…"),
    ],
)
def test_others_words_are_text(text: str, shown: str) -> None:
    """What a partner wrote is shown without markup and control characters, and is cut where it is long."""
    assert markdown_text(text) == shown
