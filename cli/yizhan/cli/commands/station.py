"""``yizhan station run``: the station's worker."""

from __future__ import annotations

from yizhan.cli.click_options import Group, passphrase_option
from yizhan.schemas.i18n import marked

command = Group("station", help=marked("驿站：盖戳、登记、转递，从不拆开"))


@command.command(
    "run",
    help=marked("运行驿站，直到叫停。\n\n再起一个即为热备，几秒内接管。发布的新版章程会自动采用并预告生效时间。"),
)
@passphrase_option()
def run(passphrase_fd: int | None) -> None:
    """Run the worker."""
    from yizhan.cli.context import current_home, debugging, log_to_stderr
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.schemas import topics
    from yizhan.services.charter import station_charters
    from yizhan.services.keys import station_keys
    from yizhan.streams.worker import run_station

    home = current_home()
    folder = home.path / "station"
    lock = TerminalPassphrase(passphrase_fd)
    keys = station_keys(folder / "keys", (home.charters.latest(), home.charter), lock)
    connection = home.settings.connection(topics.STATION)
    log_to_stderr(debug=debugging())
    charters = station_charters(home, keys, lock)
    run_station(home.settings, connection, charters, keys, folder)
