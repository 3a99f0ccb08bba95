"""``yizhan sample init``: the home of the sample alliance, for demonstrations."""

from __future__ import annotations

from yizhan.cli.click_options import Group, OneOf, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.sample import SIX, TWO
from yizhan.services.commands import command_of
from yizhan.services.sample import make_sample
from yizhan.services.sample_files import write_samples

command = Group("sample", help=marked("示例联盟：在一台机器上试用。真正的联盟由各县在自己的机器上生成密钥"))
_NEXT = (Action.to("home.start"), Action.to("home.status"))


@command.command("init", help=marked("在主目录里生成示例联盟各县和驿站的密钥，以及第 1 版章程，即刻生效"))
@option(
    "--counties", type=OneOf(["6", "2"]), default="6", help=marked("成员数：6，或只有真正签署协议的 2 个（默认 6）")
)
@passphrase_option()
@json_option()
def init(counties: str, passphrases: TerminalPassphrase, as_json: bool) -> None:
    """Make the sample's home."""
    home = current_home()
    members = SIX if counties == "6" else TWO
    charter = make_sample(home.path, members, utc_now(), passphrases.new(ask=False))
    files = write_samples(home.path, members, utc_now())
    if as_json:
        print_json({"home": str(home.path), "charter": charter.name, "members": sorted(charter.members)})
        return
    tell(_("章程 {name} 已在 {home} 生效，成员：").format(name=charter.name, home=home.path))
    for code in sorted(charter.members):
        tell(f"  {home.member_name(code)}")
    tell(_("待发事件和机构信息的样例在 {files}").format(files=" ".join(map(str, files))))
    tell(_("接下来：{commands}").format(commands=join_list(map(command_of, _NEXT))))
