"""``yizhan seal``: a payload in, an envelope out; no broker, no outbox.

Rule 1: it numbers nothing: an id comes from ``--id``, or from a book that is used once and thrown away.
Rule 2: the payload is checked as the outbox would check it, and the header as the station would.
"""

from __future__ import annotations

import base64
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import (
    MEMBER,
    MOMENT,
    Command,
    OneOf,
    Whole,
    at_option,
    charter_option,
    county_option,
    json_option,
    option,
    passphrase_option,
)
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.header import Header
    from yizhan.services.envelopes import EnvelopeVerdict

_DEFAULTS = {"status": "Actual", "priority": "routine"}


@click.command(
    "seal",
    cls=Command,
    help=marked(
        "封好并签名一个信封：从标准输入读内容（JSON），向标准输出写信封。\n\n"
        "不经过发件箱，也不发送。编号用 --id 和 --lane 给出，否则用一次性的册号。"
        "信头属性用选项给出，或写在 --header 的 JSON 文件里（选项优先）。"
    ),
)
@county_option(help=marked("发送县的六位代码"))
@option("--to", multiple=True, required=True, type=MEMBER, metavar="C", help=marked("收件县，可多次给出"))
@option("--type", metavar="TYPE", help=marked("事件类型，如 yizhan.incident.forest_fire.v1"))
@option("--header", type=click.Path(path_type=Path), metavar="FILE", help=marked("信头属性的 JSON 文件"))
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
    passphrase_fd: int | None,
    learnt: datetime | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 -- the header's own attributes
) -> None:
    """Seal standard input."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import say
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.envelope import MAX_BYTES, seal
    from yizhan.schemas.timestamps import written
    from yizhan.services.envelopes import judge, read_input, write_new
    from yizhan.services.keys import signer

    home = current_home()
    home.charter_folder = charter or home.charter_folder
    moment = at or utc_now()
    adopted = home.charters.in_force(moment)
    for code in (county, *to):
        home.member(code)
    key = signer(home.county_folder(county) / "keys", county, adopted, moment, TerminalPassphrase(passphrase_fd))
    attributes = _from_file(header) | {name: value for name, value in given.items() if value not in (None, ())}
    attributes = _DEFAULTS | {"source": county, "time": written(learnt or moment)} | attributes
    attributes |= {"to": tuple(sorted(set(to))), "kid": key.kid, "charter": adopted.name}
    attributes["id"] = event_id or attributes.get("id") or _throw_away(attributes["source"], moment)
    numbered = _numbered(attributes, adopted, _lanes(lane, to))
    payload = _payload(read_input("-", MAX_BYTES), numbered, raw=raw)
    recipients = [adopted.sealing_key(code, moment) for code in numbered.to]
    envelope = seal(numbered, payload, recipients, key)
    verdict = judge(envelope, adopted, moment)
    if verdict.refused is not None:
        raise verdict.refused
    if output is not None:
        write_new(output, envelope)
    if as_json:
        _print(verdict, envelope, output)
    elif output is None:
        _write(envelope)
    say(_("已封好 {id}，{bytes} 字节").format(id=numbered.id, bytes=len(envelope)))


def _from_file(path: Path | None) -> dict[str, Any]:
    from yizhan.schemas import strictjson
    from yizhan.schemas.payloads.codec import not_json
    from yizhan.services.errors import ServiceError

    if path is None:
        return {}
    try:
        found = strictjson.loads(path.read_bytes(), nulls=False)
    except strictjson.StrictJsonError as error:
        raise ServiceError(f"{path}: {not_json(error)}") from None
    if not isinstance(found, dict):
        raise ServiceError(marked("{path}: 应为一个 JSON 对象"), path=path)
    return found


def _throw_away(source: str, moment: datetime) -> str:
    """Make an id: number 1 in a book of its own."""
    import secrets

    return f"{source}-{moment:%Y%m%d}x{secrets.token_hex(4)}-1"


def _lanes(given: tuple[str, ...], to: tuple[str, ...]) -> dict[str, int]:
    numbers = dict.fromkeys(to, 1)
    for word in given:
        code, _equals, number = word.partition("=")
        if code not in numbers or not (number.isascii() and number.isdigit()) or int(number) < 1:
            sentence = _("--lane {word}：应为 收件县=顺序号，如 331126=17，而且那个县要在 --to 里")
            raise click.UsageError(sentence.format(word=word), click.get_current_context())
        numbers[code] = int(number)
    return numbers


def _numbered(attributes: dict[str, Any], charter: Charter, numbers: dict[str, int]) -> Header:
    """Make the header; the lane of each recipient follows from the rules, unless the file says."""
    from pydantic import ValidationError

    from yizhan.schemas.header import Header, Lane
    from yizhan.schemas.payloads.codec import faults
    from yizhan.schemas.policy import decide
    from yizhan.services.errors import ServiceError

    said = attributes.get("lanes")
    draft = {code: {"lane": "prompt", "n": number} for code, number in numbers.items()}
    try:
        header = Header.model_validate(attributes | {"lanes": said or draft})
    except ValidationError as error:
        where, problem = next(faults(error))
        raise ServiceError(marked("信头属性 {where}：{problem}"), where=where or "header", problem=problem) from None
    if said is not None:
        return header
    lanes = {
        code: Lane(lane=decide(header, code, charter.policy).way.lane, n=number) for code, number in numbers.items()
    }
    return header.model_copy(update={"lanes": lanes})


def _payload(data: bytes, header: Header, *, raw: bool) -> bytes:
    """Check a payload as its sender must, and write it in the one spelling."""
    from yizhan.schemas.errors import PayloadInvalid
    from yizhan.schemas.payloads import encode, parse_strict
    from yizhan.services.errors import ServiceError

    if not data.strip():
        raise ServiceError(marked("标准输入是空的；请给出内容，如 yizhan seal … < 内容.json"))
    if raw:
        return data
    payload = parse_strict(header.type, data)
    odd = tuple(payload.against_header(stage=header.stage, grade=header.grade))
    if odd:
        raise PayloadInvalid(odd)
    return encode(payload)


def _print(verdict: EnvelopeVerdict, envelope: bytes, output: str | None) -> None:
    """Print what was sealed: in Base64 where it was not written to a file."""
    from yizhan.cli.output import print_json
    from yizhan.services.envelopes import decisions

    if verdict.admitted is not None:
        print_json(
            {
                "header": verdict.admitted.header,
                "hash": verdict.admitted.verified.hash,
                "decisions": decisions(verdict.admitted),
                "bytes": len(envelope),
                "file": output,
                "envelope": None if output is not None else base64.b64encode(envelope).decode(),
            }
        )


def _write(envelope: bytes) -> None:
    from yizhan.services.errors import ServiceError

    if sys.stdout.isatty():
        raise ServiceError(marked("信封是二进制，不写到终端；请用 -o FILE，或重定向到文件"))
    sys.stdout.buffer.write(envelope)
    sys.stdout.buffer.flush()
