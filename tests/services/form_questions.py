"""A form of a draft, and what it asks now."""

from __future__ import annotations

from tests.world.simulator import SHOUNING
from yizhan.producers.draft_store import DraftStore
from yizhan.services.drafts import form_context
from yizhan.services.forms import Form
from yizhan.services.home import Home


def form_of(home: Home, store: DraftStore, n: int) -> Form:
    """Take up a draft."""
    return Form(form_context(home, SHOUNING, store, store.get(n).type), store, n)


def asked(form: Form) -> str:
    """Return the name of the field that is asked now."""
    assert form.question is not None
    return form.question.field.name
