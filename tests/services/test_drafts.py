"""What happens to a draft that is sent: once, also after a kill; never unasked where it would ring nowhere."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from tests.services.access_world import NoPassphrase
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.producers.doubts import Doubt, Judgement
from yizhan.producers.draft_store import FILE
from yizhan.producers.drafts import Draft
from yizhan.schemas.timestamps import written
from yizhan.services import doubts
from yizhan.services.doubts import EVERY_DOUBT, goes_unasked
from yizhan.services.drafts import DraftHeld, DraftWasSent, list_drafts, open_form, send_draft
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.hotspots import HotspotSource, read_hotspots, send_hotspots
from yizhan.services.progress import SILENT, Progress
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_drafts, open_outbox, read_outbox

FIRE = "yizhan.incident.forest_fire.v1"
FUDING, CANGNAN = "350982", "330327"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Make a home of two counties."""
    make_sample(tmp_path / "home", (SHOUNING, QINGYUAN), datetime.now(UTC))
    return Home(tmp_path / "home")


def begin(home: Home, touches: str = QINGYUAN, **payload: Any) -> int:  # noqa: ANN401 -- of any field
    """Keep a fire as a draft, without a reference of its own unless one is given."""
    example = {name: value for name, value in EXAMPLES[FIRE].items() if name != "external_ref"}
    content = {**example, "place": {"county": SHOUNING}, **payload}
    draft = {"type": FIRE, "priority": "urgent", "stage": "first", "touches": [touches], "payload": content}
    with open_drafts(home, SHOUNING) as store:
        return store.begin(draft, datetime.now(UTC))


@contextlib.contextmanager
def cut_off(home: Home) -> Iterator[None]:
    """Let the store of drafts fail while the block runs, as late as a kill may fall: the outbox has the event."""
    path = home.county_folder(SHOUNING) / FILE
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TRIGGER cut BEFORE DELETE ON drafts BEGIN SELECT RAISE(ABORT, 'cut off'); END")
        with pytest.raises(sqlite3.IntegrityError):
            yield
        conn.execute("DROP TRIGGER cut")


def sent_ids(home: Home, county: str = SHOUNING) -> list[str]:
    """List what an outbox took."""
    with read_outbox(home, county) as outbox:
        return [] if outbox is None else [row.id for row in outbox.rows()]


