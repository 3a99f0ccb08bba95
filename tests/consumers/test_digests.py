"""Digests against their manifests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world.receiver import PARTNER, Listener
from tests.world.simulator import CLUSTER, INTELLIGENCE, World
from yizhan.consumers.arrivals import Arrived, ReceiveOutcome
from yizhan.consumers.digests import Digest
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import SENTENCES, DigestWarn, ManifestVerdict, State
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import parse_header
from yizhan.schemas.manifest import Manifest


def routine(listener: Listener, **attributes: Any) -> bytes:  # noqa: ANN401
    """Seal intelligence that waits for the quarter."""
    quiet: dict[str, Any] = {"type": INTELLIGENCE, "priority": "routine", "stage": None, "touches": None}
    return listener.event(**(quiet | attributes))


def hash_of(value: bytes) -> bytes:
    """Return an event's hash."""
    return parse_envelope(value).hash


def id_of(value: bytes) -> str:
    """Return an event's id."""
    return parse_header(parse_envelope(value).unverified_header).id


def copies(listener: Listener, values: list[bytes]) -> list[Arrived]:
    """Put events into a digest, as the station copies them."""
    return [listener.stamped(value, kind="digest") for value in values]


def reference(listener: Listener, value: bytes) -> Arrived:
    """Name an urgent event in a digest."""
    return listener.arrived(b"", listener.world.postmark(value), "digest")


def close(listener: Listener, values: list[bytes], **said: Any) -> tuple[ReceiveOutcome, Manifest]:  # noqa: ANN401
    """Let the manifest of these events arrive."""
    record, made = listener.manifest([hash_of(value) for value in values], **said)
    return listener.inbox.receive(record), made


def digest(listener: Listener, place: int = -1) -> Digest:
    """Return one digest that came."""
    return listener.inbox.digests()[place]


def hash_of_manifest(listener: Listener, place: int = -1) -> str:
    """Return the hash by which the next manifest names this one."""
    return digest(listener, place).hash.hex()


def test_a_digest_is_listed_once_its_manifest_was_checked(listener: Listener) -> None:
    """Before, its events wait; after, they are listed under the label, in the manifest's order."""
    values = [routine(listener) for _ in range(3)]
    listener.inbox.receive_many(copies(listener, values))
    assert listener.inbox.items() == ()
    assert len(listener.inbox.items(InboxQuery(state=State.WAITING))) == 3
    listener.restart()
    outcome, _ = close(listener, values)
    assert (outcome.became, outcome.reason) == ("manifest", "2026Q3")
    (made,) = listener.inbox.digests()
    assert (made.verdict, made.warnings, made.held, made.label) == (ManifestVerdict.VERIFIED, (), 3, "2026Q3")
    assert [member.id for member in listener.inbox.members(made)] == [id_of(value) for value in values]
    assert {item.digests for item in listener.inbox.items()} == {("2026Q3",)}
    assert listener.inbox.ringing() == ()


def test_an_empty_quarter_is_a_digest(listener: Listener) -> None:
    """零报告: nothing came, and that is proven."""
    close(listener, [])
    assert (digest(listener).verdict, digest(listener).held) == (ManifestVerdict.VERIFIED, 0)


def test_urgent_events_are_found_by_reference(listener: Listener) -> None:
    """What came at once is listed again by name; what should have and did not is a warning until it comes."""
    came, lost, quiet = listener.event(), listener.event(), routine(listener)
    listener.deliver(came)
    for record in (reference(listener, came), *copies(listener, [quiet]), reference(listener, lost)):
        assert listener.inbox.receive(record).became in {"reference", "stored"}
    close(listener, [came, quiet, lost], prompt=2)
    made = digest(listener)
    assert (made.verdict, made.warnings, made.held) == (ManifestVerdict.VERIFIED, (DigestWarn.MISSING_URGENT,), 2)
    assert [(member.prompt, member.item is not None) for member in listener.inbox.members(made)] == [
        (True, True), (False, True), (True, False),
    ]  # fmt: skip
    listener.deliver(lost)
    assert digest(listener).warnings == ()


def test_a_close_that_died_half_way_is_one_digest(listener: Listener) -> None:
    """A part, then the whole again: every event is one row, the digest holds."""
    values = [routine(listener) for _ in range(4)]
    again = copies(listener, values[:2]) + copies(listener, values)
    assert [outcome.became for outcome in listener.inbox.receive_many(again)] == [
        "stored", "stored", "duplicate", "duplicate", "stored", "stored",
    ]  # fmt: skip
    close(listener, values)
    assert digest(listener).verdict is ManifestVerdict.VERIFIED


