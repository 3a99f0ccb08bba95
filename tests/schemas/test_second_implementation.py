"""The wire specification is enough: who knew only it agrees with every vector."""

from __future__ import annotations

import ast
import base64
import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemas import second
from tests.world.each import each
from tests.world.forge import forge
from tests.world.simulator import NOW, World
from yizhan.schemas.admit import Record
from yizhan.schemas.admit import admit as first_admit
from yizhan.schemas.errors import Refused

FOLDER: Final = Path(__file__).parents[1] / "vectors" / "envelope"
VECTORS: Final[dict[str, dict[str, Any]]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))
}
SOURCES: Final = {path.name: path.read_text("utf-8") for path in Path(second.__file__).parent.glob("*.py")}
SPECIFICATION: Final = Path(__file__).parents[2] / "schemas" / "README.md"


@pytest.fixture(scope="module")
def charter() -> second.Charter:
    """Return the charter that all vectors share, as the second implementation reads it."""
    root = FOLDER / "charter"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.json")}
    return second.load_charter(files, json.loads(files.pop("version.json"))["name"])


def admit(vector: dict[str, Any], charter: second.Charter) -> second.Admitted:
    """Judge a vector's record."""
    value = None if vector["record"] is None else bytes.fromhex(vector["record"]) + bytes(vector["zeros_after"])
    return second.admit(
        value, vector["topic"], vector["kafka_header_bytes"], second.instant(vector["received"]), charter
    )


@each("name", VECTORS)
def test_it_agrees_with_the_vector(name: str, charter: second.Charter) -> None:
    """The reason, or hash, header, decisions, contents, causes and the postmark's bytes."""
    vector = VECTORS[name]
    if "refused" in vector:
        with pytest.raises(second.Refused, match=f"^{vector['refused']}$"):
            admit(vector, charter)
        return
    admitted, said = admit(vector, charter), vector["admitted"]
    assert (admitted.hash.hex(), admitted.header, admitted.decisions) == (
        said["hash"],
        said["header"],
        said["decisions"],
    )
    assert admitted.clock_suspect == said["clock_suspect"]
    for opened in vector["opened"]:
        seed = bytes.fromhex(opened["seed"])
        if "payload" in opened:
            assert second.open_envelope(admitted.envelope, second.sealing_kid(seed), seed).hex() == opened["payload"]
        else:
            with pytest.raises(second.Unopenable, match=f"^{opened['unopenable']}$"):
                second.open_envelope(admitted.envelope, second.sealing_kid(seed), seed)
    origin = {name: vector[name] for name in ("cluster", "topic", "partition", "offset")}
    received = second.instant(vector["received"])
    station = bytes.fromhex(vector["postmark"]["seed"])
    document = second.postmark(admitted, bytes.fromhex(vector["record"]), origin, received, charter, station)
    assert document.decode() == vector["postmark"]["document"]


def test_it_knows_nothing_of_ours() -> None:
    """It imports the standard library and the primitives of ``cryptography``: no HPKE, nothing of yizhan."""
    modules = {
        name
        for source in SOURCES.values()
        for node in ast.walk(ast.parse(source))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else []
        )
    }  # fmt: skip
    others = {name for name in modules if not name.startswith("tests.schemas.second.")}
    assert not [name for name in others if "yizhan" in name or "tests" in name or "hpke" in name]


def test_it_cites_clauses_that_exist() -> None:
    """Every clause that it names stands in the specification."""
    specification = SPECIFICATION.read_text("utf-8")
    cited = set(re.findall(r"\(((?:\d+\.\d+(?:, | to )?)+)[;)]", "\n".join(SOURCES.values())))
    clauses = {clause for group in cited for clause in re.findall(r"\d+\.\d+", group)}
    assert len(clauses) > 15
    assert {
        clause for clause in clauses if not re.search(rf"^{re.escape(clause)} ?", specification, re.MULTILINE)
    } == set()


