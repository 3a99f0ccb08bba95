"""``yizhan charter``: the ceremony, in steps that people in different offices carry out with files on a stick.

Rule 1: what is signed was shown in words before, by the program that signs.
Rule 2: nothing on a stick is believed; every step checks what it finds there.
Rule 3: private keys stay in their office's folder; what is carried is public.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import MOMENT, Group, OneOf, county_option, json_option, option, passphrase_option
from yizhan.schemas.i18n import _, join_list, marked

if TYPE_CHECKING:
    from yizhan.charter.reader import CharterReader
    from yizhan.charter.repository import CharterDraft, Signing, Terms
    from yizhan.charter.requests import Request
    from yizhan.charter.verify import VerifiedCharter
    from yizhan.services.home import Home

_READING = "yizhan.cli.commands.charter_reading"
command = Group(
    "charter",
    help=marked("章程：成员、密钥和规则，各县共同签署才能改变"),
    lazy={name: f"{_READING}:{name}" for name in ("verify", "log", "show", "replay")},
)
_STICK = click.Path(path_type=Path, file_okay=False)
_OUT = click.Path(path_type=Path, dir_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@command.command(
    "request",
    help=marked(
        "写出本单位的密钥申请：要登记的全部公钥，附证明持有私钥的签名。\n\n"
        "缺少的章程签名密钥会当场生成（根、章程、本县各一把）。旧密钥照写，除非用 --retire 或 --revoke 注明终止。"
        "申请可公开携带。"
    ),
)
@county_option(required=False)
@option("--station", is_flag=True, help=marked("驿站的申请"))
@option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=marked("写到哪里")
)
@option(
    "--scheme",
    type=OneOf(["ml-dsa-65", "ed25519", "ecdsa"]),
    default="ml-dsa-65",
    help=marked("新章程签名密钥的算法（默认 ml-dsa-65）"),
)
@option("--new-role", "new_roles", multiple=True, metavar="OFFICE", help=marked("更换这一章程签名密钥，如 root"))
@option("--since", type=MOMENT, metavar="TIME", help=marked("新密钥自何时有效（默认现在）"))
@option("--retire", "retired", multiple=True, metavar="KID", help=marked("这把密钥到 --until 为止"))
@option("--until", type=MOMENT, metavar="TIME", help=marked("--retire 的时刻（默认现在）"))
@option("--revoke", "revoked", multiple=True, metavar="KID", help=marked("撤销这把密钥"))
@option("--compromised", type=MOMENT, metavar="TIME", help=marked("--revoke 的密钥从何时起可能已泄露"))
@option("--ladder", type=_FILE, metavar="FILE", help=marked("联络人名单（TOML：[[ladder]] role name phone）"))
@passphrase_option()
@json_option()
def request(county: str | None, station: bool, out: Path, passphrase_fd: int | None, as_json: bool, **how: Any) -> None:  # noqa: ANN401 -- the options above
    """Write a key request."""
    from yizhan.charter import requests
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.runtime.clock import utc_now
    from yizhan.services.charter import own_request

    if (county is None) == (not station):
        raise click.UsageError(_("请给出 --county C 或 --station 之一"), click.get_current_context())
    owner = county or requests.STATION
    ladder = None if how["ladder"] is None else tomllib.loads(how["ladder"].read_text("utf-8")).get("ladder")
    data = own_request(
        current_home(),
        owner,
        TerminalPassphrase(passphrase_fd),
        utc_now(),
        ladder=ladder,
        **{k: v for k, v in how.items() if k != "ladder"},
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    made = requests.read(data, _registered(current_home(), owner))
    if as_json:
        print_json(
            {
                "owner": owner,
                "file": str(out),
                "roles": {k: [x.keyid for x in v] for k, v in made.roles.items()},
                "keys": made.keys,
            }
        )
        return
    tell(_("{owner} 的密钥申请已写到 {file}；其中只有公钥").format(owner=owner, file=out))


@command.command(
    "init",
    help=marked("起草第一版章程。\n\nTERMS 是联盟与规则（TOML）；--requests 是放着全部成员和驿站密钥申请的目录。"),
)
@click.argument("terms", metavar="TERMS", type=_FILE)
@option("--requests", required=True, type=_STICK, metavar="DIR", help=marked("密钥申请所在的目录"))
@option("--out", required=True, type=_STICK, metavar="STICK", help=marked("草案写到这个目录"))
@json_option()
def init(terms: Path, requests: Path, out: Path, as_json: bool) -> None:
    """Draft the first version."""
    from yizhan.charter import terms as texts
    from yizhan.cli.context import current_home

    asked = [_read_request(current_home(), path) for path in sorted(requests.glob("*.json"))]
    after = texts.put_together(None, texts.read(terms.read_text("utf-8")), asked)
    _draft(None, None, after, (), out, as_json=as_json)


@command.command(
    "propose",
    help=marked(
        "起草下一版章程，并逐条说明有什么不同。\n\n"
        "TERMS 是改好的联盟与规则（可从 yizhan charter show --terms 开始）；--request 是要改的密钥申请；"
        "--renew 只续期，如 350924、targets、root。一个县只改自己的密钥时，只须该县签名。"
    ),
)
@option("--terms", type=_FILE, metavar="TERMS", help=marked("联盟与规则（TOML）"))
@option("--request", "requests", multiple=True, type=_FILE, metavar="FILE", help=marked("密钥申请，可给多份"))
@option("--renew", multiple=True, metavar="ROLE", help=marked("内容不变，只续期"))
@option("--out", required=True, type=_STICK, metavar="STICK", help=marked("草案写到这个目录"))
@county_option(required=False)
@json_option()
def propose(
    terms: Path | None, requests: tuple[Path, ...], renew: tuple[str, ...], out: Path, county: str | None, as_json: bool
) -> None:
    """Draft the next version."""
    from yizhan.charter import repository
    from yizhan.charter import terms as texts
    from yizhan.cli.context import current_home

    home = current_home()
    before: VerifiedCharter = _newest(home, county)
    base = repository.terms_of(before)
    proposed = None if terms is None else texts.read(terms.read_text("utf-8"))
    after = texts.put_together(base, proposed, [_read_request(home, path) for path in requests])
    _draft(before, base, after, renew, out, as_json=as_json)


def _draft(
    before: VerifiedCharter | None,
    base: Terms | None,
    after: Terms,
    renew: tuple[str, ...],
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Write a draft that could be adopted, and say what it changes."""
    from yizhan.charter import repository, transfer_media
    from yizhan.charter.differences import differences
    from yizhan.cli.output import print_json, tell
    from yizhan.runtime.clock import utc_now
    from yizhan.schemas.charter_loading import load_charter
    from yizhan.services.errors import ServiceError

    if out.exists() and any(out.iterdir()):
        raise ServiceError(marked("{folder} 不是空的；请换一个目录，免得旧签名混进来"), folder=out)
    load_charter(after.files, "1-0000000000000000", utc_now())
    draft = repository.draft(after, before, utc_now(), renew)
    if not draft:
        raise ServiceError(marked("与现行章程没有不同，不必起草"))
    said = differences(base, after)
    transfer_media.save(draft, out, "\n".join(said))
    if as_json:
        print_json({"stick": str(out), "roles": sorted(draft.metadata), "differences": said})
        return
    for sentence in said:
        tell("· " + sentence)
    tell(
        _("须签名的角色：{roles}；请带着 {folder} 到各单位 yizhan charter sign").format(
            roles=join_list(sorted(draft.metadata)), folder=out
        )
    )


