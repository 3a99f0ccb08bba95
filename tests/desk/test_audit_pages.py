"""The trail at the desk: an auditor explains, checks and carries proofs away, and sees no content."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.world.desk import Browser, DeskWorld, running_desk
from tests.world.quarter import closed_quarter
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import OFFICE, Role
from yizhan.desk.accounts.sample import badge_of
from yizhan.desk.audit_runs import Run, Runs
from yizhan.desk.routes import PAGES
from yizhan.ledger.log import PUBLIC
from yizhan.runtime import access_log
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import YizhanError
from yizhan.services.access_log import access_log_path
from yizhan.services.books import book_lines
from yizhan.services.home import Home
from yizhan.services.ledger import ledger_folder
from yizhan.services.proofs import check_proof
from yizhan.services.stores import open_inbox, read_inbox

MARKER = "marker-7421"
"""Stands in what the partner sealed, and nowhere else."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run a desk: a fire came and was acknowledged, the quarter was closed, all is in the log."""
    station, _label = closed_quarter(tmp_path_factory.mktemp("trail") / "home", MARKER)
    with open_inbox(station.app, QINGYUAN, TerminalPassphrase()) as inbox:
        inbox.acknowledge(fire_of(station.app), "李四", "654321", note=MARKER)
    station.carry(QINGYUAN)
    station.deliver(SHOUNING)
    station.log()
    with running_desk(station) as world:
        world.browser(Role.ANALYST).get("/bulletin")
        yield world


def fire_of(home: Home) -> str:
    """Return the id of the fire."""
    with read_inbox(home, QINGYUAN) as inbox:
        assert inbox is not None
        return next(each.id for each in inbox.items() if "fire" in each.type)


@pytest.fixture
def auditor(desk: DeskWorld) -> Browser:
    """Sign in the auditor."""
    return desk.browser(Role.AUDITOR)


def entries(desk: DeskWorld) -> list[access_log.AccessEntry]:
    """Return the entries of the county's access log."""
    return access_log.check(access_log.read(access_log_path(desk.home, QINGYUAN)))[0]


def test_one_events_life_with_its_proofs(desk: DeskWorld, auditor: Browser) -> None:
    """Learnt, sent, stamped, decided, delivered, acknowledged by whom; each says who vouches; the proofs verify."""
    fire = fire_of(desk.home)
    page = auditor.get(f"/audit/{fire}")
    assert page.status == 200
    assert [word in page.text for word in ("pf log", "pf sig", "pf own")] == [True] * 3
    assert "李四（654321）" in page.text
    assert (entries(desk)[-1].how, entries(desk)[-1].command, entries(desk)[-1].what) == (
        "opened", "desk audit explain", (fire,),
    )  # fmt: skip
    places = dict.fromkeys(re.findall(rf'href="/audit/proofs/{fire}\?place=(\d+)"', page.text))
    assert len(places) >= 3
    for place in places:
        proof = auditor.get(f"/audit/proofs/{fire}?place={place}").raw
        assert check_proof(desk.home, proof).checkpoint.final
    archive = zipfile.ZipFile(io.BytesIO(auditor.get(f"/audit/proofs/{fire}").raw))
    assert sorted(archive.namelist()) == sorted(f"{fire}.{place}.tlog-proof" for place in places)
    assert auditor.get(f"/audit/proofs/{fire}?place=9999").status == 404
    assert auditor.get(f"/audit?id={fire[-6:]}").headers["location"] == f"/audit/{fire[-6:]}"
    unknown = auditor.get("/audit/350924-nobook1-1")
    assert (unknown.status, "350924-nobook1-1" in unknown.text) == (404, True)


def test_the_print_names_who_and_the_access_log_has_it(desk: DeskWorld, auditor: Browser) -> None:
    """The foot is written by the server."""
    fire = fire_of(desk.home)
    page = auditor.get(f"/audit/print/{fire}").text
    assert re.search(rf'class="print-only">柳某（{badge_of(Role.AUDITOR)}）于 [0-9: -]+ 打印', page)
    assert (entries(desk)[-1].how, entries(desk)[-1].command) == ("printed", "desk audit print")


