"""``yizhan charter join``: a county becomes a member, or renews its keys; one command a side, run again each time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import FILE, FOLDER, OneOf, county_option, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.charter_ceremony import OpenDraft
from yizhan.services.charter_joining import (
    Joining,
    JoinOptions,
    JoinStep,
    NewMember,
    Step,
    StepState,
    join_county,
    join_station,
)
from yizhan.services.charter_requests import read_ladder
from yizhan.services.commands import command_of
from yizhan.services.errors import ServiceError

_STEPS: Final[dict[Step, str]] = {
    "keys": marked("本县的密钥"),
    "request": marked("密钥申请和证书申请"),
    "draft": marked("下一版章程的草案"),
    "signatures": marked("签署草案"),
    "published": marked("发布章程"),
    "anchor": marked("核对根文件"),
    "adopted": marked("收下有本县的章程"),
    "certificate": marked("连接 Kafka 的证书"),
}
_STATES: Final[dict[StepState, str]] = {
    "done": marked("已办"),
    "now": marked("现在办"),
    "waiting": marked("等别的单位"),
}
_ANCHOR: Final = marked("请与驿站或别的县通话核对 {file} 的指纹，再运行一次，加 --anchor {file}")
_SIGN: Final = marked("请看清改了什么，再运行一次并同意签署（--yes）")
_PUBLISH: Final = marked("签名齐了：请再运行一次并同意发布（--yes）")


@single_command(
    "join",
    help=marked(
        "加入联盟，或更换密钥和证书：每一方反复运行这一条，它办当下该办的，并列出还缺什么、该谁签。\n\n"
        "STICK 是各单位之间传递的目录，里面没有秘密。县里给 --county：生成密钥，写申请，签署，收下章程和证书。"
        "驿站给 --station：起草，列出谁签了、还缺谁，齐了就发布，签发证书。"
    ),
)
@click.argument("stick", type=FOLDER, metavar="STICK")
@county_option(required=False)
@option("--station", is_flag=True, help=marked("在驿站的机器上，代表联盟办理"))
@option("--renew", is_flag=True, help=marked("成员更换事件密钥和证书"))
@option("--ladder", type=FILE, metavar="FILE", help=marked("联络人名单（TOML：[[ladder]] role name phone）"))
@option("--anchor", type=FILE, metavar="ROOT", help=marked("通话核对过指纹的章程根文件"))
@option(
    "--scheme",
    type=OneOf(["ml-dsa-65", "ed25519", "ecdsa"]),
    default="ml-dsa-65",
    help=marked("新章程签名密钥的算法（默认 ml-dsa-65）"),
)
@option("--name", nargs=2, metavar="ZH EN", help=marked("新成员的名称，中文和英文"))
@option("--province", nargs=2, metavar="ZH EN", help=marked("新成员所在的省，中文和英文"))
@option("--pair", "pairs", multiple=True, metavar="C", help=marked("与哪个成员结对，可给多个"))
@option("--yes", is_flag=True, help=marked("看过了：签署，或发布"))
@passphrase_option()
@json_option()
def join(
    stick: Path,
    county: str | None,
    *,
    station: bool,
    passphrases: TerminalPassphrase,
    as_json: bool,
    **given: Any,  # noqa: ANN401 -- the options above
) -> None:
    """Do what is next."""
    if (county is None) != station:
        raise click.UsageError(_("请给出 --county C 或 --station 之一"), click.get_current_context())
    home = current_home()
    if county is None:
        member = NewMember(given["name"], given["province"], given["pairs"]) if given["name"] else None
        if member is not None and not member.province:
            raise click.UsageError(_("缺少 --province：新成员所在的省"), click.get_current_context())
        found = join_station(home, stick, member, passphrases, publish=given["yes"])
    else:
        options = JoinOptions(
            given["scheme"],
            None if given["ladder"] is None else read_ladder(given["ladder"]),
            None if given["anchor"] is None else given["anchor"].read_bytes(),
            given["renew"],
            partial(_agrees, county, given["yes"]),
        )
        found = join_county(home, county, stick, options, passphrases)
    if as_json:
        commands = [command_of(each) for each in found.next]
        steps = {"steps": found.steps, "signatures": found.signatures, "next": commands}
        print_json({"stick": str(stick), "finished": found.finished, **steps})
        return
    _show(found)


def _agrees(county: str, yes: bool, opened: OpenDraft) -> bool:
    """Show what a draft changes, and ask."""
    for sentence in opened.differences:
        say("· " + sentence)
    if yes:
        return True
    if not interactive():
        return False
    try:
        require_yes(_("以 {county} 的名义签署？").format(county=county), _("没有签署"))
    except ServiceError:
        return False
    return True


def _show(found: Joining) -> None:
    rows = [(_(_STEPS[each.step]), _(_STATES[each.state]), _note(each)) for each in found.steps]
    print_table([_("步骤"), _("状态"), _("说明")], rows, "")
    if found.signatures:
        tell("")
        columns = [_("角色"), _("须签"), _("已签"), _("还缺")]
        print_table(
            columns,
            [
                (
                    each.role + {"old": _("（按旧根）"), "new": ""}[each.under],
                    _("{threshold} 个").format(threshold=each.threshold),
                    join_list(each.signed) or "—",
                    "—" if each.done else join_list(each.missing),
                )
                for each in found.signatures
            ],
            "",
        )
    if found.next:
        tell(_("接下来：{commands}").format(commands=join_list(map(command_of, found.next))))


def _note(each: JoinStep) -> str:
    if each.state == "now":
        sentences = {"anchor": _ANCHOR, "signatures": _SIGN, "published": _PUBLISH}
        if each.step in sentences:
            return _(sentences[each.step]).format(file=each.values[0] if each.values else "")
    return join_list(each.values)
