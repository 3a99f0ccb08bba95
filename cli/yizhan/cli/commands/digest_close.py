"""``yizhan digest close``: quarters closed at the station."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import (
    MEMBER,
    QUARTER,
    Command,
    Whole,
    json_option,
    option,
    passphrase_option,
)
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.services.home import Home
    from yizhan.streams.closing_kafka import Closer, CloseResult


@click.command(
    "close",
    cls=Command,
    help=marked(
        "在驿站结算一个季度：把各县应收的汇成通报，附驿站签名的清单；没有事件也有清单（零报告）。\n\n"
        "先等驿站处理完此刻之前收到的一切。不给 --county 时结算所有成员。中途断了，再运行一次即可。"
    ),
)
@option("--county", "counties", multiple=True, type=MEMBER, metavar="C", help=marked("只结算这个县，可多次给出"))
@option("--all", "everybody", is_flag=True, help=marked("结算所有成员（默认）"))
@option("--label", metavar="2026Q4", type=QUARTER, help=marked("季度（默认：到期未结的，否则本季度）"))
@option("--early", is_flag=True, help=marked("季度还没有结束也结算；其后的由下一次结算补上"))
@option("--interim", is_flag=True, help=marked("中期通报：不结算，不改变下一次结算"))
@option("--due", "only_due", is_flag=True, help=marked("只结算到期未结的，供定时器使用"))
@option("--wait", type=Whole(0, 86_400), default=60, metavar="SECONDS", help=marked("最多等驿站多少秒（默认 60）"))
@passphrase_option()
@json_option()
def close(
    *,
    counties: tuple[str, ...],
    everybody: bool,
    label: str | None,
    early: bool,
    interim: bool,
    only_due: bool,
    wait: int,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Close a period."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas import topics
    from yizhan.schemas.quarters import Quarter
    from yizhan.services.keys import station_keys
    from yizhan.streams.closing_kafka import Closer

    home = current_home()
    if everybody and counties:
        raise click.UsageError(_("--all 与 --county 只能给一个"), click.get_current_context())
    chosen = [home.member(code) for code in counties] or sorted(home.charters.latest().members)
    _check_ended(home, {label}, utc_now(), early=early or interim)
    folder = home.path / "station"
    keys = station_keys(folder / "keys", (home.charters.latest(), home.charter), TerminalPassphrase(passphrase_fd))
    done: list[CloseResult] = []
    with Closer(home.settings.connection(topics.STATION), folder, home.charters, keys) as closer:
        now = utc_now()
        labels = {code: label or _due(home, closer, code, now) for code in chosen}
        if not (only_due or any(labels.values())):
            labels = dict.fromkeys(chosen, str(Quarter.containing(now, home.charter.time_zone)))
        if any(labels.values()):
            _check_ended(home, set() if label else set(labels.values()), now, early=early or interim)
            _wait(closer, now, wait)
        for code, name in labels.items():
            if name is not None:
                done += _close(home, closer, code, name, now, interim=interim)
    if as_json:
        skipped = [code for code, name in labels.items() if name is None]
        print_json({"closed": [_closed(each) for each in done], "not_due": skipped})
        return
    for each in done:
        _tell(home, each)
    for code, name in labels.items():
        if name is None:
            _say_not_due(home, code)


def _check_ended(home: Home, labels: set[str | None], now: datetime, *, early: bool) -> None:
    """Refuse a quarter that has not begun; ask about one that has not ended, or refuse it."""
    from yizhan.cli.language import interactive
    from yizhan.schemas.quarters import Quarter
    from yizhan.services.errors import ServiceError

    zone = home.charter.time_zone
    for label in sorted(label for label in labels if label is not None):
        quarter = Quarter.parse(label)
        if now < quarter.start(zone):
            sentence = marked("{label} 还没有开始（{start} 才开始），不能结算")
            raise ServiceError(sentence, label=label, start=home.local_time(quarter.start(zone)))
        if early or now >= quarter.end(zone):
            continue
        words = {"label": label, "end": home.local_time(quarter.end(zone))}
        if not interactive():
            sentence = _("{label} 要到 {end} 才结束；现在就结算请加 --early，只想看中期情况请用 --interim")
            raise ServiceError(sentence.format(**words))
        click.confirm(_("{label} 要到 {end} 才结束，现在就结算吗？").format(**words), abort=True, err=True)


def _due(home: Home, closer: Closer, code: str, now: datetime) -> str | None:
    """Return the quarter that has ended and is not closed for a member, or None."""
    from yizhan.schemas.timestamps import instant
    from yizhan.streams.closing import due

    charter = home.charters.in_force(now)
    last = closer.last(code)
    first = home.charters.in_force(datetime.min.replace(tzinfo=now.tzinfo)).holds_from
    quarter = due(now, charter.time_zone, None if last is None else instant(last.closed), first)
    return None if quarter is None else str(quarter)


def _wait(closer: Closer, now: datetime, seconds: float) -> None:
    from yizhan.cli.output import progress

    with progress(_("等驿站处理完")):
        closer.wait_for_station(now, seconds)


def _close(home: Home, closer: Closer, code: str, label: str, now: datetime, *, interim: bool) -> list[CloseResult]:
    from yizhan.cli.output import progress
    from yizhan.schemas.timestamps import written
    from yizhan.streams.closing import CloseRequest

    text = _("结算 {member} {label}").format(member=home.member_name(code), label=label)
    with progress(text) as bar:
        request = CloseRequest(label=label, closed=written(now))
        return closer.run(code, request, interim=interim, progress=bar.advance)


def _closed(each: CloseResult) -> dict[str, Any]:
    return {"manifest": each.manifest, "repeated": each.repeated, "strange": each.strange}


def _tell(home: Home, each: CloseResult) -> None:
    from yizhan.cli.digest_view import manifest_kind
    from yizhan.cli.output import tell

    made = each.manifest
    sentence = _("{member} {label} {kind}：{count} 件（含回执和系统通知），其中当时已即时送达 {prompt} 件")
    tell(
        sentence.format(
            member=home.member_name(made.county),
            label=made.label,
            kind=manifest_kind(made),
            count=made.count,
            prompt=made.prompt,
        )
    )
    for offset, why in each.strange:
        tell(_("  位置 {offset} 的记录没有计入：{why}").format(offset=offset, why=why))


def _say_not_due(home: Home, code: str) -> None:
    from yizhan.cli.output import say

    say(_("{member} 没有到期未结的季度").format(member=home.member_name(code)))
