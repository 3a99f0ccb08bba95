"""Forms in a terminal: asked, kept at every answer, shown whole, sent; killed and gone on with."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.schemas.payloads.examples import EXAMPLES
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import Station, publish
from yizhan.cli.commands import draft
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.draft_rows import draft_reference
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.schemas.header import Header
from yizhan.services.drafts import NewDraft, begin_draft, find_draft, form_context
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, open_outbox, read_outbox

FIRE = "yizhan.incident.forest_fire.v1"
REQUEST = "yizhan.assistance.request.v1"
QUESTION = "[:>] $"
REQUIRED = (
    "1", "", "叶某", "035112", "值班室", "0593-5522110", "内部", "", "坑底乡", "", "", "",
    "27°24′30″N 119°18′00″E", "高德", "50", "距省界约800米处起火", "1、支援", "1", "0", "0", "3",
)  # fmt: skip
LETTER = ("", "1", "", "4", "")


@contextmanager
def terminal(home: Path, *words: str) -> Iterator[pexpect.spawn[str]]:
    """Run ``yizhan`` in a terminal of its own."""
    program = ["-m", "yizhan.cli", "--home", str(home), *words, "--county", SHOUNING]
    with pexpect.spawn(sys.executable, program, encoding="utf-8", timeout=30, dimensions=(60, 160)) as child:
        child.delaybeforesend = None
        yield child


def lines(*said: str) -> bytes:
    """Return answers as they stand on standard input."""
    return "".join(f"{each}\n" for each in said).encode()


def answer(child: pexpect.spawn[str], *said: str) -> str:
    """Answer question after question; return what the screen showed."""
    shown = ""
    for each in said:
        child.expect(QUESTION)
        shown += child.before or ""
        child.sendline(each)
    return shown


def end(child: pexpect.spawn[str]) -> tuple[int | None, str]:
    """Wait for the end; return the exit status and the rest of the screen."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before or ""


def interrupted(child: pexpect.spawn[str]) -> tuple[int | None, str]:
    """Press Ctrl-C, and again where nothing happens; return what ``end`` does.

    CPython hears of one that comes after it looked for signals, and before it waits for a key, with the next key.
    """
    for _time in range(3):
        child.sendintr()
        if child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10) == 0:
            break
    child.close()
    return child.exitstatus, str(child.before)


@pytest.mark.parametrize(("language", "type", "said"), [("zh_CN", "森林火灾", "响铃"), ("en", "forest_fire", "rings")])
def test_a_fire_is_asked_for_shown_and_sent(yizhan: Run, home: Path, language: str, type: str, said: str) -> None:
    """In both languages: the position converted, the border measured, whom it touches proposed, then sent."""
    answers = lines(*REQUIRED, *LETTER, "y")
    ran = yizhan("--lang", language, "new", type, "--county", SHOUNING, given=answers)
    assert (ran.code, said in ran.out) == (0, True)
    assert "119.2951,27.411513" in ran.err
    (sent,) = json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]
    assert (sent["type"], sent["to"]) == (FIRE, [QINGYUAN])
    with read_outbox(Home(home), SHOUNING) as outbox:
        own = None if outbox is None else outbox.event(sent["id"])
    assert own is not None
    assert (own.header.priority, own.header.stage, own.header.certainty) == ("flash", "first", "Observed")
    assert (own.header.touches, own.header.grade) == ((QINGYUAN,), 4)
    payload = json.loads(own.payload)
    assert payload["place"]["position"] == {
        "type": "Point", "coordinates": [119.2951, 27.411513], "datum": "WGS84", "accuracy_m": 50,
    }  # fmt: skip
    assert 2500 < payload["border"]["distance_m"] < 3200
    assert yizhan("draft", "list", "--county", SHOUNING).out.strip() == "没有草稿"
    # Whoever signed is proposed the next time.
    with DraftStore(home / "counties" / SHOUNING / "drafts.sqlite3", SHOUNING) as book:
        assert book.office()["drafted_by"] == {"name": "叶某", "badge": "035112"}


