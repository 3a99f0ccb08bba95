"""The specification's tables say what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from yizhan.schemas import charter_files, dsse, envelope, header, strictjson, topics
from yizhan.schemas.admit import MAX_KAFKA_HEADER_BYTES
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.errors import Reason
from yizhan.schemas.header import Header
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.policy_facts import ATTRIBUTES
from yizhan.schemas.postmark import Postmark

TEXT: Final = (Path(__file__).parents[2] / "schemas" / "README.md").read_text("utf-8")
SECTIONS: Final = {
    match[1]: match[2] for match in re.finditer(r"^## (\d+) [^\n]+\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}


def rows(text: str) -> list[list[str]]:
    """Return the rows of the tables in a text, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names(cell: str) -> list[str]:
    """Return what stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(text: str) -> set[str]:
    """Return what the first column names."""
    return {name for row in rows(text) for name in names(row[0])}


def test_the_header_has_the_attributes_of_its_table() -> None:
    """No attribute more or fewer; required ones are called so."""
    assert first_words(SECTIONS["7"]) == set(Header.model_fields)
    required = {name for row in rows(SECTIONS["7"]) if row[2].startswith("required") for name in names(row[0])}
    assert required - {"specversion"} == {name for name, field in Header.model_fields.items() if field.is_required()}


def test_the_reasons_are_the_closed_list() -> None:
    """In clause 8.3, and every one of them in the order of work."""
    (listed,) = re.findall(r"closed list: `([^`]+)`", SECTIONS["8"])
    assert listed.split() == [reason.value for reason in Reason]
    told = {name for row in rows(SECTIONS["8"]) for name in names(row[-1])}
    assert told == {reason.value for reason in Reason}


def test_the_facts_are_the_policys() -> None:
    """Each attribute with each of its values, but for the types, which clause 15 lists."""
    table = {row[0].strip("`"): set(names(row[1])) for row in rows(SECTIONS["10"]) if row[0].strip("`") in ATTRIBUTES}
    assert table.keys() == ATTRIBUTES.keys()
    for name, values in ATTRIBUTES.items():
        assert table[name] == (values if name != "type" else {"any other type"})


def test_the_types_are_the_policys() -> None:
    """Clause 15 names every type that a policy may."""
    listed = SECTIONS["15"].partition("\n15.3 ")[0]
    assert {f"yizhan.{name}.v1" for row in rows(listed) for name in names(row[1])} == set(TYPES)


@pytest.mark.parametrize("model", [Postmark, Manifest, Adoption])
def test_statements_have_the_attributes_of_their_tables(model: type[Postmark | Manifest | Adoption]) -> None:
    """So do postmark, manifest and adoption."""
    part = next(
        part for part in re.split(r"^12\.\d ", SECTIONS["12"], flags=re.MULTILINE) if model.content_type in part
    )
    assert first_words(part) == set(model.model_fields)


def test_the_topics_are_the_declarations() -> None:
    """Writers, readers, keeping and size of each topic are those that brokers are given."""
    members = ("331126", "350924")
    me, everybody = "county-331126", {"county-331126", "county-350924", "station", "ledger", "auditor"}
    words = {"county c": {me}, "station": {"station"}, "ledger": {"ledger"}, "auditor": {"auditor"}, "all": everybody}
    words["other counties"] = {"county-350924"}
    lines = [row for row in rows(SECTIONS["13"]) if len(row) == 5 and names(row[0])]
    table = {names(row[0])[0].replace("<c>", "331126"): row[1:] for row in lines}
    declared = {topic.name: topic for topic in topics.declare(members) if "350924" not in topic.name}
    assert declared.keys() == table.keys()
    for name, topic in declared.items():
        writers, readers, kept, largest = table[name]
        assert set(topic.writers) == words[writers]
        assert set(topic.readers) == set().union(*(words[reader] for reader in readers.split(", ")))
        size, unit = largest.split()
        assert topic.max_message_bytes == int(size) * {"KiB": 1024, "MiB": 1024**2}[unit]
        if topic.cleanup == "compact":
            assert kept == "compacted"
        else:
            assert topic.retention_ms == (-1 if kept == "for ever" else int(kept.split()[0]) * 86_400_000)


def test_the_limits_are_the_codes() -> None:
    """The figures of clause 1.6."""
    figures = {row[0]: row[1] for row in rows(SECTIONS["1"])}
    told = [figures[name] for name in figures if name not in {"what", "integer"}]
    assert [int(re.split("[ ;]", figure)[0].replace(",", "")) for figure in told] == [
        envelope.MAX_BYTES, header.MAX_HEADER_BYTES, MAX_KAFKA_HEADER_BYTES, header.MAX_MEMBERS,
        strictjson.MAX_DEPTH, dsse.MAX_BYTES, charter_files.MAX_FILE_BYTES,
    ]  # fmt: skip


def test_every_clause_that_is_cited_exists() -> None:
    """A number in brackets leads somewhere."""
    clauses = set(re.findall(r"^(\d+\.\d+) ", TEXT, re.MULTILINE))
    cited = {number for group in re.findall(r"\(([\d., to]+)\)", TEXT) for number in re.findall(r"\d+\.\d+", group)}
    cited |= set(re.findall(r"clause (\d+\.\d+)", TEXT))
    assert len(clauses) > 70
    assert cited - clauses == set()
