"""``yizhan demo``: the whole exchange on this machine, in about two minutes.

Rule 1: exit 0 only if everything that was expected happened.
Rule 2: nothing is left running, however it ends, unless ``--keep`` was given.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from yizhan.cli.click_options import Command, OneOf, Option
from yizhan.cli.language import HOME_VARIABLE
from yizhan.demo.account import Account
from yizhan.demo.auditing import audit
from yizhan.demo.climbing import climb
from yizhan.demo.desks import desk_lines, open_desks
from yizhan.demo.ending import Stopped, cleaning_up
from yizhan.demo.play import Day
from yizhan.demo.stage import Stage, exclusive_home
from yizhan.deploy.brokers import Brokers
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import SIX, TWO

DEFAULT_HOME: Final = "demo-run"
SUMMARY: Final = "summary.json"


def _run(counties: str, nodes: str, keep: bool, as_json: bool) -> None:
    """Play the day; raise ``click.exceptions.Exit(1)`` if something did not happen."""
    given = click.get_current_context().find_root().params.get("home")
    home = Path(given or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser().absolute()
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    stages: list[Stage] = []

    def clean() -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            console.print(_("收场：停止各进程"))
        try:
            for stage in stages:
                stage.end()
        finally:
            Brokers(home).stop()  # also one that was only about to be a stage's

    try:
        with exclusive_home(home, console.print), cleaning_up(clean):
            console.print(_("建立示例联盟（示例，非真实名单）：密钥、章程、Kafka、驿站、各县收发"))
            members = SIX if counties == "6" else TWO
            stage = Stage.build(home, members, lambda words: console.print(f"  {words}"), int(nodes))
            stages.append(stage)
            figures, problems = _play(stage, console, desks=keep)
            (home / SUMMARY).write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            if as_json:
                click.echo(json.dumps(figures, ensure_ascii=False))
            if keep and not problems:
                _wait(stage, console)
    except Stopped as stopped:
        if stopped.number == signal.SIGINT:
            raise click.Abort from None
        raise click.exceptions.Exit(128 + stopped.number) from None
    console.print(_("记录在 {home}，数字在 {summary}").format(home=home, summary=home / SUMMARY))
    if problems:
        raise click.exceptions.Exit(1)


def _play(stage: Stage, console: Console, *, desks: bool) -> tuple[dict[str, Any], list[str]]:
    account = Account(console, stage.charter)
    with console.status(_("启动各进程，等它们就绪")):
        stage.start()
        opened = open_desks(stage) if desks else []
    for line in desk_lines(opened) if opened else ():
        console.print(line)
    day = Day(stage, account)
    label = str(Quarter.containing(utc_now(), stage.charter.time_zone))
    account.section(_("边界上的一天"))
    day.play()
    account.section(_("卫星热点"))
    day.satellites()
    account.section(_("谁该办什么"))
    day.owed()
    account.section(_("无人签收的报警"))
    climbed = climb(day)
    account.section(_("不怀好意的记录"))
    day.hostile()
    account.section(_("季度通报 {label}").format(label=label))
    day.close(label)
    account.line("   " + _("通报稿：{path}").format(path=day.bulletin(label)))
    account.section(_("账本"))
    ledger = day.attempt(partial(audit, day)) or {}
    account.section(_("数字"))
    figures = day.figures(stage.rings()) | {"climbed": climbed, "ledger": ledger}
    account.summary(figures, day.problems)
    return figures, day.problems


def _wait(stage: Stage, console: Console) -> None:
    """Keep everything up until the person has had enough."""
    console.print(_("一切仍在运行。试试：yizhan --home {home} inbox list --county 331126").format(home=stage.home))
    console.print(_("按 Ctrl-C 结束"))
    with contextlib.suppress(Stopped):
        while True:
            time.sleep(3600)


command = Command(
    "demo",
    help=marked(
        "演示：真的 Kafka、真的密钥、真的驿站，演一遍边界上的一天。\n\n"
        "主目录默认 demo-run（用 --home 另指），结束时写 summary.json；一切如期则退出码为 0，不留进程。"
    ),
    callback=_run,
    params=[
        Option(
            ["--counties"],
            type=OneOf(["6", "2"]),
            default="6",
            help=marked("示例联盟六县，或真正签约的两县（默认 6）"),
        ),
        Option(
            ["--nodes"],
            type=OneOf(["1", "3"]),
            default="1",
            help=marked("一个 Kafka，或互为备份的三个（默认 1）"),
        ),
        Option(
            ["--keep"],
            is_flag=True,
            help=marked("同时打开寿宁、庆元两县的值班台，演完不收场，留着试用，按 Ctrl-C 结束"),
        ),
        Option(["--json", "as_json"], is_flag=True, help=marked("结束时把数字以 JSON 写到标准输出")),
    ],
)
