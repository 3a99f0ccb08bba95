"""The sheet of a quarter between two counties."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import INTELLIGENCE, NOW, World
from yizhan.consumers import bulletin
from yizhan.consumers.bulletin import Bulletin, Side, as_json, compiled, markdown, plain
from yizhan.consumers.digests import Digest, DigestMember
from yizhan.schemas import strictjson
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import parse_header
from yizhan.schemas.policy import decide
from yizhan.schemas.sent_events import SentEvent

ZONE = "Asia/Shanghai"
NONE_YET: tuple[tuple[Digest, ...], tuple[DigestMember, ...]] = ((), ())


def fire(summary: str) -> bytes:
    """Write the payload of a fire, as far as a sheet shows it."""
    return strictjson.dumps(
        {"summary": summary, "place": {"county": PARTNER, "township": "平溪镇", "village": "龙头坑村"}}
    )


def ref_of(value: bytes) -> dict[str, str]:
    """Return what a later event calls this one."""
    envelope = parse_envelope(value)
    return {"id": parse_header(envelope.unverified_header).id, "hash": envelope.hash.hex()}


def sides(world: World) -> tuple[Side, Side]:
    """Return us and the partner."""
    members = world.charter.members
    return Side(ME, members[ME].name), Side(PARTNER, members[PARTNER].name)


def sent_event(world: World, payload: bytes, **attributes: Any) -> SentEvent:  # noqa: ANN401
    """Write an event of ours to the partner."""
    header = world.header(ME, (PARTNER,), **attributes)
    decisions = {PARTNER: decide(header, PARTNER, world.charter.policy)}
    return SentEvent(header, parse_envelope(world.seal(header, payload)).hash, payload, decisions)


@pytest.fixture
def sheet(listener: Listener, world: World) -> Bulletin:
    """Live a quarter: fires that were withdrawn and corrected, a lost one, intelligence both ways."""
    quiet: dict[str, Any] = {"type": INTELLIGENCE, "priority": "routine", "stage": None, "touches": None}
    burnt = world.seal(world.header(to=(ME,)), fire("山顶起火 | **已控制**\n# 假标题"))
    false = world.seal(world.header(to=(ME,)), fire("疑似火情"))
    back = world.seal(world.header(to=(ME,), withdraws=ref_of(false), stage="update"), fire("烧田埂，非林火"))
    better = world.seal(world.header(to=(ME,), supersedes=ref_of(burnt), stage="update"), fire("过火0.3公顷"))
    drill = world.seal(world.header(to=(ME,), status="Exercise"), fire("联合演练"))
    lost = world.seal(world.header(to=(ME,)), fire("没有送到"))
    told = world.seal(
        world.header(to=(ME,), **quiet), strictjson.dumps({"title": "盗伐线索", "summary": "有人夜间运木材"})
    )
    newer = world.seal(world.header(to=(ME,), type="yizhan.weather.v9", touches=None, stage=None), b"\xff")
    stranger = world.event("350722", (ME,), **quiet)
    prompt = [burnt, false, back, better, drill]
    for value in prompt:
        listener.deliver(value)
    named = [listener.arrived(b"", world.postmark(value), "digest") for value in [*prompt, lost]]
    copied = [listener.stamped(value, kind="digest") for value in (told, newer)]
    copied.append(listener.stamped(stranger, "350722", kind="digest"))
    listener.inbox.receive_many(named + copied)
    everything = [*prompt, lost, told, newer, stranger]
    record, _ = listener.manifest([parse_envelope(value).hash for value in everything], prompt=6)
    listener.inbox.receive(record)
    (digest,) = listener.inbox.digests()
    out = sent_event(world, strictjson.dumps({"title": "回访", "summary": "已核实"}), **quiet)
    receipt = {"stage": "delivered", "source": PARTNER, "book": "20261123test", "lane": "prompt", "up_to": 1}
    system = sent_event(world, b"{}", **(quiet | {"type": "yizhan.receipt.v1", "receipt": receipt}))
    came = ([digest], listener.inbox.members(digest))
    return compiled("2026Q3", sides(world), NOW, ZONE, came, [out, system])


def test_the_sheet_in_markdown(sheet: Bulletin) -> None:
    """Both directions, by mechanism and type; nothing left out; others' words are no markup."""
    text = markdown(sheet)
    lines = text.splitlines()
    assert lines[0] == "# 庆元县与寿宁县环境安全情报通报 2026年第3季度"
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


def test_the_sheet_as_json(sheet: Bulletin) -> None:
    """The same for programs: words and counts, JSON values only."""
    made = json.loads(json.dumps(as_json(sheet)))
    assert made["counts"]["in"] == {
        "all": 8, "alarm": 2, "notice": 3, "digest": 2, "withdrawn": 1, "superseded": 1, "exercises": 1, "missing": 1,
    }  # fmt: skip
    assert (made["label"], made["empty"], made["proven"]) == ("2026Q3", False, True)
    (digest,) = made["digests"]
    assert (digest["verdict"], digest["warnings"]) == ("verified", ["missing_urgent"])
    assert made["named"] == {"all": 9, "prompt": 6, "here": 8, "others": 1, "system": 0, "unverified": 0}
    assert [entry["mechanism"] for entry in made["out"]] == ["联享"]
    assert {entry["type"] for entry in made["in"] if entry["withdrawn_by"]} == {"yizhan.incident.forest_fire.v1"}


