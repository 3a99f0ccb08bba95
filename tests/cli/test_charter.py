"""The ceremony, each office in its own home, with files on a stick."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.world.simulator import World
from yizhan.charter.contents import StationOffices, Terms
from yizhan.charter.terms import write
from yizhan.cli.main import main
from yizhan.schemas import strictjson
from yizhan.schemas.sample import TWO, restricted_to, sample_alliance, sample_policy

A, B = TWO


class Office:
    """One office: its home, and the commands it runs."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Name the home."""
        self.home, self._capsys = home, capsys

    def __call__(self, *words: str | Path, code: int = 0) -> Any:  # noqa: ANN401 -- JSON
        """Run a command with --json; what it printed."""
        self._capsys.readouterr()
        status = main.main([*map(str, words), "--json", "--home", str(self.home)], standalone_mode=False)
        out, err = self._capsys.readouterr()
        assert status == code, err
        return json.loads(out) if out else err


class Table:
    """Two counties and a station with the stick between them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Make homes, keys and requests."""
        self.folder, self.capsys = folder, capsys
        self.a, self.b, self.station = (Office(folder / name, capsys) for name in ("a", "b", "station"))
        self.offices = {A: self.a, B: self.b}
        ladder = folder / "ladder.toml"
        ladder.write_text('[[ladder]]\nrole = "值班"\nname = "陈某"\nphone = "0593-5522110"\n', "utf-8")
        for code, office in self.offices.items():
            office("keys", "generate", "--county", code)
            office(
                "charter", "request", "--county", code, "--scheme", "ed25519", "--ladder", ladder,
                "--out", folder / f"req/{code}.json",
            )  # fmt: skip
        self.station("keys", "generate", "--station")
        self.station("charter", "request", "--station", "--scheme", "ed25519", "--out", folder / "req/station.json")
        self.terms = folder / "terms.toml"
        self.write_terms(sample_policy())

    def write_terms(self, policy: dict[str, Any], **sections: Any) -> None:  # noqa: ANN401 -- any section
        """Write the terms with this policy."""
        alliance = restricted_to(sample_alliance(), TWO)
        files = {"alliance.json": strictjson.dumps(alliance), "policy.json": strictjson.dumps(policy)}
        self.terms.write_text(write(Terms(files, {}, StationOffices((), ()), **sections)), "utf-8")

    def first(self) -> dict[str, Any]:
        """Carry the first version through all offices."""
        stick = self.folder / "stick1"
        self.a("charter", "init", self.terms, "--requests", self.folder / "req", "--out", stick)
        for code, office in self.offices.items():
            office("charter", "sign", stick, "--county", code, "--yes")
        published: dict[str, Any] = self.station("charter", "publish", stick)
        anchor = self.folder / "root.json"
        shutil.copy(self.station.home / "station/charter/root.json", anchor)
        for code, office in self.offices.items():
            office("charter", "verify", "--county", code, "--anchor", anchor, "--from", self.public)
        return published

    @property
    def public(self) -> Path:
        """The station's static files."""
        return self.station.home / "station/public"

    def news(self) -> None:
        """Let both counties verify what the station published."""
        for code, office in self.offices.items():
            office("charter", "verify", "--county", code, "--from", self.public)


@pytest.fixture
def table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Table:
    """Offices before their first charter."""
    return Table(tmp_path, capsys)


def test_the_first_charter_needs_both(table: Table) -> None:
    """Signed by one of two, it is refused with the name of who is missing; signed by both, everybody adopts it."""
    stick = table.folder / "stick1"
    said = table.b("charter", "init", table.terms, "--requests", table.folder / "req", "--out", stick)["differences"]
    assert any(A in sentence for sentence in said)
    table.a("charter", "sign", stick, "--county", A, "--yes")
    roles = {each["role"]: each for each in table.b("charter", "status", stick, code=1)["roles"]}
    assert (roles["root"]["signed"], roles["root"]["missing"], roles["root"]["threshold"]) == ([A], [B], 2)
    assert f"missing: {B}" in table.station("charter", "publish", stick, code=1)
    table.b("charter", "sign", stick, "--county", B, "--yes")
    assert table.b("charter", "status", stick)["done"]
    name = table.station("charter", "publish", stick)["charter"]
    assert table.station("charter", "verify")["charter"] == name


