"""Whoever sees what a partner sealed is in the access log before the content is returned, whatever service returns it.

A new public function of ``yizhan.services``, or method of a public class, stands in one of three tables, or the first
test fails: it returns content (``CONTENT``, with an example call), it works on a store or on content that its caller
opened (``GIVEN``), or it returns none (``NO_CONTENT``).
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import FunctionType

import pytest

from tests.services.access_cases import GIVEN, NO_CONTENT
from tests.services.access_world import MARKER, SIGNERS, Case, NoPassphrase, make_case
from tests.world.each import each
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan import services
from yizhan.bulletin.text_store import BulletinText
from yizhan.consumers.items import InboxQuery
from yizhan.ledger.audit.history import HistoryStepKind
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime import access_log
from yizhan.runtime.errors import StoreError
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor
from yizhan.services.agenda import events_about, planned_patrols
from yizhan.services.audit import AuditSources, explain_event
from yizhan.services.bulletin_editing import bulletin_file, open_editor, read_editor, save_text
from yizhan.services.bulletin_quarters import list_quarters
from yizhan.services.bulletins import BulletinTarget, check_bulletin, figures_for_text, make_bulletin
from yizhan.services.cap import event_as_cap
from yizhan.services.digests import show_quarter
from yizhan.services.envelopes import open_envelope
from yizhan.services.export import ExportQuery, export_tables
from yizhan.services.handover import hand_over
from yizhan.services.inbox import OfficerAnswer, answer_item, list_items, show_item
from yizhan.services.inbox_files import list_item_files, open_item_file, save_item_files
from yizhan.services.inbox_table import inbox_csv
from yizhan.services.matters import prepare_countersignature, show_matter
from yizhan.services.obligations import complete_decision, compose_completion, list_obligations, officers_answers
from yizhan.services.outbox import list_postings, show_event
from yizhan.services.searching import search, search_csv
from yizhan.services.sent_events import list_sent, show_sent
from yizhan.services.table_transfer import export_bytes


@dataclass(frozen=True)
class Example:
    """A call that returns content, the ids that the access log must name, and whose log it is."""

    call: Callable[[Case], object]
    names: Callable[[Case], Sequence[str]]
    how: str
    county: str = QINGYUAN


CONTENT: dict[str, Example] = {
    "inbox.list_items": Example(
        lambda it: list_items(it.home, QINGYUAN, InboxQuery(), it.actor),
        lambda it: (it.fire, it.plan, it.minutes),
        "listed",
    ),
    "inbox.show_item": Example(
        lambda it: show_item(it.home, QINGYUAN, it.fire, it.actor), lambda it: (it.fire,), "opened"
    ),
    "inbox.answer_item": Example(
        lambda it: answer_item(it.home, QINGYUAN, it.fire, OfficerAnswer("acted"), it.actor),
        lambda it: (it.fire,),
        "opened",
    ),
    "inbox_files.list_item_files": Example(
        lambda it: list_item_files(it.home, QINGYUAN, it.fire, it.actor), lambda it: (it.fire,), "listed"
    ),
    "inbox_files.save_item_files": Example(
        lambda it: save_item_files(it.home, QINGYUAN, it.fire, None, it.folder, it.actor),
        lambda it: (it.fire, "map.txt"),
        "exported",
    ),
    "inbox_files.open_item_file": Example(
        lambda it: open_item_file(it.home, QINGYUAN, it.fire, "map.txt", it.actor)[1].close(),
        lambda it: (it.fire, "map.txt"),
        "exported",
    ),
    "inbox_table.inbox_csv": Example(
        lambda it: inbox_csv(it.home, QINGYUAN, InboxQuery(), it.actor),
        lambda it: (it.fire, it.plan, it.minutes),
        "exported",
    ),
    "outbox.list_postings": Example(
        lambda it: list_postings(it.home, QINGYUAN, OutboxQuery(), 0, it.actor), lambda it: (it.own,), "listed"
    ),
    "outbox.show_event": Example(
        lambda it: show_event(it.home, QINGYUAN, it.own, it.actor), lambda it: (it.own,), "opened"
    ),
    "sent_events.list_sent": Example(
        lambda it: list_sent(it.home, QINGYUAN, OutboxQuery(), it.actor), lambda it: (it.own,), "listed"
    ),
    "sent_events.show_sent": Example(
        lambda it: show_sent(it.home, QINGYUAN, it.own, it.actor), lambda it: (it.own,), "opened"
    ),
    "searching.search": Example(
        lambda it: search(it.home, QINGYUAN, MARKER, InboxQuery(), it.actor), lambda it: (it.fire, it.plan), "listed"
    ),
    "searching.search_csv": Example(
        lambda it: search_csv(it.home, QINGYUAN, MARKER, InboxQuery(), it.actor),
        lambda it: (it.fire, it.plan),
        "exported",
    ),
    "handover.hand_over": Example(
        lambda it: hand_over(it.home, QINGYUAN, it.actor, it.now), lambda it: (it.fire, it.minutes), "listed"
    ),
    "table_transfer.export_bytes": Example(
        lambda it: export_bytes(it.home, QINGYUAN, ExportQuery(), it.actor), lambda it: (it.fire, it.plan), "exported"
    ),
    "export.export_tables": Example(
        lambda it: export_tables(
            it.home, QINGYUAN, ExportQuery(box="inbox"), str(it.folder / f"{datetime.now(UTC):%f}.xlsx"), it.actor
        ),
        lambda it: (it.fire, it.plan, it.minutes),
        "exported",
    ),
    "cap.event_as_cap": Example(
        lambda it: event_as_cap(it.home, QINGYUAN, it.fire, it.actor, english=False), lambda it: (it.fire,), "exported"
    ),
    "envelopes.open_envelope": Example(
        lambda it: open_envelope(
            it.home, it.envelope, QINGYUAN, it.home.charter, datetime.now(UTC), it.actor, NoPassphrase()
        ),
        lambda it: (it.fire,),
        "opened",
    ),
    "matters.show_matter": Example(
        lambda it: show_matter(it.home, QINGYUAN, it.fire, it.actor), lambda it: (it.fire,), "opened"
    ),
    "matters.prepare_countersignature": Example(
        lambda it: prepare_countersignature(it.home, QINGYUAN, it.plan, SIGNERS, it.actor),
        lambda it: (it.plan,),
        "opened",
    ),
    "obligations.list_obligations": Example(
        lambda it: list_obligations(it.home, QINGYUAN, it.actor, it.now), lambda it: (it.minutes,), "listed"
    ),
    "agenda.events_about": Example(
        lambda it: events_about(it.home, QINGYUAN, [it.fire, it.minutes], it.actor),
        lambda it: (it.fire, it.minutes),
        "listed",
    ),
    "agenda.planned_patrols": Example(
        lambda it: planned_patrols(it.home, QINGYUAN, it.actor), lambda it: (it.plan,), "listed"
    ),
    "obligations.officers_answers": Example(
        lambda it: officers_answers(it.home, QINGYUAN, [it.own], it.actor), lambda it: (it.own,), "listed"
    ),
    "digests.show_quarter": Example(
        lambda it: show_quarter(it.home, it.label, QINGYUAN, SHOUNING, it.actor, it.now),
        lambda it: (f"{it.label} {SHOUNING}",),
        "printed",
    ),
}
CONTENT |= {
    "bulletins.figures_for_text": Example(
        lambda it: figures_for_text(it.home, it.key, it.actor), lambda it: (f"{it.label} {SHOUNING}",), "printed"
    ),
    "bulletins.check_bulletin": Example(
        lambda it: check_bulletin(it.home, it.key, it.actor), lambda it: (f"{it.label} {SHOUNING}",), "printed"
    ),
    "bulletins.make_bulletin": Example(
        lambda it: make_bulletin(
            it.home, it.key, BulletinTarget(it.folder / "bulletin", overwrite=True), it.actor, it.now
        ),
        lambda it: (f"{it.label} {SHOUNING}",),
        "printed",
    ),
    "bulletin_editing.open_editor": Example(
        lambda it: open_editor(it.home, it.key, it.actor, it.now), lambda it: (f"{it.label} {SHOUNING}",), "opened"
    ),
    "bulletin_editing.bulletin_file": Example(
        lambda it: bulletin_file(it.home, it.key, "csv", it.actor, it.now),
        lambda it: (f"{it.label} {SHOUNING} csv",),
        "exported",
    ),
    "bulletin_quarters.list_quarters": Example(
        lambda it: list_quarters(it.home, QINGYUAN, it.actor, it.now), lambda it: (it.theirs,), "listed"
    ),
    "bulletin_editing.save_text": Example(
        lambda it: save_text(
            it.home,
            it.key,
            BulletinText({"judgement": "平稳"}),
            read_editor(it.home, it.key, it.now).text.token,
            it.actor,
            it.now,
        ),
        lambda it: (f"{it.label} {SHOUNING}",),
        "opened",
    ),
    "audit.explain_event": Example(
        lambda it: explain_event(AuditSources(it.home), it.fire, it.actor), lambda it: (it.fire,), "opened"
    ),
    "obligations.compose_completion": Example(
        lambda it: compose_completion(it.home, QINGYUAN, it.minutes, 1, None, it.actor),
        lambda it: (it.minutes,),
        "opened",
    ),
    # These change the home, so they come last.
    "obligations.complete_decision": Example(
        lambda it: complete_decision(it.home, QINGYUAN, it.minutes, 1, None, it.actor, NoPassphrase()),
        lambda it: (it.minutes,),
        "opened",
    ),
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Make a home where 庆元 received events of 寿宁, and sent a fire that was answered."""
    return make_case(tmp_path_factory.mktemp("access"))


