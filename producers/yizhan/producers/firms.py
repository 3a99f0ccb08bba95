"""NASA FIRMS: satellite detections of fire, from the CSV files that NASA publishes.

Rule 1: a county reports its own territory: a detection elsewhere is counted and left to its county.
Rule 2: a detection that touches no other member is listed and not sent (the agreement is about matters of both).
Rule 3: the same detection has the same ``external_ref``, whenever, however often and from whichever product it is
        imported: canonical name of the satellite, minute, position with the four decimals that every product has.
Rule 4: a bad row names file, line and column, and the good rows still go.
Rule 5: times are NASA's, unless the caller asks for them to be moved; then the summary says so.
Rule 6: a detection from the future is a bad row; the age of the newest is returned; the caller decides.
Rule 7: what the archive calls no vegetation fire (type 1 volcano, 2 static source on land, 3 offshore) is listed with
        that reason and stays; a type that NASA does not have is a bad row.

Columns, MODIS and VIIRS: NASA Earthdata, "Active Fire Data Attributes for MODIS and VIIRS".
Classes of confidence: MODIS Collection 6 Active Fire Product User's Guide, Rev. C (December 2020),
section on detection confidence: low below 30 %, nominal from 30 % to below 80 %, high from 80 %.
VIIRS files name the class itself: l, n, h, or in full.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final, Literal

from yizhan.producers.drafts import MAX_LINE_BYTES, Draft, LineProblem, Office, parse_draft, too_long
from yizhan.producers.geography import Outlines
from yizhan.producers.json_pieces import numbered_lines
from yizhan.producers.satellites import SATELLITES, reference_of, satellite_of
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.table import HOTSPOT
from yizhan.schemas.sentences import technical
from yizhan.schemas.timestamps import written

NOMINAL_FROM: Final = 30
HIGH_FROM: Final = 80
PERCENT: Final = 100

Confidence = Literal["low", "nominal", "high"]
Certainty = Literal["Possible", "Likely", "Observed"]
CERTAINTY: Final[Mapping[Confidence, Certainty]] = {"low": "Possible", "nominal": "Likely", "high": "Observed"}
"""NASA's class → CAP certainty: a low one arrives quietly, the others ring."""
_LETTERS: Final[Mapping[str, Confidence]] = {
    "l": "low", "low": "low", "n": "nominal", "nominal": "nominal", "h": "high", "high": "high",
}  # fmt: skip
Why = Literal["touches_no_other_member", "volcano", "static_land_source", "offshore"]
_TYPES: Final[Mapping[str, Why | None]] = {
    "": None, "0": None, "1": "volcano", "2": "static_land_source", "3": "offshore",
}  # fmt: skip
"""``type`` of the archive's products ("Active Fire Data Attributes"); None for a presumed vegetation fire."""
COLUMNS: Final = ("latitude", "longitude", "scan", "track", "acq_date", "acq_time", "satellite", "confidence", "frp")
"""Columns that must be there; others may be, in any order."""

