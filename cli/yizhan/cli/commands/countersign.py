"""``yizhan countersign ID``: the other side's patrol plan, shown whole, signed by our officers and sent back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from yizhan.cli.accepted_view import show_accepted
from yizhan.cli.asking import interactive, require_yes
from yizhan.cli.click_options import FILE, county_option, json_option, office_option, option, short_ids, single_command
from yizhan.cli.context import acting, current_home
from yizhan.cli.officer_options import officer_options, signing_officer
from yizhan.cli.output import print_table, say
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.consumers.items import Item
from yizhan.producers.drafts import Office
from yizhan.schemas.i18n import _, join_sentences, marked
from yizhan.schemas.payloads.codec import faults
from yizhan.services.actor import named_officer
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.item_text import item_details
from yizhan.services.matters import OfficersMissing, countersign, prepare_countersignature
from yizhan.services.office import read_office


@single_command(
    "countersign",
    help=marked(
        "会签对方的联合巡护计划：显示全文，问过之后，以本县民警的名义原样签回。\n\n"
        "签名的人取自 --office（同 yizhan import），没有给出时取本县上次在表单里签名的人；"
        "--name、--badge 写明拟稿的民警；还缺的，在终端上看过全文之后逐项问。"
        "不是计划的、本县自己提的、已经会签的、对方已更正或撤回的，不予会签。由 yizhan outbox run 送走。"
    ),
)
@click.argument("event_id", metavar="ID")
@county_option()
@office_option(marked("机构、拟稿审核签发人、联系人（样例：主目录里的 office.json；结构：yizhan schema office）"), FILE)
@option("--yes", is_flag=True, help=marked("不再询问，直接会签"))
@passphrase_option()
@json_option()
@officer_options
@short_ids(event_id="both")
def command(
    event_id: str,
    county: str,
    office: Path | None,
    *,
    name: str | None,
    badge: str | None,
    yes: bool,
    passphrases: TerminalPassphrase,
    as_json: bool,
) -> None:
    """Countersign a plan."""
    home = current_home()
    signers = None if office is None else read_office(office)
    officer = None if name is None and badge is None else signing_officer(county, name, badge)
    actor = acting("countersign", officer)
    try:
        signature = prepare_countersignature(home, county, event_id, signers, actor)
        _show(home, signature.plan, as_json=as_json)
    except OfficersMissing as error:
        if not interactive():
            raise _with_sample(error) from None
        _show(home, error.plan, as_json=as_json)
        signature = prepare_countersignature(home, county, event_id, _ask_office(error, county), actor)
    if not yes and interactive():
        require_yes(_("会签这份计划吗？"))
    sent = countersign(home, county, signature, passphrases)
    show_accepted(home, sent, as_json=as_json)


def _with_sample(error: OfficersMissing) -> ServiceError:
    """Say too what the file looks like."""
    sentence = marked(
        "会签要写明本县的 {names}；请写在一个文件里（样例：主目录里的 office.json；结构：yizhan schema office）"
    )
    return ServiceError(sentence, names=error.params["names"], hint=error.hint)


def _show(home: Home, plan: Item, *, as_json: bool) -> None:
    if not as_json:
        print_table([_("项目"), _("内容")], list(item_details(home, plan)), "")


def _ask_office(error: OfficersMissing, county: str) -> Office:
    """Ask a person for what is missing, each again until it can be used."""
    say(_("会签要写明本县的 {names}").format(names=error.params["names"]))
    found: dict[str, Any] = error.known.model_dump(mode="json", exclude_none=True)
    for field, title in error.missing.items():
        found[field] = _asked(field, title, county)
        while fault := _fault(field, found[field]):
            say(fault)
            found[field] = _asked(field, title, county)
    return Office.model_validate(found)


def _asked(field: str, title: str, county: str) -> Any:  # noqa: ANN401 -- as the field is
    if field == "org_code":
        return click.prompt(_("{title}（如 {example}）").format(title=title, example=f"{county}000000"), err=True)
    name = click.prompt(_("{title}的姓名").format(title=title), err=True)
    if field == "contact":
        question = _("{title}的电话（如 {example}）").format(title=title, example="0578-6122110")
        return {"name": name, "phone": click.prompt(question, err=True)}
    question = _("{title}的警号（如 {example}）").format(title=title, example="035112")
    return {"name": name, "badge": click.prompt(question, err=True)}


def _fault(field: str, value: Any) -> str | None:  # noqa: ANN401 -- as the field is
    """Say why an answer cannot be used; None for one that can."""
    try:
        if isinstance(value, dict) and "badge" in value:
            named_officer(value["name"], value["badge"])
        Office.model_validate({field: value})
    except ServiceError as error:
        return str(error)
    except ValidationError as invalid:
        return join_sentences(fault for _where, fault in faults(invalid))
    return None
