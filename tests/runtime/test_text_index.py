"""Full text over documents: the file itself. What the county's books give it: ``tests/services/test_searching``."""

from __future__ import annotations

from pathlib import Path

from yizhan.runtime.text_index import Document, Place, TextIndex


def test_more_documents_of_one_millisecond_than_it_has_numbers_are_all_found(tmp_path: Path) -> None:
    """A digest brings thousands of events at one instant: none is lost, and a later one comes first."""
    many = [Document(f"id-{n}", 1_000, "界山起火") for n in range(4_200)]
    with TextIndex(tmp_path / "search.sqlite3") as index:
        assert index.add("inbox", many, Place(), Place("life", 4_200, "id-4199"))
        later = Document("later", 5_000, "界山起火")
        assert index.add("inbox", [later], index.place("inbox"), Place("life", 4_201, "later"))
        found = [each.id for each in index.find(["界山起火"], 10_000)]
    assert found[0] == "later"
    assert sorted(found[1:]) == sorted(each.id for each in many)
