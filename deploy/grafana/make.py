"""Writes the dashboards of Grafana beside this file, from the tables below: ``make dashboards``.

Rule 1: every metric that the code exports stands on a panel or in an alert; a test compares both ways.
Rule 2: titles are Chinese, as the officers' pages are; names of metrics stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parent
WHERE: Final = 'instance=~"$instance"'
WINDOW: Final = "[$__rate_interval]"
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _ACROSS = 8, 7, 3


class Query(NamedTuple):
    """A PromQL expression, and the name of each of its lines."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``unit`` is Grafana's word; ``alarm``: from this value on it is red."""

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    alarm: float | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard: ``file`` without its ending; rows of panels."""

    file: str
    title: str
    rows: Sequence[tuple[str, Sequence[Panel]]]


def now(
    title: str, metric: str, legend: str = "{{instance}}", unit: str = "short", alarm: float | None = None
) -> Panel:
    """Show a gauge as it is."""
    return Panel(title, [Query(f"{metric}{{{WHERE}}}", legend)], unit, alarm)


def rate(title: str, metric: str, *by: str) -> Panel:
    """Show how often a counter counts a second, by some of its labels, or by process."""
    labels = by or ("instance",)
    legend = " ".join(f"{{{{{each}}}}}" for each in labels)
    expr = f"sum by ({', '.join(labels)}) (rate({metric}{{{WHERE}}}{WINDOW}))"
    return Panel(title, [Query(expr, legend)], "ops")


def quantiles(title: str, metric: str) -> Panel:
    """Show the median and the 99th percentile of a histogram of seconds."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{WHERE}}}{WINDOW}))"
    queries = [Query(f"histogram_quantile({part}, {buckets})", name) for part, name in ((0.5, "p50"), (0.99, "p99"))]
    return Panel(title, queries, "s")


PROCESSES: Final = (
    "进程",
    (
        Panel("在运行", [Query(f'up{{job=~"yizhan.*", {WHERE}}}', "{{instance}}")]),
        Panel(
            "多久没有进展",
            [
                Query(f"yizhan_watchdog_silence_seconds{{{WHERE}}}", "{{instance}}"),
                Query(f"yizhan_watchdog_timeout_seconds{{{WHERE}}}", "{{instance}} 到此自行退出"),
            ],
            "s",
        ),
        Panel(
            "Kafka 证书还有多久到期",
            [Query(f"yizhan_certificate_expires_timestamp_seconds{{{WHERE}}} - time()", "{{principal}} {{instance}}")],
            "s",
        ),
        Panel("内存", [Query(f"process_resident_memory_bytes{{{WHERE}}}", "{{instance}}")], "bytes"),
    ),
)
CHARTER: Final = (
    "章程",
    (
        now("章程的版本", "yizhan_charter_version"),
        now("章程未能更新", "yizhan_charter_stale", alarm=1),
        Panel(
            "角色还有多久到期",
            [Query(f"yizhan_charter_expires_timestamp_seconds{{{WHERE}}} - time()", "{{role}} {{instance}}")],
            "s",
        ),
        rate("没有采纳的章程", "yizhan_charter_problems_total", "problem"),
    ),
)