def test_remains_of_another_close_do_not_count(listener: Listener) -> None:
    """What began elsewhere and died (a disk was lost) is not of this digest."""
    values = [routine(listener) for _ in range(5)]
    listener.inbox.receive_many(copies(listener, [values[0], values[3]]) + copies(listener, values[1:]))
    close(listener, values[1:])
    assert digest(listener).verdict is ManifestVerdict.VERIFIED
    assert [member.id for member in listener.inbox.members(digest(listener))] == [id_of(value) for value in values[1:]]


@pytest.mark.parametrize("listed", [0, 1, 2])
def test_a_manifest_that_leaves_events_out_hides_none(listener: Listener, listed: int) -> None:
    """Of count 0, or of only the last ones: what was delivered is listed in the inbox, and the digest says so."""
    values = [routine(listener) for _ in range(3)]
    listener.inbox.receive_many(copies(listener, values))
    close(listener, values[3 - listed :])
    assert digest(listener).warnings == (DigestWarn.LEFT_OUT,)
    assert [item.id for item in listener.inbox.items()] == [id_of(value) for value in values]
    close(listener, [], start=listed + 1, previous=hash_of_manifest(listener), label="2026Q4")
    assert digest(listener).warnings == ()


def test_an_old_manifest_again_hides_nothing_new(listener: Listener) -> None:
    """A manifest that was seen before is played again behind new events: the next one still holds them."""
    old, _ = listener.manifest([])
    listener.inbox.receive(old)
    values = [routine(listener) for _ in range(2)]
    listener.inbox.receive_many(copies(listener, values))
    listener.inbox.receive(old)
    close(listener, values, start=1, previous=hash_of_manifest(listener), label="2026Q4")
    assert (digest(listener).verdict, digest(listener).warnings) == (ManifestVerdict.VERIFIED, ())
    assert len(listener.inbox.items()) == 2


def test_read_again_from_the_beginning_changes_nothing(listener: Listener) -> None:
    """The same records twice, in batches or not, after a restart too: one digest, the same verdict."""
    values = [routine(listener) for _ in range(3)]
    records = copies(listener, values)
    last, _ = listener.manifest([hash_of(value) for value in values])
    listener.inbox.receive_many([*records, last])
    listener.restart()
    assert [outcome.became for outcome in listener.inbox.receive_many([*records[1:], last])] == ["duplicate"] * 3
    assert [made.verdict for made in listener.inbox.digests()] == [ManifestVerdict.VERIFIED]
    more = [routine(listener)]
    listener.inbox.receive_many(copies(listener, more))
    close(listener, more, start=4, previous=hash_of_manifest(listener), label="2026Q4")
    assert digest(listener).verdict is ManifestVerdict.VERIFIED


def test_an_interim_digest_is_no_link(listener: Listener) -> None:
    """What it showed comes again with the quarter."""
    values = [routine(listener) for _ in range(3)]
    listener.inbox.receive_many(copies(listener, values[:2]))
    close(listener, values[:2], interim=True)
    assert len(listener.inbox.items()) == 2
    listener.inbox.receive_many(copies(listener, values))
    close(listener, values)
    assert [(made.manifest.interim, made.verdict) for made in listener.inbox.digests()] == [
        (True, ManifestVerdict.VERIFIED), (False, ManifestVerdict.VERIFIED),
    ]  # fmt: skip
    assert len(listener.inbox.items()) == 3


@pytest.mark.parametrize("wrong", ["missing", "more", "order", "prompt"])
def test_what_differs_from_the_manifest_is_listed_and_told(listener: Listener, wrong: str) -> None:
    """One event left out, one too many, another order, an urgent one with its bytes: root_differs."""
    values = [routine(listener) for _ in range(4)]
    sent = {"missing": values[:2], "more": values, "order": [values[1], values[0], values[2]], "prompt": values[:3]}
    listener.inbox.receive_many(copies(listener, sent[wrong]))
    close(listener, values[:3], prompt=int(wrong == "prompt"))
    assert digest(listener).verdict is ManifestVerdict.ROOT_DIFFERS
    assert len(listener.inbox.items()) == len(sent[wrong])


