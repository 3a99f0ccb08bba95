"""An item of the inbox, shown: a panel for officers, values for programs.

Rule 1: what a partner wrote is shown as text, whatever characters are in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from yizhan.cli.output import fields_of
from yizhan.consumers.items import Item
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import escaped
from yizhan.schemas.payloads.letters import header_facts
from yizhan.services.commands import command_of
from yizhan.services.home import Home
from yizhan.services.inbox import ShownItem
from yizhan.services.item_text import is_pressing, item_actions, item_details, letter_line
from yizhan.services.labels import way_name


def _between(home: Home, shown: ShownItem) -> Iterator[tuple[str, str]]:
    """Yield what an item answers, and what answers it."""
    if shown.answered is not None:
        yield _("所答复的"), letter_line(home, shown.answered)
    elif shown.item.header.reply_to is not None:
        yield _("所答复的"), shown.item.header.reply_to.id
    for each in shown.replies:
        yield _("答复"), letter_line(home, each)


def item_panel(home: Home, item: Item, county: str, between: ShownItem | None = None) -> Panel:
    """Draw an item as a panel: red for an alarm that waits for a person.

    ``between`` is what it answers and what answers it, where that was looked up.
    """
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    rings = item.state == "ringing"
    rows = [*item_details(home, item, _("全部见 --json")), *_between(home, between or ShownItem(item))]
    rows += [(name, command_of(action)) for name, action in item_actions(item, county)]
    for name, value in rows:
        grid.add_row(Text(escaped(name), style="bold"), Text(escaped(value, keep_lines=True)))
    way = way_name("alarm" if rings else item.way)
    head = " ".join((way, item.title, *header_facts(item.header, item.update)))
    return Panel(
        grid,
        title=Text(escaped(f" {head} "), style="bold"),
        border_style="red" if rings or is_pressing(item) else "none",
        title_align="left",
        expand=False,
    )


def item_json(item: Item) -> dict[str, Any]:
    """Return everything as JSON values, for programs: words, not sentences."""
    contents = item.contents
    return {
        **fields_of(item, "id hash kind source type status thread time received stored way rule charter state"),
        **fields_of(item, "unopenable warnings superseded_by withdrawn_by answers digests destroyed update"),
        "header": item.header,
        "payload": None if contents is None else dict(contents.raw),
        "text": None if contents is None else contents.text,
    }
