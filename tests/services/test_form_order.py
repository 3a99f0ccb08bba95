"""What a form asks of an update, a final report, a request and a plan, and where a fault leads."""

from __future__ import annotations

from typing import Any

from tests.schemas.payloads.examples import EXAMPLES
from tests.services.access_world import NoPassphrase
from tests.services.form_questions import asked, form_of
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.table import PATROL_PLAN
from yizhan.services.drafts import NewDraft, begin_draft, check_draft
from yizhan.services.home import Home
from yizhan.services.stores import open_outbox

SHOUNING, QINGYUAN = "350924", "331126"
FIRE = "yizhan.incident.forest_fire.v1"
UNSIGNED = ("reviewed_by", "signed_off_by")


def reported(home: Home, **change: Any) -> str:  # noqa: ANN401 -- of any field
    """Send a first report of a fire; return its id."""
    payload = {name: value for name, value in EXAMPLES[FIRE].items() if name not in {"external_ref", *UNSIGNED}}
    payload |= {"place": {"county": SHOUNING, "village": "某村"}} | change
    first = {"type": FIRE, "stage": "first", "priority": "urgent", "touches": [QINGYUAN], "payload": payload}
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        return outbox.publish(parse_draft(first)).id


def test_a_final_report_given_with_its_matter_asks_only_what_is_open(home: Home, store: DraftStore) -> None:
    """No new matter, no list of matters, no question whether it grew; who must sign is said first and asked."""
    first = reported(home)
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE, updates=first)))
    form.start()
    (needs,) = form.take_notes()
    assert {"审核人", "签发人"} <= set(needs.params["required"])
    assert needs.params["later"] == ()
    assert form.question is not None
    assert [one.value for one in form.question.field.choices] == ["goes_on", "over"]
    form.answer("2")
    assert asked(form) == "org_code"
    assert (form.content["subject"], form.content["stage"], "worse" in form.content) == (first, "final", False)
    assert form.content["payload"]["place"]["village"] == "某村"
    seen = []
    while asked(form) != "state":
        assert form.question is not None
        seen.append(form.question.path[0])
        form.answer(form.question.proposed or {"name": "李四", "badge": "654321"}.get(asked(form)))
    assert {"reviewed_by", "signed_off_by"} <= set(seen)
    assert form.question is not None
    assert form.question.proposed is None, "that it burns is nothing to be kept by Enter"
    form.answer(None)
    assert asked(form) == "state"


def test_an_update_keeps_the_state_and_asks_whether_it_grew(home: Home, store: DraftStore) -> None:
    """An update proposes the state of the last report, and asks whether the fire grew."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE, updates=reported(home))))
    form.start()
    form.answer("1")
    assert asked(form) == "worse"
    form.answer("否")
    assert form.content["payload"]["state"] == "燃烧"


def test_a_first_report_says_who_must_sign_the_next_ones(home: Home, store: DraftStore) -> None:
    """Only its drafter signs a first report; the form says who must sign the later ones."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start()
    (needs,) = form.take_notes()
    assert needs.params["later"] == ("审核人", "签发人")
    assert not {"审核人", "签发人"} & set(needs.params["required"])


def test_what_an_answer_may_need_is_said_first(home: Home, store: DraftStore) -> None:
    """An answer that is done needs what was found out, or papers."""
    content = {"type": "yizhan.assistance.response.v1", "reply_to": {"id": "331126-x-1"}, "payload": {}}
    form = form_of(home, store, store.begin(content, utc_now()))
    form.start()
    (needs,) = form.take_notes()
    assert {"答复事项", "所附文书"} <= set(needs.params["perhaps"])


def test_missing_officers_lead_to_the_officers(home: Home, store: DraftStore) -> None:
    """Not to the papers, which are all there; two officers later the request may go."""
    kind = "yizhan.assistance.request.v1"
    payload = {name: value for name, value in EXAMPLES[kind].items() if name != "officers"}
    form = form_of(home, store, store.begin({"type": kind, "stage": "first", "payload": payload}, utc_now()))
    (fault,) = check_draft(form.content)[1]
    assert (fault.titles, fault.ask) == (("办案民警（人民警察证）",), ("officers",))
    form.start("officers")
    for answer in ("张三", "123456", "是", "李四", "654321", "否"):
        form.answer(answer)
    assert form.question is None
    assert check_draft(form.content)[1] == ()


def test_a_list_that_lacks_something_is_asked_for_its_next_item(home: Home, store: DraftStore) -> None:
    """One officer of two is named: the second is asked for, and the first stays."""
    kind = "yizhan.assistance.request.v1"
    first = {"name": "张三", "badge": "123456"}
    payload = EXAMPLES[kind] | {"officers": [first]}
    form = form_of(home, store, store.begin({"type": kind, "stage": "first", "payload": payload}, utc_now()))
    (fault,) = check_draft(form.content)[1]
    assert fault.ask == ("officers.1",)
    form.start(fault.ask[0])
    for answer in ("李四", "654321"):
        form.answer(answer)
    assert form.question is None
    assert form.payload["officers"] == [first, {"name": "李四", "badge": "654321"}]
    assert check_draft(form.content)[1] == ()


def test_a_plan_proposes_the_counties_whose_people_it_names(home: Home, store: DraftStore) -> None:
    """Whose crew comes along is touched; where nobody is named, the only partner is."""
    for payload in (EXAMPLES[PATROL_PLAN], {}):
        form = form_of(home, store, store.begin({"type": PATROL_PLAN, "payload": dict(payload)}, utc_now()))
        form.start("touches")
        assert form.question is not None
        assert (form.question.proposed or "").startswith("331126") or "庆元" in (form.question.proposed or "")


def test_one_of_several_is_one(home: Home, store: DraftStore) -> None:
    """Two numbers for a question that takes one answer are refused with a sentence that says so."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start("state")
    form.answer("1、3")
    assert asked(form) == "state"
    assert ["只能选一项" in note.params["text"] for note in form.take_notes()] == [True]
