"""What commands declare their arguments and options with: the same few words everywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from yizhan.cli.click_classes import Checked, Command, Group, Option, perhaps
from yizhan.cli.context import current_home
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.names import nearest
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import middle_name, short_name, type_name, types_called
from yizhan.schemas.quarters import Quarter
from yizhan.services.counties import CountyNotGiven, default_county, find_county
from yizhan.services.event_ids import Book, full_id

__all__ = ["Command", "Group", "Option"]

ANY_PATH: Final = click.Path(path_type=Path)
FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)
NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)


def option(*names: str, **how: Any) -> Callable[[Any], Any]:  # noqa: ANN401 -- click's own
    """Declare an option; ``help`` is a marked Chinese sentence."""
    return click.option(*names, cls=Option, **how)


def single_command(name: str, **how: Any) -> Callable[[Callable[..., Any]], Command]:  # noqa: ANN401 -- click's own
    """Declare a command outside its group's module; ``help`` is a marked Chinese text."""
    return click.command(name, cls=Command, **how)


def json_option() -> Callable[[Any], Any]:
    """Declare ``--json``: one JSON document for programs instead of text for people."""
    return option("--json", "as_json", is_flag=True, help=marked("输出 JSON，供程序读取"))


def county_option(*, required: bool = True, **how: Any) -> Callable[[Any], Any]:  # noqa: ANN401 -- click's own
    """Declare ``--county C``; where it is left out and required, the home's own county is taken."""
    if required:
        how = {"callback": lambda ctx, _param, value: value or own_county(ctx), **how}
    text = how.pop(
        "help",
        marked("县的代码或名称，如 350924、寿宁（默认本主目录的县）")
        if required
        else marked("县的代码或名称，如 350924、寿宁"),
    )
    return option("--county", type=MEMBER, metavar="C", help=text, **how)


def own_county(ctx: click.Context, among: Sequence[str] = ()) -> str:
    """Return the home's own county, where nobody said which is meant; else the only one of ``among``."""
    if ctx.resilient_parsing:
        return ""
    try:
        return default_county(current_home())
    except CountyNotGiven as error:
        if len(among) == 1:
            return among[0]
        raise click.UsageError(_("缺少 --county：{why}").format(why=error), ctx) from None


def short_ids(**books: Book) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let some arguments and options of a command be the end of an id; it stands directly above the command.

    ``books`` are the names of the parameters, and in which book each is looked for.
    """

    def declare(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(*args: Any, **given: Any) -> None:  # noqa: ANN401 -- click's own
            county = given["county"]
            for name, book in books.items():
                if given[name] is not None and county is not None:
                    given[name] = full_id(current_home(), [county], given[name], book)
            command(*args, **given)

        return run

    return declare


def partner_option() -> Callable[[Any], Any]:
    """Declare ``--with C``, the other county of a pair."""
    return option("--with", "partner", type=MEMBER, metavar="C", help=marked("伙伴县（默认章程里结对的县）"))


def type_option() -> Callable[[Any], Any]:
    """Declare ``--type TYPE``: only events of one type, in full or in short."""
    return option("--type", type=TYPE, metavar="TYPE", help=marked("只列这一类型的，如 forest_fire"))


def limit_option() -> Callable[[Any], Any]:
    """Declare ``--limit N``: how many are listed, the newest; the command gets None for 0, which is all."""
    text = marked("至多 N 件（默认 50；0 为全部）")
    how = {"type": Whole(0, 1_000_000_000), "default": 50, "metavar": "N"}
    return option("--limit", callback=lambda _ctx, _param, limit: limit or None, help=text, **how)


def charter_option() -> Callable[[Any], Any]:
    """Declare ``--charter DIR``: for machines that have nothing but a charter."""
    text = marked("读取章程的目录（默认主目录里驿站的，没有则本县的）")
    return option("--charter", type=ANY_PATH, metavar="DIR", help=text)


def office_option(text: str | None = None, type: click.Path = ANY_PATH) -> Callable[[Any], Any]:
    """Declare ``--office JSON``: who writes and signs."""
    usual = marked("机构代码、拟稿人、联系人（样例：主目录里的 office.json；结构：yizhan schema office）")
    return option("--office", type=type, metavar="JSON", help=text or usual)


def folder_option(name: str, text: str) -> Callable[[Any], Any]:
    """Declare ``-o DIR`` by its long name too: where files are written (default: here); it becomes ``folder``."""
    return option("-o", name, "folder", type=FOLDER, default=Path(), metavar="DIR", help=text)


def attach_option(text: str) -> Callable[[Any], Any]:
    """Declare ``--attach FILE``, any number of times; the command gets ``attached``."""
    return option("--attach", "attached", multiple=True, metavar="FILE", help=text)


def outlines_option() -> Callable[[Any], Any]:
    """Declare ``--outlines GEOJSON``."""
    text = marked("县界文件（默认设置 outlines 所指的，没有设则用示例县界）")
    return option("--outlines", type=ANY_PATH, metavar="GEOJSON", help=text)


def at_option() -> Callable[[Any], Any]:
    """Declare ``--at TIME``."""
    text = marked("按这个时刻有效的章程和密钥判断（默认现在；不写时区为北京时间）")
    return option("--at", type=MOMENT, metavar="TIME", help=text)


def _member(value: str) -> str:
    """Find the county that is meant; membership of a code is checked by the service."""
    try:
        return find_county(current_home(), value)
    except YizhanError as error:
        raise click.BadParameter(str(error)) from None


def _moment(value: str) -> datetime:
    """Read an instant: RFC 3339, or China's time without a zone."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        return moment.astimezone(UTC) - timedelta(microseconds=moment.microsecond % 1000)
    except (ValueError, OverflowError):
        sentence = _("应为时间，如 2026-11-23T16:05 或 2026-11-23T08:05:00.000Z，得到 {value}")
        raise click.BadParameter(sentence.format(value=value)) from None


