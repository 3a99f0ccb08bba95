"""NASA FIRMS: rows, places, certainty."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas.payloads.examples import PEOPLE
from yizhan.producers.drafts import LineProblem, Office
from yizhan.producers.firms import (
    CERTAINTY,
    Detection,
    FirmsContext,
    FirmsImport,
    import_firms,
    read_detections,
)
from yizhan.producers.geography import sample_outlines
from yizhan.producers.satellites import canonical_reference
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.hotspot import Hotspot
from yizhan.schemas.sample import SIX
from yizhan.schemas.strictjson import dumps

BORDER = files("yizhan.producers").joinpath("data").joinpath("firms-modis-border-2022-04-04.csv").read_bytes()
MODIS = (
    b"latitude,longitude,brightness,scan,track,acq_date,acq_time,satellite,confidence,version,bright_t31,frp,daynight\n"
)
VIIRS = (
    b"latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,"
    b"confidence,version,bright_ti5,frp,daynight\n"
)
ROW = "27.17004,120.36673,300.1,1.75,1.3,2022-04-04,{time},T,{confidence},6.1NRT,290.1,10.05,D\n"


def run(county: str, data: bytes = BORDER, strip_km: float = 10, shift_to: datetime | None = None) -> FirmsImport:
    """Import a file for one county of the sample."""
    around = FirmsContext(county, SIX, sample_outlines(), strip_km)
    return import_firms(io.BytesIO(data), "firms.csv", around, shift_to)


def rows(data: bytes) -> list[Detection | LineProblem]:
    """Read a file."""
    return list(read_detections(io.BytesIO(data), "firms.csv"))


def row(time: str = "0300", confidence: str = "26") -> bytes:
    """Write a MODIS row near 苍南."""
    return ROW.format(time=time, confidence=confidence).encode()


def test_the_real_border_file_gives_what_it_must() -> None:
    """Over the six: three detections on members' territory, one to be sent, two kept, nothing else."""
    results = {county: run(county) for county in SIX}
    assert all(result.in_members == {"350722": 1, "350982": 2} for result in results.values())
    assert {county: len(result.drafts) for county, result in results.items() if result.drafts} == {"350982": 1}
    assert {county: len(result.not_sent) for county, result in results.items() if result.not_sent} == {
        "350722": 1,
        "350982": 1,
    }
    assert all((result.outside, result.repeated, result.problems) == (149, 0, ()) for result in results.values())


def test_the_one_that_is_sent_touches_cangnan_quietly() -> None:
    """福鼎, 27.17004 N 120.36673 E: under 30 % NASA calls it low, so it is Possible and arrives quietly.

    The nearest point of 苍南's outline lies 4.8 km off; degrees taken for 111 km each way would say 5.2.
    """
    (draft,) = run("350982").drafts
    assert (draft.to, draft.touches) == (("330327",), ("330327",))
    assert (draft.certainty, draft.priority, draft.stage, draft.grade) == ("Possible", "routine", "first", None)
    assert draft.external_ref == "firms:T:20220404T0300Z:27.1700,120.3667"
    found = read(draft.type, dumps(draft.payload))
    assert isinstance(found.model, Hotspot)
    assert found.model.border is not None
    assert found.model.border.distance_m == pytest.approx(4799, abs=5)
    assert (found.model.confidence, found.model.frp_mw, found.model.pixel_km[0]) == (26, 10.05, 1.75)
    assert found.model.verification == "待核查"
    assert "苍南县" in found.model.summary


def test_what_touches_nobody_is_listed() -> None:
    """The two that stay can be shown to the officer, with where they are."""
    kept = [one.detection for county in SIX for one in run(county).not_sent]
    assert [(one.latitude, one.longitude) for one in kept] == [(27.97778, 118.53333), (27.06378, 120.2463)]


def test_a_narrower_strip_keeps_more() -> None:
    """The border strip of the policy decides which hotspots are sent."""
    assert run("350982", strip_km=4.7).drafts == ()
    assert len(run("350982", strip_km=4.7).not_sent) == 2


def test_importing_again_gives_the_same_drafts() -> None:
    """The same file gives the same drafts, so the outbox sends nothing twice."""
    assert run("350982") == run("350982")


def test_times_are_moved_only_on_demand_and_the_summary_says_so() -> None:
    """The newest becomes the instant asked for; the reference stays NASA's, so nothing is sent twice."""
    now = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    (moved,), (plain,) = run("350982", shift_to=now).drafts, run("350982").drafts
    assert moved.payload["detected_at"] > "2026-11-22"
    assert plain.payload["detected_at"] == "2022-04-04T03:00:00.000Z"
    assert moved.external_ref == plain.external_ref
    assert "平移" in moved.payload["summary"]
    assert "平移" not in plain.payload["summary"]
    (newest,) = run("350982", MODIS + row(), shift_to=now).drafts
    assert newest.payload["detected_at"] == "2026-11-23T08:00:00.000Z"


