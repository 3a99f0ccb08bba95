"""Running the station's worker.

Rule 1: only the command that runs it imports this module: it needs Faust, which the extra "station" brings.
"""

from __future__ import annotations

from yizhan.schemas import topics
from yizhan.services.charter import STATION, station_charters
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, station_keys
from yizhan.streams.worker import run_station as run_worker


def run_station(home: Home, passphrases: PassphraseSource) -> None:
    """Run the station until SIGTERM, then end the process with status 0.

    Raises:
        NoKey: there is no postmark key.
        StationError: no broker answers, or a topic is missing.
        CharterInvalid: there is no charter, or it names none of the keys.
        KeyboardInterrupt: SIGINT asked it to end, and it did.
    """
    folder = home.path / STATION
    keys = station_keys(folder / "keys", (home.charters.latest(), home.charter), passphrases)
    connection = home.settings.connection(topics.STATION)
    run_worker(home.settings, connection, station_charters(home, keys, passphrases), keys, folder)
