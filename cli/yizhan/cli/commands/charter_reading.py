"""``yizhan charter verify|log|show|replay``: reading the charter; nothing here signs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yizhan.charter.document import routes_json, tables
from yizhan.charter.replay import RoutingDifference
from yizhan.cli.click_options import FILE, county_option, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import fields_of, print_json, print_table, tell
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.charter_reading import (
    CharterCheck,
    charter_reader,
    charter_terms,
    charter_versions,
    headers_of_county,
    headers_of_file,
    replay_policy,
    verify_charter,
)
from yizhan.services.home import Home
from yizhan.services.labels import type_name, way_name

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@single_command(
    "verify",
    help=marked(
        "核验章程：签名、门槛、期限、规则，收进本单位的存档。\n\n"
        "第一次须用 --anchor 给出各县交付的根文件；从不自行信任。--from 是驿站静态文件的目录，"
        "不给则用存档里的，或经 Kafka 读取（--online）。有问题时说明原因，退出码为 1。"
    ),
)
@county_option(required=False)
@option("--anchor", type=FILE, metavar="ROOT", help=marked("各县交付的根文件"))
@option("--from", "folder", type=_FOLDER, metavar="DIR", help=marked("驿站静态文件的目录"))
@option("--online", is_flag=True, help=marked("经本县的 Kafka 连接读取"))
@json_option()
@click.pass_context
def verify(
    ctx: click.Context, county: str | None, anchor: Path | None, folder: Path | None, online: bool, as_json: bool
) -> None:
    """Verify the charter."""
    home = current_home()
    root = None if anchor is None else anchor.read_bytes()
    found = verify_charter(home, county, anchor=root, folder=folder, online=online)
    if as_json:
        print_json(_check_json(found))
    else:
        _tell_check(home, found)
    if found.problem is not None:
        ctx.exit(1)


def _check_json(found: CharterCheck) -> dict[str, Any]:
    return {
        "charter": found.newest.name,
        "in_force": found.in_force.name,
        "root_sha256": found.root_sha256,
        "problem": None if found.problem is None else found.problem.problem,
        "detail": "" if found.problem is None else str(found.problem),
        "members": sorted(found.newest.members),
        "expiries": found.expiries,
    }


def _tell_check(home: Home, found: CharterCheck) -> None:
    tell(_("章程 {newest} 核验无误；现行 {force}").format(newest=found.newest.name, force=found.in_force.name))
    tell(_("根文件指纹：{fingerprint}").format(fingerprint=found.root_sha256))
    rows = [
        (each.role, home.local_time(each.expires), _("快到期，请续签") if each.due else "") for each in found.expiries
    ]
    print_table([_("角色"), _("有效期至"), _("提醒")], rows, "")
    if found.problem is not None:
        tell(_("章程未能更新（charter_stale），最后一版仍然有效：{problem}").format(problem=found.problem))


@single_command("log", help=marked("章程各版：谁签的、改了什么、何时起生效"))
@county_option(required=False)
@json_option()
def log(county: str | None, as_json: bool) -> None:
    """List the versions."""
    home = current_home()
    found = list(charter_versions(home, county))
    if as_json:
        names = "announced holds_from signed differences"
        versions = [{"charter": each.name, **fields_of(each, names)} for each in found]
        print_json({"versions": versions})
        return
    for each in found:
        when = home.local_time(each.holds_from) if each.announced else _("尚未预告")
        tell(_("章程 {name}，自 {when} 起").format(name=each.name, when=when))
        for role, holders in each.signed.items():
            tell(_("  {role} 由 {holders} 签署").format(role=role, holders=join_list(holders)))
        for sentence in each.differences:
            tell(f"  · {sentence}")


@single_command("show", help=marked("把规则印成中文和英文的表；--terms 印成可以修改的文本"))
@county_option(required=False)
@option("--terms", is_flag=True, help=marked("印成 TOML，供 yizhan charter propose --terms"))
@json_option()
def show(county: str | None, terms: bool, as_json: bool) -> None:
    """Print the charter."""
    home = current_home()
    if terms:
        click.echo(charter_terms(home, county), nl=False)
        return
    charter = charter_reader(home, county).in_force(utc_now())
    if as_json:
        print_json({"charter": charter.name, "routes": routes_json(charter), "members": sorted(charter.members)})
        return
    for line in tables(charter):
        tell(line)


@single_command(
    "replay",
    help=marked(
        "把拟议的规则套到过去的事件上，列出会有什么不同；什么也不发出。\n\n"
        "FILE 是事件头的 JSON Lines；不给则用本县收件箱和发件箱里的。"
    ),
)
@option("--policy", required=True, type=FILE, metavar="NEW", help=marked("拟议的规则：TOML 或 policy.json"))
@click.argument("file", metavar="[FILE]", required=False, type=FILE)
@county_option(required=False)
@json_option()
def replay(policy: Path, file: Path | None, county: str | None, as_json: bool) -> None:
    """Replay past headers under a proposed policy."""
    home = current_home()
    if file is None and county is None:
        raise click.UsageError(_("请给出 FILE 或 --county C"), click.get_current_context())
    headers = list(headers_of_county(home, county or "") if file is None else headers_of_file(file))
    found = replay_policy(home, county, policy, headers)
    if as_json:
        print_json({"headers": len(headers), "different": list(map(_different_json, found))})
        return
    columns = [_("编号"), _("类型"), _("收件"), _("当时"), _("按新规则")]
    print_table(columns, [_different_row(home, each) for each in found], _("没有不同"))
    tell(_("共 {count} 个事件，{different} 处不同").format(count=len(headers), different=len(found)))


def _different_json(each: RoutingDifference) -> dict[str, Any]:
    return {
        **fields_of(each.header, "id type"),
        "recipient": each.recipient,
        "was": fields_of(each.was, "way rule"),
        "would": fields_of(each.would, "way rule"),
    }


def _different_row(home: Home, each: RoutingDifference) -> tuple[str, ...]:
    return (
        each.header.id,
        type_name(each.header.type),
        home.member_name(each.recipient),
        f"{way_name(each.was.way)} {each.was.rule}",
        f"{way_name(each.would.way)} {each.would.rule}",
    )
