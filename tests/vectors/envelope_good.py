"""The envelope's vectors that come in and open."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.vectors.maker import HASH, PARTNER, SENDER, THIRD
from tests.world.forge import changed
from tests.world.simulator import BOOK, INTELLIGENCE, NOW
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from tests.vectors.maker import Maker


def recipients(make: Maker) -> None:
    """One recipient and many, few attributes and all."""
    ref = {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}
    own = {"id": f"{SENDER}-{BOOK}-1", "hash": HASH}
    make.add("one-recipient", "A forest fire that touches its one recipient rings.", make.good())
    others = tuple(code for code in SIX if code != SENDER)
    make.add(
        "five-recipients",
        "One ciphertext, five wraps: it rings where it touches, and waits elsewhere.",
        make.good(to=others, touches=(PARTNER, THIRD)),
    )
    make.add(
        "minimal-header",
        "Only the required attributes.",
        make.good(type="yizhan.outreach.campaign.v1", stage=None, touches=None, priority="routine"),
    )
    make.add(
        "every-attribute",
        "Every attribute at once but receipt and withdraws.",
        make.good(
            source=SENDER,
            subject=own["id"],
            grade=3,
            certainty="Observed",
            stage="update",
            worse=True,
            reply_to=ref,
            supersedes=own,
            expires=written(NOW + timedelta(hours=6)),
            wants="feedback",
            period="2026Q4",
        ),
    )


def kinds(make: Maker) -> None:
    """What the table decides otherwise than for a first report of a fire."""
    own = {"id": f"{SENDER}-{BOOK}-1", "hash": HASH}
    make.add("exercise", "An exercise never rings.", make.good(status="Exercise"))
    make.add(
        "unit",
        "A unit of a county numbers its own book; its county's key signs.",
        make.forged(changed(make.header(), source=f"{SENDER}.forest", id=f"{SENDER}.forest-{BOOK}-1")),
    )
    make.add(
        "unknown-type",
        "A type that the policy does not name goes the last route.",
        make.good(type="yizhan.weather.report.v3", stage=None, touches=None),
    )
    make.add(
        "touches-nobody", "An empty touches tells no more than a missing one: a fire rings.", make.good(touches=())
    )
    make.add("correction", "A correction of a fire arrives quietly.", make.good(supersedes=own))
    make.add("withdrawal", "A withdrawal by the event's own sender arrives quietly.", make.good(withdraws=own))


def of_the_system(make: Maker) -> None:
    """Receipts and notices."""
    ref = {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}
    make.add(
        "receipt-delivered",
        "A cumulative receipt for a lane, with numbers past a gap.",
        make.good(
            payload=b"{}",
            type=RECEIPT,
            stage=None,
            touches=None,
            priority="routine",
            receipt={
                "stage": "delivered",
                "source": PARTNER,
                "book": BOOK,
                "lane": "prompt",
                "up_to": 5,
                "beyond": [7, 9],
            },
        ),
    )
    make.add(
        "receipt-acknowledged",
        "A person's receipt names one event.",
        make.good(
            payload=b"{}",
            type=RECEIPT,
            stage=None,
            touches=None,
            priority="routine",
            receipt={"stage": "acknowledged", "event": ref},
        ),
    )
    make.add(
        "notice",
        "A notice of the system itself travels quietly, by protocol.",
        make.good(payload=b"{}", type=NOTICE, stage=None, touches=None, priority="flash"),
    )


def borders(make: Maker) -> None:
    """Clocks, spellings and lengths that are just good."""
    make.add(
        "clock-ahead-fire",
        "A fire from a clock that runs ahead comes in, marked.",
        make.good(time=written(NOW + timedelta(hours=9))),
    )
    make.add(
        "clock-within-tolerance",
        "Five minutes ahead are within the tolerance.",
        make.good(type=INTELLIGENCE, time=written(NOW + timedelta(minutes=5))),
    )
    make.add(
        "header-spelled-otherwise",
        "White space, another order and escapes: the bytes that were signed count.",
        make.forged(
            json.dumps(json.loads(make.header().to_bytes()), indent=1).replace("Actual", "\\u0041ctual").encode()
        ),
    )
    make.add(
        "what-is-wanted",
        "A request says in one closed word which answer it wants.",
        make.good(type="yizhan.assistance.request.v1", stage="first", touches=None, wants="identity-far"),
    )
    make.add("payload-empty", "An empty payload is padded to 256 bytes.", make.good(payload=b""))
    make.add("payload-of-255", "255 bytes and the marker fill 256.", make.good(payload=bytes(255)))
    make.add("payload-of-256", "256 bytes and the marker are padded to 272.", make.good(payload=b"\x80" + bytes(255)))


STEPS = (recipients, kinds, of_the_system, borders)
