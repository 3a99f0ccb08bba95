"""``yizhan keys generate|show|destroy``: private keys of a county, the station or the ledger.

Rule 1: a private key never leaves its file; what is printed is what may be registered.
Rule 2: a new key is of no use before a charter names it, and the output says so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Group, county_option, json_option, option, passphrase_option
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from datetime import datetime

    from yizhan.services.home import Home
    from yizhan.services.keys import KeyFile, KeyStatus

command = Group("keys", help=marked("县、驿站或账本的密钥：生成、查看"))
_COUNTY = marked("县的六位代码")
_STATION = marked("驿站")
_SHORT = 8
_LEDGER = marked("账本")


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
    county: str | None, station: bool, ledger: bool, ask: bool, passphrase_fd: int | None, as_json: bool
) -> None:
    """Make new keys."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey, save
    from yizhan.schemas.timestamps import written

    home = current_home()
    owner = _owner(county, station=station, ledger=ledger)
    folder = _folder(home, owner)
    passphrase = TerminalPassphrase(passphrase_fd).new(ask=ask)
    keys: list[SigningKey | SealingKey | CosigningKey] = [SigningKey.generate()]
    keys += [SealingKey.generate()] if owner not in _ALONE else []
    keys += [CosigningKey.generate()] if owner != "station" else []
    since = written(utc_now())
    made = [
        {
            "role": _role(key.role, owner),
            "kid": key.kid,
            "file": str(save(key, folder, passphrase)),
            "public": base64.b64encode(key.public.raw).decode(),
            "not_before": since,
        }
        for key in keys
    ]
    if as_json:
        print_json({"owner": owner, "keys": made})
        return
    for each in made:
        tell(f"{_role_name(each['role'])}  {each['kid']}  {each['file']}")
    tell(_("登记进章程之后才有效；登记用的公钥见 yizhan keys show --json"))


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
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.runtime.clock import utc_now
    from yizhan.services.errors import ServiceError
    from yizhan.services.keys import key_files

    home, now = current_home(), utc_now()
    reader = home.reader_of(county)
    entries: dict[str, Any] = {}
    for charter in (reader.in_force(now), reader.latest()):
        for lists in (charter.signing, charter.sealing, charter.cosigning):
            entries |= lists.get(county, {})
    folder = _folder(home, county)
    found = [
        file for file in key_files(folder, entries) if len(kid) >= _SHORT and (file.kid or file.kid8).startswith(kid)
    ]
    if len(found) != 1:
        raise ServiceError(marked("{folder} 里没有这样的密钥，或不止一把：{kid}"), folder=folder, kid=kid)
    (file,) = found
    ends = [at for at in (getattr(entries.get(file.kid or ""), name, None) for name in ("not_after", "revoked")) if at]
    if not ends or min(ends) > now:
        sentence = marked("{kid} 在章程里仍有效，或尚未登记，不予销毁；请先停用（yizhan charter request --retire）")
        raise ServiceError(sentence, kid=file.kid or file.kid8)
    if not yes:
        click.confirm(_("销毁 {file}？用它封装的旧文书再也打不开").format(file=file.path.name), abort=True, err=True)
    file.path.write_bytes(b"\0" * file.path.stat().st_size)
    file.path.unlink()
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
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table
    from yizhan.runtime.clock import utc_now
    from yizhan.services.keys import key_files

    home = current_home()
    owner = _owner(county, station=station, ledger=ledger)
    folder, now = _folder(home, owner), utc_now()
    entries = _registered(home, owner)
    rows = [_row(file, entries, now, owner) for file in key_files(folder, entries, faults=True)]
    charter = home.charter.name if (home.charter_folder / "root.json").is_file() else None
    if as_json:
        print_json({"owner": owner, "charter": charter, "keys": rows})
        return
    print_table(
        [_("用途"), "kid", _("文件"), _("口令"), _("章程")],
        [
            (
                _role_name(row["role"]),
                row["kid"] or f"{row['kid8']}…",
                Path(str(row["file"])).name,
                "" if row["fault"] else _("有") if row["locked"] else _("无"),
                _("不可用：{fault}").format(fault=row["fault"]) if row["fault"] else _standing_name(row["standing"]),
            )
            for row in rows
        ],
        _("{folder} 里没有密钥；请先运行 yizhan keys generate").format(folder=folder),
        whole=(1,),
    )


def _row(file: KeyFile, entries: Mapping[str, Any], now: datetime, owner: str) -> dict[str, Any]:
    from yizhan.services.keys import key_status

    entry = entries.get(file.kid or "")
    return {
        "role": _role(file.role, owner),
        "kid": file.kid,
        "kid8": file.kid8,
        "file": str(file.path),
        "locked": file.locked,
        "fault": file.fault,
        "standing": key_status(entry, now),
        "registered": entry is not None,
        "public": None if file.public is None else base64.b64encode(file.public).decode(),
        "not_before": getattr(entry, "not_before", None),
        "not_after": getattr(entry, "not_after", None),
        "revoked": getattr(entry, "revoked", None),
    }


_ALONE = ("station", "ledger")
"""Owners of keys that are no county; their folders in the home bear these names."""


def _owner(county: str | None, *, station: bool, ledger: bool) -> str:
    if [county is not None, station, ledger].count(True) != 1:
        raise click.UsageError(_("请给出 --county C、--station、--ledger 之一"), click.get_current_context())
    return county or ("station" if station else "ledger")


def _folder(home: Home, owner: str) -> Path:
    return (home.path / owner if owner in _ALONE else home.county_folder(owner)) / "keys"


def _registered(home: Home, owner: str) -> dict[str, Any]:
    """Return kid → entry of everything that the newest charter names for an owner."""
    if not (home.charter_folder / "root.json").is_file():
        return {}
    charter = home.charters.latest()
    if owner == "station":
        return dict(charter.postmark)
    if owner == "ledger":
        return {**charter.ledger, **charter.ledger_mldsa}
    lists = (charter.signing, charter.sealing, charter.cosigning)
    return {kid: entry for each in lists for kid, entry in each.get(owner, {}).items()}


def _role(role: str, owner: str) -> str:
    return "postmark" if owner == "station" and role == "sign" else role


def _role_name(role: str) -> str:
    return {"sign": _("签名"), "seal": _("封装"), "cosign": _("会签"), "postmark": _("邮戳")}[role]


def _standing_name(word: KeyStatus) -> str:
    return {
        "valid": _("有效"),
        "not_yet": _("尚未生效"),
        "expired": _("已过期"),
        "revoked": _("已撤销"),
        "unregistered": _("未登记"),
    }[word]
