"""The vocabulary of both sides: a data table (``data/cap.json``), and the spelling of times, places and names.

Rule 1: the table is read both ways; the documentation is generated from it (docs/events.md).
Rule 2: CAP writes positions latitude first, radii in kilometres, times with an offset and without ``Z`` (3.3.2).
Rule 3: an event is recognised by our own type, a code, or its name in either language; any other is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from yizhan.schemas.codes import CODES
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import FOREST_FIRE, HOTSPOT, NATURAL_DISASTER
from yizhan.schemas.timestamps import instant

ZONE: Final = ZoneInfo("Asia/Shanghai")
CLASS_CODES: Final = "GB/T 28921-2012"
COUNTY_CODES: Final = "GB/T 2260"
OUR_PREFIX: Final = "yizhan:"
"""Before the names of our parameters, and before a county's code as a sender."""
UNKNOWN: Final = "Unknown"
_LONGEST_REF: Final = 120
_REST: Final = re.compile(
    r"(?:预警信号|预警信息|预警|警报|\s(?:warning|watch|advisory|alert)(?: signal)?)$", re.IGNORECASE
)
_COLOUR: Final = re.compile(r"[红橙黄蓝]色$|^(?:red|orange|yellow|blue)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownEvent:
    """Our meaning of a CAP event: a type, and for disasters the class of GB/T 28921."""

    type: str
    disaster_class: str | None = None


@cache
def table() -> Mapping[str, Any]:
    """Return the vocabulary."""
    found: dict[str, Any] = json.loads(files("yizhan.producers").joinpath("data").joinpath("cap.json").read_bytes())
    return found


@cache
def _index() -> Mapping[str, KnownEvent]:
    """Name or code, in lower case → event; names of the code list first, so that none is overridden."""
    found = {
        word.casefold(): KnownEvent(NATURAL_DISASTER, entry.value)
        for entry in CODES["disaster_classes"].entries
        for word in (entry.name, entry.en, entry.value, *entry.also)
    }
    for one in table()["disasters"]:
        found |= {
            word.casefold(): KnownEvent(NATURAL_DISASTER, one["class"]) for word in (*one["names"], *one["codes"])
        }
    for type_, one in table()["types"].items():
        found |= {word.casefold(): KnownEvent(type_) for word in one["names"]}
    return found


def find_event(event: str, codes: tuple[str, ...]) -> KnownEvent | None:
    """Return what an event is, by its codes and then its name; None for an unknown one."""
    plain = event.strip()
    for shorter in (_REST, _COLOUR):
        plain = shorter.sub("", plain).strip()
    for word in (*codes, event.strip(), plain):
        if (found := _index().get(word.casefold())) is not None and found.type != HOTSPOT:
            return found
    return None


def known_names() -> str:
    """List the known names, for a refusal."""
    classes = [entry.name for entry in CODES["disaster_classes"].entries]
    return ", ".join([TYPES[FOREST_FIRE].title, *classes])


def event_name(type: str, payload: Mapping[str, Any], *, english: bool) -> str | None:
    """Return the name of a disaster's class; None for types with a name of their own."""
    entry = CODES["disaster_classes"].find(str(payload.get("class"))) if type == NATURAL_DISASTER else None
    return None if entry is None else entry.en if english else entry.name


def category(type: str, payload: Mapping[str, Any]) -> str:
    """Return CAP's category of an event."""
    if type != NATURAL_DISASTER:
        return str(table()["types"][type]["category"])
    code = str(payload.get("class"))
    return str(table()["categories"].get(code[:4]) or table()["categories"][code[:2]])


def severity(grade: int | None, payload: Mapping[str, Any]) -> str:
    """Return CAP's severity: of the grade, else of a warning's colour, else Unknown."""
    return str(
        table()["severity"].get(str(grade)) or table()["colours"].get(str(payload.get("warning_colour"))) or UNKNOWN
    )


def urgency(priority: str, *, over: bool) -> str:
    """Return CAP's urgency: Past for an event that is over or withdrawn, else that of the priority."""
    return str(table()["over"] if over else table()["urgency"][priority])


def our_word(name: str, word: str) -> str | None:
    """Return our word for one of CAP's, by the reversed table; None if there is none."""
    return next((ours for ours, caps in table()[name].items() if caps == word), None)


# -- times --


def cap_time(moment: str) -> str:
    """Write a written instant as CAP does: Beijing's time, whole seconds.

    >>> cap_time("2026-11-23T08:05:00.250Z")
    '2026-11-23T16:05:00+08:00'
    """
    return instant(moment).astimezone(ZONE).replace(microsecond=0).isoformat()


def parse_time(text: str) -> datetime:
    """Parse a time that the schema accepted (``ValueError`` for an impossible date)."""
    return datetime.fromisoformat(text)


# -- names of messages --


@dataclass(frozen=True, slots=True)
class Triplet:
    """One entry of ``references``: who, which, when (3.2.1)."""

    sender: str
    identifier: str
    sent: datetime

    @property
    def stem(self) -> str:
        """Return its name without its time, for senders whose references have a wrong time."""
        text = f"cap:{self.sender},{self.identifier},"
        if len(text) + len("20261123T080500Z#64") <= _LONGEST_REF:
            return text
        return f"cap:sha256:{hashlib.sha256(text.encode()).hexdigest()[:32]},"

    def reference(self, number: int = 1) -> str:
        """Return the ``external_ref`` under which the message's event is sent once.

        >>> Triplet("a@b", "x1", datetime(2026, 11, 23, 8, 5, tzinfo=UTC)).reference(2)
        'cap:a@b,x1,20261123T080500Z#2'
        """
        text = f"{self.stem}{self.sent.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return text if number == 1 else f"{text}#{number}"


_SENT_AS: Final = re.compile(r"(cap:.+,)[0-9]{8}T[0-9]{6}Z(?:#([0-9]{1,4}))?")


def parse_reference(external_ref: str | None) -> tuple[str, int] | None:
    """Return stem and number of a reference that ``Triplet.reference`` wrote; None for any other.

    >>> parse_reference("cap:a@b,x1,20261123T080500Z#2")
    ('cap:a@b,x1,', 2)
    """
    match = _SENT_AS.fullmatch(external_ref or "")
    return None if match is None else (match[1], int(match[2] or 1))


def parse_references(text: str | None) -> tuple[tuple[Triplet, ...], tuple[str, ...]]:
    """Parse ``references``: return the entries understood, and the others."""
    good, bad = list[Triplet](), list[str]()
    for each in (text or "").split():
        pieces = each.split(",")
        try:
            sender, identifier, sent = pieces
            good.append(Triplet(sender, identifier, parse_time(sent).astimezone(UTC)))
        except (ValueError, OverflowError):
            bad.append(each)
    return tuple(good), tuple(bad)


# -- our fields as parameters --


def flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return path → value of nested objects; lists are values.

    >>> flat({"place": {"county": "350924"}, "dead": 0})
    {'place.county': '350924', 'dead': 0}
    """
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            found |= flat(inner, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = inner
    return found


def nested(value: Mapping[str, Any]) -> dict[str, Any]:
    """Undo ``flat`` (``ValueError`` where a path goes through a value).

    >>> nested({"place.county": "350924", "dead": 0})
    {'place': {'county': '350924'}, 'dead': 0}
    """
    found: dict[str, Any] = {}
    for path, inner in value.items():
        *above, last = path.split(".")
        holder = found
        for step in above:
            holder = holder.setdefault(step, {})
            if not isinstance(holder, dict):
                message = f"{path} goes through a value"
                raise ValueError(message)  # noqa: TRY004 -- a message from outside, no slip of a caller
        holder[last] = inner
    return found