@pytest.mark.parametrize(
    ("said", "verdict", "warnings"),
    [
        ({}, ManifestVerdict.VERIFIED, ()),
        ({"previous": None}, ManifestVerdict.CHAIN_BROKEN, ()),
        ({"previous": "0" * 64}, ManifestVerdict.CHAIN_BROKEN, ()),
        ({"start": 0, "end": 9}, ManifestVerdict.CHAIN_BROKEN, ()),
        ({"start": 5, "end": 9}, ManifestVerdict.CHAIN_BROKEN, ()),
        ({"cluster": "another", "start": 0, "end": 3, "previous": None}, ManifestVerdict.VERIFIED,
         (DigestWarn.CLUSTER_CHANGED,)),
        ({"cluster": "another", "start": 0, "end": 3}, ManifestVerdict.VERIFIED, (DigestWarn.CLUSTER_CHANGED,)),
        ({"cluster": "another", "previous": "0" * 64}, ManifestVerdict.CHAIN_BROKEN, (DigestWarn.CLUSTER_CHANGED,)),
        ({"charter": "9-0123456789abcdef"}, ManifestVerdict.VERIFIED, (DigestWarn.CHARTER_UNKNOWN,)),
    ],
)  # fmt: skip
def test_the_chain(
    listener: Listener, said: dict[str, Any], verdict: ManifestVerdict, warnings: tuple[DigestWarn, ...]
) -> None:
    """A quarter follows the one before: by its hash, and by its range unless the cluster is another."""
    close(listener, [], label="2026Q2")
    usual = {"start": 1, "end": 2, "previous": hash_of_manifest(listener), "cluster": CLUSTER}
    close(listener, [], **(usual | said))
    assert (digest(listener).verdict, digest(listener).warnings) == (verdict, warnings)


def test_the_chain_may_begin_here(listener: Listener) -> None:
    """A new inbox cannot check what was before it, and says so."""
    close(listener, [], start=17, end=18, previous="0" * 64)
    assert (digest(listener).verdict, digest(listener).warnings) == (
        ManifestVerdict.VERIFIED, (DigestWarn.CHAIN_BEGINS_HERE,),
    )  # fmt: skip


def test_another_countys_manifest_closes_nothing(listener: Listener) -> None:
    """Another county's manifest is refused; events that wait for our manifest keep waiting."""
    values = [routine(listener)]
    listener.inbox.receive_many(copies(listener, values))
    close(listener, [], county=PARTNER)
    assert digest(listener).verdict is ManifestVerdict.WRONG_COUNTY
    close(listener, values)
    assert digest(listener).verdict is ManifestVerdict.VERIFIED


def test_what_is_not_the_stations_stays_aside(listener: Listener, world: World) -> None:
    """A manifest of another key, a reference without postmark, a manifest that is none: malformed."""
    record, made = listener.manifest([])
    forged = made.signed(world.counties[PARTNER].signing)
    for odd in (
        Arrived("digest", 0, 50, record.timestamp, forged, record.headers),
        Arrived("digest", 0, 51, record.timestamp, None, record.headers),
        Arrived("digest", 0, 52, record.timestamp, None, ()),
        Arrived("digest", 0, 53, record.timestamp, b"", (("yizhan-postmark", b"{}"),)),
    ):
        outcome = listener.inbox.receive(odd)
        assert (outcome.became, outcome.reason) == ("aside", "malformed")
    assert listener.inbox.digests() == ()


def test_an_event_in_a_digest_whose_signature_does_not_hold_is_named_missing(listener: Listener) -> None:
    """The root still proves what the station put there; the event stays aside."""
    good, bad = routine(listener), routine(listener)
    bad = bad[:-1] + bytes([bad[-1] ^ 1])
    listener.inbox.receive_many([*copies(listener, [good]), listener.arrived(bad, kind="digest")])
    close(listener, [good, bad])
    made = digest(listener)
    assert (made.verdict, made.warnings, made.held) == (ManifestVerdict.VERIFIED, (DigestWarn.MISSING_ROUTINE,), 1)


def test_a_fire_hidden_in_a_digest_rings(listener: Listener) -> None:
    """Our own decision is louder than a station that holds it back."""
    fire = listener.event()
    assert listener.inbox.receive(listener.arrived(fire, kind="digest")).rings


def test_a_digest_receipt_says_what_came(listener: Listener) -> None:
    """The sender settles its digest lane too."""
    values = [routine(listener) for _ in range(3)]
    listener.inbox.receive_many(copies(listener, values))
    assert listener.inbox.tick() == 1
    ((receipt, _, _),) = listener.desk.receipts
    assert (receipt.lane, receipt.up_to) == ("digest", 3)


def test_a_gap_in_a_closed_digest_is_lost(listener: Listener) -> None:
    """The second of three was not in the digest."""
    values = [routine(listener) for _ in range(3)]
    listener.inbox.receive_many(copies(listener, [values[0], values[2]]))
    assert [(gap.lane, gap.first, gap.kind) for gap in listener.inbox.gaps()] == [("digest", 2, "lost")]


def test_every_verdict_has_its_sentence() -> None:
    """Nothing that can be shown lacks a Chinese sentence."""
    assert [set(SENTENCES[each]) for each in (ManifestVerdict, DigestWarn)] == [{*ManifestVerdict}, {*DigestWarn}]
