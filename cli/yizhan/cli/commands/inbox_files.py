"""``yizhan inbox files|save``: attached files of what arrived."""

from __future__ import annotations

from pathlib import Path

import click

from yizhan.cli.click_options import county_option, json_option, option, short_ids, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import fields_of, print_json, print_table, say, tell
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.services.inbox_files import list_item_files, save_item_files


@single_command("files", help=marked("列出一件随文书密封的附件：名称、格式、大小、已取到多少"))
@click.argument("item_id", metavar="ID")
@county_option()
@json_option()
@short_ids(item_id="inbox")
def files(item_id: str, county: str, as_json: bool) -> None:
    """List attached files."""
    found = list_item_files(current_home(), county, item_id, acting("inbox files"))
    if as_json:
        files = [
            fields_of(each.attachment, "name media_type bytes sha256") | fields_of(each, "chunks here complete")
            for each in found.files
        ]
        print_json({"county": county, "id": item_id, "files": files, "problems": found.problems})
        return
    print_table(
        [_("文件名"), _("格式"), _("字节数"), _("已取到")],
        [
            (
                each.attachment.name,
                str(each.attachment.media_type),
                str(each.attachment.bytes),
                f"{each.here}/{each.chunks}",
            )
            for each in found.files
        ],
        _("这一件没有随文书密封的附件"),
    )
    for problem in found.problems:
        say(_("{name}：文书里写得不对，不取：{why}").format(name=problem.name, why=problem.sentence))


@single_command(
    "save",
    help=marked(
        "把取齐的附件存到目录里：核对指纹和格式，文件名清理过，只有本人可读写，不覆盖，不执行。\n\n"
        "不写 NAME 则全部存。记入本县的调阅记录。有存不下的退出码为 1。"
    ),
)
@click.argument("item_id", metavar="ID")
@click.argument("name", metavar="[NAME]", required=False)
@county_option()
@option("-o", "--out", "folder", required=True, metavar="DIR", help=marked("存到这个目录，须已存在"))
@json_option()
@click.pass_context
@short_ids(item_id="inbox")
def save(ctx: click.Context, item_id: str, name: str | None, county: str, folder: str, as_json: bool) -> None:
    """Save attached files."""
    home, actor = current_home(), acting("inbox save")
    with progress(_("存附件")) as bar:
        found = save_item_files(home, county, item_id, name, Path(folder), actor, bar)
    if as_json:
        refused = [{"name": file, "cause": error.cause, "error": str(error)} for file, error in found.refused]
        print_json({"county": county, "id": item_id, "saved": [str(path) for path in found.saved], "refused": refused})
    else:
        for path in found.saved:
            tell(_("已存 {path}").format(path=path))
        for _file, error in found.refused:
            say(str(error))
    if found.refused:
        ctx.exit(1)
