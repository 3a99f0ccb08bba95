"""The bulletin of a quarter for one pair of counties: its files, the analyst's text, the signed event, the check.

Rule 1: figures are counted from verified events and from nothing else; nobody can edit them.
Rule 2: what exists already is not overwritten unless asked for.
Rule 3: the analyst's text is a file of its own; one that was written beside other figures is not signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.bulletin.agreement import FigureComparison, Verdict, compared, verdict
from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figures import COMPARED, canonical, digest, looked_up
from yizhan.bulletin.html import html
from yizhan.bulletin.labels import PLACES
from yizhan.bulletin.material import Material
from yizhan.bulletin.sheet import sheet
from yizhan.bulletin.tables import events_csv, figures_csv
from yizhan.bulletin.text import Writing, blank, by_hand, changed, written
from yizhan.producers.drafts import Office
from yizhan.runtime.folders import write_private
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import Sentence, _, join_list, marked
from yizhan.schemas.payloads.table import BULLETIN
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.bulletin_reading import (
    CITED,
    BulletinKey,
    QuarterReading,
    SignedBulletin,
    read_bulletin,
    read_material,
    read_text,
    text_path,
)
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.progress import SILENT, Progress

SIGNERS: Final = {
    "org_code": marked("机构代码"),
    "drafted_by": marked("拟稿人"),
    "reviewed_by": marked("审核人"),
    "signed_off_by": marked("签发人"),
    "contact": marked("联系人"),
}
"""What a signed bulletin must say of its office."""


@dataclass(frozen=True, slots=True)
class BulletinTarget:
    """Where a bulletin is written; with an ``office``, also the event to be published."""

    folder: Path
    office: Office | None = None
    overwrite: bool = False
    office_file: Path | None = None
    """Where ``office`` was read, for what is said to be done next."""


@dataclass(frozen=True, slots=True)
class BulletinFiles:
    """A bulletin that was written: form → file.

    ``text_notes`` say what of the analyst's text should be read again, ``doubts`` what the figures lack; no font of
    this program has the ``uncovered`` characters.
    """

    files: Mapping[str, Path]
    figures_sha256: str
    text_notes: tuple[Sentence, ...]
    doubts: tuple[Sentence, ...]
    uncovered: str


@dataclass(frozen=True, slots=True)
class TextFile:
    """The analyst's file; ``notes`` say what of it should be read again."""

    path: Path
    notes: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class BulletinCheck:
    """What this county counts now, compared with what the two counties signed."""

    key: BulletinKey
    verdict: Verdict
    ours: SignedBulletin | None
    theirs: SignedBulletin | None
    items: tuple[FigureComparison, ...]


# -- the files --


def make_bulletin(
    home: Home, key: BulletinKey, target: BulletinTarget, actor: Actor, now: datetime, progress: Progress = SILENT
) -> BulletinFiles:
    """Write a bulletin: HTML, PDF, DOCX, two CSV and JSON; with an office also the event to be published.

    Raises:
        ServiceError: a file exists already, or ``draft`` refuses.
        TextInvalid: the analyst's text cannot be used.
    """
    stem = f"bulletin-{key.label}-{key.county}-{key.partner}"
    paths = {form: target.folder / f"{stem}.{form}" for form in ("html", "pdf", "docx", "csv", "json")}
    paths["letters"] = target.folder / f"{stem}-letters.csv"
    if target.office is not None:
        paths["event"] = target.folder / f"{stem}-event.jsonl"
    if (existing := [str(each) for each in paths.values() if each.exists()]) and not target.overwrite:
        folder = None if target.folder == Path() else str(target.folder)
        office = None if target.office_file is None else str(target.office_file)
        hint = Action.to(
            "bulletin.overwrite",
            label=key.label,
            county=key.county,
            partner=key.partner,
            folder=folder,
            office=office,
        )
        raise ServiceError(marked("{path} 已经存在；请另选目录，或选择覆盖"), path=existing[0], hint=hint)
    material = read_material(home, key, now, progress)
    writing = read_text(home, key)
    event = None if target.office is None else draft(material, key.partner, target.office, writing)
    record(home, key.county, actor, "printed", [f"{key.label} {key.partner}"])
    progress.describe(marked("写出文件"))
    target.folder.mkdir(parents=True, exist_ok=True)
    forms, uncovered = bulletin_forms(material, event, now)
    for form, path in paths.items():
        write_private(path, forms[form]())
        progress.advance()
    notes = () if writing is None else (*changed(writing, material.figures), *by_hand(writing))
    return BulletinFiles(paths, digest(material.figures), notes, material.proof.doubts, uncovered)


