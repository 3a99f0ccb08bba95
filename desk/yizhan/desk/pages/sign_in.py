"""The door: signing in and out, the locked screen, one-time links, passwords, the language.

Rule 1: whoever is outside sees what rings as kind, county and age, and nothing else.
Rule 2: the cookie is for this desk alone: HttpOnly, SameSite=Strict, without Domain; with TLS Secure and ``__Host-``.
Rule 3: an error is a sentence beside its field, and what was typed stays, but for secrets.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from yizhan.desk.accounts.credentials import secret_address, secret_text
from yizhan.desk.accounts.errors import AccountError, LinkInvalid, SignInBusy, SignInLocked
from yizhan.desk.accounts.model import EVERYBODY, Session
from yizhan.desk.accounts.store import Link
from yizhan.desk.guard import LANGUAGE_COOKIE, certificate_of
from yizhan.desk.metrics import SIGN_INS_REFUSED
from yizhan.desk.request import SIGN_IN, Ask, Page, locked_with, own_path
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import known_language, marked
from yizhan.schemas.payloads.table import type_name
from yizhan.services.ringing import ringing_outline

SCREEN_COOKIE: Final = "yz-screen"
_REFUSALS: Final = {SignInLocked: "locked", SignInBusy: "busy"}
_HUNDREDS_OF_DAYS: Final = 400 * 24 * 3600
"""The longest that browsers keep a cookie (RFC 6265bis, 5.5)."""


def sign_in_page(ask: Ask) -> Response:
    """Show the form to whoever is outside, or who wants to sign in instead of a locked officer."""
    if ask.session is not None and not ask.session.locked:
        return ask.see("/")
    return _door(ask, "sign_in.html")


def sign_in(ask: Ask) -> Response:
    """Let somebody in."""
    form, now = ask.form, utc_now()
    before = ask.desk.session_cookie(ask.request)
    try:
        cookie = ask.desk.accounts.sign_in(
            form.get("badge", ""), form.get("password", ""), form.get("code", ""), now, instead_of=before
        )
    except AccountError as error:
        SIGN_INS_REFUSED.labels(_REFUSALS.get(type(error), "wrong")).inc()
        return _door(ask, "sign_in.html", error)
    return _let_in(ask, cookie)


def sign_in_by_certificate(ask: Ask) -> Response:
    """Let the holder of a certificate in, as the gateway named it; the guard lets no other word through."""
    found = certificate_of(ask.request.headers, ask.desk.certificate_headers)
    before = ask.desk.session_cookie(ask.request)
    cookie = found and ask.desk.accounts.sign_in_by_certificate(*found, utc_now(), instead_of=before)
    if cookie:
        return _let_in(ask, cookie)
    SIGN_INS_REFUSED.labels("certificate").inc()
    said = (
        marked("这张证书没有对应的账户；请安全管理员登记")
        if found
        else marked("没有收到证书；请插好证书介质，从网关的地址打开")
    )
    return _door(ask, "sign_in.html", AccountError(said), back=SIGN_IN)


def locked_page(ask: Ask) -> Response:
    """Show the locked screen."""
    back = own_path(ask.query.get("back", ""))
    return _door(ask, "locked.html", back=back) if _session(ask).locked else ask.see(back)


def unlock(ask: Ask) -> Response:
    """Unlock a session with the password of its officer, and go back to where it was locked."""
    back = own_path(ask.form.get("back", ""))
    try:
        ask.desk.accounts.unlock(_session(ask), ask.form.get("password", ""), utc_now())
    except AccountError as error:
        return _door(ask, "locked.html", error, back=back)
    ask.desk.feed.wake()
    return ask.see(back)


def lock(ask: Ask) -> Response:
    """Lock the screen; it leads back to the page of the button."""
    ask.desk.accounts.sessions.lock(_session(ask).key, utc_now())
    ask.desk.feed.wake()
    return ask.see(locked_with(ask.request.headers.get("referer", "")))


def sign_out(ask: Ask) -> Response:
    """End the session."""
    session = _session(ask)
    ask.desk.accounts.sessions.end(session.key, session.account.badge, utc_now())
    ask.desk.feed.wake()
    answer = ask.see(SIGN_IN)
    answer.delete_cookie(ask.desk.cookie, secure=ask.desk.secure, httponly=True, samesite="strict")
    return answer


def link_page(ask: Ask) -> Response:
    """Show what a one-time link is for."""
    try:
        link = ask.desk.accounts.link(ask.path["token"], utc_now())
    except LinkInvalid as error:
        return _door(ask, "link.html", error, link=None)
    return _link(ask, link)


def use_link(ask: Ask) -> Response:
    """Set password and authenticator; show the one-time codes, once."""
    form, now, accounts = ask.form, utc_now(), ask.desk.accounts
    try:
        link = accounts.link(ask.path["token"], now)
    except LinkInvalid as error:
        return _door(ask, "link.html", error, link=None)
    try:
        _check_repeated(form.get("password", ""), form.get("again", ""), "again")
        codes = accounts.use_link(
            ask.path["token"],
            form.get("password", ""),
            form.get("code", ""),
            now,
            badge=form.get("badge", ""),
            name=form.get("name", ""),
        )
    except AccountError as error:
        return _link(ask, link, error)
    return ask.page("codes.html", codes=codes)


def password_page(ask: Ask) -> Response:
    """Show the form for a new password."""
    return ask.page("password.html", error=None, done=False)


def change_password(ask: Ask) -> Response:
    """Change the password of who is signed in."""
    form = ask.form
    try:
        _check_repeated(form.get("new", ""), form.get("again", ""), "again")
        ask.desk.accounts.change_password(_session(ask), form.get("password", ""), form.get("new", ""), utc_now())
    except AccountError as error:
        return ask.page("password.html", 400, error=error, done=False)
    return ask.page("password.html", error=None, done=True)


def choose_language(ask: Ask) -> Response:
    """Keep the language of this browser, and show the page again."""
    answer = ask.see(own_path(ask.form.get("back", "")))
    language = known_language(ask.form.get("language", ""))
    if language is not None:
        answer.set_cookie(
            LANGUAGE_COOKIE, language, _HUNDREDS_OF_DAYS, secure=ask.desk.secure, httponly=True, samesite="strict"
        )
    return answer


def admit_screen(ask: Ask) -> Response:
    """Give a screen on the wall its cookie."""
    token = ask.path["token"]
    if ask.desk.accounts.devices.find(token) is None:
        return _door(
            ask, "link.html", LinkInvalid(marked("这块屏的链接已作废或写错了；请安全管理员重新登记")), link=None
        )
    answer = ask.see("/duty/wall")
    answer.set_cookie(SCREEN_COOKIE, token, _HUNDREDS_OF_DAYS, secure=ask.desk.secure, httponly=True, samesite="strict")
    return answer


def start(ask: Ask) -> Response:
    """Open the first page that somebody's roles may see."""
    return ask.see(ask.menu[0].path if ask.menu else "/password")


