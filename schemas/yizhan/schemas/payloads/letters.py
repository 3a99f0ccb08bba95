"""What a person reads of an event first: whether a person wrote it, how urgent it is, and one line of what happened.

Rule 1: a notice of kind ``text`` is a person's letter, however it travels; receipts and the other notices are not.
Rule 2: a notice whose content cannot be read is a letter where its header says what no program writes: it answers
        something, or is not routine.
Rule 3: ``header_facts`` says only what the station knows too; what was sealed is in ``state_name`` and ``headline``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from yizhan.schemas.header import NOTICE, Header
from yizhan.schemas.i18n import _, marked, with_note
from yizhan.schemas.payloads.table import SYSTEM_TYPES

PRIORITIES: Final = {"flash": marked("特急"), "urgent": marked("加急"), "routine": marked("平急")}
GRADES: Final = {1: marked("特别重大"), 2: marked("重大"), 3: marked("较大"), 4: marked("一般")}
STAGES: Final = {"first": marked("首报"), "update": marked("续报"), "final": marked("终报")}
STATUS_MARKS: Final = {"Exercise": marked("【演练】"), "Test": marked("【测试】")}
CERTAINTIES: Final = {
    "Observed": marked("已核实"),
    "Likely": marked("很可能"),
    "Possible": marked("有可能"),
    "Unlikely": marked("不大可能"),
    "Unknown": marked("不清楚"),
}
PRESSING: Final = frozenset({"flash", "urgent"})
"""Priorities for which a person is rung at any hour."""
TEXT: Final = "text"
"""The kind of notice that people write."""
_SAYING: Final = ("summary", "text", "title")
"""Fields of payloads that say what happened, the best first."""


def is_letter(header: Header, raw: Mapping[str, Any] | None) -> bool:
    """Tell whether a person wrote an event; ``raw`` is its payload, None where it cannot be read."""
    if header.type != NOTICE:
        return header.type not in SYSTEM_TYPES
    if raw is None:
        return header.reply_to is not None or header.priority in PRESSING
    return raw.get("kind") == TEXT


def presses(header: Header) -> bool:
    """Tell whether what a person wrote is to be heard at any hour: it is flash or urgent, and waits for a person.

    That is a notice, or what asks for an answer (``wants``: a request for assistance, a plan to be countersigned). An
    exercise, and what takes something back, ask nobody for anything tonight.
    """
    if header.priority not in PRESSING or header.withdraws is not None or header.status != "Actual":
        return False
    return header.type == NOTICE or header.wants is not None


def header_facts(header: Header, update: int | None = None) -> Iterator[str]:
    """Yield priority, grade, certainty and which report it is, as far as the header says them.

    ``update`` is the number of an update among those of its matter, where it is known.
    """
    if header.priority in PRESSING:
        yield _(PRIORITIES[header.priority])
    if header.grade is not None:
        yield _("{grade} 级").format(grade=header.grade)
    if header.certainty is not None:
        yield _(CERTAINTIES[header.certainty])
    if header.stage is not None:
        yield report_name(header, update)


def status_mark(status: str) -> str:
    """Return 【演练】 for an exercise, 【测试】 for a test, nothing for what is real."""
    return _(STATUS_MARKS[status]) if status in STATUS_MARKS else ""


def report_name(header: Header, update: int | None = None) -> str:
    """Return which report of a matter it is: 首报, 续报 2, 终报; empty where the header does not say."""
    if header.stage is None:
        return ""
    name = _(STAGES[header.stage])
    return f"{name} {update}" if header.stage == "update" and update is not None else name


def state_name(raw: Mapping[str, Any] | None) -> str:
    """Return where a matter stands by its payload (明火扑灭, 调解中); empty where that says nothing."""
    state = None if raw is None else raw.get("state")
    return _(state) if isinstance(state, str) and state else ""


def officer_name(by: object) -> str:
    """Return an officer's name and badge as a payload has them (``by``); empty where it names nobody."""
    return with_note(str(by.get("name", "")), str(by.get("badge", ""))) if isinstance(by, dict) else ""


def headline(raw: Mapping[str, Any] | None, most: int) -> str:
    r"""Return one line of what its sender wrote, at most ``most`` characters and a mark that there is more.

    >>> headline({"kind": "text", "text": "请速\n回电"}, 40)
    '请速 回电'
    """
    found = (raw.get(name) for name in _SAYING) if raw is not None else ()
    text = next((each for each in found if isinstance(each, str)), "")
    # Only the beginning is looked at: a text may be long, and an alarm must not wait for it.
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most and len(text) <= most * 4 else line[:most] + "…"
