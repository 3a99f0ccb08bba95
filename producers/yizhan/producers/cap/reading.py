"""A CAP 1.2 message as drafts of a county's own.

Rule 1: status is read from its element only: Actual, Exercise, Test; System and Draft are no events of anybody.
Rule 2: what a message does not say is left empty for an officer: nobody is dead or unhurt because CAP has no word.
Rule 3: each ``info`` in Chinese (else in the first language) is one event; the others are its translations.
Rule 4: an unknown event is refused with the list of known ones, and the other events are still read.
Rule 5: what does not fit is named, never dropped in silence.
Rule 6: every area counts: polygons, circles with their radius and county codes say together whom an event touches.
Rule 7: an expired message is reported as expired; an all-clear for an event that this county never sent is no first
        report.
Rule 8: one message has one reference, made of sender, identifier and sent: it is sent once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from lxml import etree

from yizhan.producers.cap import words
from yizhan.producers.cap.areas import CapAreas, read_areas
from yizhan.producers.cap.ours import parameters_of, read_ours
from yizhan.producers.cap.words import OUR_PREFIX, Triplet
from yizhan.producers.cap.xml import SIGNATURE, CapInvalid, moment, name, pairs, parse, text, texts
from yizhan.producers.drafts import Office
from yizhan.producers.proposals import AllianceMap, coordinates_of
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.invisible import without_invisible
from yizhan.schemas.payloads.base import REFUSED_SECRET, STATE_SECRETS, refuse_secret
from yizhan.schemas.payloads.common import Classification
from yizhan.schemas.payloads.table import FOREST_FIRE, HOTSPOT, NATURAL_DISASTER
from yizhan.schemas.timestamps import written

STATUSES: Final = ("Actual", "Exercise", "Test")
SIGNED: Final = marked("带有 XML 签名：没有核验，由导入的民警核对来源并负责")
_ANSWERS: Final = ("Ack", "Error")
LONGEST: Final = 4000
"""Longest summary, in characters."""
MOST_EVENTS: Final = 64
MOST_UNFIT: Final = 40
"""Most remarks about one event; for more, open the message."""
_LINE: Final = 120
_NAME: Final = re.compile(r"[^\s,<&]{1,200}")
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
class CapContext:
    """Who imports, and where counties are."""

    county: str
    map: AllianceMap
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
    text: str
    """What a person reads of it: headlines and descriptions, or the note."""
    source: str
    """Whose message it is, in words."""
    events: tuple[CapEvent, ...]
    refused: tuple[str, ...]
    """Sentences about ``info`` elements that are none of ours."""
    unfit: tuple[str, ...]
    """What the message as a whole has that no field takes."""


def read_cap(data: bytes, context: CapContext) -> CapMessage:  # noqa: C901 -- one element after the other
    """Read a message.

    Raises:
        CapInvalid: no CAP 1.2, or no event: System, Draft, Ack, Error, a state secret, a wrong name or time.
    """
    root = parse(data)
    sender, identifier = text(root, "sender") or "", text(root, "identifier") or ""
    for title, content in (("sender", sender), ("identifier", identifier)):
        if not _NAME.fullmatch(content) or _clean(content) != content:
            sentence = marked("{title} 不应为空，也不应有空格、逗号、< 和 &（CAP 1.2，3.2.1）；得到 {got}")
            raise CapInvalid(sentence, title=title, got=repr(content[:_SHOWN]))
    status, kind = text(root, "status") or "", text(root, "msgType") or ""
    if status not in STATUSES:
        sentence = marked("status 为 {got} 的不是事件，不收；应为 Actual（实情）、Exercise（演练）或 Test（测试）")
        raise CapInvalid(sentence, got=status)
    if kind in _ANSWERS:
        raise CapInvalid(marked("msgType 为 {got} 的是系统之间的答复，不是事件，不收"), got=kind)
    _refuse_secrets(root)
    sent = moment(root, "sent")
    assert sent is not None  # noqa: S101 -- the schema requires it
    references, bad = words.parse_references(text(root, "references"))
    unfit = [_("references 里看不懂：{got}").format(got=each[:_SHOWN]) for each in bad]
    unfit += [_(SIGNED)] if root.find(SIGNATURE) is not None else []
    if sent - context.now > CLOCK_TOLERANCE:
        unfit.append(_("发出时间 {at} 还没有到，请向提供方核对").format(at=text(root, "sent")))
    if not sender.startswith(OUR_PREFIX):
        unfit += _unread(root, {"source": marked("来源"), "note": marked("附注"), "restriction": marked("限制")})
    events, refused = list[CapEvent](), list[str]()
    infos = _chosen(root, unfit)
    if len(infos) > MOST_EVENTS:
        raise CapInvalid(marked("一份报文至多 {most} 个 info；得到 {count} 个"), most=MOST_EVENTS, count=len(infos))
    for info in infos if kind != "Cancel" else ():
        try:
            events.append(_event(root, info, len(events) + 1, context))
        except _Unknown as error:
            refused.append(str(error))
    if kind != "Cancel" and not infos:
        refused.append(_("报文里没有 info，没有可取的事件"))
    content = "\n".join(filter(None, (_read_text(each) for each in infos))) or text(root, "note") or ""
    return CapMessage(
        Triplet(sender, identifier, sent),
        status,
        kind,
        references,
        text=_clean(content),
        source=_source(root, next(iter(infos), None)),
        events=tuple(events),
        refused=tuple(refused),
        unfit=tuple(unfit),
    )


class _Unknown(CapInvalid):
    """An ``info`` about something else; becomes a sentence and never leaves this file."""


def _refuse_secrets(root: etree._Element) -> None:
    limits = " ".join(filter(None, (text(root, "restriction"), text(root, "note"))))
    for level in STATE_SECRETS:
        if limits.strip().startswith(level):
            raise CapInvalid(REFUSED_SECRET, level=level)
    try:
        for each in root.itertext():
            refuse_secret(each)
    except ValueError as error:
        raise CapInvalid(str(error)) from None


def _unread(holder: etree._Element, titles: Mapping[str, str]) -> Iterator[str]:
    for tag, title in titles.items():
        if (content := text(holder, tag)) is not None:
            sentence = _("没有放进去：{title}（{tag}）{said}")
            yield sentence.format(title=_(title), tag=tag, said=_clean(content)[:_LINE])


def _chosen(root: etree._Element, unfit: list[str]) -> list[etree._Element]:
    """Return the ``info`` elements of one language: the Chinese, else the first one's (rule 3)."""
    infos = root.findall(name("info"))
    languages = [(text(each, "language") or "en-US").casefold() for each in infos]
    chinese = [each for each in languages if each.startswith("zh")]
    wanted = next(iter(chinese or languages), None)
    if others := sorted({each for each in languages if each != wanted}):
        unfit.append(_("其他语言的 info 没有再读：{languages}").format(languages=", ".join(others)[:_SHOWN]))
    return [each for each, language in zip(infos, languages, strict=True) if language == wanted]


