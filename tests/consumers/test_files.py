"""What an inbox promises of attached files, and what hostile senders get."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.make_file_vectors import sealed
from yizhan.consumers.attachments import attachments_of
from yizhan.consumers.files import MOST_ASKED, RESERVE_BYTES, FileStore
from yizhan.consumers.view import Carrier
from yizhan.runtime.errors import StoreError
from yizhan.schemas import merkle
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.files import CHUNK_BYTES, MAGIC, TAG_BYTES, chunk_bytes, chunk_count, read_record

COUNTY, OTHER, CLUSTER = "350924", "330327", "cluster"
PHOTO = b"\xff\xd8\xff\xe0" + b"\x17" * (2 * CHUNK_BYTES)
KEY = b"\x07" * 32


def said(plain: bytes = PHOTO, name: str = "现场.jpg", **other: Any) -> dict[str, Any]:  # noqa: ANN401 -- hostile
    """Write an attachment as a sender would, honest or not."""
    root = sealed(KEY, plain)[0]
    honest = {
        "name": name,
        "sha256": hashlib.sha256(plain).hexdigest(),
        "bytes": len(plain),
        "media_type": "image/jpeg",
        "sealed": {"key": KEY.hex(), "root": root.hex()},
    }
    return honest | other


def carrier(*attachments: dict[str, Any], seq: int = 1, county: str = COUNTY) -> Carrier:
    """An item that names files."""
    return Carrier(seq, f"{county}-20261123k7qf-{seq}", bytes(32), county, 0, {"attachments": list(attachments)})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileStore]:
    """The files of an inbox, none yet."""
    with FileStore(tmp_path / "inbox.sqlite3") as opened:
        yield opened


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where an officer saves."""
    path = tmp_path / "out"
    path.mkdir()
    return path


def fetched(store: FileStore, attachment: dict[str, Any], plain: bytes = PHOTO) -> dict[str, Any]:
    """Fetch a file whole; its payload."""
    store.want([carrier(attachment)])
    records = [read_record(each) for each in sealed(KEY, plain)[2]]
    store.keep(CLUSTER, COUNTY, records, len(records))
    return {"attachments": [attachment]}


def chunks_in(folder: Path) -> list[Path]:
    """The files of sealed chunks beside the inbox."""
    found = (folder / "inbox.sqlite3.files").iterdir()
    return [each for each in found if not each.name.startswith("files.sqlite3")]


def test_chunks_in_any_order_twice_and_through_a_restart(store: FileStore, tmp_path: Path, out: Path) -> None:
    """The file is saved byte for byte, for its owner alone, and never over another."""
    store.want([carrier(said())])
    records = [read_record(each) for each in sealed(KEY, PHOTO)[2]]
    assert store.keep(CLUSTER, COUNTY, [records[2], records[0], records[2]], 3) >= 2
    with pytest.raises(FileRefused, match=r"应有 3 块，已到 2 块") as early:
        store.save(store.status({"attachments": [said()]})[0].attachment, out)
    assert early.value.cause == "incomplete"
    assert store.complete_events() == []
    with FileStore(tmp_path / "inbox.sqlite3") as again:
        again.keep(CLUSTER, COUNTY, records, 6)
        assert [each.id for each in again.complete_events()] == ["350924-20261123k7qf-1"]
        again.enter_notified("350924-20261123k7qf-1", fetched=True, now=0.0)
        assert again.complete_events() == []
        attachment = again.status({"attachments": [said()]})[0].attachment
        path = again.save(attachment, out)
        assert path.read_bytes() == PHOTO
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(FileRefused, match="不覆盖"):
            again.save(attachment, out)
    assert [each.name for each in out.iterdir()] == ["现场.jpg"]


