"""``yizhan open``: an envelope in, its payload out; no broker, no inbox.

Rule 1: nothing is opened that does not verify.
Rule 2: bytes that are not text do not go to a terminal, and text goes there without control characters.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yizhan.cli.click_options import (
    Command,
    at_option,
    charter_option,
    county_option,
    json_option,
    option,
    passphrase_option,
)
from yizhan.schemas.i18n import join_list, marked

if TYPE_CHECKING:
    from yizhan.schemas.admit import Admitted
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.keys import SealingKey
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource


@click.command(
    "open",
    cls=Command,
    help=marked(
        "核验并拆开一个信封，把内容原样写到标准输出。\n\n"
        "核验不过的绝不拆开。不给 --county 时，用主目录里收件县的密钥。FILE 为 - 时读标准输入。"
        "密钥换过以后拆旧信封，请用 --at 给出当时的时间。"
    ),
)
@click.argument("file", metavar="FILE", default="-")
@county_option(required=False, help=marked("收件县的六位代码"))
@charter_option()
@at_option()
@option("-o", "--output", metavar="FILE", help=marked("写到新文件（权限 0600），不写标准输出"))
@passphrase_option()
@json_option()
def command(
    file: str,
    county: str | None,
    charter: Path | None,
    at: datetime | None,
    output: str | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> None:
    """Open a file."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.envelope import MAX_BYTES, open_verified
    from yizhan.services.access_log import record
    from yizhan.services.envelopes import judge, read_input, write_new

    home = current_home()
    home.charter_folder = charter or home.charter_folder
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    verdict = judge(read_input(file, MAX_BYTES + 1), adopted, moment)
    if verdict.refused is not None:
        raise verdict.refused
    if verdict.admitted is not None:
        charters = (home.charters.latest(), home.charter, adopted)
        keys = _keys(home, verdict.admitted, county, charters, TerminalPassphrase(passphrase_fd))
        header = verdict.admitted.header
        for code in [code for code in header.to if code == county or (home.county_folder(code) / "keys").is_dir()]:
            record(home, code, acting("open"), "opened", [header.id])
        payload = open_verified(verdict.admitted.verified, keys)
        if output is not None:
            write_new(output, payload, 0o600)
        if as_json:
            _print(verdict.admitted, payload, output)
        elif output is None:
            _write(payload)


def _keys(
    home: Home, admitted: Admitted, county: str | None, charters: tuple[Charter, ...], lock: PassphraseSource
) -> tuple[SealingKey, ...]:
    """Find the sealing keys of the county that opens: the one named, or every recipient whose keys are here."""
    from yizhan.services.errors import NoKey, ServiceError
    from yizhan.services.keys import sealing_keys

    to = admitted.header.to
    if county is not None and county not in to:
        sentence = marked("{county} 不是收件县；收件的是：{to}")
        raise ServiceError(sentence, county=county, to=join_list(home.member_name(code) for code in to))
    here = [code for code in to if code == county or (county is None and (home.county_folder(code) / "keys").is_dir())]
    if not here:
        sentence = marked("{home} 里没有收件县（{to}）的密钥；请用 --home 指到其中一个县的主目录")
        raise NoKey(sentence, home=home.path, to=join_list(home.member_name(code) for code in to))
    return tuple(key for code in here for key in sealing_keys(home.county_folder(code) / "keys", code, charters, lock))


def _print(admitted: Admitted, payload: bytes, output: str | None) -> None:
    """Print header, decisions and content, or where the content was written."""
    from yizhan.cli.output import print_json
    from yizhan.schemas.payloads import read
    from yizhan.services.envelopes import decisions

    contents = None if output is not None else read(admitted.header.type, payload)
    print_json(
        {
            "header": admitted.header,
            "hash": admitted.verified.hash,
            "clock_suspect": admitted.clock_suspect,
            "decisions": decisions(admitted),
            "file": output,
            "payload": None if contents is None or contents.text is not None else contents.raw,
            "text": None if contents is None else contents.text,
        }
    )


def _write(payload: bytes) -> None:
    from yizhan.cli.output import plain
    from yizhan.services.errors import ServiceError

    if not sys.stdout.isatty():
        sys.stdout.buffer.write(payload)
        sys.stdout.buffer.flush()
        return
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise ServiceError(marked("内容不是文本，不写到终端；请用 -o FILE，或重定向到文件")) from None
    click.echo(plain(text, keep_lines=True))
