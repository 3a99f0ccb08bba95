"""A county joins, and renews its keys, with one command a side that says what is next and who must sign."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.charter.test_station import Topic
from tests.cli.test_charter import A, B, Office, Table
from tests.world.command import Run
from tests.world.station import FIRE, Station, publish
from yizhan.charter.archive import Archive
from yizhan.charter.fetch import CharterFolder
from yizhan.charter.layout import MAX_METADATA_BYTES
from yizhan.charter.station import StationCharters
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.deploy.certificates import ensure_certificates
from yizhan.services.home import Home
from yizhan.services.keys import station_keys

C = "350722"
NAMES = ("--name", "浦城县", "Pucheng", "--province", "福建省", "Fujian", "--pair", B)


@pytest.fixture
def table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Table:
    """Two counties with their first charter, and a station with its authority."""
    made = Table(tmp_path, capsys)
    made.first()
    ensure_certificates(made.station.home / "tls", ["broker", f"county-{A}"], now=datetime.now(UTC))
    return made


def states(found: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return step → state."""
    return {each["step"]: each["state"] for each in found["steps"]}


def test_a_third_county_joins(table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, request, draft, who must sign, publication, charter, certificate; each run is repeated without harm."""
    new, stick = Office(tmp_path / "c", capsys), tmp_path / "stick"
    join = ("charter", "join", stick)
    theirs = (*join, "--county", C, "--scheme", "ed25519", "--ladder", table.folder / "ladder.toml")
    assert "waiting" in states(table.station(*join, "--station")).values()
    first = states(new(*theirs))
    assert (first["keys"], first["request"], first["anchor"]) == ("done", "done", "now")
    assert not list(stick.rglob("*key*.pem"))

    assert "浦城" not in json.dumps(table.station(*join, "--station", code=1), ensure_ascii=False)
    drafted = table.station(*join, "--station", *NAMES)
    missing = {each["role"]: each["missing"] for each in drafted["signatures"] if each["under"] == "new"}
    assert {*missing["root"]} == {A, B, C}
    assert states(drafted)["published"] == "waiting"
    assert states(table.a(*join, "--county", A))["signatures"] == "now"
    for code, office in table.offices.items():
        assert states(office(*join, "--county", code, "--yes"))["signatures"] == "waiting"
    assert states(new(*theirs, "--anchor", stick / "root.json", "--yes"))["signatures"] == "waiting"
    ready = table.station(*join, "--station")
    assert states(ready)["published"] == "now"
    assert all(not each["missing"] or len(each["signed"]) >= each["threshold"] for each in ready["signatures"])
    done = table.station(*join, "--station", "--yes")
    assert set(states(done).values()) == {"done"}

    last = new(*theirs)
    assert last["finished"]
    assert sorted(each.name for each in (new.home / f"tls/county-{C}").iterdir()) == ["ca.pem", "cert.pem", "key.pem"]
    assert new("keys", "show", "--county", C)
    for code, office in table.offices.items():
        assert office(*join, "--county", code)["finished"]
        assert C in office("charter", "verify", "--county", code)["members"]


def test_a_certificate_is_signed_for_the_charters_keys_only(table: Table, tmp_path: Path) -> None:
    """Whoever changes the request on the stick gets nothing: it is not signed with the county's key."""
    stick = tmp_path / "stick"
    table.a("charter", "join", stick, "--county", A, "--renew", "--scheme", "ed25519")
    table.station("charter", "join", stick, "--station")
    table.a("charter", "join", stick, "--county", A, "--yes")
    asked = stick / "certificates" / f"{A}.json"
    whole = asked.read_text()
    asked.write_text(whole.replace('"sig":"', '"sig":"A', 1).replace('=="', '="', 1))
    assert "证书申请" in table.station("charter", "join", stick, "--station", "--yes", code=1)
    assert not (stick / "certificates" / f"{A}.pem").exists()
    asked.write_text(whole)
    assert table.station("charter", "join", stick, "--station")["finished"]
    assert table.a("charter", "join", stick, "--county", A)["finished"]
    keys = table.a("keys", "show", "--county", A)["keys"]
    assert [each["standing"] for each in keys if each["role"] == "sign"] == ["valid", "valid"]


def test_the_new_member_exchanges_an_alarm(home: Path, yizhan: Run, tmp_path: Path) -> None:
    """In one home of two counties a third joins; its fire rings at its partner, who acknowledges it."""
    stick, office = tmp_path / "stick", ("--scheme", "ed25519", "--yes")
    (tmp_path / "ladder.toml").write_text('[[ladder]]\nrole = "值班"\nname = "陈某"\nphone = "0599-2822110"\n', "utf-8")

    def join(*words: str, code: int = 0) -> str:
        ran = yizhan("charter", "join", str(stick), *words)
        assert ran.code == code, ran.out + ran.err
        return ran.out

    pucheng = ("--county", C, "--ladder", str(tmp_path / "ladder.toml"), *office)
    assert "加 --anchor" not in join(*pucheng)
    assert "还缺" in join("--station", *NAMES)
    for county in (A, B):
        assert "等别的单位" in join("--county", county, *office)
    join(*pucheng, "--anchor", str(stick / "root.json"))
    assert "发布章程" in join("--station", "--yes", *NAMES)
    folder, public = home / "station", home / "station" / "public"
    keys = station_keys(folder / "keys", (Home(home).charter,), TerminalPassphrase())
    archive, source = Archive(folder / "charter"), CharterFolder(public, MAX_METADATA_BYTES)
    StationCharters(archive, source, keys, Topic(), public=public, lead_seconds=0.01)
    for county in (A, B, C):
        assert yizhan("charter", "verify", "--county", county, "--from", str(public)).code == 0

    station = Station(home)
    payload = {**FIRE["payload"], "org_code": f"{C}000000", "place": {"county": C, "township": "九牧镇"}}
    (fire,) = publish(yizhan, C, {**FIRE, "touches": [B], "payload": payload})
    station.carry(C)
    assert "stored" in station.deliver(B)
    assert yizhan("inbox", "ack", fire, "--county", B, "--name", "李四", "--badge", "654321").code == 0
    station.carry(B)
    station.deliver(C)
    (told,) = json.loads(yizhan("postings", "list", "--county", C, "--json").out)["postings"]
    assert "acknowledged" in json.dumps(told)
