"""The ledger's commands that need no broker: asked of a home in which a log was written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.command import Run
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.ledger.log import Log
from yizhan.ledger.statement_keys import read_statement
from yizhan.runtime.clock import utc_now
from yizhan.schemas import notes, topics
from yizhan.schemas.checkpoints import open_checkpoint
from yizhan.schemas.errors import Reason
from yizhan.schemas.keys import load_signing
from yizhan.schemas.logrecords import write_entries
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Decided, Origin, Postmark
from yizhan.schemas.timestamps import written
from yizhan.services.errors import NoKey
from yizhan.services.home import Home
from yizhan.services.ledger import cosigner_path, cosigning_key_source, ledger_folder, ledger_key_source, open_cosigner

ME, PARTNER = "350924", "331126"
EVENT = f"{ME}-20261124test-1"


def postmarks(app: Home) -> list[bytes]:
    """Stamp one event that is admitted and two records that are not."""
    (path,) = (app.path / "station" / "keys").glob("sign-*.pem")
    made = []
    for offset in range(3):
        seen: dict[str, Any] = {
            "record_sha256": f"{offset:064x}",
            "origin": Origin(cluster="c", topic=topics.events(ME), partition=0, offset=offset),
            "received": written(utc_now()),
            "charter": app.charter.name,
        }
        if offset == 0:
            seen |= {"id": EVENT, "hash": "a" * 64, "decisions": {PARTNER: Decided(way=Way.ALARM, rule="fire")}}
        else:
            seen |= {"refused": Reason.MALFORMED, "detail": "not JSON"}
        made.append(Postmark(**seen).signed(load_signing(path)))
    return made


@pytest.fixture
def log(home: Path) -> Path:
    """A log of three statements, cosigned by both counties."""
    app = Home(home)
    keys, said = (
        ledger_key_source(app, TerminalPassphrase()),
        [read_statement(each, app.charters) for each in postmarks(app)],
    )
    with Log(ledger_folder(app), app.charter.log) as log:
        log.append(said, {"c": 3})
        note = log.publish(keys(app.charter, utc_now()), utc_now())
        records = [write_entries(0, list(log.entries(0, 3))), note]
        whole = notes.parse(note)
        for county in (ME, PARTNER):
            with open_cosigner(app, county) as cosigner:
                cosigner.take(records, "c", 2)
                answer = cosigner.answer(cosigning_key_source(app, county, TerminalPassphrase())())
                assert isinstance(answer, bytes)
                cosigner.answered(answer)
                whole = whole.with_signatures(*notes.parse(answer).signatures)
        log.cosigned(open_checkpoint(whole.to_bytes(), app.charters))
    return ledger_folder(app) / "log"


def test_status_tells_how_the_log_stands(log: Path, yizhan: Run) -> None:
    """At the station how much is final, at a county what it checked; for people and for programs."""
    assert log.is_dir()
    told = json.loads(yizhan("ledger", "status", "--json").out)
    assert (told["statements"], told["final"]["size"], told["contradictions"], told["aside"]) == (3, 3, [], [])
    assert (told["final"]["cosigned"], told["final"]["quorum"]) == ([PARTNER, ME], 2)
    assert "会签 2/2" in yizhan("ledger", "status").out
    county = json.loads(yizhan("ledger", "status", "--county", ME, "--json").out)
    assert (county["size"], county["cosigned"], county["missing"], county["evidence"]) == (3, True, [], [])
    assert "3 条" in yizhan("ledger", "status", "--county", ME).out


def test_without_a_ledger_it_is_said_where_one_is(home: Path, yizhan: Run) -> None:
    """Looking for a ledger makes no file, neither at the station nor at a county."""
    for words in (("ledger", "status"), ("ledger", "prove", EVENT), ("audit", "export", "out")):
        ran = yizhan(*words)
        assert ran.code == 1
        assert "yizhan ledger run" in ran.err
    assert json.loads(yizhan("ledger", "status", "--county", ME, "--json").out)["size"] == 0
    assert not (home / "ledger" / "statements.sqlite3").exists()
    assert not (home / "counties" / ME / "cosigner.sqlite3").exists()


def test_a_proof_is_carried_to_where_only_a_charter_is(log: Path, yizhan: Run, tmp_path: Path) -> None:
    """Made here, verified there; a changed one is refused, one that is not final too, unless asked."""
    proof = tmp_path / f"{EVENT}.tlog-proof"
    assert yizhan("ledger", "prove", EVENT).code == 0
    there = tmp_path / "there"
    shutil.copytree(tmp_path / "yizhan-home" / "station" / "charter", there / "charter")
    where = ("--home", str(there))
    told = json.loads(yizhan(*where, "ledger", "verify-proof", str(proof), "--json").out)
    assert (told["event"], told["index"], told["checkpoint"]["final"]) == (EVENT, 0, True)
    assert told["statement"]["decisions"] == {PARTNER: {"rule": "fire", "way": "alarm"}}
    assert EVENT in yizhan(*where, "ledger", "verify-proof", str(proof)).out
    good = proof.read_bytes()
    proof.write_bytes(good.replace(b"index 0", b"index 1"))
    ran = yizhan(*where, "ledger", "verify-proof", str(proof))
    assert ran.code == 1
    assert "is not in the tree" in ran.err
    head, _blank, note = good.partition(b"\n\n")
    whole = notes.parse(note)
    proof.write_bytes(head + b"\n\n" + notes.Note(whole.text, whole.signatures[:3]).to_bytes())
    ran = yizhan(*where, "ledger", "verify-proof", str(proof))
    assert ran.code == 1
    assert "只有 1 个" in ran.err
    assert yizhan(*where, "ledger", "verify-proof", str(proof), "--not-final").code == 0
    assert "没有" in yizhan("ledger", "prove", EVENT, "--county", ME).err


def test_a_proof_overwrites_no_other_file(log: Path, yizhan: Run, tmp_path: Path) -> None:
    """The same proof again is no harm; what holds something else stays, unless --force is given."""
    proof = tmp_path / f"{EVENT}.tlog-proof"
    assert yizhan("ledger", "prove", EVENT).code == yizhan("ledger", "prove", EVENT).code == 0
    good = proof.read_bytes()
    proof.write_bytes(b"mine")
    ran = yizhan("ledger", "prove", EVENT)
    assert (ran.code, "没有覆盖" in ran.err, proof.read_bytes()) == (1, True, b"mine")
    assert yizhan("ledger", "prove", EVENT, "--force").code == 0
    assert proof.read_bytes() == good
    assert log.is_dir()


def test_the_log_is_exported_and_verified(log: Path, yizhan: Run, tmp_path: Path) -> None:
    """With its statements; a changed file is named; without a quorum it passes only if asked."""
    assert yizhan("audit", "export", "out", "--statements").code == 0
    told = json.loads(yizhan("audit", "verify", "out", "--state", "state", "--json").out)
    assert (told["size"], told["final_size"], told["statements"], told["resumed_at"]) == (3, 3, 3, 0)
    ran = yizhan("audit", "verify", "out")
    assert "原话 3 条" in ran.out
    assert "已定局" in ran.out
    statements = tmp_path / "out" / "statements" / "000.jsonl"
    statements.write_bytes(b"".join(statements.read_bytes().splitlines(keepends=True)[1:]))
    ran = yizhan("audit", "verify", "out")
    assert ran.code == 1
    assert "statements/000.jsonl: statement 0 was taken out" in ran.err
    shutil.rmtree(tmp_path / "out" / "statements")
    for name in ("checkpoint", "final"):
        path = tmp_path / "out" / name
        note = notes.parse(path.read_bytes())
        path.write_bytes(notes.Note(note.text, note.signatures[:2]).to_bytes())
    assert "final: is not final: 0 of 2" in yizhan("audit", "verify", "out", "--not-final").err
    path.unlink()
    assert "法定多数" in yizhan("audit", "verify", "out").err
    assert yizhan("audit", "verify", "out", "--not-final").code == 0
    assert "is missing" in yizhan("audit", "verify", "nowhere").err
    assert log.is_dir()


def test_the_log_is_made_again(log: Path, yizhan: Run) -> None:
    """From the statements alone, without a broker; nothing that was signed may be beyond them."""
    before = {path.relative_to(log): path.read_bytes() for path in log.rglob("*") if path.is_file()}
    shutil.rmtree(log / "tile")
    told = json.loads(yizhan("ledger", "rebuild", "--offline", "--json").out)
    assert (told["size"], told["refilled"], told["compared"]) == (3, 0, ["checkpoint", "checkpoint.sqlite3", "final"])
    assert {path.relative_to(log): path.read_bytes() for path in log.rglob("*") if path.is_file()} == before
    for path in log.parent.glob("statements.sqlite3*"):
        path.unlink()
    ran = yizhan("ledger", "rebuild", "--offline")
    assert ran.code == 1
    assert "restore a newer copy of the statements" in ran.err


def test_evidence_is_shown_and_settled(log: Path, home: Path, yizhan: Run) -> None:
    """What speaks against the log is listed until a person has settled it, and stays listed after."""
    app = Home(home)
    keys = ledger_key_source(app, TerminalPassphrase())(app.charter, utc_now())
    with Log(home / "fork", app.charter.log) as fork:
        fork.append([read_statement(each, app.charters) for each in reversed(postmarks(app))], {})
        other = fork.publish(keys, utc_now() + timedelta(seconds=5))
    with open_cosigner(app, ME) as cosigner:
        assert cosigner.take([other], "c", 3) == "fork"
    with closing(sqlite3.connect(cosigner_path(app, ME), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # as the running cosigner does
        assert "未查明" in yizhan("ledger", "status", "--county", ME).err
    settle = ("ledger", "settle", "1", "--county", ME, "--name", "陈立新", "--badge", "352017", "--note", "两台机器")
    for wrong in ("", "35"):
        ran = yizhan(*settle[:6], wrong, *settle[7:])
        assert (ran.code, "姓名或警号有误" in ran.err) == (1, True)
    assert yizhan(*(each for each in settle if each not in {"--badge", "352017"})).code == 2
    assert yizhan(*settle).code == 0
    told = json.loads(yizhan("ledger", "status", "--county", ME, "--json").out)
    assert [each["offence"] for each in told["evidence"]] == ["fork"]
    assert "陈立新 (352017): 两台机器" in told["evidence"][0]["settled"]
    assert yizhan(*settle).code == 1
    assert log.is_dir()


def test_keys_of_the_ledger_and_of_cosigners(yizhan: Run) -> None:
    """``keys generate`` makes two keys for the ledger and three for a county; without an owner it is refused."""
    for owner, roles in {("--ledger",): ["sign", "cosign"], ("--county", ME): ["sign", "seal", "cosign"]}.items():
        assert [each["role"] for each in json.loads(yizhan("keys", "generate", *owner, "--json").out)["keys"]] == roles
        shown = json.loads(yizhan("keys", "show", *owner, "--json").out)["keys"]
        assert sorted(each["role"] for each in shown) == sorted(roles)
        assert not any(each["registered"] for each in shown)
    assert yizhan("keys", "show", "--ledger", "--station").code == 2


def test_processes_say_what_they_lack(home: Path, yizhan: Run) -> None:
    """Without certificates, and without keys, neither ledger nor cosigner begins."""
    for words in (("ledger", "run"), ("ledger", "cosign", "--county", ME)):
        ran = yizhan(*words)
        assert ran.code == 1
        assert "yizhan broker start" in ran.err
    shutil.rmtree(home / "ledger" / "keys")
    app = Home(home)
    with pytest.raises(NoKey, match="账本"):
        ledger_key_source(app, TerminalPassphrase())(app.charter, utc_now())
