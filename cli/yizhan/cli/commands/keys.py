"""``yizhan keys generate|show|destroy``: private keys of a county, the station or the ledger."""

from __future__ import annotations

import base64
from typing import Any, Final

import click

from yizhan.cli.asking import require_yes
from yizhan.cli.click_options import Group, county_option, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import fields_of, print_json, print_table, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.topics import STATION
from yizhan.services.commands import command_of
from yizhan.services.key_admin import LEDGER, NewKey, OwnKey, destroy_key, generate_keys, own_keys, retired_key
from yizhan.services.labels import KEY_ROLES, KEY_STATES

command = Group("keys", help=marked("县、驿站或账本的密钥：生成、查看"))
_COUNTY: Final = marked("县的六位代码")
_STATION: Final = marked("驿站")
_LEDGER: Final = marked("账本")
_GENERATE: Final = {STATION: Action.to("keys.generate_station"), LEDGER: Action.to("keys.generate_ledger")}
_SHOW: Final = {STATION: Action.to("keys.show_station"), LEDGER: Action.to("keys.show_ledger")}


@command.command(
    "generate",
    help=marked(
        "生成一对新密钥，文件权限 0600，从不覆盖旧的。\n\n"
        "县：签名、封装、会签各一把；驿站：一把邮戳密钥；账本：签名、会签各一把。"
        "新密钥要登记进新一版章程后才有效。"
    ),
)
@county_option(required=False, help=_COUNTY)
@option("--station", is_flag=True, help=_STATION)
@option("--ledger", is_flag=True, help=_LEDGER)
@option("--passphrase", "ask", is_flag=True, help=marked("给密钥文件加口令，在终端上询问两次"))
@passphrase_option()
@json_option()
def generate(
    county: str | None, station: bool, ledger: bool, ask: bool, passphrases: TerminalPassphrase, as_json: bool
) -> None:
    """Make new keys."""
    owner = _owner(county, station=station, ledger=ledger)
    made = generate_keys(current_home(), owner, passphrases, ask=ask)
    if as_json:
        print_json({"owner": owner, "keys": list(map(_new_key_json, made))})
        return
    for each in made:
        tell(f"{_(KEY_ROLES[each.role])}  {each.kid}  {each.file}")
    show_keys = command_of(_SHOW.get(owner) or Action.to("keys.show", county=owner))
    tell(_("登记进章程之后才有效；登记用的公钥见 {command} --json").format(command=show_keys))


def _new_key_json(key: NewKey) -> dict[str, Any]:
    public = base64.b64encode(key.public).decode()
    return {**fields_of(key, "role kid not_before"), "file": str(key.file), "public": public}


@command.command(
    "destroy",
    help=marked(
        "销毁一把已停用的私钥；用它封装的旧文书从此再也打不开。\n\n"
        "KID 至少给前八位。章程里仍有效或将有效的、尚未登记的，不予销毁。"
    ),
)
@click.argument("kid", metavar="KID")
@county_option(help=_COUNTY)
@option("--yes", is_flag=True, help=marked("不再询问"))
@json_option()
def destroy(kid: str, county: str, yes: bool, as_json: bool) -> None:
    """Destroy a retired private key."""
    home = current_home()
    if not yes:
        name = retired_key(home, county, kid).path.name
        require_yes(_("销毁 {file}？用它封装的旧文书再也打不开").format(file=name), _("没有销毁"))
    file = destroy_key(home, county, kid)
    if as_json:
        print_json({"owner": county, "kid": file.kid, "destroyed": str(file.path)})
    else:
        tell(_("已销毁 {kid}；备份里若有，也须销毁").format(kid=file.kid))


@command.command("show", help=marked("列出密钥文件，以及各自在章程中是否登记、有效、撤销"))
@county_option(required=False, help=_COUNTY)
@option("--station", is_flag=True, help=_STATION)
@option("--ledger", is_flag=True, help=_LEDGER)
@json_option()
def show(county: str | None, station: bool, ledger: bool, as_json: bool) -> None:
    """List key files and how they stand in the charter."""
    owner = _owner(county, station=station, ledger=ledger)
    found = own_keys(current_home(), owner)
    if as_json:
        print_json({"owner": owner, "charter": found.charter, "keys": list(map(_own_key_json, found.keys))})
        return
    empty = _("{folder} 里没有密钥；请先运行 {command}").format(
        folder=found.folder, command=command_of(_GENERATE.get(owner) or Action.to("keys.generate", county=owner))
    )
    columns = [_("用途"), "kid", _("文件"), _("口令"), _("章程")]
    print_table(columns, map(_row, found.keys), empty, whole=(1,))


def _row(key: OwnKey) -> tuple[str, ...]:
    file = key.file
    kid, role = file.kid or f"{file.kid8}…", _(KEY_ROLES[key.role])
    if file.fault is not None:
        return role, kid, file.path.name, "", _("不可用：{fault}").format(fault=file.fault)
    return role, kid, file.path.name, _("有") if file.locked else _("无"), _(KEY_STATES[key.status])


def _own_key_json(key: OwnKey) -> dict[str, Any]:
    file, entry = key.file, key.entry
    return {
        "role": key.role,
        **fields_of(file, "kid kid8 locked fault"),
        "file": str(file.path),
        "standing": key.status,
        "registered": entry is not None,
        "public": None if file.public is None else base64.b64encode(file.public).decode(),
        **{name: getattr(entry, name, None) for name in ("not_before", "not_after", "revoked")},
    }


def _owner(county: str | None, *, station: bool, ledger: bool) -> str:
    if [county is not None, station, ledger].count(True) != 1:
        raise click.UsageError(_("请给出 --county C、--station、--ledger 之一"), click.get_current_context())
    return county or (STATION if station else LEDGER)
