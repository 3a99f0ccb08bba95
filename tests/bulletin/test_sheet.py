"""The sheet, and the four ways in which it is drawn."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import UTC, datetime
from typing import Any

import docx
import pytest

from tests.bulletin.events import ZONE, A, B, one
from tests.house.tree import ROOT
from yizhan.bulletin import charts
from yizhan.bulletin.blocks import Drawing, Para, Sheet
from yizhan.bulletin.docx import docx_of
from yizhan.bulletin.figures import digest, figures
from yizhan.bulletin.html import html
from yizhan.bulletin.material import Material
from yizhan.bulletin.pdf import pdf, uncovered
from yizhan.bulletin.proof import CitedManifest, Proof
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.bulletin.sheet import sheet
from yizhan.bulletin.tables import events_csv, figures_csv
from yizhan.schemas.i18n import set_language
from yizhan.schemas.payloads.table import ECO_CRIME, FOREST_FIRE

MADE = datetime(2026, 10, 9, 2, tzinfo=UTC)
NAMES = {A: "庆元县", B: "寿宁县"}
EVIL = '<script>alert(1)</script>=cmd|"x" *粗* #import "/etc/passwd" $x$ 𪚥\x07'
MANIFEST = CitedManifest(A, "ab" * 32, 7, 2, "cd" * 32, "2026-10-01T00:00:05.000Z")


def material(*events: QuarterEvent, **said: Any) -> Material:  # noqa: ANN401 -- any field
    """Put the third quarter together."""
    geojson = json.loads((ROOT / "producers/yizhan/producers/data/counties.geojson").read_text("utf-8"))
    values: dict[str, Any] = {
        "figures": figures("2026Q3", (A, B), ZONE, events),
        "events": events,
        "proof": Proof({A: (MANIFEST,)}),
        "names": NAMES,
        "maker": B,
        "made": MADE,
        "outlines": charts.outlines_of(geojson, (A, B)),
    }
    return Material(**(values | said))


@pytest.fixture
def hostile() -> Sheet:
    """Draw a quarter in which somebody writes markup of every kind."""
    place = {"county": B, "position": {"type": "Point", "coordinates": [119.4, 27.5]}}
    events = [
        one(1, raw={"summary": EVIL, "charge": EVIL, "external_ref": EVIL, "place": place}),
        one(2, FOREST_FIRE, raw={"summary": "起火", "burnt_ha": 1.5, "forest_ha": 0.25, "dead": 0, "injured": 1}),
    ]
    return sheet(material(*events, passages={"judgement": EVIL}, doubts=(EVIL,)))


def test_html_is_one_file_that_runs_and_fetches_nothing(hostile: Sheet) -> None:
    """Words of others are escaped, there is no script, no address, and the policy forbids both."""
    text = html(hostile).decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert re.findall(r'(?:src|href|url)\s*[=(]\s*"?(?!#)', text) == []
    assert "default-src 'none'; style-src 'sha256-" in text
    assert set(re.findall(r'https?://[^"]+', text)) == {"http://www.w3.org/2000/svg"}


def test_pdf_is_set_whatever_was_written_and_twice_the_same(hostile: Sheet) -> None:
    """Markup of typst is text; the same sheet and date give the same bytes."""
    first = pdf(hostile, MADE)
    assert first.startswith(b"%PDF-")
    assert first == pdf(hostile, MADE)


def test_a_character_that_no_font_of_ours_has_is_named(hostile: Sheet) -> None:
    """Nobody signs a page with holes unwarned."""
    assert "𪚥" in uncovered(hostile)
    assert uncovered(sheet(material(one(1, raw={"summary": "距省界约800米，涉案1.5m³㎡〔2026〕"})))) == ()


def test_docx_can_be_edited(hostile: Sheet) -> None:
    """Word's own headings and tables, the drawings in it, others' words as text, and the hash in its foot."""
    data = docx_of(hostile, MADE)
    document = docx.Document(io.BytesIO(data))
    assert "一、总体情况" in [
        each.text for each in document.paragraphs if each.style and each.style.name == "Heading 1"
    ]
    assert any("<script>" in each.text for each in document.paragraphs)
    assert document.tables[0].rows[0].cells[1].text == "本季度"
    assert any("SHA-256" in each.text for each in document.sections[0].footer.paragraphs)
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len([name for name in names if name.endswith(".png")]) == 3
    assert not [name for name in names if "vba" in name.lower()]


def test_csv_opens_in_excel_and_runs_nothing() -> None:
    """Byte order mark, one row an event, and no cell that begins a formula."""
    data = events_csv([one(1, raw={"summary": "=HYPERLINK(1)"}), one(2, raw={"summary": "+86"})])
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert [row[11] for row in rows[1:]] == ["'=HYPERLINK(1)", "'+86"]
    made = figures("2026Q3", (A, B), ZONE, [one(1)])
    assert ["cases.criminal.all", "1"] in list(csv.reader(io.StringIO(figures_csv(made).decode("utf-8-sig"))))


def test_every_number_on_the_sheet_is_the_figures() -> None:
    """The overview quotes them in full: millions too are no powers of ten."""
    of = material(one(1, raw={"value_cny": 12345678.5}), one(2, FOREST_FIRE, raw={"burnt_ha": 1.5}))
    text = html(sheet(of)).decode()
    assert "12345678.5" in text
    assert digest(of.figures) in text
    assert MANIFEST.hash in text
    assert MANIFEST.root in text
    assert "过火面积1.5公顷" in text


def test_an_empty_quarter_says_so() -> None:
    """零报告, and only as a presumption while a county's manifest is not here."""
    both = Proof({A: (MANIFEST,), B: (MANIFEST,)}, agreed=True)
    said = [block.text for block in sheet(material(proof=both)).blocks if isinstance(block, Para)]
    assert said[0] == "零报告：本季度双方之间没有文书。"
    said = [block.text for block in sheet(material()).blocks if isinstance(block, Para)]
    assert said[0] == "零报告（待双方清单齐备后确认）。"


