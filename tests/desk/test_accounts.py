"""Accounts: who gets in and who does not, sessions, passwords, links."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.desk.people import CHEAP, NOON, PASSWORD, SECURITY, STEP, Counting, Human, cheap, enter, first, officer
from tests.world.each import each
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.credentials import IN_THE_QUEUE, Cost, Passwords, code_at
from yizhan.desk.accounts.database import Kind
from yizhan.desk.accounts.errors import AccountError, LinkInvalid, SignInBusy, SignInLocked, SignInRefused
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sessions import IDLE, LIFE
from yizhan.desk.accounts.store import AccountStore

LATER = NOON + timedelta(minutes=1)
CONSOLE = Operator("duty (1000)")


def kinds(store: AccountStore) -> list[str]:
    """Return what happened, the newest first."""
    return [event.kind for event in store.events()]


def refused(store: AccountStore, badge: str, password: str, code: str) -> str:
    """Return the sentence that refuses."""
    with pytest.raises((SignInRefused, SignInLocked)) as caught:
        store.sign_in(badge, password, code, LATER)
    return str(caught.value)


# -- signing in --


def test_a_person_signs_in_with_password_and_code(store: AccountStore, duty: Human) -> None:
    """The session is of the account, is not locked, and the cookie stands nowhere in the database."""
    cookie = duty.sign_in(store, LATER)
    session = store.session(cookie, LATER)
    assert session is not None
    assert (session.account.badge, session.account.roles, session.locked) == ("331902", frozenset({Role.DUTY}), False)
    with store._database.reading() as conn:  # noqa: SLF001 -- what lies on the disk
        assert cookie not in "\n".join(conn.iterdump())


def test_a_code_is_good_once(store: AccountStore, duty: Human) -> None:
    """A step of the authenticator that was used lets nobody in again, nor does an earlier one; the next does."""
    store.sign_in(duty.badge, PASSWORD, duty.code(LATER), LATER)
    for when in (LATER, LATER - STEP):
        refused(store, duty.badge, PASSWORD, code_at(duty.secret, when))
    assert store.sign_in(duty.badge, PASSWORD, code_at(duty.secret, LATER + STEP), LATER)


def test_the_code_of_the_link_is_used_too(store: AccountStore, duty: Human) -> None:
    """Whoever saw the code that was typed on the link's page cannot sign in with it."""
    with pytest.raises(SignInRefused):
        store.sign_in(duty.badge, PASSWORD, duty.code(NOON), NOON)


def test_a_one_time_code_is_good_once(store: AccountStore, duty: Human) -> None:
    """A code from the list works in small letters and without its hyphen, once; the list gets shorter."""
    assert len(set(duty.codes)) == 10
    store.sign_in(duty.badge, PASSWORD, duty.codes[0].lower().replace("-", " "), LATER)
    refused(store, duty.badge, PASSWORD, duty.codes[0])
    standing = next(each for each in store.accounts.all(LATER) if each.account.badge == duty.badge)
    assert standing.codes_left == 9
    assert Kind.CODE_USED in kinds(store)


def test_nobody_learns_what_was_wrong(store: AccountStore, duty: Human) -> None:
    """Wrong code, wrong password, unknown badge, disabled badge: the same sentence, after one derivation each."""
    other = officer(store, "331903", "吴某", Role.DUTY)
    store.accounts.disable("331903", SECURITY, NOON)
    assert isinstance(store.passwords, Counting)
    store.passwords.derived = 0
    said = {
        refused(store, duty.badge, PASSWORD, "000000"),
        refused(store, "999999", PASSWORD, "000000"),
        refused(store, other.badge, PASSWORD, other.code(LATER)),
        refused(store, SECURITY, "wrong wrong wrong", "000000"),
    }
    assert len(said) == 1
    assert store.passwords.derived == 4


@each("badge", ["331902", "999999"])
def test_five_failures_lock_a_badge(badge: str, tmp_path: Path) -> None:
    """After five the right password does not help either, for 15 minutes; a badge that nobody has is locked alike."""
    with AccountStore(tmp_path / f"{badge}.sqlite3", cheap()) as store:
        first(store)
        human = officer(store, "331902", "周某", Role.DUTY)
        said = [refused(store, badge, "wrong wrong wrong", "000000") for _ in range(5)]
        assert ["还可试 4 次" in said[0], "还可试 1 次" in said[3], "15 分钟后" in said[4]] == [True] * 3
        with pytest.raises(SignInLocked):
            store.sign_in(badge, PASSWORD, human.code(LATER), LATER)
        after = LATER + timedelta(minutes=15)
        if badge == human.badge:
            assert store.sign_in(badge, PASSWORD, human.code(after), after)
        else:
            with pytest.raises(SignInRefused):
                store.sign_in(badge, PASSWORD, human.code(after), after)
        assert Kind.LOCKED_OUT in kinds(store)


