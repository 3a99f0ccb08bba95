"""``yizhan up|down|logs``: the processes of a home in the background."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import click

from yizhan.cli.actions import with_action
from yizhan.cli.click_options import Whole, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.longrun import stopping
from yizhan.cli.output import print_json, tell
from yizhan.cli.screen import progress
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, get_language, marked
from yizhan.services.bell import counties_without_bell
from yizhan.services.commands import command_of
from yizhan.services.processes import ProcessState, last_lines, log_files, new_text, start_action
from yizhan.services.progress import Progress

_LOOK_SECONDS: Final = 0.2
_STATES: Final = {
    "started": marked("已启动，就绪"),
    "running": marked("已在运行，没有动它"),
    "stopped": marked("已停止"),
    "ended": marked("启动后又结束了，日志末尾："),
    "not_ready": marked("还没有就绪，仍在运行，日志末尾："),
}


def _watched(
    run: Callable[[Callable[[ProcessState], None], Progress], Sequence[ProcessState]], *, as_json: bool, doing: str
) -> Sequence[ProcessState]:
    """Run a service that tells what becomes of each process."""

    def observe(state: ProcessState) -> None:
        if not as_json:
            lines = [f"{state.name}: {_(_STATES[state.state])}", *(f"    {line}" for line in state.last_lines)]
            tell("\n".join(lines))

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    with progress(doing) as bar:
        return run(observe, bar)


@single_command(
    "up",
    help=marked(
        "在后台启动这个主目录有密钥的一切进程，等到都就绪；已在运行的不动，只补缺的。\n\n"
        "Kafka（如在本机）、驿站、账本，各县的收件、发件和会签；日志在 logs/。中断则停下已启动的。"
        "有进程没有起来时退出码为 1。供试用：进程结束后不会重启，正式运行请用 systemd（docs/operations.md）。"
    ),
)
@json_option()
def up(as_json: bool) -> None:
    """Start what is missing."""
    from yizhan.services.process_control import start_processes  # noqa: PLC0415 -- Kafka, which a reader need not have

    home = current_home()
    begin = [sys.executable, "-m", "yizhan.cli", "--home", str(home.path), "--lang", get_language()]

    def command(action: Action) -> list[str]:
        return [*begin, *shlex.split(command_of(action))[1:]]

    found = _watched(lambda see, bar: start_processes(home, command, see, bar), as_json=as_json, doing=_("启动各进程"))
    silent = counties_without_bell(home)
    if as_json:
        print_json({"processes": found, "without_bell": silent})
    else:
        for county in silent:
            sentence = _("{county} 没有设铃（bell.toml），后台收到的报警叫不到任何人")
            tell(with_action(sentence.format(county=county), Action.to("bell.init", county=county)))
    if any(each.failed for each in found):
        raise click.exceptions.Exit(1)


@single_command("down", help=marked("停下 yizhan up 启动的进程，等到都结束；别的不动"))
@json_option()
def down(as_json: bool) -> None:
    """End what ``up`` started."""
    from yizhan.services.process_control import stop_processes  # noqa: PLC0415 -- as above

    home = current_home()
    found = _watched(lambda see, _bar: stop_processes(home, see), as_json=as_json, doing=_("停止各进程"))
    if as_json:
        print_json({"processes": found})
    elif not any(each.state == "stopped" for each in found):
        tell(_("{home} 里没有 yizhan up 启动的进程在运行").format(home=home.path))


@single_command(
    "logs",
    help=marked(
        "显示后台进程的日志。\n\n"
        "NAME 如 station、inbox-350924；不给则各显示末尾几行。"
        "日志写给维护人员，是英文；一切是否正常，请看 yizhan status。"
    ),
)
@click.argument("name", metavar="[NAME]", required=False)
@option("--lines", type=Whole(0, 1_000_000), default=20, metavar="N", help=marked("末尾多少行（默认 20）"))
@option("--follow", "-f", is_flag=True, help=marked("一直显示新写的，按 Ctrl-C 结束"))
def logs(name: str | None, lines: int, follow: bool) -> None:
    """Show logs."""
    home = current_home()
    files = log_files(home, name)
    if not files:
        tell(with_action(_("还没有日志"), start_action(home)))
    read = {}
    for each, path in files.items():
        found, read[each] = last_lines(path, lines)
        _show(each, found, alone=name is not None)
    if not (follow and files):
        return
    with stopping() as stop:
        while not stop.wait(_LOOK_SECONDS):
            for each, path in files.items():
                text, read[each] = new_text(path, read[each])
                _show(each, text.splitlines(), alone=name is not None)


def _show(name: str, lines: Iterable[str], *, alone: bool) -> None:
    for line in lines:
        tell(line if alone else f"{name} | {line}")
