"""What went wrong, in one sentence without a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from yizhan.cli.actions import with_hint
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.sentences import os_error
from yizhan.services.labels import error_sentence

_EXTRAS: Final = {
    "faust": "station",
    "mode": "station",
    "aiokafka": "station",
    "kafka": "desk",
    "shapely": "desk",
    "lxml": "desk",
}
_KAFKA_EXTRAS: Final = {
    "broker": "broker",
    "quarantine": "station",
    "digest": "station",
    "station": "station",
    "ledger": "ledger",
}


def failure(error: Exception, args: Sequence[str] = ()) -> str:
    """Return an exception in one sentence, without a traceback. ``args`` of the command line name the role."""
    if isinstance(error, YizhanError):
        return with_hint(error_sentence(error), error)
    if isinstance(error, ModuleNotFoundError) and (extra := _extra(error, args)):
        sentence = _("这台机器没有安装这个角色所需的 {module}；请在源码目录运行 pip install '.[{extra}]'")
        return sentence.format(module=error.name, extra=extra)
    if isinstance(error, UnicodeDecodeError):
        sentence = _("读到的文字不是 {encoding}；请把终端或程序的编码改成它，或设 PYTHONIOENCODING")
        return sentence.format(encoding=error.encoding)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{os_error(error)}"
    sentence = _("没有预料到的错误 {kind}: {error}；加 --debug 可见详情，请报告给维护者")
    return sentence.format(kind=type(error).__name__, error=error)


def _extra(error: ModuleNotFoundError, args: Sequence[str]) -> str | None:
    """Return the extra that brings a module that is missing; None for one that no extra brings."""
    missing = (error.name or "").split(".")[0]
    roles = [role for word, role in _KAFKA_EXTRAS.items() if missing == "kafka" and word in args]
    return roles[0] if roles else _EXTRAS.get(missing)


def usage_sentence(error: click.ClickException) -> str:
    """Return what is wrong with a command line."""
    if isinstance(error, click.NoSuchOption):
        sentence = _("没有选项 {name}").format(name=error.option_name)
        near = join_list(sorted(error.possibilities or ()))
        return sentence + (_("；是 {near} 吗？").format(near=near) if near else "")
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return _("缺少 {name}").format(name=_name_of(error.param, error.ctx))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _("{name} 不能用：{message}").format(name=_name_of(error.param, error.ctx), message=error.message)
    return error.format_message()


def _name_of(param: click.Parameter, ctx: click.Context | None) -> str:
    if isinstance(param, click.Argument) and ctx is not None:
        return param.make_metavar(ctx)
    return max(param.opts, key=len)
