"""Help in both languages, at once, without what only some machines have."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.house.tree import ROOT, syntax
from tests.world.command import Run
from tests.world.each import each
from yizhan.cli.click_classes import Command, Group, Option, first_sentence
from yizhan.cli.language import choose_language
from yizhan.cli.main import COMMANDS, main
from yizhan.schemas import i18n
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import short_name

STABLE = """
broker start, broker stop, broker status, broker run, broker apply, broker renew, broker revoke, broker manifests,
keys generate, keys show, new, countersign, done, draft list, draft show, draft edit, draft send, draft drop,
publish, import firms, outbox run, outbox list,
postings list, station run, digest close, digest list, digest show, inbox run, inbox list, inbox show, inbox ack,
quarantine list, ledger run, ledger cosign, ledger status, ledger prove, ledger verify-proof, ledger settle,
ledger rebuild, audit verify, audit export, explain, seal, open, inspect, schema, sample init
"""
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
HEAVY = {"pydantic", "cryptography", "rich", "babel", "kafka", "faust", "aiokafka", "shapely"}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk the tree: the words that lead to each command, and the command."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


TREE = dict(commands(main))
OURS = {path: command for path, command in TREE.items() if path[:1] != ("demo",)}
EACH = each("path", OURS)


def test_the_names_are_stable() -> None:
    """Every command that other programs may call is there under its name."""
    named = {" ".join(path) for path in TREE}
    assert {" ".join(name.split()) for name in STABLE.split(",")} <= named


@EACH
def test_help_is_there_in_chinese(path: tuple[str, ...], yizhan: Run) -> None:
    """Each command explains itself in Chinese, headings and all."""
    ran = yizhan(*path, "--help")
    assert ran.code == 0
    assert ran.out.startswith("用法：yizhan")
    assert "显示这页说明" in ran.out
    assert not re.search(r"^(Options|Commands|Usage)", ran.out, re.MULTILINE)


@EACH
def test_help_is_there_in_english(path: tuple[str, ...], yizhan: Run) -> None:
    """Each command explains itself in English; where the catalogue is complete, without a Chinese word."""
    ran = yizhan("--lang", "en", *path, "--help")
    assert ran.code == 0
    untranslated = [text for text in sentences(OURS[path]) if text not in i18n.catalogue("en")]
    if not untranslated:
        assert not CHINESE.search(ran.out), ran.out


def sentences(command: click.Command) -> Iterator[str]:
    """Yield the Chinese sentences that a command's help page is made of."""
    yield from ("用法：", "选项", "命令", "必填", "显示这页说明")
    parts: list[object] = [command, *command.params]
    if isinstance(command, click.Group):
        context = click.Context(command)
        parts += [command.get_command(context, name) for name in command.list_commands(context)]
    for part in parts:
        if isinstance(part, Command | Group | Option) and "sentence" in part.__dict__:
            yield part.__dict__["sentence"] or ""


def outside_sentences(node: ast.AST) -> Iterator[str]:
    """Yield the texts of a program that are not translated: docstrings and sentences are left out."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"_", "marked"}:
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        yield from outside_sentences(child)


RECORDS = ("audit_explain.py",)
"""Where JSON names an officer as Chinese writes it, whatever the screen's language."""


def test_chinese_marks_are_in_sentences_only() -> None:
    """An English screen has no full-width bracket, comma, colon or semicolon of ours."""
    folder = ROOT / "cli/yizhan/cli"
    found = {
        f"{path.relative_to(folder)}: {text}"
        for path in folder.rglob("*.py")
        if path.name not in RECORDS
        for text in outside_sentences(syntax(path.read_text("utf-8")))
        if re.search("[（），；：、]", text)
    }
    assert found == set()


@EACH
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    """An option without a help text would be one that nobody can use."""
    silent = [
        param.name
        for param in OURS[path].params
        if isinstance(param, click.Option) and not param.hidden and not param.help
    ]
    assert silent == []


