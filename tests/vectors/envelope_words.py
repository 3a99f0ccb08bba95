"""The envelope's vectors of words: receipts, references, what the table decides, and odd spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.vectors.maker import HASH, PARTNER, SENDER, THIRD, of_source
from tests.world.forge import changed
from tests.world.simulator import BOOK, INTELLIGENCE
from yizhan.schemas.header import RECEIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.vectors.maker import Maker

HOTSPOT: Final = "yizhan.incident.hotspot.v1"
CRIME: Final = "yizhan.incident.eco_crime.v1"
LANE: Final = {"lane": "prompt", "n": 1}


def receipt(**what: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any shape
    """Return the attributes that a header has as a receipt."""
    return {"type": RECEIPT, "stage": None, "touches": None, "priority": "routine", "receipt": what}


UNIT: Final = f"{SENDER}.forest"
COUNTY, FOREST, THEIRS = of_source(SENDER, 1), of_source(UNIT, 1), of_source(PARTNER, 7)
LANE_HERE: Final[dict[str, Any]] = {
    "stage": "delivered",
    "source": PARTNER,
    "book": BOOK,
    "lane": "digest",
    "up_to": 0,
}
REFUSED_RECEIPTS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "malformed-receipt-stage": ("A stage that does not exist.", {"stage": "read", "event": THEIRS}),
    "malformed-receipt-two-shapes": ("delivered, and an event.", LANE_HERE | {"event": THEIRS}),
    "malformed-receipt-lane-of-an-event": (
        "acted, and a lane.",
        {"stage": "acted", "event": THEIRS, "lane": "prompt"},
    ),
    "malformed-receipt-no-event": ("acted, and no event.", {"stage": "acted"}),
    "malformed-receipt-no-book": ("delivered without a book.", {k: v for k, v in LANE_HERE.items() if k != "book"}),
    "malformed-receipt-below-zero": ("delivered up to -1.", LANE_HERE | {"up_to": -1}),
    "malformed-receipt-beyond-falls": ("beyond does not rise.", LANE_HERE | {"beyond": [9, 7]}),
    "malformed-receipt-beyond-twice": ("A number twice in beyond.", LANE_HERE | {"beyond": [7, 7]}),
    "bad-reference-lane-of-another": ("A lane of a third county.", LANE_HERE | {"source": THIRD}),
    "bad-reference-receipt-to-two": ("A receipt to two counties.", {"stage": "acted", "event": THEIRS}),
}
REFERENCES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (
        "reference-unit-supersedes-county",
        "A unit corrects its county.",
        {"source": UNIT, "id": f"{UNIT}-{BOOK}-5", "supersedes": COUNTY},
    ),
    ("reference-county-withdraws-unit", "A county withdraws what its unit sent.", {"withdraws": FOREST}),
    (
        "reference-between-units",
        "One unit corrects another.",
        {"source": UNIT, "id": f"{UNIT}-{BOOK}-6", "supersedes": of_source(f"{SENDER}.police", 2)},
    ),
    ("reference-reply-to-a-unit", "A reply to another county's unit.", {"reply_to": of_source(f"{THIRD}.police", 3)}),
    (
        "bad-reference-supersedes-a-unit",
        "It supersedes what another county's unit sent.",
        {"supersedes": of_source(f"{PARTNER}.police", 7)},
    ),
)
DECISIONS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    "fire-grows": ("An update of a fire that grew rings.", {"stage": "update", "worse": True}),
    "fire-does-not-grow": ("worse, false, says what a missing one says.", {"stage": "update", "worse": False}),
    "fire-elsewhere": ("A fire that touches others arrives quietly.", {"touches": [THIRD], "stage": "update"}),
    "fire-first-elsewhere": ("A first report of it waits for the quarter.", {"touches": [THIRD]}),
    "correction-of-a-fire-that-grew": (
        "A correction that says that it grew rings.",
        {"worse": True, "supersedes": of_source(SENDER, 1)},
    ),
    "withdrawal-beats-correction": (
        "It withdraws and corrects: it withdraws.",
        {"worse": True, "supersedes": of_source(SENDER, 1), "withdraws": of_source(SENDER, 2)},
    ),
    "correction-beats-reply": (
        "It corrects and replies: it corrects.",
        {"supersedes": of_source(SENDER, 1), "reply_to": of_source(PARTNER, 2)},
    ),
    "hotspot-likely": ("A likely hotspot rings.", {"type": HOTSPOT, "certainty": "Likely", "stage": None}),
    "hotspot-possible": ("A possible one arrives quietly.", {"type": HOTSPOT, "certainty": "Possible", "stage": None}),
    "hotspot-in-reply": (
        "A likely one in reply arrives quietly.",
        {"type": HOTSPOT, "certainty": "Likely", "stage": None, "reply_to": of_source(PARTNER, 2)},
    ),
    "crime-of-grade-2": ("A crime of grade 2 rings.", {"type": CRIME, "grade": 2}),
    "crime-of-grade-3": ("One of grade 3 waits.", {"type": CRIME, "grade": 3}),
    "intelligence-flash": ("Flash intelligence rings.", {"type": INTELLIGENCE, "priority": "flash"}),
    "intelligence-routine": ("Routine intelligence waits.", {"type": INTELLIGENCE, "priority": "routine"}),
    "test-of-a-fire": ("A test never rings.", {"status": "Test"}),
    "touches-twice": (
        "touches in any order, one twice, of no member.",
        {"touches": ["999999", PARTNER, THIRD, PARTNER]},
    ),
}
SPELLINGS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("second-60", "A leap second.", {"time": "2026-11-23T07:59:60.000Z"}),
    ("hour-24", "Hour 24.", {"time": "2026-11-22T24:00:00.000Z"}),
    ("small-z", "A small z.", {"time": "2026-11-23T08:00:00.000z"}),
    ("small-t", "A small t.", {"time": "2026-11-23t08:00:00.000Z"}),
    ("offset", "Another zone than UTC.", {"time": "2026-11-23T16:00:00.000+08:00"}),
    ("microseconds", "Six decimals.", {"time": "2026-11-23T08:00:00.000000Z"}),
    ("year-zero", "The year 0.", {"time": "0000-11-23T08:00:00.000Z"}),
    ("leap-day", "The 29th of February of a common year.", {"expires": "2027-02-29T00:00:00.000Z"}),
    ("year-1999", "A time before the year 2000.", {"time": "1999-12-31T23:59:59.999Z"}),
    ("year-2200", "An expiry in the year 2200.", {"expires": "2200-01-01T00:00:00.000Z"}),
    ("period-1999", "A period before the year 2000.", {"period": "1999"}),
    ("period-2200", "A period of the year 2200.", {"period": "2200-01"}),
    ("period-month-zero", "A month 00.", {"period": "2026-00"}),
    ("period-quarter-five", "A fifth quarter.", {"period": "2026Q5"}),
    ("period-short", "A year of two digits.", {"period": "26"}),
    ("grade-zero", "Grade 0.", {"grade": 0}),
    ("grade-text", "A grade as text.", {"grade": "3"}),
    ("worse-text", "A truth as text.", {"worse": "yes"}),
    ("lane-zero", "Lanes count from 1.", {"lanes": {PARTNER: {"lane": "prompt", "n": 0}}}),
    ("lane-other", "A lane that does not exist.", {"lanes": {PARTNER: {"lane": "alarm", "n": 1}}}),
    ("lane-more", "A lane with another attribute.", {"lanes": {PARTNER: LANE | {"of": 3}}}),
    ("ref-more", "A reference with another attribute.", {"reply_to": of_source(PARTNER, 7) | {"why": ""}}),
    ("ref-hash-upper", "A hash in upper case.", {"reply_to": of_source(PARTNER, 7) | {"hash": "AB" * 32}}),
    ("charter-name", "A charter without a hash.", {"charter": "1"}),
    ("type-other", "A type of somebody else.", {"type": "weather.report.v1"}),
    ("type-version-zero", "A type of version 0.", {"type": "yizhan.notice.v0"}),
    ("unit-upper", "A unit in upper case.", {"source": f"{SENDER}.Forest", "id": f"{SENDER}.Forest-{BOOK}-1"}),
    ("book-short", "A book of three characters.", {"id": f"{SENDER}-abc-1"}),
    ("code-newline", "A code and a newline.", {"to": [f"{PARTNER}\n"]}),
    ("kid-short", "A kid of 63 digits.", {"kid": "0" * 63}),
    ("specversion", "specversion 1.1.", {"specversion": "1.1"}),
    ("certainty", "A certainty outside its list.", {"certainty": "observed"}),
    ("stage", "A stage outside its list.", {"stage": "last"}),
    ("priority", "A priority outside its list.", {"priority": "high"}),
    ("expires", "expires that is no instant.", {"expires": "2026-11-24"}),
    ("touches-nested", "An array in an array.", {"touches": [[PARTNER]]}),
    ("to-text", "to as text.", {"to": PARTNER}),
)
"""Headers that break the table of attributes by a hair."""


def receipts(make: Maker) -> None:
    """Every stage, and both shapes."""
    unit = of_source(f"{PARTNER}.police", 7)
    for stage in ("unopenable", "fetched", "unfetched", "acted", "declined"):
        make.add(
            f"receipt-{stage}",
            f"A receipt of stage {stage}.",
            make.good(payload=b"{}", **receipt(stage=stage, event=THEIRS)),
        )
    make.add("receipt-nothing-yet", "Nothing has arrived in a lane.", make.good(payload=b"{}", **receipt(**LANE_HERE)))
    make.add(
        "receipt-beyond-empty",
        "beyond may be empty.",
        make.forged(changed(make.good_receipt(), receipt=LANE_HERE | {"beyond": []})),
    )
    make.add(
        "receipt-of-a-unit",
        "An event of a unit is confirmed to its county.",
        make.good(payload=b"{}", **receipt(stage="acted", event=unit)),
    )
    make.add(
        "receipt-of-a-units-lane",
        "A lane of a unit is confirmed to its county.",
        make.good(payload=b"{}", **receipt(**LANE_HERE | {"source": f"{PARTNER}.police"})),
    )
    for name, (sentence, what) in REFUSED_RECEIPTS.items():
        to = (THIRD, PARTNER) if name.endswith("-two") else (PARTNER,)
        make.add(name, sentence, make.forged(changed(make.good_receipt(to), receipt=what), *to))


def references(make: Maker) -> None:
    """Units share their county's authority; only three attributes are references."""
    own = make.header()
    for name, sentence, changes in REFERENCES:
        make.add(name, sentence, make.forged(changed(own, **changes)))
    itself = {"id": own.id, "hash": HASH}
    make.add(
        "reference-subject-is-itself", "subject may be the event itself.", make.forged(changed(own, subject=own.id))
    )
    make.add("bad-reference-withdraws-itself", "It withdraws itself.", make.forged(changed(own, withdraws=itself)))
    make.add("bad-reference-supersedes-itself", "It supersedes itself.", make.forged(changed(own, supersedes=itself)))


