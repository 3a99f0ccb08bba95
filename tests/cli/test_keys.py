"""Private keys at the command line: unlocked once, used only if the charter names them."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.world.command import Run
from tests.world.processes import make_home
from tests.world.simulator import NOW, START, World
from yizhan.charter import rolekeys
from yizhan.cli.passphrase import CREDENTIAL, CREDENTIALS, TerminalPassphrase
from yizhan.schemas.charter import RegisteredKey
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.keys import PrivateKey, SealingKey, SigningKey, load_sealing, load_signing, save
from yizhan.schemas.pem import SCRYPT_N
from yizhan.services.errors import NoKey, ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import (
    PassphraseSource,
    Signer,
    key_files,
    key_status,
    sealing_keys,
    signer,
    station_keys,
)

WORD = b'{"kind":"text","text":"x"}'
SEAL = ("seal", "--county", "350924", "--to", "331126", "--type", "yizhan.notice.v1")


@contextmanager
def passphrase(text: str) -> Iterator[str]:
    """Give the number of a file descriptor from which a passphrase can be read."""
    read, write = os.pipe()
    os.write(write, text.encode() + b"\n")
    os.close(write)
    try:
        yield str(read)
    finally:
        os.close(read)


@pytest.fixture(scope="module")
def _locked_once(_signed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lock one county's signing key and the other's sealing key; each file takes a third of a second."""
    home = shutil.copytree(_signed_once, tmp_path_factory.mktemp("locked") / "yizhan-home")
    load: dict[str, Callable[[Path], PrivateKey]] = {
        "sign": load_signing, "seal": load_sealing,
    }  # fmt: skip
    for path in (*home.glob("counties/350924/keys/sign-*.pem"), *home.glob("counties/331126/keys/seal-*.pem")):
        key = load[path.name.split("-")[0]](path)
        path.unlink()
        save(key, path.parent, "山高水长".encode())
    return home


@pytest.fixture
def locked(_locked_once: Path, tmp_path: Path) -> Path:
    """Give a home in which those keys are locked with one passphrase."""
    return shutil.copytree(_locked_once, tmp_path / "yizhan-home")


@pytest.mark.exhaustive
def test_every_private_key_of_a_ceremony_is_locked(tmp_path: Path) -> None:
    """With a passphrase ``sample init`` writes no private key in the clear."""
    with passphrase("山高水长") as number:
        home = make_home(tmp_path / "yizhan-home", "--passphrase-fd", number, pass_fds=[int(number)])
    found = list(home.rglob("*.pem"))
    assert len(found) == 17  # six a county, three of the station, two of the ledger
    for path in found:
        assert b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert b"BEGIN PRIVATE KEY" not in path.read_bytes()


@pytest.mark.usefixtures("locked")
def test_locked_keys_work_with_their_passphrase_and_not_without(yizhan: Run) -> None:
    """One passphrase unlocks all keys of a run; without it, or with another, nothing is sealed or opened."""
    assert "有" in yizhan("keys", "show", "--county", "350924").out
    assert '"locked": true' in yizhan("keys", "show", "--county", "350924", "--json").out
    nobody = yizhan(*SEAL, given=WORD)
    assert nobody.code == 1
    assert "--passphrase-fd" in nobody.err
    with passphrase("wrong") as number:
        assert yizhan(*SEAL, "--passphrase-fd", number, given=WORD).code == 1
    with passphrase("山高水长") as number:
        sealed = yizhan(*SEAL, "--passphrase-fd", number, given=WORD)
    assert sealed.code == 0
    with passphrase("山高水长") as number:
        assert yizhan("open", "--passphrase-fd", number, given=sealed.raw).raw == WORD
    with passphrase("") as number:
        assert "应给出一行口令" in yizhan("open", "--passphrase-fd", number, given=sealed.raw).err
    assert yizhan("open", "--passphrase-fd", "1234", given=sealed.raw).code == 1


@pytest.mark.usefixtures("locked")
def test_what_is_only_looked_at_needs_no_passphrase(yizhan: Run) -> None:
    """Lists and inspections never ask for a key."""
    for command in ("outbox", "postings", "inbox", "digest"):
        assert yizhan(command, "list", "--county", "350924").code == 0


