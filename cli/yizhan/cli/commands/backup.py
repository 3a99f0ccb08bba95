"""``yizhan backup|restore|drill``: a copy of everything while it runs, put back elsewhere, and tried."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from yizhan.cli.click_options import ANY_PATH, FILE, FOLDER, county_option, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, print_pairs, print_table, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.schemas.backup_list import LeftOut, Scope
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.backup_reading import OpenBackup, open_backup
from yizhan.services.backups import Backup, make_backup, plan_backup
from yizhan.services.commands import command_of
from yizhan.services.drills import Drill, DrillCheck, DrillOptions, State, Subject, run_drill
from yizhan.services.home import Home
from yizhan.services.restoring import Restored, RestoreOptions, restore_backup

_WHY: Final = {
    "no_keys": marked("私钥和证书：没有要求备份（--keys）；请另行妥善保管"),
    "broker_runs": marked("Kafka 的数据：运行当中复制无用；没有确认的事件，各县会重发"),
    "rebuilt": marked("由备份里的内容重建"),
    "fetched_again": marked("收到的附件：恢复后从 Kafka 或发件县再取"),
}
_SUBJECTS: Final[dict[Subject, str]] = {
    "restore": marked("数据库逐个通读"),
    "charter": marked("章程从根文件起核验"),
    "access_log": marked("调阅记录的链"),
    "ledger": marked("账本重做并核验"),
    "items": marked("用本县密钥拆开最近的来件"),
}
_STATES: Final[dict[State, str]] = {"good": marked("好"), "bad": marked("坏"), "skipped": marked("没有试")}
_TABLES: Final = {
    "events": marked("发出的事件"),
    "receipts": marked("收到的回执"),
    "items": marked("来件"),
    "answers": marked("签收"),
    "drafts": marked("草稿"),
    "statements": marked("驿站的话"),
}


def _scope(county: str | None, station: bool) -> Scope:
    if county is not None and station:
        raise click.UsageError(_("--county 和 --station 只能给一个"), click.get_current_context())
    return "county" if county is not None else "station" if station else "home"


@single_command(
    "backup",
    help=marked(
        "备份整个主目录、一个县或驿站，各进程照常运行。\n\n"
        "FOLDER 是还没有的目录，最好在另一块磁盘上。清单列出每个文件的大小和校验和，由章程登记的密钥签名。"
        "私钥默认不在其中；做完才有 FOLDER 这个名字，中途断掉的不算备份。"
    ),
)
@click.argument("folder", type=ANY_PATH, metavar="FOLDER")
@county_option(required=False)
@option("--station", is_flag=True, help=marked("只备份驿站和账本"))
@option("--keys", is_flag=True, help=marked("连同私钥和证书；这份备份要像密钥一样保管"))
@passphrase_option()
@json_option()
def backup(
    folder: Path, *, county: str | None, station: bool, keys: bool, passphrases: TerminalPassphrase, as_json: bool
) -> None:
    """Make a backup."""
    home = current_home()
    plan = plan_backup(home, _scope(county, station), county, keys=keys)
    with progress(_("备份"), plan.bytes) as bar:
        made = make_backup(home, plan, folder, passphrases, bar)
    if keys:
        say(_("注意：{folder} 里有私钥，谁拿到它就能冒充本单位、拆看来件；请锁好，只有属主可读").format(folder=folder))
    if as_json:
        print_json({"folder": made.folder, "bytes": made.bytes, "seconds": round(made.seconds, 3), "list": made.list})
        return
    _show_backup(made)


def _show_backup(made: Backup) -> None:
    sentence = _("已备份到 {folder}：{count} 个文件，{bytes} 字节，用了 {seconds:.1f} 秒；章程 {charter}")
    values = {"count": len(made.list.files), "bytes": made.bytes, "seconds": made.seconds}
    tell(sentence.format(folder=made.folder, charter=made.list.charter, **values))
    _show_left_out(made.list.left_out)


def _show_left_out(left: tuple[LeftOut, ...]) -> None:
    by_reason: dict[str, list[str]] = {}
    for each in left:
        by_reason.setdefault(each.why, []).append(each.path)
    if by_reason:
        tell(_("没有备份的："))
    for why, paths in by_reason.items():
        tell(f"  {_(_WHY[why])} ({join_list(sorted({Path(each).name for each in paths}))})")


@single_command(
    "restore",
    help=marked(
        "把备份恢复到主目录（--home），可以是另一台机器上的新目录。\n\n"
        "先核验清单的签名和每个文件，再动主目录；有进程在用、或已有不同的文件时不做，并说出名字。"
        "最后把恢复的内容全部重读一遍。"
    ),
)
@click.argument("folder", type=FOLDER, metavar="FOLDER")
@county_option(required=False, help=marked("只恢复备份里的这个县"))
@option("--anchor", type=FILE, metavar="ROOT", help=marked("亲手拿到的章程根文件；不给则采信备份自带的，请核对指纹"))
@option("--replace", is_flag=True, help=marked("现有的文件改名留在旁边，再恢复备份里的；从不删除"))
@json_option()
def restore(folder: Path, *, county: str | None, anchor: Path | None, replace: bool, as_json: bool) -> None:
    """Restore a backup."""
    home = current_home()
    opened = open_backup(folder, None if anchor is None else anchor.read_bytes())
    with progress(_("恢复"), 2 * opened.bytes) as bar:
        found = restore_backup(home, opened, RestoreOptions(county, replace), bar)
    if as_json:
        print_json({"made": opened.list.made, "root_sha256": opened.root_sha256, **_restored_json(found)})
        return
    _show_restored(home, opened, found)


def _restored_json(found: Restored) -> dict[str, object]:
    names = ["files", "kept", "aside", "read", "charters", "seconds"]
    return {name: getattr(found, name) for name in names} | {"next": [command_of(each) for each in found.next]}


def _show_restored(home: Home, opened: OpenBackup, found: Restored) -> None:
    sentence = _("已从 {made} 的备份恢复 {count} 个文件到 {home}，原样留下 {kept} 个，用了 {seconds:.1f} 秒")
    made = home.local_time(opened.list.made)
    values = {"count": len(found.files), "kept": len(found.kept), "seconds": found.seconds}
    tell(sentence.format(made=made, home=home.path, **values))
    for each in found.aside:
        tell(_("原来的改名为 {path}").format(path=each))
    print_table(
        [_("文件"), _("重读的行数"), _("链断处")],
        [(each.path, each.rows, each.breaks or "") for each in found.read],
        "",
    )
    print_pairs([(_("章程"), join_list(found.charters)), (_("根文件指纹"), opened.root_sha256)])
    if not opened.anchored:
        tell(_("根文件是备份自带的：请与别的县通话核对指纹，或加 --anchor 给出自己的根文件"))
    tell(_("接下来：{commands}").format(commands=join_list(map(command_of, found.next))))


@single_command(
    "drill",
    help=marked(
        "演练：现做一份备份，恢复到别处，通读核验，再删掉；说出眼下会丢什么、要多久。\n\n"
        "给出 BACKUP 则演练已有的那份备份。主目录里什么也不改。全好退出码为 0，有坏的为 1。"
    ),
)
@click.argument("existing", type=FOLDER, metavar="BACKUP", required=False)
@county_option(required=False)
@option("--station", is_flag=True, help=marked("只演练驿站和账本"))
@option("--anchor", type=FILE, metavar="ROOT", help=marked("亲手拿到的章程根文件"))
@option("--place", type=FOLDER, metavar="DIR", help=marked("临时的副本放在哪里（默认系统的临时目录）"))
@passphrase_option()
@json_option()
def drill(
    existing: Path | None,
    *,
    county: str | None,
    station: bool,
    anchor: Path | None,
    place: Path | None,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Try a backup out."""
    home = current_home()
    options = DrillOptions(existing, None if anchor is None else anchor.read_bytes(), place)
    with progress(_("演练")) as bar:
        found = run_drill(home, _scope(county, station), county, passphrases, options, bar)
    if as_json:
        names = ["made", "bytes", "checks", "since", "backup_seconds", "restore_seconds", "read_seconds", "left_out"]
        print_json({"well": found.well, **{name: getattr(found, name) for name in names}})
    else:
        _show_drill(home, found)
    if not found.well:
        raise click.exceptions.Exit(1)


