"""``yizhan ledger run|cosign|status|prove|verify-proof|settle|rebuild``: the log of what the station says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Group, Whole, charter_option, county_option, json_option, option, passphrase_option
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from yizhan.schemas.checkpoints import Checkpoint, OpenedCheckpoint
    from yizhan.schemas.proofs import LogProof
    from yizhan.services.home import Home

command = Group("ledger", help=marked("账本：驿站说过的话，一句一条，只增不改，各县会签"))


@command.command(
    "run",
    help=marked(
        "运行账本，直到叫停：读取驿站的每一句话，核验、入账、落盘，再发布检查点。\n\n"
        "一本账只容一个这样的进程。文件对不上时停下并说明，从不自行修补。"
    ),
)
@passphrase_option()
def run(passphrase_fd: int | None) -> None:
    """Run the ledger."""
    from yizhan.cli.context import current_home, debugging, log_to_stderr
    from yizhan.cli.longrun import working
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.ledger.feed import Feed
    from yizhan.ledger.log import Log
    from yizhan.schemas import topics
    from yizhan.services.ledger import keys_of, ledger_folder

    home = current_home()
    settings = home.settings
    keys, connection = keys_of(home, TerminalPassphrase(passphrase_fd)), settings.connection(topics.LEDGER)
    log_to_stderr(debug=debugging())
    with (
        Log(ledger_folder(home), home.charters.latest().log) as log,
        working(settings, settings.ledger_metrics_port) as (stop, watchdog),
    ):
        Feed(log, keys, home.charters, settings, stop, watchdog).run(connection)


@command.command(
    "cosign",
    help=marked(
        "核对并会签账本的检查点，直到叫停：新账必须接着旧账，本县手里的每一句话都必须在账上。\n\n"
        "对不上就不签，双方的证据都留下。本县由此留有全部账目的指纹，可自行出具证明。"
    ),
)
@county_option()
@passphrase_option()
def cosign(county: str, passphrase_fd: int | None) -> None:
    """Run a county's cosigner."""
    from yizhan.cli.context import current_home, debugging, log_to_stderr
    from yizhan.cli.longrun import working
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.ledger.cosigning import Cosigning
    from yizhan.runtime.file_lock import exclusive
    from yizhan.schemas import topics
    from yizhan.services.ledger import CountyBooks, cosigner_path, key_of, open_cosigner

    home = current_home()
    home.member(county)
    settings = home.settings
    connection, path = settings.connection(topics.county(county)), cosigner_path(home, county)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        exclusive(path.with_name(path.name + ".lock"), _("在为 {county} 会签").format(county=county)),
        open_cosigner(home, county) as mine,
        CountyBooks(home, county) as books,
        working(settings, settings.cosigner_metrics_port) as (stop, watchdog),
    ):
        log_to_stderr(debug=debugging())
        key = key_of(home, county, TerminalPassphrase(passphrase_fd))
        Cosigning(mine, key, books.books(), settings, stop, watchdog).run(connection)


