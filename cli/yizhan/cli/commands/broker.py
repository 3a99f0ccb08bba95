"""``yizhan broker start|run|stop|status|apply|manifests|renew|revoke``: a real Kafka on this machine."""

from __future__ import annotations

import click

from yizhan.cli.asking import require_yes
from yizhan.cli.click_options import Group, OneOf, json_option, option
from yizhan.cli.context import current_home
from yizhan.cli.output import fields_of, print_json, print_pairs, print_table, say, tell
from yizhan.cli.screen import progress
from yizhan.deploy.broker import Status
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.broker import (
    apply_declaration,
    broker_status,
    plan_revocation,
    renew_certificates,
    revoke_certificate,
    run_broker,
    start_broker,
    stop_broker,
    strimzi_manifests,
)

command = Group("broker", help=marked("本机的 Kafka：双向 TLS、按单位授权，只监听本机"))


@command.command(
    "start",
    help=marked(
        "启动 Kafka，按章程建立主题、权限和配额；已启动则只核对一遍。\n\n"
        "--nodes 3 启动三个，坏掉一个照常收发；原来只有一个的，边运行边扩成三个，记录一条不少。不写就是原有的个数。"
    ),
)
@option("--nodes", type=OneOf(["1", "3"]), help=marked("Kafka 的个数；只能增加"))
@json_option()
def start(nodes: str | None, as_json: bool) -> None:
    """Start it, and apply the declaration."""
    with progress(_("启动 Kafka")) as bar:
        found, changes = start_broker(current_home(), bar, None if nodes is None else int(nodes))
    _show(found, as_json=as_json, changes=changes)


@command.command(
    "run", help=marked("在前台运行 Kafka，供 systemd 使用；主题和权限由 yizhan broker start 或 apply 建立")
)
@option("--node", type=click.IntRange(1), default=1, help=marked("三个之中的第几个（默认 1）"))
def run(node: int) -> None:
    """Become a broker."""
    run_broker(current_home(), say, node)
    say(_("Kafka 已在运行"))


@command.command("stop", help=marked("停止 Kafka；数据留着"))
@option("--node", type=click.IntRange(1), help=marked("只停三个之中的第几个"))
@json_option()
def stop(node: int | None, as_json: bool) -> None:
    """Stop it."""
    with progress(_("停止 Kafka")):
        stopped = stop_broker(current_home(), node)
    if as_json:
        print_json({"stopped": stopped})
    else:
        tell(_("Kafka 已停止") if stopped else _("Kafka 本来就没有运行"))


@command.command("status", help=marked("显示 Kafka 是否在运行、地址和日志；有一个没有运行时退出码为 1"))
@json_option()
def status(as_json: bool) -> None:
    """Show whether it runs."""
    found = broker_status(current_home())
    _show(found, as_json=as_json)
    if not all(each.running for each in found):
        raise click.exceptions.Exit(1)


@command.command(
    "apply", help=marked("在设置所指的 Kafka 上建立主题、权限和配额；供不用 yizhan broker start 的 Kafka 使用")
)
@json_option()
def apply(as_json: bool) -> None:
    """Apply the declaration to whatever Kafka the settings name."""
    with progress(_("建立主题、权限和配额")):
        changes = apply_declaration(current_home())
    if as_json:
        print_json({"changes": changes})
    else:
        tell("\n".join([*changes, _("{count} 处").format(count=len(changes))]))


@command.command(
    "manifests",
    help=marked(
        "按章程打印 Strimzi（Kubernetes 上的 Kafka）的清单：三台 Kafka、主题、用户、权限和配额。\n\n"
        "一份 JSON，交给 kubectl apply -f - 即可；章程的成员变了，再来一次。"
    ),
)
def manifests() -> None:
    """Print manifests for Strimzi."""
    print_json(strimzi_manifests(current_home()))


