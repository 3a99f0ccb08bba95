"""Files of a draft and tables: streamed, resumed, refused with a sentence; nothing is left of what was refused."""

from __future__ import annotations

import http.client
import io
import socket
import zipfile
from contextlib import closing
from urllib.parse import quote

import pytest

from tests.desk.writing import Writer
from tests.world.desk import Answer, Browser, DeskWorld
from tests.world.waiting import until
from yizhan.desk.accounts.model import Role
from yizhan.schemas.files import MAX_FILE_BYTES
from yizhan.schemas.payloads.table import FOREST_FIRE
from yizhan.services.drafts import list_drafts
from yizhan.services.uploads import FOLDER, list_uploads

PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(300_000)
ROWS = (
    "机构代码,拟稿人·姓名,拟稿人·警号,联系人·姓名,联系人·电话,密级,地点·县（市）,简要情况,请对方,火势状态,死亡人数,受伤人数,越界情况",
    "331126000000,周某,331902,周某,0578-6120110,内部,331126,起火,知悉,燃烧,0,0,无",
)
PROGRAM = b"MZ\x90\x00" + bytes(5000)


@pytest.fixture(scope="module")
def duty(desk: DeskWorld) -> Browser:
    """Return the browser of a duty officer."""
    return desk.browser(Role.DUTY)


@pytest.fixture
def writer(duty: Browser) -> Writer:
    """Begin a fire."""
    return Writer.begins(duty, FOREST_FIRE)


def put(writer: Writer, name: str, piece: bytes, offset: int = 0, total: int | None = None) -> Answer:
    """Send a piece of a file."""
    size = len(piece) if total is None else total
    headers = {"Upload_Offset": str(offset), "Upload_Length": str(size)}
    return writer.browser.send("PUT", f"/uploads/{writer.n}/{quote(name)}", piece, **headers)


def begun(desk: DeskWorld, writer: Writer, path: str, said: int, data: bytes) -> socket.socket:
    """Begin to send a file of so many bytes; return the line, which stays open."""
    line = socket.create_connection(tuple(desk.host.split(":")), 30)  # type: ignore[arg-type]
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {desk.host}\r\nOrigin: {desk.address}\r\n"
        f"Cookie: {writer.browser.name}={writer.browser.cookie}\r\nUpload-Offset: 0\r\n"
        f"Upload-Length: {said}\r\nContent-Length: {said}\r\n\r\n"
    )
    line.sendall(head.encode() + data)
    return line


def left(desk: DeskWorld, n: int) -> list[str]:
    """Return what lies on the disk of a draft."""
    return sorted(each.name for each in (desk.home.county_folder(desk.county) / FOLDER / str(n)).glob("*"))


def test_a_file_is_sent_in_pieces_and_goes_on_where_it_was_cut_off(desk: DeskWorld, writer: Writer) -> None:
    """The server says how much it has; a piece from elsewhere is refused; the last one makes it whole."""
    assert put(writer, "现场.jpg", PHOTO[:100_000], total=len(PHOTO)).headers["upload-offset"] == "100000"
    told = writer.browser.send("HEAD", f"/uploads/{writer.n}/{quote('现场.jpg')}")
    assert told.headers["upload-offset"] == "100000"
    assert put(writer, "现场.jpg", PHOTO[:5], 50, len(PHOTO)).status == 409
    assert put(writer, "现场.jpg", PHOTO[100_000:], 100_000, len(PHOTO)).status == 201
    assert [(each.name, each.bytes, each.whole) for each in list_uploads(desk.home, desk.county, writer.n)] == [
        ("现场.jpg", len(PHOTO), True)
    ]
    assert "现场.jpg" in writer.browser.get(f"/drafts/{writer.n}/files").text
    assert writer.browser.send("DELETE", f"/uploads/{writer.n}/{quote('现场.jpg')}").status == 204
    assert left(desk, writer.n) == []


def test_what_came_before_the_line_broke_is_kept(desk: DeskWorld, writer: Writer) -> None:
    """A browser that goes away in the middle of a piece leaves what came; the next piece goes on there."""
    begun(desk, writer, f"/uploads/{writer.n}/cut.jpg", len(PHOTO), PHOTO[:70_000]).close()
    until(lambda: [each.bytes for each in list_uploads(desk.home, desk.county, writer.n)] == [70_000])
    assert put(writer, "cut.jpg", PHOTO[70_000:], 70_000, len(PHOTO)).status == 201


