"""A CAP 1.2 message as drafts of a county's own.

Rule 1: status is read from its element only: Actual, Exercise, Test; System and Draft are no events of anybody.
Rule 2: what a message does not say is left empty for an officer: nobody is dead or unhurt because CAP has no word.
Rule 3: each ``info`` of the Chinese language (else of the first) is one event; the others say the same again.
Rule 4: an unknown event is refused with the list of what is known, and the others go on.
Rule 5: what does not fit is named, never dropped in silence.
Rule 6: one message has one reference, made of sender, identifier and sent: it is sent once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers.cap import words
from yizhan.producers.cap.places import AreaInvalid, position_of_circle, position_of_polygon
from yizhan.producers.cap.words import CLASS_CODES, COUNTY_CODES, DISASTER, FIRE, HOTSPOT, OURS, Triplet
from yizhan.producers.cap.xml import SIGNATURE, CapInvalid, name, pairs, parse, text, texts
from yizhan.schemas import strictjson
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import REFUSED_SECRET, STATE_SECRETS, refuse_secret
from yizhan.schemas.payloads.common import Classification
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from lxml import etree

    from yizhan.producers.drafts import Office
    from yizhan.producers.proposals import Map

STATUSES: Final = ("Actual", "Exercise", "Test")
SIGNED: Final = marked("带有 XML 签名：没有核验，由导入的民警核对来源并负责")
_ANSWERS: Final = ("Ack", "Error")
_LONGEST: Final = 4000
_LINE: Final = 120
_NAME: Final = re.compile(r"[^\s,<&]{1,200}")
_PATH: Final = re.compile(r"[a-z][a-z0-9_]{0,39}(?:\.[a-z0-9_]{1,40}){0,5}")
_LETTER: Final = frozenset(
    {
        "priority", "grade", "certainty", "touches", "stage", "worse", "subject",
        "reply_to", "supersedes", "withdraws", "expires", "time",
    }
)  # fmt: skip
_COUNTY: Final = re.compile(r"([1-8][0-9]{5})(?:[0-9]{6,8})?")
_SHOWN: Final = 60
_UNREAD: Final = {
    "audience": marked("对象"),
    "effective": marked("生效时间"),
    "expires": marked("失效时间"),
    "web": marked("网址"),
    "contact": marked("联系人"),
}
"""Elements of ``info`` that no field takes; the sentence names them with their content."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Who imports, and where counties are."""

    county: str
    around: Map
    office: Office
    now: datetime


@dataclass(frozen=True, slots=True)
class CapEvent:
    """One ``info`` as an event: ``payload`` as far as CAP says it, ``unfit`` sentences about what it does not take."""

    number: int
    """Place among those taken, from 1."""
    type: str
    attributes: Mapping[str, Any] = field(hash=False)
    payload: Mapping[str, Any] = field(hash=False)
    unfit: tuple[str, ...]
    ours: bool
    """Written by this system: it has our parameters."""


@dataclass(frozen=True, slots=True)
class CapMessage:
    """One message, checked against the schema."""

    name: Triplet
    status: str
    msg_type: str
    references: tuple[Triplet, ...]
    said: str
    """What a person reads of it: headlines and descriptions, or the note."""
    events: tuple[CapEvent, ...]
    refused: tuple[str, ...]
    """Sentences about ``info`` elements that are none of ours."""
    unfit: tuple[str, ...]
    """What the message as a whole has that no field takes."""