@command.command("status", help=marked("账本多长、哪一步已由法定多数会签、有什么不对；给 --county 则看该县的核对"))
@county_option(required=False)
@json_option()
def status(county: str | None, as_json: bool) -> None:
    """Tell how the log stands."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json

    home = current_home()
    found = _ledger_status(home) if county is None else _county_status(home, county)
    if as_json:
        print_json(found)
    elif county is None:
        _tell_ledger(home, found)
    else:
        _tell_county(home, found)


def _ledger_status(home: Home) -> dict[str, Any]:
    from yizhan.ledger.log import PUBLIC
    from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder
    from yizhan.ledger.verify import read_checkpoint
    from yizhan.services.ledger import kept_statements, ledger_folder

    source = LogFolder(ledger_folder(home) / PUBLIC)
    with kept_statements(home) as statements:
        return {
            "statements": statements.size,
            "checkpoint": _checkpoint(read_checkpoint(source, CHECKPOINT, home.charters)),
            "final": _checkpoint(read_checkpoint(source, FINAL, home.charters)),
            "contradictions": statements.alarms(),
            "aside": [why for _statement, why in statements.aside()],
        }


def _checkpoint(opened: OpenedCheckpoint | None) -> dict[str, Any] | None:
    if opened is None:
        return None
    return {
        "origin": opened.checkpoint.origin,
        "size": opened.checkpoint.size,
        "root": opened.checkpoint.root,
        "at": opened.at,
        "cosigned": sorted(opened.cosigned),
        "quorum": opened.charter.quorum,
        "final": opened.final,
    }


def _county_status(home: Home, county: str) -> dict[str, Any]:
    from yizhan.schemas.checkpoints import open_checkpoint
    from yizhan.services.ledger import cosigner_path, open_cosigner

    home.member(county)
    if not cosigner_path(home, county).exists():
        return {"county": county, "size": 0, "cosigned": False, "final": None, "missing": [], "evidence": []}
    with open_cosigner(home, county) as mine:
        final = mine.final()
        return {
            "county": county,
            "size": mine.head.size,
            "cosigned": mine.cosigned and mine.head.size > 0,
            "final": None if final is None else _checkpoint(open_checkpoint(final, home.charters)),
            "missing": [subject for subject, _statement in mine.missing()],
            "evidence": mine.evidence(),
        }


def _tell_ledger(home: Home, found: Mapping[str, Any]) -> None:
    from yizhan.cli.output import print_pairs, say

    newest, final = found["checkpoint"], found["final"]
    print_pairs(
        [
            (_("入账"), _("{count} 条").format(count=found["statements"])),
            (_("最新检查点"), None if newest is None else _sized(home, newest)),
            (_("已定局"), _("还没有") if final is None else _sized(home, final)),
        ]
    )
    for each in found["contradictions"]:
        sentence = _("矛盾（{kind}）：{subject}，第 {place} 条与第 {first} 条不同；先入账的为准")
        say(sentence.format(kind=each.kind, subject=each.subject, place=each.place, first=each.first))
    if found["aside"]:
        say(_("{count} 条核验不过，没有入账：{why}").format(count=len(found["aside"]), why=found["aside"][-1]))


def _sized(home: Home, checkpoint: Mapping[str, Any]) -> str:
    sentence = _("{size} 条，{at}，会签 {cosigned}/{quorum}")
    cosigned = len(checkpoint["cosigned"])
    return sentence.format(
        size=checkpoint["size"], at=home.local_time(checkpoint["at"]), cosigned=cosigned, quorum=checkpoint["quorum"]
    )


def _tell_county(home: Home, found: Mapping[str, Any]) -> None:
    from yizhan.cli.output import print_pairs, say

    print_pairs(
        [
            (_("核对到"), _("{count} 条").format(count=found["size"])),
            (_("本县已会签"), _("是") if found["cosigned"] else _("否")),
            (_("已定局"), _("还没有") if found["final"] is None else _sized(home, found["final"])),
        ]
    )
    for each in found["evidence"]:
        state = _("已查明：{by}").format(by=each.settled) if each.settled else _("未查明，本县不再会签")
        sentence = _("证据 {seq}（{offence}，{at}）：{detail}。{state}")
        say(
            sentence.format(
                seq=each.seq, offence=each.offence, at=home.local_time(each.at), detail=each.detail, state=state
            )
        )


@command.command(
    "settle",
    help=marked("查明一件不利于账本的证据之后，记下是谁、如何查明的；本县由此恢复会签。证据仍然留着"),
)
@click.argument("number", type=Whole(1, 1_000_000_000), metavar="N")
@county_option()
@option("--name", required=True, metavar="NAME", help=marked("查明人姓名"))
@option("--badge", required=True, metavar="BADGE", help=marked("查明人警号"))
@option("--note", required=True, metavar="TEXT", help=marked("如何查明的，一句话"))
def settle(number: int, county: str, name: str, badge: str, note: str) -> None:
    """Settle a piece of evidence."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import tell
    from yizhan.services.ledger import open_cosigner

    home = current_home()
    home.member(county)
    with open_cosigner(home, county) as mine:
        mine.settle(number, f"{name} ({badge}): {note}")
    tell(_("证据 {seq} 已记为查明").format(seq=number))


