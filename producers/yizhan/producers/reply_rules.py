"""Refuses, before it is sealed, a reply that would discharge another county's obligation.

Rule 1: the policy's own rows say which replies discharge; nothing else is considered.
Rule 2: the station checks everything again, by the same rows; here a person still has the draft, and reads why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from yizhan.producers.errors import NotOwed
from yizhan.producers.numbering import OutgoingEvent, SigningContext, draft_header
from yizhan.schemas.header import Header, Ref, parse_header, split_id
from yizhan.schemas.i18n import SOURCE_LANGUAGE, get_language, marked
from yizhan.schemas.obligation_rules import ObligationRule, matches, obligation_facts


def check_reply(
    conn: sqlite3.Connection, event: OutgoingEvent, signing: SigningContext, was_received: Callable[[Ref], bool]
) -> None:
    """Refuse an answer by a county that does not owe one.

    Args:
        conn: the outbox.
        letter: the event about to be accepted.
        signing: the sender, and the charter in force.
        was_received: returns whether this county received an event of another, under that hash.

    Raises:
        NotOwed: it answers one's own request, or an event that this county never received.
    """
    answered = event.attributes.get("reply_to")
    if not isinstance(answered, Ref) or event.attributes.get("withdraws") is not None:
        return
    header = draft_header(event, signing, f"{signing.source}-0000-1")
    if header.status != "Actual":
        return
    rules = [rule for rule in signing.charter.policy.obligations.values() if _answers(rule, header)]
    if not rules:
        return
    own = _own(conn, answered.id)
    if own is None:
        if split_id(answered.id)[0][:6] != signing.source[:6] and not was_received(answered):
            sentence = marked("{id} 没有发给本县，或本县收到的不是这一件（指纹不同）；“{what}”不是本县该办的，没有发出")
            raise NotOwed(sentence, id=answered.id, what=_listed(rules))
        return
    mine = [rule for rule in rules if rule.owes == "recipients" and _opened(conn, rule, own)]
    if mine:
        sentence = marked("{id} 是本县自己发出的；“{what}”该由收件的 {who} 办，本县不能代办，没有发出")
        raise NotOwed(sentence, id=answered.id, what=_listed(mine), who=", ".join(own.to))


def _answers(rule: ObligationRule, header: Header) -> bool:
    row = rule.discharged
    return row.by == "answers" and any(matches(row.when, obligation_facts(header, each, None)) for each in header.to)


def _opened(conn: sqlite3.Connection, rule: ObligationRule, own: Header) -> bool:
    ways = dict(
        conn.execute(
            "SELECT recipient, way FROM recipients WHERE seq = (SELECT seq FROM events WHERE id = ?)", (own.id,)
        ).fetchall()
    )
    opens = rule.opens.when or ()
    return any(matches(opens, obligation_facts(own, each, ways.get(each))) for each in own.to)


def _own(conn: sqlite3.Connection, event_id: str) -> Header | None:
    row = conn.execute(
        "SELECT header FROM sealed WHERE seq = (SELECT seq FROM events WHERE id = ?)", (event_id,)
    ).fetchone()
    return None if row is None else parse_header(row["header"])


def _listed(rules: Iterable[ObligationRule]) -> str:
    chinese = get_language() == SOURCE_LANGUAGE
    return ", ".join(rule.what.zh if chinese else rule.what.en for rule in rules)
