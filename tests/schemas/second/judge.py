"""What the second implementation says of a vector (17.1, 17.5): one function for each folder of vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.schemas.second.basics import Invalid
from tests.schemas.second.charter import Charter, load_charter
from tests.schemas.second.filenames import is_good_name
from tests.schemas.second.keys import check_key, kid
from tests.schemas.second.log import read_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VECTORS = Path(__file__).parents[2] / "vectors"
REFUSED = {"refused": True}
Vector = dict[str, Any]
_READ: dict[str, dict[str, bytes]] = {}


def folder(name: str) -> dict[str, bytes]:
    """Return the files of a folder of charter files."""
    if name not in _READ:
        root = VECTORS / name
        _READ[name] = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
        _READ[name].pop("version.json", None)
    return dict(_READ[name])


def load(version: Mapping[str, Any]) -> Charter:
    """Load one of a vector's ``versions`` (17.5)."""
    files = folder(version["folder"])
    for path, text in version.get("changes", {}).items():
        files.pop(path, None)
        if text is not None:
            files[path] = text.encode()
    for path, count in version.get("spaces_after", {}).items():
        files[path] += b" " * count
    return load_charter(files, version["name"])


def keys(vector: Vector) -> Vector:
    """Register a key (4.3)."""
    public = bytes.fromhex(vector["public"])
    try:
        check_key(vector["role"], public)
    except Invalid:
        return REFUSED
    return {"kid": kid(vector["role"], public)}


def charters(vector: Vector) -> Vector:
    """Load a charter (11.2)."""
    try:
        load(vector["versions"][0])
    except Invalid:
        return {"loads": False}
    return {"loads": True}


def names(vector: Vector) -> Vector:
    """Look at a file's name (19.1)."""
    return {"good": is_good_name(vector["name"])}


def entries(vector: Vector) -> Vector:
    """Read entries of the log (18.8)."""
    try:
        start, found = read_entries(bytes.fromhex(vector["record"]))
    except Invalid:
        return REFUSED
    return {"start": start, "entries": [entry.hex() for entry in found]}


JUDGES: Mapping[str, Callable[[Vector], Vector]] = {
    "keys": keys,
    "charters": charters,
    "names": names,
    "entries": entries,
}
