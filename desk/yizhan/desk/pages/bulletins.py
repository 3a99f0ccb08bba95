"""The quarter: its bulletin written beside the figures, submitted, signed by another officer, compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.bulletin_parts import (
    answer_of,
    candidates_of,
    cases_of,
    passages_of,
    pick_groups,
    text_of,
)
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.services.bulletin_editing import (
    BulletinEditor,
    TextChanged,
    bulletin_file,
    bulletin_key,
    open_editor,
    save_text,
)
from yizhan.services.bulletin_quarters import list_quarters
from yizhan.services.bulletin_reading import BulletinKey
from yizhan.services.bulletin_signing import reopen_bulletin, return_bulletin, sign_bulletin, submit_bulletin
from yizhan.services.bulletin_text import comparison_title, short_value
from yizhan.services.bulletins import check_bulletin
from yizhan.services.digests import show_quarter

READERS: Final = frozenset({Role.ANALYST, Role.LEADER, Role.LIAISON})
WRITERS: Final = frozenset({Role.ANALYST, Role.LIAISON})
SIGNERS: Final = frozenset({Role.LEADER})
_ACTIONS: Final = ("keep", "drop", "pick", "remove_case")
_MEDIA: Final = {
    "pdf": ("pdf", "application/pdf"),
    "docx": ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "html": ("html", "text/html; charset=utf-8"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "letters": ("letters.csv", "text/csv; charset=utf-8"),
    "json": ("json", "application/json"),
}


def quarters(ask: Ask) -> Response:
    """List the quarters."""
    rows = list_quarters(ask.desk.home, ask.desk.county, ask.actor("bulletin list"), utc_now())
    return ask.page("bulletins.html", rows=rows, now=utc_now())


def quarter(ask: Ask) -> Response:
    """Go to a quarter's bulletin with the one partner."""
    key = _key(ask)
    return ask.see(f"/bulletin/{key.label}/{key.partner}")


def editor(ask: Ask) -> Response:
    """Show a bulletin: its text beside what is printed."""
    desk = ask.desk
    return _shown(ask, open_editor(desk.home, _key(ask), ask.actor("bulletin show"), utc_now()))


def _shown(ask: Ask, found: BulletinEditor, status: int = 200, clash: TextChanged | None = None) -> Response:
    usual, figures = pick_groups(found)
    roles = ask.account.roles
    return ask.page(
        "bulletin.html", status, editor=found, passages=passages_of(found), cases=cases_of(found),
        candidates=candidates_of(found), usual=usual, figures=figures, clash=clash, now=utc_now(),
        office=_office(found), writes=bool(roles & WRITERS), signs=bool(roles & SIGNERS),
    )  # fmt: skip


def _office(found: BulletinEditor) -> dict[str, str]:
    """Return what the form of the submission is filled with."""
    contact = found.office.get("contact")
    named = contact if isinstance(contact, Mapping) else {}
    org_code = found.office.get("org_code") or ""
    return {"org_code": str(org_code), "name": str(named.get("name", "")), "phone": str(named.get("phone", ""))}


def save(ask: Ask) -> Response:
    """Keep the text; answer with what the open page needs, or send the browser to the page."""
    key, form = _key(ask), ask.form
    action = next(((name, form[name]) for name in _ACTIONS if form.get(name)), ("", ""))
    if form.get("add"):
        action = ("add_case", form.get("candidate", ""))
    text = text_of(form, ask.values("kept"), action)
    home, actor, now = ask.desk.home, ask.actor("bulletin edit"), utc_now()
    try:
        found = save_text(home, key, text, form.get("seen", ""), actor, now, read_again="read_again" in form)
    except TextChanged as clash:
        if ask.wants_fragment:
            return ask.page("bulletin_clash.html", 409, clash=clash)
        return _shown(ask, open_editor(home, key, actor, now), 409, clash)
    if not ask.wants_fragment:
        return ask.see(_path(key))
    saved = home.local_time(found.version.at)[11:]
    return JSONResponse({**answer_of(found, ask.render), "saved": saved, "whole": action[0].endswith("_case")})