def test_an_auditor_sees_no_content_and_nobody_else_the_trail(desk: DeskWorld, auditor: Browser) -> None:
    """Pages of the office are refused; on his own the partner's words are nowhere; other roles are refused there."""
    own = [page for page in PAGES if page.path.startswith("/audit")]
    office = [page for page in PAGES if page.roles and page.roles <= OFFICE and "GET" in page.methods]
    assert len(office) > 3
    for page in office:
        path = re.sub(r"\{[^}]+\}", "1", page.path)
        assert auditor.get(path).status == 403, path
    officer = desk.browser(Role.LEADER)
    assert {officer.get(re.sub(r"\{[^}]+\}", "1", page.path)).status for page in own if "GET" in page.methods} == {403}
    fire = fire_of(desk.home)
    for name in ("find", "reconcile", "report", "verify"):
        assert auditor.post(f"/audit/{name}").status == 303
    lists = ("", "/access", "/access/check", "/books", "/books/inbox")
    for path in (*lists, "/find", "/reconcile", "/report", "/verify", f"/{fire}"):
        answer = auditor.get(f"/audit{path}")
        assert answer.status == 200, path
        assert MARKER not in answer.text, path
    assert "看不到来文内容" in auditor.get("/audit").text


def test_the_access_log_is_paged_and_filtered(desk: DeskWorld, auditor: Browser) -> None:
    """By officer, event and day, fifty a page, the newest first, none twice and none missing."""
    path = access_log_path(desk.home, QINGYUAN)
    for number in range(1, 121):
        access_log.append(
            path, utc_now(), "甲某（111111）", "opened", "inbox show", [f"350924-20261130abcdef-{number}"]
        )
    seen, address = list[str](), f"/audit/access?who={quote('甲某')}"
    for _page in range(4):
        page = auditor.get(address).text
        seen += re.findall(r">(350924-20261130abcdef-\d+)<", page)
        found = re.search(r'href="(/audit/access\?[^"]*before=\d+)"', page)
        if found is None:
            break
        address = found[1].replace("&amp;", "&")
    assert seen == [f"350924-20261130abcdef-{number}" for number in range(120, 0, -1)]
    assert len(re.findall("abcdef-77<", auditor.get("/audit/access?what=abcdef-77").text)) == 1
    assert "没有这样的记录" in auditor.get("/audit/access?day=2001-01-01").text
    assert auditor.get("/audit/access?day=never").status == 404


def test_the_log_is_verified_in_the_background_and_the_result_kept(desk: DeskWorld, auditor: Browser) -> None:
    """What is right is said with figures; a damaged file is named; a broken chain of the access log too."""
    assert auditor.post("/audit/verify").headers["location"] == "/audit/verify"
    page = auditor.get("/audit/verify").text
    assert "逐条、逐个文件、签名都对" in page
    assert "链条完整" in page
    log = access_log_path(desk.home, QINGYUAN)
    whole = log.read_bytes()
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    auditor.post("/audit/verify")
    assert "断链" in auditor.get("/audit/verify").text
    assert "与前一行接不上" in auditor.get("/audit/access/check").text
    log.write_bytes(whole)
    files = sorted((ledger_folder(desk.home) / PUBLIC).rglob("*"))
    tile = next(
        path for path in files if "entries" in path.parts and path.is_file() and not path.parent.name.isdecimal()
    )
    kept = tile.read_bytes()
    mode = tile.stat().st_mode
    tile.chmod(0o600)
    tile.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    (desk.home.county_folder(QINGYUAN) / "audit" / "verification.state").unlink(missing_ok=True)
    auditor.post("/audit/verify")
    assert "账本不对" in auditor.get("/audit/verify").text
    tile.write_bytes(kept)
    tile.chmod(mode)
    auditor.post("/audit/verify")
    assert "账本不对" not in auditor.get("/audit/verify").text
    assert "账本不对" not in auditor.get("/audit").text


def is_entries(path: Path) -> bool:
    """Tell whether a file of the log holds entries."""
    return path.is_file() and "entries" in path.parts


