"""Drafts for the audit's tests, and how it is asked."""

from __future__ import annotations

import json
from typing import Any

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING

INTELLIGENCE: dict[str, Any] = {
    "type": "yizhan.intelligence.report.v1",
    "touches": [QINGYUAN],
    "external_ref": "情-1",
    "payload": {
        "org_code": "350924000000",
        "drafted_by": {"name": "张三", "badge": "123456"},
        "reviewed_by": {"name": "王五", "badge": "035003"},
        "signed_off_by": {"name": "王五", "badge": "035003"},
        "contact": {"name": "张三", "phone": "13800000000"},
        "classification": "内部",
        "place": {"county": SHOUNING},
        "ask": ["核查"],
        "title": "线索一则",
        "kind": "线索",
        "origin": "巡查",
        "handling": "可核查",
        "summary": "盗伐线索",
    },
}


def reconciled(yizhan: Run, *more: str) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Reconcile the pair; exit status, discrepancies, lanes."""
    ran = yizhan("audit", "reconcile", SHOUNING, QINGYUAN, "--json", *more)
    assert ran.out, ran.err
    found = json.loads(ran.out)["reconciliation"]
    return ran.code, found["discrepancies"], found["lanes"]


def found(yizhan: Run, *more: str) -> list[dict[str, Any]]:
    """Search; what was found."""
    ran = yizhan("audit", "find", "--json", *more)
    assert ran.code == 0, ran.err
    listed: list[dict[str, Any]] = json.loads(ran.out)["findings"]
    return listed
