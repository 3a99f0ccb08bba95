"""CAP messages that we wrote: what CAP's elements give, and what is read from parameters.

Rule 1: a value is read from CAP's element; a parameter is only for values that no element gives.
Rule 2: status is no parameter: only its element says that an event is an exercise.
Rule 3: an element that was changed and contradicts a parameter is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lxml import etree
from pydantic import ValidationError

from yizhan.producers.cap import words
from yizhan.producers.cap.places import AreaInvalid, position_of_circle
from yizhan.producers.cap.words import CLASS_CODES, COUNTY_CODES, OUR_PREFIX
from yizhan.producers.cap.xml import CapInvalid, moment, name, pairs, text, texts
from yizhan.producers.drafts import Draft
from yizhan.schemas import strictjson
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import parse_strict
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.table import NATURAL_DISASTER
from yizhan.schemas.timestamps import written

HEADER_PARAMETERS: Final = (
    "priority", "grade", "certainty", "touches", "stage", "worse", "subject",
    "reply_to", "supersedes", "withdraws", "expires", "time",
)  # fmt: skip
"""Attributes of the header that go along as parameters where no element gives them back."""
_PATH: Final = re.compile(r"[a-z][a-z0-9_]{0,39}(?:\.[a-z0-9_]{1,40}){0,5}")
_SHOWN: Final = 60


def parameters_of(info: etree._Element) -> dict[str, str]:
    """Return our parameters of an ``info``, without the prefix."""
    return {
        key.removeprefix(OUR_PREFIX): value for key, value in pairs(info, "parameter") if key.startswith(OUR_PREFIX)
    }


def elements_of(info: etree._Element, type: str) -> dict[str, Any]:
    """Return the payload's fields that the elements of one of our ``info`` give."""
    found: dict[str, Any] = {}
    if (description := info.findtext(name("description"))) is not None:
        found["summary"] = description
    if (onset := moment(info, "onset")) is not None:
        found["occurred_at"] = written(onset)
    if type == NATURAL_DISASTER:
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
    """Return the event's attributes that the elements of one of our messages give."""
    sent, info = moment(root, "sent"), root.find(name("info"))
    found = {} if sent is None else {"time": written(sent)}
    certainty = None if info is None else text(info, "certainty")
    return found | ({} if certainty in {None, words.UNKNOWN} else {"certainty": certainty})


def read_ours(
    root: etree._Element, info: etree._Element, ours: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Combine elements and parameters: return the event's attributes, the payload, and oddities.

    Raises:
        CapInvalid: parameters that contradict each other.
    """
    unfit = list[str]()
    attributes, flat = attributes_of(root), words.flat(elements_of(info, ours["type"]))
    for path, content in ours.items():
        inside, key = path.startswith("header."), path.removeprefix("header.")
        if path == "type":
            continue
        try:
            if not _PATH.fullmatch(path) or (inside and key not in HEADER_PARAMETERS):
                raise ValueError(path)  # noqa: TRY301 -- one sentence for both
            (attributes if inside else flat)[key if inside else path] = strictjson.loads(content.encode(), floats=True)
        except (ValueError, strictjson.StrictJsonError):
            unfit.append(_("参数 {name} 看不懂，没有放进去").format(name=f"{OUR_PREFIX}{path}"[:_SHOWN]))
    try:
        payload = words.nested(flat)
    except ValueError as error:
        raise CapInvalid(marked("参数互相矛盾：{detail}"), detail=str(error)[:_SHOWN]) from None
    unfit += _drop_invalid(ours["type"], attributes, payload)
    for tag, expected in _expected_elements(attributes, payload):
        if (given := text(info, tag)) != expected:
            sentence = _("{tag} 为 {got}，与本系统的参数不符（应为 {expected}）；以参数为准，请核对")
            unfit.append(sentence.format(tag=tag, got=given, expected=expected))
    return {"status": text(root, "status"), **attributes}, payload, unfit


def _drop_invalid(type: str, attributes: dict[str, Any], payload: dict[str, Any]) -> Iterator[str]:
    """Remove and name fields that this version does not accept: edited by hand, or from a newer version."""
    attached = payload.get("attachments")
    if isinstance(attached, list) and all(isinstance(each, dict) for each in attached):
        # Keys of files are never written into a message, and never read from one.
        payload["attachments"] = [{key: value for key, value in each.items() if key != "sealed"} for each in attached]
    try:
        parse_strict(type, payload)
        wrong = list[tuple[dict[str, Any], str, str]]()
    except PayloadInvalid as error:
        wrong = [(payload, path, content) for path, content in error.errors]
    try:
        Draft.model_validate_json(strictjson.dumps({"type": type, "payload": {}, **attributes}))
    except ValidationError as error:
        wrong += [(attributes, path, content) for path, content in faults(error)]
    for holder, path, content in wrong:
        if holder.pop(path.partition(".")[0], None) is not None:
            yield _("没有放进去：{path}：{said}").format(path=path, said=content)


def _expected_elements(attributes: Mapping[str, Any], payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    over = attributes.get("stage") == "final" or "withdraws" in attributes
    if attributes.get("priority") in words.table()["urgency"]:
        yield "urgency", words.urgency(attributes["priority"], over=over)
    yield "severity", words.severity(attributes.get("grade"), payload)
