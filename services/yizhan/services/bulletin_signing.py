"""A bulletin on its way out at a desk: submitted by who wrote it, signed by another officer, queued for the sender.

::

    writing ──submit──► review ──sign──► queued ──► issued (an event in the outbox)
       ▲──return, take back──┘             └──► refused ──reopen──► writing

Rule 1: the officer who signs is neither who submitted the text nor anybody who changed it.
Rule 2: what is signed is the text that was submitted, beside the figures of that moment; where either is another one,
        nothing is signed.
Rule 3: no key is needed: the event is queued, and the sending process seals it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from yizhan.bulletin.figures import digest
from yizhan.bulletin.text_store import BulletinRow, BulletinState
from yizhan.producers.drafts import Office, parse_draft
from yizhan.schemas.i18n import SOURCE_LANGUAGE, join_list, join_sentences, marked, speaking
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.common import Person
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.bulletin_editing import BulletinEditor, changing_texts, read_editor, require_editable
from yizhan.services.bulletin_reading import BulletinKey
from yizhan.services.bulletins import draft
from yizhan.services.drafts import drop_draft
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.home import Home
from yizhan.services.queue import queue_content

MOST_REMARK: Final = 500
_OTHER: Final = marked("情况已变，没有照办；现在的样子在下面")


class NotSignable(ServiceError):
    """A bulletin that cannot be submitted or signed yet."""


class AnotherOfficer(ServiceError):
    """Who wrote a bulletin does not sign it."""


def submit_bulletin(
    home: Home, key: BulletinKey, office: Mapping[str, Any], seen: str, actor: Actor, now: datetime
) -> None:
    """Submit a text to the officer who signs; ``office`` has ``org_code`` and ``contact``.

    Raises:
        Conflict: another text is there than the one that was ``seen``, or it is not being written.
        NotSignable: numbers typed by hand are not answered for, the figures changed, the text cannot be printed.
        ServiceError: as ``bulletins.draft``: the quarter is not closed, or the office lacks something.
        DraftInvalid: the event could not be sent so.
    """
    officer, editor = _officer(actor), _editor(home, key, now)
    require_editable(editor.stage)
    _require(editor.text.token == seen)
    _require_finished(editor)
    parse_draft(_event(editor, office, officer, officer))
    with changing_texts(home, key.county) as texts:
        _require(texts.row(key.label, key.partner) == editor.row)
        row = BulletinRow(
            BulletinState.REVIEW, author=officer, office={**dict(office), "figures": digest(editor.reading.figures)},
            token=editor.text.token,
        )  # fmt: skip
        texts.move(key.label, key.partner, row, now)
    record(home, key.county, actor, "opened", [f"{key.label} {key.partner}"])


def return_bulletin(home: Home, key: BulletinKey, remark: str, seen: str, actor: Actor, now: datetime) -> None:
    """Give a bulletin in review back to be written, or take it back (``Conflict`` where it is not in review)."""
    officer = _officer(actor)
    with changing_texts(home, key.county) as texts:
        row = texts.row(key.label, key.partner)
        _require(row.state is BulletinState.REVIEW and row.token == seen)
        said = remark.strip()[:MOST_REMARK] or None
        texts.move(
            key.label, key.partner, replace(row, state=BulletinState.WRITING, reviewer=officer, remark=said), now
        )


def reopen_bulletin(home: Home, key: BulletinKey, actor: Actor, now: datetime) -> None:
    """Write on a bulletin whose event could not be sent; what was queued is dropped (``Conflict``)."""
    officer = _officer(actor)
    editor = read_editor(home, key, now)
    _require(editor.stage == "refused" and editor.draft is not None)
    with changing_texts(home, key.county) as texts:
        _require(texts.row(key.label, key.partner) == editor.row)
        if editor.row.draft is not None:
            drop_draft(home, key.county, editor.row.draft)
        reason = None if editor.draft is None or editor.draft.refused is None else str(editor.draft.refused)
        row = replace(editor.row, state=BulletinState.WRITING, draft=None, reviewer=officer, remark=reason)
        texts.move(key.label, key.partner, row, now)


def sign_bulletin(home: Home, key: BulletinKey, seen: str, actor: Actor, now: datetime) -> int:
    """Sign a bulletin in review: its event is queued under both names; return the number of the draft.

    The same request again changes nothing.

    Raises:
        AnotherOfficer: see rule 1.
        Conflict: it is not in review, or another text is.
        NotSignable: see rule 2.
        ServiceError: as ``submit_bulletin``.
    """
    officer, editor = _officer(actor), _editor(home, key, now)
    row, author = editor.row, editor.row.author
    if editor.stage in {"queued", "issued"} and row.token == seen and row.reviewer == officer and row.draft is not None:
        return row.draft
    _require(editor.stage == "review" and row.token == seen == editor.text.token and author is not None)
    if officer.badge in {author.badge if author else "", *editor.editors}:
        raise AnotherOfficer(marked("起草或改过这一期文字的人不能签发；请另一位领导签发"))
    if row.office.get("figures") != digest(editor.reading.figures):
        raise NotSignable(marked("送审以后数字变了，没有签发；请退回，由起草人核对文字后再送审"))
    _require_finished(editor)
    content = _event(editor, row.office, author or officer, officer)
    with changing_texts(home, key.county) as texts:
        _require(texts.row(key.label, key.partner) == row)
        once = f"bulletin:{key.label}:{key.partner}:{row.moved}"
        n = queue_content(home, key.county, content, actor, confirmed=True, once=once, author=author)
        texts.move(
            key.label,
            key.partner,
            replace(row, state=BulletinState.QUEUED, reviewer=officer, remark=None, draft=n),
            now,
        )
    record(home, key.county, actor, "opened", [f"{key.label} {key.partner}"])
    return n


def _officer(actor: Actor) -> Person:
    if actor.officer is None:
        raise ServiceError(marked("送审、签发和发送要写明姓名和警号"))
    return actor.officer


def _editor(home: Home, key: BulletinKey, now: datetime) -> BulletinEditor:
    """Read a bulletin in the language in which it is sent, whatever the officer's own."""
    with speaking(SOURCE_LANGUAGE):
        return read_editor(home, key, now)


def _require(holds: object) -> None:
    if not holds:
        raise Conflict(_OTHER)


def _require_finished(editor: BulletinEditor) -> None:
    if editor.problem is not None:
        raise NotSignable("{problem}", problem=editor.problem)
    if editor.notes:
        raise NotSignable(marked("写好以后数字变了：请核对文字，按“已核对”再送审"))
    if editor.numbers:
        numbers = join_list(dict.fromkeys(each.text for each in editor.numbers))
        sentence = marked("还有手写的数字没有说明：{numbers}；请换成统计里的数字、保留或去掉")
        raise NotSignable(sentence, numbers=numbers)


def _event(editor: BulletinEditor, office: Mapping[str, Any], author: Person, signer: Person) -> dict[str, Any]:
    """Return the event to be sent (errors as ``submit_bulletin``)."""
    given = {name: value for name, value in office.items() if name in {"org_code", "contact"} and value}
    try:
        named = Office.model_validate({**given, "drafted_by": author, "reviewed_by": signer, "signed_off_by": signer})
    except ValidationError as error:
        problems = join_sentences(f"{fault}" for _where, fault in faults(error))
        raise NotSignable(marked("机构代码或联系人有误：{problems}"), problems=problems) from None
    with speaking(SOURCE_LANGUAGE):
        return draft(editor.material, editor.key.partner, named)
