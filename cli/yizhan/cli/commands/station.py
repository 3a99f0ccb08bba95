"""``yizhan station run``: the station's worker."""

from __future__ import annotations

from yizhan.cli.shell import Group, passphrase_option
from yizhan.cli.words import marked

command = Group("station", help=marked("驿站：盖戳、登记、转递，从不拆开"))


@command.command(
    "run",
    help=marked("运行驿站，直到叫停。\n\n再起一个即为热备，几秒内接管。发布的新版章程会自动采用并预告生效时间。"),
)
@passphrase_option()
def run(passphrase_fd: int | None) -> None:
    """Run the worker."""
    from yizhan.cli.app import log_aloud, this
    from yizhan.cli.charters import station_charters
    from yizhan.cli.keyring import Lock, station_keys
    from yizhan.schemas import topics
    from yizhan.streams.worker import run_station

    app = this()
    folder = app.home / "station"
    lock = Lock(passphrase_fd)
    keys = station_keys(folder / "keys", (app.charters.latest(), app.charter), lock)
    connection = app.settings.connection(topics.STATION)
    log_aloud(debug=app.debug)
    charters = station_charters(app, keys, lock)
    run_station(app.settings, connection, charters, keys, folder)