def _clean(content: str) -> str:
    """Drop characters that nobody sees; the payload's own rule refuses them."""
    return without_invisible(content, keep="\n\t").strip()


def _read_text(info: etree._Element) -> str:
    parts = [text(info, tag) for tag in ("headline", "description", "instruction")]
    return "\n".join(dict.fromkeys(each for each in parts if each))


# -- one event --


def _event(root: etree._Element, info: etree._Element, number: int, context: CapContext) -> CapEvent:
    ours = parameters_of(info)
    if ours.get("type") in {FOREST_FIRE, HOTSPOT, NATURAL_DISASTER}:
        attributes, payload, unfit = read_ours(root, info, ours)
        return CapEvent(number, ours["type"], attributes, payload, tuple(unfit), ours=True)
    codes = tuple(value.strip() for _name, value in pairs(info, "eventCode"))
    event = text(info, "event") or ""
    known = words.find_event(event, codes)
    if known is None:
        sentence = marked("不认识的事件 {event}，不收；认识的是：{known}")
        raise _Unknown(sentence, event=repr(_clean(event)[:_SHOWN]), known=words.known_names())
    return _foreign_event(root, info, number, known, context)


def _foreign_event(  # noqa: C901 -- one field of CAP after the other
    root: etree._Element, info: etree._Element, number: int, known: words.KnownEvent, context: CapContext
) -> CapEvent:
    unfit = list(_unread(info, _UNREAD))
    summary = _clean(_read_text(info)) or _clean(text(info, "event") or "")
    whole = with_source(summary, _source(root, info))
    if summary not in whole:
        unfit.append(_("文字 {count} 字，放不下，结尾没有放进去").format(count=len(summary)))
    public = text(root, "scope") == "Public"
    payload: dict[str, Any] = {
        "org_code": f"{context.county}000000",
        **context.office.model_dump(mode="json", exclude_none=True),
        "classification": (Classification.PUBLIC if public else Classification.INTERNAL).value,
        "summary": whole,
        "ask": ["知悉"],
    }
    severity = text(info, "severity") or words.UNKNOWN
    if known.type == NATURAL_DISASTER:
        payload["class"] = known.disaster_class
        if (colour := words.our_word("colours", severity)) is not None:
            payload["warning_colour"] = colour
    elif severity != words.UNKNOWN:
        unfit.append(_("severity {got}：火灾的等级由民警按条例定，没有照填").format(got=severity))
    sent, onset = moment(root, "sent"), moment(info, "onset")
    if onset is not None and sent is not None and onset <= sent:
        payload["occurred_at"] = written(onset)
    elif onset is not None:
        unfit.append(_("onset {at} 晚于发出时间，是预计，没有填作发生时间").format(at=text(info, "onset")))
    areas = read_areas(info, context.map, context.county, unfit)
    payload["place"] = _place(areas, context, unfit)
    unfit += [
        _("没有放进去：{title}（{tag}）{said}").format(
            title=_("参数"), tag=_clean(key)[:_SHOWN], said=_clean(value)[:_LINE]
        )
        for key, value in pairs(info, "parameter")
    ]
    if info.find(name("resource")) is not None:
        unfit.append(_("附带的资源（resource）没有取；需要的请下载核对后作为附件附上"))
    over = text(info, "urgency") == words.table()["over"] or "AllClear" in texts(info, "responseType")
    _name_expired(info, context.now, unfit)
    attributes: dict[str, Any] = {
        "status": text(root, "status"),
        "priority": words.our_word("urgency", text(info, "urgency") or "") or "routine",
        "certainty": text(info, "certainty"),
        "stage": "final" if over else "first",
    }
    if areas.touches:
        attributes["touches"] = list(areas.touches)
    if (point := coordinates_of(payload)) is not None:
        border = context.map.surroundings(*point, context.county).border
        payload |= {} if border is None else {"border": dict(border)}
    if (rest := len(unfit) - MOST_UNFIT) > 0:
        unfit[MOST_UNFIT:] = [_("还有 {count} 项没有放进去").format(count=rest)]
    return CapEvent(number, known.type, attributes, payload, tuple(unfit), ours=False)