@pytest.mark.exhaustive
def test_a_form_survives_a_kill_at_any_question(yizhan: Run, home: Path) -> None:
    """Killed over and over, each time a little further on: what was answered is kept, and the rest is asked."""
    answers = {
        "一、": "1", "姓名": "叶某", "警号": "035112", "电话": "0593-5522110", "密级": "内部", "乡镇": "坑底乡",
        "坐标（": "27.4,119.3", "坐标系": "高德", "误差": "50", "简要": "起火", "请对方": "1、支援", "火势状态": "1",
        "死亡": "0", "受伤": "0", "越界": "3", "二、": "1", "等级": "4", "y": "y",
    }  # fmt: skip
    asked, words = 0, ["new", "森林火灾"]
    for until in (1, 4, 9, 14, 16, 99):
        with terminal(home, *words) as child:
            while asked < until and child.expect([QUESTION, pexpect.EOF]) == 0:
                line = (child.before or "").splitlines()[-1]
                kept = "[" in line
                said = next((said for title, said in answers.items() if line.startswith(title)), "")
                asked += not kept and said != ""
                child.sendline("" if kept else said)
            if until < 99:
                child.expect(QUESTION)
                child.kill(signal.SIGKILL)
        words = ["draft", "edit", "1"]
    (sent,) = json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]
    assert sent["to"] == [QINGYUAN]
    assert json.loads(yizhan("draft", "list", "--county", SHOUNING, "--json").out)["drafts"] == []


def test_bad_answers_are_asked_again_with_the_reason(home: Path) -> None:
    """A secret, a phone number without digits, half a position: each is told, nothing is lost."""
    with terminal(home, "new", "森林火灾") as child:
        shown = answer(child, "9", "1", "35", "", "叶某", "035112", "值班室", "没有", "0593-5522110", "机密")
        assert "应为机构代码" in shown
        assert "应为电话号码" in shown
        shown = answer(child, "<", "?", "", "", "?", "内部", "", "", "", "", "", "27.4", "")
        assert "国家秘密不得进入本系统" in shown
        assert "应为经度和纬度" in shown
        shown = answer(child, "机密★10年 起火", "起火", "")
        assert "国家秘密（机密）不得录入" in shown
        child.expect("必填")
        status, rest = interrupted(child)
    assert status == 130
    assert "草稿 1 留着；接着写：yizhan draft edit 1" in rest


def test_a_whole_is_mended_before_it_goes(yizhan: Run, home: Path) -> None:
    """What the model says of the whole is shown, and any answer can be changed by its number."""
    app = Home(home)
    with open_drafts(app, SHOUNING) as book:
        n = book.begin({"type": FIRE, "priority": "urgent", "stage": "first", "touches": [QINGYUAN],
                        "payload": {**EXAMPLES[FIRE], "place": {"county": SHOUNING}}}, utc_now(),
                       ("what", "optional", "how_bad", "touches", "grade", *EXAMPLES[FIRE]))  # fmt: skip
    ran = yizhan("draft", "edit", str(n), "--county", SHOUNING, given=lines("", "x", "1", "1", "s"))
    assert ran.code == 0
    assert "草稿 1 留着" in ran.err
    assert "首报" in ran.out
    assert "请输入所列的字母" in ran.err


def drafted(home: Path, touches: Sequence[str] = (QINGYUAN,)) -> int:
    """Keep a finished draft; return its number."""
    with open_drafts(Home(home), SHOUNING) as book:
        payload = {**EXAMPLES[FIRE], "place": {"county": SHOUNING}}
        payload.pop("external_ref", None)
        content = {"type": FIRE, "priority": "urgent", "stage": "first", "touches": [*touches], "payload": payload}
        return book.begin(content, utc_now())


def test_a_draft_is_listed_shown_sent_and_dropped(yizhan: Run, home: Path) -> None:
    """What a script does, without a terminal; what was sent or dropped leaves nothing readable in the file."""
    first, second = drafted(home), drafted(home)
    listed = json.loads(yizhan("draft", "list", "--county", SHOUNING, "--json").out)
    assert [each["n"] for each in listed["drafts"]] == [first, second]
    shown = yizhan("draft", "show", str(first), "--county", SHOUNING)
    assert (shown.code, "森林火灾，草稿 1" in shown.out) == (0, True)
    sent = json.loads(yizhan("draft", "send", str(first), "--yes", "--county", SHOUNING, "--json").out)
    assert sent["to"] == [QINGYUAN]
    assert yizhan("draft", "drop", str(second), "--yes", "--county", SHOUNING).code == 0
    again = yizhan("draft", "send", str(second), "--county", SHOUNING)
    assert (again.code, "没有第 2 号草稿" in again.err) == (1, True)
    assert f"yizhan draft list --county {SHOUNING}" in again.err
    summary = EXAMPLES[FIRE]["summary"].encode()
    folder = home / "counties" / SHOUNING
    with sqlite3.connect(folder / "drafts.sqlite3") as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    assert not any(summary in path.read_bytes() for path in folder.glob("drafts.sqlite3*"))


