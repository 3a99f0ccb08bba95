"""``yizhan desk``: a county's web pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from yizhan.cli.click_options import Group, Whole, county_option, option
from yizhan.cli.context import current_home
from yizhan.cli.longrun import working
from yizhan.cli.output import say, tell
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.app import make_app
from yizhan.desk.desk import ACCOUNTS_FILE, Desk
from yizhan.desk.live import Feed
from yizhan.desk.routes import allowed
from yizhan.desk.serving import Listening, serve
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked

command: Final = Group("desk", help=marked("值班台：本县的网页，听报警、签收、拟写、看待办"))


@command.command(
    "run",
    help=marked(
        "开值班台，直到叫停；与本县的 inbox run、outbox run 并行。\n\n"
        "只听本机，不用 TLS；要让别的机器打开，请给证书和私钥（--cert、--key），或用 --socket 放在网关后面。"
        "第一次运行时给出一个链接，安全管理员用它建立自己的账户。"
    ),
)
@county_option()
@option("--host", default="127.0.0.1", show_default=True, help=marked("听哪个地址"))
@option("--port", type=Whole(0, 65535), default=8443, show_default=True, help=marked("听哪个端口；0 由系统选"))
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
    port: int,
    unix_socket: str | None,
    cert: str | None,
    key: str | None,
    names: tuple[str, ...],
) -> None:
    """Serve the pages."""
    home = current_home()
    home.member(county)
    listening = Listening(host, port, _path(unix_socket), _path(cert), _path(key))
    accounts = AccountStore(home.county_folder(county) / ACCOUNTS_FILE)
    hosts = list(names)
    desk = Desk(home, county, accounts, Feed(home, county), hosts, secure=listening.secure, allowed=allowed())

    def ready(port: int) -> None:
        address = f"{'https' if listening.secure else 'http'}://{hosts[0] if hosts else f'{host}:{port}'}"
        if not hosts:
            hosts.extend({f"{host}:{port}", f"localhost:{port}"} if host == "127.0.0.1" else {f"{host}:{port}"})
        if (token := accounts.accounts.first_link(utc_now())) is not None:
            say(_("还没有账户。请安全管理员在 24 小时内打开这个链接，建立自己的账户；只能用一次："))
            tell(f"{address}/link/{token}")
        say(_("值班台已开：{address}；按 Ctrl-C 停下").format(address=address))

    with working(home.settings, home.settings.desk_metrics_port) as (stop, watchdog):
        watchdog.stop()  # a request may be slow; the server is single-threaded and answers or dies
        serve(make_app(desk), listening, stop, ready)
    accounts.close()


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