def read_cap(data: bytes, setting: Setting) -> CapMessage:
    """Read a message.

    Raises:
        CapInvalid: no CAP 1.2, or no event: System, Draft, Ack, Error, a state secret, a wrong name or time.
    """
    root = parse(data)
    sender, identifier = text(root, "sender") or "", text(root, "identifier") or ""
    for title, said in (("sender", sender), ("identifier", identifier)):
        if not _NAME.fullmatch(said):
            sentence = _("{title} 不应为空，也不应有空格、逗号、< 和 &（CAP 1.2，3.2.1）；得到 {came}")
            raise CapInvalid(sentence.format(title=title, came=repr(said[:_SHOWN])))
    status, kind = text(root, "status") or "", text(root, "msgType") or ""
    if status not in STATUSES:
        sentence = _("status 为 {came} 的不是事件，不收；应为 Actual（实情）、Exercise（演练）或 Test（测试）")
        raise CapInvalid(sentence.format(came=status))
    if kind in _ANSWERS:
        raise CapInvalid(_("msgType 为 {came} 的是系统之间的答复，不是事件，不收").format(came=kind))
    _refuse_secrets(root)
    moment = _moment(root, "sent")
    assert moment is not None  # noqa: S101 -- the schema requires it
    references, bad = words.triplets(text(root, "references"))
    unfit = [_("references 里看不懂：{came}").format(came=each[:_SHOWN]) for each in bad]
    unfit += [_(SIGNED)] if root.find(SIGNATURE) is not None else []
    if moment - setting.now > CLOCK_TOLERANCE:
        unfit.append(_("发出时间 {at} 还没有到，请向提供方核对").format(at=text(root, "sent")))
    if not sender.startswith(OURS):
        unfit += _unread(root, {"source": marked("来源"), "note": marked("附注"), "restriction": marked("限制")})
    events, refused = list[CapEvent](), list[str]()
    infos = _chosen(root, unfit)
    for info in infos if kind != "Cancel" else ():
        try:
            events.append(_event(root, info, len(events) + 1, setting))
        except _Unknown as error:
            refused.append(str(error))
    said = "\n".join(filter(None, (_read_text(each) for each in infos))) or text(root, "note") or ""
    return CapMessage(
        Triplet(sender, identifier, moment), status, kind, references, _clean(said), tuple(events), tuple(refused),
        tuple(unfit),
    )  # fmt: skip


class _Unknown(CapInvalid):
    """An ``info`` about something else; becomes a sentence and never leaves this file."""


def _refuse_secrets(root: etree._Element) -> None:
    limits = " ".join(filter(None, (text(root, "restriction"), text(root, "note"))))
    for level in STATE_SECRETS:
        if limits.strip().startswith(level):
            raise CapInvalid(_(REFUSED_SECRET).format(level=level))
    try:
        for each in root.itertext():
            refuse_secret(each)
    except ValueError as error:
        raise CapInvalid(str(error)) from None


def _moment(holder: etree._Element, tag: str) -> datetime | None:
    said = text(holder, tag)
    try:
        return None if said is None else words.time_of(said).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CapInvalid(_("{title} 不是能用的时间；得到 {came}").format(title=tag, came=repr(said))) from None


def _unread(holder: etree._Element, titles: Mapping[str, str]) -> Iterator[str]:
    for tag, title in titles.items():
        if (said := text(holder, tag)) is not None:
            sentence = _("没有放进去：{title}（{tag}）{said}")
            yield sentence.format(title=_(title), tag=tag, said=_clean(said)[:_LINE])


def _chosen(root: etree._Element, unfit: list[str]) -> list[etree._Element]:
    """Return the ``info`` elements of one language: the Chinese, else the first one's (rule 3)."""
    infos = root.findall(name("info"))
    languages = [(text(each, "language") or "en-US").casefold() for each in infos]
    chinese = [each for each in languages if each.startswith("zh")]
    wanted = next(iter(chinese or languages), None)
    if others := sorted({each for each in languages if each != wanted}):
        unfit.append(_("其他语言的 info 没有再读：{languages}").format(languages=", ".join(others)[:_SHOWN]))
    return [each for each, language in zip(infos, languages, strict=True) if language == wanted]


def _clean(said: str) -> str:
    """Drop characters that nobody sees; the payload's own rule refuses them."""
    kept = "".join(each for each in said if each in "\n\t" or unicodedata.category(each) not in {"Cc", "Cf"})
    return kept.strip()


