"""An event of ours as a CAP 1.2 message.

Rule 1: scope is Restricted, never Public: the exchange is between named counties, and warning the public is
        the government's (突发事件应对法); the restriction says for whom, ``addresses`` who has it.
Rule 2: what CAP's own elements cannot hold goes into ``parameter`` elements: payload fields as
        ``yizhan:PATH``, the event's as ``yizhan:header.NAME``, their values in JSON.
Rule 3: keys of attached files are never written: of attachments only name, size and hash.
Rule 4: every message is checked against the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from yizhan.producers.cap import words
from yizhan.producers.cap.ours import HEADER_PARAMETERS, attributes_of, elements_of
from yizhan.producers.cap.places import circle_of
from yizhan.producers.cap.words import CLASS_CODES, COUNTY_CODES, OUR_PREFIX, UNKNOWN, cap_time
from yizhan.producers.cap.xml import NAMESPACE, CapInvalid, add, add_pairs, check, name
from yizhan.schemas.header import Header
from yizhan.schemas.i18n import SOURCE_LANGUAGE, _, catalogue, marked
from yizhan.schemas.payloads import TYPES, ReadPayload, lines
from yizhan.schemas.payloads.letters import GRADES, STAGES, STATUS_MARKS
from yizhan.schemas.payloads.table import FOREST_FIRE, HOTSPOT, NATURAL_DISASTER

WRITABLE: Final = (FOREST_FIRE, HOTSPOT, NATURAL_DISASTER)
LANGUAGES: Final = {SOURCE_LANGUAGE: "zh-CN", "en": "en-US"}
_HEADLINE: Final = 160
"""Longest headline that every system shows, in characters (3.2.2)."""
_NOT_IN_ENGLISH: Final = (
    "org_code", "drafted_by", "reviewed_by", "signed_off_by", "contact", "commander", "attachments", "summary",
    "place", "border", "external_ref", "doc_no", "ask",
)  # fmt: skip
_NOT_XML: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class WrittenCap:
    """A message, and sentences about what it leaves out."""

    xml: bytes
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Event:
    """One event while it is written."""

    header: Header
    payload: Mapping[str, Any]
    names: Mapping[str, Mapping[str, str]]
    references: str | None

    @property
    def is_over(self) -> bool:
        return self.header.stage == "final" or self.header.withdraws is not None

    @property
    def message(self) -> str:
        """Return Cancel for a withdrawal, Update for a correction or later report, Alert for a new event (3.2.1)."""
        if self.header.withdraws is not None:
            return "Cancel"
        goes_on = self.header.subject not in {None, self.header.id} and self.header.stage in {"update", "final"}
        return "Update" if self.header.supersedes is not None or goes_on else "Alert"


def write_cap(
    header: Header,
    payload: Mapping[str, Any],
    names: Mapping[str, Mapping[str, str]],
    time_of: Callable[[str], str | None],
    *,
    english: bool = False,
) -> WrittenCap:
    """Write an event as CAP 1.2, UTF-8.

    Args:
        header: of a type in ``WRITABLE``, verified.
        payload: as its sender's model writes it.
        names: county code → ``zh`` and ``en``.
        time_of: when the event of an id was learnt of, a written instant; None where no book at hand has it.
        english: a second ``info`` in English after the Chinese one; what a person wrote stays Chinese.

    Raises:
        CapInvalid: another type, or a text that cannot stand in XML.
    """
    if header.type not in WRITABLE:
        sentence = marked("只有这几类能写成 CAP：{types}；得到 {got}")
        types = ", ".join(_(TYPES[each].title) for each in WRITABLE)
        raise CapInvalid(sentence, types=types, got=header.type)
    clean, left_out = _without_keys(payload)
    references, missing = _references(header, time_of)
    left_out += [_("没有 {id} 的发出时间，references 里没有写它；线索见 incidents").format(id=each) for each in missing]
    event = _Event(header, clean, names, references)
    languages = (SOURCE_LANGUAGE, "en") if english else (SOURCE_LANGUAGE,)
    bare = _alert(event, languages, ())
    root = _alert(event, languages, _parameters(event, bare))
    check(root)
    return WrittenCap(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True), tuple(left_out))


def _without_keys(payload: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    found = dict(payload)
    attached = found.get("attachments")
    if not isinstance(attached, list) or not any("sealed" in each for each in attached):
        return found, []
    found["attachments"] = [{key: value for key, value in each.items() if key != "sealed"} for each in attached]
    return found, [_("附件本身和打开附件的密钥不随 CAP 出去，只写名称、大小和指纹；附件请在收件箱里另存")]


def _references(header: Header, time_of: Callable[[str], str | None]) -> tuple[str | None, list[str]]:
    """Write the messages that this one updates or cancels; only those of its own sender (3.2.1)."""
    named = [each.id for each in (header.withdraws, header.supersedes, header.reply_to) if each is not None]
    named += [] if header.subject is None or header.stage not in {"update", "final"} else [header.subject]
    own = [each for each in dict.fromkeys(named) if each != header.id and each[:6] == header.county]
    known = {each: sent for each in own if (sent := time_of(each)) is not None}
    written = " ".join(f"{OUR_PREFIX}{header.county},{each},{cap_time(sent)}" for each, sent in known.items())
    return written or None, [each for each in own if each not in known]


def _alert(event: _Event, languages: Sequence[str], parameters: Sequence[tuple[str, str]]) -> etree._Element:
    header = event.header
    root = etree.Element(name("alert"), nsmap={None: NAMESPACE})
    add(root, "identifier", header.id)
    add(root, "sender", f"{OUR_PREFIX}{header.county}")
    add(root, "sent", cap_time(header.time))
    add(root, "status", header.status)
    add(root, "msgType", event.message)
    add(root, "scope", "Restricted")
    add(root, "restriction", words.table()["restriction"])
    add(root, "addresses", " ".join(header.to))
    add(root, "references", event.references)
    add(root, "incidents", header.subject or header.id)
    for number, language in enumerate(languages):
        _info(root, event, language, parameters if not number else ())
    return root


def _info(root: etree._Element, event: _Event, language: str, parameters: Sequence[tuple[str, str]]) -> None:
    def translated(sentence: str) -> str:
        return catalogue(language).get(sentence, sentence)

    header, payload, english = event.header, event.payload, language != SOURCE_LANGUAGE
    info = etree.SubElement(root, name("info"))
    county = event.names.get(header.county, {}).get("en" if english else "zh", header.county)
    called = words.event_name(header.type, payload, english=english) or translated(TYPES[header.type].title)
    add(info, "language", LANGUAGES[language])
    add(info, "category", words.category(header.type, payload))
    add(info, "event", called)
    asked = payload.get("ask") or ()
    responses = ["AllClear"] if event.is_over else [words.table()["responses"].get(each) for each in asked]
    for response in dict.fromkeys(each for each in responses if each):
        add(info, "responseType", response)
    add(info, "urgency", words.urgency(header.priority, over=event.is_over))
    add(info, "severity", words.severity(header.grade, payload))
    add(info, "certainty", header.certainty or UNKNOWN)
    if header.type == NATURAL_DISASTER:
        add_pairs(info, "eventCode", [(CLASS_CODES, str(payload.get("class")))])
    onset = payload.get("occurred_at")
    add(info, "onset", cap_time(onset) if onset else None)
    add(info, "expires", cap_time(header.expires) if header.expires else None)
    add(info, "senderName", county)
    parts = [STAGES.get(header.stage or "", ""), GRADES.get(header.grade or 0, "")]
    qualifiers = (", " if english else "，").join(translated(each) for each in parts if each)
    headline = f"{county} {called}" if english else f"{county}{called}"
    headline += (f" ({qualifiers})" if english else f"（{qualifiers}）") if qualifiers else ""
    mark = STATUS_MARKS.get(header.status, "")
    add(info, "headline", (translated(mark) + headline)[:_HEADLINE])
    summary = _NOT_XML.sub("\ufffd", str(payload.get("summary", "")))
    add(info, "description", _in_english(event, summary) if english else summary)
    add(info, "instruction", _instruction(payload, translated, english=english))
    contact = payload.get("contact") or {}
    add(info, "contact", _NOT_XML.sub("\ufffd", f"{contact['name']} {contact['phone']}") if contact else None)
    add_pairs(info, "parameter", parameters)
    for each in payload.get("attachments") or ():
        resource = etree.SubElement(info, name("resource"))
        add(resource, "resourceDesc", _NOT_XML.sub("\ufffd", each["name"]))
        add(resource, "mimeType", each.get("media_type") or "application/octet-stream")
        add(resource, "size", str(each["bytes"]))
    _area(info, event, english=english)


def _in_english(event: _Event, summary: str) -> str:
    """Write figures and choices in English; free text follows in Chinese."""
    values = []
    for shown in lines(ReadPayload(event.header.type, None, event.payload)):
        if shown.path.partition(".")[0] not in _NOT_IN_ENGLISH:
            title = catalogue("en").get(shown.titles[-1], shown.titles[-1])
            values.append(f"{title}: {catalogue('en').get(str(shown.value), str(shown.value))}")
    return _NOT_XML.sub("\ufffd", "; ".join(values)) + f". As reported (in Chinese): {summary}"


def _instruction(payload: Mapping[str, Any], translated: Callable[[str], str], *, english: bool) -> str | None:
    asked = (", " if english else "、").join(translated(each) for each in payload.get("ask") or ())
    wanted = [f"{translated(marked('请对方'))}{': ' if english else '：'}{asked}"] if asked else []
    if payload.get("help"):
        wanted.append(f"{translated(marked('请求支援'))}{': ' if english else '：'}{payload['help']}")
    return _NOT_XML.sub("\ufffd", ("; " if english else "；").join(wanted)) or None


def _area(info: etree._Element, event: _Event, *, english: bool) -> None:
    place = event.payload["place"]
    code = str(place["county"])
    area = etree.SubElement(info, name("area"))
    spots = [place[each] for each in ("township", "village", "spot", "forest_compartment") if place.get(each)]
    called = event.names.get(code, {}).get("en" if english else "zh", code)
    desc = " ".join([called, *spots]) if english else "".join([called, *spots])
    add(area, "areaDesc", _NOT_XML.sub("\ufffd", desc))
    position = place.get("position")
    add(area, "circle", circle_of(position) if position else None)
    add_pairs(area, "geocode", [(COUNTY_CODES, code)])


def _parameters(event: _Event, bare: etree._Element) -> list[tuple[str, str]]:
    """List the values that the elements alone do not give (rule 2)."""
    info = bare.find(name("info"))
    given = {} if info is None else words.flat(elements_of(info, event.header.type))
    pairs_found = [(f"{OUR_PREFIX}type", event.header.type)]
    attributes = event.header.model_dump(mode="json", exclude_none=True)
    given_letter = attributes_of(bare)
    pairs_found += [
        (f"{OUR_PREFIX}header.{key}", _json(attributes[key]))
        for key in HEADER_PARAMETERS
        if key in attributes and given_letter.get(key) != attributes[key]
    ]
    for path, value in words.flat(event.payload).items():
        if given.get(path) != value or isinstance(given.get(path), bool) != isinstance(value, bool):
            pairs_found.append((f"{OUR_PREFIX}{path}", _json(value)))
    return pairs_found


def _json(value: Any) -> str:  # noqa: ANN401 -- JSON is any
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