def test_a_reader_trusts_no_root_that_nobody_gave_it(table: Table) -> None:
    """Without an anchor nothing is believed; a second, other anchor is refused."""
    table.first()
    fresh = Office(table.folder / "fresh", table.capsys)
    assert "没有章程" in fresh("charter", "verify", "--county", A, "--from", table.public, code=1)
    other = table.folder / "other.json"
    other.write_bytes((table.folder / "root.json").read_bytes() + b" ")
    assert "another root" in table.a(
        "charter", "verify", "--county", A, "--anchor", other, "--from", table.public, code=1
    )


def test_a_policy_change_is_told_in_words_and_needs_both(table: Table) -> None:
    """Before anyone signs, it is said which cases no longer ring, how they go instead, and by which clause."""
    table.first()
    policy = sample_policy()
    policy["routes"] = [route for route in policy["routes"] if route["id"] != "hotspot"]
    table.write_terms(policy)
    stick = table.folder / "stick2"
    said = table.a("charter", "propose", "--county", A, "--terms", table.terms, "--out", stick)["differences"]
    assert said
    assert all("热点" in sentence and "报警" in sentence for sentence in said)
    table.a("charter", "sign", stick, "--county", A, "--yes")
    assert f"missing: {B}" in table.station("charter", "publish", stick, code=1)
    assert table.b("charter", "sign", stick, "--county", B, "--yes")["differences"] == said
    second = table.station("charter", "publish", stick)["charter"]
    table.news()
    versions = table.b("charter", "log", "--county", B)["versions"]
    assert [each["charter"] for each in versions][-1] == second
    assert versions[-1]["signed"]["targets"] == [A, B]
    assert versions[-1]["differences"] == said


def test_a_county_rotates_and_revokes_its_keys_alone(table: Table) -> None:
    """Only its own signature is needed; the others' metadata stays as it is."""
    table.first()
    (old,) = (k for k in table.a("keys", "show", "--county", A)["keys"] if k["role"] == "sign")
    table.a("keys", "generate", "--county", A)
    since = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    asked = table.folder / "new.json"
    table.a(
        "charter", "request", "--county", A, "--out", asked, "--revoke", old["kid"], "--compromised", since,
    )  # fmt: skip
    stick = table.folder / "stick2"
    drafted = table.a("charter", "propose", "--county", A, "--request", asked, "--out", stick)
    assert drafted["roles"] == [A]
    assert any("泄露" in sentence for sentence in drafted["differences"])
    assert "不签" in table.b("charter", "sign", stick, "--county", B, "--yes", code=1)
    table.a("charter", "sign", stick, "--county", A, "--yes")
    table.station("charter", "publish", stick)
    table.news()
    standing = {k["kid"]: k["standing"] for k in table.a("keys", "show", "--county", A)["keys"]}
    assert standing[old["kid"]] == "revoked"
    assert sorted(standing.values()) == ["revoked", *["valid"] * 5]


def test_a_request_proves_every_key(table: Table) -> None:
    """One proof changed or left out, and the request is not read; the key is named."""
    path = table.folder / "req" / f"{A}.json"
    document = json.loads(path.read_text())
    for number in range(len(document["signatures"])):
        broken = {**document, "signatures": [s for n, s in enumerate(document["signatures"]) if n != number]}
        path.write_text(json.dumps(broken))
        out = table.folder / f"stick-{number}"
        said = table.a("charter", "init", table.terms, "--requests", path.parent, "--out", out, code=1)
        assert "proof" in said or "prove" in said
        assert document["signatures"][number]["keyid"][:16] in said