def _let_in(ask: Ask, cookie: str) -> Response:
    answer = ask.see("/")
    answer.set_cookie(ask.desk.cookie, cookie, secure=ask.desk.secure, httponly=True, samesite="strict")
    return answer


def _session(ask: Ask) -> Session:
    assert ask.session is not None, "the page is for whoever is signed in"  # noqa: S101 -- held by the table of routes
    return ask.session


def _link(ask: Ask, link: Link, error: AccountError | None = None) -> Response:
    badge = ask.form.get("badge", "") if link.account is None else link.account.badge
    issuer = ask.desk.home.member_name(ask.desk.county)
    return _door(
        ask,
        "link.html",
        error,
        link=link,
        secret=secret_text(link.secret),
        address=secret_address(link.secret, badge or "desk", issuer),
    )


def _check_repeated(password: str, again: str, field: str) -> None:
    if password != again:
        raise AccountError(marked("两次写的口令不一样"), field=field)


def _door(ask: Ask, template: str, error: AccountError | None = None, /, **values: Any) -> Response:  # noqa: ANN401 -- what a template shows
    """Render a page for whoever is outside (rule 1)."""
    now = utc_now()
    ringing = ringing_outline(ask.desk.home, ask.desk.county)
    first = None
    if ringing.alarms:
        oldest = ringing.alarms[0]
        first = {
            "county": oldest.county,
            "kind": type_name(oldest.type),
            "minutes": max(0, int((now - oldest.received).total_seconds()) // 60),
            "drill": oldest.drill,
        }
    values |= {
        "error": error,
        "first": first,
        "ringing": ringing.count,
        "now": now,
        "typed": ask.form,
        "by_certificate": ask.desk.certificate_headers is not None,
    }
    return ask.page(template, 200 if error is None else 400, **values)


PAGES = (
    Page("/", start, EVERYBODY),
    Page("/sign-in", sign_in_page, public=True),
    Page("/sign-in", sign_in, methods=("POST",), public=True),
    Page("/sign-in/certificate", sign_in_by_certificate, methods=("POST",), public=True),
    Page("/link/{token}", link_page, public=True),
    Page("/link/{token}", use_link, methods=("POST",), public=True),
    Page("/screen/{token}", admit_screen, public=True),
    Page("/language", choose_language, methods=("POST",), public=True),
    Page("/locked", locked_page, EVERYBODY, locked=True),
    Page("/locked", unlock, EVERYBODY, methods=("POST",), locked=True),
    Page("/lock", lock, EVERYBODY, methods=("POST",), locked=True),
    Page("/sign-out", sign_out, EVERYBODY, methods=("POST",), locked=True),
    Page("/password", password_page, EVERYBODY),
    Page("/password", change_password, EVERYBODY, methods=("POST",)),
)
