"""Publishing: JSON Lines of drafts into a county's outbox, line by line; or explained, with nothing sent.

Rule 1: a bad line names file, line and field, and the good lines still go.
Rule 2: a person is asked only about what would go now: not about what was sent before, nor what cannot be sent.
Rule 3: what becomes of a line is reported when it happens; what was reported as accepted is durable.
Rule 4: the same ``admit`` and ``decide`` explain here that decide at the station.
"""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import BinaryIO

from yizhan.producers.doubts import Doubt, Judgement, Sender, county_of, judge
from yizhan.producers.drafts import MAX_LINE_BYTES, Draft, LineProblem, read_jsonl
from yizhan.producers.json_pieces import numbered_lines
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox import Outbox
from yizhan.runtime.errors import StoreError
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import FileRefused, PayloadInvalid, YizhanError
from yizhan.schemas.i18n import marked
from yizhan.services.attachments import attach_files
from yizhan.services.doubts import goes_unasked, sender_of
from yizhan.services.envelopes import EnvelopeVerdict, is_envelope, judge_envelope
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.progress import SILENT, Progress
from yizhan.services.stores import open_outbox, scratch_outbox


class SeveralDrafts(ServiceError):
    """Files were given for one event, but the stream holds several."""


@dataclass(frozen=True, slots=True)
class LineSent:
    """The outbox has the event of a line, now or since before (``sent.duplicate``)."""

    line: int
    sent: Accepted


@dataclass(frozen=True, slots=True)
class LineRefused:
    """The event of a line cannot be sent."""

    line: int
    error: Exception


@dataclass(frozen=True, slots=True)
class LineSkipped:
    """The event of a line does not go: a person decided so, or (``held``) nobody could be asked."""

    line: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class FilesWait:
    """Files that go with the event cannot be sent now; it goes, and they do later."""

    trouble: str


LineResult = LineSent | LineRefused | LineSkipped | LineProblem
"""What became of a line; one line may have several ``LineProblem``."""


@dataclass(slots=True)
class Published:
    """What became of a stream."""

    sent: list[LineSent] = field(default_factory=list)
    refused: list[LineRefused] = field(default_factory=list)
    skipped: list[LineSkipped] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    broken: StoreError | None = None
    """What ended the sending before its end."""

    def add(self, result: LineResult) -> None:
        """Take what became of a line."""
        match result:
            case LineSent():
                self.sent.append(result)
            case LineRefused():
                self.refused.append(result)
            case LineSkipped():
                self.skipped.append(result)
            case LineProblem():
                self.problems.append(result)

    @property
    def empty(self) -> bool:
        """Whether nothing stood in the stream."""
        return not (self.sent or self.refused or self.skipped or self.problems)

    @property
    def complete(self) -> bool:
        """Whether every line went; other content under a reference that was used before did not."""
        return not (self.refused or self.skipped or self.problems or any(each.sent.differs for each in self.sent))


@dataclass(frozen=True, slots=True)
class Stream:
    """JSON Lines to be published."""

    lines: BinaryIO
    name: str
    """How problems call it."""
    attached: Sequence[str] = ()
    """Files for its one event."""
    progress: Progress = SILENT
    """Advances by the bytes of the files that are sealed."""


Confirm = Callable[[int, Judgement], bool | None]
"""Takes a line and the doubts about its draft; returns the answer of a person, None where nobody can be asked."""


Report = Callable[[LineResult | FilesWait], None]
"""Takes what becomes of a line, as soon as it is known."""


def publish(
    home: Home, county: str, stream: Stream, passphrases: PassphraseSource, report: Report, confirm: Confirm | None
) -> Published:
    """Publish a stream; ``report`` is called as soon as it is known what becomes of a line.

    Args:
        home: of the installation.
        county: who sends.
        stream: the drafts, and files for the one event of a stream with a single one.
        passphrases: of the county's keys.
        report: takes each result.
        confirm: is asked about doubts; None to send without asking.

    Raises:
        NoKey: there is no signing key; nothing was read.
        SeveralDrafts: files were given and the stream holds several events; nothing was sent.
        OSError: the stream cannot be read any further.
    """
    published = Published()

    def taken(result: LineResult) -> None:
        published.add(result)
        report(result)

    try:
        with open_outbox(home, county, passphrases) as outbox:
            if stream.attached and (trouble := outbox.files_trouble()) is not None:
                report(FilesWait(trouble))
            _publish(outbox, stream, sender_of(home, county), taken, confirm)
    except StoreError as error:
        published.broken = error
    return published


