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

from yizhan.cli.shell import Command, at_option, charter_option, county_option, json_option, option, passphrase_option
from yizhan.cli.words import _, listed, marked

if TYPE_CHECKING:
    from yizhan.cli.app import App
    from yizhan.cli.keyring import Lock
    from yizhan.schemas.admit import Admitted
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.keys import SealingKey


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
    from yizhan.cli.access import noted
    from yizhan.cli.app import this, utc_now
    from yizhan.cli.keyring import Lock
    from yizhan.cli.letters import judge, read_input, write_new
    from yizhan.schemas.envelope import MAX_BYTES, open_verified

    app = this()
    app.charter_folder = charter or app.charter_folder
    moment = at or utc_now()
    adopted = app.charters.in_force(moment)
    verdict = judge(read_input(file, MAX_BYTES + 1), adopted, moment)
    if verdict.refused is not None:
        raise verdict.refused
    if verdict.admitted is not None:
        charters = (app.charters.latest(), app.charter, adopted)
        keys = _keys(app, verdict.admitted, county, charters, Lock(passphrase_fd))
        header = verdict.admitted.header
        for code in [code for code in header.to if code == county or (app.county_folder(code) / "keys").is_dir()]:
            noted(app, code, "opened", "open", [header.id])
        payload = open_verified(verdict.admitted.verified, keys)
        if output is not None:
            write_new(output, payload, 0o600)
        if as_json:
            _print(verdict.admitted, payload, output)
        elif output is None:
            _write(payload)


def _keys(
    app: App, admitted: Admitted, county: str | None, charters: tuple[Charter, ...], lock: Lock
) -> tuple[SealingKey, ...]:
    """Find the sealing keys of the county that opens: the one named, or every recipient whose keys are here."""
    from yizhan.cli.errors import CommandError, NoKey
    from yizhan.cli.keyring import sealing_keys

    to = admitted.header.to
    if county is not None and county not in to:
        sentence = _("{county} 不是收件县；收件的是：{to}")
        raise CommandError(sentence.format(county=county, to=listed(app.named(code) for code in to)))
    here = [code for code in to if code == county or (county is None and (app.county_folder(code) / "keys").is_dir())]
    if not here:
        sentence = _("{home} 里没有收件县（{to}）的密钥；请用 --home 指到其中一个县的主目录")
        raise NoKey(sentence.format(home=app.home, to=listed(app.named(code) for code in to)))
    return tuple(key for code in here for key in sealing_keys(app.county_folder(code) / "keys", code, charters, lock))


def _print(admitted: Admitted, payload: bytes, output: str | None) -> None:
    """Print header, decisions and content, or where the content was written."""
    from yizhan.cli.letters import decisions
    from yizhan.cli.output import print_json
    from yizhan.schemas.payloads import read

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
    from yizhan.cli.errors import CommandError
    from yizhan.cli.output import plain

    if not sys.stdout.isatty():
        sys.stdout.buffer.write(payload)
        sys.stdout.buffer.flush()
        return
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandError(_("内容不是文本，不写到终端；请用 -o FILE，或重定向到文件")) from None
    click.echo(plain(text, keep_lines=True))
