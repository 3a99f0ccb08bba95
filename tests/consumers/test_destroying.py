"""What must go goes, byte by byte; what proves that it was there stays."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import FIRE, NOW
from yizhan.consumers.errors import NotDue
from yizhan.consumers.retention import kept_until
from yizhan.runtime.errors import StoreError
from yizhan.schemas.counterfoils import verify_counterfoil
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.payloads.common import Person

OFFICER = Person(name="李四", badge="654321")


def files(listener: Listener) -> bytes:
    """Every byte of the database and of what stands beside it."""
    return b"".join(path.read_bytes() for path in listener.path.parent.iterdir() if path.is_file())


def fill(listener: Listener, count: int) -> list[tuple[str, bytes, bytes]]:
    """Receive events with payloads of many sizes, acknowledged; (id, payload, envelope) of each."""
    made = []
    for number in range(count):
        text = f"secret-{number:03d}-" + "x" * (number * 997 % 9000)
        payload = f'{{"summary":"{text}"}}'.encode()
        header = listener.world.header(PARTNER, (ME,))
        envelope = listener.world.seal(header, payload)
        listener.deliver(envelope)
        listener.inbox.acknowledge(header.id, OFFICER.name, OFFICER.badge, note=f"note-{number:03d}")
        made.append((header.id, payload, envelope))
    return made


def test_content_is_gone_from_the_files_and_its_proof_stays(listener: Listener) -> None:
    """Neither plaintext, ciphertext, wraps nor notes are found in any file; signature, hash and postmark hold."""
    made = fill(listener, 40)
    gone, kept = made[::2], made[1::2]
    before = files(listener)
    assert all(f"secret-{number:03d}-".encode() in before for number in range(40))
    listener.clock.now = datetime(2057, 1, 2, tzinfo=UTC)
    listener.inbox.destroy([id for id, _payload, _envelope in gone], OFFICER)
    after = files(listener)
    for number in range(0, 40, 2):
        assert f"secret-{number:03d}-".encode() not in after
        assert f"note-{number:03d}".encode() not in after
    for _id, _payload, envelope in gone:
        parsed = parse_envelope(envelope)
        for part in (parsed.ciphertext, parsed.commit, *parsed.wraps):
            assert all(part[at : at + 24] not in after for at in range(0, len(part) - 24, 512))
    for id, payload, _envelope in kept:
        item = listener.inbox.item(id)
        assert item is not None
        assert (item.payload, item.destroyed) == (payload, None)
    items, _digests, _lanes = listener.inbox.exported()
    by_id = {each.id: each for each in items}
    keys = listener.world.charter.signing[PARTNER]
    for id, _payload, envelope in gone:
        proof = verify_counterfoil(by_id[id].counterfoil, lambda header: keys[header.kid].key)
        assert (proof.hash, proof.header.id) == (parse_envelope(envelope).hash, id)
        assert by_id[id].postmark is not None
        item = listener.inbox.item(id)
        assert item is not None
        assert (item.payload, item.answers[0].name, item.destroyed is not None) == (None, "李四", True)


def test_nothing_goes_before_its_term_nor_twice_nor_while_it_rings(listener: Listener) -> None:
    """The refusal names the event, and nothing at all was destroyed."""
    (first, *_), (second, *_) = fill(listener, 2)
    ringing = listener.deliver(listener.event()).item
    assert ringing is not None
    with pytest.raises(NotDue, match=first):
        listener.inbox.destroy([first], OFFICER)
    listener.clock.now = datetime(2057, 1, 2, tzinfo=UTC)
    assert [each.id for each in listener.inbox.due()] == [first, second]
    with pytest.raises(NotDue, match=ringing.id):
        listener.inbox.destroy([first, ringing.id], OFFICER)
    listener.inbox.destroy([first], OFFICER)
    with pytest.raises(NotDue):
        listener.inbox.destroy([first], OFFICER)
    assert [each.id for each in listener.inbox.due()] == [second]
    assert [each.id for each in listener.inbox.unnotified_destructions()] == [first]
    listener.inbox.enter_destruction_notice([first], f"{ME}-book1-1")
    assert listener.inbox.unnotified_destructions() == ()


def test_of_a_notice_that_is_destroyed_nobody_is_told(listener: Listener) -> None:
    """It goes like the others; a notice about notices would beget notices for ever."""
    told = listener.deliver(listener.event(type=NOTICE, priority="routine", stage=None, touches=None)).item
    assert told is not None
    listener.clock.now = datetime(2037, 1, 2, tzinfo=UTC)
    listener.inbox.destroy([told.id], OFFICER)
    gone = listener.inbox.item(told.id)
    assert gone is not None
    assert gone.payload is None
    assert listener.inbox.unnotified_destructions() == ()


def test_an_event_that_comes_again_brings_its_content_not_back(listener: Listener) -> None:
    """What a broker still has of it is a duplicate."""
    ((id, _payload, envelope),) = fill(listener, 1)
    listener.clock.now = datetime(2057, 1, 2, tzinfo=UTC)
    listener.inbox.destroy([id], OFFICER)
    assert listener.inbox.receive(listener.arrived(envelope)).became == "duplicate"
    assert b"secret-000-" not in files(listener)
    listener.restart()
    item = listener.inbox.item(id)
    assert item is not None
    assert item.contents is None


def test_a_reader_that_keeps_the_log_open_is_told_of(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process reads, former bytes stand in SQLite's log: that is an error, and mended by a second run."""
    ((id, _payload, _envelope),) = fill(listener, 1)
    listener.clock.now = datetime(2057, 1, 2, tzinfo=UTC)
    other = listener.opened()
    other._conn.execute("BEGIN")  # noqa: SLF001 -- a reader in the middle of its reading
    other._conn.execute("SELECT * FROM items").fetchone()  # noqa: SLF001
    listener.inbox._conn.execute("PRAGMA busy_timeout = 50")  # noqa: SLF001 -- not to wait for long
    with pytest.raises(StoreError, match="请停下接收进程"):
        listener.inbox.destroy([id], OFFICER)
    other._conn.execute("COMMIT")  # noqa: SLF001
    other.close()
    listener.inbox.destroy([], OFFICER)
    assert b"secret-000-" not in files(listener)


def test_an_unknown_type_is_kept_for_ever() -> None:
    """Types have the terms of their rows; what this program does not know it never destroys."""
    assert kept_until("yizhan.new.thing.v1", NOW, "Asia/Shanghai") is None
    fire, receipt = kept_until(FIRE, NOW, "Asia/Shanghai"), kept_until(RECEIPT, NOW, "Asia/Shanghai")
    assert fire is not None
    assert receipt is not None
    assert (fire.year, receipt.year) == (2057, 2037)
