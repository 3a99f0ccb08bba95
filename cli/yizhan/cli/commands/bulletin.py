"""``yizhan bulletin``: the quarter's official sheet of one pair, as files that people read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from yizhan.bulletin.errors import TextInvalid
from yizhan.cli.actions import with_action
from yizhan.cli.asking import interactive
from yizhan.cli.click_options import (
    FILE,
    QUARTER,
    Group,
    county_option,
    folder_option,
    json_option,
    office_option,
    option,
    partner_option,
)
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import print_json, print_table, say, tell
from yizhan.cli.screen import progress
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.services.bulletin_reading import BulletinKey, text_path
from yizhan.services.bulletin_text import comparison_title, short_value
from yizhan.services.bulletins import (
    BulletinCheck,
    BulletinFiles,
    BulletinTarget,
    check_bulletin,
    figures_for_text,
    make_bulletin,
    write_text,
)
from yizhan.services.home import Home
from yizhan.services.labels import COMPARISONS
from yizhan.services.office import read_office
from yizhan.services.quarters import partner_of


@click.group("bulletin", cls=Group, help=marked("季度情报通报：两县一个季度的正式通报，供人阅读和存档"))
def command() -> None:
    """Keep the bulletins."""


@command.command(
    "make",
    help=marked(
        "把一个季度与伙伴县之间的通报写成文件：网页、PDF、可改的 Word 文档、表格（数字和文书各一张）、JSON。\n\n"
        "数字只出自核对过的文书，双方各自计算应当一致；与上季度、去年同期比较。没有往来的季度也有一份（零报告）。"
    ),
)
@click.argument("label", metavar="LABEL", type=QUARTER)
@county_option()
@partner_option()
@folder_option("--output", marked("写到哪个目录（默认当前目录）"))
@office_option(
    marked("机构、拟稿审核签发人、联系人；给出时另写一份待发的签名通报（*-event.jsonl），用 yizhan publish 发出"), FILE
)
@option("--force", is_flag=True, help=marked("覆盖已有的文件"))
@json_option()
def make(
    label: str, county: str, partner: str | None, folder: Path, office: Path | None, force: bool, as_json: bool
) -> None:
    """Write a quarter's bulletin."""
    home, now = current_home(), utc_now().replace(microsecond=0)
    key = _key(home, label, county, partner)
    target = BulletinTarget(folder, None if office is None else read_office(office), force, office)
    with progress(_("统计 {label}").format(label=label)) as bar:
        made = make_bulletin(home, key, target, acting("bulletin make"), now, bar)
    warnings = _warnings(made)
    if as_json:
        paths = {form: str(path) for form, path in made.files.items()}
        document = {"figures_sha256": made.figures_sha256, "files": paths}
        print_json(document | {"unseen": made.uncovered, "warnings": warnings})
        return
    for path in made.files.values():
        say(str(path))
    for warning in warnings:
        say(warning)
    say(_("数字的指纹：{hash}").format(hash=made.figures_sha256))


def _key(home: Home, label: str, county: str, partner: str | None) -> BulletinKey:
    hint = Action.to("bulletin.choose_partner", label=label, county=county)
    return BulletinKey(label, county, partner_of(home, county, partner, hint))


def _warnings(made: BulletinFiles) -> list[str]:
    found = [
        *map(str, made.text_notes),
        *([_("请用 yizhan bulletin edit 核对文字")] if made.text_notes else []),
        *map(str, made.doubts),
    ]
    if made.uncovered:
        sentence = _("随程序的字体没有这些字，排版用的是本机字体，请看看有没有空白：{characters}")
        found.append(sentence.format(characters=made.uncovered))
    return found


@command.command(
    "edit",
    help=marked(
        "写通报的文字：总体情况、典型案例、形势研判、工作建议。数字不能改，只能写名称，如 {{letters}}，由程序填写。\n\n"
        "在终端里打开编辑器（环境变量 EDITOR）；否则只给出文件的位置，可用记事本编辑。存盘后运行 yizhan bulletin make。"
    ),
)
@click.argument("label", metavar="LABEL", type=QUARTER)
@county_option()
@partner_option()
@json_option()
def edit(label: str, county: str, partner: str | None, as_json: bool) -> None:
    """Write the text of a bulletin."""
    home = current_home()
    key = _key(home, label, county, partner)
    with progress(_("统计 {label}").format(label=label)) as bar:
        figures = figures_for_text(home, key, acting("bulletin edit"), bar)
    if interactive() and not as_json:
        try:
            path = write_text(home, key, figures).path
        except TextInvalid as error:
            say(str(error))
            path = text_path(home, key)
        click.edit(filename=str(path))
    found = write_text(home, key, figures)
    if as_json:
        print_json({"path": str(found.path), "warnings": found.notes})
        return
    for note in found.notes:
        say(str(note))
    tell(str(found.path))
    make_it = Action.to("bulletin.make", label=key.label, county=key.county, partner=key.partner)
    say(with_action(_("写完存盘，再制作通报"), make_it))


@command.command(
    "check",
    help=marked(
        "核对双方的通报：本县现在统计的、本县签发的、对方签发的，数字的指纹、双向文书和所引的驿站清单是否相同；"
        "不同时逐项列出是哪个数字。\n\n"
        "全部相同时退出状态为 0；有不同，或有一方还没有签发，为 1。"
    ),
)
@click.argument("label", metavar="LABEL", type=QUARTER)
@county_option()
@partner_option()
@json_option()
@click.pass_context
def check(ctx: click.Context, label: str, county: str, partner: str | None, as_json: bool) -> None:
    """Compare both sides' bulletins."""
    home = current_home()
    key = _key(home, label, county, partner)
    with progress(_("统计 {label}").format(label=label)) as bar:
        found = check_bulletin(home, key, acting("bulletin check"), bar)
    if as_json:
        print_json(check_json(found))
    else:
        print_check(home, found)
    if found.verdict != "same":
        ctx.exit(1)


_VERDICTS: Final = {
    "same": marked("双方一致。"),
    "differs": marked("双方不一致：请对照上面不同的各项，与对方联系查明。"),
    "waiting": marked("还不能核对：双方都签发（yizhan bulletin make --office，再 yizhan publish）并送达后再运行。"),
}


def check_json(check: BulletinCheck) -> dict[str, Any]:
    """Return a check for programs."""
    return {
        "label": check.key.label,
        "county": check.key.county,
        "partner": check.key.partner,
        "verdict": check.verdict,
        "ours": None if check.ours is None else check.ours.id,
        "theirs": None if check.theirs is None else check.theirs.id,
        "items": check.items,
    }


def print_check(home: Home, check: BulletinCheck) -> None:
    """Print what each side signed, every item, and the verdict."""
    for sentence, each in ((_("本县签发：{what}"), check.ours), (_("对方签发：{what}"), check.theirs)):
        tell(sentence.format(what=_("还没有") if each is None else f"{each.id} {home.local_time(each.time)}"))
    columns = [_("项目"), _("结果"), _("本县现在统计"), _("本县签发"), _("对方签发")]
    rows = [
        (
            comparison_title(home, each),
            _(COMPARISONS[each.word]),
            *map(short_value, (each.counted, each.ours, each.theirs)),
        )
        for each in check.items
    ]
    print_table(columns, rows, "")
    tell(_(_VERDICTS[check.verdict]))
