"""``yizhan status``: whether all is well, on one screen."""

from __future__ import annotations

from typing import Any

import click

from yizhan.cli.click_options import county_option, json_option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import fields_of, print_json, print_pairs, print_table, tell
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.invisible import escaped
from yizhan.services.commands import command_of
from yizhan.services.home import Home
from yizhan.services.status import home_status
from yizhan.services.status_found import HomeStatus, Problem


@single_command(
    "status",
    help=marked(
        "一切是否正常，不正常的该怎么办。\n\n"
        "看进程、Kafka、发件、收件、铃、待办、章程、账本、磁盘；只看不动，不显示来件内容。"
        "一切正常时退出码为 0，有要人处理的为 1。"
    ),
)
@county_option(required=False)
@json_option()
def command(county: str | None, as_json: bool) -> None:
    """Show whether all is well."""
    home = current_home()
    found = home_status(home, county)
    if as_json:
        rest = "at broker broker_answers processes counties charter ledger_size ledger_final disk_free_bytes"
        problems = [_problem_json(each) for each in found.problems]
        print_json({"well": not problems, "problems": problems, **fields_of(found, rest)})
    else:
        _show(home, found)
    if found.problems:
        raise click.exceptions.Exit(1)


def _problem_json(each: Problem) -> dict[str, Any]:
    return {
        "code": each.code,
        "county": each.county,
        "sentence": str(each.sentence),
        "command": None if each.action is None else command_of(each.action),
    }


def _show(home: Home, found: HomeStatus) -> None:
    for problems in _alike(found):
        first = problems[0]
        names = join_list(home.member_name(each.county) for each in problems if each.county is not None)
        action = first.action
        if len(problems) > 1 and action is not None:
            action = Action.to(action.kind, **{**action.params, "county": "C"})
        sentence = str(first.sentence)
        if first.code == "process_down" and not any(each.running for each in found.processes):
            sentence = _("这里的进程还没有启动过（{count} 个）") if found.never_ran else _("{count} 个进程都没有在运行")
            sentence = sentence.format(count=len(found.processes))
        _show_problem(f"{names}: {sentence}" if names else sentence, action)
    running = [each.name for each in found.processes if each.running]
    print_pairs(
        [
            (_("进程"), _("{running}/{all} 在运行").format(running=len(running), all=len(found.processes))),
            ("Kafka", found.broker and f"{found.broker} " + (_("接通") if found.broker_answers else _("不通"))),
            (_("章程"), found.charter),
            (
                _("账本"),
                None
                if found.ledger_size is None
                else _("{size} 条，已定局 {final} 条").format(size=found.ledger_size, final=found.ledger_final),
            ),
            (_("磁盘"), found.disk_free_bytes and _("剩 {gib:.1f} GiB").format(gib=found.disk_free_bytes / (1 << 30))),
        ]
    )
    if any(each.outbox is not None or each.ringing is not None for each in found.counties):
        _show_counties(home, found)
    if not found.problems:
        click.echo(click.style(_("一切正常"), fg="green", bold=True))


def _show_problem(sentence: str, action: Action | None) -> None:
    click.echo(click.style(escaped(f"✗ {sentence}"), fg="red", bold=True))
    if action is not None:
        tell(f"    → {command_of(action)}")


def _alike(found: HomeStatus) -> list[list[Problem]]:
    """Return the problems, those that several counties share together, without what a first start will mend."""
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for each in found.problems:
        if not (found.never_ran and each.code == "broker_down"):
            groups.setdefault((each.code, str(each.sentence), each.action and each.action.kind), []).append(each)
    return list(groups.values())


def _show_counties(home: Home, found: HomeStatus) -> None:
    columns = [_("县"), _("待发"), _("被拒"), _("最近来件"), _("未签收"), _("缺号"), _("另存"), _("逾期"), _("将到期")]
    print_table(
        columns,
        [
            (
                home.member_name(each.county),
                None if each.outbox is None else each.outbox.depth,
                each.refused,
                home.local_time(each.last_arrival),
                *(each.ringing, each.gaps, each.aside, each.overdue, each.due_soon),
            )
            for each in found.counties
        ],
        "",
    )
