"""The error tree: complete, and one class a reason."""

from __future__ import annotations

import inspect

from yizhan.schemas import errors
from yizhan.schemas.errors import REFUSALS, Reason, Refused, YizhanError


def classes() -> list[type[BaseException]]:
    """Return every exception class of the module."""
    return [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__ and issubclass(value, BaseException)
    ]


def test_every_reason_has_one_class() -> None:
    """The closed list and the classes are the same, in the same order."""
    assert list(REFUSALS) == list(Reason)
    assert len(set(REFUSALS.values())) == len(Reason)
    assert {reason: cls.reason for reason, cls in REFUSALS.items()} == {reason: reason for reason in Reason}


def test_a_class_bears_its_reasons_name() -> None:
    """BadSignature is bad_signature: who reads one knows the other."""
    for reason, cls in REFUSALS.items():
        assert cls.__name__.lower() == reason.value.replace("_", "")


def test_there_is_one_root() -> None:
    """Every error of ours is a YizhanError, and every refusal a Refused."""
    assert all(issubclass(cls, YizhanError) for cls in classes())
    assert all(issubclass(cls, Refused) for cls in REFUSALS.values())


def test_the_tree_is_drawn_whole() -> None:
    """The drawing at the top of the file names every class and every reason."""
    drawing = errors.__doc__ or ""
    for cls in classes():
        assert cls.__name__ in drawing
    for reason in Reason:
        assert f" {reason.value} " in drawing


def test_reasons_are_the_contracts_words() -> None:
    """The list is closed: a new reason is a new version of the contract."""
    assert {reason.value for reason in Reason} == {
        "malformed", "oversize", "unknown_suite", "unknown_key", "key_not_valid", "key_revoked",
        "bad_signature", "wrong_topic", "not_a_member", "bad_audience", "bad_reference", "future_dated",
    }  # fmt: skip


def test_a_payloads_faults_are_told_one_by_one() -> None:
    """PayloadInvalid keeps (path, message) pairs and says them all."""
    error = errors.PayloadInvalid((("place.county", "missing"), ("summary", "too long")))
    assert error.errors == (("place.county", "missing"), ("summary", "too long"))
    assert str(error) == "place.county: missing; summary: too long"