def test_an_unfinished_draft_is_not_sent_and_says_what_is_missing(yizhan: Run, home: Path) -> None:
    """All faults are named at once, each by the title of its field."""
    with open_drafts(Home(home), SHOUNING) as book:
        n = book.begin({"type": FIRE, "payload": {"summary": "起火"}}, utc_now())
    ran = yizhan("draft", "send", str(n), "--yes", "--county", SHOUNING)
    assert ran.code == 1
    for title in ("密级", "死亡人数", "火势状态"):
        assert f"{title}: 应填而未填" in ran.err


def test_a_draft_that_went_before_a_kill_does_not_go_twice(yizhan: Run, home: Path) -> None:
    """Between the outbox's commit and the draft's end a kill may fall: the next try finds it in the outbox."""
    n = drafted(home)
    app = Home(home)
    with open_drafts(app, SHOUNING) as book, open_outbox(app, SHOUNING, TerminalPassphrase(None)) as outbox:
        book.sending(n, outbox.clock())
        whole = parse_draft(book.get(n).content)
        sent = outbox.publish(whole.model_copy(update={"external_ref": draft_reference(book.get(n))}))
    ran = yizhan("draft", "send", str(n), "--yes", "--county", SHOUNING)
    assert (ran.code, sent.id in ran.err) == (1, True)
    assert len(json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]) == 1
    assert json.loads(yizhan("draft", "list", "--county", SHOUNING, "--json").out)["drafts"] == []


OFFICE: dict[str, str | list[str]] = {
    "姓名": "叶某", "警号": "035112", "电话": "0593-5522110", "密级": "内部", "乡镇": "坑底乡", "二、": "3", "y": "y",
}  # fmt: skip
"""What every form asks, by the beginning of its question."""


def answering(monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, str | list[str]]) -> None:
    """Answer by the beginning of a question, a list one after the other; keep or pass over the rest."""

    def prompt(question: str, default: str = "", **_how: object) -> str:
        said = next((said for title, said in answers.items() if question.startswith(title)), "")
        return (said if isinstance(said, str) else said.pop(0)) or default

    monkeypatch.setattr("click.prompt", prompt)


def newest(home: Path, run: Run, type: str) -> tuple[Header, dict[str, Any]]:
    """Return the newest event of a type that 寿宁 sent."""
    listed = json.loads(run("outbox", "list", "--county", SHOUNING, "--type", type, "--json").out)["events"]
    with read_outbox(Home(home), SHOUNING) as outbox:
        own = None if outbox is None else outbox.event(listed[-1]["id"])
    assert own is not None
    return own.header, json.loads(own.payload)


