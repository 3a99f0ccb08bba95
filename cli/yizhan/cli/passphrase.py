"""Where a command gets passphrases: a terminal, a file descriptor, a systemd credential.

Rule 1: never from an argument or the environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.asking import interactive
from yizhan.cli.click_options import Whole, option
from yizhan.cli.output import say
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import os_error
from yizhan.services.errors import ServiceError

MAX_PASSPHRASE_BYTES: Final = 1024
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts the credentials of a unit (systemd.exec(5), LoadCredential)."""
CREDENTIAL: Final = "yizhan-passphrase"


def passphrase_option() -> Callable[[Any], Any]:
    """Declare ``--passphrase-fd N``; the command gets ``passphrases``, a ``TerminalPassphrase``."""
    return option(
        "--passphrase-fd",
        "passphrases",
        type=Whole(0, 1_000_000),
        callback=lambda _ctx, _param, descriptor: TerminalPassphrase(descriptor),
        metavar="N",
        help=marked("从文件描述符 N 读取密钥口令；不给则在终端上询问"),
    )


class TerminalPassphrase:
    """Asks for the passphrase of this run's keys, once."""

    def __init__(self, descriptor: int | None = None) -> None:
        """Take the number of a file descriptor to read from, or None to ask on the terminal."""
        self._descriptor = descriptor
        folder = os.environ.get(CREDENTIALS)
        credential = Path(folder) / CREDENTIAL if folder else None
        self._credential = credential if credential is not None and credential.is_file() else None
        self._known: bytes | None = None

    @property
    def given(self) -> bool:
        """Whether a passphrase can be had without asking a person."""
        return self._descriptor is not None or self._credential is not None

    def passphrase(self, path: Path) -> bytes:
        """Return the passphrase for a locked key file.

        Raises:
            ServiceError: there is nobody to ask, or the descriptor gives none.
        """
        if self._known is None:
            self._known = self._read() if self.given else _asked(path)
        return self._known

    def new(self, *, ask: bool) -> bytes | None:
        """Return the passphrase for new keys; None where none is wanted."""
        if self.given:
            return self._read()
        if not ask:
            return None
        if not interactive():
            raise ServiceError(marked("没有终端可以询问口令；请用 --passphrase-fd N 给出"))
        text = click.prompt(_("新密钥的口令"), hide_input=True, confirmation_prompt=_("再输入一次"), err=True)
        return str(text).encode()

    def _read(self) -> bytes:
        if self._known is not None:
            return self._known
        where = self._credential if self._descriptor is None else self._descriptor
        if where is None:
            raise ServiceError(marked("没有终端可以询问口令；请用 --passphrase-fd N 给出"))
        try:
            with os.fdopen(os.dup(where), "rb") if isinstance(where, int) else where.open("rb") as file:
                line = file.read(MAX_PASSPHRASE_BYTES + 1).split(b"\n")[0].rstrip(b"\r")
        except OSError as error:
            sentence = marked("{where} 读不出口令：{error}")
            raise ServiceError(sentence, where=where, error=os_error(error)) from error
        if not line or len(line) > MAX_PASSPHRASE_BYTES:
            sentence = marked("{where} 应给出一行口令（至多 {most} 字节），得到 {count} 字节")
            raise ServiceError(sentence, where=where, most=MAX_PASSPHRASE_BYTES, count=len(line))
        self._known = line
        return line

    def skipped(self, path: Path) -> None:
        """Say that a locked key file, which no charter names yet, is not used."""
        say(_("密钥 {path} 上了锁，章程还没有登记它，暂不使用").format(path=path))


def _asked(path: Path) -> bytes:
    if not interactive():
        raise ServiceError(marked("密钥 {path} 上了锁，而没有终端可以询问口令；请用 --passphrase-fd N 给出"), path=path)
    return str(click.prompt(_("密钥 {path} 的口令").format(path=path.name), hide_input=True, err=True)).encode()
