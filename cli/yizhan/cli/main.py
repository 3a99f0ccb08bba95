"""``yizhan``: the one command, its table of commands, and its exit status.

Rule 1: exit 0: what was asked has happened; 1: it was refused, also by who was asked, or failed; 2: the words were wrong;
        130: interrupted. A sentence on stderr says what to do.
Rule 2: nothing heavy is imported here: ``yizhan --help`` lists the table at once. A command's module is imported when
        the command runs, so that a county's machine need not have Faust.
Rule 3: a traceback is for engineers, who ask for it with ``--debug``.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from yizhan.cli.click_classes import LANGUAGE, Group, Option
from yizhan.cli.language import HOME_VARIABLE, choose_language, unused_variables
from yizhan.runtime.standard_streams import flush_output, prepare_streams, takes_output
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.invisible import escaped
from yizhan.schemas.sentences import os_error

FAILED: Final = 1
WRONG_WORDS: Final = 2
INTERRUPTED: Final = 130
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


COMMANDS: Final[Mapping[str, str]] = {
    "status": marked("一切是否正常，不正常的该怎么办"),
    "up": marked("在后台启动这个主目录有密钥的一切进程，等到都就绪；已在运行的不动，只补缺的"),
    "down": marked("停下 yizhan up 启动的进程，等到都结束；别的不动"),
    "logs": marked("显示后台进程的日志"),
    "new": marked("写一件新的：逐题问，逐题存，全文看过再发"),
    "draft": marked("草稿：没有写完或没有发出的"),
    "publish": marked("发出事件：逐行读 JSON Lines 文件，封好、签名、存入发件箱"),
    "import": marked("导入外部数据"),
    "template": marked("写出一类事件的空白表格（Excel 或 CSV），填好后用 yizhan import excel 或 import csv 导入"),
    "export": marked("把收到和发出的事件导出成表格：一行一件，每类一张工作表，表头同 yizhan template，可再导入"),
    "outbox": marked("本县发件箱：送出、查看"),
    "postings": marked("本县发出的事件后来怎样了"),
    "inbox": marked("本县收件箱：接收、查看、签收"),
    "reply": marked("答复一件：写一句话，对方立即看到，归在同一件事里"),
    "countersign": marked("会签对方的联合巡护计划：显示全文，问过之后，以本县民警的名义原样签回"),
    "done": marked("告知对方：会商纪要 ID 的第 N 项议定事项，本县已经办结"),
    "link": marked("并案：告知对方，本县的 OWN 和对方的 OTHER 是同一件事"),
    "story": marked("把一件事从头讲到尾：首报、续报、更正、答复、签收、终报，收发两本簿子合在一起，按时间排列"),
    "due": marked("待办：本县该办的、逾期的、别县欠本县的，各到何时，依据哪一条，怎样履行"),
    "handover": marked("交接班：下一班必须知道的，一条一句，可以照着念"),
    "bell": marked("本县的铃：怎样通知到人，通没通到"),
    "digest": marked("季度通报：驿站结算，各县阅读"),
    "bulletin": marked("季度情报通报：两县一个季度的正式通报，供人阅读和存档"),
    "cap": marked("把一件森林火灾、卫星热点或自然灾害写成 CAP 1.2 报文（OASIS 通用预警协议），收件发件都可以"),
    "explain": marked("说明一份文件会怎样、为什么；什么也不发出"),
    "seal": marked("封好并签名一个信封：从标准输入读内容（JSON），向标准输出写信封"),
    "open": marked("核验并拆开一个信封，把内容原样写到标准输出"),
    "inspect": marked("以 JSON 显示一个信封的信头和判定，不拆开内容"),
    "keys": marked("县、驿站或账本的密钥：生成、查看"),
    "charter": marked("章程：成员、密钥和规则，各县共同签署才能改变"),
    "station": marked("驿站：盖戳、登记、转递，从不拆开"),
    "broker": marked("本机的 Kafka：双向 TLS、按单位授权，只监听本机"),
    "quarantine": marked("驿站拒收的记录"),
    "ledger": marked("账本：驿站说过的话，一句一条，只增不改，各县会签"),
    "audit": marked("审计：不信任何人，只凭章程核验账本"),
    "schema": marked("输出 JSON Schema，供对接单位使用"),
    "backup": marked("备份整个主目录、一个县或驿站，各进程照常运行"),
    "restore": marked("把备份恢复到主目录（--home），可以是另一台机器上的新目录"),
    "drill": marked("演练：现做一份备份，恢复到别处，通读核验，再删掉；说出眼下会丢什么、要多久"),
    "sample": marked("示例联盟：在一台机器上试用"),
    "desk": marked("值班台：本县的网页，听报警、签收、拟写、看待办"),
    "demo": marked("演示：真的 Kafka、真的密钥、真的驿站，演一遍边界上的一天"),
}
"""Every command, in the order of the help page, and the first sentence of its own help (tested)."""
_ELSEWHERE: Final = {
    "up": "cli.commands.processes:up",
    "down": "cli.commands.processes:down",
    "logs": "cli.commands.processes:logs",
    "backup": "cli.commands.backup:backup",
    "restore": "cli.commands.backup:restore",
    "drill": "cli.commands.backup:drill",
    "import": "cli.commands.imports:command",
    "link": "cli.commands.story:link",
    "cap": "cli.commands.cap:cap",
    "open": "cli.commands.unseal:command",
    "desk": "desk.command:command",
    "demo": "demo.command:command",
}
"""Commands that are not ``command`` in the module of their name under ``cli.commands``."""


class Root(Group):
    """The command itself."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """Write the table, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _(text)) for name, text in COMMANDS.items()])

    def main(  # type: ignore[override] # click overloads it by standalone_mode
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,  # noqa: ANN401 -- click's own
    ) -> int:
        """Run, and say what went wrong; see rule 1."""
        prepare_streams()
        given = list(sys.argv[1:] if args is None else args)
        choose_language(given)
        for sentence in unused_variables(os.environ):
            _say(sentence)
        standalone = extra.pop("standalone_mode", True)
        code = self._run(given, prog_name or "yizhan", extra)
        if (unwritten := flush_output()) is not None:
            code = _unwritten(unwritten)
        if standalone:
            sys.exit(code)
        return code

    def _run(self, args: list[str], prog_name: str, extra: dict[str, Any]) -> int:
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
        except OSError as error:
            if error.filename is not None or error.errno not in _FULL or takes_output():
                return self._failed(error, args)
            return _unwritten(error)
        except Exception as error:  # noqa: BLE001 -- the outermost caller: nobody else can report it
            return self._failed(error, args)
        return code if isinstance(code, int) else 0

    @staticmethod
    def _failed(error: Exception, args: list[str]) -> int:
        if "--debug" in args:
            traceback.print_exc()
        from yizhan.cli.failures import failure  # noqa: PLC0415 -- rule 2

        _say(failure(error, args))
        return FAILED


