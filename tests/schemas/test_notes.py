"""Signed notes: one spelling, or a refusal that says where."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.simulator import seed
from yizhan.schemas.errors import NoteInvalid
from yizhan.schemas.keys import CosigningKey, SigningKey, SigningPublicKey
from yizhan.schemas.notes import MAX_NOTE_BYTES, MAX_SIGNATURES, Note, Signature, is_name, key_id, parse, verifier_key

# The example of the specification (C2SP signed-note, "Example").
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
LINE = EXAMPLE.decode().split("\n")[2]


def test_the_example_of_the_specification() -> None:
    """Its key verifies its note; key id and verifier key are computed as it prints them."""
    name, number, blob = VKEY.split("+")
    key = SigningPublicKey(base64.b64decode(blob)[1:])
    note = parse(EXAMPLE)
    (line,) = note.signatures
    assert (line.name, line.key_id.hex()) == (name, number) == (name, key_id(name, key).hex())
    assert verifier_key(name, key) == VKEY
    assert key.verifies(line.signature, note.text.encode())
    assert note.to_bytes() == EXAMPLE


def test_keys_of_two_kinds_have_two_ids() -> None:
    """The kind of a key is part of its id."""
    one, other = SigningKey.from_seed(seed("note")).public, CosigningKey.from_seed(seed("note")).public
    assert key_id("a", one) != key_id("a", other)
    assert base64.b64decode(verifier_key("a", other).split("+", 2)[2])[:1] == b"\x06"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty line"),
        (b"text\n", "empty line"),
        (EXAMPLE[:-1], "each ended by a newline"),
        (EXAMPLE + b"\n", "signature lines"),
        (EXAMPLE.replace("—".encode(), b"-"), "em dash"),
        (EXAMPLE.replace("— ".encode(), "—\u00a0".encode()), "em dash"),
        (EXAMPLE.replace(b"foo ", b"foo  "), "base64"),
        (EXAMPLE.replace(b"/foo", b"/f+o"), "em dash"),
        (EXAMPLE.replace(b"/foo", "/f\u2003o".encode()), "em dash"),
        (EXAMPLE.replace(b"aQM=", b"aQM"), "line 1, of example.com/foo"),
        (EXAMPLE.replace(b"aQM=", b"aQN="), "not the one base64 spelling"),
        (EXAMPLE.replace(b"aQM=", b"aQM= "), "line 1"),
        (EXAMPLE.replace(b"Uw2Q", b"Uw_Q"), "line 1"),
        (EXAMPLE.replace(b"Uw2Q", "Uw２Q".encode()), "line 1"),
        (EXAMPLE.replace(b"example m", b"example\tm"), "control characters"),
        (EXAMPLE.replace(b"\n\n", b"\r\n\n"), "control characters"),
        (EXAMPLE.replace(b"This", b"\xff"), "is UTF-8"),
        ("text\n\n— a Uw2QOg==\n".encode(), "too short"),
        (b"x" * (MAX_NOTE_BYTES + 1), "at most"),
        (b"text\n\n" + (LINE + "\n").encode() * (MAX_SIGNATURES + 1), "at most"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_note_is_refused(data: bytes, words: str) -> None:
    """Each breach of the format is refused, and the sentence says which it is."""
    with pytest.raises(NoteInvalid, match=words):
        parse(data)


def test_many_signatures_are_read() -> None:
    """A note may have far more than the sixteen that a reader must accept."""
    note = parse(b"text\n\n" + (LINE + "\n").encode() * MAX_SIGNATURES)
    assert len(note.signatures) == MAX_SIGNATURES


def test_a_text_may_have_empty_lines() -> None:
    """The last empty line is the one that parts text and signatures."""
    note = parse(b"a\n\nb\n\n" + LINE.encode() + b"\n")
    assert note.text == "a\n\nb\n"


def test_a_line_stands_once() -> None:
    """Adding what is there changes nothing; adding another keeps the order."""
    note = parse(EXAMPLE)
    more = Signature("b", b"1234", b"x")
    assert note.with_signatures(*note.signatures) == note
    assert note.with_signatures(more, more).signatures == (*note.signatures, more)


@given(
    text=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
    name=st.text(st.characters(min_codepoint=33, exclude_categories=["Cs", "Zs", "Zl", "Zp"]), min_size=1),
    signature=st.binary(min_size=1, max_size=80),
)
def test_what_is_written_is_read(text: str, name: str, signature: bytes) -> None:
    """Any text and name is the same after writing and reading."""
    if is_name(name):
        note = Note(text + "\n", (Signature(name, b"\0\1\2\3", signature),))
        assert parse(note.to_bytes()) == note
