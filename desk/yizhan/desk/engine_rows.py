"""The equipment of a county as rows: how each part stands, and what helps where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.consumers.bell.labels import outcome_name
from yizhan.desk.request import Ask
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.services.bell import bell_path, bell_status
from yizhan.services.commands import command_of
from yizhan.services.consoles import list_consoles
from yizhan.services.equipment import Equipment
from yizhan.services.labels import KEY_ROLES, KEY_STATES
from yizhan.services.status import DISK_BYTES, UNSENT_SECONDS
from yizhan.services.status_found import HomeStatus

_KEY_SOON: Final = timedelta(days=30)
_KINDS: Final = {
    "inbox": marked("收件程序"), "outbox": marked("发件程序"), "cosign": marked("会签程序"), "station": marked("驿站"),
    "ledger": marked("账本"), "desk": marked("值班台"),
}  # fmt: skip
_LANES: Final = {"prompt": marked("即时"), "digest": marked("季度")}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: ``state`` is ``ok``, ``warn`` or ``bad``; ``todo`` is what helps."""

    name: str
    state: str
    words: str
    more: str = ""
    todo: str = ""


def process_rows(status: HomeStatus) -> list[Row]:
    """Return the processes of the county, and Kafka."""
    found = []
    for each in status.processes:
        kind = each.name.partition("-")[0]
        name = _(_KINDS[kind]) if kind in _KINDS else each.name
        if not each.running:
            found.append(Row(name, "bad", _("没有在运行"), each.name, _("请启动它；由 systemd 照管的，看相应单元")))
        elif each.stuck:
            words = _("卡住了：{n} 秒没有进展").format(n=round(each.silent_seconds or 0))
            found.append(Row(name, "bad", words, each.name, _("请看它的日志，重新启动它")))
        else:
            found.append(Row(name, "ok", _("在运行"), each.name))
    answers = "ok" if status.broker_answers else "bad"
    todo = "" if status.broker_answers else _("已收下的不会丢；请看网络和驿站")
    if status.broker is not None:
        found.append(Row("Kafka", answers, _("接通") if status.broker_answers else _("不通"), status.broker, todo))
    return found


def lane_rows(ask: Ask, equipment: Equipment) -> list[Row]:
    """Return the lanes to us, with the numbers that are missing."""
    found = []
    for each in equipment.lanes:
        lane = _(_LANES[each.lane]) if each.lane in _LANES else each.lane
        name = f"{ask.desk.home.member_name(each.source)} {lane}"
        lost = [f"{gap.first}–{gap.last}" if gap.last > gap.first else str(gap.first) for gap in each.gaps
                if gap.kind != "waiting"]  # fmt: skip
        words = _("收到 {n} 件").format(n=each.received)
        if lost:
            found.append(Row(name, "bad", _("缺 {numbers} 号").format(numbers="、".join(lost)), words, _("请问发件县")))
        else:
            found.append(Row(name, "ok", _("不缺号"), words))
    return found


def queue_rows(ask: Ask, status: HomeStatus, equipment: Equipment) -> list[Row]:
    """Return what waits, and what came aside."""
    found, owed = [], equipment.receipts_owed
    county = next(iter(status.counties), None)
    if county is not None and county.outbox is not None:
        figures = county.outbox
        waits = _("{n} 件，最早的等了 {s} 秒").format(n=figures.depth, s=round(figures.oldest_seconds))
        state = "bad" if figures.oldest_seconds > UNSENT_SECONDS else "ok"
        found.append(Row(_("待发"), state, waits if figures.depth else _("没有")))
        found.append(Row(_("待驿站答复"), "ok", _("{n} 件").format(n=figures.awaited)))
        late = figures.receipts_overdue
        found.append(Row(_("对方逾期未回执"), "warn" if late else "ok", _("{n} 件").format(n=late)))
    found.append(
        Row(
            _("本县欠的回执"),
            "warn" if owed else "ok",
            _("{n} 件").format(n=owed),
            "",
            _("收件程序会补发") if owed else "",
        )
    )
    if county is not None:
        arrived = ask.desk.home.local_time(county.last_arrival) if county.last_arrival else _("还没有来件")
        found.append(Row(_("最近来件"), "ok", arrived))
        aside = county.aside or 0
        found.append(Row(_("核验不过、另存的"), "warn" if aside else "ok", _("{n} 件").format(n=aside), _("近 7 天")))
    return found


