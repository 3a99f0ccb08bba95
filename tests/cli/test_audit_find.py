"""What an audit finds: late, unanswered, revoked, unreported; the report of a quarter."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.audit_cases import found, reconciled
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, delete_item, publish
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.ledger.audit.findings import Finding, FindingKind, find
from yizhan.ledger.audit.pages import as_csv, as_html
from yizhan.ledger.audit.report import report
from yizhan.schemas.admit import Admitted, Record
from yizhan.schemas.charter import AdoptedCharters, Charter
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import ReceiptRef, Ref
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import access_log_path
from yizhan.services.audit import AuditSources, gather
from yizhan.services.stores import inbox_path, open_outbox, read_outbox


def test_nothing_is_found_where_nothing_is_wrong(station: Station, yizhan: Run) -> None:
    """Nothing is found for a fire that was reported at once and acknowledged at once."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    assert found(yizhan) == []
    assert "没有发现问题" in yizhan("audit", "find").out


def test_what_is_late_or_unanswered_is_found_with_its_limit(station: Station, fires: list[str], yizhan: Run) -> None:
    """A fire told an hour late; two alarms that nobody acknowledged; a fire without a further report."""
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    (late,) = publish(yizhan, SHOUNING, {**FIRE, "external_ref": "接-9", "time": an_hour_ago})
    station.carry(SHOUNING)
    station.log(minutes_later=10)
    listed = found(yizhan)
    assert {(each["kind"], each["county"], each["id"]) for each in listed} == {
        ("late", SHOUNING, late),
        *(("unacknowledged", QINGYUAN, each) for each in (*fires[1:3], late)),
    }
    (first,) = found(yizhan, "--kind", "late")
    assert (first["rule"], first["limit"], first["took"] // 60) == ("tell", 900.0, 60)
    assert first["place"] is not None
    station.log(minutes_later=24 * 60 * 31)
    kinds = Counter((each["kind"], each["rule"], each["county"]) for each in found(yizhan))
    assert kinds["overdue", "follow-up", SHOUNING] == 4
    assert kinds["no_feedback", "feedback", QINGYUAN] == 1
    told = yizhan("audit", "find", "--of", QINGYUAN).out
    assert "情报没有反馈" in told
    assert "迟报" not in told
    assert yizhan("audit", "find", "--kind", "nothing").code == 2


def test_what_no_rule_gives_and_what_was_said_in_two_ways_is_found(station: Station, yizhan: Run) -> None:
    """A postmark that opens what the policy does not, and a statement that gives another term than the postmark."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    observe = station.follower.observe

    def generous(record: Record, admitted: Admitted, charter: Charter) -> list[Followup]:
        steps = observe(record, admitted, charter)
        late = written(record.received + timedelta(days=9))
        return [each if each.rule == "acknowledge" else each.model_copy(update={"due": late}) for each in steps]

    station.follower.observe = generous  # type: ignore[method-assign] # a station that does not keep to the policy
    station.carry(SHOUNING)
    opened = station.steps()[f"acknowledge/{fire}/{QINGYUAN}", "opened"]
    station.says(opened.model_copy(update={"due": written(datetime.now(UTC))}).signed(station.key))
    station.says(opened.signed(station.key))
    station.log()
    listed = {(each["kind"], each["rule"], each["detail"].partition(" (")[0]) for each in found(yizhan)}
    assert listed == {
        ("decision_differs", "follow-up", f"follow-up/{fire}/{SHOUNING}: opened"),
        ("contradiction", "acknowledge", f"{opened.obligation}: opened"),
    }


def test_what_no_rule_gives_is_found_in_every_postmark(station: Station, yizhan: Run) -> None:
    """A wrong postmark is found on a receipt, and on the second record of a fire that was sent again."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    opened, observe = station.steps()[f"follow-up/{fire}/{SHOUNING}", "opened"], station.follower.observe

    def ending(record: Record, admitted: Admitted, charter: Charter) -> list[Followup]:
        by = Ref(id=admitted.header.id, hash=admitted.verified.hash.hex())
        return [
            *observe(record, admitted, charter),
            opened.model_copy(update={"step": "not-owed", "obligation": f"follow-up/{by.id}/{SHOUNING}", "by": by}),
        ]

    station.follower.observe = ending  # type: ignore[method-assign] # a station that does not keep to the policy
    with read_outbox(station.app, SHOUNING) as outbox:
        own = None if outbox is None else outbox.event(fire)
    assert own is not None
    station.take(SHOUNING, own.envelope)
    station.deliver(QINGYUAN)
    yizhan("inbox", "ack", fire, "--county", QINGYUAN, "--name", "李四", "--badge", "654321")
    station.carry(QINGYUAN)
    station.log()
    listed = [(each["kind"], each["rule"], each["county"]) for each in found(yizhan)]
    receipts = listed.count(("decision_differs", "follow-up", QINGYUAN))
    assert receipts
    assert listed == [
        ("decision_differs", "follow-up", SHOUNING),
        *receipts * [("decision_differs", "follow-up", QINGYUAN)],
    ]


def test_a_receipt_about_another_hash_acknowledges_nothing(station: Station, yizhan: Run) -> None:
    """An alarm is acknowledged by its hash, so that nobody can acknowledge another event under its id."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    about = {"stage": "acknowledged", "event": {"id": fire, "hash": "ab" * 32}}
    with open_outbox(station.app, QINGYUAN, TerminalPassphrase()) as outbox:
        outbox.send_receipt(ReceiptRef.model_validate(about), Person(name="李四", badge="654321"))
    station.carry(QINGYUAN)
    station.log(minutes_later=10)
    assert [(each["kind"], each["id"]) for each in found(yizhan)] == [("unacknowledged", fire)]


def test_refusals_and_keys_that_were_revoked_are_found(station: Station, fires: list[str], yizhan: Run) -> None:
    """What the station refused, a key that did not hold, and what was signed with a key that was revoked since."""
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fires[0])
    assert own is not None
    assert own.envelope is not None
    station.take(QINGYUAN, own.envelope)
    station.take(SHOUNING, own.envelope[:-1] + bytes([own.envelope[-1] ^ 1]))
    station.log()
    listed = found(yizhan)
    assert {(each["kind"], each["county"], each["rule"]) for each in listed} == {
        ("refused", QINGYUAN, "wrong_topic"),
        ("doubtful_key", SHOUNING, "bad_signature"),
    }
    with gather(AuditSources(station.app)) as (_files, evidence):
        charter = station.app.charters.latest()
        keys = {kid: replace(key, revoked=datetime.now(UTC)) for kid, key in charter.signing[SHOUNING].items()}
        revoked = AdoptedCharters([replace(charter, signing={**charter.signing, SHOUNING: keys})])
        doubtful = [each for each in find(evidence, revoked) if "revoked" in each.detail]
    assert {each.id for each in doubtful} == set(fires)


def test_a_decision_against_the_table_is_found(station: Station, yizhan: Run) -> None:
    """A station that let a fire wait for the quarter, and gave it to a county to which it was not sent."""
    (fire,) = publish(yizhan, SHOUNING, FIRE)
    with read_outbox(station.app, SHOUNING) as outbox:
        assert outbox is not None
        own = outbox.event(fire)
    assert own is not None
    said = Postmark(
        record_sha256="0" * 64,
        origin=Origin(cluster="memory", topic=f"yizhan.events.{SHOUNING}", partition=0, offset=77),
        received=written(datetime.now(UTC)),
        charter=station.app.charter.name,
        id=fire,
        hash=own.row.hash,
        decisions=dict.fromkeys((QINGYUAN, "330327"), Decided(way=Way.DIGEST, rule="rest")),
    )
    station.says(said.signed(station.key))
    station.says(
        said.model_copy(update={"hash": "a" * 64, "origin": said.origin.model_copy(update={"offset": 78})}).signed(
            station.key
        )
    )
    station.log()
    assert {(each["kind"], each["id"]) for each in found(yizhan)} == {
        ("contradiction", fire),
        ("decision_differs", fire),
    }
    listed = [each["detail"] for each in found(yizhan, "--kind", "decision_differs")]
    assert listed == ["330327: digest rest ≠ -", f"{QINGYUAN}: digest rest ≠ alarm fire"]


def test_a_hotspot_that_nobody_reported_is_found(station: Station, yizhan: Run) -> None:
    """Of two detections in the border strip one was imported; the other is 漏报, and nothing further inland is."""
    square = {"350924": (27.0, 28.0), "331126": (28.0, 29.0)}
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": code},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[119, low], [120, low], [120, high], [119, high], [119, low]]],
            },
        }
        for code, (low, high) in square.items()
    ]
    Path("outlines.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    head = "latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,confidence,version,bright_t31,frp\n"
    rows = [f"{lat},119.5,310,1,1,2026-11-23,0251,T,90,6.1,290,20\n" for lat in ("27.98", "27.97", "27.1")]
    Path("one.csv").write_text(head + rows[0], "utf-8")
    Path("all.csv").write_text(head + "".join(rows), "utf-8")
    assert yizhan("import", "firms", "one.csv", "--county", SHOUNING, "--outlines", "outlines.json").code == 0
    station.carry(SHOUNING)
    station.log()
    missing = found(yizhan, "--firms", "all.csv", "--outlines", "outlines.json", "--kind", "missing_report")
    assert [(each["county"], each["detail"]) for each in missing] == [
        (SHOUNING, "firms:T:20261123T0251Z:27.9700,119.5000")
    ]
    assert "漏报" in yizhan("audit", "find", "--firms", "all.csv", "--outlines", "outlines.json").out


def test_a_broken_journal_is_found_and_named(station: Station, fires: list[str], yizhan: Run) -> None:
    """A line changed breaks the chain; a tail cut off contradicts a head that an earlier book named."""
    for fire in fires[:3]:
        yizhan("inbox", "show", fire, "--county", QINGYUAN)
    path = access_log_path(station.app, QINGYUAN)
    whole = path.read_bytes()
    for kind in ("outbox", "inbox"):
        assert yizhan(kind, "export", f"{kind}.jsonl", "--county", QINGYUAN).code == 0
    assert found(yizhan, "--kind", "journal_broken") == []
    path.write_bytes(whole.replace(b"inbox show", b"inbox list", 1))
    (broken,) = found(yizhan, "--kind", "journal_broken")
    after = whole.splitlines().index(next(line for line in whole.splitlines() if b"inbox show" in line)) + 2
    assert (broken["county"], broken["detail"]) == (QINGYUAN, f"access.jsonl:{after} chain")
    path.write_bytes(whole.splitlines(keepends=True)[0])
    assert yizhan("inbox", "export", "later.jsonl", "--county", QINGYUAN).code == 0
    books = ("--book", "inbox.jsonl", "--book", "outbox.jsonl", "--book", "later.jsonl")
    cut = found(yizhan, *books, "--kind", "journal_broken")
    assert {each["detail"].split()[1] for each in cut} == {"head"}


def test_no_content_is_shown_that_cannot_be_written_down(station: Station, fires: list[str], yizhan: Run) -> None:
    """If the access log cannot be written, show and list fail before a word of the content is out."""
    path = access_log_path(station.app, QINGYUAN)
    path.unlink(missing_ok=True)
    path.mkdir()
    for words in (("inbox", "show", fires[0]), ("inbox", "list")):
        ran = yizhan(*words, "--county", QINGYUAN)
        assert ran.code == 1
        assert "距界" not in ran.out + ran.err


def test_content_whose_term_is_over_goes_and_the_log_has_the_word_of_it(
    station: Station, fires: list[str], yizhan: Run
) -> None:
    """Listed first, destroyed by name; the sender gets a signed notice, the audit still proves the event."""
    with contextlib.closing(sqlite3.connect(inbox_path(station.app, QINGYUAN))) as conn, conn:
        # Ten years, as for hotspots: of 30 years none is over yet.
        row = ("yizhan.incident.hotspot.v1", "2001-01-01T00:00:00.000Z", fires[0])
        conn.execute("UPDATE items SET type = ?, received = ? WHERE id = ?", row)
    listed = yizhan("inbox", "destroy", "--county", QINGYUAN)
    assert fires[0] in listed.out
    assert fires[1] not in listed.out
    assert yizhan("inbox", "destroy", "--county", QINGYUAN, "--yes").code == 2
    named = ("--name", "654321", "--badge", "654321", "--yes")
    assert "姓名或警号有误" in yizhan("inbox", "destroy", "--county", QINGYUAN, *named).err
    by = ("--name", "李四", "--badge", "654321", "--yes")
    ran = yizhan("inbox", "destroy", "--county", QINGYUAN, *by, "--json")
    done = json.loads(ran.out)
    assert (done["destroyed"], len(done["notices"])) == ([fires[0]], 1)
    assert json.loads(yizhan("inbox", "destroy", "--county", QINGYUAN, *by, "--json").out)["notices"] == []
    assert "销毁" in yizhan("inbox", "show", fires[0], "--county", QINGYUAN).out
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    told = json.loads(yizhan("inbox", "show", done["notices"][0], "--county", SHOUNING, "--json").out)
    assert told["payload"]["destruction"]["events"][0]["id"] == fires[0]
    assert reconciled(yizhan)[:2] == (0, [])
    steps = {
        step["what"]: step for step in json.loads(yizhan("audit", "explain", fires[0], "--json").out)["life"]["steps"]
    }
    assert (steps["destroyed"]["vouch"], steps["destroyed"]["said"]["notice"]) == ("logged", done["notices"][0])
    journal = access_log_path(station.app, QINGYUAN).read_text("utf-8")
    assert '"how":"destroyed"' in journal
    assert "李四（654321）" in journal


def test_a_quarter_is_reported_in_both_languages(station: Station, fires: list[str], yizhan: Run) -> None:
    """Figures, findings, reconciliation and accesses; the same again byte for byte; nothing from outside."""
    delete_item(inbox_path(station.app, QINGYUAN), fires[1])
    station.log(minutes_later=10)
    now = datetime.now(UTC)
    quarter = str(Quarter.containing(now, station.app.charter.time_zone))
    ran = yizhan("audit", "report", "--quarter", quarter, "--out", "out", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    sent = {each["county"]: each for each in found["traffic"]}
    assert (sent[SHOUNING]["alarms"], sent[SHOUNING]["digests"]) == (3, 1)
    assert (sent[QINGYUAN]["rang"], sent[QINGYUAN]["answered"]) == (3, 1)
    assert [each["odd"] for each in found["pairs"][0]["discrepancies"]] == ["deleted_by_recipient"]
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == [f"audit-{quarter}.{word}" for word in ("en.csv", "en.html", "zh_CN.csv", "zh_CN.html")]
    texts = {name: Path("out", name).read_text("utf-8") for name in names}
    chinese, english = texts[f"audit-{quarter}.zh_CN.html"], texts[f"audit-{quarter}.en.html"]
    assert "被删除" in chinese
    assert "报警无人签收" in chinese
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"<style>.*?</style>", "", english))
    for page in (chinese, english):
        assert fires[1] in page
        assert not re.search(r"https?:|<script|<img|<link|url\(", page)
    assert texts[f"audit-{quarter}.zh_CN.csv"].startswith("\ufeff")
    assert yizhan("audit", "report", "--quarter", quarter, "--out", "out").code == 0
    assert {name: Path("out", name).read_text("utf-8") for name in names} == texts
    assert yizhan("audit", "report", "--quarter", "2026Q5").code == 2


def test_words_of_others_are_no_markup_and_no_formula(station: Station, fires: list[str]) -> None:
    """The detail of a refusal stands in page and table as plain text."""
    with gather(AuditSources(station.app)) as (_files, evidence):
        quarter = Quarter.containing(evidence.logged.checkpoint.at, station.app.charter.time_zone)
        made = report(evidence, station.app.charters, quarter)
    wrong = Finding(
        FindingKind.REFUSED, SHOUNING, written(datetime.now(UTC)), detail="=HYPERLINK(1)<script>alert(1)</script>"
    )
    made = replace(made, findings=(wrong,))
    assert "<script>" not in as_html(made, "zh_CN")
    assert "'=HYPERLINK(1)" in as_csv(made, "en")
