"""``yizhan charter``: the ceremony, in steps that people in different offices carry out with files on a medium.

Rule 1: what is signed is shown in words before, by the program that signs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yizhan.charter.signing import Signing
from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import FILE, FOLDER, MOMENT, NEW_FILE, Group, OneOf, county_option, json_option, option
from yizhan.cli.commands.charter_join import join
from yizhan.cli.commands.charter_reading import log, replay, show, verify
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.topics import STATION
from yizhan.services.charter_ceremony import (
    OpenDraft,
    draft_first,
    draft_next,
    draft_status,
    open_draft,
    publish_draft,
    sign_draft,
)
from yizhan.services.charter_requests import KeyRequestOptions, make_request, read_ladder
from yizhan.services.commands import command_of
from yizhan.services.errors import ServiceError
from yizhan.services.files import already_there, write_new

command = Group("charter", help=marked("章程：成员、密钥和规则，各县共同签署才能改变"))
for each in (join, verify, log, show, replay):
    command.add_command(each)


@command.command(
    "request",
    help=marked(
        "写出本单位的密钥申请：要登记的全部公钥，附证明持有私钥的签名。\n\n"
        "缺少的章程签名密钥会当场生成（根、章程、本县各一把）。旧密钥照写，除非用 --retire 或 --revoke 注明终止。"
        "申请可公开携带。"
    ),
)
@county_option(required=False)
@option("--station", is_flag=True, help=marked("驿站的申请"))
@option("--out", required=True, type=NEW_FILE, metavar="FILE", help=marked("写到哪里"))
@option(
    "--scheme",
    type=OneOf(["ml-dsa-65", "ed25519", "ecdsa"]),
    default="ml-dsa-65",
    help=marked("新章程签名密钥的算法（默认 ml-dsa-65）"),
)
@option("--new-role", "new_roles", multiple=True, metavar="OFFICE", help=marked("更换这一章程签名密钥，如 root"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("新密钥自何时有效（默认现在）"))
@option("--retire", "retired", multiple=True, metavar="KID", help=marked("这把密钥到 --until 为止"))
@option("--until", type=MOMENT, metavar="TIME", help=marked("--retire 的时刻（默认现在）"))
@option("--revoke", "revoked", multiple=True, metavar="KID", help=marked("撤销这把密钥"))
@option("--compromised", type=MOMENT, metavar="TIME", help=marked("--revoke 的密钥从何时起可能已泄露"))
@option("--ladder", type=FILE, metavar="FILE", help=marked("联络人名单（TOML：[[ladder]] role name phone）"))
@passphrase_option()
@json_option()
def request(
    county: str | None,
    station: bool,
    out: Path,
    passphrases: TerminalPassphrase,
    as_json: bool,
    **how: Any,  # noqa: ANN401 -- the options above
) -> None:
    """Write a key request."""
    if (county is None) == (not station):
        raise click.UsageError(_("请给出 --county C 或 --station 之一"), click.get_current_context())
    owner, ladder = county or STATION, how.pop("ladder")
    if out.exists():
        raise already_there(str(out))
    options = KeyRequestOptions(ladder=None if ladder is None else read_ladder(ladder), **how)
    data, made = make_request(current_home(), owner, options, passphrases)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_new(str(out), data)
    if as_json:
        roles = {office: [key.keyid for key in keys] for office, keys in made.roles.items()}
        print_json({"owner": owner, "file": str(out), "roles": roles, "keys": made.keys})
        return
    tell(_("{owner} 的密钥申请已写到 {file}；其中只有公钥").format(owner=owner, file=out))


@command.command(
    "init",
    help=marked("起草第一版章程。\n\nTERMS 是联盟与规则（TOML）；--requests 是放着全部成员和驿站密钥申请的目录。"),
)
@click.argument("terms", metavar="TERMS", type=FILE)
@option("--requests", required=True, type=FOLDER, metavar="DIR", help=marked("密钥申请所在的目录"))
@option("--out", required=True, type=FOLDER, metavar="STICK", help=marked("草案写到这个目录"))
@json_option()
def init(terms: Path, requests: Path, out: Path, as_json: bool) -> None:
    """Draft the first version."""
    drafted = draft_first(current_home(), terms.read_text("utf-8"), sorted(requests.glob("*.json")), out)
    _show_draft(drafted, as_json=as_json)


@command.command(
    "propose",
    help=marked(
        "起草下一版章程，并逐条说明有什么不同。\n\n"
        "TERMS 是改好的联盟与规则（可从 yizhan charter show --terms 开始）；--request 是要改的密钥申请；"
        "--renew 只续期，如 350924、targets、root。一个县只改自己的密钥时，只须该县签名。"
    ),
)
@option("--terms", type=FILE, metavar="TERMS", help=marked("联盟与规则（TOML）"))
@option("--request", "requests", multiple=True, type=FILE, metavar="FILE", help=marked("密钥申请，可给多份"))
@option("--renew", multiple=True, metavar="ROLE", help=marked("内容不变，只续期"))
@option("--out", required=True, type=FOLDER, metavar="STICK", help=marked("草案写到这个目录"))
@county_option(required=False)
@json_option()
def propose(
    terms: Path | None, requests: tuple[Path, ...], renew: tuple[str, ...], out: Path, county: str | None, as_json: bool
) -> None:
    """Draft the next version."""
    changed = None if terms is None else terms.read_text("utf-8")
    _show_draft(draft_next(current_home(), county, changed, requests, renew, out), as_json=as_json)


def _show_draft(drafted: OpenDraft, *, as_json: bool) -> None:
    if as_json:
        print_json({"stick": str(drafted.folder), "roles": drafted.roles, "differences": drafted.differences})
        return
    for sentence in drafted.differences:
        tell("· " + sentence)
    sentence = _("须签名的角色：{roles}；请带着 {folder} 到各单位签署：{command}")
    sign_it = command_of(Action.to("charter.sign", folder=drafted.folder))
    tell(sentence.format(roles=join_list(drafted.roles), folder=drafted.folder, command=sign_it))


@command.command("sign", help=marked("看清改了什么，再用本县的章程签名密钥签署 STICK 上的草案"))
@click.argument("folder", metavar="STICK", type=FOLDER)
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问，直接签署"))
@passphrase_option()
@json_option()
def sign(folder: Path, county: str, yes: bool, passphrases: TerminalPassphrase, as_json: bool) -> None:
    """Add this county's signatures."""
    home = current_home()
    opened = open_draft(home, county, folder)
    for sentence in opened.differences:
        say("· " + sentence)
    if not yes:
        if not interactive():
            raise ServiceError(marked("没有终端可以询问；看过之后请加 --yes"))
        require_yes(_("以 {county} 的名义签署？").format(county=county), _("没有签署"))
    signed = sign_draft(home, county, opened, passphrases)
    if as_json:
        print_json({"stick": str(folder), "signed": signed, "differences": opened.differences})
        return
    tell(_("{county} 已签：{roles}").format(county=county, roles=join_list(signed)))