def test_doubts_stand_above_everything() -> None:
    """What does not agree is the first that is read, and loud."""
    first = sheet(material(one(1), doubts=("双方清单不一致",))).blocks[0]
    assert first == Para("双方清单不一致", loud=True)


def test_cases_chosen_are_told_by_their_latest_letter() -> None:
    """The analyst's words stand where there are any, else the latest event's summary."""
    first = one(1, raw={"summary": "初查"})
    last = one(2, thread=first.id, raw={"summary": "已抓获两人", "case_stage": "侦破"})
    said = [block.text for block in sheet(material(first, last)).blocks if isinstance(block, Para)]
    assert f"1. 寿宁县，环境资源案件，盗伐林木，侦破：已抓获两人（{first.id}）" in said
    told = material(first, last, typical=[(first.id, "跨省盗伐案")])
    assert f"1. 跨省盗伐案（{first.id}）" in [b.text for b in sheet(told).blocks if isinstance(b, Para)]


def test_a_map_shows_points_of_one_place_as_one_with_their_number() -> None:
    """Points at one place are one mark; without outlines there is no map."""
    place = {"place": {"county": B, "position": {"type": "Point", "coordinates": [119.4, 27.5]}}}
    events = [one(n, ECO_CRIME, raw=place) for n in (1, 2, 3)]
    maps = [b for b in sheet(material(*events)).blocks if isinstance(b, Drawing) and "示意图" in b.caption]
    assert maps[0].svg.count("<circle") == 2  # one of them explains the sign
    assert ">3</text>" in maps[0].svg
    assert not [b for b in sheet(material(*events, outlines={})).blocks if isinstance(b, Drawing) and "图" in b.caption]


def test_the_sheet_in_english() -> None:
    """The same sheet in English: no Chinese but names and what people wrote."""
    set_language("en")
    try:
        made = sheet(material(one(1, FOREST_FIRE, raw={"summary": "fire"}), names={A: "Qingyuan", B: "Shouning"}))
    finally:
        set_language("zh_CN")
    headings = html(made).decode()
    assert re.findall(r"<h[12]>[^<]*[一-鿿][^<]*</h[12]>", headings) == []


def test_a_long_name_has_room_beside_its_bar_or_is_cut() -> None:
    """Names begin on the sheet: the bars make room for them, and one that is too long ends in an ellipsis."""
    name = "非法收购、运输盗伐、滥伐的林木"
    drawn = charts.bars([(name, [1]), ("长" * 60, [2])], ["起"], "罪名")
    assert name in drawn
    (cut,) = re.findall("长+…", drawn)
    assert len(cut) * 13 < 330
    assert f'x="{330 - 10:.1f}"' in drawn
