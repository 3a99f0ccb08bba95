"""The main menu, and where each kind of ``Action`` is on the desk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from yizhan.desk.accounts.model import Role
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked

LINKS: Final[Mapping[str, tuple[str, str]]] = {
    "bulletin.edit": (marked("改这一期通报"), "/bulletin/{label}/{partner}"),
    "bulletin.make": (marked("起草通报"), "/bulletin/{label}/{partner}"),
    "decision.complete": (marked("告知办结"), "/inbox/{id}"),
    "draft.edit": (marked("改这份草稿"), "/drafts/{n}"),
    "draft.list": (marked("看草稿"), "/drafts"),
    "draft.new": (marked("拟写"), "/new/{type}?reply_to={reply_to}&updates={updates}"),
    "draft.send": (marked("打开草稿"), "/drafts/{n}"),
    "draft.show": (marked("打开草稿"), "/drafts/{n}"),
    "draft.withdraw": (marked("撤回"), "/new/{type}?withdraws={id}"),
    "due.list": (marked("看待办"), "/due"),
    "event.reply": (marked("写答复"), "/inbox/{id}"),
    "inbox.acknowledge": (marked("签收"), "/inbox/{id}"),
    "inbox.list": (marked("看收件"), "/inbox"),
    "inbox.ringing": (marked("看正在响铃的"), "/duty"),
    "inbox.save": (marked("存出附件"), "/inbox/{id}"),
    "inbox.show": (marked("打开这一件"), "/inbox/{id}"),
    "matter.show": (marked("看这件事"), "/matters/{id}"),
    "outbox.list": (marked("看发件"), "/outbox"),
    "plan.countersign": (marked("会签"), "/inbox/{id}/countersign"),
    "postings.list": (marked("看发件"), "/outbox"),
}
"""Kind of action → words and address; ``{name}`` are its parameters. What is not here is done on the command line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the menu."""

    path: str
    icon: str
    words: str


_MENU: Final = (
    ("/duty", "duty", marked("值班")),
    ("/inbox", "in", marked("收件箱")),
    ("/drafts", "pen", marked("拟写")),
    ("/due", "due", marked("待办")),
    ("/outbox", "mail", marked("发件箱")),
    ("/search", "find", marked("查找")),
    ("/bulletin", "book", marked("通报")),
    ("/audit", "proof", marked("审计")),
    ("/shift", "swap", marked("交班")),
    ("/engine", "srv", marked("设备")),
    ("/admin", "lock", marked("账户")),
)


def menu(roles: frozenset[Role], allowed: Mapping[str, frozenset[Role]]) -> list[Entry]:
    """Return the entries of the menu that somebody with these roles may open; ``allowed``: path → roles."""
    return [Entry(path, icon, _(words)) for path, icon, words in _MENU if roles & allowed.get(path, frozenset())]


def link_of(action: Action) -> tuple[str, str] | None:
    """Return words and address of what an action is on the desk; None where it is done elsewhere."""
    if action.kind not in LINKS:
        return None
    words, address = LINKS[action.kind]
    path, _mark, query = address.partition("?")
    given = {name: quote(value, safe="") for name, value in action.params.items()}
    pairs = [each for each in query.split("&") if each and each.partition("=")[2][1:-1] in given]
    filled = "?".join(filter(None, (path, "&".join(pairs))))
    try:
        return _(words), filled.format_map(given)
    except KeyError:
        return None
