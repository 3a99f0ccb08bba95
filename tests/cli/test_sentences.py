"""What officers read when something is wrong: sentences in their language, whoever found the fault."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES, FIRE
from tests.world.command import Run
from yizhan.cli.failures import failure
from yizhan.consumers.errors import InboxError
from yizhan.deploy.errors import BrokerFailed, DeployError
from yizhan.ledger.errors import LedgerError
from yizhan.ledger.kafka_io import WireFailed
from yizhan.producers.drafts import Draft, Office
from yizhan.runtime.settings import Settings
from yizhan.schemas import sentences
from yizhan.schemas.errors import PayloadInvalid, YizhanError
from yizhan.schemas.header import Header
from yizhan.schemas.i18n import catalogue, set_language
from yizhan.schemas.payloads import TYPES, parse_strict
from yizhan.services.labels import ERRORS, error_sentence

LATIN_PROSE = re.compile(r"\b(should|expected|came|must|invalid|required|Input|got)\b")
WRONG_VALUES: tuple[Any, ...] = (None, "", "x", " ", "x" * 5000, -1, 99, 1e20, 1.5, True, {}, {"a": 1}, [], [1] * 300)


def patterns(schema: Any) -> Iterator[str]:  # noqa: ANN401 -- JSON is any
    """Yield every pattern of a JSON Schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


@pytest.mark.parametrize("model", [Draft, Office, Settings, Header, *(row.model for row in TYPES.values())])
def test_no_officer_reads_a_pattern(model: Any) -> None:  # noqa: ANN401 -- any model
    """Each pattern that a value can break has a sentence of its own for officers."""
    assert set(patterns(model.model_json_schema())) - set(sentences.PATTERNS) == set()


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("type", TYPES)
def test_every_fault_is_a_sentence_of_the_language(type: str, language: str) -> None:
    """Faults of any value in any field are shown in our sentences, never in pydantic's."""
    set_language(language)
    for name in EXAMPLES[type]:
        for value in WRONG_VALUES:
            try:
                parse_strict(type, EXAMPLES[type] | {name: value})
            except PayloadInvalid as error:
                for _path, said in error.errors:
                    assert "Input should" not in said
                    if language == "zh_CN":
                        assert not LATIN_PROSE.search(said), said
                    else:
                        assert "应" not in said.split("(")[0], said


def test_what_came_is_said_once() -> None:
    """A value that is not as it must be is repeated once."""
    with pytest.raises(PayloadInvalid) as caught:
        parse_strict("yizhan.incident.forest_fire.v1", FIRE | {"occurred_at": "昨天"})
    assert str(caught.value).count("昨天") == 1


def test_the_systems_errors_are_ours() -> None:
    """An error of the operating system is said by its number; an unknown one as it came."""
    assert failure(FileNotFoundError(errno.ENOENT, "No such file or directory", "a")) == "a: 没有这个文件或目录"
    assert failure(OSError(errno.EXDEV, "Invalid cross-device link", "a")) == "a: Invalid cross-device link"


def test_what_is_for_engineers_says_what_it_means_first() -> None:
    """The class's meaning leads; the sentence of the engineer follows, marked."""
    assert error_sentence(BrokerFailed("port 9092 is taken")) == "Kafka 没有就绪（技术说明：port 9092 is taken）"
    classes = {kind.__name__ for kind in every(YizhanError)}
    assert set(ERRORS) <= classes | {"StrictJsonError"}
    assert all(ERRORS[name] in catalogue("en") for name in ERRORS)
    assert issubclass(BrokerFailed, DeployError)
    assert issubclass(WireFailed, LedgerError)
    assert error_sentence(LedgerError("no")).startswith("账本")
    assert not {kind.__name__ for kind in every(InboxError)} & set(ERRORS)


def every(kind: type[Exception]) -> Iterator[type[Exception]]:
    """Walk the tree of errors."""
    for inner in kind.__subclasses__():
        yield inner
        yield from every(inner)


def test_a_wrong_type_is_told_once_with_what_a_desk_may_send(yizhan: Run, home: Path) -> None:
    """One sentence, which offers no type that would then be refused."""
    Path("wrong.jsonl").write_text(json.dumps({"type": "fire", "payload": {}}), "utf-8")
    said = yizhan("publish", "wrong.jsonl", "--county", "350924").err
    assert said.count("wrong.jsonl:1") == 1
    assert "yizhan.incident.forest_fire.v1" in said
    assert "receipt" not in said
    assert home.exists()


def test_nothing_to_seal_is_said(yizhan: Run, home: Path) -> None:
    """Empty content is named; no sentence begins with a colon."""
    ran = yizhan("seal", "--county", "350924", "--to", "331126", "--type", "yizhan.notice.v1")
    assert ran.code == 1
    assert ran.err.startswith("yizhan: 没有内容可以封装")
    assert home.exists()


def test_a_file_of_outlines_is_named(yizhan: Run, home: Path) -> None:
    """The file that cannot be used stands before the sentence."""
    Path("outlines.json").write_text("{}", "utf-8")
    Path("fires.csv").write_text("", "utf-8")
    ran = yizhan("import", "firms", "fires.csv", "--county", "350924", "--outlines", "outlines.json")
    assert ran.err.startswith("yizhan: outlines.json: 应为 GeoJSON")
    assert home.exists()


def test_an_acknowledgement_of_nothing_is_told_in_chinese(yizhan: Run, home: Path) -> None:
    """What is not in the inbox is named, with where to look."""
    ran = yizhan("inbox", "ack", "350924-abcd-1", "--county", "331126", "--name", "李四", "--badge", "035003")
    assert "收件箱里没有 350924-abcd-1" in ran.err
    assert home.exists()