@pytest.mark.parametrize(
    ("confidence", "certainty"),
    [(0, "Possible"), (29, "Possible"), (30, "Likely"), (79, "Likely"), (80, "Observed"), (100, "Observed")],
)
def test_modis_confidence_has_nasas_three_classes(confidence: int, certainty: str) -> None:
    """Low below 30 %, nominal from 30 % to below 80 %, high from 80 %."""
    (draft,) = run("350982", MODIS + row(confidence=str(confidence))).drafts
    assert draft.certainty == certainty
    assert draft.priority == ("routine" if certainty == "Possible" else "urgent")


@pytest.mark.parametrize(
    ("said", "certainty"),
    [
        ("l", "Possible"),
        ("n", "Likely"),
        ("h", "Observed"),
        ("low", "Possible"),
        ("nominal", "Likely"),
        ("High", "Observed"),
    ],
)
def test_viirs_names_its_class_itself(said: str, certainty: str) -> None:
    """By letter or in full, as NASA's several interfaces write it."""
    line = f"27.17004,120.36673,331,0.39,0.36,2026-11-23,512,N20,VIIRS,{said},2.0NRT,290,4.2,D\n"
    (found,) = rows(VIIRS + line.encode())
    assert isinstance(found, Detection)
    assert CERTAINTY[found.confidence_class] == certainty
    assert (found.satellite, found.product) == ("N20", "NASA FIRMS VIIRS 2.0NRT")
    assert found.at == datetime(2026, 11, 23, 5, 12, tzinfo=UTC)
    (draft,) = run("350982", VIIRS + line.encode()).drafts
    assert draft.payload["satellite"] == "NOAA-20"
    assert draft.payload["confidence"] == found.confidence_class


@pytest.mark.parametrize(("said", "minutes"), [("0051", 51), ("51", 51), ("00:51", 51), ("7", 7), ("2359", 1439)])
def test_times_are_read_as_nasa_writes_them(said: str, minutes: int) -> None:
    """Times are read with and without leading zeros."""
    (found,) = rows(MODIS + row(time=said))
    assert isinstance(found, Detection)
    assert found.at.hour * 60 + found.at.minute == minutes


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("27.17004", "97.1", "latitude"),
        ("27.17004", "nan", "latitude"),
        ("27.17004", "２７.1", "latitude"),
        ("120.36673", "1_2", "longitude"),
        ("1.75", "0", "scan"),
        ("10.05", "-1", "frp"),
        ("10.05", "", "frp"),
        ("2022-04-04", "2022-02-30", "acq_date"),
        ("2022-04-04", "04/04/2022", "acq_date"),
        ("0300", "2460", "acq_date"),
        ("0300", "3 am", "acq_time"),
        (",T,", ",<b>,", "satellite"),
        (",26,", ",101,", "confidence"),
        (",26,", ",x,", "confidence"),
        (",26,", ",", ""),
        (",26,", ',"26,', ""),
    ],
)
def test_a_bad_row_is_named_and_the_others_still_go(old: str, new: str, column: str) -> None:
    """File, line and column; a stray quotation mark takes no other row along."""
    bad = row().decode().replace(old, new, 1).encode()
    first, problem, last = rows(MODIS + row() + bad + row("0301"))
    assert isinstance(first, Detection)
    assert isinstance(problem, LineProblem)
    assert (problem.file, problem.line, problem.field) == ("firms.csv", 3, column)
    assert isinstance(last, Detection)
    result = run("350982", MODIS + row() + bad + row("0301"))
    assert (len(result.drafts), result.problems) == (2, (problem,))


def test_bytes_that_are_no_text_spoil_one_row() -> None:
    """Bytes that are no text spoil one row only."""
    found = rows(MODIS + b"\xff" + row() + row())
    assert [type(one) for one in found] == [LineProblem, Detection]


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", row(), MODIS.replace(b"frp", b"power"), MODIS.replace(b"scan", b"frp"), b"<html>\n" + row()]
)
def test_a_file_without_its_columns_is_named_once(data: bytes) -> None:
    """An error page saved as CSV gives one problem, not thousands."""
    (problem,) = rows(data)
    assert isinstance(problem, LineProblem)
    assert "各列" in problem.expected or "同一列" in problem.expected


