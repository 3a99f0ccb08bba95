"""``yizhan bulletin``: the quarter's official sheet of one pair, as files that people read.

Rule 1: figures come from letters that were verified and from nothing else; nobody can edit them here.
Rule 2: what exists already is not overwritten unless asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from yizhan.cli.shell import Group, county_option, json_option, option, partner_option
from yizhan.cli.words import _, marked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from yizhan.bulletin.sheet import Material, Sheet

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
    from yizhan.bulletin.sheet import sheet
    from yizhan.cli.access import noted
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.bulletins import draft, material, partner_of
    from yizhan.cli.commands.digest import check_label
    from yizhan.cli.commands.imports import read_office
    from yizhan.cli.errors import CommandError
    from yizhan.cli.output import print_json, progress, say
    from yizhan.schemas import strictjson

    app, now = this(), utc_now().replace(microsecond=0)
    check_label(label)
    app.member(county)
    other = partner_of(app, county, partner)
    paths = {form: folder / f"bulletin-{label}-{county}-{other}.{form}" for form in _FORMS}
    paths["letters"] = folder / f"bulletin-{label}-{county}-{other}-letters.csv"
    who = None if office is None else read_office(office)
    if who is not None:
        paths["event"] = folder / f"bulletin-{label}-{county}-{other}-event.jsonl"
    if (taken := [str(each) for each in paths.values() if each.exists()]) and not force:
        raise CommandError(_("{path} 已经存在；要覆盖请加 --force，或用 -o 另选目录").format(path=taken[0]))
    with progress(_("统计 {label}").format(label=label)):
        of = material(app, label, county, other, now)
        drawn = sheet(of)
        signed = b"" if who is None else strictjson.dumps(draft(of, other, who)) + b"\n"
    noted(app, county, "printed", "bulletin make", [f"{label} {other}"])
    folder.mkdir(parents=True, exist_ok=True)
    with progress(_("写出文件"), total=len(paths)) as bar:
        for form, path in paths.items():
            path.write_bytes(signed if form == "event" else _written(form, of, drawn, now))
            bar.advance(1)
    if as_json:
        print_json({"figures_sha256": digest(of.figures), "files": {form: str(path) for form, path in paths.items()}})
        return
    for path in paths.values():
        say(str(path))
    say(_("数字的指纹：{hash}").format(hash=digest(of.figures)))


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
