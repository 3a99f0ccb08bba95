"""The trail, for the auditor: an event's life with its proofs, the log verified, problems, two counties compared."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from yizhan.desk.accounts.model import Role
from yizhan.desk.audit_runs import PATIENCE, Run
from yizhan.desk.audit_view import life_view
from yizhan.desk.request import Ask, Page
from yizhan.ledger.audit.findings import FindingKind
from yizhan.ledger.errors import NoSuchStatement
from yizhan.runtime.access_log import How
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.proofs import SUFFIX
from yizhan.schemas.quarters import Quarter
from yizhan.services.audit import (
    AuditSources,
    ExplainedEvent,
    explain_event,
    find_problems,
    reconcile_counties,
    report_quarter,
)
from yizhan.services.audit_desk import audit_sources, last_verification, report_file, verify_here

AUDITORS: Final = frozenset({Role.AUDITOR})
_AGAIN_SECONDS: Final = 30.0
_DIGITS: Final = 15
"""Of a number in an address."""


# -- one event's life --


def front(ask: Ask) -> Response:
    """Show where to begin: the search, what an auditor may see, how the last verification ended."""
    if word := ask.query.get("id", "").strip():
        return ask.see(f"/audit/{quote(word, safe='/')}")
    return ask.page("audit.html", verified=last_verification(ask.desk.home, ask.desk.county))


def life(ask: Ask) -> Response:
    """Show an event's life."""
    return _life(ask, "opened", "audit_life.html")


def life_printed(ask: Ask) -> Response:
    """Show an event's life to be printed; the access log says so."""
    return _life(ask, "printed", "audit_life_print.html")


def _life(ask: Ask, how: How, template: str) -> Response:
    name = ask.path["id"]
    run = _explained(ask, name, how)
    if not run.wait(PATIENCE):
        return _waiting(ask, run)
    if run.error is not None:
        return _failed(ask, run)
    return ask.page(template, view=life_view(ask.desk.home, ask.desk.county, run.result), now=utc_now())


def _explained(ask: Ask, name: str, how: How) -> Run:
    """Return the explanation that this officer has just asked for, or a new one."""
    actor = ask.actor("audit explain" if how == "opened" else "audit print")
    key = f"life {ask.account.badge} {how} {name} {_newest(ask)}"
    found = ask.desk.runs.find(key)
    if found is not None and (found.ended is None or (utc_now() - found.ended).total_seconds() < _AGAIN_SECONDS):
        return found
    sources = _sources(ask)
    return ask.desk.runs.start(key, ask.account.name, lambda run: explain_event(sources(), name, actor, run, how))


def proofs(ask: Ask) -> Response:
    """Give the proofs of an event's places in the log: one, or all in an archive."""
    name = ask.path["id"]
    run = _explained(ask, name, "opened")
    if not run.wait(PATIENCE):
        return _waiting(ask, run)
    if run.error is not None:
        raise run.error
    found: ExplainedEvent = run.result
    stem = "".join(each if each.isalnum() or each in "-." else "_" for each in found.life.id) or "event"
    stem = stem.encode("ascii", "replace").decode().replace("?", "_")[:80]
    if (place := ask.query.get("place")) is not None:
        proof = (
            found.proofs.get(int(place)) if place.isascii() and place.isdecimal() and len(place) <= _DIGITS else None
        )
        if proof is None:
            raise NotFound(marked("这件事在账上没有这一条"))
        return ask.download(proof.to_bytes(), f"{stem}.{place}{SUFFIX}", "application/octet-stream")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as files:
        for number, proof in found.proofs.items():
            files.writestr(f"{stem}.{number}{SUFFIX}", proof.to_bytes())
    return ask.download(archive.getvalue(), f"{stem}.zip", "application/zip")


# -- work that takes its time --


def verify(ask: Ask) -> Response:
    """Show the last verification; begin one."""
    home, county, actor = ask.desk.home, ask.desk.county, ask.actor("audit verify")

    def work(run: Run) -> object:
        return verify_here(home, county, actor, run.began, run)

    def show(_run: Run | None) -> Response:
        return ask.page("audit_verify.html", verified=last_verification(home, county))

    return _worked(ask, "verify", work, show)


def find(ask: Ask) -> Response:
    """Show what is late, unanswered, refused or doubtful."""
    sources = _sources(ask)

    def show(run: Run | None) -> Response:
        kind, county = ask.query.get("kind", ""), ask.query.get("of", "")
        return ask.page("audit_find.html", run=run, kind=kind, of=county, kinds=list(FindingKind))

    return _worked(ask, f"find {_newest(ask)}", lambda run: find_problems(sources(), (), run), show)