def _source(root: etree._Element, info: etree._Element | None) -> str:
    """Say whose message it was: who reads the event later can ask there."""
    who = "" if info is None else _clean(text(info, "senderName") or "")[:_SHOWN]
    content = "，".join(filter(None, (who, *(text(root, each) for each in ("sender", "identifier", "sent")))))
    return f"（来源：CAP，{content}）"


def with_source(summary: str, source: str) -> str:
    """Put the source behind a summary, which is cut where both do not fit."""
    return f"{summary[: LONGEST - len(source) - 1].rstrip()}\n{source}"


def _name_expired(info: etree._Element, now: datetime, unfit: list[str]) -> None:
    """Say that an ``info`` is no longer in force: whoever completes the draft decides whether it still goes."""
    expires = moment(info, "expires")
    if expires is not None and expires <= now:
        unfit.insert(0, _("这条预警已于 {at} 失效，请核对是否还要发").format(at=text(info, "expires")))


def _place(areas: CapAreas, context: CapContext, unfit: list[str]) -> dict[str, Any]:
    """Return the place as far as the areas agree on it; what does not fit is named."""
    if len(areas.description) > _LINE:
        description = areas.description[:LONGEST]
        unfit.append(_("没有放进去：{title}（{tag}）{said}").format(title=_("范围"), tag="areaDesc", said=description))
    place: dict[str, Any] = {"county": _county(areas, context)}
    if not place["county"]:
        unfit.append(_("没有写明是哪个县（geocode 应为 GB/T 2260 代码），暂填本县，请核对"))
        place["county"] = context.county
    place |= {"spot": areas.description[:_LINE].strip()} if areas.description else {}
    return place | ({} if areas.position is None else {"position": areas.position})


def _county(areas: CapAreas, context: CapContext) -> str:
    """Return where it is: our own county if the areas have it, else one that is named or has the middle, else ""."""
    if areas.names_own:
        return context.county
    there = context.county if areas.reaches_own else None
    if there is None and areas.position is not None:
        there = context.map.outlines.county_at(*areas.position["coordinates"])
    if named := [code for code in areas.codes if code in context.map.members]:
        return named[0]
    if there is not None:
        return there
    return next((code for code in areas.codes if not code.endswith("00")), "")