@command.command("status", help=marked("STICK 上的草案谁签了、还缺谁"))
@click.argument("folder", metavar="STICK", type=FOLDER)
@county_option(required=False)
@json_option()
@click.pass_context
def status(ctx: click.Context, folder: Path, county: str | None, as_json: bool) -> None:
    """Show who has signed and who is missing."""
    found = draft_status(current_home(), county, folder)
    done = all(each.done for each in found)
    if as_json:
        print_json({"stick": str(folder), "done": done, "roles": found})
    else:
        print_table([_("角色"), _("须签"), _("已签"), _("还缺")], map(_row, found), "")
    if not done:
        ctx.exit(1)


def _row(each: Signing) -> tuple[str, str, str, str]:
    under = {"old": _("（按旧根）"), "new": ""}[each.under]
    needed = _("{threshold} 个").format(threshold=each.threshold)
    missing = "—" if each.done else join_list(each.missing)
    return each.role + under, needed, join_list(each.signed) or "—", missing


@command.command(
    "publish", help=marked("驿站：签名齐了的草案列入目录，写到 station/public；签名不足则拒绝，并说还缺谁")
)
@click.argument("folder", metavar="STICK", type=FOLDER)
@passphrase_option()
@json_option()
def publish(folder: Path, passphrases: TerminalPassphrase, as_json: bool) -> None:
    """Publish a draft at the station."""
    made = publish_draft(current_home(), folder, passphrases)
    if as_json:
        print_json({"charter": made.name, "root_sha256": made.root_sha256, "files": made.files})
        return
    tell(_("章程 {name} 已发布；驿站运行时会预告它何时生效").format(name=made.name))
    tell(_("根文件指纹（各单位以电话核对）：{fingerprint}").format(fingerprint=made.root_sha256))
