"""Names of files (19.1, 19.8)."""

from __future__ import annotations

import re
import unicodedata

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)


def is_good_name(name: str) -> bool:
    """Return whether a file may be called so."""
    stem, dot, ending = name.rpartition(".")
    return (
        1 <= len(name) <= 100
        and len(name.encode()) <= 240
        and not any(unicodedata.category(each)[0] == "C" for each in name)
        and not set(name) & set('/\\<>:"|?*')
        and unicodedata.normalize("NFC", name) == name
        and " ".join(name.split()) == name
        and name == name.strip(". ")
        and not (dot and len(ending) <= 10 and stem != stem.rstrip(". "))
        and not RESERVED.fullmatch(name)
    )