def decisions(make: Maker) -> None:
    """Every fact of the table decides somewhere."""
    for name, (sentence, changes) in DECISIONS.items():
        make.add(f"decided-{name}", sentence, make.forged(changed(make.header(), **changes)))
    for period, which in (("2026-07", "month"), ("2026Q3", "quarter"), ("2026", "year")):
        make.add(
            f"period-{which}",
            f"A period that is a {which}.",
            make.good(type="yizhan.liaison.contact.v1", period=period),
        )


def spellings(make: Maker) -> None:
    """Headers that another reader might take."""
    for name, sentence, changes in SPELLINGS:
        make.add(f"malformed-header-{name}", sentence, make.forged(changed(make.header(), **changes)))
    header = make.header()
    plain, n = header.to_bytes(), b'"n":%d' % header.lanes[PARTNER].n
    minus = changed(
        make.good_receipt(),
        receipt={"stage": "delivered", "source": PARTNER, "book": BOOK, "lane": "prompt", "up_to": 0},
    )
    for name, sentence, data in (
        ("exponent", "An integer with an exponent.", plain.replace(n, b'"n":1e0')),
        ("minus-zero", "-0 is no integer.", minus.replace(b'"up_to":0', b'"up_to":-0')),
        ("leading-zero", "A leading zero.", plain.replace(n, b'"n":01')),
        ("infinity", "Infinity.", plain.replace(n, b'"n":Infinity')),
        ("surrogate-unescaped", "A lone surrogate as bytes.", plain.replace(b'"Actual"', b'"\xed\xa0\x80"')),
        ("comment", "A comment.", plain + b"//"),
        ("comma", "A comma before the end.", plain[:-1] + b",}"),
    ):
        make.add(f"malformed-header-{name}", sentence, make.forged(data))


STEPS: Final[tuple[Callable[[Maker], None], ...]] = (receipts, references, decisions, spellings)
