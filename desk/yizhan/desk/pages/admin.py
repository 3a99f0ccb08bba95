"""Accounts, sessions and screens, for the security administrator; the book of events, for the audit administrator.

Rule 1: the store decides who may change what; a refusal is a sentence on the page that was sent.
Rule 2: a one-time link and a screen's link are shown once, in the answer that made them.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from yizhan.desk.accounts.credentials import token_hash
from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.management import Accounts, Standing
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.words import KINDS, ROLES, detail_words, role_name, role_names, state_words
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import _, marked

SECURITY: Final = frozenset({Role.SECURITY})
AUDIT: Final = frozenset({Role.AUDIT})
EVENTS_A_PAGE: Final = 100
LONGEST_NUMBER: Final = 15
"""Digits of a number in an address."""


def overview(ask: Ask) -> Response:
    """Show accounts, sessions and screens; the audit administrator goes on to the events."""
    if Role.SECURITY not in ask.account.roles:
        return ask.see("/admin/events")
    return _overview(ask)


def add_account(ask: Ask) -> Response:
    """Add an account; show its one-time link."""
    form = ask.form
    badge = form.get("badge", "")
    try:
        token = _accounts(ask).add(badge, form.get("name", ""), _roles(ask), ask.account.badge, utc_now())
    except AccountError as error:
        return _overview(ask, error)
    return _link(
        ask, f"/link/{token}", marked("请把这个链接当面交给 {who}；24 小时内有效，只能用一次"), form.get("name", badge)
    )


def account_page(ask: Ask) -> Response:
    """Show one account."""
    return _account(ask)


def set_roles(ask: Ask) -> Response:
    """Change an account's roles."""
    try:
        _accounts(ask).set_roles(ask.path["badge"], _roles(ask), ask.account.badge, utc_now())
    except AccountError as error:
        return _account(ask, error)
    return _back(ask)


def reset(ask: Ask) -> Response:
    """Reset an account; show its one-time link."""
    try:
        token = _accounts(ask).reset(ask.path["badge"], ask.account.badge, utc_now())
    except AccountError as error:
        return _account(ask, error)
    said = marked("原来的口令、动态码和备用码都已作废。请把这个链接当面交给 {who}；24 小时内有效，只能用一次")
    return _link(ask, f"/link/{token}", said, _standing(ask).account.name)


def disable(ask: Ask) -> Response:
    """Let nobody in with an account, or somebody again."""
    change = _accounts(ask).enable if ask.form.get("again") else _accounts(ask).disable
    try:
        change(ask.path["badge"], ask.account.badge, utc_now())
    except AccountError as error:
        return _account(ask, error)
    return _back(ask)


def certificate(ask: Ask) -> Response:
    """Add a certificate to an account, or take one from it."""
    change = _accounts(ask).remove_certificate if ask.form.get("remove") else _accounts(ask).add_certificate
    try:
        change(ask.path["badge"], ask.form.get("issuer", ""), ask.form.get("serial", ""), ask.account.badge, utc_now())
    except AccountError as error:
        return _account(ask, error)
    return _back(ask)


def end_session(ask: Ask) -> Response:
    """End somebody's session."""
    ask.desk.accounts.sessions.end(ask.form.get("key", ""), ask.account.badge, utc_now())
    ask.desk.feed.wake()
    return ask.see("/admin#sessions")


def add_screen(ask: Ask) -> Response:
    """Register a screen on a wall; show its link."""
    try:
        token = ask.desk.accounts.devices.add(ask.form.get("place", ""), ask.account.badge, utc_now())
    except AccountError as error:
        return _overview(ask, error)
    said = marked("请在“{who}”那块屏上打开这个链接一次；它只显示种类、县和时长，可随时作废")
    return _link(ask, f"/screen/{token}", said, ask.form.get("place", ""))


