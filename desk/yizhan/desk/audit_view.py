"""An event's life as the auditor's page draws it: who acted, what, and who vouches for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from yizhan.ledger.audit.history import HistoryStep, HistoryStepKind
from yizhan.ledger.audit.labels import step_name
from yizhan.schemas.checkpoints import OpenedCheckpoint
from yizhan.schemas.i18n import _, get_language, join_list, marked
from yizhan.schemas.payloads.letters import PRIORITIES
from yizhan.services.audit import ExplainedEvent
from yizhan.services.audit_text import step_note
from yizhan.services.home import Home
from yizhan.services.labels import type_name

_STATION: Final = frozenset(
    {HistoryStepKind.RECEIVED, HistoryStepKind.REFUSED, HistoryStepKind.DECIDED, HistoryStepKind.RIVAL}
)
_BAD: Final = frozenset({HistoryStepKind.REFUSED, HistoryStepKind.RIVAL, HistoryStepKind.UNOPENABLE})


@dataclass(frozen=True, slots=True)
class LifeRow:
    """One step: ``seal`` is the sign of who acted (``ours``: this county), ``vouch`` signed, logged or said."""

    at: str
    seal: str
    who: str
    ours: bool
    what: str
    note: str
    vouch: str
    place: int | None
    bad: bool


@dataclass(frozen=True, slots=True)
class LifeView:
    """An event's life; ``days`` are (day, rows), ``signs`` what the seals mean."""

    id: str
    hash: str
    title: str
    facts: str
    days: Sequence[tuple[str, Sequence[LifeRow]]]
    signs: Sequence[tuple[str, str]]
    problems: Sequence[str]
    proven: int
    bad: bool
    checkpoint: OpenedCheckpoint
    members: Sequence[tuple[str, bool]]


def life_view(home: Home, county: str, found: ExplainedEvent) -> LifeView:
    """Put an explained event into rows; ``county`` is the one whose desk shows it."""
    life, header = found.life, found.life.header
    rows = [_row(home, county, step) for step in life.steps]
    days = [(day, list(some)) for day, some in groupby(rows, key=lambda row: row.at[:10])]
    bad = bool(life.problems) or any(each.bad for each in rows)
    title = type_name(header["type"]) if header else _("一项待办") if "/" in life.id else _("一件事件")
    cosigned = found.checkpoint.cosigned
    members = [(_name(home, code), code in cosigned) for code in sorted(found.checkpoint.charter.members)]
    signs = dict.fromkeys((row.seal, row.who) for row in rows)
    return LifeView(
        life.id, life.hash, title, _facts(home, found), days, list(signs), life.problems, len(found.proofs), bad,
        found.checkpoint, members,
    )  # fmt: skip


def _facts(home: Home, found: ExplainedEvent) -> str:
    header = found.life.header
    if not header:
        return ""
    priority = PRIORITIES.get(str(header.get("priority")), "")
    to = join_list(_name(home, code) for code in header["to"])
    return " ".join(filter(None, (_name(home, found.life.id[:6]), "→", to, _(priority) if priority else "")))


def _row(home: Home, county: str, step: HistoryStep) -> LifeRow:
    at_station = step.what in _STATION
    who = _("驿站") if at_station else _name(home, step.county)
    recomputed = step.said.get("recomputed") if step.what is HistoryStepKind.DECIDED else None
    return LifeRow(
        home.local_time(step.at), _STATION_SIGN[get_language()] if at_station else who[:1], who,
        not at_station and step.county == county, step_name(step.what), step_note(home, step), step.vouch, step.place,
        step.what in _BAD or recomputed is False,
    )  # fmt: skip


_STATION_SIGN: Final = {"zh_CN": "驿", "en": "S"}


def _name(home: Home, code: str) -> str:
    return home.member_name(code).partition(" ")[2] or code


HOWS: Final = {
    "opened": marked("调阅"),
    "listed": marked("列表"),
    "printed": marked("成文"),
    "exported": marked("导出"),
    "destroyed": marked("销毁"),
}
"""What an entry of the access log says was done."""
BREAKS: Final = {
    "unreadable": marked("读不出"),
    "chain": marked("与前一行接不上"),
    "head": marked("与以前导出的不符"),
}
"""Why the chain of the access log is broken at a line."""
