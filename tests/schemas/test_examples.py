"""The worked examples of the specification: what they say is what the program does."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.schemas.obligation_cases import REQUEST, RESPONSE, ZONE, A, B, Play, local, ref
from tests.schemas.payloads.examples import EXAMPLES
from yizhan.schemas import merkle, payloads
from yizhan.schemas.envelope import padded_length
from yizhan.schemas.files import chunk_bytes, chunk_count

TEXT: Final = (Path(__file__).parents[2] / "schemas" / "README.md").read_text("utf-8")


def clause(number: str) -> str:
    """Return a clause, its cases and its example."""
    (found,) = re.findall(rf"^{re.escape(number)} .*?(?=^\d+\.\d+ |^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize("priority", ["urgent", "flash"])
def test_a_term_of_seven_days_over_a_holiday(priority: str) -> None:
    """Clause 10.8: a request of 25 September; flash is not prolonged."""
    play = Play()
    asked = datetime(2026, 9, 25, 15, tzinfo=ZONE)
    play.event(asked, A, B, wants="identity", **(REQUEST | {"priority": priority, "time": "2026-09-25T07:00:00.000Z"}))
    (due,) = [each.due for each in play.said if each.rule == "identity-request"]
    assert due == ("2026-10-08T16:00:00.000Z" if priority == "urgent" else "2026-10-02T16:00:00.000Z")
    assert f"`{due}`" in clause("10.8")


def test_an_answer_that_is_withdrawn_is_owed_again_under_another_name() -> None:
    """Clauses 10.9 and 12.7: asked, answered, withdrawn, answered; a withdrawal by a unit changes nothing."""
    play, at = Play(), local(9, 25, 15)
    times = {"time": "2026-09-25T07:00:00.000Z"}
    request = play.event(at, A, B, wants="identity", **REQUEST, **times)
    name = f"identity-request/{request.id}/{B}"
    assert [(each.obligation, each.step) for each in play.said] == [(name, "opened")]
    assert "identity-request third-day" in play.tick(at + timedelta(days=4))
    answer = play.event(at + timedelta(days=5), B, A, reply_to=ref(request), stage="final", **RESPONSE, **times)
    assert play.steps("identity-request")[-1] == "discharged"
    withdrawal = play.event(at + timedelta(days=6), B, A, withdraws=ref(answer), **RESPONSE, **times)
    again = play.said[-1]
    assert (again.obligation, again.step, again.due) == (f"{name}/{withdrawal.id}", "opened", play.said[0].due)
    play.event(at + timedelta(days=7), B, A, reply_to=ref(request), stage="final", **RESPONSE, **times)
    assert (play.said[-1].obligation, play.said[-1].step) == (again.obligation, "discharged")
    assert play.open() == set()


def test_a_joint_plan_says_in_its_header_until_when_and_what_it_wants() -> None:
    """Clause 15.5: the last millisecond of its last day (UTC+8), and a countersignature."""
    draft = EXAMPLES["yizhan.patrol.plan.v1"] | {"starts_on": "2026-11-28", "ends_on": "2026-11-30"}
    plan = payloads.TYPES["yizhan.patrol.plan.v1"].model.model_validate_json(json.dumps(draft))
    said = dict(plan.for_header())
    assert said == {"expires": "2026-11-30T15:59:59.999Z", "wants": "countersign"}
    assert all(f'"{name}":"{value}"' in clause("15.5") for name, value in said.items())


def test_a_hash_that_comes_twice_is_one_leaf() -> None:
    """Clause 14.1: A, B, A and C of the quarter before are the leaves A, B."""
    hashes = [bytes([letter]) * 32 for letter in b"ABA"]
    leaves = [merkle.leaf_hash(each) for each in dict.fromkeys(hashes)]
    assert merkle.root(leaves) == merkle.node_hash(leaves[0], leaves[1])
    assert "leaves A, B; `count` 2, `prompt` 1" in clause("14.1")


def test_a_file_of_three_chunks() -> None:
    """Clause 19.6: 1,300,000 bytes are padded to 1,310,720, in two whole chunks and one of 262,144 bytes."""
    size, tag = 1_300_000, 16
    lengths = [chunk_bytes(size, index) - tag for index in range(chunk_count(size))]
    assert (padded_length(size), lengths) == (1_310_720, [524_288, 524_288, 262_144])
    assert "1,310,720" in clause("19.6")
