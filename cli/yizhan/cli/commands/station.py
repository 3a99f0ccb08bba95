"""``yizhan station run``: the station's worker."""

from __future__ import annotations

from yizhan.cli.click_options import Group
from yizhan.cli.context import current_home, log_to_stderr
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.schemas.i18n import marked

command = Group("station", help=marked("驿站：盖戳、登记、转递，从不拆开"))


@command.command(
    "run", help=marked("运行驿站，直到叫停。\n\n再起一个即为热备，几秒内接管。发布的新版章程会自动采用并预告生效时间。")
)
@passphrase_option()
def run(passphrases: TerminalPassphrase) -> None:
    """Run the worker."""
    from yizhan.services.station import run_station  # noqa: PLC0415 -- Faust, of the extra "station"

    home = current_home()
    log_to_stderr()
    run_station(home, passphrases)
