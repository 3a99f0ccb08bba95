"""``yizhan keys generate|show|destroy``: private keys of a county or the station.

Rule 1: a private key never leaves its file; what is printed is what may be registered.
Rule 2: a new key is of no use before a charter names it, and the output says so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.shell import Group, county_option, json_option, option, passphrase_option
from yizhan.cli.words import _, marked

if TYPE_CHECKING:
    from datetime import datetime

    from yizhan.cli.app import App
    from yizhan.cli.keyring import KeyFile, Standing

command = Group("keys", help=marked("县或驿站的密钥：生成、查看"))
_COUNTY = marked("县的六位代码")
_STATION = marked("驿站")
_SHORT = 8


@command.command(
    "generate",
    help=marked(
        "生成一对新密钥，文件权限 0600，从不覆盖旧的。\n\n"
        "县：签名和封装各一把；驿站：一把邮戳密钥。新密钥要登记进新一版章程后才有效。"
    ),
)
@county_option(required=False, help=_COUNTY)
@option("--station", is_flag=True, help=_STATION)
@option("--passphrase", "ask", is_flag=True, help=marked("给密钥文件加口令，在终端上询问两次"))
@passphrase_option()
@json_option()
def generate(county: str | None, station: bool, ask: bool, passphrase_fd: int | None, as_json: bool) -> None:
    """Make new keys."""
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.keyring import Lock
    from yizhan.cli.output import print_json, tell
    from yizhan.schemas.keys import SealingKey, SigningKey, save
    from yizhan.schemas.timestamps import written

    app = this()
    folder = _folder(app, county, station=station)
    passphrase = Lock(passphrase_fd).new(ask=ask)
    keys: list[SigningKey | SealingKey] = [SigningKey.generate()]
    keys += [] if station else [SealingKey.generate()]
    since = written(utc_now())
    made = [
        {
            "role": _role(key.role, station=station),
            "kid": key.kid,
            "file": str(save(key, folder, passphrase)),
            "public": base64.b64encode(key.public.raw).decode(),
            "not_before": since,
        }
        for key in keys
    ]
    if as_json:
        print_json({"owner": county or "station", "keys": made})
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
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.errors import CommandError
    from yizhan.cli.keyring import key_files
    from yizhan.cli.output import print_json, tell

    app, now = this(), utc_now()
    reader = app.reader_of(county)
    entries: dict[str, Any] = {}
    for charter in (reader.in_force(now), reader.latest()):
        entries |= {**charter.signing.get(county, {}), **charter.sealing.get(county, {})}
    folder = _folder(app, county, station=False)
    found = [
        file for file in key_files(folder, entries) if len(kid) >= _SHORT and (file.kid or file.kid8).startswith(kid)
    ]
    if len(found) != 1:
        raise CommandError(_("{folder} 里没有这样的密钥，或不止一把：{kid}").format(folder=folder, kid=kid))
    (file,) = found
    ends = [at for at in (getattr(entries.get(file.kid or ""), name, None) for name in ("not_after", "revoked")) if at]
    if not ends or min(ends) > now:
        sentence = _("{kid} 在章程里仍有效，或尚未登记，不予销毁；请先停用（yizhan charter request --retire）")
        raise CommandError(sentence.format(kid=file.kid or file.kid8))
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
@json_option()
def show(county: str | None, station: bool, as_json: bool) -> None:
    """List key files and how they stand in the charter."""
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.keyring import key_files
    from yizhan.cli.output import print_json, print_table

    app = this()
    folder, now = _folder(app, county, station=station), utc_now()
    entries = _registered(app, county)
    rows = [_row(file, entries, now, station=station) for file in key_files(folder, entries)]
    charter = app.charter.name if (app.charter_folder / "root.json").is_file() else None
    if as_json:
        print_json({"owner": county or "station", "charter": charter, "keys": rows})
        return
    print_table(
        [_("用途"), "kid", _("文件"), _("口令"), _("章程")],
        [
            (
                _role_name(row["role"]),
                row["kid"] or f"{row['kid8']}…",
                Path(str(row["file"])).name,
                _("有") if row["locked"] else _("无"),
                _standing_name(row["standing"]),
            )
            for row in rows
        ],
        _("{folder} 里没有密钥；请先运行 yizhan keys generate").format(folder=folder),
    )


def _row(file: KeyFile, entries: Mapping[str, Any], now: datetime, *, station: bool) -> dict[str, Any]:
    from yizhan.cli.keyring import standing

    entry = entries.get(file.kid or "")
    return {
        "role": _role(file.role, station=station),
        "kid": file.kid,
        "kid8": file.kid8,
        "file": str(file.path),
        "locked": file.locked,
        "standing": standing(entry, now),
        "registered": entry is not None,
        "public": None if file.public is None else base64.b64encode(file.public).decode(),
        "not_before": getattr(entry, "not_before", None),
        "not_after": getattr(entry, "not_after", None),
        "revoked": getattr(entry, "revoked", None),
    }


def _folder(app: App, county: str | None, *, station: bool) -> Path:
    if (county is None) == (not station):
        raise click.UsageError(_("请给出 --county C 或 --station 之一"), click.get_current_context())
    return app.home / "station" / "keys" if county is None else app.county_folder(county) / "keys"


def _registered(app: App, county: str | None) -> dict[str, Any]:
    """Return kid → entry of everything that the newest charter names for an owner."""
    if not (app.charter_folder / "root.json").is_file():
        return {}
    charter = app.charters.latest()
    if county is None:
        return dict(charter.postmark)
    return {**charter.signing.get(county, {}), **charter.sealing.get(county, {})}


def _role(role: str, *, station: bool) -> str:
    return "postmark" if station and role == "sign" else role


def _role_name(role: str) -> str:
    return {"sign": _("签名"), "seal": _("封装"), "postmark": _("邮戳")}[role]


def _standing_name(word: Standing) -> str:
    return {
        "valid": _("有效"),
        "not_yet": _("尚未生效"),
        "expired": _("已过期"),
        "revoked": _("已撤销"),
        "unregistered": _("未登记"),
    }[word]
