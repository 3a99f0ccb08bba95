"""``yizhan digest close``: quarters closed at the station."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import click

from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import MEMBER, QUARTER, Command, Whole, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.manifest import Manifest
from yizhan.services.errors import QuarterNotEnded, ServiceError
from yizhan.services.home import Home
from yizhan.services.labels import manifest_kind
from yizhan.services.progress import Progress


class _Close(Command):
    """The command that says where a quarter belongs."""

    def extra_words(self, words: list[str]) -> str:
        """Say how a quarter is given."""
        try:
            return _("请写 --label {label}").format(label=QUARTER.convert(words[0], None, None))
        except click.BadParameter:
            return super().extra_words(words)


@click.command(
    "close",
    cls=_Close,
    help=marked(
        "在驿站结算一个季度：把各县应收的汇成通报，附驿站签名的清单；没有事件也有清单（零报告）。\n\n"
        "先等驿站处理完此刻之前收到的一切。不给 --county 时结算所有成员。中途断了，再运行一次即可。"
    ),
)
@option("--county", "counties", multiple=True, type=MEMBER, metavar="C", help=marked("只结算这个县，可多次给出"))
@option("--all", "everybody", is_flag=True, help=marked("结算所有成员（默认）"))
@option(
    "--label", metavar="2026Q4", type=QUARTER, help=marked("季度，只能是下一个该结算的（默认：到期未结的，否则本季度）")
)
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
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Close a period."""
    from yizhan.services.quarter_closing import (  # noqa: PLC0415 -- Kafka, of the extra "station"
        ClosedQuarters,
        CloseOrder,
        ClosingProgress,
        close_quarters,
    )

    if everybody and counties:
        raise click.UsageError(_("--all 与 --county 只能给一个"), click.get_current_context())
    home = current_home()
    order = CloseOrder(counties, label, early, interim, only_due, wait)

    def run(order: CloseOrder) -> ClosedQuarters:
        bars = ClosingProgress(partial(progress, _("等驿站处理完")), partial(_closing, home))
        return close_quarters(home, order, passphrases, bars)

    try:
        done = run(order)
    except QuarterNotEnded as error:
        _confirm_early(error)
        done = run(replace(order, early=True))
    if as_json:
        closed = [
            {"manifest": each.manifest, "repeated": each.repeated, "strange": each.strange} for each in done.closed
        ]
        print_json({"closed": closed, "not_due": done.not_due})
        return
    for each in done.closed:
        _tell(home, each.manifest, each.strange)
    for code in done.not_due:
        say(_("{member} 没有到期未结的季度").format(member=home.member_name(code)))


def _closing(home: Home, county: str, label: str) -> AbstractContextManager[Progress]:
    return progress(_("结算 {member} {label}").format(member=home.member_name(county), label=label))


def _confirm_early(error: QuarterNotEnded) -> None:
    """Ask whether to close a quarter that has not ended; where nobody can be asked, refuse."""
    if not interactive():
        sentence = marked("{label} 要到 {end} 才结束；现在就结算请加 --early，只想看中期情况请用 --interim")
        raise ServiceError(sentence, label=error.params["label"], end=error.params["end"]) from error
    require_yes(_("{sentence}，现在就结算吗？").format(sentence=error), _("没有结算"))


def _tell(home: Home, made: Manifest, strange: Iterable[tuple[int, str]]) -> None:
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
    for offset, why in strange:
        tell(_("  位置 {offset} 的记录没有计入：{why}").format(offset=offset, why=why))