WORLD = World()
OURS = WORLD.charter
THEIRS = second.load_charter(WORLD.files, OURS.name)
HEADER = WORLD.header()
SEAL = WORLD.counties["331126"].sealing.public
REF = {"id": "350924-20261123test-9000", "hash": "0" * 64}
RECEIPT = {"stage": "delivered", "source": "331126", "book": "20261123test", "lane": "prompt", "up_to": 4}
LANE = {"lane": "prompt", "n": 1}
SCALARS: Final[list[Any]] = [
    None, True, 0, 1, 5, 2**53, "", "331126", "350924", "110101", "first", "Actual", "flash", "Likely",
    "３３１１２６", "331126\n", "350924.forest", "350924-20261123test-1",
    "2026-11-23T08:05:00.000Z", "2026-11-23T08:05:00.001Z", "2026-11-23T24:00:00.000Z", "9999-12-31T23:59:59.999Z",
    "yizhan.receipt.v1", "yizhan.notice.v1", "yizhan.intelligence.report.v1",
    REF, REF | {"id": "331126-20261123test-9000"}, REF | {"x": 1},
    RECEIPT, RECEIPT | {"beyond": [5]}, RECEIPT | {"beyond": [6, 8]}, RECEIPT | {"source": "330327"},
    {"stage": "acted", "event": REF}, {"stage": "acted", "event": REF | {"id": "331126-abcd-1"}},
    {}, {"331126": LANE}, {"331126": LANE | {"n": 0}}, {"330327": LANE}, {"331126": LANE, "330327": LANE},
    [], ["331126"], ["331126", "331126"], ["330327", "331126"], ["331126", "330327"], ["350924"], ["331126", "999999"],
    [["331126"]],
]  # fmt: skip
OPTIONAL: Final = (
    "subject",
    "grade",
    "certainty",
    "worse",
    "reply_to",
    "supersedes",
    "withdraws",
    "receipt",
    "expires",
    "wants",
    "period",
)
NAMES: Final = sorted([*json.loads(HEADER.to_bytes()), *OPTIONAL, "urgency"])


def ours(data: bytes) -> str:
    """Say in one line what this implementation makes of a record."""
    try:
        admitted = first_admit(Record("yizhan.events.350924", 0, 0, NOW, data), OURS)
    except Refused as refused:
        return refused.reason.value
    decisions = {code: (decision.way.value, decision.rule) for code, decision in admitted.decisions.items()}
    return f"{admitted.verified.hash.hex()} {decisions} {admitted.clock_suspect}"


def theirs(data: bytes) -> str:
    """Say in the same line what the second one makes of it."""
    try:
        admitted = second.admit(data, "yizhan.events.350924", 0, NOW, THEIRS)
    except second.Refused as refused:
        return str(refused)
    decisions = {code: (decision["way"], decision["rule"]) for code, decision in admitted.decisions.items()}
    return f"{admitted.hash.hex()} {decisions} {admitted.clock_suspect}"


@pytest.mark.exhaustive
@settings(max_examples=400)
@given(changes=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SCALARS), max_size=3))
def test_both_judge_any_header_alike(changes: dict[str, Any]) -> None:
    """Whatever a member writes into a header and signs, both give the same reason or the same decisions."""
    header = json.dumps(json.loads(HEADER.to_bytes()) | changes).encode()
    data = forge(header, [SEAL], WORLD.counties["350924"].signing)
    assert ours(data) == theirs(data)


@each("name", NAMES)
def test_both_judge_odd_attributes_alike(name: str) -> None:
    """Every odd value in every attribute: the same reason, or the same decisions."""
    for value in SCALARS:
        header = json.dumps(json.loads(HEADER.to_bytes()) | {name: value}, ensure_ascii=False).encode()
        data = forge(header, [SEAL], WORLD.counties["350924"].signing)
        assert ours(data) == theirs(data), value


@pytest.mark.exhaustive
@settings(max_examples=200)
@given(at=st.integers(0, 2000), piece=st.binary(max_size=4), drop=st.integers(0, 4))
def test_both_judge_any_damage_alike(at: int, piece: bytes, drop: int) -> None:
    """Bytes changed anywhere: the same reason from both."""
    good = forge(HEADER, [SEAL], WORLD.counties["350924"].signing)
    data = good[:at] + piece + good[at + drop :]
    assert ours(data) == theirs(data)


INCLUSION: Final = sorted((Path(__file__).parents[1] / "vectors" / "merkle" / "inclusion").rglob("*.json"))


@each("path", INCLUSION)
def test_it_reads_the_merkle_vectors(path: Path) -> None:
    """Inclusion proofs of transparency-dev: those that must be refused are, the others hold (17.6)."""
    said = json.loads(path.read_text("utf-8"))
    leaf, root, *proof = (
        base64.b64decode(each or "") for each in (said["leafHash"], said["root"], *(said["proof"] or ()))
    )
    index, size, wrong = said["leafIdx"], said["treeSize"], said["wantErr"]
    with pytest.raises(second.Invalid) if wrong else nullcontext():
        second.check_inclusion(index, size, leaf, proof, root)
