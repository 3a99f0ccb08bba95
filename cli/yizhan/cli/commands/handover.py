"""``yizhan handover``: what the next duty officer must know, to be read aloud at shift change."""

from __future__ import annotations

from typing import Any

from yizhan.cli.click_options import county_option, json_option, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.item_view import item_json
from yizhan.cli.obligation_view import obligation_json
from yizhan.cli.output import fields_of, print_json, tell
from yizhan.producers.queries import OwnEvent
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads import read
from yizhan.services.handover import hand_over
from yizhan.services.handover_text import handover_lines


@single_command(
    "handover",
    help=marked(
        "交接班：下一班必须知道的，一条一句，可以照着念。\n\n"
        "无人签收的报警、没有结束的报警（附最近的报告和来信）、24 小时内没有答复的来信、还没有答复的协作请求、"
        "新收到的协作答复、本县报出还没有结束的、24 小时内到期的、对方没有办的、发出没有送到的、"
        "不通的铃和没有运行的程序、没有写完的草稿。调阅记入本县的调阅记录。"
    ),
)
@county_option()
@json_option()
def command(county: str, as_json: bool) -> None:
    """Hand over."""
    home, now = current_home(), utc_now()
    found = hand_over(home, county, acting("handover"), now)
    if not as_json:
        tell("\n".join(handover_lines(home, found)))
        return
    lists = ("ringing", "letters", "requests", "answers")
    items = {name: [item_json(each) for each in getattr(found, name)] for name in lists}
    open_alarms = [
        {**item_json(each.latest), "alarm": item_json(each.alarm), "letters": list(map(item_json, each.letters))}
        for each in found.open_alarms
    ]
    reports = {alarm: item_json(report) for alarm, report in found.reports.items()}
    owed = {
        name: [obligation_json(home, each, county, now) for each in getattr(found, name)] for name in ("mine", "theirs")
    }
    problems = [{"code": each.code, "sentence": str(each.sentence)} for each in found.problems]
    rest = fields_of(found, "county at ringing_count undelivered drafts")
    print_json(
        {
            **rest,
            **items,
            **owed,
            "open_alarms": open_alarms,
            "reports": reports,
            "own_open": list(map(_own_json, found.own_open)),
            "own_requests": list(map(_own_json, found.own_requests)),
            "problems": problems,
            "lines": list(handover_lines(home, found)),
        }
    )


def _own_json(each: OwnEvent) -> dict[str, Any]:
    return {"event": each.row, "header": each.header, "payload": read(each.header.type, each.payload).raw}
