"""Short forms: every part runs and none measures. ``make test`` runs them, so that none rots."""

from __future__ import annotations

from typing import Any, Final

from bench import (
    alarms,
    bulletin,
    charter,
    closing,
    crypto,
    desk,
    desk_cuts,
    files,
    ledger,
    obligations,
    recovery,
    start,
    throughput,
)

SHORT: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "crypto": (crypto, {"ROUNDS": 4}),
    "start": (start, {"SIZES": (20,), "KILLS": 1}),
    "throughput": (throughput, {"EVENTS": 50, "RUNS": 1}),
    "alarms": (
        alarms,
        {
            "RATES": {50: 20},
            "COST_EVENTS": 10,
            "IDLE_SECONDS": 0.5,
            "WARM": 5,
            "RUNS": 1,
            "CAPACITY_RATES": (20,),
            "CAPACITY_SECONDS": 1,
            "COMMAND_EVENTS": 5,
        },
    ),
    "closing": (closing, {"SIZES": {"330327": ("350982", 20)}}),
    "charter": (charter, {"SIZES": (6,), "LOOKS": 5, "CHANGES": 1}),
    "ledger": (ledger, {"APPENDED": 500, "SIZES": (500,), "RUNS": 1, "RECEIPTS": 50}),
    "obligations": (obligations, {"SIZES": (20, 200), "DUE_AT_ONCE": 10, "THREAD": 200}),
    "files": (files, {"MAX_FILE_BYTES": 2 << 20, "QUIET": 10, "WARM": 2}),
    "bulletin": (bulletin, {"SIZES": (20,)}),
    "desk": (desk, {"ROWS": 200, "ALARMS": 10, "AT_ONCE": 20, "SOUNDS": 1, "PAGES": 4, "IDLE_SECONDS": 0.5}),
    "desk_cuts": (desk_cuts, {"CUTS": 9, "LOST": 0}),
}
"""Part → its module and what is smaller. ``start`` kills its station, so it comes before those that share one.
``recovery`` is not here: its reference waits a minute, and the fault run kills a station too."""


def shorten() -> None:
    """Make every part small, for the rest of this process."""
    for module, smaller in (*SHORT.values(), (recovery, {"FLOWING_SECONDS": 0.2})):
        for name, value in smaller.items():
            if not hasattr(module, name):
                raise AttributeError(f"{module.__name__} has no {name}")
            setattr(module, name, value)