@command.command(
    "prove",
    help=marked(
        "出具一件事件在账上的证明，写入文件：邮戳、位置、检查点和会签都在里面，凭章程即可核验。\n\n"
        "在驿站不给 --county；在县里给出 --county，由本县自己的核对出具，不必问任何人。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option(required=False)
@option(
    "--out",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=marked("文件（默认 ID.tlog-proof）"),
)
@json_option()
def prove(event_id: str, county: str | None, out: Path | None, as_json: bool) -> None:
    """Write a proof."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.schemas.proofs import SUFFIX, verify_proof

    home = current_home()
    proof = _proof(home, event_id, county)
    path = out or Path(f"{event_id}{SUFFIX}")
    path.write_bytes(proof.to_bytes())
    opened = verify_proof(proof, home.charters)
    if as_json:
        print_json({"event": event_id, "file": str(path), "index": proof.index, "checkpoint": _checkpoint(opened)})
        return
    tell(_("{id} 是账上第 {index} 条，证明在 {path}").format(id=event_id, index=proof.index, path=path))
    if not opened.final:
        tell(_("检查点的会签还不到法定多数；稍后再出具一次即可"))


def _proof(home: Home, event_id: str, county: str | None) -> LogProof:
    from yizhan.ledger.proving import prove as prove_here
    from yizhan.services.errors import ServiceError
    from yizhan.services.ledger import CountyBooks, kept_statements, ledger_folder, open_cosigner

    if county is None:
        with kept_statements(home) as statements:
            return prove_here(ledger_folder(home), statements, event_id, home.charters)
    home.member(county)
    with CountyBooks(home, county) as books:
        statement = books.statement(event_id)
    if statement is None:
        sentence = marked("{county} 手里没有 {id} 的邮戳：不是本县收发的，或驿站还没有答复")
        raise ServiceError(sentence, county=home.member_name(county), id=event_id)
    with open_cosigner(home, county) as mine:
        return mine.prove(statement)


@command.command(
    "verify-proof",
    help=marked("核验一份证明：只要文件和章程，不用网络。会签不到法定多数时退出码为 1"),
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@charter_option()
@option("--not-final", is_flag=True, help=marked("会签还不到法定多数也算通过"))
@json_option()
def verify_proof_(file: Path, charter: Path | None, not_final: bool, as_json: bool) -> None:
    """Verify a proof."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_pairs
    from yizhan.ledger.statement_keys import read_said
    from yizhan.schemas import dsse, strictjson
    from yizhan.schemas.proofs import parse_proof, verify_proof
    from yizhan.services.errors import ServiceError

    home = current_home()
    home.charter_folder = charter or home.charter_folder
    proof = parse_proof(file.read_bytes())
    opened = verify_proof(proof, home.charters)
    said = read_said(proof.statement, home.charters)
    checkpoint = _checkpoint(opened) or {}
    statement = strictjson.loads(dsse.unverified_payload(proof.statement))
    if as_json:
        print_json(
            {
                "index": proof.index,
                "event": said.event,
                "subject": said.subject,
                "type": dsse.unverified_type(proof.statement),
                "statement": statement,
                "checkpoint": checkpoint,
            }
        )
    else:
        print_pairs(
            [
                (_("事件"), said.event),
                (_("驿站的话"), said.subject),
                (_("驿站收到"), home.local_time(statement.get("received"))),
                (_("账上位置"), proof.index),
                (_("检查点"), _sized(home, checkpoint)),
                (_("会签"), join_list(home.member_name(code) for code in checkpoint["cosigned"])),
            ]
        )
    if not opened.final and not not_final:
        sentence = marked("位置属实，但会签只有 {cosigned} 个，法定多数是 {quorum} 个；稍后再出具一次证明")
        raise ServiceError(sentence, cosigned=len(opened.cosigned), quorum=opened.charter.quorum)


@command.command(
    "rebuild",
    help=marked(
        "用留存的原话重做账本，字节与原来相同；与已知的每个检查点核对，对不上就不做。旧账另存。\n\n"
        "先停下 yizhan ledger run。原话缺尾时从主题里补读；--offline 则不连驿站，也不与主题核对。"
    ),
)
@option("--offline", is_flag=True, help=marked("不连驿站：只与本机的检查点核对"))
@json_option()
def rebuild(offline: bool, as_json: bool) -> None:
    """Make the log again."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, progress, tell
    from yizhan.ledger.rebuild import known
    from yizhan.ledger.rebuild import rebuild as make_again
    from yizhan.runtime.clock import utc_now
    from yizhan.services.ledger import ledger_folder

    home = current_home()
    folder, origin = ledger_folder(home), home.charters.latest().log
    expected: dict[str, Checkpoint] = known(folder, origin)
    with progress(_("从主题补读")) as bar:
        refilled = 0 if offline else _refill(home, folder, expected, bar.advance)
    with progress(_("重做账本")) as bar:
        at = utc_now().strftime("%Y%m%dT%H%M%S")
        head = make_again(folder, origin, expected, at=at, progress=bar.advance)
    if as_json:
        print_json({"size": head.size, "root": head.root, "refilled": refilled, "compared": sorted(expected)})
        return
    sentence = _("账本已重做：{size} 条，根 {root}；补读 {refilled} 条，与 {count} 个检查点核对无误")
    tell(sentence.format(size=head.size, root=head.root.hex(), refilled=refilled, count=len(expected)))


def _refill(home: Home, folder: Path, expected: dict[str, Checkpoint], advance: Any) -> int:  # noqa: ANN401 -- a Bar's method
    from yizhan.ledger.backfill import refill
    from yizhan.ledger.feed import newest_on_topic
    from yizhan.ledger.kafka_io import Wire
    from yizhan.schemas import topics

    connection = home.settings.connection(topics.LEDGER)
    members = map(topics.cosignatures, sorted(home.charters.latest().members))
    with Wire(connection, topics.LEDGER, "log", [topics.AUDIT, topics.CHECKPOINTS, *members], []) as wire:
        newest = newest_on_topic(wire, home.charters)
        if newest is not None:
            expected[topics.CHECKPOINTS] = newest.checkpoint
        wanted = max((each.size for each in expected.values()), default=0)
        return refill(folder, wire, home.charters, wanted, advance)
