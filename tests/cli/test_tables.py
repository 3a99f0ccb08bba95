"""Templates, imports and exports at the command line, on real files and a real outbox."""

from __future__ import annotations

import json
import re
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.producers.table_cases import CRIME, FIRE, as_row, book, computed, draft
from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import Station
from yizhan.cli.commands import import_tables
from yizhan.producers.templates import csv_table
from yizhan.schemas.quarters import Quarter
from yizhan.services import stores
from yizhan.services.access_log import access_log_path
from yizhan.services.home import Home


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    assert home.exists()


def rows(*changes: dict[str, Any], kind: str = FIRE) -> list[dict[str, Any]]:
    """Write one row a change, each under its own number; cells of None are empty."""
    row = as_row(draft(kind))
    return [row | {"接警单号/案件编号": f"2026-{n}"} | change for n, change in enumerate(changes)]


def excel(name: str, *changes: dict[str, Any], kind: str = FIRE) -> str:
    """Write such rows into a workbook."""
    Path(name).write_bytes(book(*rows(*changes, kind=kind)))
    return name


def listed(yizhan: Run) -> list[dict[str, Any]]:
    """List what the outbox holds."""
    found: list[dict[str, Any]] = json.loads(yizhan("outbox", "list", "--county", SHOUNING, "--json").out)["events"]
    return found


def test_a_template_is_written_and_an_import_knows_its_type(yizhan: Run) -> None:
    """Filled in, it goes without anybody naming the type; nothing is written over."""
    made = yizhan("template", "森林火灾", "-o", "fire.xlsx")
    assert made.code == 0
    assert "已经有了" in yizhan("template", "forest_fire", "-o", "fire.xlsx").err
    whole = load_workbook("fire.xlsx")
    sheet, row = whole.worksheets[0], as_row(draft())
    for number, cell in enumerate(sheet[1], 1):
        sheet.cell(2, number).value = row.get(re.sub(r"（有坐标必填）$|\*$", "", str(cell.value)))
    whole.save("fire.xlsx")
    done = yizhan("import", "excel", "fire.xlsx", "--county", SHOUNING)
    assert done.code == 0, done.err
    assert "发出 1 行" in done.err