def test_a_file_is_saved_on_a_memory_stick_too(store: FileStore, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT and exFAT know no second name of a file; there too nothing is written over."""

    def one_name(*_paths: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", one_name)
    attachment = store.status(fetched(store, said()))[0].attachment
    assert store.save(attachment, out).read_bytes() == PHOTO
    (out / "现场.jpg").write_bytes(b"mine")
    with pytest.raises(FileRefused, match="不覆盖"):
        store.save(attachment, out)
    assert [(each.name, each.read_bytes()) for each in out.iterdir()] == [("现场.jpg", b"mine")]


def test_whom_it_was_not_sent_to_keeps_and_opens_nothing(store: FileStore) -> None:
    """Chunks of an event that was not ours, or from another county's topic, or of another shape, are passed over."""
    records = [read_record(each) for each in sealed(KEY, PHOTO)[2]]
    assert store.keep(CLUSTER, COUNTY, records, 3) == 0
    store.want([carrier(said())])
    assert store.keep(CLUSTER, OTHER, records, 3) == 0
    store.want([carrier(said(bytes=100 * CHUNK_BYTES, sha256="0" * 64), seq=2, county=OTHER)])
    assert store.keep(CLUSTER, OTHER, records, 3) == 0


def test_nobody_spoils_the_file_of_another_county(store: FileStore, out: Path) -> None:
    """The last of three chunks leads to the root as the second of two, too: whoever says so harms itself alone."""
    root, chunks, records = sealed(KEY, PHOTO)
    proof = merkle.root([merkle.leaf_hash(each) for each in chunks[:2]])
    place = (1).to_bytes(4, "big") + (2).to_bytes(4, "big")
    lie = read_record(b"".join((MAGIC, root, place, bytes([1]), proof, chunks[2])))
    size = CHUNK_BYTES + len(chunks[2]) - TAG_BYTES
    assert (chunk_count(size), chunk_bytes(size, 1)) == (2, len(chunks[2]))
    store.want([carrier(said())])
    store.want([carrier(said(bytes=size), seq=2, county=OTHER)])
    assert store.keep(CLUSTER, OTHER, [lie], 1) == 1
    store.keep(CLUSTER, COUNTY, [read_record(each) for each in records], 3)
    assert [each.id for each in store.complete_events()] == ["350924-20261123k7qf-1"]
    path = store.save(store.status({"attachments": [said()]})[0].attachment, out)
    assert path.read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("wrong", "cause", "word"),
    [
        ({"sha256": "0" * 64}, "hash", "指纹"),
        ({"sealed": {"key": "00" * 32, "root": sealed(KEY, PHOTO)[0].hex()}}, "chunk", "密钥"),
        ({"media_type": "application/pdf"}, "type", "application/pdf"),
        ({"name": "现场.pdf"}, "type", ".pdf"),
    ],
)
def test_a_file_that_is_not_what_its_event_says_is_not_written(
    store: FileStore, out: Path, wrong: dict[str, Any], cause: str, word: str
) -> None:
    """Swapped, sealed to another key, of another type: the sentence says what was said and what came."""
    raw = fetched(store, said(**wrong))
    with pytest.raises(FileRefused, match=word) as refused:
        store.save(store.status(raw)[0].attachment, out)
    assert refused.value.cause == cause
    assert list(out.iterdir()) == []


def test_a_program_that_calls_itself_a_photo_is_not_written(store: FileStore, out: Path) -> None:
    """Its content decides, at the recipient too."""
    program = b"MZ" + b"\0" * 1000
    raw = fetched(store, said(program), program)
    with pytest.raises(FileRefused, match="可执行文件"):
        store.save(store.status(raw)[0].attachment, out)
    assert list(out.iterdir()) == []


def test_a_chunk_that_was_cut_on_our_disk_is_told(store: FileStore, out: Path, tmp_path: Path) -> None:
    """A disk that lost bytes gives no half file."""
    raw = fetched(store, said())
    (path,) = chunks_in(tmp_path)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(FileRefused):
        store.save(store.status(raw)[0].attachment, out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    "hostile",
    [
        said(name="../../etc/cron.d/x.jpg"),
        said(name="现场\u202egpj.exe"),
        said(bytes=2**40),
        said(bytes=-1),
        said(bytes=True),
        said(media_type="application/x-msdownload"),
        said(sealed={"key": "zz", "root": ".."}),
        said(sealed="../../x"),
        said() | {"name": 7},
    ],
)
def test_what_a_hostile_sender_names_is_told_and_the_rest_counts(hostile: dict[str, Any]) -> None:
    """A path, a mark that reorders, a size beyond reason, a root that is none: told by a clean name, not fetched."""
    found, problems = attachments_of({"attachments": [hostile, said(), "x", {"kept_at": "档案室"}]})
    assert [each.name for each in found] == ["现场.jpg"]
    assert len(problems) == 1
    assert problems[0].sentence
    assert not set(problems[0].name) & set("/\\\u202e\0")


