"""What the commands of the audit share: where log, books and charter are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

from yizhan.cli.click_options import FILE, charter_option, option
from yizhan.cli.context import current_home
from yizhan.schemas.i18n import marked
from yizhan.services.audit import AuditSources

_BOOKS: Final = marked("县里导出的簿，可多次给出（默认：主目录里各县的）")
_LOG: Final = marked("导出的账本，目录或网址，要带原话（默认：主目录里的账本）")


def evidence_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Declare where log, books and charter are; the command gets them as ``sources``."""

    @wraps(function)
    def wrapped(
        *args: Any,  # noqa: ANN401 -- the command's own
        where: str | None,
        books: tuple[Path, ...],
        charter: Path | None,
        not_final: bool,
        **given: Any,  # noqa: ANN401 -- as above
    ) -> Any:  # noqa: ANN401 -- as above
        home = current_home(charter)
        return function(*args, sources=AuditSources(home, where, books, not_final), **given)

    for each in (
        option("--not-final", is_flag=True, help=marked("以最新的检查点为准，会签不到法定多数也可以")),
        charter_option(),
        option("--book", "books", multiple=True, type=FILE, metavar="FILE", help=_BOOKS),
        option("--log", "where", metavar="WHERE", help=_LOG),
    ):
        wrapped = each(wrapped)
    return wrapped
