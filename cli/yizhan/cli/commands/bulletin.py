"""``yizhan bulletin``: the quarter's official sheet of one pair, as files that people read.

Rule 1: figures come from letters that were verified and from nothing else; nobody can edit them here.
Rule 2: what exists already is not overwritten unless asked for.
Rule 3: the analyst's text is a file of its own; what was written beside other figures is said, and not signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Group, county_option, json_option, option, partner_option
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from yizhan.bulletin.agreement import FigureComparison, Word
    from yizhan.bulletin.sheet import Material, Sheet
    from yizhan.bulletin.text import Writing
    from yizhan.services.bulletins import SignedBulletin
    from yizhan.services.home import Home

_FORMS = ("html", "pdf", "docx", "csv", "json")


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
@click.argument("label", metavar="LABEL")
@county_option()
@partner_option()
@option(
    "-o", "--output", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="DIR",
    help=marked("写到哪个目录（默认当前目录）"),
)  # fmt: skip
@option(
    "--office", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE",
    help=marked("机构、拟稿审核签发人、联系人；给出时另写一份待发的签名通报（*-event.jsonl），用 yizhan publish 发出"),
)  # fmt: skip
@option("--force", is_flag=True, help=marked("覆盖已有的文件"))
@json_option()
def make(
    label: str, county: str, partner: str | None, folder: Path, office: Path | None, force: bool, as_json: bool
) -> None:
    """Write a quarter's bulletin."""
    from yizhan.bulletin.figures import digest
    from yizhan.bulletin.pdf import unseen
    from yizhan.bulletin.sheet import sheet
    from yizhan.cli.commands.digest import check_label
    from yizhan.cli.commands.imports import read_office
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, progress, say
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas import strictjson
    from yizhan.services.access_log import record
    from yizhan.services.bulletins import draft, material, partner_of, writing_of
    from yizhan.services.errors import ServiceError

    home, now = current_home(), utc_now().replace(microsecond=0)
    check_label(label)
    home.member(county)
    other = partner_of(home, county, partner)
    paths = {form: folder / f"bulletin-{label}-{county}-{other}.{form}" for form in _FORMS}
    paths["letters"] = folder / f"bulletin-{label}-{county}-{other}-letters.csv"
    who = None if office is None else read_office(office)
    if who is not None:
        paths["event"] = folder / f"bulletin-{label}-{county}-{other}-event.jsonl"
    if (taken := [str(each) for each in paths.values() if each.exists()]) and not force:
        raise ServiceError(marked("{path} 已经存在；要覆盖请加 --force，或用 -o 另选目录"), path=taken[0])
    with progress(_("统计 {label}").format(label=label)) as bar:
        of = material(home, label, county, other, now, bar.advance)
        drawn = sheet(of)
        writing = writing_of(home, county, label, other)
        signed = b"" if who is None else strictjson.dumps(draft(of, other, who, writing)) + b"\n"
    record(home, county, acting("bulletin make"), "printed", [f"{label} {other}"])
    folder.mkdir(parents=True, exist_ok=True)
    with progress(_("写出文件"), total=len(paths)) as bar:
        for form, path in paths.items():
            path.write_bytes(signed if form == "event" else _written(form, of, drawn, now))
            bar.advance(1)
    warnings = [*_about_text(of, writing), *of.proof.doubts]
    holes = "".join(unseen(drawn))
    if holes:
        warnings.append(
            _("随程序的字体没有这些字，排版用的是本机字体，请看看有没有空白：{characters}").format(characters=holes)
        )
    if as_json:
        document = {"figures_sha256": digest(of.figures), "files": {form: str(path) for form, path in paths.items()}}
        print_json(document | {"unseen": holes, "warnings": warnings})
        return
    for path in paths.values():
        say(str(path))
    for warning in warnings:
        say(warning)
    say(_("数字的指纹：{hash}").format(hash=digest(of.figures)))


def _about_text(of: Material, writing: Writing | None) -> list[str]:
    from yizhan.bulletin.text import by_hand, changed

    if writing is None:
        return []
    found = [*changed(writing, of.figures), *by_hand(writing)]
    return [*found, _("请用 yizhan bulletin edit 核对文字")] if found else []


def _written(form: str, of: Material, drawn: Sheet, now: datetime) -> bytes:
    from yizhan.bulletin.docx import docx_of
    from yizhan.bulletin.figures import canonical
    from yizhan.bulletin.html import html
    from yizhan.bulletin.pdf import pdf
    from yizhan.bulletin.tables import figures_csv, letters_csv

    ways: dict[str, Callable[[], bytes]] = {
        "html": lambda: html(drawn),
        "pdf": lambda: pdf(drawn, now),
        "docx": lambda: docx_of(drawn, now),
        "csv": lambda: figures_csv(of.figures),
        "letters": lambda: letters_csv(of.letters),
        "json": lambda: canonical(of.figures),
    }
    return ways[form]()