def _publish(
    outbox: Outbox, stream: Stream, sender: Sender, report: Callable[[LineResult], None], confirm: Confirm | None
) -> None:
    lines: deque[int] = deque()

    def drafts() -> Iterator[Draft]:
        for line, found in _with_files(outbox, stream, report):
            if isinstance(found, LineProblem):
                report(found)
                continue
            judged = judge(found, sender)
            answer = confirm(line, judged) if confirm is not None and _would_go(outbox, judged) else True
            if goes_unasked(judged, forced=False) if answer is None else answer:
                lines.append(line)
                yield judged.draft
            else:
                report(LineSkipped(line, held=answer is None))

    for result in outbox.publish_many(drafts()):
        line = lines.popleft()
        report(LineSent(line, result) if isinstance(result, Accepted) else LineRefused(line, result))


def _would_go(outbox: Outbox, judged: Judgement) -> bool:
    """Tell whether there is a doubt, and sending it now would give a new event."""
    likely = outbox.preview(judged.draft) if judged.doubts else None
    return isinstance(likely, Accepted) and not likely.duplicate


def _with_files(
    outbox: Outbox, stream: Stream, report: Callable[[LineResult], None]
) -> Iterator[tuple[int, Draft | LineProblem]]:
    """Attach files to the one event of a stream; a file that may not be attached keeps the event back too."""
    found = read_jsonl(stream.lines, stream.name)
    if not stream.attached:
        yield from found
        return
    whole = list(found)
    drafts = [(line, each) for line, each in whole if not isinstance(each, LineProblem)]
    if len(drafts) > 1:
        sentence = marked("附件属于一件文书，{name} 里有 {count} 件；请一件一个文件分开发")
        raise SeveralDrafts(sentence, name=stream.name, count=len(drafts))
    yield from ((line, each) for line, each in whole if isinstance(each, LineProblem))
    for line, draft in drafts:
        try:
            yield line, attach_files(outbox, draft, stream.attached, stream.progress)
        except (FileRefused, PayloadInvalid) as error:
            report(LineRefused(line, error))


# -- explained --


@dataclass(frozen=True, slots=True)
class DraftExplained:
    """What would happen to the draft of a line."""

    line: int
    source: str
    judged: Judgement
    sent: Accepted
    """As a copy of the outbox took it."""


@dataclass(frozen=True, slots=True)
class NotSendable:
    """Why the draft of a line would not go: ``bad_line``, ``no_sender`` or ``not_publishable``."""

    line: int
    reason: str
    problems: tuple[LineProblem, ...] = ()
    type: str | None = None
    error: YizhanError | None = None


Explained = EnvelopeVerdict | DraftExplained | NotSendable


def explain(
    home: Home, data: bytes, name: str, county: str | None, charter: Charter, at: datetime
) -> tuple[Explained, ...]:
    """Tell what would happen to an envelope, or to each draft of JSON Lines; nothing is sent.

    Args:
        home: whose outboxes are looked into.
        data: of the file.
        name: how problems call it.
        county: who sends the drafts; where None, the county of each draft's place.
        charter: that decides.
        at: when.

    Raises:
        ServiceError: the file can hold neither.
    """
    if is_envelope(data):
        return (judge_envelope(data, charter, at),)
    if not data.strip():
        raise ServiceError(marked("{name} 是空的：既没有信封，也没有待发事件"), name=name)
    lines = (line for _number, line in numbered_lines(io.BytesIO(data), MAX_LINE_BYTES))
    if not any(isinstance(line, int) or line.lstrip().startswith((b"{", b"[")) for line in lines):
        raise ServiceError(marked("{name} 既不是信封，也不是待发事件的 JSON Lines"), name=name)
    return tuple(_explain_lines(home, read_jsonl(io.BytesIO(data), name), county, charter, at))


def _explain_lines(
    home: Home, lines: Iterable[tuple[int, Draft | LineProblem]], county: str | None, charter: Charter, at: datetime
) -> Iterator[DraftExplained | NotSendable]:
    """Publish each draft into a copy of its sender's outbox that is thrown away."""
    with contextlib.ExitStack() as stack:
        copies: dict[str, Outbox] = {}
        for line, group in groupby(lines, key=lambda each: each[0]):
            found = [each for _line, each in group]
            draft = next((each for each in found if not isinstance(each, LineProblem)), None)
            if draft is None:
                problems = tuple(each for each in found if isinstance(each, LineProblem))
                yield NotSendable(line, "bad_line", problems)
                continue
            source = county or county_of(draft) or ""
            if source not in charter.members:
                yield NotSendable(line, "no_sender", type=draft.type)
                continue
            if source not in copies:
                copies[source] = stack.enter_context(scratch_outbox(home, source, charter, at))
            judged = judge(draft, sender_of(home, source, charter=charter, now=at))
            try:
                sent = copies[source].publish(judged.draft)
            except YizhanError as error:
                yield NotSendable(line, "not_publishable", type=draft.type, error=error)
                continue
            yield DraftExplained(line, source, _asked_about(judged, sent), sent)


def _asked_about(judged: Judgement, sent: Accepted) -> Judgement:
    """Leave out the doubts about what was sent before: nobody is asked about it."""
    none: tuple[Doubt, ...] = ()
    return replace(judged, doubts=none) if sent.duplicate else judged
