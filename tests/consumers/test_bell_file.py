"""``bell.toml`` while the bell works: it appears, changes, or cannot be used."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from tests.world.phones import Phone, channels, phones, settings_of
from tests.world.receiver import ME, Listener
from yizhan.consumers.bell.bell_file import BellFile, read_channels
from yizhan.consumers.bell.ringer import Ringer

LIMIT_SECONDS = 60.0


def _text(phone: Phone) -> str:
    return channels(duty=phone.url) + '[rungs]\nduty = ["duty"]\n'


def test_a_bell_set_while_its_process_runs_rings(listener: Listener, tmp_path: Path) -> None:
    """Without a file nobody is rung; once it is written, what waits rings; once it is changed, the new phone rings."""
    file = BellFile(tmp_path / "bell.toml", read_channels)
    with phones(2) as (first, second):
        rang = threading.Event(), threading.Event()
        first.before, second.before = rang[0].set, rang[1].set
        listener.deliver(listener.event())
        with Ringer(listener.path, ME, None, listener.world.charters, listener.clock, changed=file.changed):
            settings_of(tmp_path, _text(first))
            assert rang[0].wait(LIMIT_SECONDS)
            settings_of(tmp_path, _text(second))
            for _ in range(int(LIMIT_SECONDS)):
                listener.deliver(listener.event())
                if rang[1].wait(1):
                    break
        assert second.heard


def test_an_unusable_file_changes_nothing_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is read once a change; one that others may read or that is no TOML is logged, and read again when mended."""
    with phones(1) as (phone,):
        file, path = BellFile(tmp_path / "bell.toml", read_channels), tmp_path / "bell.toml"
        assert file.changed() is None
        settings_of(tmp_path, _text(phone))
        assert file.changed() is not None
        assert file.changed() is None
        path.write_text("[channels", encoding="utf-8")
        assert file.changed() is None
        assert file.changed() is None
        assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1
        settings_of(tmp_path, _text(phone))
        path.chmod(0o640)
        assert file.changed() is None
        path.chmod(0o600)
        assert file.changed() is not None
        path.unlink()
        assert file.changed() is None
