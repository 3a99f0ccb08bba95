"""``yizhan``: the one command, and how every failure of it is told.

Rule 1: exit 0: what was asked has happened; 1: it was refused or failed; 2: the words were wrong;
        130: interrupted. A sentence on stderr says what to do.
Rule 2: nothing heavy is imported here: ``yizhan --help`` answers at once, and each command imports
        its own role, so that a county's machine need not have Faust.
Rule 3: a traceback is for engineers, who ask for it with ``--debug``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from yizhan.cli.click_options import LANGUAGE, Group, Option, usage_sentence
from yizhan.cli.language import HOME_VARIABLE, choose_language, unused_variables
from yizhan.schemas.i18n import _, marked

FAILED: Final = 1
WRONG_WORDS: Final = 2
INTERRUPTED: Final = 130
_EXTRAS: Final = {
    "faust": "station",
    "mode": "station",
    "aiokafka": "station",
    "kafka": "desk",
    "shapely": "desk",
    "lxml": "desk",
}
_KAFKA_IN: Final = {
    "broker": "broker",
    "quarantine": "station",
    "digest": "station",
    "station": "station",
    "ledger": "ledger",
}
_COMMANDS: Final = {
    "demo": "yizhan.cli.demo.command:demo",
    "link": "yizhan.cli.commands.story:link",
    "cap": "yizhan.cli.commands.cap:cap",
    **{
        name: f"yizhan.cli.commands.{module}:command"
        for name, module in {
            "broker": "broker",
            "keys": "keys",
            "new": "new",
            "countersign": "countersign",
            "done": "done",
            "draft": "draft",
            "publish": "publish",
            "template": "template",
            "import": "imports",
            "export": "export",
            "outbox": "outbox",
            "postings": "postings",
            "reply": "reply",
            "station": "station",
            "digest": "digest",
            "bulletin": "bulletin",
            "inbox": "inbox",
            "bell": "bell",
            "due": "due",
            "story": "story",
            "quarantine": "quarantine",
            "ledger": "ledger",
            "audit": "audit",
            "explain": "explain",
            "seal": "seal",
            "open": "unseal",
            "inspect": "inspect",
            "schema": "schema",
            "sample": "sample",
            "charter": "charter",
        }.items()
    },
}


class Root(Group):
    """The command itself."""

    def main(  # type: ignore[override] # click overloads it by standalone_mode
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,  # noqa: ANN401 -- click's own
    ) -> int:
        """Run, and tell what went wrong; see rule 1."""
        given = list(sys.argv[1:] if args is None else args)
        choose_language(given)
        for sentence in unused_variables(os.environ):
            _say(sentence)
        standalone = extra.pop("standalone_mode", True)
        code = self._told(given, prog_name or "yizhan", extra)
        if standalone:
            sys.exit(code)
        return code

    def _told(self, args: list[str], prog_name: str, extra: dict[str, Any]) -> int:
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return WRONG_WORDS
        except click.UsageError as error:
            return _usage(error)
        except click.ClickException as error:
            _say(error.format_message())
            return FAILED
        except click.Abort as error:
            return _aborted(error)
        except Exception as error:  # noqa: BLE001 -- the last place where anything can be told
            if "--debug" in args:
                import traceback

                traceback.print_exc()
            _say(failure(error, args))
            return FAILED
        return code if isinstance(code, int) else 0


def _usage(error: click.UsageError) -> int:
    if error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    path = error.ctx.command_path if error.ctx is not None else "yizhan"
    _say(_("{sentence}。请看 {path} --help").format(sentence=usage_sentence(error).rstrip("。."), path=path))
    return WRONG_WORDS


def _aborted(error: click.Abort) -> int:
    if isinstance(error.__cause__, EOFError):
        _say(_("这里需要回答，而输入已经结束；请在终端上运行，或用选项给出回答"))
        return FAILED
    _say(_("已中断；已经完成的仍然有效"))
    return INTERRUPTED


def failure(error: Exception, args: Sequence[str] = ()) -> str:
    """Say an exception in one sentence, without a traceback; ``args`` tell which role it happened in."""
    from yizhan.cli.actions import with_hint
    from yizhan.schemas.errors import YizhanError
    from yizhan.schemas.sentences import os_error
    from yizhan.services.labels import error_sentence

    if isinstance(error, YizhanError):
        return with_hint(error_sentence(error), error)
    if isinstance(error, ModuleNotFoundError) and (extra := _extra(error, args)):
        sentence = _("这台机器没有安装这个角色所需的 {module}；请运行 pip install 'yizhan[{extra}]'")
        return sentence.format(module=error.name, extra=extra)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{os_error(error)}"
    sentence = _("没有预料到的错误 {kind}: {error}；加 --debug 可见详情，请报告给维护者")
    return sentence.format(kind=type(error).__name__, error=error)


def _extra(error: ModuleNotFoundError, args: Sequence[str]) -> str | None:
    """Return the extra that brings a module that is missing; None for one that no extra brings."""
    missing = (error.name or "").split(".")[0]
    roles = [role for word, role in _KAFKA_IN.items() if missing == "kafka" and word in args]
    return roles[0] if roles else _EXTRAS.get(missing)


def _say(sentence: str) -> None:
    from yizhan.cli.output import plain

    click.echo("yizhan: " + plain(sentence, keep_lines=True), err=True)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"yizhan {version('yizhan')}")
        ctx.exit()


main = Root(
    "yizhan",
    lazy=_COMMANDS,
    help=marked(
        "驿站：相邻县之间加密、签名地互通林区警情。\n\n"
        "各县把事件封好、签名，交驿站转递；驿站盖戳、登记、转递，从不拆开。"
        "一切都在一个主目录里（--home）。列出和显示的命令都可加 --json。"
    ),
    no_args_is_help=True,
    params=[
        Option(
            ["--home"],
            metavar="DIR",
            envvar=HOME_VARIABLE,
            help=marked("主目录（YIZHAN_HOME，默认 yizhan-home）"),
        ),
        Option(
            ["--lang"],
            type=LANGUAGE,
            metavar="zh_CN|en",
            help=marked("语言（YIZHAN_LANG，默认 zh_CN）"),
        ),
        Option(["--debug"], is_flag=True, default=None, help=marked("出错时显示详情，供工程师使用")),
        Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help=marked("显示版本"),
        ),
    ],
)


@click.pass_context
def _take(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 -- the options of all
    ctx.obj = {name: value for name, value in given.items() if value is not None} | dict(ctx.obj or {})
    ctx.find_root().meta.update(ctx.obj)


main.callback = _take

if __name__ == "__main__":
    main()