STATION: Final = Dashboard(
    "yizhan-station",
    "驿站",
    [
        PROCESSES,
        (
            "收件与裁定",
            (
                rate("收下的事件", "yizhan_station_events_total", "county"),
                rate("收下的事件，按类型", "yizhan_station_events_total", "type"),
                rate("裁定", "yizhan_station_decisions_total", "rule", "way"),
                rate("拒收，按原因", "yizhan_station_refusals_total", "reason"),
                quantiles("从到达到送出", "yizhan_station_handling_seconds"),
                now("正在送出", "yizhan_station_in_flight_events"),
                now("还没有读的事件", "yizhan_station_consumer_lag_events", "{{topic}}", alarm=1000),
                rate("时钟超前而收下的火情、灾情", "yizhan_station_clock_suspect_total", "county"),
            ),
        ),
        (
            "待办",
            (
                now("未了的待办", "yizhan_station_obligations", "{{rule}} {{state}}"),
                rate("待办的步骤", "yizhan_station_followups_total", "rule", "step"),
                rate("读不到主题而不再等", "yizhan_station_ticks_without_total", "topic"),
                rate("主题没有说明末尾", "yizhan_station_ends_unknown_total", "topic"),
                rate("推算待办时的程序错误", "yizhan_station_followup_faults_total"),
            ),
        ),
        CHARTER,
        (
            "驿站的章程",
            (
                now("所用章程的版本", "yizhan_station_charter_version"),
                rate("发件县的章程更新", "yizhan_station_charter_behind_total", "county"),
            ),
        ),
    ],
)
COUNTY: Final = Dashboard(
    "yizhan-county",
    "县：发件、收件、铃",
    [
        PROCESSES,
        (
            "发件",
            (
                rate("送出的事件", "yizhan_outbox_events_total", "county", "type"),
                rate("重送", "yizhan_outbox_resends_total", "county"),
                rate("被驿站拒收，按原因", "yizhan_outbox_refusals_total", "reason"),
                now("待送的事件", "yizhan_outbox_depth_events"),
                now("最早的一件等了多久", "yizhan_outbox_oldest_seconds", unit="s", alarm=60),
                now("驿站还没有答复的", "yizhan_outbox_postings_awaited_events"),
                now("逾期没有回执的急件", "yizhan_outbox_receipts_overdue_events", alarm=1),
                quantiles("从交出到 Kafka 收下", "yizhan_outbox_sending_seconds"),
                now("接通 Kafka", "yizhan_outbox_connected"),
                rate("送不出去", "yizhan_outbox_send_failures_total", "error"),
                now("还没有读的答复", "yizhan_outbox_postings_lag_records"),
                rate("送出的附件块", "yizhan_outbox_chunks_total"),
                rate("重新编号的", "yizhan_outbox_reissued_total"),
                rate("新开的发件簿", "yizhan_outbox_new_books_total", "because"),
                rate("Kafka 的磁盘丢失", "yizhan_outbox_broker_disk_lost_total"),
                rate("不是本县事件的答复", "yizhan_outbox_foreign_postings_total", "why"),
                rate("对不上的回执", "yizhan_outbox_unbound_receipts_total", "why"),
            ),
        ),
        (
            "收件",
            (
                rate("入库的事件", "yizhan_inbox_items_total", "way", "type"),
                quantiles("从驿站到入库", "yizhan_inbox_delivery_seconds"),
                quantiles("从发件县得知到入库", "yizhan_inbox_since_learnt_seconds"),
                now("还没有读的记录", "yizhan_inbox_consumer_lag_events", "{{topic}}"),
                now("无人签收的报警", "yizhan_inbox_ringing_alarms", alarm=1),
                now("缺号", "yizhan_inbox_lane_gaps", "{{lane}}", alarm=1),
                rate("重复", "yizhan_inbox_duplicates_total", "kind"),
                rate("同号而内容不同", "yizhan_inbox_conflicts_total"),
                rate("核验不过，另存", "yizhan_inbox_aside_total", "reason"),
                rate("程序错误，另存", "yizhan_inbox_faults_total"),
                rate("警告", "yizhan_inbox_warnings_total", "word"),
                rate("读不出的记录", "yizhan_inbox_unreadable_total", "topic"),
                rate("重新连接", "yizhan_inbox_reconnects_total", "because"),
                rate("季度清单的核对", "yizhan_inbox_digests_total", "verdict"),
                rate("附件块", "yizhan_inbox_chunks_total", "what"),
            ),
        ),
        (
            "回执与待办",
            (
                rate("交出的回执", "yizhan_inbox_receipts_total", "stage"),
                rate("没有交出的回执", "yizhan_inbox_receipts_failed_total"),
                rate("收到的回执", "yizhan_inbox_confirmations_total", "stage"),
                rate("待办的步骤", "yizhan_inbox_followups_total", "rule"),
                now("未到期的待办", "yizhan_inbox_obligations_due", "{{rule}} {{side}}"),
                now("逾期的待办", "yizhan_inbox_obligations_overdue", "{{rule}} {{side}}", alarm=1),
            ),
        ),
        (
            "铃",
            (
                rate("响铃", "yizhan_bell_rings_total", "urgency", "outcome"),
                rate("各通道的发送", "yizhan_bell_tries_total", "channel", "outcome"),
                now("不通的通道", "yizhan_bell_channel_dead", "{{channel}}", alarm=1),
                now("没有通道送出的报警", "yizhan_bell_unheard_alarms", alarm=1),
                now("没有单独响铃的报警", "yizhan_bell_missed_alarms", alarm=1),
                quantiles("从决定响铃到送达", "yizhan_bell_alarm_seconds"),
            ),
        ),
        CHARTER,
    ],
)
LEDGER: Final = Dashboard(
    "yizhan-ledger",
    "账本与会签",
    [
        PROCESSES,
        (
            "账本",
            (
                Panel(
                    "入账与定局",
                    [
                        Query(f"yizhan_ledger_size{{{WHERE}}}", "入账"),
                        Query(f"yizhan_ledger_final_size{{{WHERE}}}", "已定局"),
                    ],
                ),
                rate("读到的话", "yizhan_ledger_statements_total", "became"),
                rate("矛盾", "yizhan_ledger_contradictions_total", "kind"),
                quantiles("从收到到检查点", "yizhan_ledger_receipt_seconds"),
                now("还没有入账的", "yizhan_ledger_lag", alarm=1000),
                rate("重新连接", "yizhan_ledger_reconnects_total"),
            ),
        ),
        (
            "会签",
            (
                now("已会签到", "yizhan_cosigner_size"),
                now("账上缺的话", "yizhan_cosigner_missing", alarm=1),
                now("没有查明的证据", "yizhan_cosigner_evidence", alarm=1),
                rate("没有会签的检查点", "yizhan_cosigner_refusals_total", "reason"),
            ),
        ),
        CHARTER,
    ],
)
DESK: Final = Dashboard(
    "yizhan-desk",
    "值班台",
    [
        PROCESSES,
        (
            "网页",
            (
                rate("请求，按结果", "yizhan_desk_requests_total", "status"),
                rate("请求，按页面", "yizhan_desk_requests_total", "page"),
                quantiles("从请求到答复", "yizhan_desk_request_seconds"),
                now("打开的实时连接", "yizhan_desk_open_streams"),
                rate("被拒的登录", "yizhan_desk_sign_ins_refused_total", "why"),
            ),
        ),
        (
            "报警",
            (
                now("能听到声音的页面", "yizhan_desk_audible_consoles"),
                rate("显示的报警", "yizhan_desk_alarms_shown_total"),
                quantiles("从入库到显示", "yizhan_desk_alarm_seconds"),
            ),
        ),
    ],
)
DASHBOARDS: Final = (STATION, COUNTY, LEDGER, DESK)


