"""``yizhan seal``: a payload in, an envelope out; no broker, no outbox."""

from __future__ import annotations

import base64
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from yizhan.cli.binary_io import STDIN, read_input, write_envelope
from yizhan.cli.click_options import (
    ANY_PATH,
    MEMBER,
    MOMENT,
    OneOf,
    Whole,
    at_option,
    charter_option,
    county_option,
    json_option,
    option,
    single_command,
)
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, say
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.envelope import MAX_BYTES
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.codec import not_json
from yizhan.schemas.timestamps import written
from yizhan.services.envelopes import SealRequest, seal_envelope
from yizhan.services.errors import ServiceError
from yizhan.services.files import write_new


@single_command(
    "seal",
    help=marked(
        "封好并签名一个信封：从标准输入读内容（JSON），向标准输出写信封。\n\n"
        "不经过发件箱，也不发送。编号用 --id 和 --lane 给出，否则用一次性的册号。"
        "信头属性用选项给出，或写在 --header 的 JSON 文件里（选项优先）。"
    ),
)
@county_option(help=marked("发送县的六位代码"))
@option("--to", multiple=True, required=True, type=MEMBER, metavar="C", help=marked("收件县，可多次给出"))
@option("--type", metavar="TYPE", help=marked("事件类型，如 yizhan.incident.forest_fire.v1"))
@option("--header", type=ANY_PATH, metavar="FILE", help=marked("信头属性的 JSON 文件"))
@option("--status", type=OneOf(["Actual", "Exercise", "Test"]), help=marked("实际、演练、测试（默认 Actual）"))
@option("--priority", type=OneOf(["flash", "urgent", "routine"]), help=marked("特急、加急、平急（默认 routine）"))
@option("--grade", type=Whole(1, 4), metavar="1-4", help=marked("等级：1 特别重大 … 4 一般"))
@option(
    "--certainty",
    type=OneOf(["Observed", "Likely", "Possible", "Unlikely", "Unknown"]),
    metavar="WORD",
    help=marked("确定程度（CAP 的词）"),
)
@option("--touches", multiple=True, type=MEMBER, metavar="C", help=marked("事情涉及的县，可多次给出"))
@option("--stage", type=OneOf(["first", "update", "final"]), help=marked("首报、续报、终报"))
@option("--worse", is_flag=True, default=None, help=marked("事态扩大、越界、伤人或请求支援"))
@option("--time", "learnt", type=MOMENT, metavar="TIME", help=marked("获知时间（默认现在）"))
@option("--id", "event_id", metavar="ID", help=marked("文书编号；不给则用一次性的册号"))
@option("--lane", multiple=True, metavar="C=N", help=marked("给某县的顺序号，如 331126=17，可多次给出；不给为 1"))
@option("--raw", is_flag=True, help=marked("内容不按类型检查，原样封入"))
@charter_option()
@at_option()
@option("-o", "--output", metavar="FILE", help=marked("写到新文件，不写标准输出"))
@passphrase_option()
@json_option()
def command(  # noqa: PLR0917 -- click gives them by name
    county: str,
    to: tuple[str, ...],
    header: Path | None,
    event_id: str | None,
    lane: tuple[str, ...],
    raw: bool,
    charter: Path | None,
    at: datetime | None,
    output: str | None,
    passphrases: TerminalPassphrase,
    learnt: datetime | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 -- the header's own attributes
) -> None:
    """Seal standard input."""
    home = current_home(charter)
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    given |= {"id": event_id, "time": None if learnt is None else written(learnt)}
    attributes = _from_file(header) | {name: value for name, value in given.items() if value not in (None, ())}
    request = SealRequest(county, to, attributes, _lanes(lane, to), read_input(STDIN, MAX_BYTES), raw)
    sealed = seal_envelope(home, request, adopted, moment, passphrases)
    if output is not None:
        write_new(output, sealed.envelope)
    if as_json:
        print_json(
            {
                "header": sealed.admitted.header,
                "hash": sealed.admitted.verified.hash,
                "decisions": sealed.admitted.decisions,
                "bytes": len(sealed.envelope),
                "file": output,
                "envelope": None if output is not None else base64.b64encode(sealed.envelope).decode(),
            }
        )
    elif output is None:
        write_envelope(sealed.envelope)
    say(_("已封好 {id}，{bytes} 字节").format(id=sealed.admitted.header.id, bytes=len(sealed.envelope)))


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = strictjson.loads(path.read_bytes(), nulls=False)
    except strictjson.StrictJsonError as error:
        raise ServiceError(f"{path}: {not_json(error)}") from None
    if not isinstance(found, dict):
        raise ServiceError(marked("{path}: 应为一个 JSON 对象"), path=path)
    return found


def _lanes(given: tuple[str, ...], to: tuple[str, ...]) -> dict[str, int]:
    numbers = dict.fromkeys(to, 1)
    for word in given:
        code, _equals, number = word.partition("=")
        if code not in numbers or not (number.isascii() and number.isdigit()) or int(number) < 1:
            sentence = _("--lane {word}：应为 收件县=顺序号，如 331126=17，而且那个县要在 --to 里")
            raise click.UsageError(sentence.format(word=word), click.get_current_context())
        numbers[code] = int(number)
    return numbers
