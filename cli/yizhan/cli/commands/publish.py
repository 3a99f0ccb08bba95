"""``yizhan publish``: drafts in, sealed events in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

import click

from yizhan.cli.accepted_view import accepted_lines, files_waiting_line, say_if_nobody_sends
from yizhan.cli.asking import ask
from yizhan.cli.click_options import Command, attach_option, county_option, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.language import interactive
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import print_json, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.producers.doubts import Judgement
from yizhan.producers.drafts import LineProblem
from yizhan.runtime.errors import StoreError
from yizhan.runtime.standard_streams import standard_input
from yizhan.schemas.i18n import _, marked
from yizhan.services.attachments import total_bytes
from yizhan.services.doubts import doubt_sentences
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence
from yizhan.services.progress import SILENT
from yizhan.services.publishing import (
    FilesWait,
    LineRefused,
    LineResult,
    LineSent,
    LineSkipped,
    SeveralDrafts,
    Stream,
    publish,
)


@click.command(
    "publish",
    cls=Command,
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
    home = current_home()
    report = PublishReport(home, _("标准输入") if file == "-" else file, quiet=as_json)
    report.ask = not yes and file != "-" and interactive() and not as_json
    broken: StoreError | None = None
    with _opened(file) as lines:
        try:
            with progress(_("密封附件"), total_bytes(attached)) if attached else nullcontext(SILENT) as bar:
                stream = Stream(lines, report.name, attached, bar)
                publish(home, county, stream, passphrases, report.take, None if yes else report.confirm)
        except SeveralDrafts as error:
            raise click.UsageError(str(error), ctx) from None
        except StoreError as error:
            broken = error
    if as_json:
        print_json(report.as_json())
    else:
        say(report.summary())
    if any(not each.sent.duplicate for each in report.sent):
        say_if_nobody_sends(home, county)
    if broken is not None:
        # What was reported as accepted is durable; what was not, is still the caller's.
        raise broken
    if report.empty:
        say(_("{name} 里没有一件待发事件").format(name=report.name))
        ctx.exit(1)
    # A later report under the first one's reference was not sent: whoever published it must know.
    if report.problems or report.refused or report.skipped or any(each.sent.differs for each in report.sent):
        ctx.exit(1)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield standard_input()
        return
    with open(file, "rb") as stream:  # noqa: PTH123 -- the name is shown as it was typed
        yield stream


class PublishReport:
    """What became of a file, line by line; shown as it happens unless ``quiet``."""

    def __init__(self, home: Home, name: str, *, quiet: bool = False) -> None:
        """Take how the file is called."""
        self.home, self.name, self.quiet, self.ask = home, name, quiet, False
        self.sent: list[LineSent] = []
        self.problems: list[LineProblem] = []
        self.refused: list[LineRefused] = []
        self.skipped: list[LineSkipped] = []
        self.held: list[int] = []
        """Lines that stayed back because nobody could be asked."""

    @property
    def empty(self) -> bool:
        """Whether nothing stood in the file."""
        return not (self.sent or self.problems or self.refused or self.skipped)

    def take(self, result: LineResult | FilesWait) -> None:
        """Keep a result, and show it."""
        match result:
            case FilesWait():
                say(files_waiting_line(result.trouble))
            case LineSent():
                self.sent.append(result)
                self._print("\n".join(accepted_lines(self.home, result.sent)), tell)
            case LineRefused():
                self.refused.append(result)
                self._print(f"{self.name}:{result.line}: {error_sentence(result.error)}", say)
            case LineProblem():
                self.problems.append(result)
                self._print(str(result), say)
            case LineSkipped():
                self.skipped.append(result)
                if result.held:
                    self.held.append(result.line)
                    sentence = _("{file}:{line}: 没有人可问，这一件没有发出；改正后再发，确实要发请加 --yes")
                    say(sentence.format(file=self.name, line=result.line))

    def _print(self, text: str, to: Callable[[str], None]) -> None:
        if not self.quiet:
            to(text)

    def confirm(self, line: int, judged: Judgement) -> bool | None:
        """Say the doubts about a line; on a terminal, ask once whether it goes (None: nobody can be asked)."""
        for sentence in doubt_sentences(self.home, judged):
            say(f"{self.name}:{line}: {sentence}")
        return ask(_("仍要发出吗？")) if self.ask else None

    def summary(self) -> str:
        """Say it in one line."""
        twice = sum(each.sent.duplicate for each in self.sent)
        sentence = _(
            "已收 {accepted} 件，以前已发过 {twice} 件，格式不对 {bad} 行，不能发 {refused} 件，决定不发 {skipped} 件"
        )
        return sentence.format(
            accepted=len(self.sent) - twice,
            twice=twice,
            bad=len({problem.line for problem in self.problems}),
            refused=len(self.refused),
            skipped=len(self.skipped),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "accepted": [{"line": each.line, **json_value(each.sent)} for each in self.sent],
            "problems": self.problems,
            "refused": [{"line": each.line, "error": error_sentence(each.error)} for each in self.refused],
            "skipped": [each.line for each in self.skipped],
            "held": self.held,
        }
