"""The bulletin of a quarter for one pair: what came, from the inbox; what went, from the outbox.

Rule 1: everything that was closed under the quarter's label counts, however often it was closed.
Rule 2: while nothing was closed, the newest interim digest is shown, and says that it is one.
"""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from yizhan.bulletin.charts import outlines_of
from yizhan.bulletin.figures import COMPARED, digest, looked_up
from yizhan.bulletin.proof import Named, Proof
from yizhan.bulletin.sheet import Material
from yizhan.cli.desk import OutboxDesk
from yizhan.cli.errors import CommandError
from yizhan.cli.inboxes import looking as inbox_of
from yizhan.cli.outboxes import looking as outbox_of
from yizhan.cli.quarters import counted
from yizhan.cli.words import _
from yizhan.consumers.bulletin import Bulletin, Side, compiled, period
from yizhan.consumers.words import Verdict

BULLETIN: Final = "yizhan.intelligence.bulletin.v1"

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yizhan.cli.app import App
    from yizhan.consumers.desk import SentEvent
    from yizhan.consumers.digests import Digest, Member
    from yizhan.consumers.inbox import Inbox
    from yizhan.producers.drafts import Office


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
    books = _books(app, label, county)
    sides, came = (_side(app, county), _side(app, partner)), (books.digests, books.members)
    return compiled(label, sides, now, app.charter.time_zone, came, books.sent)


def material(app: App, label: str, county: str, partner: str, now: datetime) -> Material:
    """Put together what the quarter's official sheet is made of: figures, letters, manifests, doubts."""
    with inbox_of(app, county) as inbox, outbox_of(app, county) as outbox:
        made, found = counted(inbox, outbox, label, (county, partner), app.charters)
    named = tuple(Named.of(each.manifest, each.hash.hex()) for each in found.digests)
    outlines = json.loads(files("yizhan.producers").joinpath("data").joinpath("counties.geojson").read_bytes())
    return Material(
        figures=made,
        letters=found.letters,
        proof=Proof({county: named}, found.doubts),
        names={code: app.said(member.name) for code, member in app.charters.latest().members.items()},
        maker=county,
        made=now,
        outlines=outlines_of(outlines, (county, partner)),
    )


def draft(of: Material, partner: str, office: Office) -> dict[str, Any]:
    """Write the signed bulletin as an event to be published: figures and manifests by their hashes.

    Raises:
        CommandError: the station has not closed the quarter for this county.
    """
    made, proof = of.figures, of.proof
    if not proof.closed(of.maker):
        sentence = _("{label} 的季度清单还没有到，不能签发；请先等驿站结算")
        raise CommandError(sentence.format(label=made["label"]))
    summary = _("{label} 与 {partner} 互通 {count} 件，数字见通报")
    payload = {
        **office.model_dump(mode="json", exclude_none=True),
        "classification": made["classification"],
        "place": {"county": of.maker},
        "ask": ["知悉", "回复"],
        "summary": summary.format(label=made["label"], partner=of.names[partner], count=made["letters"]),
        "label": made["label"],
        "partner": partner,
        "manifests": [
            {name: getattr(each, name) for name in ("county", "hash", "count", "prompt", "root", "closed")}
            for each in proof.manifests[of.maker]
            if not each.interim
        ],
        "directions": [
            {"source": name[:6], "to": name[7:], "letters": counts["letters"], "root": counts["root"]}
            for name, counts in made["directions"].items()
        ],
        "figures": digest(made),
        "numbers": [{"name": path, "value": looked_up(made, path)} for path in COMPARED],
    }
    return {"type": BULLETIN, "to": [partner], "priority": "routine", "payload": payload}


class _Books(NamedTuple):
    """What a county's books hold of a quarter, and from when until when it reaches."""

    digests: Sequence[Digest]
    members: Sequence[Member]
    sent: Sequence[SentEvent]
    since: datetime
    until: datetime


def _books(app: App, label: str, county: str) -> _Books:
    with inbox_of(app, county) as inbox:
        digests, members, before = ((), (), None) if inbox is None else _came(inbox, label)
    since, until = period(label, app.charter.time_zone, digests[-1] if digests else None, before)
    with outbox_of(app, county) as outbox:
        sent = () if outbox is None else tuple(OutboxDesk(outbox).sent(since, until))
    return _Books(digests, members, sent, since, until)


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
