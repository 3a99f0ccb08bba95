"""Alerts and dashboards speak of metrics that the code exports, and promtool agrees with them."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from yizhan.runtime.metrics import watch_gauge
from yizhan.runtime.watchdog import Watchdog

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "yizhan.rules.yml"
CASES = RULES.with_name("yizhan.test.yml")
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = sorted(GRAFANA.glob("*.json"))
PROMETHEUS_LABELS = {"instance", "job", "le"}
ENDINGS = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (Debian: prometheus)")


def _exported() -> dict[str, set[str]]:
    """Return each metric of ours under the names that Prometheus reads, with its labels."""
    found: dict[str, set[str]] = {}
    modules = [f"yizhan.{path.parent.name}.metrics" for path in ROOT.glob("*/yizhan/*/metrics.py")]
    for name in ("yizhan.runtime.tls", *modules):
        module = importlib.import_module(name)
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                for ending in ENDINGS[type(metric)]:
                    found[metric._name + ending] = set(metric._labelnames)  # noqa: SLF001 -- no public way
    registry = CollectorRegistry()
    watch_gauge(Watchdog(1.0), registry)
    return found | {family.name: set() for family in registry.collect()}


EXPORTED = _exported()


def _alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return list(group["rules"])


def _queries(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the title of each panel, its expressions and the names of their lines."""
    for panel in json.loads(path.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def _names(expr: str) -> set[str]:
    return set(re.findall(r"\byizhan_\w+", re.sub(r'"[^"]*"', '""', expr)))


def _labels(expr: str) -> set[str]:
    """Return the labels that an expression asks for or groups by."""
    grouped = itertools.chain.from_iterable(re.findall(r"\w+", each) for each in re.findall(r"\bby \(([^)]*)\)", expr))
    return {*grouped, *re.findall(r'(\w+)\s*(?:=|!=|=~|!~)\s*"', expr)}


def _faults(expr: str, *texts: str) -> set[str]:
    """Return what an expression, and the texts about it, name and no metric of ours has."""
    names = _names(expr)
    known = set().union(PROMETHEUS_LABELS, *(EXPORTED.get(name, set()) for name in names))
    shown = {each for text in texts for each in re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text)}
    return names - set(EXPORTED) | (_labels(expr) | shown) - known


def test_every_alert_names_metrics_and_labels_that_are_exported() -> None:
    """A name in the rules that no code exports would never fire; a label that is not there would be empty."""
    faults = {each["alert"]: _faults(each["expr"], *each["annotations"].values()) for each in _alerts()}
    assert {alert: found for alert, found in faults.items() if found} == {}


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """Each alert is tried before its condition holds, and after."""
    tried = {
        case["name"]: {bool(each["exp_alerts"]) for each in case["alert_rule_test"]}
        for case in yaml.safe_load(CASES.read_text("utf-8"))["tests"]
    }
    assert tried == {each["alert"]: {False, True} for each in _alerts()}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_shows_a_metric_that_is_exported(path: Path) -> None:
    """A panel without a metric would stay empty, and nobody would know why."""
    found = list(_queries(path))
    assert found
    assert {title: faults for title, expr, legend in found if (faults := _faults(expr, legend))} == {}


def test_every_metric_stands_on_a_panel_or_in_an_alert() -> None:
    """What nobody looks at is not worth exporting."""
    used = set().union(
        *(_names(expr) for path in DASHBOARDS for _title, expr, _legend in _queries(path)),
        *(_names(each["expr"]) for each in _alerts()),
    )
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in EXPORTED}
    assert families - {re.sub("_(bucket|sum|count)$", "", name) for name in used} == set()


def test_the_dashboards_are_what_their_tables_say() -> None:
    """``make dashboards`` would change nothing."""
    made = runpy.run_path(str(GRAFANA / "make.py"))
    texts = {f"{each.file}.json": made["text"](each) for each in made["DASHBOARDS"]}
    assert texts == {path.name: path.read_text("utf-8") for path in DASHBOARDS}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_covers_another(path: Path) -> None:
    """Panels have ids and places of their own, and fit the width of Grafana's grid."""
    panels = json.loads(path.read_text("utf-8"))["panels"]
    places = [each["gridPos"] for each in panels]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len({each["id"] for each in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _y in cells) < 24


@needs_promtool
def test_promtool_reads_the_rules_and_each_alert_fires_when_it_should() -> None:
    """``promtool check rules`` and ``promtool test rules`` find no fault."""
    for command in (["check", "rules", RULES.name], ["test", "rules", CASES.name]):
        done = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_reads_every_expression_of_the_dashboards(tmp_path: Path) -> None:
    """Each is PromQL once Grafana has filled in its variables."""
    rules = [
        {"record": f"panel_{number}", "expr": expr.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, (_title, expr, _legend) in enumerate(found for path in DASHBOARDS for found in _queries(path))
    ]
    written = tmp_path / "panels.yml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", written], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
