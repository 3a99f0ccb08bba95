"""``yizhan inspect``: header and verdict of an envelope, as JSON.

Rule 1: nothing is printed as true that does not verify: an unverified header is shown only on
        demand, under a name that says so.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from yizhan.cli.binary_io import read_input
from yizhan.cli.click_options import at_option, charter_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import fields_of, print_json
from yizhan.runtime.clock import utc_now
from yizhan.schemas.envelope import MAX_BYTES, parse_envelope
from yizhan.schemas.errors import Refused
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import written
from yizhan.services.envelopes import judge_envelope, unverified_attributes


@single_command(
    "inspect",
    help=marked(
        "以 JSON 显示一个信封的信头和判定，不拆开内容。\n\n"
        "核验不过的，只说 verified: false 和原因；加 --unverified 才在 unverified_header 里给出未经核验的信头。"
        "FILE 为 - 时读标准输入。核验不过时退出码为 1。"
    ),
)
@click.argument("file", metavar="FILE")
@option("--unverified", is_flag=True, help=marked("核验不过时，也给出未经核验的信头"))
@charter_option()
@at_option()
@option("--json", "_as_json", is_flag=True, help=marked("输出 JSON；不写也是"))
@click.pass_context
def command(
    ctx: click.Context, file: str, unverified: bool, charter: Path | None, at: datetime | None, _as_json: bool
) -> None:
    """Print header and verdict."""
    home = current_home(charter)
    moment = at or utc_now()
    data = read_input(file, MAX_BYTES + 1)
    adopted = home.charters.in_force(moment)
    verdict = judge_envelope(data, adopted, moment)
    document: dict[str, object] = {
        "verified": verdict.admitted is not None,
        "at": written(moment),
        "charter": adopted.name,
        "bytes": len(data),
    }
    if verdict.admitted is not None:
        envelope = verdict.admitted.verified.envelope
        document |= {
            **fields_of(verdict.admitted, "header clock_suspect"),
            "hash": verdict.admitted.verified.hash,
            "decisions": verdict.admitted.decisions,
            "sealing_kids": list(envelope.kids),
            "ciphertext_bytes": len(envelope.ciphertext),
        }
    elif verdict.refused is not None:
        document |= {"reason": verdict.refused.reason.value, "detail": str(verdict.refused)}
        if unverified:
            try:
                document["unverified_header"] = unverified_attributes(data)
                document["unverified_hash"] = parse_envelope(data).hash.hex()
            except Refused:
                document["unverified_header"] = None
    print_json(document)
    if verdict.admitted is None:
        ctx.exit(1)