def test_a_template_in_csv_and_in_english(yizhan: Run) -> None:
    """A CSV template begins with the byte order mark that Excel needs; an import reads both languages."""
    assert yizhan("template", "forest_fire", "-o", "fire.csv", "--lang", "en").code == 0
    data = Path("fire.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Summary*" in data.decode("utf-8-sig")


def test_good_rows_go_and_bad_ones_are_in_a_file_beside(yizhan: Run) -> None:
    """Named on the screen by row, column and heading; mended in that file and imported, they go too."""
    done = yizhan("import", "excel", excel("day.xlsx", {}, {"火势状态": "很大"}, {}), FIRE, "--county", SHOUNING)
    assert done.code == 1
    assert "day.xlsx:3: " in done.err
    assert "火势状态: 应为" in done.err
    assert "发出 2 行，以前已发过 0 行，不能发 1 行" in done.err
    assert "day.bad.xlsx" in done.err
    bad = load_workbook("day.bad.xlsx")
    sheet = bad.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    assert sheet.max_row == 2
    assert "应为" in str(sheet.cell(2, headings.index("问题") + 1).value)
    sheet.cell(2, headings.index("火势状态") + 1).value = "燃烧"
    bad.save("day.bad.xlsx")
    again = yizhan("import", "excel", "day.bad.xlsx", "--county", SHOUNING)
    assert again.code == 0, again.err
    assert "发出 1 行" in again.err


def test_a_table_of_bad_rows_only_still_says_its_type(yizhan: Run) -> None:
    """The file of rejected rows names its type, so that it can be imported; each import writes its own."""
    for n in ("", "2", "3"):
        assert yizhan("import", "excel", excel("day.xlsx", {"死亡人数": "x"}), FIRE, "--county", SHOUNING).code == 1
        assert Path(f"day.bad{n}.xlsx").exists()
    again = yizhan("import", "excel", "day.bad.xlsx", "--county", SHOUNING)
    assert "死亡人数: 应为整数" in again.err
    assert "day.bad4.xlsx" in again.err


def test_the_same_file_twice_sends_nothing_twice(yizhan: Run) -> None:
    """With a number of its own or without; the same row twice in one file goes once."""
    file = excel("day.xlsx", {}, {"接警单号/案件编号": None}, {"接警单号/案件编号": None})
    first = yizhan("import", "excel", file, FIRE, "--county", SHOUNING)
    assert first.code == 0, first.err
    assert "发出 2 行" in first.err
    assert "第 4 行与第 3 行相同" in first.err
    again = json.loads(yizhan("import", "excel", file, FIRE, "--county", SHOUNING, "--json").out)
    assert [one["duplicate"] for one in again["sent"]] == [True]
    assert again["sent_before"] == [3, 4]
    assert len(listed(yizhan)) == 2


def test_one_number_for_two_contents_in_a_table_sends_the_first(yizhan: Run) -> None:
    """The other is named and stays back: nobody knows which of the two the number means."""
    number = {"接警单号/案件编号": "2026-1"}
    file = excel("day.xlsx", number, number | {"扑救人数": 99}, number)
    done = yizhan("import", "excel", file, FIRE, "--county", SHOUNING)
    assert done.code == 1
    assert "第 3 行：接警单号/案件编号 2026-1 与第 2 行相同，内容不同" in done.err
    assert "第 4 行与第 2 行相同" in done.err
    assert "发出 1 行，以前已发过 0 行，不能发 1 行" in done.err
    assert load_workbook("day.bad.xlsx").worksheets[0].max_row == 2


def test_another_content_under_a_number_that_was_sent_is_told(yizhan: Run) -> None:
    """A row with other content under a used number is not sent; it is said how to correct the event that was."""
    assert yizhan("import", "excel", excel("a.xlsx", {}), FIRE, "--county", SHOUNING).code == 0
    again = yizhan("import", "excel", excel("b.xlsx", {"扑救人数": 99}), FIRE, "--county", SHOUNING)
    assert again.code == 1
    assert "内容不同" in again.err
    assert "--supersedes" in again.err


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (FIRE, {"起火时间": "2101-01-01 00:00"}, "还没有到"),
        (FIRE, {"地点·坐标·经度、纬度": "122.5,26.0"}, "坐标"),
        (FIRE, {"地点·坐标·经度、纬度": "119.06,27.62"}, "坐标"),
        (FIRE, {"等级": 1}, "等级"),
        (CRIME, {"涉案物1·单位": None}, "单位"),
    ],
    ids=["future", "sea", "county", "grade", "unit"],
)
def test_what_is_doubtful_stays_back_where_nobody_can_be_asked(
    yizhan: Run, kind: str, change: dict[str, Any], said: str
) -> None:
    """Doubtful rows are held back without a terminal; --keep-doubtful sends them with a mark for the reader."""
    file = excel("day.xlsx", {}, change, kind=kind)
    done = yizhan("import", "excel", file, kind, "--county", SHOUNING)
    assert done.code == 1
    assert "第 3 行：" in done.err
    assert said in done.err
    assert "发出 1 行，以前已发过 0 行，不能发 0 行，有疑问留下 1 行" in done.err
    assert load_workbook("day.bad.xlsx").worksheets[0].max_row == 2
    kept = json.loads(yizhan("import", "excel", file, kind, "--county", SHOUNING, "--keep-doubtful", "--json").out)
    assert (kept["kept_back"], len(kept["sent"])) == ([], 2)
    with stores.read_outbox(Home(Path("yizhan-home")), SHOUNING) as outbox:
        assert outbox is not None
        first, second = (outbox.event(one["id"]) for one in kept["sent"])
    assert first is not None
    assert second is not None
    assert b"doubtful" not in first.payload
    assert b"doubtful" in second.payload


