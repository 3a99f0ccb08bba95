"""Who may change whose account, and what stands in the book."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.desk.people import NOON, SECURITY, Human, enter, first, officer
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore

LATER = NOON + timedelta(minutes=1)
CONSOLE = Operator("duty (1000)")


def test_administrators_have_one_role_and_no_office(store: AccountStore) -> None:
    """Three administrators are three people, and none does the office's work."""
    first(store)
    for roles in ((Role.SYSTEM, Role.AUDIT), (Role.SYSTEM, Role.DUTY), (Role.AUDIT, Role.AUDITOR), ()):
        with pytest.raises(AccountError):
            store.accounts.add("331902", "周某", roles, SECURITY, NOON)
    assert [each_.account.badge for each_ in store.accounts.all(NOON)] == [SECURITY]


def test_a_new_administrator_takes_over_from_the_one_before(store: AccountStore) -> None:
    """There is one of each: when the follower's link is used, the account before is disabled and signed out."""
    old = first(store)
    cookie = old.sign_in(store, LATER)
    token = store.accounts.add("330002", "新某", (Role.SECURITY,), CONSOLE, LATER)
    assert store.session(cookie, LATER) is not None
    enter(store, token, LATER)
    assert store.session(cookie, LATER) is None
    now = {each_.account.badge: each_.account.disabled for each_ in store.accounts.all(LATER)}
    assert now == {SECURITY: True, "330002": False}
    with pytest.raises(AccountError):
        store.accounts.enable(SECURITY, "330002", LATER)


BY_OTHERS: dict[str, Callable[[AccountStore, str], object]] = {
    "add": lambda store, by: store.accounts.add("330009", "某某", (Role.DUTY,), by, NOON),
    "reset": lambda store, by: store.accounts.reset(SECURITY, by, NOON),
    "roles": lambda store, by: store.accounts.set_roles(SECURITY, (Role.DUTY,), by, NOON),
    "disable": lambda store, by: store.accounts.disable(SECURITY, by, NOON),
    "enable": lambda store, by: store.accounts.enable(SECURITY, by, NOON),
    "certificate": lambda store, by: store.accounts.add_certificate(SECURITY, "CN=CA", "01", by, NOON),
    "remove": lambda store, by: store.accounts.remove_certificate(SECURITY, "CN=CA", "01", by, NOON),
    "screen": lambda store, by: store.devices.add("东墙", by, NOON),
    "revoke": lambda store, by: store.devices.revoke(1, by, NOON),
}


def test_only_the_security_administrator_manages_accounts(store: AccountStore) -> None:
    """Neither an officer, nor another administrator, nor somebody who was disabled changes anything."""
    first(store)
    for badge, name, role in (
        ("331902", "周某", Role.DUTY),
        ("330003", "审某", Role.AUDIT),
        ("330004", "系某", Role.SYSTEM),
    ):
        officer(store, badge, name, role)
    before = store.events()
    for by in ("331902", "330003", "330004", "999999", ""):
        for change in BY_OTHERS.values():
            with pytest.raises(AccountError):
                change(store, by)
    assert store.events() == before


def test_nobody_manages_himself(store: AccountStore) -> None:
    """The security administrator changes everybody's account but his own."""
    first(store)
    for name in ("reset", "roles", "disable", "enable", "certificate", "remove"):
        with pytest.raises(AccountError):
            BY_OTHERS[name](store, SECURITY)


def test_a_certificate_signs_its_account_in(store: AccountStore, duty: Human) -> None:
    """Issuer and serial lead to one badge; an unknown one, or one that was taken away, to nobody."""
    store.accounts.add_certificate(duty.badge, "CN=丽水 CA", "0A1B", SECURITY, NOON)
    cookie = store.sign_in_by_certificate("CN=丽水 CA", "0A1B", LATER)
    assert cookie is not None
    found = store.session(cookie, LATER)
    assert found is not None
    assert found.account.badge == duty.badge
    with pytest.raises(AccountError):
        store.accounts.add_certificate(duty.badge, "CN=丽水 CA", "0A1B", SECURITY, NOON)
    store.accounts.remove_certificate(duty.badge, "CN=丽水 CA", "0A1B", SECURITY, LATER)
    assert store.session(cookie, LATER) is None
    assert store.sign_in_by_certificate("CN=丽水 CA", "0A1B", LATER) is None


def test_a_screen_is_known_until_it_is_revoked(store: AccountStore) -> None:
    """A screen's token is no session, and is worth nothing once revoked."""
    first(store)
    token = store.devices.add("值班室东墙", SECURITY, NOON)
    device = store.devices.find(token)
    assert device is not None
    assert device.name == "值班室东墙"
    assert store.session(token, NOON) is None
    store.devices.revoke(device.number, SECURITY, LATER)
    assert store.devices.find(token) is None


def test_events_are_only_added(store: AccountStore, duty: Human) -> None:
    """Every change stands in the book with who made it, and the database lets nobody rewrite it."""
    duty.sign_in(store, LATER)
    events = store.events()
    assert [event.seq for event in events] == list(range(len(events), 0, -1))
    assert ("account_added", "331902", SECURITY) in [(event.kind, event.badge, event.by) for event in events]
    assert store.events(before=events[0].seq, limit=1) == [events[1]]
    for sql in ("UPDATE events SET by = ''", "DELETE FROM events", "REPLACE INTO events SELECT * FROM events"):
        with pytest.raises(sqlite3.IntegrityError), store._database.writing() as conn:  # noqa: SLF001 -- somebody else's hand
            conn.execute(sql)
    assert store.events() == events
