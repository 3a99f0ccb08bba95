"""Files attached at the command line: what goes, what is refused and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_new import drafted
from tests.world.command import Run
from tests.world.simulator import SHOUNING
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.draft_rows import draft_reference
from yizhan.producers.drafts import parse_draft
from yizhan.producers.file_sealing import attach
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, open_outbox

PHOTO = b"\xff\xd8\xff\xe0" + b"\x17" * 1000


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo whose name has a blank."""
    path = tmp_path / "现场 1.jpg"
    path.write_bytes(PHOTO)
    return path


@pytest.mark.exhaustive
def test_a_form_goes_with_its_photo_and_a_kill_in_between_sends_nothing_twice(
    yizhan: Run, home: Path, photo: Path
) -> None:
    """A draft's file is listed as waiting; a draft that had gone with its file is found in the outbox."""
    n = drafted(home)
    assert yizhan("draft", "send", str(n), "--yes", "--attach", str(photo), "--county", SHOUNING).code == 0
    listed = json.loads(yizhan("outbox", "files", "--county", SHOUNING, "--json").out)["files"]
    assert [(each["name"], each["bytes"], each["sent"], each["chunks"]) for each in listed] == [
        ("现场 1.jpg", len(PHOTO), 0, 1)
    ]
    app, n = Home(home), drafted(home)
    with open_drafts(app, SHOUNING) as book, open_outbox(app, SHOUNING, TerminalPassphrase(None)) as outbox:
        book.sending(n, outbox.clock())
        event = attach(outbox, parse_draft(book.get(n).content), [photo])
        sent = outbox.publish(event.model_copy(update={"external_ref": draft_reference(book.get(n))}))
    ran = yizhan("draft", "send", str(n), "--yes", "--attach", str(photo), "--county", SHOUNING)
    assert ran.code == 1
    assert "没有再发" in ran.err
    assert sent.id[:6] == SHOUNING


def test_what_may_not_be_attached_keeps_its_event_back(yizhan: Run, home: Path, photo: Path, tmp_path: Path) -> None:
    """A program called a photo: named, nothing is sent; two events in one file: asked for apart."""
    program = tmp_path / "现场.jpg"
    program.write_bytes(b"MZ" + b"\0" * 100)
    line = (home / "event.jsonl").read_text(encoding="utf-8").splitlines()[0]
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(line + "\n", encoding="utf-8")
    two.write_text(f"{line}\n{line}\n", encoding="utf-8")
    refused = yizhan("publish", str(one), "--attach", str(program), "--county", SHOUNING, "--yes")
    assert (refused.code, "现场.jpg" in refused.err, "可执行文件或脚本" in refused.err) == (1, True, True)
    apart = yizhan("publish", str(two), "--attach", str(photo), "--county", SHOUNING, "--yes")
    assert (apart.code, "2 件" in apart.err) == (2, True)
    assert json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"] == []
    nobody = yizhan("inbox", "save", "350924-abcd-1", "-o", str(tmp_path), "--county", SHOUNING)
    assert (nobody.code, "350924-abcd-1" in nobody.err) == (1, True)
