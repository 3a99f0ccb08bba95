"""How failures are told: a sentence, an exit status, and a traceback only for whoever asks."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import click
import pytest

from tests.world.command import Run
from tests.world.processes import YIZHAN
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.cli.click_options import Command
from yizhan.cli.failures import failure
from yizhan.cli.main import main
from yizhan.schemas.errors import BadSignature, KeyFileInvalid


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add commands that fail in the ways that commands fail."""

    def raising(error: BaseException) -> Command:
        def callback() -> None:
            raise error

        return Command("broken", callback=callback)

    for name, error in {
        "ours": KeyFileInvalid("mode 0644; chmod 600 it"),
        "refused": BadSignature("the signature does not hold"),
        "bug": ZeroDivisionError("division by zero"),
        "disk": FileNotFoundError(2, "No such file or directory", "somewhere"),
        "extra": ModuleNotFoundError("No module named 'faust'", name="faust"),
        "interrupt": KeyboardInterrupt(),
        "silent": EOFError(),
        "steering": KeyFileInvalid("\x1b[2Jgone"),
    }.items():
        monkeypatch.setitem(main.commands, name, raising(error))


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("ours", 1, "yizhan: mode 0644; chmod 600 it\n"),
        (
            "refused",
            1,
            "yizhan: bad_signature（签名不符，内容被改动或不是本人签署）（技术说明：the signature does not hold）\n",
        ),
        ("bug", 1, "ZeroDivisionError: division by zero；加 --debug"),
        ("disk", 1, "yizhan: somewhere: 没有这个文件或目录\n"),
        ("extra", 1, "pip install '.[station]'"),
        ("interrupt", 130, "已中断"),
        ("silent", 1, "这里需要回答"),
        ("steering", 1, r"yizhan: \x1b[2Jgone"),
    ],
)
def test_a_failure_is_one_sentence(yizhan: Run, name: str, code: int, said: str) -> None:
    """No failure shows a traceback; each says what it was and ends with its status."""
    ran = yizhan(name)
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


@pytest.mark.usefixtures("broken")
def test_engineers_see_the_traceback(yizhan: Run) -> None:
    """With --debug the same failure shows where it happened, and still the sentence."""
    ran = yizhan("--debug", "ours")
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "yizhan: mode 0644" in ran.err


def test_every_client_that_may_be_missing_has_its_extra() -> None:
    """A machine without a role's extra is told which to install."""
    for module, extra in {"faust": "station", "kafka": "desk", "shapely.geometry": "desk"}.items():
        said = failure(ModuleNotFoundError(f"No module named {module!r}", name=module))
        assert f"pip install '.[{extra}]'" in said
    missing = ModuleNotFoundError("No module named 'kafka'", name="kafka")
    assert "'.[broker]'" in failure(missing, ["broker", "start"])
    assert "'.[station]'" in failure(missing, ["--home", "x", "digest", "close"])


@pytest.mark.exhaustive
def test_ctrl_c_ends_with_130_and_a_word(home: Path) -> None:
    """A person's Ctrl-C in a waiting command is no crash."""
    waiting = subprocess.Popen(
        [*YIZHAN, "publish", "-", "--county", "350924"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home.parent
    )
    try:
        until((home / "counties" / "350924" / "outbox.sqlite3").exists, "it opens its outbox")
        waiting.send_signal(signal.SIGINT)
        _out, said = waiting.communicate(timeout=LIMIT_SECONDS)
    finally:
        waiting.kill()
        waiting.wait()
    assert waiting.returncode == 130
    assert "已中断" in said.decode()
    assert b"Traceback" not in said


@pytest.mark.exhaustive
def test_a_reader_that_went_away_is_no_crash(home: Path) -> None:
    """Output into a pipe that closed ends quietly."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*YIZHAN, "schema", "header"], check=False, stdout=write, stderr=subprocess.PIPE, cwd=home.parent
    )
    os.close(write)
    assert b"Traceback" not in done.stderr


def test_settings_that_cannot_be_used_are_named(home: Path, yizhan: Run) -> None:
    """A slip in yizhan.toml is told by its name, with what was expected."""
    (home / "yizhan.toml").write_text("outbox_poll_second = 3\n", "utf-8")
    ran = yizhan("outbox", "list", "--county", "350924", "--json")
    assert ran.code in {0, 1}
    ran = yizhan("quarantine", "list")
    assert ran.code == 1
    assert "outbox_poll_second" in ran.err


def test_without_a_broker_the_sentence_says_what_to_start(home: Path, yizhan: Run) -> None:
    """TLS files that are not there yet are named, and the command that makes them."""
    for command in (("quarantine", "list"), ("digest", "close"), ("station", "run"), ("broker", "apply")):
        ran = yizhan(*command)
        assert ran.code == 1
        assert "yizhan broker start" in ran.err
    assert home.exists()


def test_click_words_are_ours(yizhan: Run) -> None:
    """Usage errors of click itself come in our words too."""
    assert isinstance(main, click.Group)
    assert "必填" in yizhan("seal", "--help").out


def test_an_error_names_the_option_that_helps(yizhan: Run, home: Path) -> None:
    """A table of one type, a partner that must be chosen, a home without the keys: the command to run is printed."""
    for words, command in (
        (("export", "all.csv", "--county", "350924"), "yizhan export all.csv --type … --county 350924"),
        (
            ("digest", "show", "2026Q3", "--county", "350924", "--with", "350924"),
            "yizhan digest show 2026Q3 --county 350924 --with …",
        ),
        (
            ("bulletin", "make", "2026Q3", "--county", "350924", "--with", "350924"),
            "yizhan bulletin make 2026Q3 --county 350924 --with …",
        ),
    ):
        ran = yizhan(*words)
        assert (ran.code, f"请运行 {command}" in ran.err) == (1, True), ran.err