def _unwritten(error: OSError) -> int:
    _say(_("标准输出: {why}；输出没有写完，已经做完的仍然有效").format(why=os_error(error)))
    return FAILED


def _usage(error: click.UsageError) -> int:
    from yizhan.cli.failures import usage_sentence  # noqa: PLC0415 -- rule 2

    if error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
    path = error.ctx.command_path if error.ctx is not None else "yizhan"
    sentence = usage_sentence(error).rstrip("。.")
    asked = sentence.endswith(("？", "?"))  # a question has its own mark
    said = _("{sentence}请看 {path} --help") if asked else _("{sentence}。请看 {path} --help")
    _say(said.format(sentence=sentence, path=path))
    return WRONG_WORDS


def _aborted(error: click.Abort) -> int:
    if isinstance(error.__cause__ or error.__context__, EOFError):
        _say(_("这里需要回答，而输入已经结束；请在终端上运行，或用选项给出回答"))
        return FAILED
    _say(_("已中断；已经完成的仍然有效"))
    return INTERRUPTED


def _say(sentence: str) -> None:
    click.echo("yizhan: " + escaped(sentence, keep_lines=True), err=True)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 -- rule 2

        click.echo(f"yizhan {version('yizhan')}")
        ctx.exit()


main = Root(
    "yizhan",
    help=marked(
        "驿站：相邻县之间加密、签名地互通林区警情。\n\n"
        "各县把事件封好、签名，交驿站转递；驿站盖戳、登记、转递，从不拆开。"
        "一切都在一个主目录里（--home）。列出和显示的命令都可加 --json。"
    ),
    lazy={name: "yizhan." + _ELSEWHERE.get(name, f"cli.commands.{name}:command") for name in COMMANDS},
    no_args_is_help=True,
    params=[
        Option(["--home"], metavar="DIR", envvar=HOME_VARIABLE, help=marked("主目录（YIZHAN_HOME，默认 yizhan-home）")),
        Option(["--lang"], type=LANGUAGE, metavar="zh_CN|en", help=marked("语言（YIZHAN_LANG，默认 zh_CN）")),
        Option(["--debug"], is_flag=True, default=None, help=marked("出错时显示详情，供工程师使用")),
        Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help=marked("显示版本")
        ),
    ],
)


@click.pass_context
def _keep_options(ctx: click.Context, /, **given: Any) -> None:  # noqa: ANN401 -- the options of all
    ctx.obj = {name: value for name, value in given.items() if value is not None} | dict(ctx.obj or {})
    ctx.find_root().meta.update(ctx.obj)


main.callback = _keep_options

if __name__ == "__main__":
    main()
