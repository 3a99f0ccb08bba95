"""``python -m bench.faults_close HOME LABEL``: closes a quarter of a fault run, as ``yizhan digest close`` does.

The command refuses quarters that have not begun, and a run needs many.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.keys import load_signing
from yizhan.schemas.sample import TWO
from yizhan.schemas.timestamps import written
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer


def close_quarter(home: Path, label: str) -> None:
    """Close a quarter for both counties.

    Raises:
        StationError: no broker answers, or the station has not handled everything in time.
    """
    station, now = home / "station", datetime.now(UTC)
    keys = [load_signing(path) for path in (station / "keys").glob("sign-*.pem")]
    charters = CharterReader(Archive(station / "charter"))
    with Closer(Settings.load(home).connection(topics.STATION), station, charters, keys) as closer:
        request = CloseRequest(label=label, closed=written(now))
        closer.wait_for_station(now, 60)
        for county in TWO:
            closer.run(county, request, interim=False, progress=lambda _: None)


if __name__ == "__main__":
    close_quarter(Path(sys.argv[1]), sys.argv[2])