@command.command(
    "edit",
    help=marked(
        "写通报的文字：总体情况、典型案例、形势研判、工作建议。数字不能改，只能写名称，如 {{letters}}，由程序填写。\n\n"
        "在终端里打开编辑器（环境变量 EDITOR）；否则只给出文件的位置，可用记事本编辑。存盘后运行 yizhan bulletin make。"
    ),
)
@click.argument("label", metavar="LABEL")
@county_option()
@partner_option()
@json_option()
def edit(label: str, county: str, partner: str | None, as_json: bool) -> None:
    """Write the text of a bulletin."""
    from yizhan.bulletin.errors import TextInvalid
    from yizhan.bulletin.text import by_hand
    from yizhan.cli.commands.digest import check_label
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.language import interactive
    from yizhan.cli.output import print_json, say, tell
    from yizhan.services.access_log import record
    from yizhan.services.bulletins import partner_of, text_path, writing_of

    home = current_home()
    check_label(label)
    home.member(county)
    other = partner_of(home, county, partner)
    path = text_path(home, county, label, other)
    record(home, county, acting("bulletin edit"), "printed", [f"{label} {other}"])
    made = _figures(home, label, (county, other))
    if interactive() and not as_json:
        try:
            _laid_out(home, (county, label, other), made)
        except TextInvalid as error:
            say(str(error))
        click.edit(filename=str(path))
    found = _laid_out(home, (county, label, other), made)
    writing = writing_of(home, county, label, other)
    found += [] if writing is None else by_hand(writing)
    if as_json:
        print_json({"path": str(path), "warnings": found})
        return
    for each in found:
        say(each)
    tell(str(path))


def _figures(home: Home, label: str, pair: tuple[str, str]) -> dict[str, Any]:
    from yizhan.cli.output import progress
    from yizhan.services.quarters import counted
    from yizhan.services.stores import read_inbox as inbox_of
    from yizhan.services.stores import read_outbox as outbox_of

    with (
        progress(_("统计 {label}").format(label=label)) as bar,
        inbox_of(home, pair[0]) as inbox,
        outbox_of(home, pair[0]) as outbox,
    ):
        return counted(inbox, outbox, label, pair, home.charters, bar.advance)[0]


def _laid_out(home: Home, which: tuple[str, str, str], made: dict[str, Any]) -> list[str]:
    """Write the file beside these figures, the analyst's lines as they are; what changed since it was written."""
    from yizhan.bulletin.errors import TextInvalid
    from yizhan.bulletin.text import blank, changed, written
    from yizhan.services.bulletins import text_path, writing_of

    path, writing = text_path(home, *which), writing_of(home, *which)
    try:
        found = [] if writing is None else list(changed(writing, made))
        text = written(blank(made) if writing is None else writing, made)
    except TextInvalid as error:
        raise TextInvalid(f"{path}: {error}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_bytes(text)
    beside.replace(path)
    return found


@command.command(
    "check",
    help=marked(
        "核对双方的通报：本县现在统计的、本县签发的、对方签发的，数字的指纹、双向文书和所引的驿站清单是否相同；"
        "不同时逐项列出是哪个数字。\n\n"
        "全部相同时退出状态为 0；有不同，或有一方还没有签发，为 1。"
    ),
)
@click.argument("label", metavar="LABEL")
@county_option()
@partner_option()
@json_option()
@click.pass_context
def check(ctx: click.Context, label: str, county: str, partner: str | None, as_json: bool) -> None:
    """Compare both sides' bulletins."""
    from yizhan.bulletin.agreement import compared, verdict
    from yizhan.cli.commands.digest import check_label
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json
    from yizhan.services.bulletins import partner_of, received, sent
    from yizhan.services.stores import read_inbox as inbox_of
    from yizhan.services.stores import read_outbox as outbox_of

    home = current_home()
    check_label(label)
    home.member(county)
    other = partner_of(home, county, partner)
    made = _figures(home, label, (county, other))
    with inbox_of(home, county) as inbox, outbox_of(home, county) as outbox:
        ours, theirs = sent(outbox, label, other), received(inbox, label, (county, other))
    findings = compared(made, None if ours is None else ours.payload, None if theirs is None else theirs.payload)
    word = verdict(findings)
    if as_json:
        events = {"ours": None if ours is None else ours.id, "theirs": None if theirs is None else theirs.id}
        print_json({"label": label, "county": county, "partner": other, "verdict": word, **events, "items": findings})
    else:
        _show_check(home, (ours, theirs), findings, word)
    if word != "same":
        ctx.exit(1)


def _show_check(
    home: Home,
    signed: tuple[SignedBulletin | None, SignedBulletin | None],
    findings: Sequence[FigureComparison],
    word: Word,
) -> None:
    from yizhan.cli.output import print_table, tell

    for sentence, each in zip((_("本县签发：{what}"), _("对方签发：{what}")), signed, strict=True):
        tell(sentence.format(what=_("还没有") if each is None else f"{each.id} {home.local_time(each.time)}"))
    words = {"same": _("相同"), "differs": _("不同"), "waiting": _("待核对")}
    print_table(
        [_("项目"), _("结果"), _("本县现在统计"), _("本县签发"), _("对方签发")],
        [
            (_title(home, each), words[each.word], *map(_short, (each.counted, each.ours, each.theirs)))
            for each in findings
        ],
        "",
    )
    tell({
        "same": _("双方一致。"),
        "differs": _("双方不一致：请对照上面不同的各项，与对方联系查明。"),
        "waiting": _("还不能核对：双方都签发（yizhan bulletin make --office，再 yizhan publish）并送达后再运行。"),
    }[word])  # fmt: skip


def _title(home: Home, finding: FigureComparison) -> str:
    kind, _dot, rest = finding.item.partition(".")
    if kind == "directions":
        source, to = rest.split(">")
        return f"{home.member_name(source)}→{home.member_name(to)}"
    return _("{county}的清单").format(county=home.member_name(rest)) if kind == "manifests" else finding.title


def _short(value: str) -> str:
    """Shorten hashes: the screen shows enough of them to see that they differ."""
    return " ".join(f"{word[:12]}…" if len(word) == 64 else word for word in value.split())  # noqa: PLR2004 -- SHA-256 in hex
