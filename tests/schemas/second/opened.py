"""What an event opens (10.7 to 10.9), and what a postmark says of that and of what it ends (12.9)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tests.schemas.second.basics import Json
from tests.schemas.second.names import RECEIPT
from tests.schemas.second.policy import facts, matches
from tests.schemas.second.strict import instant, written

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tests.schemas.second.admission import Admitted
    from tests.schemas.second.charter import Charter

DAY = timedelta(days=1)
PLANNED = 2026
"""The year whose plan of the State Council stands here: 国办发明电〔2025〕7号."""
OFF = {
    (1, 1), (1, 2), (1, 3), *((2, day) for day in range(15, 24)), (4, 4), (4, 5), (4, 6),
    *((5, day) for day in range(1, 6)), (6, 19), (6, 20), (6, 21), (9, 25), (9, 26), (9, 27),
    *((10, day) for day in range(1, 8)),
}  # fmt: skip
WORKED = {(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)}


def works(day: date) -> bool:
    """Tell whether a day is a working day (10.8)."""
    if day.year == PLANNED and (day.month, day.day) in OFF | WORKED:
        return (day.month, day.day) in WORKED
    return day.weekday() < 5


def due(rule: Json, header: Json, received: datetime, zone: ZoneInfo) -> datetime:
    """Work out a term (10.8, 1 to 4)."""
    term, begin = rule["due"], received
    if term.get("since") == "expires" and "expires" in header:
        begin = max(received, min(instant(header["expires"]), received + 400 * DAY))
    if "minutes" in term or "hours" in term:
        return begin + timedelta(minutes=term.get("minutes", 0), hours=term.get("hours", 0))
    day = begin.astimezone(zone).date()
    if "days" in term:
        day += term["days"] * DAY
        while header["priority"] != "flash" and not works(day):
            day += DAY
    else:
        for _each in range(term["working_days"]):
            day += DAY
            while not works(day):
                day += DAY
    return datetime.combine(day + DAY, time(0), zone).astimezone(UTC)


def opens(admitted: Admitted, received: datetime, charter: Charter) -> list[Json]:
    """Return the ``opens`` of the first record that a station reads (10.7, 10.9, 12.9)."""
    header, found = admitted.header, list[Json]()
    if header["status"] != "Actual" or "withdraws" in header or received - instant(header["time"]) > 40 * DAY:
        return []
    sender, thread = header["source"][:6], header.get("subject", header["id"])
    for rule in charter.obligations:
        concerned = [
            member for member in header["to"]
            if any(matches(row, _facts(admitted, member)) for row in rule["opens"].get("when", []))
        ]  # fmt: skip
        if rule.get("audit") or not concerned or (rule["owes"] == "both" and "reply_to" in header):
            continue
        entry = {"rule": rule["id"], "due": written(due(rule, header, received, charter.zone))}
        entry |= {} if thread == header["id"] else {"thread": thread}
        if rule["owes"] != "recipients":
            found.append(entry | {"owes": [sender], "owed": concerned})
        if rule["owes"] != "sender":
            found.append(entry | {"owes": concerned, "owed": [sender]})
    return found


def _facts(admitted: Admitted, member: str) -> dict[str, str]:
    header = admitted.header
    receipt = header["receipt"]["stage"] if header["type"] == RECEIPT else "absent"
    more = {"way": admitted.decisions[member]["way"], "wants": header.get("wants", "absent"), "receipt": receipt}
    return facts(header, member) | more


def steps(said: Json, county: str) -> list[Json]:
    """Return the followups that a reader keeps of a postmark (12.9), those that end something first."""
    event = {"id": said["id"], "hash": said["hash"]}
    common = {"at": said["received"], "charter": said["charter"]}
    found = [{**each, **common, "by": event} for each in said["ends"]]
    for each in said["opens"]:
        made = {"step": "opened", "opened": said["received"], **common, **each}
        if "period" not in each:
            made = {"about": event, "thread": said["id"], **made}
        if "obligation" in each:
            found.append(made)
            continue
        names = ((code, f"{each['rule']}/{made['about']['id']}/{code}") for code in each["owes"])
        found += [{**made, "owes": [code], "obligation": name} for code, name in names]
    return [each for each in found if county in each["owes"] + each["owed"]]