def submit(ask: Ask) -> Response:
    """Submit the text to the officer who signs."""
    key, form = _key(ask), ask.form
    contact = {"name": form.get("contact_name", "").strip(), "phone": form.get("contact_phone", "").strip()}
    office = {"org_code": form.get("org_code", "").strip(), "contact": contact}
    submit_bulletin(ask.desk.home, key, office, form.get("seen", ""), ask.actor("bulletin submit"), utc_now())
    return ask.see(_path(key))


def send_back(ask: Ask) -> Response:
    """Give a bulletin back to be written, or take it back."""
    key, form = _key(ask), ask.form
    actor = ask.actor("bulletin return")
    return_bulletin(ask.desk.home, key, form.get("remark", ""), form.get("seen", ""), actor, utc_now())
    return ask.see(_path(key))


def reopen(ask: Ask) -> Response:
    """Write on a bulletin that could not be sent."""
    key = _key(ask)
    reopen_bulletin(ask.desk.home, key, ask.actor("bulletin edit"), utc_now())
    return ask.see(_path(key))


def sign(ask: Ask) -> Response:
    """Sign: the event is queued."""
    key = _key(ask)
    sign_bulletin(ask.desk.home, key, ask.form.get("seen", ""), ask.actor("bulletin sign"), utc_now())
    return ask.see(_path(key))


def compare(ask: Ask) -> Response:
    """Show what we count beside what both counties signed."""
    check = check_bulletin(ask.desk.home, _key(ask), ask.actor("bulletin check"))
    rows = [
        (comparison_title(ask.desk.home, each), each.word, *map(short_value, (each.counted, each.ours, each.theirs)))
        for each in check.items
    ]
    return ask.page("bulletin_compare.html", check=check, rows=rows)


def digest(ask: Ask) -> Response:
    """Show what came and went in the quarter, and whether the station's manifest agrees."""
    key = _key(ask)
    found = show_quarter(ask.desk.home, key.label, key.county, key.partner, ask.actor("digest show"), utc_now())
    return ask.page("bulletin_digest.html", shown=found)


def printed(ask: Ask) -> Response:
    """Show the bulletin to be printed; the access log says so."""
    found = open_editor(ask.desk.home, _key(ask), ask.actor("bulletin print"), utc_now(), "printed")
    return ask.page("bulletin_print.html", editor=found, now=utc_now())


def download(ask: Ask) -> Response:
    """Give the bulletin as a file."""
    key, form = _key(ask), ask.path["form"]
    data = bulletin_file(ask.desk.home, key, form, ask.actor("bulletin make"), utc_now())
    ending, media = _MEDIA[form]
    return ask.download(data, f"bulletin-{key.label}-{key.county}-{key.partner}.{ending}", media)


def _key(ask: Ask) -> BulletinKey:
    return bulletin_key(ask.desk.home, ask.desk.county, ask.path["label"], ask.path.get("partner"))


def _path(key: BulletinKey) -> str:
    return f"/bulletin/{key.label}/{key.partner}"


_ONE: Final = "/bulletin/{label}/{partner}"
PAGES = (
    Page("/bulletin", quarters, READERS),
    Page("/bulletin/{label}", quarter, READERS),
    Page(_ONE, editor, READERS),
    Page(f"{_ONE}/text", save, WRITERS, methods=("POST",)),
    Page(f"{_ONE}/submit", submit, WRITERS, methods=("POST",)),
    Page(f"{_ONE}/return", send_back, WRITERS | SIGNERS, methods=("POST",)),
    Page(f"{_ONE}/reopen", reopen, WRITERS, methods=("POST",)),
    Page(f"{_ONE}/sign", sign, SIGNERS, methods=("POST",)),
    Page(f"{_ONE}/compare", compare, READERS),
    Page(f"{_ONE}/digest", digest, READERS),
    Page(f"{_ONE}/print", printed, READERS),
    Page(f"{_ONE}/file/{{form}}", download, READERS),
)
