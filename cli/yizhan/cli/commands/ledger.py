"""``yizhan ledger run|cosign|status|prove|verify-proof|settle|rebuild``: the log of what the station says."""

from __future__ import annotations

from pathlib import Path

import click

from yizhan.cli.checkpoint_view import quorum_json
from yizhan.cli.click_options import (
    FILE,
    NEW_FILE,
    Group,
    Whole,
    charter_option,
    county_option,
    json_option,
    option,
    short_ids,
)
from yizhan.cli.context import current_home
from yizhan.cli.longrun import working
from yizhan.cli.officer_options import signed_by_officer
from yizhan.cli.output import fields_of, print_json, print_pairs, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.proofs import SUFFIX
from yizhan.services.audit_text import checkpoint_line, cosigners
from yizhan.services.files import write_again
from yizhan.services.home import Home
from yizhan.services.ledger import cosigner_lock, ledger_lock
from yizhan.services.ledger_status import CosignerStatus, LedgerStatus, cosigner_status, ledger_status, settle_evidence
from yizhan.services.proofs import check_proof, prove_event, require_cosigned

command = Group("ledger", help=marked("账本：驿站说过的话，一句一条，只增不改，各县会签"))


@command.command(
    "run",
    help=marked(
        "运行账本，直到叫停：读取驿站的每一句话，核验、入账、落盘，再发布检查点。\n\n"
        "一本账只容一个这样的进程。文件对不上时停下并说明，从不自行修补。"
    ),
)
@passphrase_option()
def run(passphrases: TerminalPassphrase) -> None:
    """Run the ledger."""
    from yizhan.services.ledger_running import opened_ledger  # noqa: PLC0415 -- Kafka, of the extra "ledger"

    home = current_home()
    with (
        opened_ledger(home, passphrases) as work,
        working(home.settings, home.settings.ledger_metrics_port, lock=ledger_lock(home)) as (stop, watchdog),
    ):
        work(stop, watchdog)


@command.command(
    "cosign",
    help=marked(
        "核对并会签账本的检查点，直到叫停：新账必须接着旧账，本县手里的每一句话都必须在账上。\n\n"
        "对不上就不签，双方的证据都留下。本县由此留有全部账目的指纹，可自行出具证明。"
    ),
)
@county_option()
@passphrase_option()
def cosign(county: str, passphrases: TerminalPassphrase) -> None:
    """Run a county's cosigner."""
    from yizhan.services.ledger_running import opened_cosigning  # noqa: PLC0415 -- Kafka, of the extra "desk"

    home = current_home()
    lock = cosigner_lock(home, county)
    with (
        opened_cosigning(home, county, passphrases) as work,
        working(home.settings, home.settings.cosigner_metrics_port, lock=lock) as (
            stop,
            watchdog,
        ),
    ):
        work(stop, watchdog)


@command.command("status", help=marked("账本多长、哪一步已由法定多数会签、有什么不对；给 --county 则看该县的核对"))
@county_option(required=False)
@json_option()
def status(county: str | None, as_json: bool) -> None:
    """Show how the log stands."""
    home = current_home()
    if county is None:
        _show_ledger(home, ledger_status(home), as_json=as_json)
    else:
        _show_cosigner(home, cosigner_status(home, county), as_json=as_json)


def _show_ledger(home: Home, found: LedgerStatus, *, as_json: bool) -> None:
    if as_json:
        heads = {"checkpoint": quorum_json(found.newest), "final": quorum_json(found.final)}
        print_json({**fields_of(found, "statements contradictions"), **heads, "aside": found.rejected})
        return
    print_pairs(
        [
            (_("入账"), _("{count} 条").format(count=found.statements)),
            (_("最新检查点"), None if found.newest is None else checkpoint_line(home, found.newest)),
            (_("已定局"), _("还没有") if found.final is None else checkpoint_line(home, found.final)),
        ]
    )
    for each in found.contradictions:
        sentence = _("矛盾（{kind}）：{subject}，第 {place} 条与第 {first} 条不同；先入账的为准")
        say(sentence.format(kind=each.kind, subject=each.subject, place=each.place, first=each.first))
    if found.rejected:
        say(_("{count} 条核验不过，没有入账：{why}").format(count=len(found.rejected), why=found.rejected[-1]))


