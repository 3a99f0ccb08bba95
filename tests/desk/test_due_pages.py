"""Obligations, the calendar and the equipment, as plain requests."""

from __future__ import annotations

import csv
import io
import re

from tests.world.desk import DeskWorld
from yizhan.desk.accounts.model import Role

SUMMARY = "距界约800米起火"
"""What the fire's sender wrote."""


def test_the_table_of_obligations_has_clause_and_term(desk: DeskWorld) -> None:
    """/due.csv names who owes what, until when, by which clause, and how it is discharged; no cell is a formula."""
    answer = desk.browser(Role.DUTY).get("/due.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    (mine,) = [each for each in rows if each["待办"] == "签收报警"]
    assert mine["该谁办"] == "本县"
    assert SUMMARY in mine["事由"]
    assert mine["依据"].startswith("联管")
    assert all(not cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_an_obligation_leads_to_what_discharges_it(desk: DeskWorld) -> None:
    """The row of an alarm that waits for a signature has a link to it."""
    page = desk.browser(Role.DUTY).get("/due").text
    assert re.search(r'<a class="btn sm pri" href="/inbox/350924-[^"]+">签收</a>', page)


def test_the_calendar_file_says_no_content(desk: DeskWorld) -> None:
    """Lines end with CRLF and have at most 75 octets (RFC 5545, 3.1); a summary has kind and county only."""
    body = desk.browser(Role.DUTY).get("/calendar.ics").text
    lines = body.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert max(len(each.encode()) for each in lines) <= 75
    assert "SUMMARY:签收报警 本县" in lines
    assert SUMMARY not in body.replace("\r\n ", "")


def test_a_month_that_is_none_is_said(desk: DeskWorld) -> None:
    """A month is YYYY-MM; weeks begin on Monday, and a public holiday has its name."""
    browser = desk.browser(Role.DUTY)
    assert browser.get("/calendar?month=2026-13").status == 404
    page = browser.get("/calendar?month=2026-10").text
    assert page.index('data-day="2026-09-28"') < page.index("国庆节")


def test_the_equipment_shows_what_helps_and_no_secret(desk: DeskWorld) -> None:
    """The system administrator is told the command where the desk cannot help, and sees neither content nor key."""
    page = desk.browser(Role.SYSTEM).get("/engine").text
    assert f"yizhan bell init --county {desk.county}" in page
    assert 'href="/duty"' not in page.partition('id="wants"')[2]
    assert SUMMARY not in page
    assert "PRIVATE KEY" not in page
