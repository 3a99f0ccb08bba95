"""What readers do: believe a postmark, let a receipt bind, accept a digest (9.7, 12.8, 14.1 to 14.4)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tests.schemas.second.admission import decide
from tests.schemas.second.basics import Invalid, Json, sha256
from tests.schemas.second.charter import in_force
from tests.schemas.second.envelope import pae, parse
from tests.schemas.second.merkle import leaf, root
from tests.schemas.second.names import read_header, source_of
from tests.schemas.second.opened import steps
from tests.schemas.second.statements import TYPE, read_statement
from tests.schemas.second.strict import compact, instant

if TYPE_CHECKING:
    from datetime import datetime

    from tests.schemas.second.charter import Versions

LOUDNESS = ["digest", "notice", "alarm"]


def weigh(record: bytes, document: bytes, county: str, found: datetime, versions: Versions) -> Json:
    """Return whether a postmark is believed, how the event reaches the county, what is kept of it (8.6, 12.8, 12.9)."""
    envelope = parse(record)
    header = read_header(envelope.header)
    said = _believed(record, document, header, sha256(envelope.signed), versions)
    received = found if said is None else instant(said["received"])
    ways = [decide(header, county, in_force(versions, received))["way"]]
    if said is not None and county in said["decisions"]:
        ways.append(said["decisions"][county]["way"])
    kept = {"steps": steps(said, county)} if said is not None and "opens" in said else {}
    return {"believed": said is not None, "way": max(ways, key=LOUDNESS.index), **kept}


def _believed(record: bytes, document: bytes, header: Json, name: bytes, versions: Versions) -> Json | None:
    said = None
    for kind in ("postmark.v1", "postmark.v2"):
        with suppress(Invalid):
            said, _hash = read_statement(f"{TYPE}{kind}+json", document, versions)
    if said is None:
        return None
    if "refused" in said or said["record_sha256"] != sha256(record).hex():
        return None
    topic = f"yizhan.events.{header['source'][:6]}"
    about = said["id"], said["hash"], said["origin"]["topic"]
    return said if about == (header["id"], name.hex(), topic) else None


def binds(header: Json, target: Json) -> bool:
    """Return whether a receipt binds for the sender of what it confirms (9.3, 9.7)."""
    county, receipt = header["source"][:6], header["receipt"]
    if county not in target["to"]:
        return False
    if receipt["stage"] != "delivered":
        return bool(receipt["event"] == {"id": target["id"], "hash": target["hash"]})
    source, lane = source_of(target["id"]), target["lanes"][county]
    book = target["id"].split("-")[-2]
    if (receipt["source"], receipt["book"], receipt["lane"]) != (source, book, lane["lane"]):
        return False
    return bool(lane["n"] <= receipt["up_to"] or lane["n"] in receipt.get("beyond", []))


def is_accepted(county: str, records: list[Json], before: Json | None, manifest: Json) -> bool:
    """Return whether a reader accepts a digest (14.1 to 14.4)."""
    first: dict[str, bool] = {}
    for record in records:
        first.setdefault(record["hash"], record["prompt"])
    leaves = [leaf(bytes.fromhex(each)) for each in first]
    told = manifest["county"], manifest["count"], manifest["prompt"], manifest["root"]
    if told != (county, len(first), sum(first.values()), root(leaves).hex()):
        return False
    if before is None:
        return True
    name = sha256(pae(f"{TYPE}manifest.v1+json", compact(before))).hex()
    return bool(manifest.get("previous") == name and manifest["start"] == before["end"])
