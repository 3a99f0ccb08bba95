"""Vectors of what the first record that a station reads opens: who owes whom, until when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.contract_charters import POLICY, changed, put, version
from tests.vectors.contract_keys import Case
from tests.vectors.contract_obligations import WORDS
from tests.vectors.contract_records import found
from tests.vectors.maker import PARTNER, SENDER, THIRD, of_source
from tests.world.simulator import World
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from collections.abc import Iterator

AT: Final = "2026-11-23T08:05:00.000Z"
FRIDAY: Final = "2026-09-25T07:00:00.000Z"
"""25 September 2026, 15:00 in Beijing: a holiday; the 1st to the 7th of October are, too."""
FIRE: Final = "yizhan.incident.forest_fire.v1"
REPORT: Final = "yizhan.intelligence.report.v1"
REQUEST: Final = "yizhan.assistance.request.v1"
PLAN: Final = "yizhan.patrol.plan.v1"


def rule(name: str, owes: str, when: dict[str, Any], due: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Write a rule."""
    return {
        "id": name, "owes": owes, "opens": {"when": [when]}, "due": due,
        "discharged": {"when": [{"stage": ["final"]}], "by": "thread"}, "what": WORDS, "because": WORDS, **more,
    }  # fmt: skip


RULES: Final = [
    rule("acknowledge", "recipients", {"way": ["alarm"]}, {"minutes": 5}),
    rule("follow-up", "sender", {"type": [FIRE], "stage": ["first"]}, {"hours": 2}),
    rule("measured", "sender", {"type": [FIRE]}, {"hours": 24}, audit=True),
    rule("refusing", "who-refused", {}, {"days": 1}) | {"opens": {"refused": ["acknowledge"]}},
    rule("feedback", "recipients", {"type": [REPORT], "wants": ["feedback"]}, {"days": 30}),
    rule("identity", "recipients", {"type": [REQUEST], "wants": ["identity"]}, {"days": 7}),
    rule("papers", "recipients", {"type": [REQUEST], "wants": ["assistance"]}, {"working_days": 1}),
    rule("countersign", "both", {"type": [PLAN]}, {"working_days": 3, "since": "expires"}),
    rule("received", "sender", {"receipt": ["declined"]}, {"days": 1}),
]
ONE: Final = [version(changed(POLICY, put("obligations", value=RULES)))]
PLAIN: Final[dict[str, Any]] = {"stage": None, "touches": None, "priority": "urgent"}
MINUTES: Final = timedelta(minutes=1)


def opens() -> Iterator[Case]:
    """Records of 350924, each the first that the station reads."""
    world = World(SIX)
    both = (THIRD, PARTNER)
    rows: tuple[tuple[str, str, str, tuple[str, ...], dict[str, Any]], ...] = (
        ("alarm", "A fire: recipients owe an acknowledgement, the sender its next report.", AT, (PARTNER,), {}),
        ("alarm-to-two", "Two recipients: one entry for both.", AT, both, {}),
        ("alarm-to-one-of-two", "An alarm for one, the quarter for the other.", AT, both,
         {"touches": (PARTNER,), "priority": "routine", "stage": "update"}),
        ("thread", "A fire in a thread.", AT, (PARTNER,), {"subject": of_source(SENDER, 1)["id"]}),
        ("thread-of-itself", "A thread that it names itself.", AT, (PARTNER,), {"subject": "itself"}),
        ("exercise", "An exercise opens nothing.", AT, (PARTNER,), {"status": "Exercise"}),
        ("withdrawal", "A withdrawal opens nothing.", AT, (PARTNER,), {"withdraws": of_source(SENDER, 1)}),
        ("correction", "A correction opens what its first report would.", AT, (PARTNER,),
         {"supersedes": of_source(SENDER, 1)}),
        ("learnt-40-days-ago", "Learnt 40 days before: it still opens.", AT, (PARTNER,), {"time": -40 * 1440}),
        ("learnt-before-that", "Learnt a minute earlier: it opens nothing.", AT, (PARTNER,), {"time": -40 * 1440 - 1}),
        ("days", "30 days, to the end of the last.", AT, (PARTNER,), PLAIN | {"type": REPORT, "wants": "feedback"}),
        ("days-after-midnight", "In the alliance's time zone it is the next day already.", "2026-11-23T17:00:00.000Z",
         (PARTNER,), PLAIN | {"type": REPORT, "wants": "feedback"}),
        ("days-to-a-holiday", "The seventh day is a holiday.", FRIDAY, (PARTNER,),
         PLAIN | {"type": REQUEST, "wants": "identity"}),
        ("days-flash", "Somebody may be in custody: it is not prolonged.", FRIDAY, (PARTNER,),
         PLAIN | {"type": REQUEST, "wants": "identity", "priority": "flash"}),
        ("working-day", "The first working day after the holidays.", "2026-09-30T16:00:00.000Z", (PARTNER,),
         PLAIN | {"type": REQUEST, "wants": "assistance"}),
        ("working-day-flash", "Flash changes nothing of working days.", "2026-09-30T16:00:00.000Z", (PARTNER,),
         PLAIN | {"type": REQUEST, "wants": "assistance", "priority": "flash"}),
        ("working-day-made-up", "A Saturday on which people work.", "2026-10-09T02:00:00.000Z", (PARTNER,),
         PLAIN | {"type": REQUEST, "wants": "assistance"}),
        ("both", "Both owe, since it was received: it has no expires.", AT, both, PLAIN | {"type": PLAN}),
        ("both-expires", "Since it expires.", AT, (PARTNER,),
         PLAIN | {"type": PLAN, "expires": "2026-12-31T15:59:59.999Z"}),
        ("both-expired", "It expired before: since it was received.", AT, (PARTNER,),
         PLAIN | {"type": PLAN, "expires": "2026-11-01T00:00:00.000Z"}),
        ("both-expires-late", "It expires after more than 400 days.", AT, (PARTNER,),
         PLAIN | {"type": PLAN, "expires": "2030-01-01T00:00:00.000Z"}),
        ("both-answer", "An answer to a plan that the station did not read binds nobody.", AT, (PARTNER,),
         PLAIN | {"type": PLAN, "reply_to": of_source(PARTNER, 1)}),
        ("declined", "A refusal of what the station did not read, and what a receipt opens.", AT, (PARTNER,),
         PLAIN | {"type": RECEIPT, "receipt": {"stage": "declined", "event": of_source(PARTNER, 1)}}),
        ("nothing", "What no rule names.", AT, (PARTNER,), PLAIN | {"type": REPORT}),
    )  # fmt: skip
    for name, sentence, received, to, attributes in rows:
        said = dict(attributes)
        said["time"] = written(instant(received) + said.pop("time", 0) * MINUTES)
        header = world.header(SENDER, to, **({name: value for name, value in said.items() if value != "itself"}))
        if said.get("subject") == "itself":
            header = header.model_copy(update={"subject": header.id})
        yield name, sentence, found(world.seal(header), received, ONE), True
    record = world.event(SENDER, (PARTNER,))
    for name, sentence, value, received in (
        ("refused-signature", "Refused: nothing is opened.", record[:-1] + bytes([record[-1] ^ 1]), AT),
        ("refused-future", "From the future.", world.event(SENDER, (PARTNER,), time="2026-11-23T09:00:00.000Z", **(
            PLAIN | {"type": REPORT})), AT),
    ):  # fmt: skip
        yield name, sentence, found(value, received, ONE), False
