"""``yizhan station run|move|parts``: the station's worker, and parts that share the members."""

from __future__ import annotations

import click

from yizhan.cli.click_options import Group, json_option, option
from yizhan.cli.context import current_home, log_to_stderr
from yizhan.cli.output import fields_of, print_json, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.topics import MAIN

command = Group("station", help=marked("驿站：盖戳、登记、转递，从不拆开"))


@command.command(
    "run", help=marked("运行驿站，直到叫停。\n\n再起一个即为热备，几秒内接管。发布的新版章程会自动采用并预告生效时间。")
)
@option("--part", default=MAIN, metavar="NAME", help=marked("只服务迁入这一部分的成员（默认：未迁出的全部成员）"))
@passphrase_option()
def run(part: str, passphrases: TerminalPassphrase) -> None:
    """Run the worker."""
    from yizhan.services.station import run_station  # noqa: PLC0415 -- Faust, of the extra "station"

    home = current_home()
    log_to_stderr()
    run_station(home, passphrases, part)


@command.command("move", help=marked("把成员迁到驿站的另一部分，连同其未了事项；有关的两部分须先停止"))
@click.argument("members", nargs=-1, required=True, metavar="MEMBER…")
@option("--to", required=True, metavar="PART", help=marked("迁入哪一部分；名称见设置"))
def move(members: tuple[str, ...], to: str) -> None:
    """Move members between parts."""
    from yizhan.services.station import move_members  # noqa: PLC0415 -- as above

    found = move_members(current_home(), members, to)
    for each in found:
        sentence = _("已从“{source}”迁到“{to}”：{members}；未了事项 {count} 件")
        tell(sentence.format(source=each.source, to=to, members=join_list(each.members), count=each.obligations))
    if not found:
        tell(_("这些成员已在“{to}”").format(to=to))


@command.command("parts", help=marked("列出驿站的各部分：服务哪些成员，是否在运行，还有多少条未读"))
@json_option()
def parts(as_json: bool) -> None:
    """List the parts."""
    from yizhan.services.station import list_parts  # noqa: PLC0415 -- as above

    found = list_parts(current_home())
    if as_json:
        print_json({"parts": [fields_of(each, "part members running behind") for each in found]})
        return
    for each in found:
        running = _("{part}：正在运行，成员 {count} 个，未读 {behind} 条  {members}")
        stopped = _("{part}：没有运行，成员 {count} 个，未读 {behind} 条  {members}")
        sentence = running if each.running else stopped
        members = " ".join(each.members)
        tell(sentence.format(part=each.part, count=len(each.members), behind=each.behind, members=members))
