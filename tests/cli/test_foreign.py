"""A posting that is not ours says what was used: the certificate or the key."""

from __future__ import annotations

from pathlib import Path

from tests.world.command import Run
from tests.world.sender import PATIENCE
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, Station, publish
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.producers.station_replies import PostingRecord
from yizhan.services.stores import open_outbox


def test_a_foreign_posting_accuses_nobody_falsely(home: Path, yizhan: Run) -> None:
    """Of an event that the station refused, the certificate is in question, and the station's reason is told."""
    publish(yizhan, SHOUNING, FIRE)
    station = Station(home)
    station.take(SHOUNING, b"nonsense")
    ((output, _at),) = station.topics[f"yizhan.postings.{SHOUNING}"]
    with (
        open_outbox(station.app, SHOUNING, TerminalPassphrase()) as outbox,
        outbox.dispatch() as dispatch,
    ):
        dispatch.enter_cluster("memory", 0, 0)
        dispatch.enter("memory", [PostingRecord(0, output.value)], PATIENCE)
    told = yizhan("postings", "list", "--county", SHOUNING)
    assert "malformed" in told.err
    assert "证书" in told.err
    assert "密钥" not in told.err
    assert yizhan("postings", "list", "--county", QINGYUAN).err == ""
