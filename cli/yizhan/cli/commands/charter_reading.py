"""``yizhan charter verify|log|show|replay``: reading the charter; nothing here signs.

Rule 1: a reader starts from a root file that a person gave it (``--anchor``), never from what it finds.
Rule 2: what is shown is made from the data that decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Command, county_option, json_option, option
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from yizhan.charter.reader import CharterReader
    from yizhan.charter.verify import VerifiedCharter
    from yizhan.schemas.header import Header
    from yizhan.services.home import Home

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(
    "verify",
    cls=Command,
    help=marked(
        "核验章程：签名、门槛、期限、规则，收进本单位的存档。\n\n"
        "第一次须用 --anchor 给出各县交付的根文件；从不自行信任。--from 是驿站静态文件的目录，"
        "不给则用存档里的，或经 Kafka 读取（--online）。有问题时说明原因，退出码为 1。"
    ),
)
@county_option(required=False)
@option("--anchor", type=_FILE, metavar="ROOT", help=marked("各县交付的根文件"))
@option("--from", "folder", type=_FOLDER, metavar="DIR", help=marked("驿站静态文件的目录"))
@option("--online", is_flag=True, help=marked("经本县的 Kafka 连接读取"))
@json_option()
@click.pass_context
def verify(
    ctx: click.Context, county: str | None, anchor: Path | None, folder: Path | None, online: bool, as_json: bool
) -> None:
    """Verify the charter."""
    from yizhan.charter.archive import Archive
    from yizhan.charter.errors import CharterProblem
    from yizhan.charter.fetch import CharterFolder
    from yizhan.charter.layout import MAX_METADATA_BYTES
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table, tell
    from yizhan.schemas import topics
    from yizhan.services.charter import STATION, published

    home = current_home()
    own = home.path / STATION if county is None else home.county_folder(county)
    archive = Archive(own / "charter")
    if anchor is not None:
        archive.trust(anchor.read_bytes())
    source = None if folder is None else CharterFolder(folder, MAX_METADATA_BYTES)
    if source is None and online:
        source = home.charter_source(topics.STATION if county is None else topics.county(county))  # type: ignore[assignment] # a Source
    if source is None and county is None and (own / "public").is_dir():
        source = published(home)
    reader = home.reader(archive.folder, source)
    try:
        reader.look()
        problem = None
    except CharterProblem as error:
        problem = error
    standing, now = reader.status(), reader.clock()
    if problem is None and standing.stale(now):
        problem = CharterProblem(standing.problem, standing.detail)  # type: ignore[arg-type] # a Problem
    fingerprint = hashlib.sha256(archive.anchor()).hexdigest()
    newest, expiries = reader.latest(), reader.expiries()
    if as_json:
        print_json({
            "charter": newest.name, "in_force": reader.in_force(now).name, "root_sha256": fingerprint,
            "problem": None if problem is None else problem.problem, "detail": "" if problem is None else str(problem),
            "members": sorted(newest.members), "expiries": expiries,
        })  # fmt: skip
    else:
        tell(_("章程 {newest} 核验无误；现行 {force}").format(newest=newest.name, force=reader.in_force(now).name))
        tell(_("根文件指纹：{fingerprint}").format(fingerprint=fingerprint))
        rows = [
            (each.role, home.local_time(each.expires), _("快到期，请续签") if each.due else "") for each in expiries
        ]
        print_table([_("角色"), _("有效期至"), _("提醒")], rows, "")
        if problem is not None:
            tell(_("章程未能更新（charter_stale），最后一版仍然有效：{problem}").format(problem=problem))
    if problem is not None:
        ctx.exit(1)


@click.command("log", cls=Command, help=marked("章程各版：谁签的、改了什么、何时起生效"))
@county_option(required=False)
@json_option()
def log(county: str | None, as_json: bool) -> None:
    """List the versions."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell

    home = current_home()
    found = list(_log(_reader(home, county)))
    if as_json:
        print_json({"versions": found})
        return
    for each in found:
        when = home.local_time(each["holds_from"]) if each["announced"] else _("尚未预告")
        tell(_("章程 {name}，自 {when} 起").format(name=each["charter"], when=when))
        for role, holders in each["signed"].items():
            tell(_("  {role} 由 {holders} 签署").format(role=role, holders=join_list(holders)))
        for sentence in each["differences"]:
            tell(f"  · {sentence}")


def _log(reader: CharterReader) -> Iterator[dict[str, Any]]:
    from yizhan.charter.differences import differences
    from yizhan.charter.repository import signers_of, terms_of

    before: VerifiedCharter | None = None
    for charter, announced in reader.history():
        version = reader.verified(charter.version)
        base = None if before is None else terms_of(before)
        yield {
            "charter": charter.name,
            "announced": announced,
            "holds_from": charter.holds_from,
            "signed": signers_of(version, before),
            "differences": differences(base, terms_of(version)),
        }
        before = version


