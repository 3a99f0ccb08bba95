"""``yizhan inbox run``: receive, and show what arrives."""

from __future__ import annotations

import click

from yizhan.cli.arrival_view import JsonLines, Screen
from yizhan.cli.bell_view import say_heard, unreachable_rungs
from yizhan.cli.click_options import Command, county_option, json_option, option
from yizhan.cli.context import acting, current_home
from yizhan.cli.longrun import working
from yizhan.cli.output import say
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.consumers.bell.rings import RingOutcome
from yizhan.schemas.i18n import marked
from yizhan.services.bell import ladder, make_ringer, read_bell
from yizhan.services.receiving import open_receiver


@click.command(
    "run",
    cls=Command,
    help=marked(
        "接收、核验、拆开、入库，直到叫停；报警时响铃并显示。\n\n"
        "无人签收的报警每半分钟再响一次；有 bell.toml 时还按它通知到人（yizhan bell）。\n\n"
        "送达回执由此发出，由 yizhan outbox run 送走。加 --json 时每件一行 NDJSON。"
    ),
)
@county_option()
@option("--quiet", is_flag=True, help=marked("不在屏幕上显示和响铃；bell.toml 的铃照响"))
@passphrase_option()
@json_option()
def run(county: str, quiet: bool, passphrases: TerminalPassphrase, as_json: bool) -> None:
    """Run the reader."""
    home = current_home()
    bell = read_bell(home, county)
    for line in () if bell is None else unreachable_rungs(ladder(home, county, bell.settings)):
        say(line)

    def heard(outcome: RingOutcome) -> None:
        if not quiet:
            say_heard(outcome, as_json=as_json)

    observer = None if quiet else JsonLines() if as_json else Screen(home, county)
    with (
        open_receiver(home, county, passphrases) as receiver,
        working(home.settings, home.settings.inbox_metrics_port, elsewhere="yizhan_outbox_") as (stop, watchdog),
    ):
        receiver.run(
            stop,
            acting("inbox run"),
            watchdog=watchdog,
            observer=observer,
            all_content=as_json,
            make_ringer=lambda inbox: make_ringer(home, inbox, bell, heard),
        )
