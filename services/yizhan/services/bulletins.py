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
from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figures import COMPARED, digest, looked_up
from yizhan.bulletin.labels import PLACES
from yizhan.bulletin.proof import Named, Proof
from yizhan.bulletin.sheet import Material
from yizhan.bulletin.text import Writing, changed, filled, parse
from yizhan.consumers.bulletin import Bulletin, Side, compiled, period
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import ManifestVerdict
from yizhan.producers.queries import OutboxQuery as OwnQuery
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.table import BULLETIN
from yizhan.services.errors import ServiceError
from yizhan.services.quarters import counted
from yizhan.services.stores import read_inbox as inbox_of
from yizhan.services.stores import read_outbox as outbox_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from yizhan.consumers.digests import Digest, DigestMember
    from yizhan.consumers.view import InboxView
    from yizhan.producers.drafts import Office
    from yizhan.producers.outbox_view import OutboxView
    from yizhan.schemas.sent_events import SentEvent
    from yizhan.services.home import Home


def partner_of(home: Home, county: str, named: str | None) -> str:
    """Return the partner: the one named, else the one that the charter pairs the county with.

    Raises:
        CommandError: it is no other member, or the charter pairs the county with none or several.
    """
    if named is not None:
        if home.member(named) == county:
            raise ServiceError(
                marked("{county} 不能与自己通报；请用 --with 给出伙伴县"), county=home.member_name(county)
            )
        return named
    found = home.charters.latest().partners(county)
    if len(found) != 1:
        sentence = marked("章程给 {county} 结对的县有 {count} 个；请用 --with 给出其中一个")
        raise ServiceError(sentence, county=home.member_name(county), count=len(found))
    return found[0]


def bulletin(home: Home, label: str, county: str, partner: str, now: datetime) -> Bulletin:
    """Put the bulletin of a quarter together from what this county has."""
    books = _books(home, label, county)
    sides, came = (_side(home, county), _side(home, partner)), (books.digests, books.members)
    return compiled(label, sides, now, home.charter.time_zone, came, books.sent)


class SignedBulletin(NamedTuple):
    """A signed bulletin as an event: its payload's values."""

    id: str
    time: str
    payload: Mapping[str, Any]


def text_path(home: Home, county: str, label: str, partner: str) -> Path:
    """Where the analyst's text of a bulletin is."""
    return home.county_folder(county) / "bulletins" / f"{label}-{partner}.txt"


def writing_of(home: Home, county: str, label: str, partner: str) -> Writing | None:
    """Read the analyst's text; None where nobody wrote one.

    Raises:
        TextInvalid: it is not as it must be; the sentence names file and line.
    """
    path = text_path(home, county, label, partner)
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except TextInvalid as error:
        raise TextInvalid(f"{path}: {error}") from None


def received(inbox: InboxView | None, label: str, pair: tuple[str, str]) -> SignedBulletin | None:
    """Return the newest bulletin that the second of a pair signed for the first, as it stands; None for none."""
    found = () if inbox is None else inbox.items(InboxQuery(type=BULLETIN, county=pair[1]))
    for item in reversed(found):
        raw = {} if item.contents is None else item.contents.raw
        gone = item.superseded_by or item.withdrawn_by or item.header.withdraws is not None
        if (raw.get("label"), raw.get("partner"), item.status) == (label, pair[0], "Actual") and not gone:
            return SignedBulletin(item.id, item.time, raw)
    return None


def sent(outbox: OutboxView | None, label: str, partner: str) -> SignedBulletin | None:
    """Return the newest bulletin that we signed for a partner and did not withdraw; None for none."""
    gone = set()
    for row in reversed(() if outbox is None else outbox.rows(OwnQuery(type=BULLETIN))):
        event = None if outbox is None or row.reason or row.replaced_by else outbox.event(row.id)
        if event is None:
            continue
        header, raw = event.header, read(row.type, event.payload).raw
        if header.withdraws is not None:
            gone.add(header.withdraws.id)
        elif (raw.get("label"), raw.get("partner"), header.status) == (label, partner, "Actual") and row.id not in gone:
            return SignedBulletin(row.id, header.time, raw)
    return None


def material(
    home: Home, label: str, county: str, partner: str, now: datetime, told: Callable[[], None] = lambda: None
) -> Material:
    """Put together what the quarter's official sheet is made of: figures, letters, manifests, doubts, the text.

    The partner's manifests are those that its signed bulletin cites. ``told`` is called for each letter read.

    Raises:
        TextInvalid: as ``writing_of``, or it names what is no figure.
    """
    writing = writing_of(home, county, label, partner)
    with inbox_of(home, county) as inbox, outbox_of(home, county) as outbox:
        made, found = counted(inbox, outbox, label, (county, partner), home.charters, told)
        theirs = received(inbox, label, (county, partner))
    doubts, agreed = list(found.doubts), theirs is not None and theirs.payload.get("figures") == digest(made)
    if theirs is not None and not agreed:
        doubts.append(_("【数字不一致】对方签发的与本县的不同；请运行 yizhan bulletin check"))
    cited = () if theirs is None else tuple(_cited(theirs.payload, partner))
    manifests = {county: tuple(Named.of(each.manifest, each.hash.hex()) for each in found.digests), partner: cited}
    passages, cases = ({}, None) if writing is None else _filled(home, writing, made, (county, label, partner))
    outlines = json.loads(files("yizhan.producers").joinpath("data").joinpath("counties.geojson").read_bytes())
    return Material(
        figures=made,
        letters=found.letters,
        proof=Proof(manifests, tuple(doubts), agreed),
        names={code: home.localized(member.name) for code, member in home.charters.latest().members.items()},
        maker=county,
        made=now,
        passages=passages,
        typical=cases,
        outlines=outlines_of(outlines, (county, partner)),
    )