def revoke_screen(ask: Ask) -> Response:
    """Make a screen's link worthless."""
    number = ask.form.get("number", "")
    if number.isdecimal() and len(number) <= LONGEST_NUMBER:
        ask.desk.accounts.devices.revoke(int(number), ask.account.badge, utc_now())
    return ask.see("/admin#screens")


def events(ask: Ask) -> Response:
    """Show the book of events, the newest first."""
    before = ask.query.get("before", "")
    found = ask.desk.accounts.events(
        before=int(before) if before.isdecimal() and len(before) <= LONGEST_NUMBER else None, limit=EVENTS_A_PAGE + 1
    )
    rows = [(each, _(KINDS[each.kind]), detail_words(each)) for each in found[:EVENTS_A_PAGE]]
    more = rows[-1][0].seq if len(found) > EVENTS_A_PAGE else None
    return ask.page("events.html", rows=rows, more=more)


def _accounts(ask: Ask) -> Accounts:
    return ask.desk.accounts.accounts


def _roles(ask: Ask) -> list[Role]:
    return [role for role in Role if role in ask.values("role")]


def _back(ask: Ask) -> Response:
    ask.desk.feed.wake()  # whoever is signed out by this sees it at once
    return ask.see(f"/admin/accounts/{ask.path['badge']}")


def _overview(ask: Ask, error: AccountError | None = None) -> Response:
    now, accounts = utc_now(), ask.desk.accounts
    return ask.page(
        "admin.html",
        200 if error is None else 400,
        error=error,
        accounts=[(each, *_state(ask, each)) for each in accounts.accounts.all(now)],
        sessions=accounts.sessions.all(now),
        screens=accounts.devices.all(),
        own=token_hash(ask.desk.session_cookie(ask.request)),
        roles=[(role, role_name(role)) for role in ROLES],
        chosen=_roles(ask),
        typed=ask.form,
        role_names=role_names,
    )


def _account(ask: Ask, error: AccountError | None = None) -> Response:
    standing = _standing(ask)
    return ask.page(
        "account.html",
        200 if error is None else 400,
        error=error,
        standing=standing,
        state=_state(ask, standing),
        own=standing.account.badge == ask.account.badge,
        roles=[(role, role_name(role)) for role in ROLES],
        role_names=role_names,
        typed=ask.form,
    )


def _standing(ask: Ask) -> Standing:
    found = [each for each in ask.desk.accounts.accounts.all(utc_now()) if each.account.badge == ask.path["badge"]]
    if not found:
        raise NotFound(marked("没有警号 {badge} 的账户"), badge=ask.path["badge"])
    return found[0]


def _state(ask: Ask, standing: Standing) -> tuple[str, str]:
    """Return the class of a tag and its words."""
    unused = "unv" if standing.changed is None else "ok"
    kind = "" if standing.account.disabled else "warn" if standing.locked_until is not None else unused
    return kind, state_words(standing, ask.desk.home.local_time)


def _link(ask: Ask, path: str, said: str, who: str) -> Response:
    address = ask.desk.origins[0] + path
    return ask.page("once.html", said=_(said).format(who=who), address=address)


PAGES = (
    Page("/admin", overview, SECURITY | AUDIT),
    Page("/admin/events", events, AUDIT),
    Page("/admin/accounts", add_account, SECURITY, methods=("POST",)),
    Page("/admin/accounts/{badge}", account_page, SECURITY),
    Page("/admin/accounts/{badge}/roles", set_roles, SECURITY, methods=("POST",)),
    Page("/admin/accounts/{badge}/reset", reset, SECURITY, methods=("POST",)),
    Page("/admin/accounts/{badge}/disable", disable, SECURITY, methods=("POST",)),
    Page("/admin/accounts/{badge}/certificate", certificate, SECURITY, methods=("POST",)),
    Page("/admin/sessions/end", end_session, SECURITY, methods=("POST",)),
    Page("/admin/screens", add_screen, SECURITY, methods=("POST",)),
    Page("/admin/screens/revoke", revoke_screen, SECURITY, methods=("POST",)),
)
