"""The compose file is one, and runs commands that exist."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.world.command import run

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
DOCUMENT: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = DOCUMENT["services"]


def test_the_compose_file_fits_the_specification_of_compose() -> None:
    """The JSON Schema of compose-spec, which check-jsonschema ships, accepts it."""
    found = importlib.util.find_spec("check_jsonschema")
    assert found is not None
    assert found.origin is not None
    schema = json.loads(
        (Path(found.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json").read_text("utf-8")
    )
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert not validator.is_valid({**DOCUMENT, "service": {}})


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_a_command_that_exists_and_may_do_little(name: str) -> None:
    """Its words are a command and options of ours; its container writes to the home and the cache only."""
    service = SERVICES[name]
    words = [each for each in service["command"] if not each.startswith("-") and not each.isdigit()]
    shown = run(*words, "--help")
    assert shown.code == 0, shown.err
    assert set(re.findall(r"--[a-z-]+", " ".join(service["command"]))) <= set(re.findall(r"--[a-z-]+", shown.out))
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_the_image_has_what_is_copied_into_it() -> None:
    """What the Dockerfile copies is in the source folder."""
    copied = re.findall(r"^COPY (\S+) ", (COMPOSE / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert copied
    assert all((COMPOSE.parents[1] / each).exists() for each in copied)
