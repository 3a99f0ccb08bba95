"""click in two languages: commands, options, help pages, usage errors.

Rule 1: a help text is a Chinese sentence, translated when it is shown, never when it is imported.
Rule 2: the options that every command has (``--home``, ``--lang``, ``--debug``) may stand anywhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from yizhan.cli.help_pages import Context
from yizhan.schemas.i18n import LANGUAGES, _, join_list, known_language, marked
from yizhan.schemas.quarters import Quarter

_MEMBER_DIGITS: Final = 6
ANY_PATH: Final = click.Path(path_type=Path)
FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)
NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, file_okay=False)


class _Translated:
    """An attribute that holds a Chinese sentence and gives it in the language chosen."""

    def __set__(self, owner: object, sentence: str | None) -> None:
        owner.__dict__["sentence"] = sentence

    def __get__(self, owner: object, _kind: type) -> str | None:
        sentence: str | None = getattr(owner, "sentence", None)
        return _(sentence) if sentence else None


class Option(click.Option):
    """An option whose help is translated when it is shown."""

    help = _Translated()

    def get_help_extra(self, ctx: click.Context) -> Any:  # noqa: ANN401 -- click's own typed dict
        """Say ``required`` in the language chosen."""
        extra = super().get_help_extra(ctx)
        if "required" in extra:
            extra["required"] = _("必填")
        return extra


def first_sentence(text: str) -> str:
    r"""Return a text to its first full stop.

    >>> first_sentence("列出草稿。\n\n最新的在最后。")
    '列出草稿'
    """
    first = text.strip().split("\n\n")[0].split("。")[0].split(". ")[0]
    return " ".join(first.split()).rstrip(".")


class Translated:
    """What a command and a group of commands share: the language and the options of all."""

    context_class: type[click.Context] = Context
    help = _Translated()

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 -- click's signature
        """Return the first sentence of the help."""
        return first_sentence(self.help or "")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return ``--help``."""
        names = self.get_help_option_names(ctx)  # type: ignore[attr-defined] # of the class beside this one
        return Option(
            names, is_flag=True, is_eager=True, expose_value=False, callback=_show_help, help=marked("显示这页说明")
        )


def _show_help(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


class Command(Translated, click.Command):
    """One command; what it raises is told by the root."""

    allow_extra_args = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- click's own
        """Add the options of all, but for those that the command has itself."""
        super().__init__(*args, **kwargs)
        own = {param.name for param in self.params}
        self.params += [
            Option([f"--{name}"], hidden=True, expose_value=False, callback=_take_global_option, **how)
            for name, how in EVERYWHERE.items()
            if name not in own
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse words that nothing asked for."""
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            ctx.fail(_("多出的词：{words}").format(words=" ".join(rest)))
        return rest


class Checked(click.ParamType):
    """What a function reads from the words given; its ``BadParameter`` becomes the usage error."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        """Take the name of the type, and the function."""
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 -- click's own
        """Read the words; a default that is no text stays as it is."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except click.BadParameter as error:
            self.fail(error.message, param, ctx)


def _language(value: str) -> str:
    """Check the word; it was taken before anything else was read."""
    if known_language(value) is None:
        sentence = _("应为 {choices} 之一，得到 {value}")
        raise click.BadParameter(sentence.format(choices=join_list(LANGUAGES), value=value))
    return value


LANGUAGE: Final = Checked("language", _language)
EVERYWHERE: Final[dict[str, dict[str, Any]]] = {
    "home": {},
    "lang": {"type": LANGUAGE},
    "debug": {"is_flag": True, "default": None},
}


def _take_global_option(ctx: click.Context, param: click.Parameter, value: Any) -> None:  # noqa: ANN401 -- any option's value
    """Take a global option that stands behind the command as if it stood before it."""
    if value is not None and param.name is not None:
        ctx.ensure_object(dict)
        ctx.obj[param.name] = value
        ctx.find_root().meta[param.name] = value


class Group(Translated, click.Group):
    """A group of commands, listed in the order in which they were registered."""

    command_class = Command

    def __init__(self, *args: Any, lazy: dict[str, str] | None = None, **kwargs: Any) -> None:  # noqa: ANN401 -- click's
        """Take the table of lazy commands."""
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the names in the order in which they were registered."""
        return [*self.commands, *self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module now if need be."""
        place = self.lazy.get(cmd_name)
        return super().get_command(ctx, cmd_name) if place is None else load(place)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names."""
        names = self.list_commands(ctx)
        if args[0] not in names and not ctx.resilient_parsing and not args[0].startswith("-"):
            ctx.fail(_("没有命令 {name}；有的是：{known}").format(name=args[0], known=", ".join(names)))
        return super().resolve_command(ctx, args)


def load(place: str) -> click.Command:
    """Import the command at ``module:name``."""
    module, _colon, name = place.partition(":")
    command = getattr(importlib.import_module(module), name)
    if not isinstance(command, click.Command):
        raise TypeError(place)
    return command


# -- declaring: the same few words everywhere --


def option(*names: str, **how: Any) -> Callable[[Any], Any]:  # noqa: ANN401 -- click's own
    """Declare an option; ``help`` is a marked Chinese sentence."""
    return click.option(*names, cls=Option, **how)


def json_option() -> Callable[[Any], Any]:
    """Declare ``--json``: one JSON document for programs instead of text for people."""
    return option("--json", "as_json", is_flag=True, help=marked("输出 JSON，供程序读取"))


def county_option(*, required: bool = True, **how: Any) -> Callable[[Any], Any]:  # noqa: ANN401 -- click's own
    """Declare ``--county C``."""
    text = how.pop("help", marked("成员县的六位代码，如 350924"))
    return option("--county", required=required, type=MEMBER, metavar="C", help=text, **how)


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
    """Check the form of a member's code, six ASCII digits; membership is the charter's business."""
    if len(value) != _MEMBER_DIGITS or not (value.isascii() and value.isdigit()):
        raise click.BadParameter(_("应为六位数字代码，如 350924，得到 {value}").format(value=value))
    return value


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
    from yizhan.schemas.payloads import TYPES  # noqa: PLC0415 -- heavy: --help does without it
    from yizhan.schemas.payloads.table import (  # noqa: PLC0415 -- as above
        middle_name,
        short_name,
        type_name,
        types_called,
    )

    found = types_called(value)
    if not found:
        choices = join_list(f"{short_name(name)} {type_name(name)}" for name in TYPES)
        raise click.BadParameter(_("没有事件类型 {value}；有的是：{choices}").format(value=value, choices=choices))
    if len(found) > 1:
        choices = join_list(map(middle_name, found))
        raise click.BadParameter(_("{value} 不只一类：请写 {choices}").format(value=value, choices=choices))
    return found[0]


class OneOf(click.Choice[str]):
    """One word of a list; of an enum, its member."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 -- click's own
        """Check the word."""
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
