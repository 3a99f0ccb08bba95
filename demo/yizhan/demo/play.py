"""Plays the day: sends, waits, compares with what must happen, and counts.

Rule 1: what is counted was read back from the books of the counties, not from what was sent.
Rule 2: an expectation that fails is said and kept; the day goes on, and the exit status tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from io import BytesIO
from typing import Any, Final, TypeVar

from yizhan.consumers.bell.rings import ALARM_STEP, Ring
from yizhan.consumers.digests import Digest
from yizhan.consumers.items import InboxQuery as Items
from yizhan.consumers.items import Item
from yizhan.consumers.labels import sentence
from yizhan.demo import phones
from yizhan.demo.account import Account
from yizhan.demo.hostile import Arsenal, attack, attacks
from yizhan.demo.scenario import OFFICERS, QINGYUAN, SHOUNING, ScriptedEvent, day
from yizhan.demo.stage import PATIENCE_SECONDS, Stage, wait_for
from yizhan.producers.drafts import Draft, Office, parse_draft
from yizhan.producers.firms import FirmsContext, import_firms
from yizhan.producers.geography import sample_outlines
from yizhan.producers.numbering import Accepted
from yizhan.producers.queries import OutboxQuery as Sendings
from yizhan.producers.queries import Posting
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.common import Contact, Person
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import instant
from yizhan.services.errors import ServiceError
from yizhan.services.labels import reason_name

_IMPATIENT_SECONDS: Final = 15.0
"""How long is waited for anything once something did not come in time."""
_Found = TypeVar("_Found")
FIRMS_FILE: Final = "firms-modis-border-2022-04-04.csv"


@dataclass
class Day:
    """One run of the day."""

    stage: Stage
    account: Account
    problems: list[str] = field(default_factory=list)
    sent: dict[str, tuple[str, Accepted]] = field(default_factory=dict)
    """Step → county and what its outbox took."""
    expected: dict[tuple[str, str], Way] = field(default_factory=dict)
    """(event id, recipient) → the way in which it must arrive."""
    latencies: list[float] = field(default_factory=list)
    firms: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    patience_seconds: float = PATIENCE_SECONDS

    def check(self, holds: bool, problem: str) -> None:
        """Keep a problem unless it holds."""
        if not holds:
            self.problems.append(problem)
            self.account.line("✘ " + problem, "bold red")

    def hope(self, what: str, ask: Callable[[], _Found | None]) -> _Found | None:
        """Wait for an answer; after one that did not come in time, less patiently."""
        return self.attempt(partial(wait_for, what, ask, self.patience_seconds))

    def attempt(self, act: Callable[[], _Found]) -> _Found | None:
        """Run a step; a failure is stored as a problem, and the day continues (rule 2)."""
        try:
            return act()
        except ServiceError as error:
            self.check(False, str(error))  # noqa: FBT003 -- it did not hold
            self.patience_seconds = min(self.patience_seconds, _IMPATIENT_SECONDS)
            return None

    @property
    def _charters(self) -> AdoptedCharters:
        return AdoptedCharters([self.stage.charter])

    # -- what officers send --

    def play(self) -> None:
        """Play the scripted day."""
        for step in day(datetime.now(UTC), self.stage.members):
            self.take(step)

    def take(self, step: ScriptedEvent) -> Accepted:
        """Send what a step says, and see it arrive and acknowledged."""
        self.account.sent(step.county, _(step.said))
        sent = self.stage.outboxes[step.county].publish(self._draft(step))
        self.sent[step.key] = (step.county, sent)
        for recipient, (way, rule) in step.expects.items():
            self.arrives(sent, recipient, way, rule, sender=step.county)
        for county in step.acknowledged_by:
            self.acknowledge(county, sent, sender=step.county)
        return sent

    def _draft(self, step: ScriptedEvent) -> Draft:
        references = {}
        for name in ("reply_to", "supersedes", "withdraws"):
            if (key := getattr(step, name)) is not None:
                _county, earlier = self.sent[key]
                references[name] = {"id": earlier.id, "hash": earlier.hash.hex()}
        return parse_draft({"type": step.type, "payload": step.payload, **step.attributes, **references})

    def arrives(self, sent: Accepted, recipient: str, way: Way, rule: str, *, sender: str) -> None:
        """Wait until an event is where it must be, and compare way and rule."""
        self.expected[sent.id, recipient] = way
        if way is Way.DIGEST:
            posting = self._posting(sender, sent.id, recipient)
            if posting is None:
                return
            self.account.waits(posting)
            found = (posting.stamped_way, posting.stamped_rule)
        else:
            item = self._item(recipient, sent.id)
            if item is None:
                return
            latency = (instant(item.stored) - self._accepted(sender, sent.id)).total_seconds() * 1000
            if way is Way.ALARM:
                self.latencies.append(latency)
            self.account.arrived(recipient, item, latency)
            found = (item.way.value, item.rule)
            self.check(not item.warnings, f"{sent.id}: {', '.join(item.warnings)}")
        self.check(found == (way.value, rule), f"{sent.id} → {recipient}: {found} ≠ {(way.value, rule)}")

    def _accepted(self, county: str, event_id: str) -> datetime:
        """Return when a county's outbox took an event, as it wrote down."""
        (row,) = self.stage.outboxes[county].rows(Sendings(id=event_id))
        return instant(row.accepted)

    def _item(self, county: str, event_id: str) -> Item | None:
        inbox = self.stage.inboxes[county]
        return self.hope(_("{id} 到达 {county}").format(id=event_id, county=county), lambda: inbox.item(event_id))

    def _posting(self, county: str, event_id: str, recipient: str) -> Posting | None:
        def ask() -> Posting | None:
            for each in self.stage.outboxes[county].postings(Sendings(id=event_id)):
                if each.recipient == recipient and each.stamped_way is not None:
                    return each
            return None

        return self.hope(_("驿站对 {id} 的答复").format(id=event_id), ask)

    def acknowledge(self, county: str, sent: Accepted, *, sender: str) -> None:
        """Let an officer acknowledge by the command; the sender must come to know."""
        name, badge, _phone = OFFICERS[county]
        if self._yizhan("inbox", "ack", sent.id, "--county", county, "--name", name, "--badge", badge) is None:
            return

        def known() -> Posting | None:
            for each in self.stage.outboxes[sender].postings(Sendings(id=sent.id)):
                if each.recipient == county and "acknowledged" in each.said:
                    return each
            return None

        if self.hope(_("{county} 的签收回执").format(county=county), known) is not None:
            self.account.acknowledged(county, name, badge, sender)

    def _yizhan(self, *words: str) -> str | None:
        """Run one of our commands as a person would; what it printed."""
        return self.attempt(partial(self.stage.yizhan, *words))

    # -- what satellites saw --

    def satellites(self) -> None:
        """Let every county import NASA's file, moved to now; each reports its own territory."""
        content = files("yizhan.producers").joinpath("data").joinpath(FIRMS_FILE).read_bytes()
        charter, outlines = self.stage.charter, sample_outlines()
        in_members = sent_count = kept = 0
        sent_ids: list[tuple[str, Accepted]] = []
        for county in self.stage.members:
            around = FirmsContext(
                county, charter.members.keys(), outlines, charter.policy.border_strip_km, _office(county)
            )
            found = import_firms(BytesIO(content), FIRMS_FILE, around, shift_to=datetime.now(UTC))
            in_members += found.in_members.get(county, 0)
            kept += len(found.not_sent)
            for result in self.stage.outboxes[county].publish_many(found.drafts):
                if not isinstance(result, Accepted):
                    raise result
                sent_count += 1
                sent_ids.append((county, result))
            again = list(self.stage.outboxes[county].publish_many(found.drafts))
            self.check(
                all(isinstance(each, Accepted) and each.duplicate for each in again),
                f"{county}: FIRMS sent something twice",
            )
        alarms = 0
        for county, sent in sent_ids:
            self.account.sent(county, _("卫星热点（NASA FIRMS，时间已平移到现在）"))
            for recipient in sent.to:
                self.arrives(sent, recipient, Way.NOTICE, "doubtful-hotspot", sender=county)
                alarms += len(self.stage.inboxes[recipient].items(Items(id=sent.id, way=Way.ALARM)))
        self.firms = {"in_members": in_members, "sent": sent_count, "kept": kept, "alarms": alarms}
        self.account.line(
            _("   三类：在成员县境内 {in_members}，送出 {sent}，留在本县 {kept}，报警 {alarms}").format(**self.firms)
        )

    # -- the hostile ones --

    def hostile(self) -> None:
        """Write forged records with stolen credentials; each must be refused by its name."""
        county, fire = self.sent["fire"]
        own = self.stage.outboxes[county].event(fire.id)
        if own is None or own.envelope is None:
            message = f"{fire.id} has no envelope in its outbox"
            raise RuntimeError(message)
        _county, logging = self.sent["logging"]
        arsenal = Arsenal(
            self.stage.charter,
            {code: self.stage.signing(code) for code in (SHOUNING, QINGYUAN)},
            own.envelope,
            (logging.id, logging.hash.hex()),
        )
        forged = attacks(arsenal)
        before = {recipient: self.stage.again(recipient, fire.id) for recipient in fire.to}
        offsets = attack(self.stage.settings.connection, forged)
        for each in forged:
            if each.reason is None:
                self._replayed(fire, _(each.said), before)
                continue
            ask = partial(self._refusal, each.topic_of, offsets[each.key])
            found = self.hope(_("驿站拒收“{said}”").format(said=_(each.said)), ask)
            if found is None:
                continue
            self.refused[found["reason"]] += 1
            self.account.refused(_(each.said), reason_name(found["reason"]), found["detail"])
            self.check(found["reason"] == each.reason, f"{each.key}: {each.reason} ≠ {found['reason']}")

    def _replayed(self, letter: Accepted, said: str, before: Mapping[str, int]) -> None:
        """Check that a replayed record arrived again at each recipient, and is still one row and one ring."""

        def arrived_again(recipient: str) -> bool | None:
            return True if self.stage.again(recipient, letter.id) > before[recipient] else None

        for recipient in letter.to:
            what = _("重放的 {id} 再次到达 {county}").format(id=letter.id, county=recipient)
            if self.hope(what, partial(arrived_again, recipient)) is None:
                continue
            rows = len(self.stage.inboxes[recipient].items(Items(id=letter.id)))
            rings = self.stage.rings()[recipient, letter.id]
            self.check((rows, rings) == (1, 1), f"{letter.id} → {recipient}: {rows} rows, {rings} rings")
            if (rows, rings) == (1, 1):
                self.account.line("✘ " + said + "  → " + _("收件箱只留一行，不再响铃"), "magenta")

    def _refusal(self, county: str, offset: int) -> dict[str, str] | None:
        """Return the station's reply to the county whose topic a forged record was written to."""
        for posting in self.stage.outboxes[county].foreign_postings():
            try:
                postmark, _hash, _charter = read_dated(Postmark, posting.value, self._charters)
            except StatementInvalid:
                continue
            if postmark.origin.offset == offset and postmark.refused is not None:
                return {"reason": str(postmark.refused), "detail": postmark.detail or ""}
        return None

    # -- the quarter --

    def close(self, label: str) -> None:
        """Close the period for every county, and wait until each inbox has its digest, verified."""
        self.account.line(_("   演示提前结算这个季度（--early），真正的结算在季度结束后"), "dim")
        self._yizhan("digest", "close", "--all", "--label", label, "--early", "--wait", "60")
        for county in self.stage.members:
            ask = partial(self._digest, county, label)
            digest = self.hope(_("{county} 的季度通报").format(county=county), ask)
            if digest is None:
                continue
            manifest = digest.manifest
            words = _("{county} {label}：{count} 件（其中即时送达 {prompt} 件），清单验证：{verdict}")
            self.account.line(
                "   "
                + words.format(
                    county=self.account.name(county), label=label, count=manifest.count, prompt=manifest.prompt,
                    verdict=sentence(digest.verdict),
                )
            )  # fmt: skip
            self.check(digest.verdict.value == "verified", f"{county} {label}: {digest.verdict.value}")

    def _digest(self, county: str, label: str) -> Digest | None:
        return next(iter(self.stage.inboxes[county].digests(label)), None)

    def bulletin(self, label: str) -> str:
        """Write the bulletin of the pair that really signed, in both directions; return its file."""
        path = self.stage.home / f"bulletin-{SHOUNING}-{QINGYUAN}-{label}.md"
        text = self._yizhan("digest", "show", label, "--county", SHOUNING, "--with", QINGYUAN, "--format", "md") or ""
        path.write_text(text, encoding="utf-8")
        self.check("疑似非法采砂" in text or "sand" in text, "the bulletin lacks what 庆元 reported")
        self._yizhan("bulletin", "make", label, "--county", SHOUNING, "--with", QINGYUAN, "-o", str(self.stage.home))
        return str(self.stage.home / f"bulletin-{label}-{SHOUNING}-{QINGYUAN}.pdf")

    # -- who owes what --

    def owed(self) -> None:
        """Compare the station's statements about obligations with what the day's events open and discharge."""
        county = SHOUNING
        inbox = self.stage.inboxes[county]
        expected = {
            ("acknowledge", "fire"): "discharged", ("countersign", "plan"): "discharged",
            ("assistance-answer", "request"): "discharged", ("patrol-report", "countersigned"): None,
        }  # fmt: skip
        for (rule, key), ended in expected.items():
            sent = self.sent[key][1]

            def reached_state(rule: str = rule, about: str = sent.id, ended: str | None = ended) -> bool | None:
                found = [o for o in inbox.obligations(everything=True) if (o.rule, o.about) == (rule, about)]
                return True if found and all(each.ended == ended for each in found) else None

            self.hope(_("{county} 得知 {rule} 的状态").format(county=county, rule=rule), reached_state)
        self.account.line(self._yizhan("due", county) or "")

    # -- the figures --

    def figures(self, rings: Mapping[tuple[str, str], int]) -> dict[str, Any]:
        """Count from the books.

        Args:
            rings: (county, event id) → how often the inbox process rang for it.
        """
        ways: Counter[str] = Counter()
        lost = duplicates = 0
        for (event_id, county), way in self.expected.items():
            found = [item for item in self.stage.inboxes[county].items(Items(id=event_id)) if item.way is way]
            if not found or (way is Way.DIGEST and not found[0].digests):
                lost += 1
                self.check(False, f"{event_id} → {county}: {way.value}")  # noqa: FBT003 -- it did not hold
            ways[way.value] += len(found)
            duplicates += max(0, len(found) - 1) + max(0, rings.get((county, event_id), 0) - 1)
            self.check((rings.get((county, event_id), 0) >= 1) == (way is Way.ALARM), f"{event_id} → {county}: bell")
        self.check(duplicates == 0, f"duplicates: {duplicates}")
        latencies = sorted(self.latencies)
        heard = sorted(self._heard())
        return {
            "published": len({event_id for event_id, _county in self.expected}),
            "alarms_delivered": ways["alarm"],
            "notices_delivered": ways["notice"],
            "digest_events_delivered": ways["digest"],
            "refused": dict(sorted(self.refused.items())),
            "lost": lost,
            "duplicates_in_inbox": duplicates,
            "alarm_latency_ms": {"p50": _share(latencies, 0.5), "p99": _share(latencies, 0.99)},
            "bell_ms": {"rings": len(heard), "p50": _share(heard, 0.5), "p99": _share(heard, 0.99)},
            "firms": self.firms,
        }

    def _heard(self) -> Iterator[float]:
        """Yield how long after an outbox took an alarm the duty telephone had it, in ms; every alarm rang once."""
        for (event_id, county), way in self.expected.items():
            if way is not Way.ALARM:
                continue
            sender = next(code for code, sent in self.sent.values() if sent.id == event_id)
            sent_times = [n for ring, n in phones.rings(self.stage.inboxes[county], county) if _first(ring, event_id)]
            self.check(sent_times == [1], f"{event_id} → {county}: telephone {sent_times}")
            ring = phones.rung(self.stage.inboxes[county], county, event_id)
            if ring is not None and ring.at is not None:
                yield (ring.at - self._accepted(sender, event_id)).total_seconds() * 1000


def _first(ring: Ring, event_id: str) -> bool:
    return (ring.plan.about, ring.plan.step) == (event_id, ALARM_STEP)


def _share(ordered: list[float], share: float) -> float | None:
    """Return the value below which a share of the ordered values lies, in ms; None without values."""
    return None if not ordered else round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def _office(county: str) -> Office:
    name, badge, phone = OFFICERS[county]
    person = Person(name=name, badge=badge)
    return Office(
        org_code=f"{county}000000",
        drafted_by=person,
        reviewed_by=person,
        signed_off_by=person,
        contact=Contact(name=name, phone=phone),
    )