def channel_rows(ask: Ask) -> list[Row]:
    """Return the bell's channels, the browsers that listen first."""
    home, county = ask.desk.home, ask.desk.county
    listening = list_consoles(home, county)
    heard = sum(each.audible for each in listening)
    words = _("{n} 台在听，{heard} 台有声音").format(n=len(listening), heard=heard)
    todo = "" if heard else _("请开着值班页，点“声音”")
    found = [Row(_("本台（浏览器）"), "ok" if heard else "bad", words, "", todo)]
    if not bell_path(home, county).exists():
        todo = command_of(Action.to("bell.init", county=county))
        return [*found, Row("bell.toml", "bad", _("没有设铃，后台收到的报警叫不到任何人"), "", todo)]
    for each in bell_status(home, county).channels:
        kind = each.kind
        if each.dead:
            why = outcome_name(each.why) if each.why else ""
            found.append(Row(each.name, "bad", _("不通：{why}").format(why=why), kind, _("请修好后在值班页试响")))
        elif each.delivered is None:
            found.append(Row(each.name, "warn", _("还没有试过"), kind, _("请在值班页试响")))
        else:
            said = _("最近送到 {at}").format(at=home.local_time(each.delivered))
            found.append(Row(each.name, "ok", said, kind))
    return found


def key_rows(equipment: Equipment, now: datetime) -> list[Row]:
    """Return the county's keys as the charter has them, those that end first."""
    found = []
    for each in equipment.keys:
        name, kid = _(KEY_ROLES[each.role]), f"{each.kid8}…"
        if each.status != "valid":
            # A key that was replaced stays in the charter: what was signed with it must be checked for years.
            found.append(Row(name, "ok", _(KEY_STATES[each.status]), kid))
        elif each.until is None:
            found.append(Row(name, "ok", _("有效，没有期限"), kid))
        else:
            words = _("有效，还有 {n} 天").format(n=(each.until - now).days)
            soon = each.until - now <= _KEY_SOON
            found.append(Row(name, "warn" if soon else "ok", words, kid, _("请生成新的，登记进章程") if soon else ""))
    return found


def charter_rows(ask: Ask, equipment: Equipment, now: datetime) -> list[Row]:
    """Return the charter's age, and the roles that sign it, by the days that are left."""
    home, stale = ask.desk.home, equipment.charter_stale_from
    words = _("{at} 起施行").format(at=home.local_time(equipment.charter_from)[:16])
    rows = [Row(_("现行章程"), "ok", words, equipment.charter)]
    if stale is not None:
        late = now >= stale
        words = (
            _("已过时，从 {at} 起").format(at=home.local_time(stale))
            if late
            else _("新鲜到 {at}").format(at=home.local_time(stale))
        )
        todo = command_of(Action.to("charter.update", county=ask.desk.county)) if late else ""
        rows.append(Row(_("章程的新旧"), "bad" if late else "ok", words, "", todo))
    for each in equipment.roles:
        name = home.member_name(each.role) if each.role.isdigit() else each.role
        days = (each.expires - now).days
        todo = command_of(Action.to("charter.renew", role=each.role)) if each.due else ""
        words = _("还有 {n} 天").format(n=days) if days >= 0 else _("已过期 {n} 天").format(n=-days)
        rows.append(
            Row(
                _("续签 {role}").format(role=name),
                "warn" if each.due else "ok",
                words,
                home.local_time(each.expires)[:10],
                todo,
            )
        )
    return rows


def machine_rows(status: HomeStatus, equipment: Equipment) -> list[Row]:
    """Return the disk, versions and where the metrics are."""
    rows = []
    if status.disk_free_bytes is not None:
        low = status.disk_free_bytes < DISK_BYTES
        words = _("剩 {gib} GiB").format(gib=f"{status.disk_free_bytes / (1 << 30):.1f}")
        rows.append(Row(_("磁盘"), "bad" if low else "ok", words, "", _("请腾出空间") if low else ""))
    rows += [Row(name, "ok", number or _("不明")) for name, number in equipment.versions]
    for each in equipment.metrics:
        name = _("指标 {process}").format(process=_(_KINDS[each.process]))
        where = f"{equipment.metrics_host}:{each.port}" if each.port else _("没有设端口")
        rows.append(Row(name, "ok", where))
    return rows
