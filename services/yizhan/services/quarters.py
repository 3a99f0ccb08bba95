"""What a county's two stores hold of one quarter with one partner: the same at both counties, byte for byte.

Rule 1: a letter belongs to the quarter in which the station received it. The postmark says that to sender and
        receiver alike, whenever each of them had its digest closed.
Rule 2: what came is told by the closing digests that reach over the quarter. While none reaches its end, the newest
        interim one helps, and both directions are counted as far as that.
Rule 3: obligations are as they stood when the quarter ended, not as they stand today.
Rule 4: a letter that a manifest names and nobody here has belongs to the label of that manifest.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from yizhan.bulletin.figures import canonical, figures
from yizhan.bulletin.obligations import quarter_obligations
from yizhan.bulletin.quarter_events import QuarterEvent, QuarterObligation, missing_event, quarter_event
from yizhan.consumers.labels import ManifestVerdict, sentence
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.table import NEVER_COUNTED
from yizhan.schemas.policy import Way
from yizhan.schemas.quarters import Quarter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yizhan.consumers.digests import Digest, DigestMember
    from yizhan.consumers.view import InboxView
    from yizhan.producers.outbox_view import OutboxView
    from yizhan.schemas.charter import Charters


class Held(NamedTuple):
    """What is held of a quarter: ``digests`` are those that its bulletin cites, ``doubts`` sentences for people."""

    letters: tuple[QuarterEvent, ...]
    obligations: tuple[QuarterObligation, ...]
    digests: tuple[Digest, ...]
    doubts: tuple[str, ...]


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
    return canonical(counted(inbox, outbox, label, pair, charters)[0])


def counted(
    inbox: InboxView | None,
    outbox: OutboxView | None,
    label: str,
    pair: tuple[str, str],
    charters: Charters,
    told: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], Held]:
    """Return a quarter's figures, compared with the two quarters before, and what they were counted from.

    ``told`` is called for each letter that was read; the others as ``figures_bytes``.
    """
    zone = charters.latest().time_zone

    def earlier(other: str) -> dict[str, Any] | None:
        # Not "was it closed": a member that came later has other manifests of that time, but the same letters.
        before = held(inbox, outbox, other, pair, zone, told)
        return (
            figures(other, pair, zone, before.letters, before.obligations)
            if before.letters or before.obligations
            else None
        )

    found = held(inbox, outbox, label, pair, zone, told)
    return figures(label, pair, zone, found.letters, found.obligations, earlier), found


def held(
    inbox: InboxView | None,
    outbox: OutboxView | None,
    label: str,
    pair: tuple[str, str],
    time_zone: str,
    told: Callable[[], None] = lambda: None,
) -> Held:
    """Gather what a county holds of a quarter (args as ``counted``)."""
    county, partner = pair
    quarter = Quarter.parse(label)
    since, until = quarter.start(time_zone), quarter.end(time_zone)
    read_from = () if inbox is None else _reaching(inbox.digests(), since, until)
    reach = max((each.manifest.made for each in read_from), default=since)
    doubts = [*_doubts(label, read_from, (since, until), time_zone)]
    if since < reach < until:
        until = reach
    letters, unanswered = list[QuarterEvent](), 0
    for came in () if inbox is None else _came(inbox, read_from, label, (county, partner), (since, until)):
        letters.append(came)
        told()
    for sent in () if outbox is None else outbox.sent(since, until):
        if (decision := sent.decisions.get(partner)) is not None and sent.header.type not in NEVER_COUNTED:
            contents = read(sent.header.type, sent.payload)
            letters.append(quarter_event(sent.header, sent.hash, partner, decision.way, contents))
            unanswered += not sent.answered
            told()
    if unanswered:
        doubts.append(_("本县发出的 {count} 件还没有驿站的回执，双方数字可能不一致").format(count=unanswered))
    owed = () if inbox is None else quarter_obligations(inbox.followups(until), pair, since, until)
    cited = tuple(each for each in read_from if each.label == label)
    if not cited and reach > since:
        cited = read_from[-1:]
    return Held(tuple(letters), owed, cited, tuple(doubts))


def _reaching(everything: Sequence[Digest], since: datetime, until: datetime) -> tuple[Digest, ...]:
    """Choose the digests that may hold letters of a quarter: those closed in it, one before, and the first after."""
    sound = [each for each in everything if each.verdict is not ManifestVerdict.WRONG_COUNTY]
    closed = sorted((each for each in sound if not each.manifest.interim), key=lambda each: each.manifest.made)
    chosen = [each for each in closed if each.manifest.made < since][-1:]
    for each in closed:
        if each.manifest.made >= since:
            chosen.append(each)
            if each.manifest.made >= until:
                return tuple(chosen)
    last = chosen[-1].manifest.made if chosen else None
    interim = [each for each in sound if each.manifest.interim and (last is None or each.manifest.made > last)]
    return (*chosen, *sorted(interim, key=lambda each: each.manifest.made)[-1:])


def _doubts(
    label: str, read_from: Sequence[Digest], within: tuple[datetime, datetime], time_zone: str
) -> Iterator[str]:
    for each in read_from:
        if each.verdict is not ManifestVerdict.VERIFIED:
            yield f"{each.label}: {sentence(each.verdict)}"
        if each.label == label:
            yield from (f"{each.label}: {sentence(warning)}" for warning in each.warnings)
    reach = max((each.manifest.made for each in read_from), default=None)
    if reach is None or reach <= within[0]:
        yield _("{label} 的季度清单还没有到，收文不全").format(label=label)
    elif reach < within[1]:
        yield _("清单只到 {time}，其后的没有计入").format(
            time=f"{reach.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M}"
        )


def _came(
    inbox: InboxView, read_from: Sequence[Digest], label: str, pair: tuple[str, str], within: tuple[datetime, datetime]
) -> Iterator[QuarterEvent]:
    for each in read_from:
        for member in inbox.members(each, within):
            if member.item is not None or each.label == label:
                found = _received(member, *pair)
                yield from () if found is None else (found,)


def _received(member: DigestMember, county: str, partner: str) -> QuarterEvent | None:
    item = member.item
    if (member.id or "")[:6] != partner:
        return None
    if item is None:
        way = Way.ALARM if member.prompt else Way.DIGEST
        return None if member.id is None else missing_event(member.id, member.hash, county, way)
    return (
        None if item.type in NEVER_COUNTED else quarter_event(item.header, item.hash, county, item.way, item.contents)
    )