@command.command("sign", help=marked("看清改了什么，再用本县的章程签名密钥签署 STICK 上的草案"))
@click.argument("folder", metavar="STICK", type=_STICK)
@county_option()
@option("--yes", is_flag=True, help=marked("不再询问，直接签署"))
@passphrase_option()
@json_option()
def sign(folder: Path, county: str, yes: bool, passphrase_fd: int | None, as_json: bool) -> None:
    """Add this county's signatures."""
    from yizhan.charter import repository, transfer_media
    from yizhan.cli.context import current_home
    from yizhan.cli.language import interactive
    from yizhan.cli.output import print_json, say, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.charter import role_keys, roles_folder
    from yizhan.services.errors import ServiceError

    home = current_home()
    before = _newest(home, county, must=False)
    draft = transfer_media.load(folder)
    said = _said(draft, before)
    for sentence in said:
        say("· " + sentence)
    if not yes:
        if not interactive():
            raise ServiceError(marked("没有终端可以询问；看过之后请加 --yes"))
        click.confirm(_("以 {county} 的名义签署？").format(county=county), abort=True, err=True)
    signed: list[str] = []
    for key in role_keys(roles_folder(home, county), TerminalPassphrase(passphrase_fd)).values():
        signed += repository.sign(draft, before, key)
    if not signed:
        raise ServiceError(marked("{county} 的章程签名密钥不签其中任何一份"), county=county)
    transfer_media.save(draft, folder)
    if as_json:
        print_json({"stick": str(folder), "signed": sorted(set(signed)), "differences": said})
        return
    tell(_("{county} 已签：{roles}").format(county=county, roles=join_list(sorted(set(signed)))))


