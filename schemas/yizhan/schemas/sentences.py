"""Messages of libraries and of the system, put into sentences for officers.

Rule 1: one table a source: pydantic by the type of its error, patterns by the pattern, the system by errno.
Rule 2: what a table does not know is shown as it came, marked as a technical detail.
Rule 3: nothing here goes on the wire: what a station signs stays in the one language of the contract.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

from yizhan.schemas.i18n import _, marked

GOT: Final = marked("；得到 ")
"""Between what was expected and what was found."""

WRONG: Final[Mapping[str, str]] = {
    "missing": marked("应填而未填"),
    "extra_forbidden": marked("没有这一项，请核对名称"),
    "string_type": marked("应为文字"),
    "int_type": marked("应为整数"),
    "int_from_float": marked("应为整数"),
    "int_parsing": marked("应为整数"),
    "float_type": marked("应为数字"),
    "float_parsing": marked("应为数字"),
    "finite_number": marked("应为有限的数字"),
    "bool_type": marked("应为 true 或 false"),
    "dict_type": marked("应为 JSON 对象"),
    "model_type": marked("应为 JSON 对象"),
    "model_attributes_type": marked("应为 JSON 对象"),
    "list_type": marked("应为数组"),
    "tuple_type": marked("应为数组"),
    "literal_error": marked("应为其中之一：{expected}"),
    "enum": marked("应为其中之一：{expected}"),
    "string_too_short": marked("至少 {min_length} 个字"),
    "string_too_long": marked("至多 {max_length} 个字"),
    "too_short": marked("至少 {min_length} 项"),
    "too_long": marked("至多 {max_length} 项"),
    "greater_than": marked("应大于 {gt}"),
    "greater_than_equal": marked("应不小于 {ge}"),
    "less_than": marked("应小于 {lt}"),
    "less_than_equal": marked("应不大于 {le}"),
    "path_type": marked("应为路径"),
}
"""Type of pydantic's error → sentence; ``{…}`` are the names of its context."""

_HEX: Final = marked("应为 64 位十六进制，小写")
PATTERNS: Final[Mapping[str, str]] = {
    r"^[0-9]{6}$": marked("应为县的六位数字代码，如 350924"),
    r"^[0-9]{6}(?:\.[a-z0-9-]{1,32})?$": marked("应为县代码，或加单位，如 350924.forest"),
    r"^[a-z][a-z0-9-]{0,30}$": marked("应为驿站某部分的名称：小写字母开头，至多 31 位小写字母、数字或短横"),
    r"^[a-z0-9]{4,20}$": marked("应为册号：4 到 20 位小写字母或数字"),
    r"^([0-9]{6}(?:\.[a-z0-9-]{1,32})?)-([a-z0-9]{4,20})-([1-9][0-9]{0,14})$": marked(
        "应为文书编号，如 350924-20261123k7qf-17"
    ),
    r"^yizhan(?:\.[a-z][a-z0-9_]{0,31}){1,3}\.v[1-9][0-9]?$": marked("应为事件类型，如 yizhan.incident.forest_fire.v1"),
    r"^[0-9a-f]{64}$": _HEX,
    r"^[1-9][0-9]{0,8}-[0-9a-f]{16}$": marked("应为章程名，如 1-9f86d081884c7d65"),
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$": marked(
        "应为 UTC 时间，如 2026-11-23T08:05:00.000Z"
    ),
    r"^(?:[0-9]{12}|[0-9A-HJ-NPQRTUWXY]{18})$": marked("应为机构代码：12 位数字，或 18 位统一社会信用代码"),
    r"^\+?[0-9][0-9 -]{2,23}$": marked("应为电话号码，如 0593-5522110"),
    r"^[A-Za-z][\w-]*, ?[A-Za-z][\w-]*$": marked("应为两个信头名，逗号隔开（如 X-Client-Issuer, X-Client-Serial）"),
    r"^[0-9A-Za-z()-]{4,32}$": marked("应为证件号码：4 到 32 位字母、数字、括号或连字符"),
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": marked("应为日期，如 2026-11-23"),
    r"^[\w.]{1,80}$": marked("应为数据名目，如 fires.burnt_ha"),
    r"^2[01][0-9]{2}Q[1-4]$": marked("应为季度，如 2026Q3"),
    r"^2[01][0-9]{2}-(?:0[1-9]|1[0-2])$": marked("应为年月，如 2026-11"),
    r"^2[01][0-9]{2}(?:-(?:0[1-9]|1[0-2])|Q[1-4])?$": marked("应为月、季度或年，如 2026-11、2026Q4、2026"),
    r"^[^\s,]+:\d{1,5}(,\s*[^\s,]+:\d{1,5})*$": marked("应为 主机:端口，多个用逗号分开，如 10.0.0.1:9093"),
}
"""Pattern of a field → sentence; complete by a test."""

SYSTEM: Final[Mapping[int, str]] = {
    errno.ENOENT: marked("没有这个文件或目录"),
    errno.EACCES: marked("没有权限"),
    errno.EPERM: marked("没有权限"),
    errno.EEXIST: marked("已经有了"),
    errno.EISDIR: marked("这是目录，不是文件"),
    errno.ENOTDIR: marked("路径中有一段不是目录"),
    errno.ENOSPC: marked("磁盘已满"),
    errno.EDQUOT: marked("磁盘配额已用完"),
    errno.EROFS: marked("文件系统只读"),
    errno.EIO: marked("磁盘读写出错"),
    errno.EMFILE: marked("打开的文件太多"),
    errno.ENAMETOOLONG: marked("文件名太长"),
    errno.EADDRINUSE: marked("地址已被占用"),
    errno.ECONNREFUSED: marked("对方拒绝连接"),
    errno.EPIPE: marked("对方已关闭"),
    errno.EBADF: marked("文件描述符无效"),
}
"""Errno → sentence."""


def expected(fault: ErrorDetails) -> str:
    """Return what was expected where pydantic found an error."""
    context = fault.get("ctx", {})
    kind, message = fault["type"], fault["msg"]
    if kind in {"value_error", "assertion_error"}:
        return message.partition(", ")[2]
    pattern = str(context.get("pattern"))
    sentence = PATTERNS.get(pattern) if kind == "string_pattern_mismatch" else WRONG.get(kind)
    if sentence is None:
        return technical(_("不合规定"), message)
    values = {name: _choices(value) if name == "expected" else value for name, value in context.items()}
    return _(sentence) if pattern in PATTERNS else _(sentence).format(**values)


def _choices(text: str) -> str:
    """Turn pydantic's ``'a', 'b' or 'c'`` into a list."""
    return text.replace(" or ", ", ").replace("'", "")


def os_error(error: OSError) -> str:
    """Return the text of an error of the operating system, without the file's name."""
    sentence = SYSTEM.get(error.errno or 0)
    return error.strerror or str(error) if sentence is None else _(sentence)


def technical(sentence: str, detail: object) -> str:
    """Put a detail for engineers behind a sentence for officers, marked as such."""
    return _("{sentence}（技术说明：{detail}）").format(sentence=sentence, detail=detail)