def model(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    line = 0
    for title, row in dashboard.rows:
        place = {"x": 0, "y": line, "w": _WIDTH * _ACROSS, "h": 1}
        panels.append({"type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []})
        line += 1
        for number, panel in enumerate(row):
            x, y = number % _ACROSS * _WIDTH, line + number // _ACROSS * _HEIGHT
            panels.append(_panel(panel, {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT}))
        line += -(-len(row) // _ACROSS) * _HEIGHT
    return {
        "uid": dashboard.file,
        "title": dashboard.title,
        "tags": ["yizhan"],
        "editable": True,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasources(), _instances()]},
        "panels": [{"id": number, **each} for number, each in enumerate(panels, 1)],
    }


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.alarm is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.alarm}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _DATASOURCE, "expr": expr, "legendFormat": legend}
            for number, (expr, legend) in enumerate(panel.queries)
        ],
    }


def _datasources() -> dict[str, Any]:
    return {"name": "datasource", "label": "数据源", "type": "datasource", "query": "prometheus"}


def _instances() -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "进程",
        "type": "query",
        "datasource": _DATASOURCE,
        "query": 'label_values(up{job=~"yizhan.*"}, instance)',
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def text(dashboard: Dashboard) -> str:
    """Return the file of a dashboard."""
    return json.dumps(model(dashboard), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write all of them."""
    for dashboard in DASHBOARDS:
        (FOLDER / f"{dashboard.file}.json").write_text(text(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