def _show_drill(home: Home, found: Drill) -> None:
    sentence = _("{made} 的备份：{count} 个文件，{bytes} 字节")
    made = home.local_time(found.made)
    tell(sentence.format(made=made, count=len(found.list.files), bytes=found.bytes))
    columns = [_("试了什么"), _("县"), _("结果"), _("数量"), _("说明")]
    print_table(columns, [_check_row(home, each) for each in found.checks], "")
    lost = [each for each in found.since if each.rows]
    if lost:
        tell(_("磁盘若此刻坏掉，备份之后的这些会丢（伙伴县已收到的，可从那里找回）："))
        for each in lost:
            tell(f"  {each.path} {_(_TABLES[each.table])}: {each.rows}")
    else:
        tell(_("备份之后没有新的内容；磁盘若此刻坏掉，什么也不丢"))
    _show_left_out(found.left_out)
    times = [] if found.backup_seconds is None else [_("备份 {seconds:.1f} 秒").format(seconds=found.backup_seconds)]
    times += [
        _("恢复 {seconds:.1f} 秒").format(seconds=found.restore_seconds),
        _("通读 {seconds:.1f} 秒").format(seconds=found.read_seconds),
    ]
    tell(join_list(times))
    colour = "green" if found.well else "red"
    verdict = _("备份可用") if found.well else _("备份有问题，请看标为坏的几行")
    click.echo(click.style(verdict, fg=colour, bold=True))


def _check_row(home: Home, each: DrillCheck) -> tuple[object, ...]:
    county = "" if each.county is None else home.member_name(each.county)
    return _(_SUBJECTS[each.subject]), county, _(_STATES[each.state]), each.count or "", each.fault