@command.command(
    "renew",
    help=marked(
        "换发 30 天内到期的 Kafka 证书；Kafka 自己的也在其中时，重新启动 Kafka。"
        "由定时单元每天运行，没有要换的就什么也不做。\n\n"
        "同一主目录里的进程在下一次连接时自行换用，不必重新启动；在别的机器上的单位，请把新文件交去。"
        "旧证书到期之前仍然有效。"
    ),
)
@option("--supervised", is_flag=True, help=marked("Kafka 由 systemd 照管：只停下，由它重新启动"))
@json_option()
def renew(supervised: bool, as_json: bool) -> None:
    """Renew certificates."""
    with progress(_("换发证书")) as bar:
        found = renew_certificates(current_home(), bar, supervised=supervised)
    if as_json:
        print_json({"renewed": found.made, "restarted": found.restarted})
        return
    if not found.made:
        tell(_("没有 30 天内到期的证书"))
    else:
        tell(_("已换发：{names}").format(names=join_list(found.made)))
        sentence = _("在别的机器上运行的单位，请把 {folder} 下它的目录里的三个文件当面或用加密的介质交去，替换旧的")
        tell(sentence.format(folder="tls"))
    if found.restarted:
        tell(_("Kafka 已重新启动"))


@command.command(
    "revoke",
    help=marked(
        "吊销一个县、驿站、账本或审计方的 Kafka 证书（密钥被盗、遗失时），并换发新的；其他各方不受影响。\n\n"
        "OWNER 是县的代码或名称，或 station、ledger、auditor。旧证书立即失去一切权限，已建立的连接也一样；"
        "收发的位置不变，什么也不丢。中途断了，再运行一次即可。Kafka 和管理员的证书不能单独吊销。"
    ),
)
@click.argument("owner", metavar="OWNER")
@option("--yes", is_flag=True, help=marked("不再询问"))
@json_option()
def revoke(owner: str, yes: bool, as_json: bool) -> None:
    """Revoke a certificate, and make the next."""
    home = current_home()
    planned = plan_revocation(home, owner)
    if not yes:
        question = (
            _("上次吊销没有完成。接着做：{revoked} 失去权限，{name} 生效？")
            if planned.unfinished
            else _("吊销 {revoked}，换发 {name}？新证书送到之前，其收发都停着")
        )
        asked = question.format(revoked=join_list(planned.revoked), name=planned.common_name)
        require_yes(asked, _("没有吊销"))
    with progress(_("吊销证书")):
        changes = revoke_certificate(home, planned)
    if as_json:
        document = fields_of(planned, "principal revoked common_name")
        print_json(document | {"folder": str(planned.folder), "changes": changes})
        return
    print_pairs(
        [
            (_("已吊销"), join_list(planned.revoked)),
            (_("新证书"), planned.common_name),
            (_("目录"), planned.folder),
            (_("改动"), _("{count} 处").format(count=len(changes))),
        ]
    )
    sentence = _(
        "如果它在别的机器上运行，请当面或用加密的介质把目录里的三个文件（密钥、证书、证书机构的证书）交去，"
        "替换其主目录 {folder} 里的旧文件；然后重新启动它的各进程。收发从原来的位置接着，已收下的不会丢"
    )
    tell(sentence.format(folder=f"tls/{planned.principal}"))


def _show(found: tuple[Status, ...], *, as_json: bool, changes: tuple[str, ...] | None = None) -> None:
    first = found[0]
    bootstrap = ",".join(each.bootstrap for each in found if each.bootstrap is not None) or None
    if as_json:
        document = {
            "running": all(each.running for each in found),
            **fields_of(first, "pid"),
            "bootstrap": bootstrap,
            "cluster_id": first.cluster_id,
            "log": str(first.log),
            "nodes": [{**fields_of(each, "node running pid bootstrap"), "log": str(each.log)} for each in found],
        }
        print_json(document if changes is None else document | {"changes": changes})
        return
    running = _("{running}/{all} 在运行").format(running=sum(each.running for each in found), all=len(found))
    alone = _("运行中") if first.running else _("没有运行")
    print_pairs(
        [
            (_("状态"), alone if len(found) == 1 else running),
            (_("进程号"), first.pid if len(found) == 1 else None),
            (_("地址"), first.bootstrap if len(found) == 1 else None),
            (_("集群号"), first.cluster_id),
            (_("日志"), first.log if len(found) == 1 else None),
            (_("改动"), None if changes is None else _("{count} 处").format(count=len(changes))),
        ]
    )
    if len(found) > 1:
        rows = [(each.node, each.pid or _("没有运行"), each.bootstrap, each.log) for each in found]
        print_table(["Kafka", _("进程号"), _("地址"), _("日志")], rows, "")
