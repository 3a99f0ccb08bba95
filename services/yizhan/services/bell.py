"""A county's bell at the command line: where its settings are, how it is started beside the inbox, what it says.

Rule 1: an address in ``bell.toml`` is a secret: nothing here shows more of one than its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from yizhan.schemas.followups import RUNGS
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from yizhan.consumers.bell.channels import ReadyChannel
    from yizhan.consumers.bell.ringer import Ringer
    from yizhan.consumers.bell.rings import Heard, Ring
    from yizhan.consumers.bell.settings import BellSettings, Channel
    from yizhan.consumers.inbox import Inbox
    from yizhan.schemas.charter_files import Officer
    from yizhan.services.home import Home

RUNG_NAMES: Final = {
    "duty": marked("值班"),
    "second": marked("第二电话"),
    "liaison": marked("联络员"),
    "leader": marked("领导"),
}
URGENCIES: Final = {
    "alarm": marked("报警"),
    "call": marked("请电话联系"),
    "notice": marked("通知"),
    "reminder": marked("催办"),
}
STATES: Final = {
    "due": marked("待响"),
    "tried": marked("正在送"),
    "delivered": marked("已送到"),
    "failed": marked("未送出，还会再试"),
    "dropped": marked("不必再响"),
}
OUTCOMES: Final = {
    "delivered": marked("送到"),
    "refused": marked("对方没有收下"),
    "timeout": marked("没有按时答复"),
    "hanging": marked("前几次还没有答复，这次没有试"),
    "fault": marked("程序出错，见日志"),
    "dead": marked("各通道都不通"),
    "no channel": marked("这一级没有通道"),
    "old": marked("太久以前的"),
    "acknowledged": marked("已有人签收"),
    "discharged": marked("已履行"),
    "cancelled": marked("已撤销"),
    "withdrawn": marked("发件县已撤回"),
    "expired": marked("已过时效"),
}
"""The words of tries and rings; others (``exit 1``, the system's own) are shown as they are."""
SAMPLE: Final = marked(
    """# 本县的铃：怎样通知到人。改好后运行 yizhan bell test --county {county}，再重启收件进程。
# 这里的地址含密钥，本文件只许属主读写（chmod 600）。

# 静默时段（章程时区）内不通知、不催办，结束后一并告知；留空则没有。报警不受此限。
quiet_hours = "22:00-07:00"
# 通知攒够这么多秒一并告知；报警、催办不等。
group_seconds = 600
# 谁听通知：duty、second、liaison、leader，或 nobody。
notices = "duty"
# 驿站多少小时以前收到的不再响。
oldest_hours = 72
# 各通道都不通时，隔多少秒再试；每次加倍，至多一小时。
again_seconds = 60

# 通道：url 是 Apprise 的地址，command 是本机命令（不经 shell，从标准输入得到 JSON），二者取一。
# tells 是许它带多少：kind 只有哪一类、谁发来（默认）；grade 再加编号和等级；summary 再加简要情况。
# timeout_seconds 内没有答复就换下一个通道，默认 10。

# 这一个只写进系统日志，不会叫醒任何人：请换成真的通道。
[channels.journal]
command = ["logger", "-t", "yizhan-bell"]

# [channels.siren]
# command = ["aplay", "-q", "/usr/local/share/siren.wav"]
# timeout_seconds = 30
# [channels.wecom]
# url = "wecombot://BOTKEY"                     # 企业微信群机器人
# [channels.dingtalk]
# url = "dingtalk://SECRET@TOKEN/13800000000"   # 钉钉机器人，@ 这个号码
# [channels.feishu]
# url = "feishu://TOKEN"                        # 飞书机器人
# [channels.mail]
# url = "mailtos://USER:PASSWORD@mail.example.gov.cn?to=duty@example.gov.cn"
# [channels.sms]
# url = "jsons://sms.example.gov.cn/send"       # 短信网关：收 JSON 的网址

# 章程联络名单上的各级，各用哪些通道，前一个不通就用后一个。姓名和电话在章程里，不写在这里。
[rungs]
duty = ["journal"]
# second = ["sms"]
# liaison = ["wecom", "sms"]
# leader = ["sms"]
"""
)


def bell_path(home: Home, county: str) -> Path:
    """Where a county's settings of the bell are."""
    from yizhan.consumers.bell.settings import FILE

    return home.county_folder(county) / FILE


@dataclass(frozen=True, slots=True)
class Rung:
    """One place on the ladder: ``officer`` as the charter has it, ``channels`` as ``bell.toml`` has them."""

    rung: str
    officer: Officer | None
    channels: tuple[str, ...]


def ladder(home: Home, county: str, settings: BellSettings) -> list[Rung]:
    """Say who stands on each rung, by the charter in force, and how each is reached."""
    officers = home.charter.ladders.get(county, ())
    channels: dict[str, tuple[str, ...]] = {str(rung): names for rung, names in settings.rungs.items()}
    return [
        Rung(rung, officers[place] if place < len(officers) else None, channels.get(rung, ()))
        for place, rung in enumerate(RUNGS)
    ]


def kind(channel: Channel) -> str:
    """Return what may be shown of a channel: the scheme of its address, or the program."""
    if channel.command is not None:
        return channel.command[0]
    return "" if channel.url is None else channel.url.get_secret_value().partition(":")[0]


def rung_name(rung: str) -> str:
    """Return what a rung is called."""
    return _(RUNG_NAMES[rung]) if rung in RUNG_NAMES else rung


def outcome_name(word: str | None) -> str:
    """Return what came of a try or a ring, said."""
    return "" if word is None else _(OUTCOMES[word]) if word in OUTCOMES else word


def lacking(places: list[Rung]) -> Iterator[str]:
    """Say which rungs nobody can be reached on."""
    silent = [rung_name(each.rung) for each in places if not each.channels]
    if silent:
        yield _("{rungs}没有通道：轮到时响下一级，再下面也没有就没有人听到；请在 bell.toml 的 [rungs] 里写上").format(
            rungs=join_list(silent)
        )


def prepared(home: Home, county: str) -> Prepared | None:
    """Read ``bell.toml`` and make its channels ready; None where there is none: only the screen rings then.

    Raises:
        SettingError: it cannot be used; the sentence names the place.
    """
    from yizhan.consumers.bell.channels import lines_of
    from yizhan.consumers.bell.settings import load

    settings = load(bell_path(home, county))
    return None if settings is None else Prepared(settings, lines_of(settings))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A bell that can be rung."""

    settings: BellSettings
    lines: Mapping[str, ReadyChannel]


def ringer(home: Home, inbox: Inbox, bell: Prepared, *, quiet: bool, as_json: bool) -> Ringer:
    """Make the bell of an inbox, to be entered once no other process reads it."""
    from yizhan.consumers.bell.ringer import Ringer
    from yizhan.consumers.bell.rings import URGENT, Witness
    from yizhan.services.access_log import record, record_if_possible
    from yizhan.services.actor import Actor, process_account

    def shows(channel: str, rings: Sequence[Ring]) -> None:
        note = record_if_possible if rings[0].plan.urgency in URGENT else record
        ids = [each.item.id for each in rings if each.item is not None]
        actor = Actor(process_account(), f"bell {channel}")
        note(home, inbox.county, actor, "opened" if len(ids) == 1 else "listed", ids)

    def heard(each: Heard) -> None:
        if not quiet:
            _tell(each, as_json=as_json)

    return Ringer(
        inbox.path, inbox.county, bell.settings, bell.lines, inbox.charters, inbox.clock, Witness(heard, shows)
    )


def _tell(heard: Heard, *, as_json: bool) -> None:
    """Tell what came of one sending: to programs everything, to people what they must know."""
    from yizhan.cli.output import print_line, say
    from yizhan.consumers.bell.rings import URGENT

    rung, urgent = heard.rings[0].plan.rung, heard.rings[0].plan.urgency in URGENT
    if as_json:
        nothing = dict.fromkeys(("item", "followup"))
        subjects = [each.plan.subject for each in heard.rings]
        told = {"became": "bell", "rings": False, "reason": heard.outcome, **nothing}
        print_line(told | {"rung": rung, "channel": heard.channel, "subjects": subjects})
    elif heard.channel is None and urgent and rung != RUNGS[-1]:
        say(_("铃：{rung}的通道都不通，改响下一级").format(rung=rung_name(rung)))
    elif heard.channel is None:
        say(_("铃：{rung}的通道都不通，没有人听到！请当面或电话告知").format(rung=rung_name(rung)))
    elif heard.outcome == "delivered":
        say(_("铃：已由通道 {channel} 告知{rung}").format(channel=heard.channel, rung=rung_name(rung)))
    else:
        sentence = _("铃：通道 {channel} 没有送出：{why}；换下一个")
        say(sentence.format(channel=heard.channel, why=outcome_name(heard.outcome)))
