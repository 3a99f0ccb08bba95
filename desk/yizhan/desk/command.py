"""``yizhan desk``: a county's web pages."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

from yizhan.cli.click_options import Group, Whole, county_option, option
from yizhan.cli.context import current_home
from yizhan.cli.longrun import working
from yizhan.cli.output import say, tell
from yizhan.desk import account_command, doctor_command
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.app import make_app
from yizhan.desk.desk import ACCOUNTS_FILE, Desk
from yizhan.desk.live import Feed
from yizhan.desk.metrics import CONSOLES
from yizhan.desk.routes import allowed
from yizhan.desk.serving import Listening, listen, serve
from yizhan.runtime.clock import utc_now
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.supervision import tell_ready
from yizhan.schemas.i18n import _, marked
from yizhan.services.consoles import list_consoles
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.processes import DESK_LOCK, desk_port

log = logging.getLogger(__name__)

command: Final = Group("desk", help=marked("值班台：本县的网页，听报警、签收、拟写、看待办"))
command.add_command(account_command.command)
command.add_command(doctor_command.command)


@command.command(
    "run",
    help=marked(
        "开值班台，直到叫停；与本县的 yizhan inbox run、yizhan outbox run 并行。\n\n"
        "只听本机，不用 TLS；要让别的机器打开，请给证书和私钥（--cert、--key），或用 --socket 放在网关后面。"
        "第一次运行时给出一个链接，安全管理员用它建立自己的账户。"
    ),
)
@county_option()
@option("--host", default="127.0.0.1", show_default=True, help=marked("听哪个地址"))
@option("--port", type=Whole(0, 65535), help=marked("听哪个端口；默认是设置 desk_port（8443）；0 由系统选"))
@option("--socket", "unix_socket", metavar="PATH", help=marked("听这个 Unix 套接字，由网关转来；不听端口"))
@option("--cert", metavar="FILE", help=marked("TLS 证书（PEM）"))
@option("--key", metavar="FILE", help=marked("TLS 私钥（PEM）"))
@option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST[:PORT]",
    help=marked("浏览器地址栏里的主机名；可多次；默认是听的地址"),
)
def run(
    county: str,
    host: str,
    port: int | None,
    unix_socket: str | None,
    cert: str | None,
    key: str | None,
    names: tuple[str, ...],
) -> None:
    """Serve the pages."""
    home = current_home()
    home.member(county)
    own_port = desk_port(home, county) if port is None else port
    listening = Listening(host, own_port, _path(unix_socket), _path(cert), _path(key))
    if listening.unix is not None and not names:
        raise ServiceError(marked("经网关打开时，请用 --name 写明浏览器地址栏里的主机名"))
    lock = home.county_folder(county) / f"{ACCOUNTS_FILE}{DESK_LOCK}"
    with (
        AccountStore(home.county_folder(county) / ACCOUNTS_FILE) as accounts,
        exclusive(lock, _("在开这个值班台")),
        contextlib.closing(listen(listening)) as listener,
        working(home.settings, home.settings.desk_metrics_port, lock=lock) as (stop, watchdog),
    ):
        origins = listening.origins(listener, names)
        desk = Desk(
            home,
            county,
            accounts,
            Feed(home, county),
            origins,
            secure=listening.secure,
            certificate_headers=_headers(home) if listening.unix is not None else None,
            allowed=allowed(),
        )
        CONSOLES.set_function(lambda: sum(each.audible for each in list_consoles(home, county)))

        def ready() -> None:
            if (token := accounts.accounts.first_link(utc_now())) is not None:
                say(_("还没有账户。请安全管理员在 24 小时内打开这个链接，建立自己的账户；只能用一次："))
                tell(f"{origins[0]}/link/{token}")
            log.info("desk-%s: ready", county)
            tell_ready(_("值班台已开：{address}").format(address=origins[0]))
            say(_("值班台已开：{address}；按 Ctrl-C 停下").format(address=origins[0]))

        serve(make_app(desk), listener, listening, stop, ready, watchdog.beat)


def _headers(home: Home) -> tuple[str, str] | None:
    """Return the names of the gateway's headers for issuer and serial number."""
    issuer, _comma, serial = (home.settings.desk_certificate_header or "").partition(",")
    return (issuer.strip(), serial.strip()) if serial else None


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
