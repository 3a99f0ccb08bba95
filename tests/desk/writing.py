"""An officer who writes on the desk: each field is posted when it is left, as the page does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.world.desk import Answer, Browser
from yizhan.producers import form_values, forms
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.services.labels import short_type


@dataclass
class Writer:
    """One browser with one draft open."""

    browser: Browser
    n: int
    version: int = 0

    @classmethod
    def begins(cls, browser: Browser, type: str, query: str = "") -> Writer:
        """Begin a draft."""
        answer = browser.get(f"/new/{short_type(type)}{query}")
        assert answer.status == 303, answer.text
        return cls.opens(browser, int(answer.headers["location"].rpartition("/")[2]))

    @classmethod
    def opens(cls, browser: Browser, n: int) -> Writer:
        """Open a draft that is there."""
        page = browser.get(f"/drafts/{n}")
        assert page.status == 200, page.text
        found = re.search(r'data-version="(\d+)"', page.text)
        assert found is not None
        return cls(browser, n, int(found[1]))

    def page(self) -> str:
        """Return the form as it is shown."""
        return self.browser.get(f"/drafts/{self.n}").text

    def posts(
        self, name: str, *values: str, seen: tuple[str, ...] | None = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Post one field."""
        given = {"name": name, "value": values, "version": self.version, **(more or {})}
        return self.browser.post(f"/drafts/{self.n}/fields", given | ({} if seen is None else {"seen": seen or ("",)}))

    def enters(self, name: str, *values: str, **more: str) -> dict[str, Any]:
        """Post one field; return what the page is told."""
        answer = self.posts(name, *values, more=more)
        assert answer.status == 200, (name, values, answer.text)
        return self.told(answer)

    def told(self, answer: Answer) -> dict[str, Any]:
        """Return what the page is told, and remember the version."""
        state: dict[str, Any] = json.loads(answer.text)
        self.version = state["version"]
        return state

    def adds_row(self, name: str) -> dict[str, Any]:
        """Add a row to a list."""
        return self.told(self.browser.post(f"/drafts/{self.n}/rows", {"add": name}))

    def fills_in(self, type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in a whole payload from the description of its type."""
        state: dict[str, Any] = {}
        for name, values, more in answers(self, forms.form_of(type), payload, ()):
            state = self.enters(name, *values, **more)
        return state

    def does(self, what: str, **fields: object) -> Answer:
        """Submit, send, approve, give back: with the version that the page shows."""
        page = self.browser.get(f"/drafts/{self.n}/preview")
        found = re.search(r'name="version" value="(\d+)"', page.text)
        assert found is not None, page.text
        return self.browser.post(f"/drafts/{self.n}/{what}", {"version": found[1], **fields})


def answers(
    writer: Writer, fields: tuple[Field, ...], content: Mapping[str, Any], above: Path
) -> Iterator[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Yield the answers that give a content: name of the field, values, what belongs to it."""
    for field in fields:
        if field.name not in content:
            continue
        value, path = content[field.name], (*above, field.name)
        name = ".".join(map(str, path))
        if forms.is_position(field):
            points = value["coordinates"] if isinstance(value["coordinates"][0], list) else [value["coordinates"]]
            yield name, ("\n".join(f"{x},{y}" for x, y in points),), {"datum": "WGS84"}
            rest = tuple(part for part in field.parts if part.name != "coordinates")
            yield from answers(writer, rest, value, path)
        elif field.kind is FieldKind.GROUP and field.many:
            for n, row in enumerate(value):
                writer.adds_row(name)
                yield from answers(writer, field.parts, row, (*path, n))
        elif field.kind is FieldKind.GROUP:
            yield from answers(writer, field.parts, value, path)
        else:
            yield name, written(field, value), {}


def written(field: Field, value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- JSON is any
    """Return a value as a page has it."""
    if isinstance(value, bool):
        return (str(value).lower(),)
    if field.kind in {FieldKind.CHOICE, FieldKind.MEMBER}:
        return tuple(value) if field.many else (str(value),)
    if field.many:
        return ("\n".join(form_values.format_value(forms.item_of(field), each, {}) for each in value) or "无",)
    return (form_values.format_value(field, value, {}),)
