"""``yizhan audit reconcile|explain|find|report``: log and books held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import MEMBER, Command, charter_option, json_option, option
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from yizhan.ledger.audit.evidence import Evidence
    from yizhan.ledger.audit.reconcile import Discrepancy, Reconciliation
    from yizhan.ledger.log_source import LogSource
    from yizhan.schemas.checkpoints import OpenedCheckpoint
    from yizhan.services.home import Home

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Where log, books and charter are, and whether a final checkpoint is wanted."""

    home: Home
    where: str | None
    books: tuple[Path, ...]
    unsettled: bool

    def gather(self) -> AbstractContextManager[tuple[LogSource, Evidence]]:
        """Read them and lay them side by side; as ``yizhan.services.books.gather``."""
        from yizhan.services.books import gather

        return gather(self.home, self.where, self.books, unsettled=self.unsettled)


def evidence_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare where log, books and charter are; the command gets them as ``asked``."""

    @wraps(function)
    def asking(
        *args: Any,  # noqa: ANN401 -- the command's own
        where: str | None,
        books: tuple[Path, ...],
        charter: Path | None,
        not_final: bool,
        **given: Any,  # noqa: ANN401 -- as above
    ) -> Any:  # noqa: ANN401 -- as above
        from yizhan.cli.context import current_home

        home = current_home()
        home.charter_folder = charter or home.charter_folder
        return function(*args, asked=Asked(home, where, books, not_final), **given)

    for each in (
        option("--not-final", is_flag=True, help=marked("以最新的检查点为准，会签不到法定多数也可以")),
        charter_option(),
        option(
            "--book",
            "books",
            multiple=True,
            type=_FILE,
            metavar="FILE",
            help=marked("县里导出的簿，可多次给出（默认：主目录里各县的）"),
        ),
        option(
            "--log", "where", metavar="WHERE", help=marked("导出的账本，目录或网址，要带原话（默认：主目录里的账本）")
        ),
    ):
        asking = each(asking)
    return asking


def checkpoint_as_json(opened: OpenedCheckpoint) -> Mapping[str, Any]:
    """Name a checkpoint for programs."""
    return {
        "origin": opened.checkpoint.origin,
        "size": opened.checkpoint.size,
        "root": opened.checkpoint.root,
        "at": opened.at,
        "cosigned": sorted(opened.cosigned),
        "final": opened.final,
    }


def tell_checkpoint(home: Home, opened: OpenedCheckpoint) -> None:
    """Name the checkpoint that an audit stands on."""
    from yizhan.cli.output import tell

    state = _("已定局") if opened.final else _("尚未定局")
    members = join_list(home.member_name(code) for code in sorted(opened.cosigned))
    sentence = _("以检查点 {size} 条为准（{state}，{at}），根 {root}；会签：{members}")
    tell(
        sentence.format(
            size=opened.checkpoint.size,
            state=state,
            at=home.local_time(opened.at),
            root=opened.checkpoint.root.hex(),
            members=members or _("无"),
        )
    )


@click.command(
    "reconcile",
    cls=Command,
    help=marked(
        "对账：两个县的簿与账本逐道核对，双向。发了没收、收了没发、指纹不同、断号，逐件指名。\n\n"
        "先由两县各自导出：yizhan outbox export、yizhan inbox export。对不上时退出码为 1。"
    ),
)
@click.argument("a", type=MEMBER, metavar="A")
@click.argument("b", type=MEMBER, metavar="B")
@evidence_options
@json_option()
@click.pass_context
def reconcile(
    ctx: click.Context,
    *,
    a: str,
    b: str,
    asked: Asked,
    as_json: bool,
) -> None:
    """Reconcile two counties."""
    from yizhan.cli.output import print_json
    from yizhan.ledger.audit.reconcile import reconcile as compare

    home = asked.home
    with asked.gather() as (_files, evidence):
        found = compare(evidence, home.member(a), home.member(b))
    if as_json:
        print_json({"checkpoint": checkpoint_as_json(evidence.logged.checkpoint), "reconciliation": found})
    else:
        tell_checkpoint(home, evidence.logged.checkpoint)
        _tell_reconciliation(home, found)
    if not found.clean:
        ctx.exit(1)


def _tell_reconciliation(home: Home, found: Reconciliation) -> None:
    from yizhan.cli.output import print_table, tell

    print_table(
        [_("发件"), _("收件"), _("册"), _("道"), _("末号"), _("发出"), _("入账"), _("收到"), _("作废"), _("在途")],
        [
            (home.member_name(lane.sender), home.member_name(lane.recipient), lane.book, lane.lane, lane.head, lane.sent, lane.logged,
             lane.came, lane.void, lane.waiting)
            for lane in found.lanes
        ],
        _("两县之间没有往来"),
    )  # fmt: skip
    for each in found.discrepancies:
        tell(discrepancy_sentence(home, each))
    for county, kind in found.missing_books:
        name = _("发件簿") if kind == "outbox" else _("收件簿")
        tell(_("缺 {county} 的{name}，这个方向没有核对").format(county=home.member_name(county), name=name))
    if found.clean:
        tell(_("两县之间账实相符"))


def discrepancy_sentence(home: Home, each: Discrepancy) -> str:
    """Say one discrepancy in one line."""
    from yizhan.ledger.audit.labels import odd_sentence

    number = "" if each.first is None else str(each.first)
    if each.last != each.first:
        number += f"–{each.last}"
    sentence = _("✘ {sender} 发给 {recipient} {lane} {number} {id}：{odd}（{word}）{place}{detail}")
    return sentence.format(
        sender=home.member_name(each.sender),
        recipient=home.member_name(each.recipient),
        lane=f"{each.book}/{each.lane}" if each.lane else "",
        number=number,
        id=each.id or "",
        odd=odd_sentence(each.odd),
        word=each.odd.value,
        place="" if each.place is None else _("，账上第 {place} 条").format(place=each.place),
        detail=f": {each.detail}" if each.detail else "",
    )