@pytest.mark.parametrize("again", ["send", "edit"])
def test_a_draft_that_was_cut_off_does_not_go_again_once_its_doubts_have_changed(
    home: Home, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """A fire of half an hour ahead is marked; an hour later it is not, and still is the fire that went."""
    n = begin(home, occurred_at=written(datetime.now(UTC) + timedelta(minutes=30)))
    with cut_off(home):
        send_draft(home, SHOUNING, n, NoPassphrase())
    (event_id,) = sent_ids(home)
    monkeypatch.setattr(doubts, "utc_now", lambda: datetime.now(UTC) + timedelta(hours=1))
    with contextlib.ExitStack() as opened, pytest.raises(DraftWasSent, match=event_id):
        send_draft(home, SHOUNING, n, NoPassphrase()) if again == "send" else opened.enter_context(
            open_form(home, SHOUNING, n)
        )
    assert (sent_ids(home), list_drafts(home, SHOUNING)) == ([event_id], ())


def test_a_draft_goes_once_though_the_note_of_its_sending_is_lost(home: Home) -> None:
    """What two commands send at the same time is one event: the outbox decides, not what the draft says of itself."""
    n = begin(home)
    with cut_off(home):
        send_draft(home, SHOUNING, n, NoPassphrase())
    with contextlib.closing(sqlite3.connect(home.county_folder(SHOUNING) / FILE)) as conn, conn:
        conn.execute("UPDATE drafts SET sending = NULL")
    assert send_draft(home, SHOUNING, n, NoPassphrase()).accepted.duplicate
    assert len(sent_ids(home)) == 1


def test_a_draft_that_was_changed_is_another_event(home: Home) -> None:
    """What an officer wrote after a sending that was cut off goes; what he only looked through does not."""
    n = begin(home)
    with cut_off(home):
        send_draft(home, SHOUNING, n, NoPassphrase())
    with open_drafts(home, SHOUNING) as store:
        found, later = store.get(n), datetime.now(UTC) + timedelta(seconds=1)
        store.save(n, found.content, [*found.asked, "optional"], later)
        assert (store.get(n).sending, store.get(n).changed) == (found.sending, found.changed)
        payload = found.content["payload"] | {"summary": "火势扩大"}
        store.save(n, {**found.content, "payload": payload}, found.asked, later)
    assert not send_draft(home, SHOUNING, n, NoPassphrase()).accepted.duplicate
    assert len(sent_ids(home)) == 2


def test_a_draft_under_the_number_of_another_event_is_not_lost(home: Home) -> None:
    """An update with the number of the first report is not sent, says so, and is still there to be mended."""
    send_draft(home, SHOUNING, begin(home, external_ref="110-7"), NoPassphrase())
    (event_id,) = sent_ids(home)
    n = begin(home, external_ref="110-7", summary="火势扩大")
    for _ in range(2):
        with pytest.raises(Conflict, match=event_id):
            send_draft(home, SHOUNING, n, NoPassphrase())
    assert (sent_ids(home), [each.n for each in list_drafts(home, SHOUNING)]) == ([event_id], [n])


def test_the_reference_of_a_draft_stays_in_the_county(home: Home) -> None:
    """A draft's own reference is in neither header nor payload of the event."""
    send_draft(home, SHOUNING, begin(home), NoPassphrase())
    (event_id,) = sent_ids(home)
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        own = outbox.event(event_id)
    assert own is not None
    assert b"draft:" not in own.payload + own.header.to_bytes()


def test_a_draft_that_would_ring_nowhere_is_held_where_nobody_is_asked(home: Home) -> None:
    """The draft stays until a person has said that it goes."""
    n = begin(home, touches=SHOUNING)
    with pytest.raises(DraftHeld):
        send_draft(home, SHOUNING, n, NoPassphrase())
    assert (sent_ids(home), [each.n for each in list_drafts(home, SHOUNING)]) == ([], [n])
    send_draft(home, SHOUNING, n, NoPassphrase(), confirmed=True)
    assert len(sent_ids(home)) == 1


@pytest.mark.parametrize(
    ("found", "expected"),
    [((), (True, True)), ((Doubt.FUTURE,), (True, False)), ((Doubt.FUTURE, Doubt.RINGS_NOWHERE), (False, False))],
)
def test_one_rule_says_what_goes_unasked(found: tuple[Doubt, ...], expected: tuple[bool, bool]) -> None:
    """The same rule decides for drafts and imports what goes without asking; what was waived always goes."""
    judged = Judgement(Draft(type=FIRE, payload={}), found, None, None)
    imported = goes_unasked(judged, forced=False, holding=EVERY_DOUBT)
    assert (goes_unasked(judged, forced=False), imported) == expected
    assert goes_unasked(judged, forced=True, holding=EVERY_DOUBT)


def test_doubtful_hotspots_stay_where_nobody_is_asked(tmp_path: Path) -> None:
    """They are returned as held; the others go, and so do they once a person said so."""
    make_sample(tmp_path / "home", (FUDING, CANGNAN), datetime.now(UTC))
    home = Home(tmp_path / "home")
    detections = str(files("yizhan.producers") / "data" / "firms-modis-border-2022-04-04.csv")
    taken = read_hotspots(home, FUDING, HotspotSource(detections))
    first = replace(taken.judged[0], doubts=(Doubt.NOWHERE,))
    taken.judged = (first, *taken.judged[1:])

    def bar(_total: int) -> contextlib.AbstractContextManager[Progress]:
        return contextlib.nullcontext(SILENT)

    send_hotspots(home, FUDING, taken, NoPassphrase(), bar)
    assert (taken.held, len(sent_ids(home, FUDING))) == ([first], len(taken.judged) - 1)
    send_hotspots(home, FUDING, taken, NoPassphrase(), bar, confirmed=True)
    assert (taken.held, len(sent_ids(home, FUDING))) == ([], len(taken.judged))