def test_problems_reconciliation_and_report(desk: DeskWorld, auditor: Browser) -> None:
    """Each is asked for once and shown with the checkpoint that it stands on; the report is given as files."""
    auditor.post("/audit/find")
    assert "检查点" in auditor.get("/audit/find").text
    auditor.post("/audit/reconcile", {"a": QINGYUAN, "b": SHOUNING})
    assert "账实相符" in auditor.get(f"/audit/reconcile?a={QINGYUAN}&b={SHOUNING}").text
    assert auditor.post("/audit/reconcile", {"a": QINGYUAN, "b": "999999"}).status == 400
    where = auditor.post("/audit/report", {"quarter": "2026Q4"}).headers["location"]
    assert "签收用时中位" in auditor.get(where).text
    for language in ("zh_CN", "en"):
        assert auditor.get(f"{where}&file={language}.html").raw.startswith(b"<!")
        assert auditor.get(f"{where}&file={language}.csv").raw.startswith(b"\xef\xbb\xbf")
    assert auditor.get(f"{where}&file=../../etc.html").status == 404
    assert auditor.get("/audit/report?quarter=never").status == 404


def test_books_are_given_and_taken(desk: DeskWorld, auditor: Browser) -> None:
    """Ours is exported with an entry; the partner's file is taken in, used, and moved away; another file is refused."""
    given = auditor.get("/audit/books/outbox").raw
    assert given.startswith(b"{")
    assert (entries(desk)[-1].how, entries(desk)[-1].what) == ("exported", (f"{QINGYUAN}-outbox.jsonl",))
    assert auditor.get("/audit/books/nothing").status == 404
    for kind in ("outbox", "inbox"):
        book = b"".join(book_lines(desk.home, SHOUNING, kind))
        assert auditor.send("POST", "/audit/books/take", book).status == 200
    page = auditor.get("/audit/books").text
    assert page.count(f'value="{SHOUNING}-') == 2
    for wrong in (given, b"no book", book[:-20]):
        answer = auditor.send("POST", "/audit/books/take", wrong)
        assert (answer.status, "fault" in answer.text) == (400, True)
    auditor.post("/audit/reconcile", {"a": QINGYUAN, "b": SHOUNING})
    assert "账实相符" in auditor.get(f"/audit/reconcile?a={QINGYUAN}&b={SHOUNING}").text
    for kind in ("outbox", "inbox"):
        assert auditor.post("/audit/books/drop", {"name": f"{SHOUNING}-{kind}.jsonl"}).status == 303
    assert auditor.post("/audit/books/drop", {"name": "../access.jsonl"}).status == 404
    assert "还没有。" in auditor.get("/audit/books").text


def test_hostile_ids_stay_text(auditor: Browser) -> None:
    """What stands in an address is never markup, and leads to no other host."""
    hostile = quote('"><script>alert(1)</script><img src=x>\u202e')
    for path in (f"/audit/{hostile}", f"/audit/access?who={hostile}&what={hostile}", f"/audit/print/{hostile}"):
        page = auditor.get(path).text.partition("<main")[2]
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
    for back in ("https://evil.example/", "//evil.example", "/audit//evil", "/audit\\evil"):
        where = auditor.get(f"/audit/progress?key=no&back={back}").headers["location"]
        assert where == "/audit"


def test_long_work_runs_once_and_says_how_far_it_is() -> None:
    """Asked for again while it runs it is the same; its error is kept; it waits for the one before."""
    runs, go = Runs(), threading.Event()

    def work(run: Run) -> str:
        run.advance(7)
        assert go.wait(30)
        return "done"

    first = runs.start("verify", "柳某", work)
    assert runs.start("verify", "柳某", work) is first

    def fail(_run: Run) -> None:
        raise YizhanError("no")

    second = runs.start("find", "柳某", fail)
    assert (first.done, second.done) == (False, False)
    go.set()
    assert first.wait(30)
    assert second.wait(30)
    assert (first.result, first.steps, str(second.error)) == ("done", 7, "no")
    assert runs.start("verify", "柳某", work) is not first


def test_an_address_that_was_typed_is_never_a_fault(desk: DeskWorld, auditor: Browser) -> None:
    """A number without end is none; an address to go back to is one of ours, and one line."""
    assert auditor.get(f"/audit/access?before={'9' * 5000}").status == 200
    assert auditor.get(f"/audit/proofs/{fire_of(desk.home)}?place={'9' * 5000}").status == 404
    answer = auditor.get("/audit/progress?back=/audit%0d%0aX-Strange:1", **{"HX-Request": "true"})
    assert (answer.headers.get("hx-redirect"), "x-strange" in answer.headers) == ("/audit", False)