_COLUMNS_FIRST: Final = marked("第一行应写明各列：{columns}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,12})?")
_TIME = re.compile(r"[0-9]{1,4}|[0-9]{1,2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Detection:
    """One row that holds together."""

    line: int
    latitude: float
    longitude: float
    scan_km: float
    track_km: float
    at: datetime
    """Time of the overpass, UTC."""
    satellite: str
    """Short name: T, A, N, N20, N21, or the text of the column."""
    confidence: int | Confidence
    """MODIS: percent; VIIRS: the class."""
    frp_mw: float
    product: str
    no_fire: Why | None = None
    """Why it is no vegetation fire, as the archive says."""

    @property
    def confidence_class(self) -> Confidence:
        """NASA's class."""
        if isinstance(self.confidence, str):
            return self.confidence
        if self.confidence < NOMINAL_FROM:
            return "low"
        return "nominal" if self.confidence < HIGH_FROM else "high"

    @property
    def external_ref(self) -> str:
        """Name it by satellite, time and place: ``firms:T:20220403T0251Z:27.1700,120.3667``."""
        return reference_of(self.satellite, f"{self.at:%Y%m%dT%H%MZ}", str(self.latitude), str(self.longitude))

    @property
    def former_ref(self) -> str:
        """The name that earlier versions gave it, with five decimals."""
        return f"firms:{self.satellite}:{self.at:%Y%m%dT%H%MZ}:{self.latitude:.5f},{self.longitude:.5f}"

    @property
    def accuracy_m(self) -> float:
        """Half the diagonal of the pixel: the fire may be anywhere in it."""
        return round(math.hypot(self.scan_km, self.track_km) / 2 * 1000)


@dataclass(frozen=True, slots=True)
class NotSent:
    """A detection on one's own territory that is listed and not sent."""

    detection: Detection
    certainty: Certainty
    why: Why = "touches_no_other_member"


@dataclass(frozen=True, slots=True)
class FirmsImport:
    """What a file holds for a county."""

    in_members: Mapping[str, int]
    """Member code → detections on its territory, each counted once."""
    drafts: tuple[Draft, ...]
    """To be sent: on one's own territory, near another member's."""
    not_sent: tuple[NotSent, ...]
    outside: int
    """Detections on no member's territory."""
    repeated: int
    """Rows that repeat a detection of an earlier row."""
    problems: tuple[LineProblem, ...] = field(default=())
    newest: datetime | None = None
    """Time of the last overpass of those on one's own territory, UTC, as NASA says."""


@dataclass(frozen=True, slots=True)
class FirmsContext:
    """The county that imports, and the members of its alliance."""

    county: str
    members: Collection[str]
    outlines: Outlines
    strip_km: float
    """Width of the border strip (policy: ``border_strip_km``)."""
    office: Office = field(default_factory=Office)


class _RowInvalid(YizhanError):
    """One column of one row; becomes a ``LineProblem`` and never leaves this file."""

    def __init__(self, column: str, expected: str, got: str) -> None:
        super().__init__(column)
        self.problem = (column, expected, repr(got[:40]))


def import_firms(
    stream: BinaryIO,
    name: str,
    context: FirmsContext,
    shift_to: datetime | None = None,
    now: datetime | None = None,
) -> FirmsImport:
    """Read a file and place every detection.

    Args:
        stream: open in binary mode.
        name: how to call the file in problems.
        context: the importing county and its alliance.
        shift_to: if given, all times move by the same span so that the newest is this instant.
        now: if given, a detection after it is a bad row.

    Raises:
        OSError: the file cannot be read any further.
    """
    seen: dict[str, Detection] = {}
    problems: list[LineProblem] = []
    repeated = 0
    for found in read_detections(stream, name):
        if isinstance(found, LineProblem):
            problems.append(found)
        elif now is not None and found.at - now > CLOCK_TOLERANCE:
            problems.append(LineProblem(name, found.line, "acq_date", _("探测时间在未来"), written(found.at)))
        elif found.external_ref in seen:
            repeated += 1
        else:
            seen[found.external_ref] = found
    counts: Counter[str] = Counter()
    own, outside = [], 0
    for one in seen.values():
        county = context.outlines.county_at(one.longitude, one.latitude)
        if county is None or county not in context.members:
            outside += 1
            continue
        counts[county] += 1
        if county == context.county:
            own.append(one)
    shift = None if shift_to is None or not seen else shift_to - max(one.at for one in seen.values())
    drafts, not_sent = _sorted_out(own, context, shift)
    return FirmsImport(
        dict(sorted(counts.items())),
        drafts,
        not_sent,
        outside,
        repeated,
        tuple(problems),
        max((one.at for one in own), default=None),
    )


def _sorted_out(
    own: list[Detection], context: FirmsContext, shift: timedelta | None
) -> tuple[tuple[Draft, ...], tuple[NotSent, ...]]:
    """Divide the detections on the county's own territory into those to be sent and those not."""
    drafts, not_sent = list[Draft](), list[NotSent]()
    for one in own:
        if one.no_fire is not None:
            not_sent.append(NotSent(one, CERTAINTY[one.confidence_class], one.no_fire))
            continue
        near = context.outlines.members_within(
            one.longitude, one.latitude, context.strip_km, context.members, context.county
        )
        if near:
            drafts.append(draft_of(one, near, context, shift))
        else:
            not_sent.append(NotSent(one, CERTAINTY[one.confidence_class]))
    return tuple(drafts), tuple(not_sent)


def draft_of(
    one: Detection, near: tuple[tuple[str, float], ...], context: FirmsContext, shift: timedelta | None
) -> Draft:
    """Write the draft of a detection; ``near`` is not empty, the nearest first."""
    certainty = CERTAINTY[one.confidence_class]
    km, bearing = context.outlines.distance(one.longitude, one.latitude, near[0][0])
    touches = tuple(sorted(code for code, _km in near))
    moved = "" if shift is None else "（时间已平移，非卫星实际过境时间）"
    neighbour = context.outlines.name(near[0][0])
    office = context.office.model_dump(mode="json", exclude_none=True)
    payload: dict[str, Any] = {
        "org_code": f"{context.county}000000",
        **office,
        "classification": "内部",
        "place": {
            "county": context.county,
            "position": {"coordinates": [one.longitude, one.latitude], "accuracy_m": one.accuracy_m},
        },
        "border": {"distance_m": round(km * 1000), "bearing": round(bearing, 1) % 360},
        "summary": f"卫星热点，待核查：距{neighbour}界约{km:.1f}公里，置信度{one.confidence}{moved}。",
        "ask": ["知悉"],
        "satellite": SATELLITES.get(one.satellite, ("", one.satellite))[1],
        "detected_at": written(one.at + (shift or timedelta())),
        "confidence": one.confidence,
        "frp_mw": one.frp_mw,
        "pixel_km": [one.scan_km, one.track_km],
        "verification": "待核查",
        "product": one.product,
    }
    return parse_draft(
        {
            "type": HOTSPOT,
            "to": list(touches),
            "touches": list(touches),
            "certainty": certainty,
            "priority": "routine" if certainty == "Possible" else "urgent",
            "stage": "first",
            "external_ref": one.external_ref,
            "payload": payload,
        }
    )


def read_detections(stream: BinaryIO, name: str) -> Iterator[Detection | LineProblem]:
    """Read the rows of a file: detections, and what is wrong with the others.

    Every line is read by itself: a stray quotation mark takes no other row along.
    """
    columns: list[str] | None = None
    for number, line in numbered_lines(stream, MAX_LINE_BYTES):
        if isinstance(line, int):
            yield too_long(name, number, line)
            continue
        if not line.strip():
            continue
        try:
            values = _split(line)
            if columns is None:
                columns = _header(values)
            else:
                yield _detection(number, _named(columns, values))
        except _RowInvalid as error:
            yield LineProblem(name, number, *error.problem)
            if columns is None:
                return
    if columns is None:
        yield LineProblem(name, 1, "", _(_COLUMNS_FIRST).format(columns=", ".join(COLUMNS)), _("空"))


def _split(line: bytes) -> list[str]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise _RowInvalid("", _("应为 UTF-8；请将文件另存为 UTF-8"), line.decode("utf-8", "replace")) from None
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise _RowInvalid("", technical(_("应为逗号分隔的各列"), error), text) from None


def _header(values: list[str]) -> list[str]:
    columns = [value.strip().lower() for value in values]
    if missing := [column for column in COLUMNS if column not in columns]:
        raise _RowInvalid(missing[0], _(_COLUMNS_FIRST).format(columns=", ".join(COLUMNS)), ",".join(values))
    if twice := [column for column, count in Counter(columns).items() if count > 1 and column in COLUMNS]:
        raise _RowInvalid(twice[0], _("同一列只能有一次"), ",".join(values))
    return columns


def _named(columns: list[str], values: list[str]) -> dict[str, str]:
    if len(values) != len(columns):
        raise _RowInvalid("", _("应有 {count} 列").format(count=len(columns)), f"{len(values)}: {','.join(values)}")
    return {column: value.strip() for column, value in zip(columns, values, strict=True)}


def _detection(number: int, row: dict[str, str]) -> Detection:
    satellite = row["satellite"]
    if not re.fullmatch(r"[A-Za-z0-9 _-]{1,20}", satellite) or not satellite_of(satellite):
        raise _RowInvalid("satellite", _("应为卫星名称"), satellite)
    kind = re.sub(r"\.0+$", "", row.get("type", ""))
    if kind not in _TYPES:
        sentence = _("应为 0（植被火）、1（火山）、2（陆上固定热源）、3（海上）或空")
        raise _RowInvalid("type", sentence, kind)
    instrument = row.get("instrument") or ("VIIRS" if "bright_ti4" in row else "MODIS")
    return Detection(
        line=number,
        latitude=_number(row, "latitude", -90, 90),
        longitude=_number(row, "longitude", -180, 180),
        scan_km=_number(row, "scan", 0.01, 100),
        track_km=_number(row, "track", 0.01, 100),
        at=_instant(row),
        satellite=satellite_of(satellite),
        confidence=_confidence(row["confidence"]),
        frp_mw=_number(row, "frp", 0, 1e6),
        product=" ".join(["NASA FIRMS", instrument, row.get("version", "")]).strip()[:120],
        no_fire=_TYPES[kind],
    )


def _number(row: dict[str, str], column: str, low: float, high: float) -> float:
    text = row[column]
    # float() also takes other scripts' digits, underscores, nan and inf.
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise _RowInvalid(column, _("应为 {low:g} 到 {high:g} 的数").format(low=low, high=high), text)
    return float(text)


def _confidence(text: str) -> int | Confidence:
    if (level := _LETTERS.get(text.lower())) is not None:
        return level
    if re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= PERCENT:
        return int(text)
    raise _RowInvalid("confidence", _("应为 0 到 100（MODIS），或 l、n、h（VIIRS）"), text)


def _instant(row: dict[str, str]) -> datetime:
    day, time = row["acq_date"], row["acq_time"]
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
        raise _RowInvalid("acq_date", _("应为日期，如 2022-04-03"), day)
    if not _TIME.fullmatch(time):
        raise _RowInvalid("acq_time", _("应为 UTC 时刻，如 0251"), time)
    # NASA's own interfaces write 51 minutes past midnight as 0051, 51 or 00:51.
    digits = time.replace(":", "").zfill(4)
    try:
        return datetime.fromisoformat(f"{day}T{digits[:2]}:{digits[2:]}:00").replace(tzinfo=UTC)
    except ValueError:
        raise _RowInvalid("acq_date", _("没有这个日期和时刻"), f"{day} {time}") from None
