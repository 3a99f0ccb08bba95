"""The changes from one version to the next, in words: people read them before they sign.

Rule 1: changes of a policy are found by comparing the decisions of both policies in every case, not their texts:
        a rule that is moved without effect is not reported, one that changes a single case is.
Rule 2: nothing is left out: members, keys, offices and thresholds too.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from yizhan.charter.document import box_words, way_name
from yizhan.charter.layout import ALLIANCE, POLICY, keys_path, majority
from yizhan.schemas.i18n import _, get_language
from yizhan.schemas.policy import Box, Decision, Policy, PolicyFile, regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from yizhan.charter.contents import Terms


def differences(before: Terms | None, after: Terms) -> list[str]:
    """Return a sentence for each change; for the first version, all of its content."""
    if before is None:
        return list(_first(after))
    return list(
        chain(
            _alliance(_json(before, ALLIANCE), _json(after, ALLIANCE)),
            policy_differences(_json(before, POLICY), _json(after, POLICY)),
            _offices(before, after),
            *(_county(code, before, after) for code in sorted(before.offices.keys() & after.offices.keys())),
        )
    )


def policy_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield each case that two policies decide differently: the case, the way before and after, and the clause."""
    if before["border_strip_km"] != after["border_strip_km"]:
        sentence = _("边界带由 {old} 公里改为 {new} 公里")
        yield sentence.format(old=before["border_strip_km"], new=after["border_strip_km"])
    old, new = (Policy(PolicyFile.model_validate(policy)) for policy in (before, after))
    language = get_language()
    for was, now, box in changed_cases(old, new):
        because = now.because.zh if language == "zh_CN" else now.because.en
        sentence = _("{case}：原为{old}，今后{new}（规则 {rule}：{because}）")
        yield sentence.format(
            case=box_words(language, box),
            old=way_name(language, was.way),
            new=way_name(language, now.way),
            rule=now.rule,
            because=because,
        )


def changed_cases(old: Policy, new: Policy) -> list[tuple[Decision, Decision, Box]]:
    """Return the boxes in which the way differs, merged to as few as possible, with both decisions."""
    cases: dict[tuple[str, str, str], list[Box]] = {}
    decisions: dict[tuple[str, str, str], tuple[Decision, Decision]] = {}
    after = regions(new)
    for was, left in regions(old):
        for now, right in after:
            if was.way is now.way:
                continue
            both = {name: left[name] & right[name] for name in left}
            if all(both.values()):
                key = (was.way, now.way, now.rule)
                cases.setdefault(key, []).append(both)
                decisions.setdefault(key, (was, now))
    return [(*decisions[key], box) for key, boxes in cases.items() for box in merged(boxes)]


def merged(boxes: list[Box]) -> list[Box]:
    """Join boxes that differ in one attribute only, until none are left."""
    found = list(boxes)
    again = True
    while again:
        again = False
        for i, left in enumerate(found):
            for j in range(i + 1, len(found)):
                odd = [name for name in left if left[name] != found[j][name]]
                if len(odd) == 1:
                    found[i] = {**left, odd[0]: left[odd[0]] | found[j][odd[0]]}
                    del found[j]
                    again = True
                    break
            if again:
                break
    return found


def _first(after: Terms) -> Iterator[str]:
    alliance = _json(after, ALLIANCE)
    yield _("第一版章程：{name}").format(name=_in_language(alliance["name"]))
    for member in alliance["members"]:
        yield _("成员 {code} {name}").format(code=member["code"], name=_in_language(member["name"]))
    yield _thresholds(after)
    yield _("规则共 {count} 条，详见章程").format(count=len(_json(after, POLICY)["routes"]))


