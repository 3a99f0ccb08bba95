"""``yizhan bell init|status|test|log``: how a county's people are reached, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Group, OneOf, county_option, json_option, limit_option, option
from yizhan.schemas.i18n import _, join_list, join_sentences, marked

if TYPE_CHECKING:
    from yizhan.consumers.bell.ring_store import RingStore
    from yizhan.consumers.bell.rings import Ring, Try
    from yizhan.services.bell import Prepared, Rung
    from yizhan.services.home import Home

command = Group("bell", help=marked("本县的铃：怎样通知到人，通没通到"))


@command.command("init", help=marked("写一份 bell.toml 样例，有注释，只许属主读写；已有的不覆盖"))
@county_option()
def init(county: str) -> None:
    """Write a sample."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import say, tell
    from yizhan.services import bell as bells
    from yizhan.services.envelopes import write_new
    from yizhan.services.errors import ServiceError

    home = current_home()
    path = bells.bell_path(home, home.member(county))
    if path.exists():
        raise ServiceError(marked("已有 {path}，没有改动；请直接改它，再运行 yizhan bell test"), path=path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_new(str(path), _(bells.SAMPLE).format(county=county).encode(), 0o600)
    tell(str(path))
    say(_("样例只写系统日志，不会叫醒任何人：请改好通道，再运行 yizhan bell test --county {code}").format(code=county))


@command.command("status", help=marked("各级是谁、用哪些通道；各通道通不通、许带多少；还有多少没有送到"))
@county_option()
@json_option()
def status(county: str, as_json: bool) -> None:
    """Tell how the bell stands."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, say
    from yizhan.services import bell as bells

    home = current_home()
    bell = _bell(home, county)
    places = bells.ladder(home, county, bell.settings)
    with _opened(home, county) as book:
        channels = [_channel(name, bell, places, book) for name in bell.settings.channels]
        unheard = 0 if book is None else book.unheard()
    problems = [*bells.lacking(places), *_silent(channels, unheard)]
    if as_json:
        told = {"quiet_hours": bell.settings.quiet_hours, "group_seconds": bell.settings.group_seconds}
        print_json(
            {"county": county, **told, "rungs": places, "channels": channels, "unheard": unheard, "problems": problems}
        )
        return
    _print_status(home, channels, places)
    for problem in problems:
        say(problem)


def _print_status(home: Home, channels: list[dict[str, Any]], places: list[Rung]) -> None:
    from yizhan.cli.output import print_table
    from yizhan.services import bell as bells

    print_table(
        [_("级"), _("是谁"), _("电话"), _("响铃通道")],
        [
            (
                bells.rung_name(each.rung),
                "" if each.officer is None else f"{each.officer.role} {each.officer.name}",
                "" if each.officer is None else each.officer.phone,
                join_list(each.channels),
            )
            for each in places
        ],
        "",
    )
    print_table(
        [_("响铃通道"), _("经由"), _("许带"), _("最近送到"), _("最近不通"), _("现在")],
        [
            (
                each["name"],
                each["kind"],
                each["tells"],
                home.local_time(each["delivered"]),
                join_sentences(filter(None, (home.local_time(each["failed"]), bells.outcome_name(each["why"])))),
                _("不通") if each["dead"] else _("通") if each["delivered"] else _("没有试过"),
            )
            for each in channels
        ],
        "",
    )


def _channel(name: str, bell: Prepared, places: list[Rung], book: RingStore | None) -> dict[str, Any]:
    """Return how a channel stands, by its last tries."""
    from yizhan.services import bell as bells

    channel = bell.settings.channels[name]
    last = None if book is None else book.last(name)
    good = None if book is None else book.last(name, good=True)
    bad = None if book is None else book.last(name, good=False)
    return {
        "name": name,
        "kind": bells.kind(channel),
        "tells": channel.tells,
        "timeout_seconds": channel.timeout_seconds,
        "rungs": [each.rung for each in places if name in each.channels],
        "dead": last is not None and last == bad,
        "delivered": None if good is None else good.ended,
        "failed": None if bad is None else bad.ended,
        "why": None if bad is None else bad.outcome,
    }


def _silent(channels: list[dict[str, Any]], unheard: int) -> list[str]:
    said = [
        _("通道 {name} 不通：最近一次没有送出；修好后请运行 yizhan bell test").format(name=each["name"])
        for each in channels
        if each["dead"]
    ]
    if unheard:
        said.append(_("有 {count} 次报警没有任何通道送出，还在试；请当面或电话告知").format(count=unheard))
    return said


@command.command(
    "test",
    help=marked("试响：经各通道各发一条【测试】，不带任何内容。不通的说明原因，退出码为 1。建议每月一次"),
)
@county_option()
@option(
    "--rung",
    type=OneOf(["duty", "second", "liaison", "leader"]),
    help=marked("只试这一级的通道：duty、second、liaison、leader"),
)
@option("--channel", metavar="NAME", help=marked("只试这个通道"))
@json_option()
@click.pass_context
def test(ctx: click.Context, county: str, rung: str | None, channel: str | None, as_json: bool) -> None:
    """Send a test on channels."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table
    from yizhan.services import bell as bells

    home = current_home()
    bell = _bell(home, county)
    names = _chosen(home, county, bell, rung, channel)
    with _opened(home, county) as book:
        results = {name: _tried(home, county, bell, name, book) for name in names}
    if as_json:
        print_json({"county": county, "results": results})
    else:
        rows = [
            (name, bells.kind(bell.settings.channels[name]), bells.outcome_name(outcome))
            for name, outcome in results.items()
        ]
        print_table([_("响铃通道"), _("经由"), _("结果")], rows, _("没有通道"))
    if any(outcome != "delivered" for outcome in results.values()):
        ctx.exit(1)


def _chosen(home: Home, county: str, bell: Prepared, rung: str | None, channel: str | None) -> list[str]:
    from yizhan.services import bell as bells
    from yizhan.services.errors import ServiceError

    if channel is not None and channel not in bell.settings.channels:
        sentence = marked("bell.toml 里没有通道 {name}；已有的是：{known}")
        raise ServiceError(sentence, name=channel, known=join_list(sorted(bell.settings.channels)))
    places = bells.ladder(home, county, bell.settings)
    there = [name for each in places if rung in {None, each.rung} for name in each.channels]
    if rung is not None and not there:
        raise ServiceError(marked("{rung}没有通道；请在 bell.toml 的 [rungs] 里写上"), rung=bells.rung_name(rung))
    names = dict.fromkeys(there if rung is not None else bell.settings.channels)
    return [name for name in names if channel in {None, name}]


def _tried(home: Home, county: str, bell: Prepared, name: str, book: RingStore | None) -> str:
    from yizhan.consumers.bell.channels import attempt
    from yizhan.consumers.bell.message import of_test
    from yizhan.runtime.clock import utc_now

    line, at = bell.lines[name], utc_now()
    outcome = attempt(line, of_test(name, home.member_name(county)))
    if book is not None:
        book.tested(name, line.channel.tells, at, utc_now(), outcome)
    return outcome


@command.command("log", help=marked("响过的铃，最新的在最后：为什么响、给哪一级、经哪个通道、结果"))
@county_option()
@limit_option()
@json_option()
def log(county: str, limit: int, as_json: bool) -> None:
    """List rings."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, print_table
    from yizhan.services import bell as bells

    home = current_home()
    with _opened(home, county) as book:
        found = [] if book is None else book.rings(limit or None)
    if as_json:
        print_json({"county": county, "rings": [_as_json(ring, tries) for ring, tries in found]})
        return
    print_table(
        [_("事由"), _("为何"), _("哪一级"), _("应响"), _("情况"), _("经过")],
        [
            (
                ring.plan.about or ring.plan.subject,
                f"{_(bells.URGENCIES[ring.plan.urgency])} {ring.plan.step}",
                bells.rung_name(ring.plan.rung),
                home.local_time(ring.plan.due),
                join_sentences(filter(None, (_(bells.STATES[ring.state]), bells.outcome_name(ring.why)))),
                join_sentences(_said(home, each) for each in tries),
            )
            for ring, tries in found
        ],
        _("还没有响过"),
    )


def _said(home: Home, each: Try) -> str:
    from yizhan.services import bell as bells

    outcome = bells.outcome_name(each.outcome) if each.ended else _("不知是否送到")
    return f"{home.local_time(each.at)} {each.channel} {outcome}"


def _as_json(ring: Ring, tries: list[Try]) -> dict[str, Any]:
    plan = ring.plan
    return {
        "subject": plan.subject,
        "step": plan.step,
        "rung": plan.rung,
        "urgency": plan.urgency,
        "about": plan.about,
        "rule": plan.rule,
        "made": ring.made,
        "due": plan.due,
        "state": ring.state,
        "at": ring.at,
        "channel": ring.channel,
        "why": ring.why,
        "rounds": ring.rounds,
        "tries": [
            {name: getattr(each, name) for name in ("channel", "tells", "at", "ended", "outcome")} for each in tries
        ],
    }


def _bell(home: Home, county: str) -> Prepared:
    from yizhan.services import bell as bells
    from yizhan.services.errors import ServiceError

    home.member(county)
    bell = bells.prepared(home, county)
    if bell is None:
        sentence = marked("没有 {path}：只有屏幕会响；请先运行 yizhan bell init --county {code}")
        raise ServiceError(sentence, path=bells.bell_path(home, county), code=county)
    return bell


def _opened(home: Home, county: str) -> Any:  # noqa: ANN401 -- a context of Book or None
    """Open the bell's book where there is an inbox."""
    import contextlib

    from yizhan.consumers.bell.ring_store import RingStore
    from yizhan.services.stores import inbox_path

    path = inbox_path(home, home.member(county))
    return RingStore(path, county) if path.exists() else contextlib.nullcontext()