def _read_text(info: etree._Element) -> str:
    parts = [text(info, tag) for tag in ("headline", "description", "instruction")]
    return "\n".join(dict.fromkeys(" ".join(each.split(" ")) for each in parts if each))


# -- one event --


def _event(root: etree._Element, info: etree._Element, number: int, setting: Setting) -> CapEvent:
    ours = {key.removeprefix(OURS): value for key, value in pairs(info, "parameter") if key.startswith(OURS)}
    if ours.get("type") in {FIRE, HOTSPOT, DISASTER}:
        return _our_event(root, info, number, ours)
    codes = tuple(value.strip() for _name, value in pairs(info, "eventCode"))
    event = text(info, "event") or ""
    known = words.known(event, codes)
    if known is None:
        sentence = _("不认识的事件 {event}，不收；认识的是：{known}")
        raise _Unknown(sentence.format(event=repr(_clean(event)[:_SHOWN]), known=words.known_names()))
    return _foreign_event(root, info, number, known, setting)


def elements_of(info: etree._Element, type: str) -> dict[str, Any]:
    """Return the payload's fields that the elements of an ``info`` of ours give by themselves."""
    found: dict[str, Any] = {}
    if (description := info.findtext(name("description"))) is not None:
        found["summary"] = description
    if (onset := _moment(info, "onset")) is not None:
        found["occurred_at"] = written(onset)
    if type == DISASTER:
        found.update(("class", value) for key, value in pairs(info, "eventCode") if key == CLASS_CODES)
    place: dict[str, Any] = {}
    for area in info.findall(name("area"))[:1]:
        place.update(("county", value) for key, value in pairs(area, "geocode") if key == COUNTY_CODES)
        for circle in texts(area, "circle")[:1]:
            try:
                place["position"] = position_of_circle(circle)
            except AreaInvalid:
                continue  # outside China: its fields stand in parameters
    return found | ({"place": place} if place else {})


def attributes_of(root: etree._Element) -> dict[str, Any]:
    """Return the letter's attributes that the elements of a message of ours give by themselves."""
    sent, info = _moment(root, "sent"), root.find(name("info"))
    found = {} if sent is None else {"time": written(sent)}
    certainty = None if info is None else text(info, "certainty")
    return found | ({} if certainty in {None, words.UNKNOWN} else {"certainty": certainty})


def _our_event(root: etree._Element, info: etree._Element, number: int, ours: Mapping[str, str]) -> CapEvent:
    """Put elements and parameters together again; a parameter that cannot be read is named."""
    type_, unfit = ours["type"], list[str]()
    attributes, flat = attributes_of(root), words.flat(elements_of(info, type_))
    for path, said in ours.items():
        inside, key = path.startswith("header."), path.removeprefix("header.")
        if path == "type":
            continue
        try:
            if not _PATH.fullmatch(path) or (inside and key not in _LETTER):
                raise ValueError(path)  # noqa: TRY301 -- one sentence for both
            (attributes if inside else flat)[key if inside else path] = strictjson.loads(said.encode(), floats=True)
        except (ValueError, UnicodeError):
            unfit.append(_("参数 {name} 看不懂，没有放进去").format(name=f"{OURS}{path}"[:_SHOWN]))
    try:
        payload = words.nested(flat)
    except ValueError as error:
        raise CapInvalid(_("参数互相矛盾：{detail}").format(detail=str(error)[:_SHOWN])) from None
    for tag, expected in _follows(attributes, payload):
        if (came := text(info, tag)) != expected:
            sentence = _("{tag} 为 {came}，与本系统的参数不符（应为 {expected}）；以参数为准，请核对")
            unfit.append(sentence.format(tag=tag, came=came, expected=expected))
    return CapEvent(number, type_, {"status": text(root, "status"), **attributes}, payload, tuple(unfit), ours=True)


