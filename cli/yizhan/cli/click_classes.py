"""click in two languages: commands, options, help pages, usage errors.

Rule 1: a help text is a Chinese sentence, translated when it is shown, never when it is imported.
Rule 2: the options that every command has (``--home``, ``--lang``, ``--debug``) may stand anywhere; they are read
        before the command's own, which may need the home.
Rule 3: ``yizhan --help`` imports this module: nothing heavy is imported here. What commands declare their options with
        is ``click_options.py``.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from yizhan.cli.help_pages import Context
from yizhan.schemas.i18n import LANGUAGES, _, join_list, known_language, marked


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


_NEAR: Final = 0.5
"""How alike two words are that one may be a slip for the other (``difflib``)."""


def perhaps(near: Iterable[str]) -> str:
    """Ask whether one of these is meant; empty for none.

    >>> perhaps(["inbox"])
    '（是 inbox 吗？）'
    """
    names = join_list(near)
    return _("（是 {names} 吗？）").format(names=names) if names else ""


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
            Option([f"--{name}"], hidden=True, is_eager=True, expose_value=False, callback=_take_global_option, **how)
            for name, how in EVERYWHERE.items()
            if name not in own
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse words that nothing asked for."""
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            ctx.fail(self.extra_words(rest))
        return rest

    def extra_words(self, words: list[str]) -> str:
        """Say that nothing asked for these words."""
        return _("多出的词：{words}").format(words=" ".join(words))


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
            near = perhaps(difflib.get_close_matches(args[0], names, cutoff=_NEAR))
            sentence = _("没有命令 {name}{near}") if near else _("没有命令 {name}；有的是：{known}")
            ctx.fail(sentence.format(name=args[0], near=near, known=", ".join(names)))
        return super().resolve_command(ctx, args)


def load(place: str) -> click.Command:
    """Import the command at ``module:name``."""
    module, _colon, name = place.partition(":")
    command = getattr(importlib.import_module(module), name)
    if not isinstance(command, click.Command):
        raise TypeError(place)
    return command