def test_a_request_is_answered_from_the_form(
    yizhan: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says whether it is the last word, names what it answers, and takes files; what may not go is asked again."""
    station = Station(home)
    words = {name: value for name, value in EXAMPLES[REQUEST].items() if name != "external_ref"}
    (asked,) = publish(yizhan, QINGYUAN, {"type": REQUEST, "stage": "first", "to": [SHOUNING], "payload": words})
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    names = ("a.exe", "没有.txt", "笔录.txt")
    (tmp_path / names[0]).write_bytes(b"MZ" + bytes(64))
    (tmp_path / names[2]).write_text("问：……", encoding="utf-8")
    answers = OFFICE | {
        "一、哪一种答复": "2", "简要": "已询问", "请对方": "知悉", "办理结果": "查无", "承办单位": "森林警察大队",
        "附件": [*(str(tmp_path / name) for name in names), ""],
    }  # fmt: skip
    answering(monkeypatch, answers)
    shown = yizhan("new", "assistance.response", "--reply-to", asked, "--county", SHOUNING)
    header, payload = newest(home, yizhan, "assistance.response")
    assert header.reply_to is not None
    assert (header.reply_to.id, header.subject, header.stage, header.to) == (asked, asked, "final", (QINGYUAN,))
    assert [each["name"] for each in payload["attachments"]] == ["笔录.txt"]
    assert (shown.code, "附件 1：笔录.txt" in shown.err) == (0, True)
    ran = yizhan("new", "assistance.response", "--reply-to", "331126-20261123test-9", "--county", SHOUNING)
    assert (ran.code, "收件箱里没有" in ran.err) == (1, True)


@pytest.mark.parametrize(("option", "part"), [("--supersedes", "更正"), ("--withdraws", "撤回")])
def test_what_was_sent_is_mended_from_the_form(
    yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch, option: str, part: str
) -> None:
    """It begins with what was sent and goes to whoever has the original; another county's is not ours to mend."""
    fire = {name: value for name, value in EXAMPLES[FIRE].items() if name != "external_ref"}
    fire |= {"place": {"county": SHOUNING}}
    (first,) = publish(yizhan, SHOUNING, {"type": FIRE, "stage": "first", "touches": [QINGYUAN], "payload": fire})
    answering(monkeypatch, OFFICE | {"简要": "更正：已查明"})
    assert yizhan("new", "forest_fire", option, first, "--county", SHOUNING).code == 0
    header, payload = newest(home, yizhan, "forest_fire")
    reference = header.supersedes if option == "--supersedes" else header.withdraws
    assert reference is not None
    assert (reference.id, header.subject, header.stage, header.to) == (first, first, "first", (QINGYUAN,))
    assert (payload["summary"], payload["state"]) == ("更正：已查明", fire["state"])
    assert part in yizhan("story", first, "--county", SHOUNING).out
    ran = yizhan("new", "forest_fire", option, "331126-20261123test-9", "--county", SHOUNING)
    assert (ran.code, "发件箱里没有" in ran.err) == (1, True)


def test_a_follow_up_names_the_own_report_that_it_goes_on_with(yizhan: Run, home: Path) -> None:
    """The draft is in its matter, the list names it by id and place; an event of another type is refused."""
    fire = {name: value for name, value in EXAMPLES[FIRE].items() if name != "external_ref"}
    fire |= {"place": {"county": SHOUNING, "township": "坑底乡"}}
    (first,) = publish(yizhan, SHOUNING, {"type": FIRE, "stage": "first", "touches": [QINGYUAN], "payload": fire})
    app = Home(home)
    n = begin_draft(app, SHOUNING, NewDraft(FIRE, updates=first))
    assert find_draft(app, SHOUNING, n).content["subject"] == first
    with open_drafts(app, SHOUNING) as store:
        ((thread, line),) = form_context(app, SHOUNING, store, FIRE).earlier()
    assert thread == first
    assert line.startswith(f"{first} ")
    assert "坑底乡" in line
    ran = yizhan("new", "natural_disaster", "--updates", first, "--county", SHOUNING)
    assert (ran.code, "不能接着它报" in ran.err) == (1, True)


@pytest.mark.parametrize(("word", "said"), [("send", "没有发出"), ("drop", "没有丢弃")])
def test_no_is_an_answer_after_which_nothing_happened(
    yizhan: Run, home: Path, monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    """After a "no" nothing was done; the exit status is 1 and a sentence says so."""
    n = drafted(home)
    monkeypatch.setattr(draft, "interactive", lambda: True)
    ran = yizhan("draft", word, str(n), "--county", SHOUNING, given=b"n\n")
    assert (ran.code, f"yizhan: {said}" in ran.err) == (1, True)
    assert len(json.loads(yizhan("draft", "list", "--county", SHOUNING, "--json").out)["drafts"]) == 1
    assert yizhan("draft", word, str(n), "--county", SHOUNING, given=b"y\n").code == 0


def test_a_draft_that_would_ring_nowhere_waits_for_a_person(yizhan: Run, home: Path) -> None:
    """Where nobody can be asked the draft stays, as with ``publish``; ``--yes`` sends it."""
    n = drafted(home, touches=[SHOUNING])
    ran = yizhan("draft", "send", str(n), "--county", SHOUNING)
    assert (ran.code, "没有人可问" in ran.err) == (1, True)
    assert json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"] == []
    assert yizhan("draft", "send", str(n), "--yes", "--county", SHOUNING).code == 0