def public_functions() -> Iterator[tuple[str, FunctionType]]:
    """Yield every public function of every module of the services, by ``module.name``."""
    for found in pkgutil.iter_modules(services.__path__):
        module = importlib.import_module(f"yizhan.services.{found.name}")
        for name, value in vars(module).items():
            inner = inspect.unwrap(value) if callable(value) and not inspect.isclass(value) else value
            if isinstance(inner, FunctionType) and inner.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{found.name}.{name}", value


def public_methods() -> Iterator[str]:
    """Name every public method and property of the public classes of the services: ``module.Class.name``."""
    for found in pkgutil.iter_modules(services.__path__):
        module = importlib.import_module(f"yizhan.services.{found.name}")
        for kind in vars(module).values():
            ours = inspect.isclass(kind) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
            if not ours or getattr(kind, "_is_protocol", False):
                continue
            for name, value in vars(kind).items():
                method = isinstance(value, FunctionType | property | cached_property | classmethod | staticmethod)
                if method and not name.startswith("_"):
                    yield f"{found.name}.{kind.__name__}.{name}"


def without_content() -> list[str]:
    """Return the names of ``NO_CONTENT``."""
    return [f"{module}.{name}" for module, names in NO_CONTENT.items() for name in names]


def test_each_service_is_known_to_return_content_or_not() -> None:
    """A function that stands in none of the tables fails here: decide whether it returns what a partner sealed."""
    tables = [*CONTENT, *GIVEN, *without_content()]
    assert sorted(tables) == sorted(set(tables))
    found = {name for name, _function in public_functions()} | set(public_methods())
    assert found - set(tables) == set(), "write these into a table"
    assert set(tables) - found == set(), "these are gone"