def test_an_empty_quarter_is_a_sheet(listener: Listener, world: World) -> None:
    """零报告, with the manifest that proves it."""
    record, _ = listener.manifest([])
    listener.inbox.receive(record)
    text = markdown(compiled("2026Q3", sides(world), NOW, ZONE, (listener.inbox.digests(), ()), []))
    assert "**零报告**" in text
    assert "与驿站清单一致" in text


def test_what_no_manifest_proves_is_not_called_empty(listener: Listener, world: World) -> None:
    """Without a manifest, or with an interim one, nobody knows what came; the sheet does not sign 零报告."""
    for end, interim in ((0, None), (1, True)):
        if interim is not None:
            record, _ = listener.manifest([], interim=interim)
            listener.inbox.receive(record)
        made = compiled("2026Q3", sides(world), NOW, ZONE, (listener.inbox.digests(), ()), [])
        assert (made.empty, len(made.digests)) == (False, end)
        assert "零报告" not in markdown(made)
        assert "尚不能断定有无" in markdown(made)


def test_a_quarter_closed_twice_cites_both_manifests(listener: Listener, world: World) -> None:
    """They are added up, and receipts and other counties' events are told apart from what the sheet lists."""
    quiet: dict[str, Any] = {"type": INTELLIGENCE, "priority": "routine", "stage": None, "touches": None}
    receipt = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 1}
    members: list[DigestMember] = []
    for period in (
        [world.event(PARTNER, (ME,), **quiet), world.event("350722", (ME,), **quiet)],
        [world.event(PARTNER, (ME,), **quiet)],
    ):
        said = world.event(PARTNER, (ME,), **(quiet | {"type": "yizhan.receipt.v1", "receipt": receipt}))
        for value in [*period, said]:
            source = parse_header(parse_envelope(value).unverified_header).county
            assert listener.deliver(value, source, "digest").became == "stored"
        before = [each.hash.hex() for each in listener.inbox.digests()]
        hashes = [parse_envelope(value).hash for value in [*period, said]]
        record, _ = listener.manifest(hashes, start=4 * len(before), previous=before[-1] if before else None)
        assert listener.inbox.receive(record).became == "manifest"
    digests = listener.inbox.digests()
    for digest in digests:
        members += listener.inbox.members(digest)
    assert [each.verdict.value for each in digests] == ["verified", "verified"]
    text = markdown(compiled("2026Q3", sides(world), NOW, ZONE, (digests, members), []))
    assert [each.hash.hex()[:16] in text for each in digests] == [True, True]
    assert "本季度结算2次，清单合计5件" in text
    assert "寿宁县的2件列于本表，其他县1件，回执和系统通知2件" in text


def test_without_a_digest_the_sheet_says_so(world: World) -> None:
    """The outgoing half can be written before the station closes."""
    text = markdown(compiled("2026Q3", sides(world), NOW, ZONE, NONE_YET, [sent_event(world, fire("火"))]))
    assert "驿站清单未到" in text
    assert "零报告" not in text


def test_our_own_withdrawn_and_corrected_show_too(world: World) -> None:
    """As the partner sees them."""
    first, second = sent_event(world, fire("一")), sent_event(world, fire("二"))
    refs = [{"id": each.header.id, "hash": each.hash.hex()} for each in (first, second)]
    back = sent_event(world, fire("撤"), withdraws=refs[0], stage="update")
    better = sent_event(world, fire("改"), supersedes=refs[1], stage="update")
    made = as_json(compiled("2026Q3", sides(world), NOW, ZONE, NONE_YET, [first, second, back, better]))
    fates = {entry["id"]: (entry["withdrawn_by"], entry["superseded_by"]) for entry in made["out"]}
    assert fates[first.header.id] == (back.header.id, None)
    assert fates[second.header.id] == (None, better.header.id)


def test_the_outgoing_half_reaches_as_far_as_the_digest(listener: Listener) -> None:
    """From the close before to this close; without digests, the calendar's quarter."""
    since, until = bulletin.period("2026Q3", ZONE, None, None)
    assert (since.isoformat(), until.isoformat()) == ("2026-07-01T00:00:00+08:00", "2026-10-01T00:00:00+08:00")
    record, _ = listener.manifest([])
    listener.inbox.receive(record)
    (digest,) = listener.inbox.digests()
    assert bulletin.period("2026Q3", ZONE, digest, None) == (since, NOW)
    assert bulletin.period("2026Q3", ZONE, digest, digest)[0] == NOW
    assert until - since == timedelta(days=92)


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
    """No markup, no control characters, no novel."""
    assert plain(text) == shown
