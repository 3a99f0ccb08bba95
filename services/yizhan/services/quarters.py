"""What a county's two stores hold of one quarter with one partner: the one rule of what a quarter is.

Both counties get the same figures from it, byte for byte.

Rule 1: an event belongs to the quarter in which the station received it. The postmark gives sender and receiver the
        same instant, whenever each of them had its digest closed.
Rule 2: what was received is read from the closing digests that reach over the quarter. While none reaches its end,
        the newest interim one is read too, and both directions are counted as far as that.
Rule 3: obligations are as they stood when the quarter ended, not as they stand today; in a quarter that goes on, as
        they stood at its last manifest, or without one as they stand now.
Rule 4: an event that a manifest names and nobody here has belongs to the label of that manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from yizhan.bulletin.figures import canonical, figures
from yizhan.bulletin.obligations import quarter_obligations
from yizhan.bulletin.quarter_events import QuarterEvent, QuarterObligation, missing_event, quarter_event
from yizhan.consumers.digests import Digest, DigestMember
from yizhan.consumers.labels import SENTENCES, DigestWarn, ManifestVerdict
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charters
from yizhan.schemas.i18n import Sentence, marked
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.table import NEVER_COUNTED
from yizhan.schemas.policy import Way
from yizhan.schemas.quarters import Quarter
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class NotListed:
    """How many received events of a quarter are no events of the partner.

    ``others`` are of other counties, ``system`` are receipts, notices and bulletins; the signature of ``unverified``
    ones did not hold, and their sender is not known.
    """

    others: int = 0
    system: int = 0
    unverified: int = 0


@dataclass(frozen=True, slots=True)
class QuarterContents:
    """What is held of a quarter.

    ``digests`` are those that its bulletin cites, the newest last; ``doubts`` are what the figures may lack.
    ``proven``: closing manifests that agree with what is held name everything that was received.
    """

    events: tuple[QuarterEvent, ...]
    obligations: tuple[QuarterObligation, ...]
    digests: tuple[Digest, ...]
    doubts: tuple[Sentence, ...]
    not_listed: NotListed
    proven: bool


def partner_of(home: Home, county: str, partner: str | None, hint: Action | None = None) -> str:
    """Return the partner: the one that was asked for, else the one that the charter pairs the county with.

    ``hint`` says how a person chooses another.

    Raises:
        UnknownMember: it is no member of the charter.
        ServiceError: it is the county itself, or the charter pairs the county with none or several.
    """
    home.member(county)
    if partner is not None:
        if home.member(partner) == county:
            sentence = marked("{county} 不能与自己通报；请给出伙伴县")
            raise ServiceError(sentence, county=home.member_name(county), hint=hint)
        return partner
    found = home.charters.latest().partners(county)
    if len(found) != 1:
        sentence = marked("章程给 {county} 结对的县有 {count} 个；请给出其中一个")
        raise ServiceError(sentence, county=home.member_name(county), count=len(found), hint=hint)
    return found[0]


def figures_bytes(
    inbox: InboxView | None, outbox: OutboxView | None, label: str, pair: tuple[str, str], charters: Charters
) -> bytes:
    """Return the figures of a quarter as the JSON whose SHA-256 both counties sign.

    Args:
        inbox: of the first of the pair; None where it has none yet.
        outbox: of the same county.
        label: the quarter, such as ``2026Q3``.
        pair: whose stores these are, and the partner.
        charters: of the alliance.
    """
    return canonical(quarter_figures(inbox, outbox, label, pair, charters)[0])


def quarter_figures(
    inbox: InboxView | None,
    outbox: OutboxView | None,
    label: str,
    pair: tuple[str, str],
    charters: Charters,
    progress: Progress = SILENT,
) -> tuple[dict[str, Any], QuarterContents]:
    """Return a quarter's figures, compared with the two quarters before, and what they were counted from.

    ``progress`` advances by each event that was read; the others as ``figures_bytes``.
    """
    zone = charters.latest().time_zone

    def earlier(other: str) -> dict[str, Any] | None:
        # Not "was it closed": a member that joined later has other manifests of that time, but the same events.
        before = read_quarter(inbox, outbox, other, pair, zone, progress)
        if not before.events and not before.obligations:
            return None
        return figures(other, pair, zone, before.events, before.obligations)

    found = read_quarter(inbox, outbox, label, pair, zone, progress)
    return figures(label, pair, zone, found.events, found.obligations, earlier), found


def read_quarter(
    inbox: InboxView | None,
    outbox: OutboxView | None,
    label: str,
    pair: tuple[str, str],
    time_zone: str,
    progress: Progress = SILENT,
) -> QuarterContents:
    """Return what a county holds of a quarter (arguments as for ``quarter_figures``)."""
    county, partner = pair
    quarter = Quarter.parse(label)
    since, until = quarter.start(time_zone), quarter.end(time_zone)
    digests = () if inbox is None else _reaching(inbox.digests(), since, until)
    reach = max((each.manifest.made for each in digests), default=since)
    doubts = [*_doubts(label, digests, (since, until), time_zone)]
    if since < reach < until:
        until = reach
    elif reach <= since:  # no manifest yet: what is not due now is not overdue
        until = min(until, max(since, utc_now()))
    members = [] if inbox is None else _members(inbox, digests, label, (since, until))
    not_listed = _not_listed(members, partner)
    events, unanswered = list[QuarterEvent](), 0
    for member in members:
        if (event := _received_event(member, county, partner)) is not None:
            events.append(event)
            progress.advance()
    for sent in () if outbox is None else outbox.sent(since, until):
        if (decision := sent.decisions.get(partner)) is not None and sent.header.type not in NEVER_COUNTED:
            contents = read(sent.header.type, sent.payload)
            events.append(quarter_event(sent.header, sent.hash, partner, decision.way, contents, decision.rule))
            unanswered += not sent.answered
            progress.advance()
    if unanswered:
        text = marked("本县发出的 {count} 件还没有驿站的回执，双方数字可能不一致")
        doubts.append(Sentence.of(text, count=unanswered))
    obligations = () if inbox is None else quarter_obligations(inbox.followups(until), pair, since, until)
    cited = tuple(each for each in digests if each.label == label)
    if not cited and reach > since:
        cited = digests[-1:]
    sound = all(each.verdict is ManifestVerdict.VERIFIED for each in digests)
    closed = bool(cited) and not any(each.manifest.interim for each in cited)
    proven = closed and sound and not not_listed.unverified
    return QuarterContents(tuple(events), obligations, cited, tuple(doubts), not_listed, proven)


def _reaching(everything: Sequence[Digest], since: datetime, until: datetime) -> tuple[Digest, ...]:
    """Choose the digests that may hold events of a quarter: those closed in it, one before, and the first after."""
    ours = [each for each in everything if each.verdict is not ManifestVerdict.WRONG_COUNTY]
    closed = sorted((each for each in ours if not each.manifest.interim), key=lambda each: each.manifest.made)
    chosen = [each for each in closed if each.manifest.made < since][-1:]
    for each in closed:
        if each.manifest.made >= since:
            chosen.append(each)
            if each.manifest.made >= until:
                return tuple(chosen)
    last = chosen[-1].manifest.made if chosen else None
    interim = [each for each in ours if each.manifest.interim and (last is None or each.manifest.made > last)]
    return (*chosen, *sorted(interim, key=lambda each: each.manifest.made)[-1:])


def _doubts(
    label: str, digests: Sequence[Digest], within: tuple[datetime, datetime], time_zone: str
) -> Iterator[Sentence]:
    for each in digests:
        if each.verdict is not ManifestVerdict.VERIFIED:
            yield _of_digest(each, each.verdict)
        if each.label == label:
            yield from (_of_digest(each, warning) for warning in each.warnings)
    reach = max((each.manifest.made for each in digests), default=None)
    if reach is None or reach <= within[0]:
        yield Sentence.of(marked("{label} 的季度清单还没有到，收文不全"), label=label)
    elif reach < within[1]:
        text = marked("清单只到 {time:%Y-%m-%d %H:%M}，其后的没有计入")
        yield Sentence.of(text, time=reach.astimezone(ZoneInfo(time_zone)))


def _of_digest(digest: Digest, word: ManifestVerdict | DigestWarn) -> Sentence:
    return Sentence.of("{label}: {what}", label=digest.label, what=Sentence.of(SENTENCES[type(word)][word]))


def _members(
    inbox: InboxView, digests: Sequence[Digest], label: str, within: tuple[datetime, datetime]
) -> list[DigestMember]:
    return [
        member
        for each in digests
        for member in inbox.members(each, within)
        if member.item is not None or each.label == label
    ]


def _not_listed(members: Sequence[DigestMember], partner: str) -> NotListed:
    known = [each for each in members if each.id is not None]
    system = sum(each.item is not None and each.item.type in NEVER_COUNTED for each in known)
    events = [each for each in known if each.item is None or each.item.type not in NEVER_COUNTED]
    others = sum(not str(each.id).startswith(partner) for each in events)
    return NotListed(others, system, len(members) - len(known))


def _received_event(member: DigestMember, county: str, partner: str) -> QuarterEvent | None:
    """Return a member of a digest as an event of the partner; None where it is none."""
    item = member.item
    if member.id is None or member.id[:6] != partner:
        return None
    if item is None:
        return missing_event(member.id, member.hash, county, Way.ALARM if member.prompt else Way.DIGEST)
    if item.type in NEVER_COUNTED:
        return None
    warnings = tuple(each.value for each in item.warnings)
    return quarter_event(item.header, item.hash, county, item.way, item.contents, item.rule, warnings)
