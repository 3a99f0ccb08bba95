"""The bulletin of a quarter for one pair: what came, from the inbox; what went, from the outbox.

Rule 1: everything that was closed under the quarter's label counts, however often it was closed.
Rule 2: while nothing was closed, the newest interim digest is shown, and says that it is one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from yizhan.cli.desk import OutboxDesk
from yizhan.cli.errors import CommandError
from yizhan.cli.inboxes import looking as inbox_of
from yizhan.cli.outboxes import looking as outbox_of
from yizhan.cli.words import _
from yizhan.consumers.bulletin import Bulletin, Side, compiled, period
from yizhan.consumers.words import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yizhan.cli.app import App
    from yizhan.consumers.digests import Digest, Member
    from yizhan.consumers.inbox import Inbox


def partner_of(app: App, county: str, named: str | None) -> str:
    """Return the partner: the one named, else the one that the charter pairs the county with.

    Raises:
        CommandError: it is no other member, or the charter pairs the county with none or several.
    """
    if named is not None:
        if app.member(named) == county:
            raise CommandError(_("{county} 不能与自己通报；请用 --with 给出伙伴县").format(county=app.named(county)))
        return named
    found = app.charters.latest().partners(county)
    if len(found) != 1:
        sentence = _("章程给 {county} 结对的县有 {count} 个；请用 --with 给出其中一个")
        raise CommandError(sentence.format(county=app.named(county), count=len(found)))
    return found[0]


def bulletin(app: App, label: str, county: str, partner: str, now: datetime) -> Bulletin:
    """Put the bulletin of a quarter together from what this county has."""
    with inbox_of(app, county) as inbox:
        digests, members, before = ((), (), None) if inbox is None else _came(inbox, label)
    zone = app.charter.time_zone
    since, until = period(label, zone, digests[-1] if digests else None, before)
    with outbox_of(app, county) as outbox:
        sent = [] if outbox is None else list(OutboxDesk(outbox).sent(since, until))
    return compiled(label, (_side(app, county), _side(app, partner)), now, zone, (digests, members), sent)


def _came(inbox: Inbox, label: str) -> tuple[Sequence[Digest], Sequence[Member], Digest | None]:
    """Return the quarter's digests, their members, and the closing digest before them."""
    everything = [each for each in inbox.digests() if each.verdict is not Verdict.WRONG_COUNTY]
    closed = [each for each in everything if not each.manifest.interim]
    ours = [each for each in closed if each.label == label]
    ours = ours or [each for each in everything if each.label == label][-1:]
    if not ours:
        return (), (), None
    before = [each for each in closed if each.seq < ours[0].seq]
    members = [member for each in ours for member in inbox.members(each)]
    return ours, members, before[-1] if before else None


def _side(app: App, code: str) -> Side:
    return Side(code, app.charters.latest().members[code].name)
