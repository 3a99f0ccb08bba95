"""``yizhan desk doctor`` as a command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.world.command import Run
from tests.world.simulator import QINGYUAN


def test_a_doctor_for_people_and_for_scripts(home: Path, yizhan: Run) -> None:
    """What is wrong stands with the command that helps, and the exit status says that something is."""
    shown = yizhan("desk", "doctor", "--county", QINGYUAN, "--name", "desk.example", "--socket", "/run/desk.sock")
    assert shown.code == 1
    assert f"✗ 值班台没有在运行\n    yizhan desk run --county {QINGYUAN}\n" in shown.out
    assert "https://desk.example/self-test" in shown.out
    found = json.loads(yizhan("desk", "doctor", "--county", QINGYUAN, "--json").out)
    assert found["well"] is False
    assert found["self_test"] == "http://127.0.0.1:8443/self-test"
    assert {"code": "inbox", "state": "bad"}.items() <= found["checks"][
        [e["code"] for e in found["checks"]].index("inbox")
    ].items()
