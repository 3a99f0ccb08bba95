"""``yizhan desk account``: accounts of a desk from its machine."""

from __future__ import annotations

import json
from pathlib import Path

from tests.world.command import Run
from tests.world.simulator import QINGYUAN
from yizhan.desk.accounts.credentials import code_at
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.runtime.clock import utc_now

COUNTY = ("--county", QINGYUAN)
PASSWORD = "梅子黄时日日晴 umbrella"  # noqa: S105 -- of nobody


def use_link(home: Path, link: str) -> None:
    """Set a password, as the page of the link does."""
    token, now = link.removeprefix("/link/"), utc_now()
    with AccountStore(home / "counties" / QINGYUAN / ACCOUNTS_FILE) as store:
        store.use_link(token, PASSWORD, code_at(store.link(token, now).secret, now), now, badge="", name="")


def test_an_account_is_added_listed_and_reset(home: Path, yizhan: Run) -> None:
    """Each answer that makes a link gives one that works; the list says how the account stands."""
    added = json.loads(yizhan("desk", "account", "add", "330001", "安某", "--role", "security", *COUNTY, "--json").out)
    assert added["badge"] == "330001"
    assert "330001  安某  安全管理员  链接未用" in yizhan("desk", "account", "list", *COUNTY).out
    use_link(home, added["link"])
    (row,) = json.loads(yizhan("desk", "account", "list", *COUNTY, "--json").out)["accounts"]
    assert (row["roles"], row["disabled"], row["codes_left"], row["changed"] is None) == (
        ["security"],
        False,
        10,
        False,
    )
    reset = yizhan("desk", "account", "reset", "330001", *COUNTY)
    assert reset.code == 0
    assert "请把这个链接当面交给警号 330001" in reset.out
    use_link(home, reset.out.split("\n")[-2])


def test_what_cannot_be_is_a_sentence(home: Path, yizhan: Run) -> None:
    """Roles that exclude each other, a badge twice, a badge that nobody has: exit 1 and the reason."""
    add = ("desk", "account", "add", "331902", "周某", *COUNTY)
    refused = yizhan(*add, "--role", "duty", "--role", "audit")
    assert (refused.code, "三员分立" in refused.err) == (1, True)
    assert yizhan(*add, "--role", "值班员").code == 0
    again = yizhan(*add, "--role", "duty")
    assert (again.code, "警号 331902 已有账户" in again.err) == (1, True)
    missing = yizhan("desk", "account", "reset", "339999", *COUNTY)
    assert (missing.code, "没有警号 339999 的账户" in missing.err) == (1, True)
    assert yizhan(*add).code == 2


def test_whoever_ran_the_command_stands_in_the_book(home: Path, yizhan: Run) -> None:
    """The audit administrator reads the account of the machine, not a badge."""
    yizhan("desk", "account", "add", "331902", "周某", "--role", Role.DUTY, *COUNTY)
    with AccountStore(home / "counties" / QINGYUAN / ACCOUNTS_FILE) as store:
        (event,) = store.events()
    assert (event.badge, event.by[-1]) == ("331902", ")")