@each("name", COMMANDS)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_table_of_commands_is_their_own_help(name: str, language: str) -> None:
    """What ``yizhan --help`` says of a command, without importing it, is the first sentence of its own help."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    with i18n.speaking(language):
        assert i18n._(COMMANDS[name]) == first_sentence(command.help or "")


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_help_loads_nothing_heavy(language: str) -> None:
    """``yizhan --help`` answers at once on any machine: it imports click and its own words."""
    program = (
        "import json, sys\n"
        "from yizhan.cli.main import main\n"
        f"code = main(['--lang', {language!r}, '--help'], standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(json.loads(done.stderr))
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("yizhan.cli.commands.")} == set()
    assert "yizhan" in done.stdout


def test_the_language_is_the_first_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """--lang before YIZHAN_LANG before yizhan.toml before Chinese; a slip in the environment is passed over."""
    assert choose_language([]) == "zh_CN"
    monkeypatch.setenv("YIZHAN_LANG", "english")
    assert choose_language([]) == "zh_CN"
    monkeypatch.setenv("YIZHAN_LANG", "en_US.UTF-8")
    assert choose_language(["inbox", "list"]) == "en"
    assert choose_language(["inbox", "list", "--lang=zh"]) == "zh_CN"
    assert choose_language(["--lang", "zh_CN", "inbox"]) == "zh_CN"


def test_the_home_may_name_the_language(yizhan: Run) -> None:
    """A county's settings choose its language, where nobody says otherwise."""
    Path("spoken").mkdir()
    Path("spoken/yizhan.toml").write_text('lang = "en"\n', "utf-8")
    assert choose_language(["--home", "spoken"]) == "en"
    assert choose_language(["--home", "spoken", "--lang", "zh_CN"]) == "zh_CN"
    assert yizhan("--home", "nowhere", "--help").out.startswith("用法")


def test_the_types_that_can_be_written_are_on_the_page(yizhan: Run) -> None:
    """``new --help`` lists every type by its short name and its title; a receipt is no such type."""
    for language, title in (("zh_CN", "森林火灾"), ("en", "Forest fire")):
        page = yizhan("--lang", language, "new", "--help").out
        listed = {line.split()[0] for line in page.rsplit("TYPE", 1)[1].splitlines()[1:] if line.strip()}
        assert {"intelligence.report", "patrol.report"} < listed
        assert listed == {short_name(each) for each in TYPES if each != RECEIPT}
        assert title in page


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("inbax", "list"), "（是 inbox 吗？）"),
        (("inbox", "lsit"), "（是 list 吗？）"),
        (("new", "forest_fier", "--county", "350924"), "（是 forest_fire 森林火灾 吗？）"),
        (("new", "森林火情", "--county", "350924"), "（是 forest_fire 森林火灾 吗？）"),
        (("outbox", "list", "--conty", "350924"), "是 --county"),
    ],
)
def test_a_slip_is_answered_with_what_may_be_meant(words: tuple[str, ...], meant: str, yizhan: Run) -> None:
    """Commands, types and options that are not there are answered with the ones most like them (exit 2)."""
    ran = yizhan(*words)
    assert ran.code == 2
    assert meant in ran.err
    assert "吗？。" not in ran.err
    assert len(ran.err) < 500  # the guess, not the whole list of commands


def test_a_quarter_without_its_option_is_answered_with_the_option(yizhan: Run) -> None:
    """``digest close 2027Q1`` is told to write ``--label``; any other word is one too many."""
    assert "请写 --label 2027Q1" in yizhan("digest", "close", "2027Q1").err
    assert "多出的词：abc" in yizhan("digest", "close", "abc").err


def test_what_is_like_nothing_is_answered_with_the_list_alone(yizhan: Run) -> None:
    """Where no name is similar, only the list is shown, without a guess."""
    assert "吗？" not in yizhan("qqqq").err