def reconcile(ask: Ask) -> Response:
    """Compare the books of two counties with each other and with the log."""
    home = ask.desk.home
    members = sorted(home.charters.latest().members)
    partners = [*home.charters.latest().partners(ask.desk.county), *members]
    first = ask.query.get("a") or ask.form.get("a") or ask.desk.county
    second = ask.query.get("b") or ask.form.get("b") or next(each for each in partners if each != first)
    a, b = home.member(first), home.member(second)
    sources = _sources(ask)

    def show(run: Run | None) -> Response:
        return ask.page("audit_reconcile.html", run=run, a=a, b=b, members=members)

    key = f"reconcile {a} {b} {_newest(ask)}"
    return _worked(ask, key, lambda run: reconcile_counties(sources(), a, b, run), show, f"?a={a}&b={b}")


def report(ask: Ask) -> Response:
    """Count a quarter, and give the report as files."""
    now = Quarter.containing(utc_now(), ask.desk.home.charters.latest().time_zone)
    label = ask.query.get("quarter") or ask.form.get("quarter") or str(now)
    quarter = _quarter(label)
    sources = _sources(ask)
    labels = [now]
    while len(labels) < 8:  # noqa: PLR2004 -- two years
        labels.append(labels[-1].previous())

    def show(run: Run | None) -> Response:
        if run is not None and run.result is not None and (form := ask.query.get("file")) is not None:
            language, _dot, ending = form.partition(".")
            data = report_file(run.result, language, ending)
            return ask.download(data, f"audit-{quarter}.{language}.{ending}", "application/octet-stream")
        return ask.page(
            "audit_report.html", run=run, quarter=str(quarter), labels=list(map(str, labels)), now=utc_now()
        )

    key = f"report {quarter} {_newest(ask)}"
    return _worked(ask, key, lambda run: report_quarter(sources(), quarter, run), show, f"?quarter={quarter}")


def _worked(
    ask: Ask, key: str, work: Callable[[Run], Any], show: Callable[[Run | None], Response], query: str = ""
) -> Response:
    """Begin (POST), wait a little, and show the result, how far it is, or that nobody asked yet."""
    if ask.request.method == "POST":
        ask.desk.runs.start(key, ask.account.name, work)
        more = "&newest=1" if query and _newest(ask) else "?newest=1" if _newest(ask) else ""
        return ask.see(f"{ask.current}{query}{more}")
    run = ask.desk.runs.find(key)
    if run is not None and not run.wait(PATIENCE):
        return _waiting(ask, run)
    if run is not None and run.error is not None:
        return _failed(ask, run)
    return show(run)


def _failed(ask: Ask, run: Run) -> Response:
    status = 404 if isinstance(run.error, NoSuchStatement | NotFound) else 400
    return ask.page("audit_failed.html", status, error=run.error, run=run)


def _waiting(ask: Ask, run: Run) -> Response:
    """Show how far the work is; the page asks again each second."""
    return ask.page("audit_progress.html" if ask.wants_fragment else "audit_waiting.html", run=run)


def progress(ask: Ask) -> Response:
    """Say how far a piece of work is; when it ended the page that shows it is loaded."""
    run = ask.desk.runs.find(ask.query.get("key", ""))
    if run is None or run.done:
        return ask.see(_own(ask.query.get("back", "/audit")))
    return ask.page("audit_progress.html", run=run)


def _own(path: str) -> str:
    """Return an address of the auditor's pages, and none elsewhere."""
    ours = path.startswith("/audit") and path.isascii() and path.isprintable() and "\\" not in path and "//" not in path
    return path if ours else "/audit"


def _newest(ask: Ask) -> str:
    return "1" if (ask.query.get("newest") or ask.form.get("newest")) == "1" else ""


def _sources(ask: Ask) -> Callable[[], AuditSources]:
    home, county, actor, unsettled = ask.desk.home, ask.desk.county, ask.actor("audit export"), bool(_newest(ask))
    return lambda: audit_sources(home, county, actor, unsettled=unsettled)


def _quarter(label: str) -> Quarter:
    try:
        return Quarter.parse(label)
    except ValueError:
        raise NotFound(marked("“{label}”不是季度；应写成 2026Q3 这样"), label=label[:40]) from None


PAGES = (
    Page("/audit", front, AUDITORS),
    Page("/audit/verify", verify, AUDITORS, methods=("GET", "POST")),
    Page("/audit/find", find, AUDITORS, methods=("GET", "POST")),
    Page("/audit/reconcile", reconcile, AUDITORS, methods=("GET", "POST")),
    Page("/audit/report", report, AUDITORS, methods=("GET", "POST")),
    Page("/audit/progress", progress, AUDITORS, unattended=True),
    Page("/audit/proofs/{id:path}", proofs, AUDITORS),
    Page("/audit/print/{id:path}", life_printed, AUDITORS),
    Page("/audit/{id:path}", life, AUDITORS),
)