def _quarter(value: str) -> str:
    """Check the form of a quarter, such as ``2026Q4``."""
    try:
        return str(Quarter.parse(value))
    except ValueError:
        raise click.BadParameter(_("季度应写作 2026Q4，得到 {value}").format(value=value)) from None


def _type(value: str) -> str:
    """Find the event type that is meant, in full or in short."""
    found = types_called(value)
    if not found:
        known = {name: (short_name(name), middle_name(name), type_name(name), name) for name in TYPES}
        choices = join_list(f"{short_name(name)} {type_name(name)}" for name in TYPES if name != RECEIPT)
        near = nearest(value, known)
        sentence = _("没有事件类型 {value}{near}；有的是：{choices}")
        near_words = [f"{short_name(name)} {type_name(name)}" for name in near]
        raise click.BadParameter(sentence.format(value=value, near=perhaps(near_words), choices=choices))
    if len(found) > 1:
        choices = join_list(map(middle_name, found))
        raise click.BadParameter(_("{value} 不只一类：请写 {choices}").format(value=value, choices=choices))
    return found[0]


class OneOf(click.Choice[str]):
    """One word of a list; of an enum, its member. What a word is called on the screen is understood too."""

    def __init__(self, choices: Iterable[str], called: Mapping[Any, str] | None = None) -> None:
        """Take the words, and what they are called, in Chinese."""
        super().__init__(choices)
        self._called = {} if called is None else {str(word): name for word, name in called.items()}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 -- click's own
        """Check the word."""
        for word, name in self._called.items():
            if word in self.choices and value in {name, _(name)}:
                value = word
        if value not in self.choices:
            sentence = _("应为 {choices} 之一，得到 {value}")
            self.fail(sentence.format(choices=join_list(self.choices), value=value), param, ctx)
        return self.choices[self.choices.index(value)]

    def normalize_choice(self, choice: str, ctx: click.Context | None) -> str:  # noqa: ARG002 -- click's signature
        """Show a member of an enum by its value, not its name."""
        return str(choice)


class Whole(Checked):
    """A whole number within bounds, both included."""

    def __init__(self, low: int, high: int) -> None:
        """Take the bounds."""

        def number(value: str) -> int:
            if not (value.isascii() and value.isdigit()) or not low <= int(value) <= high:
                sentence = _("应为 {low} 到 {high} 的整数，得到 {value}")
                raise click.BadParameter(sentence.format(low=low, high=high, value=value))
            return int(value)

        super().__init__("number", number)


MEMBER: Final = Checked("member", _member)
MOMENT: Final = Checked("time", _moment)
QUARTER: Final = Checked("quarter", _quarter)
TYPE: Final = Checked("type", _type)
