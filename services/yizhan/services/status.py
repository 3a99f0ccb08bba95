"""Whether all is well in a home: its processes, boxes, bells, charter, ledger, and what a person has to do.

Rule 1: every part is looked at though another cannot be: what cannot be read is a problem of its own.
Rule 2: nothing is changed, no key is used, and nothing of a partner's content is returned: counts, times and codes.
Rule 3: what needs a person is a ``Problem``, with the action that helps where there is one.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from yizhan.charter.reader import CharterReader
from yizhan.consumers.bell.labels import rung_name
from yizhan.consumers.followups import Obligation
from yizhan.consumers.view import InboxView
from yizhan.deploy.certificates import AUTHORITY, BROKER
from yizhan.ledger.mirror import MirrorView
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.clock import utc_now
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.tls import expiry
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import Sentence, join_list, marked
from yizhan.services.bell import bell_path, bell_status, counties_without_bell, rings_nobody
from yizhan.services.broker_health import broker_faults
from yizhan.services.home import Home
from yizhan.services.ledger import cosigner_path, ledger_folder
from yizhan.services.ledger_status import LedgerStatus, ledger_status
from yizhan.services.own_obligations import own_obligations
from yizhan.services.processes import (
    HomeProcess,
    broker_pid,
    has_broker,
    home_processes,
    is_running,
    silence,
    start_action,
)
from yizhan.services.status_found import CountyStatus, HomeStatus, Problem, ProcessStatus
from yizhan.services.stores import read_inbox, read_outbox

RECENT: Final = timedelta(days=7)
"""How long a refusal and a record kept aside are a problem; later they only stand in the lists."""
SOON: Final = timedelta(days=1)
"""What is due within this needs a person now."""
UNSENT_SECONDS: Final = 60.0
"""An event that was never sent for so long is a problem."""
NO_REPLY: Final = timedelta(minutes=10)
"""The station answers within a second while it runs."""
FINAL_LATE: Final = timedelta(minutes=1)
FINAL_BEHIND: Final = 1000
"""Cosignatures come within seconds: a last checkpoint so old, or so many more statements, has too few."""
DISK_BYTES: Final = 2 << 30
"""With less than 1 GiB no attached file is taken any more; this leaves time to act."""
CERTIFICATE_LEFT: Final = timedelta(days=21)
"""The station renews a certificate in its last thirty days, and somebody has to carry it to the county."""
_CLOCK_EVENTS: Final = 5
log = logging.getLogger(__name__)


def home_status(
    home: Home,
    county: str | None = None,
    now: datetime | None = None,
    obligations: Sequence[Obligation] | None = None,
) -> HomeStatus:
    """Look at a home, or at what concerns one county of it.

    ``now`` is an aware instant; ``obligations`` are those of ``county`` where the caller has found them already.
    """
    found = HomeStatus(now or utc_now())
    counties = sorted(path.name for path in home.path.glob("counties/*") if path.is_dir())
    counties = [each for each in counties if county in {None, each}]
    with found.part(marked("进程")):
        _processes(home, county, found)
    if not found.processes and not counties:
        found.add("empty", marked("{home} 里没有本单位的密钥和数据"), Action.to("sample.init"), home=home.path)
        return found
    with found.part(marked("章程")):
        _charter(home, found)
    if found.charter is not None:  # without a charter nothing of the rest can be read
        for each in counties:
            found.counties.append(status := CountyStatus(each))
            _county(home, status, found, obligations)
        if county is None and (ledger_folder(home) / "statements.sqlite3").exists():
            with found.part(marked("账本")):
                _ledger(ledger_status(home), found)
    with found.part(marked("磁盘")):
        found.disk_free_bytes = shutil.disk_usage(home.path).free
        if found.disk_free_bytes < DISK_BYTES:
            mib = found.disk_free_bytes >> 20
            found.add("disk", marked("{home} 所在的磁盘只剩 {mib} MiB，请腾出空间"), home=home.path, mib=mib)
    return found


def _processes(home: Home, county: str | None, found: HomeStatus) -> None:
    wanted = [each for each in home_processes(home) if county in {None, each.county}]
    found.processes = [ProcessStatus(each.name, is_running(each), silence(each)) for each in wanted]
    start = _down_and_stuck(home, wanted, found)
    if not wanted:
        return
    found.broker = home.settings.bootstrap_servers
    principal = wanted[0].name if wanted[0].county is None else topics.county(wanted[0].county)
    own = has_broker(home)
    if not (own and broker_pid(home) is None):
        found.broker_answers = home.settings.connection(principal).speaks()
    if not found.broker_answers:
        sentence = marked("连不上 Kafka（{where}）：收发都停着，已收下的不会丢")
        action = None
        if own and start is not None:
            down = not all(each.running for each in found.processes)
            action = start if down else Action.to("broker.start")
        found.add("broker_down", sentence, action, where=found.broker)
    else:
        with found.part("Kafka"):
            for fault in broker_faults(home, home.settings.connection(principal)):
                found.problems.append(Problem(fault.code, fault.sentence, None, fault.action))
    for principal in sorted({each.name if each.county is None else topics.county(each.county) for each in wanted}):
        if found.broker_answers or (home.path / home.settings.tls_dir / principal).is_dir():  # else it never ran
            with found.part(marked("证书")):
                _certificate(home.settings.connection(principal), principal, home, found)
    if own and (home.path / home.settings.tls_dir / BROKER).is_dir():
        with found.part(marked("证书")):
            _certificate(home.settings.connection(BROKER), BROKER, home, found)


def _down_and_stuck(home: Home, wanted: Sequence[HomeProcess], found: HomeStatus) -> Action | None:
    """Note which do not run and which do not advance; return what starts them."""
    down = [each.name for each in found.processes if not each.running]
    found.never_ran = bool(wanted) and not any(each.lock.exists() for each in wanted)
    start = start_action(home)
    if down and start is not None:
        found.add("process_down", marked("没有在运行：{names}"), start, names=join_list(down))
    elif down:
        sentence = marked(
            "没有在运行：{names}；由 systemd 照管的，请启动相应单元（deploy/systemd），否则照原来的办法启动"
        )
        found.add("process_down", sentence, names=join_list(down))
    for each in found.processes:
        if each.stuck:
            sentence = marked("{name} 在运行，但 {seconds} 秒没有进展：被暂停，或卡住了；请看它的日志，再重新启动它")
            found.add("stuck", sentence, name=each.name, seconds=round(each.silent_seconds or 0))
    return start


def _certificate(connection: KafkaConnection, principal: str, home: Home, found: HomeStatus) -> None:
    if connection.cert is None:
        return
    expires = expiry(connection.cert)
    if expires - found.at < CERTIFICATE_LEFT:
        action = None
        if (home.path / home.settings.tls_dir / AUTHORITY).is_dir():
            action, sentence = (
                Action.to("broker.renew"),
                marked("{principal} 的证书于 {expires} 到期，此后连不上 Kafka"),
            )
        else:
            sentence = marked(
                "{principal} 的证书于 {expires} 到期，此后连不上 Kafka；请向驿站取得新文件换上，不必重新启动"
            )
        found.add("certificate_expires", sentence, action, principal=principal, expires=home.local_time(expires))
    if found.broker_answers and connection.is_denied(topics.CHARTER):
        sentence = marked(
            "Kafka 不给 {principal} 任何权限，收发都停着，已收下的不会丢：证书已被吊销的，请向驿站取得新文件；"
            "否则请驿站重新应用权限"
        )
        found.add("no_rights", sentence, principal=principal)


def _charter(home: Home, found: HomeStatus) -> None:
    reader = home.charters
    found.charter = reader.latest().name
    if home.charter_folder.parent.parent.name != "counties":  # a county's own is looked at with the county
        _freshness(reader, None, found)
    for each in reader.expiries():
        if each.due:
            sentence = marked("章程的角色 {role} 将于 {expires} 到期，请其持有人续签")
            action = Action.to("charter.renew", role=each.role)
            found.add("role_expires", sentence, action, role=each.role, expires=home.local_time(each.expires))


def _freshness(reader: CharterReader, county: str | None, found: HomeStatus) -> None:
    status = reader.status()
    if status.stale(found.at):
        sentence = marked("章程未能更新（charter_stale：{problem}），仍按最后一版 {name} 办理：{detail}")
        params = {"problem": status.problem, "name": reader.latest().name, "detail": status.detail}
        action = Action.to("charter.update", county=county)
        found.problems.append(Problem("charter_stale", Sentence.of(sentence, **params), county, action))


def _county(home: Home, status: CountyStatus, found: HomeStatus, obligations: Sequence[Obligation] | None) -> None:
    county = status.county
    with found.part(marked("章程"), county):
        _freshness(home.reader_of(county), county, found)
    with contextlib.ExitStack() as opened:
        inbox: InboxView | None = None
        outbox: OutboxView | None = None
        with found.part(marked("发件箱"), county):
            outbox = opened.enter_context(read_outbox(home, county))
            if outbox is not None:
                _outbox(home, outbox, status, found)
        with found.part(marked("收件箱"), county):
            inbox = opened.enter_context(read_inbox(home, county))
            if inbox is not None:
                _inbox(inbox, status, found)
        with found.part(marked("待办"), county):
            if obligations is None:
                obligations = _all_obligations(home, county, inbox, outbox, found.at)
            _obligations(obligations, status, found)
    with found.part(marked("铃"), county):
        _bell(home, county, found)
    with found.part(marked("会签"), county):
        if (path := cosigner_path(home, county)).exists():
            with MirrorView(path, county, home.charters) as mirror:
                standing = mirror.evidence(standing=True)
            if standing:
                sentence = marked("有 {count} 件不利于账本的证据没有查明，本县不再会签")
                action = Action.to("ledger.status", county=county)
                found.add("ledger_evidence", sentence, action, count=len(standing), county=county)


def _outbox(home: Home, outbox: OutboxView, status: CountyStatus, found: HomeStatus) -> None:
    county, postings = status.county, Action.to("postings.list", county=status.county)
    status.outbox = outbox.figures(home.settings.receipt_overdue_seconds)
    if status.outbox.oldest_seconds > UNSENT_SECONDS:
        since = home.local_time(found.at - timedelta(seconds=status.outbox.oldest_seconds))
        sentence = marked("有 {count} 件没有送出，最早的 {since} 收下；急件请打电话")
        action = Action.to("outbox.list", county=county)
        found.add("unsent", sentence, action, count=status.outbox.depth, since=since, county=county)
    sent = outbox.rows(OutboxQuery(state="sent", until=found.at - NO_REPLY)) if status.outbox.awaited else ()
    if unanswered := [each for each in sent if each.replaced_by is None]:
        sentence = marked("有 {count} 件送出 10 分钟以上，驿站没有答复；请问驿站是否在运行")
        found.add("no_reply", sentence, postings, count=len(unanswered), county=county)
    refused = outbox.rows(OutboxQuery(state="refused", since=found.at - RECENT))
    status.refused = sum(each.replaced_by is None for each in refused)
    if status.refused:
        sentence = marked("近 7 天有 {count} 件被驿站拒收，请看原因，改正后另发")
        found.add("refused", sentence, postings, count=status.refused, county=county)
    if (trouble := outbox.files_trouble()) is not None:
        found.add(
            "files", marked("附件送不出去：{why}"), Action.to("outbox.files", county=county), why=trouble, county=county
        )
    if any(each.clock_suspect for each in outbox.rows(OutboxQuery(limit=_CLOCK_EVENTS))):
        found.add("clock", marked("驿站认为本机时钟不准，请校准（NTP）"), postings, county=county)


def _inbox(inbox: InboxView, status: CountyStatus, found: HomeStatus) -> None:
    county, listed = status.county, Action.to("inbox.list", county=status.county)
    status.last_arrival = inbox.last_arrival()
    status.ringing, _ids = inbox.still_ringing(limit=1)
    status.gaps = sum(1 for each in inbox.gaps() if each.kind != "waiting")
    status.aside = inbox.aside_count(found.at - RECENT)
    if status.ringing:
        action = Action.to("inbox.ringing", county=county)
        found.add("ringing", marked("有 {count} 件报警无人签收"), action, count=status.ringing, county=county)
    if status.gaps:
        sentence = marked("来件有 {count} 处缺号，请问发件县")
        found.add("gaps", sentence, listed, count=status.gaps, county=county)
    if status.aside:
        sentence = marked("近 7 天有 {count} 条来件核验不过，另存未收")
        found.add("aside", sentence, listed, count=status.aside, county=county)


def _all_obligations(
    home: Home, county: str, inbox: InboxView | None, outbox: OutboxView | None, now: datetime
) -> tuple[Obligation, ...]:
    theirs = () if inbox is None else inbox.obligations()
    return (*theirs, *own_obligations(home, county, inbox, outbox, now))


def _obligations(all_of_them: Sequence[Obligation], status: CountyStatus, found: HomeStatus) -> None:
    county, now, action = status.county, found.at, Action.to("due.list", county=status.county)
    mine = [each for each in all_of_them if county in each.owes]
    status.overdue = sum(each.overdue(now) for each in mine)
    status.due_soon = sum(each.ended is None and now <= each.due <= now + SOON for each in mine)
    if status.overdue:
        found.add("overdue", marked("有 {count} 项待办逾期"), action, count=status.overdue, county=county)
    if status.due_soon:
        found.add("due_soon", marked("有 {count} 项待办 24 小时内到期"), action, count=status.due_soon, county=county)


def _bell(home: Home, county: str, found: HomeStatus) -> None:
    if county in counties_without_bell(home):
        sentence = marked("没有设铃（bell.toml），后台收到的报警叫不到任何人")
        found.add("no_bell", sentence, Action.to("bell.init", county=county), county=county)
    if not bell_path(home, county).exists():
        return
    bell, test = bell_status(home, county), Action.to("bell.test", county=county)
    if rings_nobody(bell):
        sentence = marked("铃只写系统日志，叫不到任何人；请在 bell.toml 里换成真的通道")
        found.add("rings_nobody", sentence, Action.to("bell.status", county=county), county=county)
    for each in bell.channels:
        if each.dead:
            found.add("channel_dead", marked("铃的通道 {name} 不通"), test, name=each.name, county=county)
    if silent := [rung_name(each.rung) for each in bell.rungs if not each.channels]:
        names = join_list(silent)
        sentence = marked("{rungs}没有铃的通道，请在 bell.toml 的 [rungs] 里写上")
        found.add("rung_silent", sentence, Action.to("bell.status", county=county), rungs=names, county=county)
    if bell.unheard:
        sentence = marked("有 {count} 次报警没有任何通道送出，请当面或电话告知")
        found.add("unheard", sentence, test, count=bell.unheard, county=county)


def _ledger(ledger: LedgerStatus, found: HomeStatus) -> None:
    final = 0 if ledger.final is None else ledger.final.checkpoint.size
    found.ledger_size, found.ledger_final = ledger.statements, final
    action = Action.to("ledger.status")
    behind = ledger.statements - final
    late = ledger.newest is None or found.at - ledger.newest.at > FINAL_LATE
    if behind > FINAL_BEHIND or (behind and late):
        sentence = marked("账本有 {behind} 条没有定局：会签的县不到法定多数，请问各县的会签是否在运行")
        found.add("not_final", sentence, action, behind=behind)
    if ledger.contradictions:
        sentence = marked("驿站有 {count} 处前后矛盾，请查原因")
        found.add("contradiction", sentence, action, count=len(ledger.contradictions))
    if ledger.rejected:
        found.add("rejected", marked("有 {count} 条核验不过，没有入账"), action, count=len(ledger.rejected))