def bulletin_forms(
    material: Material, event: Mapping[str, Any] | None, now: datetime
) -> tuple[dict[str, Callable[[], bytes]], str]:
    """Return what draws each form (html, pdf, docx, csv, …), and the characters that no font of this program has."""
    from yizhan.bulletin.docx import docx_of  # noqa: PLC0415 -- python-docx, which only a role's extra brings
    from yizhan.bulletin.pdf import pdf, uncovered  # noqa: PLC0415 -- typst, as above

    drawn = sheet(material)
    forms = {
        "html": lambda: html(drawn),
        "pdf": lambda: pdf(drawn, now),
        "docx": lambda: docx_of(drawn, now),
        "csv": lambda: figures_csv(material.figures),
        "letters": lambda: events_csv(material.events),
        "json": lambda: canonical(material.figures),
        "event": lambda: strictjson.dumps(event) + b"\n",
    }
    return forms, "".join(uncovered(drawn))


# -- the signed event --


def draft(material: Material, partner: str, office: Office, writing: Writing | None = None) -> dict[str, Any]:
    """Return the signed bulletin as an event to be published: figures and manifests by their hashes, and the text.

    Raises:
        ServiceError: the office lacks who signs, the station has not closed the quarter for this county, or the
            text was written beside other figures.
    """
    figures, proof = material.figures, material.proof
    _check_signable(material, partner, office, writing)
    summary = _("{label} 与 {partner} 互通 {count} 件，数字见通报")
    summary = summary.format(label=figures["label"], partner=material.names[partner], count=figures["letters"])
    typical = [{"id": name, **({"text": text} if text else {})} for name, text in material.typical or ()]
    payload = {
        **office.model_dump(mode="json", exclude_none=True),
        "classification": figures["classification"],
        "place": {"county": material.maker},
        "ask": ["知悉", "回复"],
        "summary": material.passages.get("overview", summary),
        "label": figures["label"],
        "partner": partner,
        "manifests": [
            {name: getattr(each, name) for name in CITED}
            for code in figures["pair"]
            for each in proof.manifests.get(code, ())
            if not each.interim
        ],
        "directions": [
            {"source": name[:6], "to": name[7:], "letters": counts["letters"], "root": counts["root"]}
            for name, counts in figures["directions"].items()
        ],
        "figures": digest(figures),
        "numbers": [{"name": path, "value": looked_up(figures, path)} for path in COMPARED],
        **({"typical": typical} if typical else {}),
        **{name: material.passages[name] for name in PLACES if name in material.passages},
    }
    return {"type": BULLETIN, "to": [partner], "priority": "routine", "payload": payload}


def _check_signable(material: Material, partner: str, office: Office, writing: Writing | None) -> None:
    label = material.figures["label"]
    if not material.proof.closed(material.maker):
        raise ServiceError(marked("{label} 的季度清单还没有到，不能签发；请先等驿站结算"), label=label)
    missing = [name for field, name in SIGNERS.items() if getattr(office, field) is None]
    if missing:
        sentence, names = marked("签发通报须写明{names}；请补在机构信息里"), join_list(_(name) for name in missing)
        raise ServiceError(sentence, names=names, hint=Action.to("schema.show", name="office"))
    if writing is not None and (notes := changed(writing, material.figures)):
        hint = Action.to("bulletin.edit", label=label, county=material.maker, partner=partner)
        lines = {f"line{n}": each for n, each in enumerate((*notes, Sentence.of(marked("核对文字后才能签发"))))}
        raise ServiceError("\n".join(f"{{{name}}}" for name in lines), hint=hint, **lines)


# -- the analyst's text --


def figures_for_text(home: Home, key: BulletinKey, actor: Actor, progress: Progress = SILENT) -> dict[str, Any]:
    """Return the figures that stand in the analyst's file."""
    figures = dict(read_bulletin(home, key, progress).figures)
    record(home, key.county, actor, "printed", [f"{key.label} {key.partner}"])
    return figures


def write_text(home: Home, key: BulletinKey, figures: Mapping[str, Any]) -> TextFile:
    """Write the analyst's file anew beside these figures; the analyst's own lines stay as they are.

    Raises:
        TextInvalid: it cannot be read, or names a figure that does not exist; nothing is written.
    """
    path, writing = text_path(home, key), read_text(home, key)
    try:
        notes = () if writing is None else (*changed(writing, figures), *by_hand(writing))
        text = written(blank(figures) if writing is None else writing, figures)
    except TextInvalid as error:
        raise TextInvalid("{path}: {error}", path=path, error=error) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(text)
    new.replace(path)
    return TextFile(path, notes)


# -- the check --


def check_bulletin(home: Home, key: BulletinKey, actor: Actor, progress: Progress = SILENT) -> BulletinCheck:
    """Compare what this county counts now with what both counties signed."""
    reading = read_bulletin(home, key, progress)
    record(home, key.county, actor, "printed", [f"{key.label} {key.partner}"])
    return check_of(reading)


def check_of(reading: QuarterReading) -> BulletinCheck:
    """Compare the figures of a quarter that was read with what both counties signed."""
    ours, theirs = reading.ours, reading.theirs
    items = compared(
        reading.figures, None if ours is None else ours.payload, None if theirs is None else theirs.payload
    )
    return BulletinCheck(reading.key, verdict(items), ours, theirs, items)
