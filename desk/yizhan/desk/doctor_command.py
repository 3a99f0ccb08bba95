"""``yizhan desk doctor``: what an engineer wants to know before a desk goes into service."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.click_options import county_option, json_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, tell
from yizhan.desk.checks import Finding, State, check_desk
from yizhan.desk.serving import Listening
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, marked
from yizhan.services.commands import command_of
from yizhan.services.processes import desk_port

_MARKS: Final[dict[State, str]] = {"good": "✓", "bad": "✗", "unknown": "?"}


@single_command(
    "doctor",
    help=marked(
        "查值班台：时钟、TLS 证书、文件权限、账户、收发两个进程、铃、响铃的页面；给出浏览器自检页的地址。\n\n"
        "只看不动。--cert、--key、--socket、--name 照 yizhan desk run 的写。都好时退出码为 0，有要人处理的为 1。"
    ),
)
@county_option()
@option("--socket", "unix_socket", metavar="PATH", help=marked("网关后面的 Unix 套接字"))
@option("--cert", metavar="FILE", help=marked("TLS 证书（PEM）"))
@option("--key", metavar="FILE", help=marked("TLS 私钥（PEM）"))
@option("--name", metavar="HOST[:PORT]", help=marked("浏览器地址栏里的主机名"))
@json_option()
def command(
    county: str, unix_socket: str | None, cert: str | None, key: str | None, name: str | None, as_json: bool
) -> None:
    """Look at a county's desk."""
    home = current_home()
    home.member(county)
    unix, certificate, private = (None if each is None else Path(each) for each in (unix_socket, cert, key))
    listening = Listening("127.0.0.1", desk_port(home, county), unix, certificate, private)
    found = check_desk(home, county, listening, utc_now())
    well = all(each.state != "bad" for each in found)
    host = name or f"{listening.host}:{listening.port}"
    address = f"{'https' if listening.secure else 'http'}://{host}/self-test"
    if as_json:
        print_json({"well": well, "checks": [_json(each) for each in found], "self_test": address})
    else:
        for each in found:
            _show(each)
        tell(_("浏览器自检（每台电脑都请打开一次）：{address}").format(address=address))
    if not well:
        raise click.exceptions.Exit(1)


def _show(finding: Finding) -> None:
    tell(f"{_MARKS[finding.state]} {finding.sentence}")
    if finding.action is not None:
        tell(f"    {command_of(finding.action)}")


def _json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "state": finding.state,
        "sentence": str(finding.sentence),
        "command": None if finding.action is None else command_of(finding.action),
    }
