"""``yizhan publish``: drafts in, sealed events in the outbox."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.asking import ask, interactive
from yizhan.cli.click_options import attach_option, county_option, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import print_json, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.producers.doubts import Judgement
from yizhan.producers.drafts import LineProblem
from yizhan.runtime.standard_streams import standard_input
from yizhan.schemas.i18n import _, marked
from yizhan.services.attachments import total_bytes
from yizhan.services.doubts import doubt_sentences
from yizhan.services.event_text import accepted_lines, files_waiting_line
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence
from yizhan.services.publishing import (
    FilesWait,
    LineRefused,
    LineResult,
    LineSent,
    LineSkipped,
    Published,
    SeveralDrafts,
    Stream,
    publish,
)


@single_command(
    "publish",
    help=marked(
        "发出事件：逐行读 JSON Lines 文件，封好、签名、存入发件箱。\n\n"
        "样例：主目录里的 event.jsonl；结构：yizhan schema draft 和 yizhan schema forest_fire 等。"
        "显示“已收”即已落盘，不会丢失；由 yizhan outbox run 送出。坏的行指明文件、行号、字段，好的行照发。"
        "同一 external_ref 只发一次。FILE 为 - 时读标准输入。"
        "没有人可问时，在任何收件县都不会响铃的火情、灾害留下不发。有坏行、没有发的行时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE.jsonl")
@county_option()
@option("--yes", is_flag=True, help=marked("有疑问的（不涉及收件县、不在本县境内）也不再询问，直接发出"))
@attach_option(marked("随文书密封一个附件（照片、文档、轨迹，至多 200 MiB），可多次给出；文件里须只有一件文书"))
@passphrase_option()
@json_option()
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: str,
    county: str,
    yes: bool,
    attached: tuple[str, ...],
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Publish a file."""
    home, name = current_home(), _("标准输入") if file == "-" else file
    asks = not yes and file != "-" and interactive() and not as_json

    def confirm(line: int, judged: Judgement) -> bool | None:
        for sentence in doubt_sentences(home, judged):
            say(f"{name}:{line}: {sentence}")
        return ask(_("仍要发出吗？")) if asks else None

    def show(result: LineResult | FilesWait) -> None:
        _show(home, name, result, quiet=as_json)

    with nullcontext(standard_input()) if file == "-" else open(file, "rb") as lines:  # noqa: PTH123 -- shown as typed
        try:
            with progress(_("密封附件"), total_bytes(attached)) as bar:
                stream = Stream(lines, name, attached, bar)
                found = publish(home, county, stream, passphrases, show, None if yes else confirm)
        except SeveralDrafts as error:
            raise click.UsageError(str(error), ctx) from None
    if as_json:
        print_json(_as_json(found))
    else:
        say(_summary(found))
    if any(not each.sent.duplicate for each in found.sent):
        say_if_nobody_sends(home, county)
    if found.broken is not None:
        # What was reported as accepted is durable; what was not, is still the caller's.
        raise found.broken
    if found.empty:
        say(_("{name} 里没有一件待发事件").format(name=name))
    if found.empty or not found.complete:
        ctx.exit(1)


def _show(home: Home, name: str, result: LineResult | FilesWait, *, quiet: bool) -> None:
    """Show what became of a line; where it is quiet, only what a person must know at once."""
    match result:
        case FilesWait():
            say(files_waiting_line(result.trouble))
        case LineSkipped(held=True):
            sentence = _("{file}:{line}: 没有人可问，这一件没有发出；改正后再发，确实要发请加 --yes")
            say(sentence.format(file=name, line=result.line))
        case LineSent() if not quiet:
            tell("\n".join(accepted_lines(home, result.sent)))
        case LineRefused() if not quiet:
            say(f"{name}:{result.line}: {error_sentence(result.error)}")
        case LineProblem() if not quiet:
            say(str(result))


def _summary(found: Published) -> str:
    """Say it in one line."""
    twice = sum(each.sent.duplicate for each in found.sent)
    sentence = _(
        "已收 {accepted} 件，以前已发过 {twice} 件，格式不对 {bad} 行，不能发 {refused} 件，决定不发 {skipped} 件"
    )
    return sentence.format(
        accepted=len(found.sent) - twice,
        twice=twice,
        bad=len({problem.line for problem in found.problems}),
        refused=len(found.refused),
        skipped=len(found.skipped),
    )


def _as_json(found: Published) -> dict[str, Any]:
    """Return it for programs."""
    return {
        "accepted": [{"line": each.line, **json_value(each.sent)} for each in found.sent],
        "problems": found.problems,
        "refused": [{"line": each.line, "error": error_sentence(each.error)} for each in found.refused],
        "skipped": [each.line for each in found.skipped],
        "held": [each.line for each in found.skipped if each.held],
    }
