"""``yizhan open``: an envelope in, its payload out; no broker, no inbox."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from yizhan.cli.binary_io import read_input, write_payload
from yizhan.cli.click_options import at_option, charter_option, county_option, json_option, option, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.output import fields_of, print_json
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.runtime.clock import utc_now
from yizhan.schemas.envelope import MAX_BYTES
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads import read
from yizhan.services.envelopes import Opened, open_envelope
from yizhan.services.files import write_new


@single_command(
    "open",
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
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Open a file."""
    home = current_home(charter)
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    data = read_input(file, MAX_BYTES + 1)
    opened = open_envelope(home, data, county, adopted, moment, acting("open"), passphrases)
    if output is not None:
        write_new(output, opened.payload, 0o600)
    if as_json:
        print_json(_as_json(opened, output))
    elif output is None:
        write_payload(opened.payload)


def _as_json(opened: Opened, output: str | None) -> dict[str, object]:
    """Return header, decisions and content, or where the content was written."""
    admitted = opened.admitted
    contents = None if output is not None else read(admitted.header.type, opened.payload)
    return {
        **fields_of(admitted, "header clock_suspect"),
        "hash": admitted.verified.hash,
        "decisions": admitted.decisions,
        "file": output,
        "payload": None if contents is None or contents.text is not None else contents.raw,
        "text": None if contents is None else contents.text,
    }