def _follows(attributes: Mapping[str, Any], payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    over = attributes.get("stage") == "final" or "withdraws" in attributes
    if attributes.get("priority") in words.table()["urgency"]:
        yield "urgency", words.urgency(attributes["priority"], over=over)
    yield "severity", words.severity(attributes.get("grade"), payload)


def _foreign_event(
    root: etree._Element, info: etree._Element, number: int, known: words.Known, setting: Setting
) -> CapEvent:
    unfit = list(_unread(info, _UNREAD))
    summary = _clean(_read_text(info)) or _clean(text(info, "event") or "")
    source = _source(root, info)
    if len(summary) + len(source) + 1 > _LONGEST:
        unfit.append(_("文字 {count} 字，只放进前 {most} 字").format(count=len(summary), most=_LONGEST))
        summary = summary[: _LONGEST - len(source) - 1]
    public = text(root, "scope") == "Public"
    payload: dict[str, Any] = {
        "org_code": f"{setting.county}000000",
        **setting.office.model_dump(mode="json", exclude_none=True),
        "classification": (Classification.PUBLIC if public else Classification.INTERNAL).value,
        "summary": f"{summary}\n{source}",
        "ask": ["知悉"],
    }
    severity = text(info, "severity") or words.UNKNOWN
    if known.type == DISASTER:
        payload["class"] = known.disaster_class
        if (colour := words.backwards("colours", severity)) is not None:
            payload["warning_colour"] = colour
    elif severity != words.UNKNOWN:
        unfit.append(_("severity {came}：火灾的等级由民警按条例定，没有照填").format(came=severity))
    sent, onset = _moment(root, "sent"), _moment(info, "onset")
    if onset is not None and sent is not None and onset <= sent:
        payload["occurred_at"] = written(onset)
    elif onset is not None:
        unfit.append(_("onset {at} 晚于发出时间，是预计，没有填作发生时间").format(at=text(info, "onset")))
    payload["place"], touched = _place(info, setting, unfit)
    unfit += [
        _("没有放进去：{title}（{tag}）{said}").format(
            title=_("参数"), tag=_clean(key)[:_SHOWN], said=_clean(value)[:_LINE]
        )
        for key, value in pairs(info, "parameter")
    ]
    if info.find(name("resource")) is not None:
        unfit.append(_("附带的资源（resource）没有取；需要的请下载核对后用 --attach 附上"))
    over = text(info, "urgency") == words.table()["over"] or "AllClear" in texts(info, "responseType")
    attributes: dict[str, Any] = {
        "status": text(root, "status"),
        "priority": words.backwards("urgency", text(info, "urgency") or "") or "routine",
        "certainty": text(info, "certainty"),
        "stage": "final" if over else "first",
    }
    if touched:
        around = setting.around.around(*touched, setting.county)
        payload |= {} if around.border is None else {"border": dict(around.border)}
        attributes |= {"touches": list(around.touches)} if around.touches else {}
    return CapEvent(number, known.type, attributes, payload, tuple(unfit), ours=False)


def _source(root: etree._Element, info: etree._Element) -> str:
    """Say whose message it was: who reads the event later can ask there."""
    who = _clean(text(info, "senderName") or "")[:_SHOWN]
    said = "，".join(filter(None, (who, *(text(root, each) for each in ("sender", "identifier", "sent")))))
    return f"（来源：CAP，{said}）"


def _place(
    info: etree._Element, setting: Setting, unfit: list[str]
) -> tuple[dict[str, Any], tuple[float, float] | None]:
    """Return the place as far as the areas say it, and its point; whatever else they say is named."""
    areas = info.findall(name("area"))
    said = "; ".join(filter(None, (_clean(text(each, "areaDesc") or "") for each in areas)))
    if len(said) > _LINE:
        unfit.append(
            _("没有放进去：{title}（{tag}）{said}").format(title=_("范围"), tag="areaDesc", said=said[:_LONGEST])
        )
    positions = []
    for area in areas:
        for tag, read in (("circle", position_of_circle), ("polygon", position_of_polygon)):
            for each in texts(area, tag):
                try:
                    positions.append(read(each))
                except AreaInvalid as error:
                    unfit.append(str(error))
    if len(positions) > 1:
        unfit.append(_("共 {count} 处范围，只取第一处作坐标").format(count=len(positions)))
    point = tuple(positions[0]["coordinates"]) if positions else None
    codes = [match[1] for area in areas for _name, value in pairs(area, "geocode")
             if (match := _COUNTY.fullmatch(value.strip()))]  # fmt: skip
    place: dict[str, Any] = {"county": _county(codes, point, setting, unfit)}
    place |= {"spot": said[:_LINE].strip()} if said else {}
    place |= {"position": positions[0]} if positions else {}
    return place, (float(point[0]), float(point[1])) if point is not None else None


def _county(codes: list[str], point: Any, setting: Setting, unfit: list[str]) -> str:  # noqa: ANN401 -- a pair or None
    """Return where it is: our own county if the area has it, else one that is named or has the point, else ours."""
    own = setting.county
    wider = {own, f"{own[:4]}00", f"{own[:2]}0000"}
    if wider & set(codes):
        return own
    there = None if point is None else setting.around.outlines.county_at(*point)
    if named := [code for code in codes if code in setting.around.members]:
        return named[0]
    if there is not None:
        return there
    if counties := [code for code in codes if not code.endswith("00")]:
        return counties[0]
    unfit.append(_("没有写明是哪个县（geocode 应为 GB/T 2260 代码），暂填本县，请核对"))
    return own


# -- as a draft --


def draft_of(
    message: CapMessage, event: CapEvent, county: str, earlier: Mapping[tuple[str, int], str]
) -> dict[str, Any]:
    """Return the content of a draft of a county's own.

    Args:
        message: that the event stands in.
        event: one of its events.
        county: whose draft it becomes.
        earlier: (``Triplet.stem``, number) → ``external_ref`` under which this county sent that before.
    """
    attributes, payload = dict(event.attributes), dict(event.payload)
    own = message.name.sender == f"{OURS}{county}"
    if event.ours and not own:
        for each in ("subject", "reply_to", "supersedes", "withdraws"):
            attributes.pop(each, None)
    if not own or "external_ref" not in payload:
        payload.pop("external_ref", None)
        attributes["external_ref"] = message.name.reference(event.number)
    if message.msg_type == "Update" and not event.ours:
        stems = [each.stem for each in message.references]
        places = [(stem, event.number) for stem in stems] + [(stem, 1) for stem in stems]
        before = next((earlier[each] for each in places if each in earlier), None)
        if before is not None:
            attributes["reply_to"] = {"external_ref": before}
            attributes["stage"] = "final" if attributes["stage"] == "final" else "update"
        else:
            attributes["stage"] = "first"
    said = {key: value for key, value in attributes.items() if value is not None}
    return {"type": event.type, **said, "payload": payload}


def withdrawal_of(
    message: CapMessage, number: int, header: Mapping[str, Any], payload: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of a draft that takes back what this county sent of a message that is cancelled.

    Args:
        message: of kind Cancel.
        number: place of the event in what was sent.
        header: of the event that was sent, as JSON.
        payload: of that event.
    """
    kept = {name: header[name] for name in ("priority", "grade", "certainty", "touches") if name in header}
    said = _("已撤销：{said}").format(said=message.said or _("提供方撤销了这条预警，没有写明理由"))
    return {
        "type": header["type"],
        "status": message.status,
        **kept,
        "stage": "final",
        "withdraws": {"id": header["id"]},
        "external_ref": message.name.reference(number),
        "payload": {name: value for name, value in payload.items() if name != "external_ref"}
        | {"summary": said[:_LONGEST]},
    }
