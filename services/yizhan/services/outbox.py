"""A county's outbox at the command line: opened to write, to look, or to try something out.

Rule 1: whoever only looks needs no key, and makes no file.
Rule 2: what is tried out goes into a copy that is thrown away, under a key that nobody knows.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from yizhan.producers.outbox_view import OutboxView
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.services.labels import arrival

if TYPE_CHECKING:
    from yizhan.producers.numbering import Accepted
    from yizhan.producers.queries import OutboxQuery, Posting
    from yizhan.services.home import Home


def newest_postings(outbox: OutboxView, query: OutboxQuery, events: int, *, plain: bool) -> list[Posting]:
    """List the postings of the newest events (0: of all), the newest last; ``plain`` leaves out the system's own.

    An outbox has many more receipts than events, so it is read further back until there are enough.
    """
    reach = events
    while True:
        found = outbox.postings(dataclasses.replace(query, limit=reach or None))
        kept = [each for each in found if not (plain and each.type in SYSTEM_TYPES)]
        ids = list(dict.fromkeys(each.id for each in kept))
        if not events or len(ids) >= events or len({each.id for each in found}) < reach:
            wanted = set(ids[-events:] if events else ids)
            return [each for each in kept if each.id in wanted]
        reach *= 4


def accepted_lines(home: Home, sent: Accepted) -> list[str]:
    """Tell what was accepted: its id, and how it reaches whom by which rule."""
    first = sent.id
    if sent.duplicate:
        first += " " + (
            _("（以前已发过，内容不同的这一份没有再发）") if sent.differs else _("（以前已发过，没有再发）")
        )
    lines = [first]
    if sent.clock_suspect:
        lines.append(_("  获知时间在未来；火情和灾害照收，注明存疑。请核对所填的 time 和本机时钟"))
    for code, made in sent.decisions.items():
        sentence = _("  → {member}：{arrival}（规则 {rule}：{because}）")
        lines.append(
            sentence.format(
                member=home.member_name(code),
                arrival=arrival(made.way),
                rule=made.rule,
                because=home.localized(made.because),
            )
        )
    return lines


def files_wait(trouble: str) -> str:
    """Say that files cannot go, and that nothing is lost."""
    return _("附件暂时送不出：{trouble}。文书照送；附件已密封在本县，问题解决后自动送出").format(trouble=trouble)


def accepted_json(sent: Accepted) -> dict[str, Any]:
    """Return what was accepted, for programs."""
    return {
        "id": sent.id,
        "hash": sent.hash.hex(),
        "to": list(sent.to),
        "duplicate": sent.duplicate,
        "differs": sent.differs,
        "clock_suspect": sent.clock_suspect,
        "decisions": {
            code: {"way": made.way.value, "rule": made.rule, "because": {"zh": made.because.zh, "en": made.because.en}}
            for code, made in sent.decisions.items()
        },
    }
