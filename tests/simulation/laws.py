"""The laws that every run must hold, looked at from outside: topics, databases, the log's files, what was heard."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation.world import alliance
from yizhan.ledger.log_source import LogFolder
from yizhan.ledger.statements import FILE as STATEMENTS
from yizhan.ledger.verify import verify
from yizhan.schemas import dsse, followups, strictjson, topics
from yizhan.schemas.checkpoints import open_checkpoint
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.errors import Refused, YizhanError
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import parse_header
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.obligation_steps import ENDS, NOT_OWED, OPENED
from yizhan.schemas.policy import Way, decide
from yizhan.schemas.postmark import CONTENT_TYPES, Origin, Postmark
from yizhan.schemas.postmark import KAFKA_HEADER as POSTMARK
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from tests.simulation.play import Play

Rows = list[sqlite3.Row]


def broken(play: Play, *, settled: bool) -> list[str]:
    """Return what is broken."""
    found = [] if settled else ["liveness: records still move after all faults are over"]
    events = _events(play)
    for law in (_accepted, _rows, _lanes, _ways):
        found += law(play, events)
    for other in (_said_once, _told, _ticks, _rings, _manifests, _ledger, _settled):
        found += other(play)
    return found


def _read(path: Path, query: str) -> Rows:
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.row_factory = sqlite3.Row
        return conn.execute(query).fetchall()


def _inbox(play: Play, code: str, query: str) -> Rows:
    return _read(play.world.folder / code / "inbox.sqlite3", query)


class Event:
    """An event of an outbox."""

    def __init__(self, county: str, row: sqlite3.Row) -> None:
        """Take its row."""
        self.county, self.id, self.hash, self.envelope = county, str(row["id"]), bytes(row["hash"]), row["envelope"]
        self.refused, self.header = row["refused"], parse_header(row["header"])


def _events(play: Play) -> dict[str, Event]:
    query = "SELECT id, hash, refused, envelope, header FROM events JOIN sealed USING (seq) ORDER BY seq"
    return {
        row["id"]: Event(code, row)
        for code in play.counties
        for row in _read(play.world.folder / code / "outbox.sqlite3", query)
    }


def _accepted(play: Play, events: dict[str, Event]) -> list[str]:
    """What an officer was told is accepted stays in the outbox, under this number; one reference is one event."""
    found = []
    for plan in play.plans:
        if plan.done is None:
            found.append("liveness: an event was never accepted")
            continue
        made = events.get(plan.done.id)
        if made is None or made.hash.hex() != plan.done.hash:
            found.append(f"accepted and lost: {plan.done.id}")
    for code in play.counties:
        query = "SELECT type, external_ref FROM events WHERE external_ref IS NOT NULL"
        sent = Counter(tuple(row) for row in _read(play.world.folder / code / "outbox.sqlite3", query))
        found += [f"one reference, {count} events: {name}" for name, count in sent.items() if count > 1]
    return found


def _rows(play: Play, events: dict[str, Event]) -> list[str]:
    """Every event of an outbox is one row, the same bytes, in the inbox of each recipient; nothing else is there."""
    found = []
    for code in play.counties:
        rows = _inbox(play, code, "SELECT id, hash, envelope FROM items JOIN letters USING (seq)")
        there = Counter(row["id"] for row in rows)
        found += [f"{code}: {count} rows of {name}" for name, count in there.items() if count > 1]
        for row in rows:
            made = events.get(row["id"])
            if made is None or made.hash != row["hash"]:
                found.append(f"{code}: {row['id']} was never sent as it stands here")
            elif parse_envelope(row["envelope"]).hash != made.hash:
                found.append(f"{code}: {row['id']} has other bytes")
        found += [
            f"lost: {each.id} is not at {code}"
            for each in events.values()
            if code in each.header.to and each.refused is None and each.id not in there and each.header.receipt is None
        ]
    found += [
        f"refused: {each.id}: {each.refused}"
        for each in events.values()
        if each.refused is not None and (each.refused != "future_dated" or each.county not in play.world.fast)
    ]
    return found


def _lanes(play: Play, events: dict[str, Event]) -> list[str]:
    """In each lane events come to the recipient in the order of their numbers."""
    found = []
    for code in play.counties:
        query = "SELECT id, source, book, lane, n FROM items WHERE lane = 'prompt' ORDER BY seq"
        last: dict[tuple[str, str], int] = {}
        for row in _inbox(play, code, query):
            lane = (row["source"], row["book"])
            if row["n"] < last.get(lane, 0):
                found.append(f"order: {code} got {row['id']} (number {row['n']}) after number {last[lane]}")
            last[lane] = max(row["n"], last.get(lane, 0))
    return found


def _stamped(play: Play, topic: str) -> set[bytes]:
    """Return the hashes of the events that stand in a topic with a postmark."""
    found = set()
    for record in play.world.broker.topics[topic]:
        if record.value and any(name == POSTMARK for name, _ in record.headers):
            with contextlib.suppress(Refused):
                found.add(parse_envelope(record.value).hash)
    return found


def _ways(play: Play, events: dict[str, Event]) -> list[str]:
    """Whether an event waits for the period or goes at once is what the policy decides of its signed header."""
    found, policy = [], alliance().charter.policy
    for code in play.counties:
        at_once, waiting = _stamped(play, topics.alerts(code)), _stamped(play, topics.pending(code))
        for each in events.values():
            if code not in each.header.to or each.refused is not None:
                continue
            way = decide(each.header, code, policy).way
            if way is Way.DIGEST and each.hash in at_once:
                found.append(f"policy: {each.id} went to {code} at once and should wait")
            if way is not Way.DIGEST and (each.hash in waiting or each.hash not in at_once):
                found.append(f"policy: {each.id} should go to {code} at once, and only so")
            if way is Way.DIGEST and each.hash not in waiting:
                found.append(f"policy: {each.id} does not wait for {code}")
    return found


def _said(play: Play) -> Iterator[tuple[str, bytes]]:
    """Yield topic and bytes of every statement that the station wrote."""
    for name, records in play.world.broker.topics.items():
        for record in records:
            if record.value in play.mutated:
                continue
            if name == topics.AUDIT or name.startswith(topics.postings("")):
                yield name, record.value or b""
            elif name.startswith((topics.alerts(""), topics.pending(""), topics.digests(""))):
                for kind, value in record.headers:
                    if kind == followups.KAFKA_HEADER:
                        yield name, record.value or b""
                    elif kind == POSTMARK:
                        yield name, value


def _said_once(play: Play) -> list[str]:
    """A record has one postmark and a step of an obligation one statement, always with the same bytes."""
    said: defaultdict[str, set[bytes]] = defaultdict(set)
    for _topic, statement in _said(play):
        try:
            kind = dsse.unverified_type(statement)
            content: dict[str, Any] = strictjson.loads(dsse.unverified_payload(statement))
        except (YizhanError, ValueError):
            continue
        if kind == followups.CONTENT_TYPE:
            if content["step"] != NOT_OWED:
                said[f"step {content['step']} of {content['obligation']}"].add(statement)
        elif kind in CONTENT_TYPES:
            origin = content["origin"]
            said[f"record {origin['topic']}/{origin['offset']}"].add(statement)
            for step in content.get("opens") or ():
                said[f"opened by postmark {content.get('id')} {step!r}"].add(str(step).encode())
    return [f"said in {len(each)} ways: {name}" for name, each in said.items() if len(each) > 1]


def _steps(play: Play) -> Iterator[tuple[Followup, Origin | None]]:
    """Yield every step that the audit has, with the place of the record whose postmark says it."""
    for record in play.world.broker.topics[topics.AUDIT]:
        kind, payload = dsse.unverified_type(record.value or b""), dsse.unverified_payload(record.value or b"")
        if kind == followups.CONTENT_TYPE:
            yield Followup.model_validate_json(payload), None
        elif kind in CONTENT_TYPES:
            mark = Postmark.model_validate_json(payload)
            for step in mark.steps():
                yield step, mark.origin


def _told(play: Play) -> list[str]:
    """Every step of an obligation that the station said is in the inbox of each of its parties."""
    there = {
        code: {(row["obligation"], row["step"]) for row in _inbox(play, code, "SELECT obligation, step FROM followups")}
        for code in play.counties
    }
    return [
        f"told: {code} does not know that {step.obligation} is {step.step}"
        for step, _ in _steps(play)
        for code in sorted(step.parties & there.keys())
        if (step.obligation, step.step) not in there[code]
    ]


def _ticks(play: Play) -> list[str]:
    """Nobody is reminded of what was done before the tick that brings the reminder."""
    made = [Tick.from_bytes(record.value or b"") for record in play.world.broker.topics[topics.ticks()]]
    steps = list(_steps(play))
    done = {step.obligation: origin for step, origin in steps if step.step in ENDS and origin is not None}
    found = []
    for step, origin in steps:
        end = done.get(step.obligation)
        if origin is None and end is not None and step.step not in {OPENED, NOT_OWED, *ENDS}:
            tick = next((each for each in made if each.at >= step.at), None)
            if tick is not None and end.offset < tick.ends.get(end.topic, 0):
                found.append(f"tick: {step.obligation} is {step.step}, and was done before")
    return found


def _rings(play: Play) -> list[str]:
    """Every alarm was heard, or it was said that it was not, or somebody answered it before; no more is claimed."""
    found = []
    for code, county in play.counties.items():
        items = _inbox(play, code, "SELECT id, way, state FROM items WHERE way = 'alarm'")
        rings = _inbox(play, code, "SELECT subject, step, rung, state, why FROM rings")
        states = {(row["subject"], row["step"], row["rung"]): (row["state"], row["why"]) for row in rings}
        for item in items:
            name = (item["id"], "alarm", "duty")
            state, why = states.get(name, ("none", None))
            if item["state"] in {"acknowledged", "withdrawn", "expired"} and state in {"none", "dropped", "due"}:
                continue
            if not county.heard[name] and name not in county.unheard:
                found.append(f"bell: {code}: nobody heard of {item['id']} ({state}, {why})")
        for name, (state, _why) in states.items():
            if state == "delivered" and not county.heard[name]:
                found.append(f"bell: {code}: {name} counts as delivered, and nobody heard it")
            if state in {"due", "tried"} and name[1] == "alarm":
                found.append(f"bell: {code}: {name} is {state} at the end")
    return found


def _manifests(play: Play) -> list[str]:
    """Every manifest proves what arrived; every event to a county is in one closing manifest."""
    found = []
    for code in play.counties:
        query = "SELECT label, interim, verdict, warnings FROM digests"
        found += [
            f"manifest: {code} {row['label']} (interim {row['interim']}): {row['verdict']} {row['warnings']}"
            for row in _inbox(play, code, query)
            if row["verdict"] != "verified" or row["warnings"]
        ]
        query = "SELECT hex(m.hash) AS hash, count(*) AS count FROM digest_members AS m JOIN digests ON digest = seq"
        listed = {
            row["hash"].lower(): row["count"]
            for row in _inbox(play, code, f"{query} WHERE interim = 0 GROUP BY m.hash")
        }
        found += [f"manifest: {code}: {name} is in {count}" for name, count in listed.items() if count > 1]
        last = _inbox(play, code, "SELECT manifest FROM digests WHERE interim = 0 ORDER BY seq DESC LIMIT 1")
        end = strictjson.loads(dsse.unverified_payload(last[0]["manifest"]))["end"] if last else 0
        admitted = {
            strictjson.loads(dsse.unverified_payload(stamp))["hash"]
            for record in play.world.broker.topics[topics.pending(code)][:end]
            for name, stamp in record.headers
            if name == POSTMARK
        }
        found += [f"manifest: {code}: {each} is in none" for each in sorted(admitted - listed.keys())]
        open_ = _inbox(play, code, "SELECT count(*) AS count FROM items WHERE state = 'waiting'")[0]["count"]
        if open_:
            found.append(f"manifest: {code}: {open_} events wait after the last closing")
    return found


def _ledger(play: Play) -> list[str]:
    """Every statement of the audit is a leaf; the files verify; every checkpoint that was published is of this log."""
    folder, found = play.world.folder / "ledger", []
    try:
        verify(LogFolder(folder / "log"), alliance().charters)
    except YizhanError as error:
        found.append(f"ledger: {type(error).__name__}: {error}")
    leaves = {bytes(row["statement"]) for row in _read(folder / STATEMENTS, "SELECT statement FROM statements")}
    said = [record.value for record in play.world.broker.topics[topics.AUDIT]]
    found += [
        f"ledger: statement {place} of the audit is no leaf" for place, each in enumerate(said) if each not in leaves
    ]
    for record in play.world.broker.topics[topics.CHECKPOINTS]:
        if read_entries(record.value or b"") is None:
            point = open_checkpoint(record.value or b"", alliance().charters).checkpoint
            if play.ledger.log.root_at(point.size) != point.root:
                found.append(f"ledger: forked at {point.size}")
    alarms = _read(folder / STATEMENTS, "SELECT kind, subject FROM alarms")
    return [*found, *(f"ledger: {row['kind']} {row['subject']}" for row in alarms)]


def _settled(play: Play) -> list[str]:
    """In the end no outbox has anything to send, and every event is answered."""
    found = []
    for code in play.counties:
        query = "SELECT id FROM events WHERE refused IS NULL AND void = 0 AND (queued = 1 OR answered IS NULL)"
        path = play.world.folder / code / "outbox.sqlite3"
        found += [f"outbox: {code}: {row['id']} is not settled" for row in _read(path, query)]
        query = (
            "SELECT e.id, r.recipient FROM events AS e JOIN recipients AS r USING (seq)"
            " WHERE e.awaits = 1 AND r.delivered IS NULL AND r.stamped_way <> 'digest'"
        )
        found += [f"outbox: {code}: {row['id']}: no receipt of {row['recipient']}" for row in _read(path, query)]
        for name, offsets in (("alert", topics.alerts(code)), ("digest", topics.digests(code))):
            query = f"SELECT next FROM positions WHERE kind = '{name}'"  # noqa: S608 -- ours
            rows = _inbox(play, code, query)
            if rows and rows[0]["next"] != len(play.world.broker.topics[offsets]):
                found.append(f"inbox: {code}: read {offsets} up to {rows[0]['next']}")
    return found