def test_success_forgets_failures(store: AccountStore, duty: Human) -> None:
    """Four failures, a success and four failures lock nobody."""
    for when in (LATER, LATER + STEP):
        for _ in range(4):
            refused(store, duty.badge, "wrong wrong wrong", "000000")
        store.sign_in(duty.badge, PASSWORD, duty.code(when), when)


def test_a_password_in_the_wrong_field_is_not_kept(store: AccountStore, duty: Human) -> None:
    """Neither the book of events nor any table has what was typed as a badge and cannot be one."""
    refused(store, PASSWORD, duty.badge, "000000")
    with store._database.reading() as conn:  # noqa: SLF001 -- what lies on the disk
        assert PASSWORD not in "\n".join(conn.iterdump())


def test_many_at_once_are_turned_away(tmp_path: Path) -> None:
    """Two derive at a time and a few wait; the next is refused at once, and the desk has its threads for others."""
    held, inside = threading.Event(), threading.Semaphore(0)
    passwords = Passwords(CHEAP)

    def hold() -> None:
        with passwords._turn():  # noqa: SLF001 -- a derivation that takes as long as the test needs
            inside.release()
            held.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(IN_THE_QUEUE)]
    for thread in threads:
        thread.start()
    try:
        assert inside.acquire(timeout=60)
        assert inside.acquire(timeout=60)
        while passwords._queue.acquire(blocking=False):  # noqa: SLF001 -- until all of them stand in the queue
            passwords._queue.release()  # noqa: SLF001
        assert not inside.acquire(blocking=False)
        with pytest.raises(SignInBusy):
            passwords.matches("whatever", None)
    finally:
        held.set()
        for thread in threads:
            thread.join(60)
    assert not passwords.matches("whatever", None)