@command.command("status", help=marked("STICK 上的草案谁签了、还缺谁"))
@click.argument("folder", metavar="STICK", type=_STICK)
@county_option(required=False)
@json_option()
@click.pass_context
def status(ctx: click.Context, folder: Path, county: str | None, as_json: bool) -> None:
    """Tell who has signed and who is missing."""
    from yizhan.charter import repository, transfer_media
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table

    draft = transfer_media.load(folder)
    found = repository.status(draft, _newest(current_home(), county, must=False))
    if as_json:
        print_json({"stick": str(folder), "done": all(each.done for each in found), "roles": found})
    else:
        print_table([_("角色"), _("须签"), _("已签"), _("还缺")], list(map(_row, found)), "")
    if not all(each.done for each in found):
        ctx.exit(1)


def _row(each: Signing) -> tuple[str, str, str, str]:
    under = {"old": _("（按旧根）"), "new": ""}[each.under]
    needed = _("{threshold} 个").format(threshold=each.threshold)
    missing = "—" if each.done else join_list(each.missing)
    return each.role + under, needed, join_list(each.signed) or "—", missing


@command.command(
    "publish",
    help=marked("驿站：签名齐了的草案列入目录，写到 station/public；签名不足则拒绝，并说还缺谁"),
)
@click.argument("folder", metavar="STICK", type=_STICK)
@passphrase_option()
@json_option()
def publish(folder: Path, passphrase_fd: int | None, as_json: bool) -> None:
    """Publish a draft at the station."""
    from yizhan.charter import transfer_media
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, tell
    from yizhan.cli.passphrase import TerminalPassphrase
    from yizhan.services.charter import publish_draft

    name, fingerprint, written = publish_draft(
        current_home(), transfer_media.load(folder), TerminalPassphrase(passphrase_fd)
    )
    if as_json:
        print_json({"charter": name, "root_sha256": fingerprint, "files": written})
        return
    tell(_("章程 {name} 已发布；驿站运行时会预告它何时生效").format(name=name))
    tell(_("根文件指纹（各单位以电话核对）：{fingerprint}").format(fingerprint=fingerprint))


# -- what the steps share --


def _newest(home: Home, county: str | None, *, must: bool = True) -> Any:  # noqa: ANN401 -- None only if it need not be
    """Return the newest version that a county's reader, or the station's, has verified."""
    reader = _reader(home, county, must=must)
    return None if reader is None else reader.verified()


def _reader(home: Home, county: str | None, *, must: bool) -> CharterReader | None:
    from yizhan.charter.errors import CharterProblem
    from yizhan.services.charter import STATION, public_folder, published
    from yizhan.services.errors import ServiceError

    folder = home.path / STATION / "charter" if county is None else home.county_folder(county) / "charter"
    if not (folder / "root.json").is_file():
        if must:
            raise ServiceError(marked("{folder} 里还没有章程；请先 yizhan charter verify --anchor"), folder=folder)
        return None
    source = published(home) if public_folder(home).is_dir() else None
    reader = home.reader(folder, source)
    if source is not None:
        try:
            reader.look()
        except CharterProblem as error:
            raise ServiceError(str(error)) from None
    return reader


def _registered(home: Home, owner: str) -> set[str]:
    """Return the kids that the charter names for an owner already."""
    reader = _reader(home, None, must=False) or _reader(home, owner if owner.isdigit() else None, must=False)
    if reader is None:
        return set()
    charter = reader.latest()
    if not owner.isdigit():
        return {*charter.postmark, *charter.ledger, *charter.ledger_mldsa}
    return {*charter.signing.get(owner, {}), *charter.cosigning.get(owner, {})}


def _read_request(home: Home, path: Path) -> Request:
    from yizhan.charter import requests
    from yizhan.schemas import dsse
    from yizhan.schemas.errors import CharterInvalid
    from yizhan.services.errors import ServiceError

    data = path.read_bytes()
    try:
        owner = str(json.loads(dsse.decode_base64(json.loads(data)["payload"]))["owner"])
        return requests.read(data, _registered(home, owner))
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(f"{path}: {error}") from None
    except CharterInvalid as error:
        raise ServiceError(f"{path}: {error}") from error


def _said(draft: CharterDraft, before: VerifiedCharter | None) -> list[str]:
    """Say what a draft changes, from its own bytes."""
    from yizhan.charter.differences import differences
    from yizhan.charter.repository import terms_after, terms_of

    return differences(None if before is None else terms_of(before), terms_after(draft, before))