def _filled(
    home: Home, writing: Writing, made: Mapping[str, Any], which: tuple[str, str, str]
) -> tuple[dict[str, str], list[tuple[str, str]] | None]:
    try:
        return filled(writing, made)
    except TextInvalid as error:
        raise TextInvalid(f"{text_path(home, *which)}: {error}") from None


def _cited(payload: Mapping[str, Any], county: str) -> Iterator[Named]:
    for each in payload["manifests"]:
        if each["county"] == county:
            yield Named(**{name: each[name] for name in ("county", "hash", "count", "prompt", "root", "closed")})


SIGNERS: Final = {
    "org_code": marked("机构代码"),
    "drafted_by": marked("拟稿人"),
    "reviewed_by": marked("审核人"),
    "signed_off_by": marked("签发人"),
    "contact": marked("联系人"),
}
"""What a signed bulletin must say of its office."""


def draft(of: Material, partner: str, office: Office, writing: Writing | None = None) -> dict[str, Any]:
    """Write the signed bulletin as an event to be published: figures and manifests by their hashes, and the text.

    Raises:
        CommandError: the office lacks who signs, the station has not closed the quarter for this county, or the
            text was written beside other figures.
    """
    made, proof = of.figures, of.proof
    if not proof.closed(of.maker):
        sentence = marked("{label} 的季度清单还没有到，不能签发；请先等驿站结算")
        raise ServiceError(sentence, label=made["label"])
    lacking = [name for field, name in SIGNERS.items() if getattr(office, field) is None]
    if lacking:
        sentence = marked("签发通报须写明{names}；请补在机构信息里（结构：yizhan schema office）")
        raise ServiceError(sentence, names=join_list(_(name) for name in lacking))
    if writing is not None and (stale := changed(writing, made)):
        raise ServiceError("\n".join([*stale, _("请用 yizhan bulletin edit 核对文字后再签发")]))
    summary = _("{label} 与 {partner} 互通 {count} 件，数字见通报")
    summary = summary.format(label=made["label"], partner=of.names[partner], count=made["letters"])
    typical = [{"id": name, **({"text": told} if told else {})} for name, told in of.typical or ()]
    payload = {
        **office.model_dump(mode="json", exclude_none=True),
        "classification": made["classification"],
        "place": {"county": of.maker},
        "ask": ["知悉", "回复"],
        "summary": of.passages.get("overview", summary),
        "label": made["label"],
        "partner": partner,
        "manifests": [
            {name: getattr(each, name) for name in ("county", "hash", "count", "prompt", "root", "closed")}
            for code in made["pair"]
            for each in proof.manifests.get(code, ())
            if not each.interim
        ],
        "directions": [
            {"source": name[:6], "to": name[7:], "letters": counts["letters"], "root": counts["root"]}
            for name, counts in made["directions"].items()
        ],
        "figures": digest(made),
        "numbers": [{"name": path, "value": looked_up(made, path)} for path in COMPARED],
        **({"typical": typical} if typical else {}),
        **{name: of.passages[name] for name in PLACES if name in of.passages},
    }
    return {"type": BULLETIN, "to": [partner], "priority": "routine", "payload": payload}


class _Books(NamedTuple):
    """What a county's books hold of a quarter, and from when until when it reaches."""

    digests: Sequence[Digest]
    members: Sequence[DigestMember]
    sent: Sequence[SentEvent]
    since: datetime
    until: datetime


def _books(home: Home, label: str, county: str) -> _Books:
    with inbox_of(home, county) as inbox:
        digests, members, before = ((), (), None) if inbox is None else _came(inbox, label)
    since, until = period(label, home.charter.time_zone, digests[-1] if digests else None, before)
    with outbox_of(home, county) as outbox:
        sent = () if outbox is None else outbox.sent(since, until)
    return _Books(digests, members, sent, since, until)


def _came(inbox: InboxView, label: str) -> tuple[Sequence[Digest], Sequence[DigestMember], Digest | None]:
    """Return the quarter's digests, their members, and the closing digest before them."""
    everything = [each for each in inbox.digests() if each.verdict is not ManifestVerdict.WRONG_COUNTY]
    closed = [each for each in everything if not each.manifest.interim]
    ours = [each for each in closed if each.label == label]
    ours = ours or [each for each in everything if each.label == label][-1:]
    if not ours:
        return (), (), None
    before = [each for each in closed if each.seq < ours[0].seq]
    members = [member for each in ours for member in inbox.members(each)]
    return ours, members, before[-1] if before else None


def _side(home: Home, code: str) -> Side:
    return Side(code, home.charters.latest().members[code].name)