@pytest.mark.parametrize(("answer", "sent"), [(b"y\n", 1), (b"n\n", 0)])
def test_on_a_terminal_somebody_is_asked_once(
    yizhan: Run, monkeypatch: pytest.MonkeyPatch, answer: bytes, sent: int
) -> None:
    """The answer yes sends the doubtful rows with a mark, the answer no keeps them back."""
    monkeypatch.setattr(import_tables, "interactive", lambda: True)
    file = excel("day.xlsx", {"起火时间": "2101-01-01 00:00"})
    done = yizhan("import", "excel", file, FIRE, "--county", SHOUNING, given=answer)
    assert "这 1 行仍要发出吗" in done.err
    assert f"发出 {sent} 行" in done.err


def test_a_dry_run_changes_nothing(yizhan: Run) -> None:
    """A dry run says which rows would be sent and which would not, and writes no file."""
    file = excel("day.xlsx", {}, {"火势状态": "很大"})
    done = yizhan("import", "excel", file, FIRE, "--county", SHOUNING, "--dry-run")
    assert "会发出 1 行，以前已发过 0 行，不能发 1 行" in done.err
    assert sorted(each.name for each in Path().iterdir()) == ["day.xlsx", "yizhan-home"]
    assert listed(yizhan) == []


def test_rows_become_drafts_when_asked(yizhan: Run) -> None:
    """With ``--draft`` each row becomes a draft; importing the same file again makes no more."""
    file = excel("day.xlsx", {}, {})
    for said in ("存成草稿 2 份", "以前已发过 2 行"):
        done = yizhan("import", "excel", file, FIRE, "--county", SHOUNING, "--draft")
        assert said in done.err
    assert len(json.loads(yizhan("draft", "list", "--county", SHOUNING, "--json").out)) == 2
    assert listed(yizhan) == []


def test_who_answers_for_the_rows_may_stand_in_a_file(yizhan: Run) -> None:
    """Officers in a row take precedence over those of the office file."""
    (row,) = rows({})
    own = {name: value for name, value in row.items() if not name.startswith(("拟稿人", "审核人", "签发人", "机构"))}
    Path("day.xlsx").write_bytes(book(own))
    refused = yizhan("import", "excel", "day.xlsx", FIRE, "--county", SHOUNING)
    assert "拟稿人·姓名" in refused.err
    people = {"drafted_by": "叶某", "reviewed_by": "吴某", "signed_off_by": "刘某"}
    office = {role: {"name": name, "badge": "035112"} for role, name in people.items()}
    Path("office.json").write_text(json.dumps(office), "utf-8")
    done = yizhan("import", "excel", "day.xlsx", FIRE, "--county", SHOUNING, "--office", "office.json")
    assert done.code == 0, done.err


def test_a_csv_goes_as_a_workbook_does(yizhan: Run) -> None:
    """The bad rows of a CSV are written as a CSV; its type must be given."""
    made = rows({}, {"死亡人数": "两人"})
    Path("day.csv").write_bytes(csv_table(list(made[0]), made))
    assert "请在文件名后写明 TYPE" in yizhan("import", "csv", "day.csv", "--county", SHOUNING).err
    done = yizhan("import", "csv", "day.csv", "forest_fire", "--county", SHOUNING)
    assert "发出 1 行" in done.err
    assert "day.csv:3: " in done.err
    assert "死亡人数" in Path("day.bad.csv").read_text("utf-8-sig")


def test_a_file_that_cannot_be_written_beside_does_not_hide_what_went(yizhan: Run, tmp_path: Path) -> None:
    """One that is there already is told before anything goes; a full disk after it, with what was sent."""
    file = excel("day.xlsx", {}, {"死亡人数": "x"})
    Path("there.xlsx").touch()
    refused = yizhan("import", "excel", file, FIRE, "--county", SHOUNING, "--bad", "there.xlsx")
    assert "已经有了" in refused.err
    assert listed(yizhan) == []
    broken = yizhan("import", "excel", file, FIRE, "--county", SHOUNING, "--bad", str(tmp_path / "nowhere" / "a.xlsx"))
    assert broken.code == 1
    assert "发出 1 行" in broken.err
    assert "没有这个文件或目录" in broken.err
    assert len(listed(yizhan)) == 1


