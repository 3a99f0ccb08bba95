"""The fault matrix as a table in ``bench/README.md``, made from ``faults.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- faults.json as a table: make faults -->"
END: Final = "<!-- end of the table -->"
_COLUMNS: Final = {
    "times": "times",
    "accepted": "accepted",
    "lost": "lost",
    "duplicates_in_inbox": "doubled",
    "reordered": "reordered",
    "alarms_not_announced": "alarms unannounced",
    "refused_by_station": "refused by the station",
    "not_accepted": "refused by the outbox",
    "longest_silence_seconds": "longest silence, s",
}


def rendered(result: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    heads = ["fault", *_COLUMNS.values(), "recovered", "notes"]
    lines = [
        f"{result['measured']}, {result['machine']}. {result['load']}.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
    ]
    nothing = result.get("without_faults")
    rows = ({} if nothing is None else {"nothing": nothing}) | result["faults"]
    for figures in rows.values():
        cells = [figures["what"], *(str(figures.get(word, 0)) for word in _COLUMNS)]
        cells += ["yes" if figures["recovered"] else "**no**", "; ".join(figures["notes"])]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    empty = " |" * len(_COLUMNS)
    lines += [
        f"| {name} |{empty} | not possible on this machine: {why} |" for name, why in result["not_possible"].items()
    ]
    calls = result.get("ledger_calls")
    if calls is not None:
        lines += ["", f"`ledger_calls`: {calls['what']}: {calls['faults']} faults, {calls['wrong']} wrong."]
    return "\n".join(lines)


def table_of(text: str) -> str:
    """Return the table that a document has, empty if none."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def with_table(text: str, result: dict[str, Any]) -> str:
    """Return a document with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _old, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{rendered(result)}\n{END}{after}"


def write_table(result: dict[str, Any]) -> None:
    """Make the table of ``bench/README.md`` anew."""
    README.write_text(with_table(README.read_text("utf-8"), result), "utf-8")
