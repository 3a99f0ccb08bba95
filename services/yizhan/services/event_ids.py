"""Which event a person means who types only the end of its id: one rule for every command and page.

Rule 1: a whole id is never looked up; what names nothing comes back as it is, and the caller says that it is not there.
Rule 2: an end that several events have is an error that lists them: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from yizhan.schemas.header import split_id
from yizhan.schemas.i18n import join_list, marked
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.stores import read_inbox, read_outbox

Book = Literal["inbox", "outbox", "both"]
MOST_NAMED: Final = 10


class AmbiguousId(ServiceError):
    """The end of an id that several events have."""


def full_id(home: Home, counties: Iterable[str], word: str, book: Book = "both") -> str:
    """Return the id that a word means: a whole id, or the end of one, such as ``17`` or ``k7qf-17``.

    Args:
        home: of the installation.
        counties: whose books are looked into.
        word: as it was typed, in letters of either case: ids are written in small ones.
        book: where the event is.

    Raises:
        AmbiguousId: several ids end so.
        StoreError: a book cannot be read.
    """
    small = word.lower()
    try:
        split_id(small)
    except ValueError:
        pass
    else:
        return small
    found = list(dict.fromkeys(each for county in counties for each in _ending(home, county, small, book)))
    if len(found) > 1:
        sentence = marked("{word} 可以是其中几件：{ids}；请多写几位")
        newest = found[-MOST_NAMED:]
        raise AmbiguousId(sentence, word=word, ids=join_list(newest if len(found) <= MOST_NAMED else ["…", *newest]))
    return found[0] if found else word


def _ending(home: Home, county: str, end: str, book: Book) -> list[str]:
    found = list[str]()
    if book != "outbox":
        with read_inbox(home, county) as inbox:
            found += () if inbox is None else inbox.ids_ending(end)
    if book != "inbox":
        with read_outbox(home, county) as outbox:
            found += () if outbox is None else outbox.ids_ending(end)
    return found
