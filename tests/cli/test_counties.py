"""Which county is meant, however it is written, and where nobody says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.runtime.errors import SettingError
from yizhan.services.counties import CountyNotGiven, default_county, find_county
from yizhan.services.errors import UnknownMember
from yizhan.services.home import Home


@pytest.mark.parametrize(
    "written",
    ["350924", "寿宁", "寿宁县", " 寿宁县 ", "３５０９２４", "350924 寿宁县", "Shouning", "shouning county", "SHOU"],
)
def test_a_county_is_known_by_code_and_by_name(home: Path, written: str) -> None:
    """Code, name, short name and English name, with blanks, full width or either case, mean one county."""
    assert find_county(Home(home), written) == SHOUNING


@pytest.mark.parametrize("written", ["", "寿宁县城关", "浙江", "35092x", "350924x", "?"])
def test_a_name_that_no_member_has_is_answered_with_the_list(home: Path, written: str) -> None:
    """Whatever is no member's name, nor the beginning of one, is refused with all members."""
    with pytest.raises(UnknownMember, match=r"331126 庆元县.*350924 寿宁县"):
        find_county(Home(home), written)


def test_a_slip_is_answered_with_the_name_that_is_like_it(home: Path, yizhan: Run) -> None:
    """On the command line it is a wrong word (exit 2), and the nearest member is asked about."""
    ran = yizhan("outbox", "list", "--county", "寿宇县")
    assert ran.code == 2
    assert "是 350924 寿宁县 吗？" in ran.err


def test_what_two_members_may_be_called_is_refused(home: Path, yizhan: Run) -> None:
    """A word that fits two members chooses neither."""
    with pytest.raises(UnknownMember, match="不只一个县"):
        find_county(Home(home), "3")


def test_names_are_taken_wherever_codes_are(home: Path, yizhan: Run) -> None:
    """The option, the old place of ``due``, a filter; and ``--home`` may stand behind them."""
    moved = home.rename(home.with_name("elsewhere"))
    for words in (
        ("outbox", "list", "--county", "庆元"),
        ("due", "庆元县"),
        ("due", "--county", "庆元县"),
        ("inbox", "list", "--county", "庆元", "--from", "寿宁"),
    ):
        ran = yizhan(*words, "--json", "--home", str(moved))
        assert (ran.code, json.loads(ran.out)["county"]) == (0, QINGYUAN), ran.err


def test_the_only_county_with_keys_is_meant(home: Path, yizhan: Run) -> None:
    """With the keys of one county nobody has to name it; with those of two, they are listed."""
    ran = yizhan("outbox", "list")
    assert ran.code == 2
    assert "缺少 --county：这个主目录里有 331126、350924 的密钥" in ran.err
    shutil.rmtree(home / "counties" / QINGYUAN / "keys")
    assert json.loads(yizhan("outbox", "list", "--json").out)["county"] == SHOUNING
    shutil.rmtree(home / "counties" / SHOUNING / "keys")
    with pytest.raises(CountyNotGiven):
        default_county(Home(home))


def test_the_settings_may_name_the_county(home: Path, yizhan: Run) -> None:
    """``county`` in ``yizhan.toml`` is a code or a name, and goes before the keys; a wrong one stops by name."""
    settings = home / "yizhan.toml"
    settings.write_text('county = "庆元"\n', "utf-8")
    assert json.loads(yizhan("due", "--json").out)["county"] == QINGYUAN
    assert json.loads(yizhan("due", SHOUNING, "--json").out)["county"] == SHOUNING
    settings.write_text('county = "福州"\n', "utf-8")
    with pytest.raises(UnknownMember, match="福州"):
        default_county(Home(home))
    settings.write_text("county = 1\n", "utf-8")
    with pytest.raises(SettingError, match="county"):
        default_county(Home(home))