def test_columns_may_stand_in_any_order_beside_others() -> None:
    """NASA's country files begin with country_id; Windows begins with a byte order mark."""
    shuffled = b"\xef\xbb\xbfcountry_id,frp,confidence,satellite,acq_time,acq_date,track,scan,longitude,LATITUDE\r\n"
    (found,) = rows(shuffled + b'"CHN",10.05,26,Terra,300,2022-04-04,1.3,1.75,120.36673,27.17004\r\n')
    (plain,) = rows(MODIS + row())
    assert isinstance(found, Detection)
    assert isinstance(plain, Detection)
    assert found.external_ref == plain.external_ref


def test_a_row_twice_is_one_detection() -> None:
    """A repeated row is one detection: files of two days overlap."""
    result = run("350982", MODIS + row() + row())
    assert (len(result.drafts), result.repeated, result.in_members) == (1, 1, {"350982": 1})


def test_an_office_signs_what_it_imports() -> None:
    """Its officers and contact stand in the payload, if it names them."""
    office = Office.model_validate({"org_code": "350982000001", **PEOPLE})
    around = FirmsContext("350982", SIX, sample_outlines(), 10, office)
    (draft,) = import_firms(io.BytesIO(BORDER), "firms.csv", around).drafts
    assert draft.payload["org_code"] == "350982000001"
    assert draft.payload["signed_off_by"] == PEOPLE["signed_off_by"]
    assert "signed_off_by" not in run("350982").drafts[0].payload


@given(st.lists(st.text(alphabet='0123456789.-,"nhl:TÄ\r ', max_size=60), max_size=5))
def test_any_text_can_be_read(lines: list[str]) -> None:
    """Each line is a detection, a problem, or blank; nothing is raised."""
    found = rows(MODIS + "\n".join(lines).encode())
    assert len(found) <= sum(1 + line.count("\r") for line in lines)


CASES = Path(__file__).parent / "cases"


def case(name: str) -> FirmsImport:
    """Import a shared case at 寿宁."""
    return run("350924", (CASES / name).read_bytes())


def test_what_the_archive_calls_no_vegetation_fire_is_listed_with_its_reason() -> None:
    """0 and empty go as today; 1, 2, 3 stay; 9 is named."""
    found = case("firms-archive-type.csv")
    assert [draft.external_ref for draft in found.drafts] == [
        "firms:N20:20261129T0533Z:27.4700,119.3300", "firms:N20:20261129T0533Z:27.4740,119.3340",
    ]  # fmt: skip
    assert [one.why for one in found.not_sent] == ["volcano", "static_land_source", "offshore"]
    assert [(one.line, one.field) for one in found.problems] == [(7, "type")]


def test_one_detection_in_two_products_is_one() -> None:
    """Near real time with five decimals, the archive with four."""
    near, archive = case("firms-nrt.csv"), case("firms-sp-4dec.csv")
    assert {one.external_ref for one in near.drafts} == {one.external_ref for one in archive.drafts}
    assert len(near.drafts) == 2


def test_one_satellite_has_one_name() -> None:
    """Suomi-NPP, NPP and SNPP; NOAA-20, NOAA20 and J1."""
    found = case("firms-satellite-names.csv")
    assert [one.external_ref.split(":")[1] for one in found.drafts if one.external_ref] == ["N", "N20"]
    assert found.repeated == 4


@pytest.mark.parametrize("name", ["noaa 20", "NOAA_20", "jpss-1", "n20", "1"])
def test_satellites_are_known_however_they_are_spelled(name: str) -> None:
    """Blanks, hyphens, underlines and case make no other satellite."""
    data = VIIRS + f"27.48,119.34,340.1,0.4,0.4,2026-11-29,0610,{name},VIIRS,n,2,290.0,3.5,D\n".encode()
    (one,) = rows(data)
    assert isinstance(one, Detection)
    assert one.satellite == "N20"


@given(st.decimals(-89, 89, places=5), st.decimals(-179, 179, places=5))
def test_a_reference_of_before_is_the_reference_of_today(latitude: Decimal, longitude: Decimal) -> None:
    """Rounding twice is rounding once, so that what was sent before is known."""
    then = f"firms:N20:20261129T0610Z:{latitude},{longitude}"
    assert canonical_reference(canonical_reference(then)) == canonical_reference(then)


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r"])
def test_lines_of_a_file_end_as_they_like(end: bytes) -> None:
    """Any kind of line end separates rows."""
    data = (CASES / "firms-nrt.csv").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", end)
    assert len(run("350924", data).drafts) == 2