def test_a_root_key_is_rotated_under_the_old_and_the_new_root(table: Table) -> None:
    """The new root is signed by a majority of both; readers that have the old one follow."""
    table.first()
    asked = table.folder / "new.json"
    table.a("charter", "request", "--county", A, "--out", asked, "--scheme", "ed25519", "--new-role", "root")
    stick = table.folder / "stick2"
    drafted = table.a("charter", "propose", "--county", A, "--request", asked, "--out", stick)
    assert drafted["roles"] == ["root"]
    for code, office in table.offices.items():
        office("charter", "sign", stick, "--county", code, "--yes")
    assert [each["under"] for each in table.a("charter", "status", stick, "--county", A)["roles"]] == ["old", "new"]
    table.station("charter", "publish", stick)
    table.news()
    assert table.b("charter", "log", "--county", B)["versions"][-1]["signed"].keys() >= {"root"}


def test_the_policy_is_shown_and_replayed(table: Table) -> None:
    """Two tables from the data; a proposed policy over past headers lists what would differ."""
    table.first()
    shown = table.a("charter", "show", "--county", A)
    assert shown["routes"][0]["id"] == "protocol"
    policy = sample_policy()
    policy["routes"] = [route for route in policy["routes"] if route["id"] != "fire"]
    new = table.folder / "new-policy.json"
    new.write_bytes(strictjson.dumps(policy))
    world = World(TWO)
    headers = table.folder / "headers.jsonl"
    headers.write_bytes(b"\n".join(world.header(A, (B,)).to_bytes() for _ in range(3)))
    found = table.a("charter", "replay", "--policy", new, headers, "--county", A)
    assert (found["headers"], len(found["different"])) == (3, 3)
    assert {each["was"]["rule"] for each in found["different"]} == {"fire"}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (None, "联络人名单是空的"),
        ("", "得到 空文件"),
        ("ladder = []\n", "得到 ladder"),
        ('[ladder]\nrole = "值班"\n', "ladder"),
        ('[[people]]\nname = "陈某"\n', "得到 people"),
        ('[[ladder]]\nrole = "值班"\nname = "陈某"\n', "phone"),
        ('[[ladder]]\nrole = "值班"\nname = "陈某"\nphone = "110"\nfax = "1"\n', "fax"),
        ("not toml", "得到 不可读的文件"),
    ],
)
def test_a_request_without_anybody_to_call_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str | None, says: str
) -> None:
    """The file is named, with what was expected and what it has; no request is written."""
    office, ladder, out = Office(tmp_path / "a", capsys), tmp_path / "ladder.toml", tmp_path / "request.json"
    office("keys", "generate", "--county", A)
    ladder.write_text(written or "", "utf-8")
    given: list[str | Path] = [] if written is None else ["--ladder", ladder]
    assert says in office("charter", "request", "--county", A, "--out", out, *given, code=1)
    assert not out.exists()


def test_a_request_is_not_written_over_a_file(table: Table) -> None:
    """What is there stays; an option that would change nothing, and an office that there is not, are refused."""
    out = table.folder / f"req/{A}.json"
    before = out.read_bytes()
    assert str(out) in table.a("charter", "request", "--county", A, "--out", out, code=1)
    assert out.read_bytes() == before
    table.first()
    for words, says in (
        (("--new-role", "roots"), "roots"),
        (("--compromised", "2026-01-01"), "--revoke"),
        (("--until", "2026-01-01"), "--retire"),
    ):
        new = table.folder / "new.json"
        assert says in table.a("charter", "request", "--county", A, "--out", new, *words, code=1)
        assert not new.exists()
    ladder = table.folder / "ladder.toml"
    said = table.station("charter", "request", "--station", "--out", new, "--ladder", ladder, code=1)
    assert "--ladder" in said