@click.command("show", cls=Command, help=marked("把规则印成中文和英文的表；--terms 印成可以修改的文本"))
@county_option(required=False)
@option("--terms", is_flag=True, help=marked("印成 TOML，供 yizhan charter propose --terms"))
@json_option()
def show(county: str | None, terms: bool, as_json: bool) -> None:
    """Print the charter."""
    from yizhan.charter import terms as texts
    from yizhan.charter.document import routes_json, tables
    from yizhan.charter.repository import terms_of
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.runtime.clock import utc_now

    reader = _reader(current_home(), county)
    charter = reader.in_force(utc_now())
    if terms:
        click.echo(texts.write(terms_of(reader.verified())), nl=False)
    elif as_json:
        print_json({"charter": charter.name, "routes": routes_json(charter), "members": sorted(charter.members)})
    else:
        for line in tables(charter):
            tell(line)


@click.command(
    "replay",
    cls=Command,
    help=marked(
        "把拟议的规则套到过去的事件上，列出会有什么不同；什么也不发出。\n\n"
        "FILE 是事件头的 JSON Lines；不给则用本县收件箱和发件箱里的。"
    ),
)
@option("--policy", required=True, type=_FILE, metavar="NEW", help=marked("拟议的规则：TOML 或 policy.json"))
@click.argument("file", metavar="[FILE]", required=False, type=_FILE)
@county_option(required=False)
@json_option()
def replay(policy: Path, file: Path | None, county: str | None, as_json: bool) -> None:
    """Replay past headers under a proposed policy."""
    from yizhan.charter import replay as replaying
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table, tell
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.policy import Policy
    from yizhan.services.labels import type_name, way_name

    home = current_home()
    old = _reader(home, county).in_force(utc_now()).policy
    headers = list(_headers(home, file, county))
    found = list(replaying.replay(headers, old, Policy(_policy(policy))))
    if as_json:
        different = [
            {
                "id": each.header.id,
                "type": each.header.type,
                "recipient": each.recipient,
                "was": {"way": each.was.way, "rule": each.was.rule},
                "would": {"way": each.would.way, "rule": each.would.rule},
            }
            for each in found
        ]
        print_json({"headers": len(headers), "different": different})
        return
    print_table(
        [_("编号"), _("类型"), _("收件"), _("当时"), _("按新规则")],
        [
            (
                each.header.id,
                type_name(each.header.type),
                home.member_name(each.recipient),
                f"{way_name(each.was.way)} {each.was.rule}",
                f"{way_name(each.would.way)} {each.would.rule}",
            )
            for each in found
        ],
        _("没有不同"),
    )
    tell(_("共 {count} 个事件，{different} 处不同").format(count=len(headers), different=len(found)))


def _policy(path: Path) -> Any:  # noqa: ANN401 -- a PolicyFile, imported late
    from pydantic import ValidationError

    from yizhan.charter import terms as texts
    from yizhan.schemas import strictjson
    from yizhan.schemas.policy import PolicyFile
    from yizhan.services.errors import ServiceError

    text = path.read_text("utf-8")
    try:
        data = (
            strictjson.loads(text.encode(), max_depth=10) if path.suffix == ".json" else texts.read(text).get("policy")
        )
        return PolicyFile.model_validate(data)
    except (ValueError, ValidationError) as error:
        raise ServiceError(f"{path}: {error}") from None


def _headers(home: Home, file: Path | None, county: str | None) -> Iterator[Header]:
    """Yield past headers: of a file, or of a county's inbox and outbox."""
    from yizhan.consumers.items import InboxQuery
    from yizhan.schemas.errors import Refused
    from yizhan.schemas.header import parse_header
    from yizhan.services.errors import ServiceError
    from yizhan.services.stores import read_inbox as inboxes
    from yizhan.services.stores import read_outbox as outboxes

    if file is not None:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            if line.strip():
                try:
                    yield parse_header(line)
                except Refused as error:
                    raise ServiceError(f"{file}:{number}: {error}") from None
        return
    if county is None:
        raise click.UsageError(_("请给出 FILE 或 --county C"), click.get_current_context())
    with inboxes(home, county) as inbox:
        for item in () if inbox is None else inbox.items(InboxQuery()):
            yield item.header
    with outboxes(home, county) as outbox:
        for event in () if outbox is None else outbox.sent():
            yield event.header


def _reader(home: Home, county: str | None) -> CharterReader:
    return home.charters if county is None else home.reader_of(county)
