"""What the county owes and is owed: by due date, or what was settled; as a table for a spreadsheet too."""

from __future__ import annotations

import csv
import io

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.due_rows import BAR, DueRow, due_list, grouped
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.invisible import escaped

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet."""


def due(ask: Ask) -> Response:
    """Show both sides' obligations."""
    ended, now = ask.query.get("show") == "ended", utc_now()
    found = due_list(ask, now, ended=ended)
    late_ours, late_theirs, soon = (
        sum(each.state == state for each in rows)
        for state, rows in (("over", found.mine), ("over", found.theirs), ("soon", found.mine))
    )
    said = [
        _("本县 {n} 件逾期").format(n=late_ours) if late_ours else "",
        _("{n} 件两小时内到期").format(n=soon) if soon else "",
        _("对方 {n} 件逾期").format(n=late_theirs) if late_theirs else "",
    ]
    sides = ((True, found.mine), (False, found.theirs))
    return ask.page(
        "due.html", sides=sides, ended=ended, said=join_list(filter(None, said)), grouped=grouped, bar=BAR, now=now,
        not_looked_up=found.not_looked_up, urgent=late_ours + soon,
    )  # fmt: skip


def due_table(ask: Ask) -> Response:
    """Give the same as a table (CSV, with a byte order mark: spreadsheets guess the encoding else)."""
    ended = ask.query.get("show") == "ended"
    found = due_list(ask, utc_now(), ended=ended)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_("该谁办"), _("待办"), _("事由"), _("期限"), _("情况"), _("依据"), _("怎样办结"), _("编号")])
    writer.writerows(_cells(ask, each) for each in (*found.mine, *found.theirs))
    name = f"due-{ask.desk.county}-{ask.desk.home.local_time(utc_now())[:10]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cells(ask: Ask, row: DueRow) -> list[str]:
    due_at = ask.desk.home.local_time(row.obligation.due)
    found = (row.who, row.what, row.about, due_at, row.left, row.clause, row.how, row.obligation.id)
    return [f"'{each}" if each.startswith(_FORMULA) else each for each in map(escaped, found)]


PAGES = (Page("/due", due, OFFICE), Page("/due.csv", due_table, OFFICE))