def test_the_real_cost_is_what_is_kept() -> None:
    """A password is kept as Argon2id with 64 MiB, 3 passes, 4 lanes, and only it fits."""
    passwords = Passwords(Cost())
    kept = passwords.hashed(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(PASSWORD, kept)
    assert not passwords.matches(PASSWORD + " ", kept)


# -- sessions --


def test_an_idle_session_is_locked_and_not_ended(store: AccountStore, duty: Human) -> None:
    """What a page asks for by itself extends nothing: after 15 minutes without a person it is locked, and stays so."""
    cookie = duty.sign_in(store, LATER)
    for minutes in (5, 10, 14):
        found = store.session(cookie, LATER + timedelta(minutes=minutes), person=False)
        assert found is not None
        assert not found.locked
    for person in (False, True):
        found = store.session(cookie, LATER + IDLE, person=person)
        assert found is not None
        assert found.locked


def test_a_person_extends_a_session(store: AccountStore, duty: Human) -> None:
    """Whoever opens a page every ten minutes is not locked, and is signed out after 12 hours all the same."""
    cookie, now = duty.sign_in(store, LATER), LATER
    while (now := now + timedelta(minutes=10)) < LATER + LIFE:
        found = store.session(cookie, now)
        assert found is not None
        assert not found.locked
    assert store.session(cookie, LATER + LIFE) is None


def test_its_officer_unlocks_a_session_with_the_password(store: AccountStore, duty: Human) -> None:
    """The password alone unlocks; a wrong one counts as everywhere, and five lock the badge."""
    cookie = duty.sign_in(store, LATER)
    session = store.session(cookie, LATER)
    assert session is not None
    store.sessions.lock(session.key, LATER)
    with pytest.raises(SignInRefused):
        store.unlock(session, "wrong wrong wrong", LATER)
    locked = store.session(cookie, LATER)
    assert locked is not None
    assert locked.locked
    store.unlock(session, PASSWORD, LATER)
    unlocked = store.session(cookie, LATER)
    assert unlocked is not None
    assert not unlocked.locked
    for _ in range(4):
        with pytest.raises(SignInRefused):
            store.unlock(session, "wrong wrong wrong", LATER)
    for password in ("wrong wrong wrong", PASSWORD):
        with pytest.raises(SignInLocked):
            store.unlock(session, password, LATER)


def test_another_officer_signs_in_at_a_locked_screen(store: AccountStore, duty: Human) -> None:
    """The session before ends, and the new one has another cookie."""
    before = duty.sign_in(store, LATER)
    other = officer(store, "331903", "吴某", Role.DUTY)
    cookie = store.sign_in(other.badge, PASSWORD, other.code(LATER), LATER, instead_of=before)
    assert cookie != before
    assert store.session(before, LATER) is None
    found = store.session(cookie, LATER)
    assert found is not None
    assert found.account.badge == "331903"


ENDING: dict[str, Callable[[AccountStore], object]] = {
    "roles": lambda store: store.accounts.set_roles("331902", (Role.LIAISON,), SECURITY, LATER),
    "disabled": lambda store: store.accounts.disable("331902", SECURITY, LATER),
    "reset": lambda store: store.accounts.reset("331902", SECURITY, LATER),
}


@each("how", ENDING)
def test_what_changes_an_account_ends_its_sessions(how: str, tmp_path: Path) -> None:
    """New roles, a disabled account, a reset: the cookie is worth nothing from then on."""
    with AccountStore(tmp_path / f"{how}.sqlite3", cheap()) as store:
        first(store)
        cookie = officer(store, "331902", "周某", Role.DUTY).sign_in(store, LATER)
        assert store.session(cookie, LATER) is not None
        ENDING[how](store)
        assert store.session(cookie, LATER) is None


def test_a_changed_password_ends_all_other_sessions(store: AccountStore, duty: Human) -> None:
    """The browser in which it was changed stays signed in; one from before is out, and the old password too."""
    stolen = duty.sign_in(store, LATER)
    now = LATER + STEP
    own = duty.sign_in(store, now)
    session = store.session(own, now)
    assert session is not None
    with pytest.raises(SignInRefused):
        store.change_password(session, "wrong wrong wrong", "四时田园杂兴 battery", now)
    store.change_password(session, PASSWORD, "四时田园杂兴 battery", now)
    assert store.session(stolen, now) is None
    assert store.session(own, now) is not None
    later = now + STEP
    refused(store, duty.badge, PASSWORD, duty.code(later))
    assert store.sign_in(duty.badge, "四时田园杂兴 battery", duty.code(later), later)


def test_a_made_up_cookie_is_nobody(store: AccountStore, duty: Human) -> None:
    """Neither a guess, nor the hash that lies in the database, nor nothing at all opens a session."""
    cookie = duty.sign_in(store, LATER)
    session = store.session(cookie, LATER)
    assert session is not None
    for each_ in ("", "x", session.key, cookie + "=", cookie[:-1], "\udcff", "0" * 5000):
        assert store.session(each_, LATER) is None


# -- passwords and links --


@each(
    "password",
    [
        "short",
        "a" * 12,
        "ab" * 6,
        "123456789012",
        "abcdefghijklmnop",
        "my 331902 badge",
        "周某的口令不会被人猜到吧",
        "x" * 201,
    ],
)
def test_a_poor_password_is_refused(password: str, tmp_path: Path) -> None:
    """Too short, too long, one's own badge or name, a row of characters."""
    with AccountStore(tmp_path / "desk.sqlite3", cheap()) as store:
        token = (
            store.accounts.add("331902", "周某", (Role.DUTY,), CONSOLE, NOON) if not store.accounts.all(NOON) else None
        )
        token = token or store.accounts.reset("331902", CONSOLE, NOON)
        secret = store.link(token, NOON).secret
        with pytest.raises(AccountError) as caught:
            store.use_link(token, password, code_at(secret, NOON), NOON, badge="", name="")
        assert caught.value.field == "password"


def test_a_link_is_good_once_and_for_a_day(store: AccountStore) -> None:
    """A link that was used, or is a day old, or was replaced by a newer one, is refused."""
    before = store.accounts.first_link(NOON)
    token = store.accounts.first_link(NOON)
    assert before is not None
    assert token is not None
    enter(store, token, NOON)
    assert store.accounts.first_link(NOON) is None
    added = store.accounts.add("331902", "周某", (Role.DUTY,), SECURITY, NOON)
    for gone, when in ((before, NOON), (token, NOON), (added, NOON + timedelta(hours=24)), ("x", NOON)):
        with pytest.raises(LinkInvalid):
            store.link(gone, when)


def test_a_link_needs_the_code_of_its_authenticator(store: AccountStore) -> None:
    """Whoever did not take the secret over is not left without a second factor."""
    token = store.accounts.first_link(NOON)
    assert token is not None
    with pytest.raises(AccountError) as caught:
        store.use_link(token, PASSWORD, "000000", NOON, badge=SECURITY, name="安某")
    assert caught.value.field == "code"
    assert store.accounts.all(NOON) == []


def test_after_a_reset_nothing_old_helps(store: AccountStore, duty: Human) -> None:
    """Password, authenticator and one-time codes are worthless until the link is used; a locked badge is free."""
    token = store.accounts.reset(duty.badge, SECURITY, LATER)
    for code in (duty.code(LATER), duty.codes[0]):
        refused(store, duty.badge, PASSWORD, code)
    again = enter(store, token, LATER)
    assert again.secret != duty.secret
    assert again.sign_in(store, LATER + STEP)
