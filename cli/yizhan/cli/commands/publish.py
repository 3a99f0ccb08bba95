"""``yizhan publish``: drafts in, sealed events in the outbox.

Rule 1: a bad line names file, line and field, and the good lines still go.
Rule 2: what touches no recipient, or happened elsewhere, is asked about, once, and only where it would go now:
        not what was sent before, nor what waits for the quarter anyway.
Rule 3: what is odd in the content (grade, date, position, unit) is asked about too, and marked where it is kept.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from yizhan.cli.click_options import Command, county_option, json_option, option, passphrase_option
from yizhan.cli.language import interactive
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft, LineProblem
    from yizhan.producers.numbering import Accepted
    from yizhan.producers.outbox import Outbox
    from yizhan.services.home import Home


@click.command(
    "publish",
    cls=Command,
    help=marked(
        "发出事件：逐行读 JSON Lines 文件，封好、签名、存入发件箱。\n\n"
        "样例：主目录里的 event.jsonl；结构：yizhan schema draft 和 yizhan schema forest_fire 等。"
        "显示“已收”即已落盘，不会丢失；由 yizhan outbox run 送出。坏的行指明文件、行号、字段，好的行照发。"
        "同一 external_ref 只发一次。FILE 为 - 时读标准输入。有坏行时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE.jsonl")
@county_option()
@option("--yes", is_flag=True, help=marked("有疑问的（不涉及收件县、不在本县境内）也不再询问，直接发出"))
@option(
    "--attach",
    "attached",
    multiple=True,
    metavar="FILE",
    help=marked("随文书密封一个附件（照片、文档、轨迹，至多 200 MiB），可多次给出；文件里须只有一件文书"),
)
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
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Publish a file."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, say
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.errors import StoreError
    from yizhan.services.stores import open_outbox

    home = current_home()
    report = PublishReport(home, quiet=as_json)
    ask = not yes and file != "-" and interactive() and not as_json
    broken: StoreError | None = None
    with open_outbox(home, county, TerminalPassphrase(passphrase_fd)) as outbox:
        try:
            if file == "-":
                _publish(outbox, sys.stdin.buffer, _("标准输入"), report, ask=ask, warn=not yes, attached=attached)
            else:
                with open(file, "rb") as stream:  # noqa: PTH123 -- the name is told as it was typed
                    _publish(outbox, stream, file, report, ask=ask, warn=not yes, attached=attached)
        except StoreError as error:
            broken = error
    if as_json:
        print_json(report.as_json())
    else:
        say(report.summary())
    if broken is not None:
        # What was told as accepted is durable; what was not, is still the caller's.
        raise broken
    # A later report under the first one's reference was not sent: whoever published it must know.
    if report.problems or report.refused or any(sent.differs for _line, sent in report.accepted):
        ctx.exit(1)


@dataclass
class PublishReport:
    """What came of a file, line by line. Told as it happens unless ``quiet``."""

    home: Home
    quiet: bool = False
    accepted: list[tuple[int, Accepted]] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    def accept(self, line: int, sent: Accepted) -> None:
        """Tell that the outbox has an event."""
        from yizhan.cli.accepted_view import accepted_lines
        from yizhan.cli.output import tell

        self.accepted.append((line, sent))
        if not self.quiet:
            tell("\n".join(accepted_lines(self.home, sent)))

    def bad(self, problem: LineProblem) -> None:
        """Tell that a line cannot be sent."""
        from yizhan.cli.output import say

        self.problems.append(problem)
        if not self.quiet:
            say(str(problem))

    def refuse(self, name: str, line: int, error: Exception) -> None:
        """Tell that an event was not accepted."""
        from yizhan.cli.output import say
        from yizhan.services.labels import error_sentence

        self.refused.append((line, error_sentence(error)))
        if not self.quiet:
            say(f"{name}:{line}: {error_sentence(error)}")

    def skip(self, line: int) -> None:
        """Note that a person decided not to send an event."""
        self.skipped.append(line)

    def summary(self) -> str:
        """Say it in one line."""
        twice = sum(sent.duplicate for _line, sent in self.accepted)
        sentence = _(
            "已收 {accepted} 件，以前已发过 {twice} 件，格式不对 {bad} 行，不能发 {refused} 件，决定不发 {skipped} 件"
        )
        return sentence.format(
            accepted=len(self.accepted) - twice,
            twice=twice,
            bad=len({problem.line for problem in self.problems}),
            refused=len(self.refused),
            skipped=len(self.skipped),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        from yizhan.cli.accepted_view import accepted_json

        return {
            "accepted": [{"line": line, **accepted_json(sent)} for line, sent in self.accepted],
            "problems": self.problems,
            "refused": [{"line": line, "error": error} for line, error in self.refused],
            "skipped": self.skipped,
        }


def _publish(
    outbox: Outbox,
    stream: BinaryIO,
    name: str,
    report: PublishReport,
    *,
    ask: bool,
    warn: bool,
    attached: tuple[str, ...],
) -> None:
    from yizhan.producers.drafts import LineProblem, read_jsonl
    from yizhan.producers.numbering import Accepted

    lines: deque[int] = deque()

    def drafts() -> Iterator[Draft]:
        for line, found in _with_files(read_jsonl(stream, name), outbox, name, report, attached):
            if isinstance(found, LineProblem):
                report.bad(found)
            else:
                draft = _wanted(found, outbox, report.home, f"{name}:{line}", ask=ask, warn=warn)
                if draft is None:
                    report.skip(line)
                else:
                    lines.append(line)
                    yield draft

    for result in outbox.publish_many(drafts()):
        line = lines.popleft()
        if isinstance(result, Accepted):
            report.accept(line, result)
        else:
            report.refuse(name, line, result)


def _with_files(
    found: Iterator[tuple[int, Draft | LineProblem]],
    outbox: Outbox,
    name: str,
    report: PublishReport,
    attached: tuple[str, ...],
) -> Iterator[tuple[int, Draft | LineProblem]]:
    """Attach files to the one event of a file; what may not be attached keeps the event back too."""
    from yizhan.producers.drafts import LineProblem
    from yizhan.schemas.errors import FileRefused, PayloadInvalid
    from yizhan.services.attachments import attach_files

    if not attached:
        yield from found
        return
    whole = list(found)
    drafts = [(line, each) for line, each in whole if not isinstance(each, LineProblem)]
    if len(drafts) > 1:
        sentence = _("--attach 的附件属于一件文书，{name} 里有 {count} 件；请一件一个文件分开发")
        raise click.UsageError(sentence.format(name=name, count=len(drafts)), click.get_current_context())
    yield from ((line, each) for line, each in whole if isinstance(each, LineProblem))
    for line, draft in drafts:
        try:
            yield line, attach_files(outbox, draft, attached)
        except (FileRefused, PayloadInvalid) as error:
            report.refuse(name, line, error)


def _wanted(draft: Draft, outbox: Outbox, home: Home, where: str, *, ask: bool, warn: bool) -> Draft | None:
    """Tell of what is doubtful; on a terminal, ask. Return what is to go, with what was kept marked."""
    from yizhan.cli.output import say
    from yizhan.producers.doubts import doubts, kept
    from yizhan.producers.geography import sample_outlines
    from yizhan.producers.numbering import Accepted
    from yizhan.runtime.clock import utc_now
    from yizhan.services.doubts import sentences, worth_asking

    members = outbox.charters.latest().members
    found = doubts(draft, outbox.county, members, utc_now(), sample_outlines)
    draft = kept(draft, found)
    likely = outbox.preview(draft) if found and warn else None
    if not isinstance(likely, Accepted) or likely.duplicate:
        return draft
    found = worth_asking(found, likely)
    for said in sentences(home, draft, found):
        say(f"{where}: {said}")
    if ask and found and not click.confirm(_("仍要发出吗？"), default=False, err=True):
        return None
    return draft
