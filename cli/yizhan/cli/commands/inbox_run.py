"""``yizhan inbox run``: receive, and show what arrives."""

from __future__ import annotations

from typing import Any

import click

from yizhan.cli.bell_view import say_heard
from yizhan.cli.click_options import county_option, json_option, option, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.item_view import item_json, item_panel
from yizhan.cli.longrun import working
from yizhan.cli.output import print_line, say
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import console
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.bell.rings import RingOutcome
from yizhan.consumers.items import Item
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.matters import CountyAnswer
from yizhan.services.alarms import is_for_people
from yizhan.services.bell import ladder, make_ringer, read_bell
from yizhan.services.bell_text import unreachable_rungs
from yizhan.services.home import Home
from yizhan.services.item_text import arrival_line, is_pressing
from yizhan.services.labels import reason_name
from yizhan.services.obligation_text import answer_line, followup_line
from yizhan.services.receiving import open_receiver


@single_command(
    "run",
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


def officers_word(home: Home, item: Item) -> str:
    """Say in one line what an officer of a recipient answered to an event of ours; ``item`` is the receipt."""
    receipt, raw = item.header.receipt, {} if item.contents is None else item.contents.raw
    by, note = raw.get("by"), raw.get("note")
    name, badge = (str(by.get("name", "")), str(by.get("badge", ""))) if isinstance(by, dict) else ("", "")
    about = "" if receipt is None or receipt.event is None else receipt.event.id
    stage = "" if receipt is None else receipt.stage
    text = note if isinstance(note, str) else None
    return answer_line(home, about, CountyAnswer(stage, name, badge, text, item.time, item.county))


class Screen:
    """Shows arrivals to the person at the desk."""

    def __init__(self, home: Home, county: str) -> None:
        """Show what arrives at a county, with the names and times of a home."""
        self._home, self._county = home, county

    def arrived(self, outcome: ReceiveOutcome) -> None:
        """Show an alarm, and a word that somebody calls urgent, as a panel; the rest as a sentence."""
        item = outcome.item
        if item is not None and outcome.became == "stored" and (outcome.rings or is_pressing(item)):
            self.rings(item)
        elif outcome.became == "stored" and item is not None and is_for_people(item):
            say(officers_word(self._home, item) if item.header.receipt else arrival_line(self._home, item))
        elif outcome.became == "manifest":
            say(_("季度通报 {label} 已到").format(label=outcome.reason))
        elif outcome.became == "followup" and outcome.followup is not None:
            say(followup_line(self._home, self._county, outcome.followup))
        elif outcome.became == "aside":
            say(_("一件核验不过，已另存：{reason}").format(reason=reason_name(str(outcome.reason))))
        elif outcome.became == "conflict" and item is not None:
            say(_("{id} 有另一份内容不同的文书，已留作证据").format(id=item.id))

    def waiting(self, count: int, oldest: Item) -> None:
        """Say how many alarms waited, and since when."""
        line = _("有 {count} 件报警等着签收，最早的是 {id}，{at} 收到")
        say(line.format(count=count, id=oldest.id, at=self._home.local_time(oldest.received)))

    def rings(self, item: Item) -> None:
        """Ring, and show the alarm."""
        screen = console()
        if screen.is_terminal:
            screen.bell()
        screen.print(item_panel(self._home, item, self._county))

    def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
        """Ring again for what nobody acknowledged."""
        click.echo("\a", nl=False, err=True)
        say(_("仍有 {count} 件报警无人签收，最新的是 {id}").format(count=count, id=ids[0]))


class JsonLines:
    """Writes one line of NDJSON for each arrival."""

    def arrived(self, outcome: ReceiveOutcome) -> None:
        """Write what became of one record."""
        item = None if outcome.item is None else item_json(outcome.item)
        self._print(outcome.became, rings=outcome.rings, reason=outcome.reason, item=item, followup=outcome.followup)

    def waiting(self, count: int, oldest: Item) -> None:
        """Write nothing: programs read what waits from ``inbox list``."""

    def rings(self, item: Item) -> None:
        """Write nothing: programs read what waits from ``inbox list``."""

    def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
        """Write how many alarms still wait for a person, and which."""
        self._print("ringing", rings=False, reason=None, item=None, followup=None, count=count, ids=ids)

    @staticmethod
    def _print(became: str, **values: Any) -> None:  # noqa: ANN401 -- JSON is any
        print_line({"became": became, **values})