def test_a_disk_that_fills_up_tells_what_went(yizhan: Run) -> None:
    """What was told as sent is durable; the same file again sends the rest."""
    count = 96
    file = excel("day.xlsx", *[{} for _n in range(count)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    try:
        broken = yizhan("import", "excel", file, FIRE, "--county", SHOUNING)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert broken.code == 1
    told = re.search("发出 ([0-9]+) 行，以前", broken.err)
    assert told is not None
    went = int(told[1])
    assert 0 < went < count
    done = yizhan("import", "excel", file, FIRE, "--county", SHOUNING)
    assert f"发出 {count - went} 行，以前已发过 {went} 行" in done.err


def test_what_is_no_table_says_so(yizhan: Run) -> None:
    """A file that is no table is named, and it is said what to do."""
    Path("day.xlsx").write_bytes(b"a,b\n")
    done = yizhan("import", "excel", "day.xlsx", FIRE, "--county", SHOUNING)
    assert done.code != 0
    assert "day.xlsx" in done.err
    assert "import csv" in done.err
    Path("empty.csv").write_bytes(b"")
    assert "yizhan template" in yizhan("import", "csv", "empty.csv", FIRE, "--county", SHOUNING).err


def test_formulas_and_merged_cells_come_back_as_values(yizhan: Run) -> None:
    """With what the spreadsheet had computed: looked at, and imported again as it is."""
    made = book(*rows({"扑救人数": "=12*2"}, {}, {}), change=lambda sheet: sheet.merge_cells("A3:A4"))
    Path("day.xlsx").write_bytes(computed(made, b"12*2", b"24"))
    done = yizhan("import", "excel", "day.xlsx", FIRE, "--county", SHOUNING)
    assert "扑救人数: 这是公式 =12*2" in done.err
    assert "合并单元格（A3:A4）" in done.err
    bad = load_workbook("day.bad.xlsx")
    sheet = bad.worksheets[0]
    assert sheet.max_row == 4
    assert not sheet.merged_cells.ranges
    sheet.cell(4, 1).value = sheet.cell(3, 1).value
    bad.save("day.bad.xlsx")
    again = yizhan("import", "excel", "day.bad.xlsx", FIRE, "--county", SHOUNING)
    assert again.code == 0, again.err
    assert "发出 3 行" in again.err


def test_receipts_have_no_template(yizhan: Run) -> None:
    """There is no template for receipts, which only the system writes."""
    assert "inbox ack" in yizhan("template", "receipt").err


# -- out --


@pytest.fixture
def exchanged(yizhan: Run, home: Path) -> str:
    """A fire with a dangerous summary and a crime from Shouning, received at Qingyuan; return the fire's id."""
    station = Station(home)
    made = rows({"简要情况": "=HYPERLINK(1)"})
    Path("day.csv").write_bytes(csv_table(list(made[0]), made))
    Path("crime.xlsx").write_bytes(book(*rows({}, kind=CRIME)))
    sent = json.loads(yizhan("import", "csv", "day.csv", FIRE, "--county", SHOUNING, "--json").out)["sent"]
    assert yizhan("import", "excel", "crime.xlsx", CRIME, "--county", SHOUNING).code == 0
    station.carry(SHOUNING)
    station.deliver(QINGYUAN)
    event_id: str = sent[0]["id"]
    return event_id


def test_what_came_and_what_went_is_exported(yizhan: Run, exchanged: str) -> None:
    """A sheet a type; who exported is written down; the file is its owner's alone."""
    for county in (SHOUNING, QINGYUAN):
        file = f"{county}.xlsx"
        done = yizhan("export", file, "--county", county)
        assert done.code == 0, done.err
        assert Path(file).stat().st_mode & 0o777 == 0o600
        whole = load_workbook(file)
        assert "森林火灾" in whole.sheetnames
        sheet = whole["森林火灾"]
        headings = [cell.value for cell in sheet[1]]
        row = dict(zip(headings, sheet[2], strict=True))
        assert row["编号"].value == exchanged
        assert row["发件县"].value == "350924 寿宁县"
        assert row["简要情况"].data_type == "s"
        journal = access_log_path(Home(Path("yizhan-home")), county).read_text("utf-8")
        assert '"command":"export"' in journal
        assert exchanged in journal
        assert "已经有了" in yizhan("export", file, "--county", county).err


def test_an_export_is_imported_again_and_sends_nothing_twice(yizhan: Run, exchanged: str) -> None:
    """An export, as workbook or CSV and in either language, can be imported again and sends nothing twice."""
    assert exchanged
    for n, (language, ending) in enumerate([("zh", "xlsx"), ("en", "xlsx"), ("zh", "csv"), ("en", "csv")]):
        file, kind = f"{n}.{ending}", "excel" if ending == "xlsx" else "csv"
        asked = ("export", file, "--county", SHOUNING, "--type", FIRE, "--lang", language)
        assert yizhan(*asked).code == 0
        done = yizhan("import", kind, file, FIRE, "--county", SHOUNING, "--json")
        assert done.code == 0, done.out
        found = json.loads(done.out)
        assert [one["duplicate"] for one in found["sent"]] == [True]
        assert [one["differs"] for one in found["sent"]] == [False]


def test_nothing_is_proposed_to_what_an_export_took_from_a_letter(yizhan: Run) -> None:
    """An event sent without whom it touches comes back as it was."""
    one = {"type": FIRE, "to": [QINGYUAN], "payload": draft(border=None).payload}
    Path("day.jsonl").write_text(json.dumps(one, ensure_ascii=False) + "\n", "utf-8")
    assert yizhan("publish", "day.jsonl", "--county", SHOUNING, "--yes").code == 0
    assert yizhan("export", "out.xlsx", "--county", SHOUNING).code == 0
    found = json.loads(yizhan("import", "excel", "out.xlsx", "--county", SHOUNING, "--json").out)
    assert [(one["duplicate"], one["differs"]) for one in found["sent"]] == [(True, False)]


def test_an_export_without_references_is_known_by_its_ids(yizhan: Run, exchanged: str) -> None:
    """What went without a number of its own does not go twice, nor what came as one's own: that is told."""
    assert exchanged
    event = draft().model_dump(mode="json", exclude_none=True)
    del event["external_ref"], event["payload"]["external_ref"]
    Path("fire.jsonl").write_text(json.dumps(event), "utf-8")
    assert yizhan("publish", "fire.jsonl", "--county", SHOUNING, "--yes").code == 0
    assert yizhan("export", "mine.xlsx", "--county", SHOUNING, "--type", FIRE).code == 0
    before = len(listed(yizhan))
    done = yizhan("import", "excel", "mine.xlsx", FIRE, "--county", SHOUNING)
    assert done.code == 0, done.err
    assert "第 3 行有编号" in done.err
    assert len(listed(yizhan)) == before
    assert yizhan("export", "theirs.xlsx", "--county", QINGYUAN, "--type", FIRE).code == 0
    done = yizhan("import", "excel", "theirs.xlsx", FIRE, "--county", QINGYUAN)
    assert done.code == 1
    assert "别县的事件" in done.err
    theirs = json.loads(yizhan("outbox", "list", "--county", QINGYUAN, "--json").out)["events"]
    assert FIRE not in {each["type"] for each in theirs}


def test_an_export_is_chosen_by_type_quarter_and_box(yizhan: Run, exchanged: str) -> None:
    """An export holds only the events that were chosen; a CSV holds one type."""
    assert exchanged
    chosen = json.loads(yizhan("export", "a.xlsx", "--county", SHOUNING, "--type", "eco_crime", "--json").out)
    assert chosen["events"] == {CRIME: 1}
    none = json.loads(yizhan("export", "b.xlsx", "--county", SHOUNING, "--quarter", "2020Q1", "--json").out)
    assert none["events"] == {}
    inbox = json.loads(yizhan("export", "c.xlsx", "--county", SHOUNING, "--box", "inbox", "--json").out)
    assert inbox["events"] == {}
    now = Quarter.containing(datetime.now(UTC), "Asia/Shanghai")
    both = json.loads(yizhan("export", "d.xlsx", "--county", SHOUNING, "--quarter", str(now), "--json").out)
    assert both["events"] == {CRIME: 1, FIRE: 1}
    assert "选定类型" in yizhan("export", "e.csv", "--county", SHOUNING).err
    assert "2026Q3" in yizhan("export", "f.xlsx", "--county", SHOUNING, "--quarter", "2026-3").err