def test_a_browser_that_is_silent_for_long_has_gone_away(
    desk: DeskWorld, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was cut says nothing: what came is kept, and the next request goes on there."""
    monkeypatch.setattr("yizhan.desk.uploading.SILENT_SECONDS", 0.2)
    with closing(begun(desk, writer, f"/uploads/{writer.n}/mute.jpg", len(PHOTO), PHOTO[:70_000])):
        until(lambda: [each.bytes for each in list_uploads(desk.home, desk.county, writer.n)] == [70_000])
        assert put(writer, "mute.jpg", PHOTO[70_000:], 70_000, len(PHOTO)).status == 201


def test_a_table_that_was_cut_off_is_no_shorter_table(
    desk: DeskWorld, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it becomes a draft; the sentence says so."""
    monkeypatch.setattr("yizhan.desk.uploading.SILENT_SECONDS", 0.2)
    table, before = "\n".join(ROWS).encode(), len(list_drafts(desk.home, desk.county))
    path = f"/table-import/{quote('断.csv')}?type=forest_fire"
    with closing(begun(desk, writer, path, len(table) + 1000, table)) as line:
        assert line.recv(100).startswith(b"HTTP/1.1 400")
    assert len(list_drafts(desk.home, desk.county)) == before


def test_201_megabytes_are_refused_before_the_first_byte(desk: DeskWorld, writer: Writer) -> None:
    """The sentence says how large a file may be; nothing lies on the disk."""
    for piece in (b"", PHOTO):
        answer = put(writer, "film.mp4", piece, total=MAX_FILE_BYTES + 1024**2)
        assert answer.status == 400
        assert str(MAX_FILE_BYTES) in answer.text
    assert left(desk, writer.n) == []


@pytest.mark.parametrize("name", ["photo.jpg", "说明.pdf", "run.exe"])
def test_a_program_is_refused_whatever_it_is_called(desk: DeskWorld, writer: Writer, name: str) -> None:
    """The content decides; the sentence says which kinds may go."""
    answer = put(writer, name, PROGRAM)
    assert (answer.status, "pdf" in answer.text) == (400, True)
    assert left(desk, writer.n) == []


def test_a_name_leads_nowhere_else(desk: DeskWorld, writer: Writer) -> None:
    """A path and a character that turns the line are no part of a name."""
    assert put(writer, "..%2F..%2Fbell.toml", PHOTO).status in {201, 404, 400}
    assert put(writer, "a\u202egpj.exe.jpg", PHOTO).status == 201
    for name in left(desk, writer.n):
        assert "/" not in name
        assert "\u202e" not in name


def test_a_disk_that_fails_is_said_and_loses_nothing(desk: DeskWorld, writer: Writer) -> None:
    """The folder cannot be made: a sentence; once it can, the same file is taken."""
    blocked = desk.home.county_folder(desk.county) / FOLDER / str(writer.n)
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_bytes(b"")
    answer = put(writer, "现场.jpg", PHOTO)
    assert (answer.status, answer.headers["content-type"]) == (507, "text/plain; charset=utf-8")
    assert answer.text
    blocked.unlink()
    assert put(writer, "现场.jpg", PHOTO).status == 201


def test_without_a_length_and_from_elsewhere_nothing_is_taken(desk: DeskWorld, writer: Writer) -> None:
    """No length: a sentence; another origin, or nobody signed in: refused before a byte is read."""
    assert writer.browser.send("PUT", f"/uploads/{writer.n}/x.jpg", PHOTO).status == 400
    strange = writer.browser.send("PUT", f"/uploads/{writer.n}/x.jpg", PHOTO, Origin="http://evil.example")
    assert strange.status == 403
    assert desk.browser().send("PUT", f"/uploads/{writer.n}/x.jpg", PHOTO).status == 303
    assert left(desk, writer.n) == []


def raw(browser: Browser, path: str) -> bytes:
    """Return a download's bytes."""
    with closing(http.client.HTTPConnection(browser.host, timeout=30)) as connection:
        connection.request("GET", path, headers={"Cookie": f"{browser.name}={browser.cookie}"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Disposition"][:10]) == (200, "attachment")
        return answer.read()


def test_templates_and_exports_are_downloads(duty: Browser) -> None:
    """An empty table of a type, as a workbook and as CSV; what came and went likewise."""
    assert zipfile.ZipFile(io.BytesIO(raw(duty, "/tables/template/forest_fire"))).testzip() is None
    heading = raw(duty, "/tables/template/forest_fire?as=csv").decode("utf-8-sig").splitlines()[0]
    assert "死亡人数" in heading
    assert zipfile.ZipFile(io.BytesIO(raw(duty, "/tables/export?box=inbox"))).testzip() is None
    assert duty.get("/tables/export?as=csv").status == 400
    assert "2026Q3" in duty.get("/tables/export?quarter=x").text


def test_a_table_becomes_drafts_and_bad_rows_are_named(desk: DeskWorld, duty: Browser) -> None:
    """Good rows are drafts; a bad one is named by row and column; what is no table gets a sentence."""
    before = len(list_drafts(desk.home, desk.county))
    table = "\n".join([*ROWS, ROWS[1].replace(",0,0,", ",三个,0,")]).encode()
    answer = duty.send("PUT", f"/table-import/{quote('火.csv')}?type=forest_fire", table)
    assert answer.status == 200, answer.text
    assert "火.csv:3" in answer.text
    assert "死亡人数" in answer.text
    assert len(list_drafts(desk.home, desk.county)) == before + 1
    assert duty.send("PUT", "/table-import/a.exe", PROGRAM).status == 400
    bad = duty.send("PUT", "/table-import/a.xlsx", PROGRAM)
    assert bad.status == 400
    assert str(desk.home.path) not in bad.text