def _alliance(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name, sentence in (("name", _("联盟名称改为 {new}")), ("time_zone", _("时区改为 {new}"))):
        if before[name] != after[name]:
            yield sentence.format(new=_in_language(after[name]) if isinstance(after[name], dict) else after[name])
    old, new = ({member["code"]: member for member in each["members"]} for each in (before, after))
    for code in sorted(new.keys() - old.keys()):
        yield _("{code} {name} 加入").format(code=code, name=_in_language(new[code]["name"]))
    for code in sorted(old.keys() - new.keys()):
        yield _("{code} {name} 退出").format(code=code, name=_in_language(old[code]["name"]))
    for code in sorted(new.keys() & old.keys()):
        if new[code] != old[code]:
            yield _("{code} 的名称改为 {name}").format(code=code, name=_in_language(new[code]["name"]))
    was, now = ({tuple(sorted(pair)) for pair in each["pairs"]} for each in (before, after))
    for pair in sorted(now - was):
        yield _("{pair} 结为一对").format(pair="—".join(pair))
    for pair in sorted(was - now):
        yield _("{pair} 不再是一对").format(pair="—".join(pair))
    for purpose in ("postmark", "ledger", "ledger_mldsa"):
        old_keys, new_keys = (each.get("station", {}).get(purpose, []) for each in (before, after))
        yield from _keys(_("驿站"), purpose, old_keys, new_keys)


def _offices(before: Terms, after: Terms) -> Iterator[str]:
    for code in sorted(before.offices.keys() & after.offices.keys()):
        old, new = before.offices[code], after.offices[code]
        if old.root.keyid != new.root.keyid:
            yield _("{code} 更换根签名密钥").format(code=code)
        if old.targets.keyid != new.targets.keyid:
            yield _("{code} 更换章程签名密钥").format(code=code)
        if {key.keyid for key in old.county} != {key.keyid for key in new.county} or old.threshold != new.threshold:
            sentence = _("{code} 更换本县章程密钥：{count} 把，须 {threshold} 把签名")
            yield sentence.format(code=code, count=len(new.county), threshold=new.threshold)
    for old_keys, new_keys, sentence in (
        (before.station.snapshot, after.station.snapshot, _("驿站更换目录签名密钥（snapshot）")),
        (before.station.timestamp, after.station.timestamp, _("驿站更换时刻签名密钥（timestamp）")),
    ):
        if {key.keyid for key in old_keys} != {key.keyid for key in new_keys}:
            yield sentence
    if _needed(before) != _needed(after):
        yield _thresholds(after)


def _needed(terms: Terms) -> tuple[int, int]:
    most = majority(len(terms.offices))
    return terms.root_threshold or most, terms.targets_threshold or most


def _thresholds(terms: Terms) -> str:
    root, targets = _needed(terms)
    sentence = _("根须 {root} 个、章程须 {targets} 个成员签名，成员共 {count} 个")
    return sentence.format(root=root, targets=targets, count=len(terms.offices))


def _county(code: str, before: Terms, after: Terms) -> Iterator[str]:
    path = keys_path(code)
    if before.files[path] == after.files[path]:
        return
    old, new = json.loads(before.files[path]), json.loads(after.files[path])
    for purpose in sorted((old.keys() | new.keys()) - {"county", "ladder"}):
        yield from _keys(code, purpose, old.get(purpose, []), new.get(purpose, []))
    if old.get("ladder") != new.get("ladder"):
        yield _("{code} 更改联络人名单").format(code=code)


def _keys(
    owner: str, purpose: str, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    names = {"signing": _("签名"), "sealing": _("封装"), "postmark": _("邮戳"), "ledger": _("账本")} | {
        "ledger_mldsa": _("账本"),
        "cosigning": _("会签"),
    }
    name = names.get(purpose, purpose)
    old, new = ({entry["kid"]: entry for entry in entries} for entries in (before, after))
    for kid, entry in new.items():
        if kid not in old:
            sentence = _("{owner} 登记{purpose}密钥 {kid}…，自 {at} 起有效")
            yield sentence.format(owner=owner, purpose=name, kid=kid[:16], at=entry["not_before"])
    for kid in old.keys() - new.keys():
        yield _("{owner} 删去{purpose}密钥 {kid}…").format(owner=owner, purpose=name, kid=kid[:16])
    ends = {
        "not_after": _("{owner} 的{purpose}密钥 {kid}… 到 {at} 为止"),
        "revoked": _("{owner} 的{purpose}密钥 {kid}… 自 {at} 起撤销"),
        "compromised": _("{owner} 的{purpose}密钥 {kid}… 自 {at} 起可能已泄露"),
    }
    for kid in new.keys() & old.keys():
        for attribute, sentence in ends.items():
            if new[kid].get(attribute) != old[kid].get(attribute) and attribute in new[kid]:
                yield sentence.format(owner=owner, purpose=name, kid=kid[:16], at=new[kid][attribute])


def _json(terms: Terms, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(terms.files[path])
    return found


def _in_language(words: Mapping[str, str]) -> str:
    return words["zh"] if get_language() == "zh_CN" else words["en"]