def test_a_key_that_others_may_read_is_not_used(home: Path, yizhan: Run) -> None:
    """A private key of mode 0644 is refused by name; whoever looks sees it listed as faulty among the others."""
    (path,) = (home / "counties/350924/keys").glob("sign-*.pem")
    path.chmod(0o644)
    ran = yizhan(*SEAL, given=WORD)
    assert ran.code == 1
    assert "0644" in ran.err
    listed = json.loads(yizhan("keys", "show", "--county", "350924", "--json").out)["keys"]
    assert {each["role"]: each["fault"] is None for each in listed} == {"cosign": True, "seal": True, "sign": False}
    shown = yizhan("keys", "show", "--county", "350924")
    assert shown.code == 0
    assert "不可用" in "".join(shown.out.split())  # wherever the line was broken


def test_a_rotation_begun_asks_for_nothing(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A locked new key that no charter names yet is left out, aloud; what is registered is used."""
    charters = (Home(home).charter,)

    def sealing(folder: Path) -> set[str]:
        return {key.kid for key in sealing_keys(folder, "350924", charters, TerminalPassphrase())}

    def postmark(folder: Path) -> set[str]:
        return {key.kid for key in station_keys(folder, charters, TerminalPassphrase())}

    for folder, key, use in (
        (home / "counties/350924/keys", SealingKey.generate(), sealing),
        (home / "station/keys", SigningKey.generate(), postmark),
    ):
        before = use(folder)
        new = save(key, folder, b"1234")
        assert use(folder) == before
        assert str(new) in capsys.readouterr().err
        (tmp_path / key.role).mkdir()
        shutil.copy2(new, tmp_path / key.role)
        with pytest.raises(NoKey):
            use(tmp_path / key.role)


def test_of_several_keys_the_one_registered_last_signs(tmp_path: Path) -> None:
    """A county that changed its key signs with the new one; one that the charter does not name is never used."""
    world = World()
    county, newer, stranger = world.counties["350924"], SigningKey.generate(), SigningKey.generate()
    entry = world.charter.signing["350924"][county.signing.kid]
    later = replace(entry, key=newer.public, not_before=START + timedelta(days=1))
    own = {county.signing.kid: entry, newer.kid: later}
    charter = replace(world.charter, signing={**world.charter.signing, "350924": own})
    for key in (county.signing, stranger):
        save(key, tmp_path)
    assert signer(tmp_path, "350924", charter, NOW, TerminalPassphrase()).kid == county.signing.kid
    save(newer, tmp_path)
    assert signer(tmp_path, "350924", charter, NOW, TerminalPassphrase()).kid == newer.kid
    assert signer(tmp_path, "350924", charter, START, TerminalPassphrase()).kid == county.signing.kid
    revoked = {kid: replace(each, revoked=NOW) for kid, each in own.items()}
    charter = replace(charter, signing={**charter.signing, "350924": revoked})
    with pytest.raises(NoKey):
        signer(tmp_path, "350924", charter, NOW, TerminalPassphrase())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, "valid"),
        ({"not_before": NOW + timedelta(seconds=1)}, "not_yet"),
        ({"not_after": NOW}, "expired"),
        ({"revoked": NOW}, "revoked"),
    ],
)
def test_how_a_key_stands_is_one_word(change: dict[str, object], word: str) -> None:
    """The words that keys show tells, from the charter's own entry."""
    world = World()
    (entry,) = world.charter.signing["350924"].values()
    assert key_status(replace(entry, **change), NOW) == word  # type: ignore[arg-type] # fields by name
    assert key_status(None, NOW) == "unregistered"


def test_old_sealing_keys_still_open(tmp_path: Path) -> None:
    """Every sealing key of the folder is at hand: events sealed to a retired one still open."""
    old, new = SealingKey.generate(), SealingKey.generate()
    for key in (old, new):
        save(key, tmp_path)
    save(SigningKey.generate(), tmp_path)
    (tmp_path / "note.pem").write_text("no key", "ascii")
    found = sealing_keys(tmp_path, "350924", (World().charter,), TerminalPassphrase())
    assert {key.kid for key in found} == {old.kid, new.kid}
    with pytest.raises(NoKey, match="另行生成"):
        sealing_keys(tmp_path / "none", "350924", (World().charter,), TerminalPassphrase())


def test_a_damaged_key_file_is_said_to_be_one(tmp_path: Path) -> None:
    """A file that calls itself a key and is none does not pass for one."""
    path = tmp_path / "sign-00000000.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "ascii")
    path.chmod(0o600)
    with pytest.raises(KeyFileInvalid):
        list(key_files(tmp_path, {}))


@pytest.mark.parametrize("ask", [lambda lock: lock.new(ask=True), lambda lock: lock.passphrase(Path("sign-1.pem"))])
def test_without_a_terminal_nobody_is_asked(ask: Callable[[PassphraseSource], object]) -> None:
    """A passphrase prompt in a pipe would hang or read somebody's data: it is refused."""
    with pytest.raises(ServiceError, match="--passphrase-fd"):
        ask(TerminalPassphrase())
    assert TerminalPassphrase().new(ask=False) is None


@pytest.mark.usefixtures("locked")
def test_a_systemd_credential_unlocks(yizhan: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit's credential is read where no descriptor is given; nothing is asked, nothing is an argument."""
    (tmp_path / CREDENTIAL).write_text("山高水长\n", encoding="utf-8")
    monkeypatch.setenv(CREDENTIALS, str(tmp_path))
    assert yizhan("keys", "generate", "--county", "350924").code == 0
    made = json.loads(yizhan("keys", "show", "--county", "350924", "--json").out)["keys"]
    assert len(made) == 6
    assert [key["role"] for key in made if not key["locked"]] == ["cosign", "seal"]  # those of before
    assert yizhan(*SEAL, given=WORD).code == 0
    monkeypatch.delenv(CREDENTIALS)
    assert yizhan(*SEAL, given=WORD).code == 1


@pytest.mark.exhaustive
def test_a_locked_key_file_costs_its_thief_scrypt(tmp_path: Path) -> None:
    """PKCS 8 with scrypt, N = 2^16, by its object identifier; every kind of key of ours, and read back."""
    for key in (SigningKey.generate(), SealingKey.generate()):
        pem = key.pem(b"word")
        for block in pem.decode().split("-----BEGIN ENCRYPTED PRIVATE KEY-----")[1:]:
            der = base64.b64decode(block.split("-----END")[0])
            assert bytes.fromhex("06092b06010401da47040b") in der
            assert SCRYPT_N.to_bytes(3, "big") in der
        assert type(key).from_pem(pem, b"word").kid == key.kid
        with pytest.raises(KeyFileInvalid, match="口令不对"):
            type(key).from_pem(pem, b"another")
    schemes: tuple[rolekeys.Scheme, ...] = ("ml-dsa-65", "ed25519", "ecdsa")
    for scheme in schemes:
        role = rolekeys.generate(scheme)
        path = rolekeys.save(role, tmp_path, "root", b"word")
        assert path.stat().st_mode & 0o777 == 0o600
        assert rolekeys.load(path, b"word").public_key == role.public_key
        with pytest.raises(KeyFileInvalid):
            rolekeys.load(path)


def test_a_process_that_runs_for_long_takes_up_the_next_key(tmp_path: Path) -> None:
    """When the charter names another key, or the old one ends, the county signs with what it has now."""
    world = World()
    county, newer = world.counties["350924"], SigningKey.generate()
    save(county.signing, tmp_path)
    ring = Signer(tmp_path, "350924", TerminalPassphrase())
    assert ring(world.charter, NOW).kid == county.signing.kid
    save(newer, tmp_path)
    entry = RegisteredKey(newer.public, START + timedelta(days=1), None, None)
    own = {**world.charter.signing["350924"], newer.kid: entry}
    second = replace(world.charter, name="2-0123456789abcdef", signing={**world.charter.signing, "350924": own})
    assert ring(second, NOW).kid == newer.kid


def test_only_a_retired_key_is_destroyed(home: Path, yizhan: Run, tmp_path: Path) -> None:
    """One that is valid, or that nobody registered, stays; one whose time is over goes, and its file with it."""
    files = {path.name.split("-")[0]: path for path in (home / "counties/350924/keys").iterdir()}
    valid = files["seal"].stem.split("-")[1]
    refused = yizhan("keys", "destroy", valid, "--county", "350924", "--yes")
    assert (refused.code, "仍有效" in refused.err) == (1, True)
    yizhan("keys", "generate", "--county", "350924")
    request, stick = str(tmp_path / "r.json"), str(tmp_path / "stick")
    for words in (
        ("charter", "request", "--county", "350924", "--out", request, "--retire", valid),
        ("charter", "propose", "--request", request, "--out", stick),
        ("charter", "sign", stick, "--county", "350924", "--yes"),
        ("charter", "publish", stick),
        ("charter", "verify", "--county", "350924", "--from", str(home / "station/public")),
    ):
        ran = yizhan(*words)
        assert ran.code == 0, ran.err
    fresh = next(path for path in (home / "counties/350924/keys").glob("seal-*") if path != files["seal"])
    assert yizhan("keys", "destroy", fresh.stem.split("-")[1], "--county", "350924", "--yes").code == 1
    done = yizhan("keys", "destroy", valid, "--county", "350924", "--yes")
    assert done.code == 0, done.err
    assert not files["seal"].exists()
    assert fresh.exists()