def test_two_files_of_one_name_are_both_saved(store: FileStore, out: Path) -> None:
    """Two cameras call their photos alike: each is listed by a name of its own and saved beside the other."""
    plain = PHOTO + b"x"
    both = [said(), said(plain, "现场.JPG"), said(name="现场-2.jpg")]
    store.want([carrier(*both)])
    records = [read_record(each) for each in (*sealed(KEY, PHOTO)[2], *sealed(KEY, plain)[2])]
    store.keep(CLUSTER, COUNTY, records, 6)
    standings = store.status({"attachments": both})
    assert [each.attachment.name for each in standings] == ["现场.jpg", "现场-2.JPG", "现场-2-2.jpg"]
    saved = [store.save(each.attachment, out).read_bytes() for each in standings]
    assert saved == [PHOTO, plain, PHOTO]


def test_a_long_name_twice_is_still_one_that_fits() -> None:
    """What is added does not make a name too long for a file system."""
    found = attachments_of({"attachments": [said(name="火" * 78 + ".jpg")] * 3})[0]
    assert len({each.name for each in found}) == 3
    assert all(len(os.fsencode(each.name)) <= 255 for each in found)


def test_no_more_than_sixteen_are_fetched() -> None:
    """At most sixteen files of one event are fetched, so that one event cannot fill the disk."""
    found, problems = attachments_of({"attachments": [said() for _ in range(20)]})
    assert (len(found), len(problems)) == (16, 4)


def test_who_names_files_that_never_come_gets_few_words(store: FileStore) -> None:
    """A county cannot make us write receipts without end: sixteen at once, each of them ever more rarely."""
    store.want([carrier(said(), seq=n) for n in range(1, 101)])
    asked = dict[str, int]()
    for minute in range(0, 24 * 60, 15):
        now = 1e9 + 60 * minute
        waiting = store.events_to_request(COUNTY, now, 900.0)
        assert len(waiting) <= MOST_ASKED
        for each in waiting:
            asked[each.id] = asked.get(each.id, 0) + 1
            store.enter_notified(each.id, fetched=False, now=now)
    assert len(asked) == 100
    assert max(asked.values()) <= 8
    assert store.events_to_request(OTHER, 2e9, 900.0) == []


def test_sixty_thousand_wrong_files_are_not_looked_at_one_by_one() -> None:
    """One event must not hold up the inbox for seconds; how many more there are is told."""
    found, problems = attachments_of({"attachments": [{"sealed": 1}] * 60_000 + [said()]})
    assert found == []
    assert len(problems) < 100
    assert problems[-1].name == f"… {60_001 - len(problems) + 1}"


def test_destroyed_content_takes_its_chunks_along(store: FileStore, tmp_path: Path) -> None:
    """Chunks of a destroyed item go, unless another item has the same file."""
    fetched(store, said())
    store.want([carrier(said(), seq=2)])
    store.forget(["350924-20261123k7qf-1"])
    assert chunks_in(tmp_path)
    store.forget(["350924-20261123k7qf-2"])
    assert chunks_in(tmp_path) == []


def test_a_full_disk_keeps_out_files_and_not_alarms(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the reserve nothing is fetched, and the sentence says so; what was read is read again later."""
    store.want([carrier(said())])
    monkeypatch.setattr("yizhan.consumers.files.RESERVE_BYTES", 1 << 60)
    with pytest.raises(StoreError, match="报警照收"):
        store.keep(CLUSTER, COUNTY, [read_record(sealed(KEY, PHOTO)[2][0])], 1)
    monkeypatch.setattr("yizhan.consumers.files.RESERVE_BYTES", RESERVE_BYTES)
    assert store.keep(CLUSTER, COUNTY, [read_record(sealed(KEY, PHOTO)[2][0])], 1) == 1


def test_a_log_is_read_again_from_where_a_later_event_wants_it(store: FileStore) -> None:
    """An event of a digest, whose chunks came long before it, sets its county's reading back; a whole file ends it."""
    store.want([carrier(said())])
    store.place(1, CLUSTER, COUNTY, 40)
    assert store.scans(CLUSTER) == {COUNTY: 40}
    plain = PHOTO + b"x"
    store.want([carrier(said(plain), seq=2)])
    assert [n for n, _county, _at in store.unplaced(CLUSTER)] == [2]
    store.place(2, CLUSTER, COUNTY, 7)
    assert store.scans(CLUSTER) == {COUNTY: 7}
    assert [n for n, _county, _at in store.unplaced("another cluster")] == [1, 2]
    records = [read_record(each) for each in (*sealed(KEY, PHOTO)[2], *sealed(KEY, plain)[2])]
    store.keep(CLUSTER, COUNTY, records, 50)
    assert store.scans(CLUSTER) == {}
    assert not store.unfinished()