@pytest.mark.parametrize("name", CONTENT)
def test_who_gets_content_is_in_the_access_log_before(case: Case, name: str) -> None:
    """Where the log cannot be written, nothing is returned; where it can, it names the actor and the ids."""
    example = CONTENT[name]
    log, kept = case.log(example.county), case.folder / "kept.jsonl"
    if log.exists():
        log.rename(kept)
    log.mkdir()
    with pytest.raises(StoreError):
        example.call(case)
    log.rmdir()
    if kept.exists():
        kept.rename(log)
    before = len(list(access_log.read(log)))
    example.call(case)
    entries, breaks = access_log.check(access_log.read(log))
    (new,) = entries[before:]
    assert breaks == []
    assert (new.who, new.command, new.how) == (str(case.actor), case.actor.operation, example.how)
    assert set(example.names(case)) <= set(new.what)


def test_an_explained_event_is_logged_by_each_county_and_does_not_list_itself(case: Case) -> None:
    """Sender and recipient have the entry; the event's own accesses are those before; officers are data."""
    actor = Actor("auditor (1001)", "audit explain")

    def entered(county: str) -> list[tuple[str, ...]]:
        entries, _breaks = access_log.check(access_log.read(case.log(county)))
        return [entry.what for entry in entries if entry.who == str(actor)]

    first = explain_event(AuditSources(case.home), case.own, actor)
    assert entered(QINGYUAN) == entered(SHOUNING) == [(case.own,)]
    assert actor.account not in {step.by for step in first.life.steps}
    assert [step.people for step in first.life.steps if step.what is HistoryStepKind.ACKNOWLEDGED] == [
        (Person(name="张三", badge="123456"),)
    ]
    second = explain_event(AuditSources(case.home), case.own, actor)
    assert actor.account in {step.by for step in second.life.steps}
    assert entered(QINGYUAN) == [(case.own,)] * 2


NOT_CALLED = frozenset(
    {
        "bell.bell_status", "bell.send_test_messages", "bell.write_sample", "quarantine.list_quarantine",
        "sample_files.write_samples",
    }
)  # fmt: skip
"""They need Kafka, a bell or another kind of home."""
ARGUMENTS: dict[str, Callable[[Case], object]] = {
    "home": lambda it: it.home,
    "county": lambda _it: QINGYUAN,
    "actor": lambda it: it.actor,
    "now": lambda it: it.now,
    "query": lambda _it: OutboxQuery(),
    "key": lambda it: it.key,
    "partner": lambda _it: None,
    "label": lambda it: it.label,
    "since": lambda it: it.now - timedelta(days=30),
    "limit": lambda _it: 100,
    "event_id": lambda it: it.fire,
    "sources": lambda it: AuditSources(it.home),
    "data": lambda it: it.envelope,
}


def simple() -> dict[str, tuple[FunctionType, list[str]]]:
    """Return functions of ``NO_CONTENT`` that can be called with ``ARGUMENTS``, and which of these they need."""
    found, listed = {}, set(without_content()) - NOT_CALLED
    for name, function in public_functions():
        parameters = inspect.signature(function).parameters.items()
        needed = [each for each, parameter in parameters if parameter.default is parameter.empty]
        if name in listed and {"home", "sources"} & set(needed) and set(needed) <= ARGUMENTS.keys():
            found[name] = (function, needed)
    return found


@each("name", simple())
def test_what_writes_no_access_returns_no_content(case: Case, name: str) -> None:
    """Functions that need no more than a home and a county: the marker is not in what they return or refuse with."""
    function, needed = simple()[name]
    try:
        made = function(**{each: ARGUMENTS[each](case) for each in needed})
    except YizhanError as error:
        made = error
    if isinstance(made, Iterator):
        made = list(made)
    assert MARKER not in f"{made!r} {made}"
