"""Charters that were signed and cannot be used, damaged metadata, clocks and keys that end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.charter.reading import STAMP, A, B, Reading
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import SNAPSHOT, TIMESTAMP, history_path, keys_path, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.charter.rolekeys import generate
from yizhan.schemas import strictjson


def _policy(routes: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        policy = json.loads(files["policy.json"])
        policy["routes"] = routes(policy["routes"])
        files["policy.json"] = strictjson.dumps(policy)

    return change


def _alliance(**changes: Any) -> Callable[[dict[str, bytes]], None]:  # noqa: ANN401 -- any JSON
    def change(files: dict[str, bytes]) -> None:
        files["alliance.json"] = strictjson.dumps(json.loads(files["alliance.json"]) | changes)

    return change


def _twice(files: dict[str, bytes]) -> None:
    members = json.loads(files["alliance.json"])["members"]
    _alliance(members=[*members, members[0]])(files)


def _small_order(files: dict[str, bytes]) -> None:
    content = json.loads(files[keys_path(A)])
    content["signing"][0]["public"] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    files[keys_path(A)] = strictjson.dumps(content)


def _neighbours_key(files: dict[str, bytes]) -> None:
    signing = json.loads(files[keys_path(B)])["signing"]
    content = json.loads(files[keys_path(A)])
    files[keys_path(A)] = strictjson.dumps(content | {"signing": [*content["signing"], *signing]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_policy(lambda _: []), "routes"),
        (_policy(lambda routes: [routes[-1], *routes]), "never reached|must differ"),
        (_policy(lambda routes: [{**routes[0], "when": [{"weather": ["dry"]}]}, *routes[1:]]), "unknown attribute"),
        (_policy(lambda routes: [{**routes[0], "when": [{"status": ["Wet"]}]}, *routes[1:]]), "is never"),
        (_policy(lambda routes: routes[:-1]), "must match everything"),
        (_twice, "two members with one code"),
        (_small_order, "small order"),
        (_neighbours_key, "registered twice"),
    ],
    ids=["no routes", "unreachable", "unknown attribute", "unknown value", "no last route", "one code twice",
         "small order", "a neighbour's key"],
)  # fmt: skip
def test_content_that_does_not_load(reading: Reading, change: Callable[[dict[str, bytes]], None], said: str) -> None:
    """Well signed by all, and still not adopted: the sentence names the file and the cause."""
    change(reading.ceremony.files)
    draft = reading.ceremony.signed(reading.ceremony.draft(reading.later(minutes=1)))
    reading.ceremony.publish_draft_unchecked(draft, reading.now)
    error = reading.offered()
    assert error.problem is CharterFault.CONTENT
    with pytest.raises(CharterProblem, match=said):
        raise error


def test_members_that_nobody_signed(reading: Reading) -> None:
    """A member in the alliance's file without an office in root has no voice, and no charter."""
    members = json.loads(reading.ceremony.files["alliance.json"])["members"]
    _alliance(members=[*members, {**members[0], "code": "110101"}])(reading.ceremony.files)
    draft = reading.ceremony.signed(reading.ceremony.draft(reading.later(minutes=1)))
    reading.ceremony.publish_draft_unchecked(draft, reading.now)
    assert reading.offered().problem in {CharterFault.CONTENT, CharterFault.FILES}


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", [STAMP, metadata_path(SNAPSHOT, 2), metadata_path(A, 2)])
@pytest.mark.parametrize("fault", ["truncated", "huge", "empty", "no JSON", "missing", "nested"])
def test_damaged_metadata(reading: Reading, path: str, fault: str) -> None:
    """Truncated, huge, empty, missing: named, and nothing but a CharterProblem is raised."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    good = reading.ceremony.published[path]
    bad = {
        "truncated": good[:-20], "huge": good + b" " * 3_000_000, "empty": b"", "no JSON": b"\xff" * 50,
        "nested": b"[" * 50_000, "missing": b"",
    }[fault]  # fmt: skip
    reading.ceremony.published[path] = bad
    if fault == "missing":
        del reading.ceremony.published[path]
    allowed = {CharterFault.DAMAGED, CharterFault.OVERSIZE, CharterFault.MISSING, CharterFault.MIX_AND_MATCH}
    assert reading.offered().problem in allowed
    reading.ceremony.published[path] = good
    assert reading.reader.update().version == 2


def test_a_clock_set_back(reading: Reading) -> None:
    """A machine whose clock goes back verifies nothing: what has expired would live again."""
    reading.ceremony.restamp(reading.later(days=1))
    reading.reader.update()
    reading.later(days=-1)
    assert reading.offered().problem is CharterFault.CLOCK_BACK
    fresh = CharterReader(reading.reader.archive, MemorySource(reading.ceremony.published), lambda: reading.now)
    with pytest.raises(CharterProblem, match="clock"):
        fresh.update()


def test_an_expired_office(reading: Reading) -> None:
    """A county that let its metadata expire stops nobody who has it; who has nothing is told whose it is."""
    reading.later(days=101)
    reading.change(B)
    reading.ceremony.publish(reading.now)
    assert reading.reader.update().version == 2
    due = {each.role for each in reading.reader.expiries() if each.due}
    assert due == {A}
    with pytest.raises(CharterProblem, match=f"{A} is expired") as error:
        CharterReader(
            reading.ceremony.archive(reading.folder / "fresh"), MemorySource(reading.ceremony.published),
            lambda: reading.now,
        )  # fmt: skip
    assert error.value.problem is CharterFault.EXPIRED


def test_a_station_whose_keys_were_stolen_recovers_by_a_new_root(reading: Reading) -> None:
    """The members change the station's keys; what the thief signs afterwards is not believed."""
    thief = {role: list(keys) for role, keys in reading.ceremony.station.items()}
    reading.ceremony.station = {role: [generate("ed25519")] for role in (SNAPSHOT, TIMESTAMP)}
    reading.ceremony.publish(reading.later(minutes=1))
    assert reading.reader.update().root.version == 2
    honest, reading.ceremony.station = reading.ceremony.station, thief
    reading.ceremony.list_again(None, reading.later(minutes=1))
    assert reading.offered().problem is CharterFault.THRESHOLD
    reading.ceremony.station = honest
    reading.ceremony.restamp(reading.now)


def test_history_does_not_bring_back_what_was_replaced(reading: Reading) -> None:
    """A first timestamp of a version that never was leads nowhere: it is left out, and the rest goes on."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.ceremony.announce(reading.world.station, reading.now, reading.now + timedelta(seconds=60))
    reading.ceremony.published[history_path(2)] = b"{}"
    reading.change()
    reading.ceremony.publish(reading.later(minutes=5))
    reading.ceremony.announce(reading.world.station, reading.now, reading.now + timedelta(seconds=60))
    reading.reader.refresh()
    assert reading.reader.numbers() == (1, 3)
    assert reading.reader.in_force(reading.later(minutes=5)).version == 3