def _show_cosigner(home: Home, found: CosignerStatus, *, as_json: bool) -> None:
    if as_json:
        names = "county size cosigned missing evidence"
        print_json({**fields_of(found, names), "final": quorum_json(found.final)})
        return
    print_pairs(
        [
            (_("核对到"), _("{count} 条").format(count=found.size)),
            (_("本县已会签"), _("是") if found.cosigned else _("否")),
            (_("已定局"), _("还没有") if found.final is None else checkpoint_line(home, found.final)),
        ]
    )
    for each in found.evidence:
        state = _("已查明：{by}").format(by=each.settled) if each.settled else _("未查明，本县不再会签")
        at, sentence = home.local_time(each.at), _("证据 {seq}（{offence}，{at}）：{detail}。{state}")
        say(sentence.format(seq=each.seq, offence=each.offence, at=at, detail=each.detail, state=state))


@command.command(
    "settle", help=marked("查明一件不利于账本的证据之后，记下是谁、如何查明的；本县由此恢复会签。证据仍然留着")
)
@click.argument("number", type=Whole(1, 1_000_000_000), metavar="N")
@county_option()
@option("--note", required=True, metavar="TEXT", help=marked("如何查明的，一句话"))
@signed_by_officer()
def settle(number: int, *, county: str, officer: Person, note: str) -> None:
    """Settle a piece of evidence."""
    settle_evidence(current_home(), county, number, officer, note)
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
@option("--out", "-o", type=NEW_FILE, metavar="FILE", help=marked("文件（默认 ID.tlog-proof）；已有的不覆盖"))
@option("--force", is_flag=True, help=marked("覆盖已有的文件"))
@json_option()
@short_ids(event_id="both")
def prove(event_id: str, county: str | None, out: Path | None, *, force: bool, as_json: bool) -> None:
    """Write a proof."""
    proof, opened = prove_event(current_home(), event_id, county)
    path = out or Path(f"{event_id}{SUFFIX}")
    write_again(str(path), proof.to_bytes(), force=force)
    if as_json:
        print_json({"event": event_id, "file": str(path), "index": proof.index, "checkpoint": quorum_json(opened)})
        return
    tell(_("{id} 是账上第 {index} 条，证明在 {path}").format(id=event_id, index=proof.index, path=path))
    if not opened.final:
        tell(_("检查点的会签还不到法定多数；稍后再出具一次即可（加 {option}）").format(option="--force"))


@command.command("verify-proof", help=marked("核验一份证明：只要文件和章程，不用网络。会签不到法定多数时退出码为 1"))
@click.argument("file", type=FILE, metavar="FILE")
@charter_option()
@option("--not-final", is_flag=True, help=marked("会签还不到法定多数也算通过"))
@json_option()
def verify_proof(file: Path, charter: Path | None, not_final: bool, as_json: bool) -> None:
    """Verify a proof."""
    home = current_home(charter)
    found = check_proof(home, file.read_bytes())
    if as_json:
        print_json(
            {
                "index": found.proof.index,
                "event": found.statement.event,
                "subject": found.statement.subject,
                "type": found.content_type,
                "statement": found.content,
                "checkpoint": quorum_json(found.checkpoint),
            }
        )
    else:
        print_pairs(
            [
                (_("事件"), found.statement.event),
                (_("驿站的话"), found.statement.subject),
                (_("驿站收到"), home.local_time(found.content.get("received"))),
                (_("账上位置"), found.proof.index),
                (_("检查点"), checkpoint_line(home, found.checkpoint)),
                (_("会签"), cosigners(home, found.checkpoint)),
            ]
        )
    if not not_final:
        require_cosigned(found.checkpoint)


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
    from yizhan.services.ledger_running import (  # noqa: PLC0415 -- Kafka, of the extra "ledger"
        known_checkpoints,
        rebuild_ledger,
        refill_from_topic,
    )

    home = current_home()
    expected = known_checkpoints(home)
    with progress(_("从主题补读")) as bar:
        refilled = 0 if offline else refill_from_topic(home, expected, bar)
    with progress(_("重做账本")) as bar:
        head = rebuild_ledger(home, expected, bar)
    if as_json:
        print_json({"size": head.size, "root": head.root, "refilled": refilled, "compared": sorted(expected)})
        return
    sentence = _("账本已重做：{size} 条，根 {root}；补读 {refilled} 条，与 {count} 个检查点核对无误")
    tell(sentence.format(size=head.size, root=head.root.hex(), refilled=refilled, count=len(expected)))
