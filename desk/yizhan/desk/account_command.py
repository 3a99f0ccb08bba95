"""``yizhan desk account``: accounts of a county's desk, for whoever runs its machine."""

from __future__ import annotations

from typing import Final

import click

from yizhan.cli.click_options import Group, OneOf, county_option, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_table, tell
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.management import Standing
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.accounts.words import ROLES, role_names, state_words
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.services.actor import process_account

command: Final = Group("account", help=marked("值班台的账户：新建、列出、重置。平时由安全管理员在网页上管"))


@command.command(
    "add",
    help=marked(
        "新建账户，给出一个链接，24 小时内有效，只能用一次；本人用它设口令和动态码。\n\n"
        "管理员（system、security、audit）各一名：新的用链接设好口令时，原来的即停用。"
    ),
)
@click.argument("badge", metavar="BADGE")
@click.argument("name", metavar="NAME")
@option("--role", "roles", multiple=True, required=True, type=OneOf(list(Role), ROLES), help=marked("角色；可多次"))
@county_option()
@json_option()
def add(badge: str, name: str, roles: tuple[str, ...], county: str, *, as_json: bool) -> None:
    """Add an account."""
    with _accounts(county) as accounts:
        token = accounts.accounts.add(badge, name, list(map(Role, roles)), _operator(), utc_now())
    _show_link(badge, token, as_json=as_json)


@command.command("list", help=marked("列出账户：角色、状态、口令设于何时"))
@county_option()
@json_option()
def list_(county: str, *, as_json: bool) -> None:
    """List accounts."""
    home = current_home()
    with _accounts(county) as accounts:
        found = accounts.accounts.all(utc_now())
    if as_json:
        print_json({"accounts": list(map(_json, found))})
        return
    rows = [
        (
            each.account.badge,
            each.account.name,
            role_names(each.account.roles),
            state_words(each, home.local_time),
            home.local_time(each.changed),
        )
        for each in found
    ]
    print_table([_("警号"), _("姓名"), _("角色"), _("状态"), _("口令设于")], rows, _("还没有账户"))


@command.command(
    "reset",
    help=marked(
        "重置账户：口令、动态码和一次性备用码立即作废，登录的都退出，被锁住的解开；另给一个链接重设。\n\n"
        "安全管理员自己的账户只能这样重置。"
    ),
)
@click.argument("badge", metavar="BADGE")
@county_option()
@json_option()
def reset(badge: str, county: str, *, as_json: bool) -> None:
    """Reset an account."""
    with _accounts(county) as accounts:
        token = accounts.accounts.reset(badge, _operator(), utc_now())
    _show_link(badge, token, as_json=as_json)


def _accounts(county: str) -> AccountStore:
    home = current_home()
    home.member(county)
    return AccountStore(home.county_folder(county) / ACCOUNTS_FILE)


def _operator() -> Operator:
    return Operator(process_account())


def _show_link(badge: str, token: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"badge": badge, "link": f"/link/{token}"})
        return
    tell(_("请把这个链接当面交给警号 {badge}；24 小时内有效，只能用一次。前面加上值班台的地址：").format(badge=badge))
    tell(f"/link/{token}")


def _json(standing: Standing) -> dict[str, object]:
    account = standing.account
    return {
        "badge": account.badge,
        "name": account.name,
        "roles": sorted(account.roles),
        "disabled": account.disabled,
        "changed": standing.changed,
        "locked_until": standing.locked_until,
        "codes_left": standing.codes_left,
    }
