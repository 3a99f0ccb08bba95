"""What changes, in words; and the policy as a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.ceremony import Hands, first_charter
from tests.world.simulator import FIRE, World
from yizhan.charter import terms as texts
from yizhan.charter.differences import changed_cases, differences, policy_differences
from yizhan.charter.document import tables
from yizhan.charter.replay import replay
from yizhan.schemas.policy import Policy, PolicyFile, Way, regions
from yizhan.schemas.policy_facts import ATTRIBUTES
from yizhan.schemas.sample import TWO, sample_policy

A, B = TWO
WORLD = World(TWO)


def policy(change: Callable[[list[dict[str, Any]]], None]) -> dict[str, Any]:
    """Write the sample's policy with other routes."""
    made = sample_policy()
    change(made["routes"])
    return made


def checked(data: dict[str, Any]) -> Policy:
    """Check a policy."""
    return Policy(PolicyFile.model_validate(data))


def test_a_rule_that_widens_is_told_by_its_case() -> None:
    """Eco-crime of grade 3 now rings: said with case, way before and after, rule and clause, and nothing else is."""

    def widen(routes: list[dict[str, Any]]) -> None:
        (route,) = (route for route in routes if route["id"] == "major-crime")
        for row in route["when"]:
            row["grade"] = [*row["grade"], "3"]

    said = list(policy_differences(sample_policy(), policy(widen)))
    assert said
    for sentence in said:
        assert "三级" in sentence
        assert "今后报警" in sentence
        assert "规则 major-crime" in sentence
    assert not any("二级" in sentence for sentence in said)


def test_a_rule_that_moves_and_changes_nothing_is_not_told() -> None:
    """Two routes that never meet change places: no header is decided otherwise."""

    def swap(routes: list[dict[str, Any]]) -> None:
        fire, disaster = (
            next(n for n, route in enumerate(routes) if route["id"] == name) for name in ("fire", "disaster")
        )
        routes[fire], routes[disaster] = routes[disaster], routes[fire]

    assert list(policy_differences(sample_policy(), policy(swap))) == []


@pytest.mark.exhaustive
@settings(max_examples=100)
@given(st.data())
def test_what_is_told_is_what_is_decided(data: st.DataObject) -> None:
    """A header lies in a told case exactly when the two policies decide it otherwise."""
    without = data.draw(st.sampled_from([route["id"] for route in sample_policy()["routes"][:-1]]))
    old = checked(sample_policy())
    new = checked(policy(lambda routes: routes.remove(next(r for r in routes if r["id"] == without))))
    cases = changed_cases(old, new)
    for _ in range(20):
        facts = {name: data.draw(st.sampled_from(sorted(values))) for name, values in ATTRIBUTES.items()}
        told = [
            (was.way, now.way) for was, now, box in cases if all(facts[name] in values for name, values in box.items())
        ]
        was, now = old.decide(facts).way, new.decide(facts).way
        assert set(told) == (set() if was is now else {(was, now)})


def test_regions_cover_everything_once() -> None:
    """Disjoint boxes, all together as many cases as there are."""
    found = regions(checked(sample_policy()))
    sizes = []
    for _decision, box in found:
        size = 1
        for values in box.values():
            size *= len(values)
        sizes.append(size)
    everything = 1
    for values in ATTRIBUTES.values():
        everything *= len(values)
    assert sum(sizes) == everything
    for (_d, left), (_e, right) in product(found[:40], found[40:80]):
        assert any(not left[name] & right[name] for name in left)


def test_members_keys_and_thresholds_are_told() -> None:
    """Who joins, whose role key changes, how many must sign: one sentence each."""
    ceremony = first_charter(WORLD)
    before = ceremony.terms
    three = World((*TWO, "330327"))
    offices = {
        **before.offices,
        "330327": Hands.new().offices,
        A: replace(before.offices[A], root=Hands.new().offices.root),
    }
    after = replace(before, files=three.files, offices=offices, root_threshold=3)
    said = differences(before, after)
    assert any("330327" in sentence and "加入" in sentence for sentence in said)
    assert any(A in sentence and "根签名密钥" in sentence for sentence in said)
    assert any("根须 3 个" in sentence for sentence in said)
    assert differences(before, before) == []


def test_terms_are_read_as_they_are_written() -> None:
    """The text that a version prints begins the next one with nothing changed."""
    terms = first_charter(WORLD).terms
    again = texts.merge_terms(terms, texts.read(texts.write(terms)), [])
    assert differences(terms, again) == []
    assert again.files == terms.files


def test_the_document_is_made_from_the_table() -> None:
    """Every route stands in both languages, with its clause."""
    text = "\n".join(tables(WORLD.charter))
    for route in WORLD.charter.policy.routes:
        assert text.count(f"`{route.id}`") == 2
        assert route.because.zh in text
        assert route.because.en in text


def test_a_proposed_policy_is_replayed() -> None:
    """Without the route for fires each past fire would have gone otherwise; other events would not."""
    new = checked(policy(lambda routes: routes.remove(next(r for r in routes if r["id"] == "fire"))))
    fire, other = WORLD.header(A, (B,)), WORLD.header(A, (B,), type="yizhan.patrol.report.v1", stage=None)
    found = list(replay([fire, other], WORLD.charter.policy, new))
    assert [(each.header.id, each.was.rule) for each in found] == [(fire.id, "fire")]
    assert (found[0].was.way, fire.type) == (Way.ALARM, FIRE)
