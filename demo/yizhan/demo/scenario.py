"""The script of the day, in Chinese, as counties would send it.

Rule 1: data only. Each step says who sends what, and how it must reach whom by which rule.
Rule 2: names, numbers and cases are invented; positions lie where the outlines put them.
Rule 3: the pair that really signed, 寿宁 and 庆元, is on stage alone when there are only two.

The felling threshold is that of 法释〔2023〕8号: 盗伐 of 50 m³ standing volume is 数量巨大.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.table import (
    ASSISTANCE_REQUEST,
    ASSISTANCE_RESPONSE,
    ECO_CRIME,
    FOREST_FIRE,
    INTELLIGENCE_REPORT,
    NATURAL_DISASTER,
    PATROL_PLAN,
)
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written

SHOUNING, QINGYUAN = "350924", "331126"
FUDING, CANGNAN = "350982", "330327"
PUCHENG, LONGQUAN = "350722", "331181"

OFFICERS: Final = {
    SHOUNING: ("陈立新", "352017", "0593-5520110"),
    QINGYUAN: ("吴国华", "331905", "0578-6120110"),
    FUDING: ("林晓东", "352288", "0593-7850110"),
    CANGNAN: ("章成", "330741", "0577-6475110"),
    PUCHENG: ("刘建平", "350733", "0599-2820110"),
    LONGQUAN: ("季伟", "331812", "0578-7120110"),
}
"""Duty officer of each county: name, badge number, telephone. All invented."""


@dataclass(frozen=True)
class ScriptedEvent:
    """One thing that a county sends.

    ``expects`` says, by recipient, in which way and by which rule it must arrive. ``reply_to``
    names an earlier step of any county, ``supersedes`` and ``withdraws`` one of the same county.
    """

    key: str
    said: str
    county: str
    type: str
    payload: dict[str, Any]
    expects: dict[str, tuple[Way, str]]
    attributes: dict[str, Any] = field(default_factory=dict)
    reply_to: str | None = None
    supersedes: str | None = None
    withdraws: str | None = None
    acknowledged_by: tuple[str, ...] = ()


def _person(county: str) -> dict[str, str]:
    name, badge, _ = OFFICERS[county]
    return {"name": name, "badge": badge}


def _common(county: str, summary: str, ask: list[str], place: dict[str, Any], **more: object) -> dict[str, Any]:
    """Write the fields that every payload has."""
    name, _, phone = OFFICERS[county]
    return {
        "org_code": f"{county}000000",
        "drafted_by": _person(county),
        "reviewed_by": _person(county),
        "signed_off_by": _person(county),
        "contact": {"name": name, "phone": phone},
        "classification": "内部",
        "summary": summary,
        "ask": ask,
        "place": {"county": county, **place},
        **more,
    }


def _at(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude], "accuracy_m": 30.0}


def _fire(summary: str, forest_ha: float, state: str, ask: list[str], **more: object) -> dict[str, Any]:
    """Write a report on the fire at 犀溪, 800 m from the line."""
    place = {"township": "坑底乡", "spot": "林场后山", "position": _at(119.3707, 27.5225)}
    fields = {
        "state": state, "forest_ha": forest_ha, "dead": 0, "injured": 0, "crossing": "无",
        "border": {"distance_m": 800.0, "bearing": 320.0}, "discovered_by": "护林员",
    }  # fmt: skip
    return _common(SHOUNING, summary, ask, place, **(fields | more))


def _intelligence(county: str, title: str, summary: str, origin: str) -> dict[str, Any]:
    return _common(
        county, summary, ["知悉"], {},
        title=title, kind="线索", origin=origin, handling="可核查", source_reliability="B", credibility=2,
    )  # fmt: skip


def day(now: datetime, counties: tuple[str, ...]) -> list[ScriptedEvent]:
    """Write the steps for the counties on stage, learnt shortly before ``now``."""
    steps = (*_fires(now), *_crimes(), *_waters(), *_together(now), *_quiet(now), *_other_pairs())
    return [step for step in steps if {step.county, *step.expects} <= set(counties)]


def _fires(now: datetime) -> tuple[ScriptedEvent, ...]:
    alarm, answer = {QINGYUAN: (Way.ALARM, "fire")}, {QINGYUAN: (Way.NOTICE, "answer")}
    touching = {"to": [QINGYUAN], "touches": [QINGYUAN], "priority": "flash", "grade": 4}
    found = written(now - timedelta(minutes=4))
    return (
        ScriptedEvent(
            "fire", marked("寿宁首报：距界八百米林火，受害森林零点三公顷"), SHOUNING, FOREST_FIRE,
            _fire("坑底乡林场后山起火，火势向西北方向省界蔓延，距庆元界约800米。", 0.3, "燃烧", ["知悉", "支援"],
                  found_at=found, wind_direction="东南", wind_force=3, trend="向省界蔓延", threatens=["设施"],
                  crews=35, vehicles=4, help="请庆元在界线一侧开设隔离带"),
            alarm, {**touching, "stage": "first", "external_ref": "寿公接〔演示〕0001号"},
            acknowledged_by=(QINGYUAN,),
        ),
        ScriptedEvent(
            "worse", marked("寿宁续报：火势扩大，请求支援"), SHOUNING, FOREST_FIRE,
            _fire("阵风加大，火线逼近省界，过火面积扩大，一名扑火队员轻伤。", 2.1, "燃烧", ["支援", "堵截"],
                  injured=1, wind_direction="东南", wind_force=5, crews=80, vehicles=9, help="请派两支半专业扑火队"),
            alarm, {**touching, "stage": "update", "worse": True}, reply_to="fire", acknowledged_by=(QINGYUAN,),
        ),
        ScriptedEvent(
            "corrected", marked("寿宁更正：受害森林面积应为一点二公顷"), SHOUNING, FOREST_FIRE,
            _fire("更正前次续报：经无人机复核，受害森林面积应为1.2公顷，其余不变。", 1.2, "控制", ["知悉"],
                  injured=1, crews=80, vehicles=9),
            answer, {**touching, "priority": "urgent", "stage": "update"}, supersedes="worse",
        ),
        ScriptedEvent(
            "out", marked("寿宁终报：明火扑灭，转入看守"), SHOUNING, FOREST_FIRE,
            _fire("明火已全部扑灭，未越界，现场转入看守。起火原因系祭扫用火不慎。", 1.2, "看守", ["知悉"],
                  injured=1, cause="祭扫用火", burnt_ha=3.5),
            answer, {**touching, "priority": "routine", "stage": "final"}, reply_to="fire",
        ),
    )  # fmt: skip


def _crimes() -> tuple[ScriptedEvent, ...]:
    suspect = [{"name": "某甲", "status": "在逃", "domicile": "外省"}]
    timber = [{"species": "杉木", "protection": "无", "quantity": 62.0, "unit": "m³"}]
    return (
        ScriptedEvent(
            "logging", marked("庆元通报：盗伐林木六十二立方米，嫌疑人驾车逃往寿宁"), QINGYUAN, ECO_CRIME,
            _common(
                QINGYUAN, "江根乡发现盗伐杉木，立木蓄积62立方米，嫌疑人驾皮卡沿县道向寿宁方向逃窜。",
                ["堵截", "布控"], {"township": "江根乡", "position": _at(119.4563, 27.5824)},
                border={"distance_m": 2600.0, "bearing": 81.0}, nature="刑事", charge="盗伐林木", case_stage="立案",
                objects=timber, suspects=suspect, vehicles=["灰色皮卡，车牌尾号3K7"], value_cny=74000.0,
                grade=2, grade_basis="法释〔2023〕8号：盗伐立木蓄积五十立方米以上为数量巨大",
            ),
            {SHOUNING: (Way.ALARM, "major-crime")},
            {"to": [SHOUNING], "touches": [SHOUNING], "priority": "flash", "grade": 2, "stage": "first"},
            acknowledged_by=(SHOUNING,),
        ),
        ScriptedEvent(
            "stopped", marked("寿宁答复：卡口已拦下嫌疑车辆"), SHOUNING, INTELLIGENCE_REPORT,
            _intelligence(SHOUNING, "嫌疑皮卡已在犀溪卡口拦下", "17时许在犀溪卡口拦下灰色皮卡，车上一人，车厢有油锯两把。",
                          "案件延伸"),
            {QINGYUAN: (Way.NOTICE, "answer")}, {"to": [QINGYUAN], "priority": "urgent"}, reply_to="logging",
        ),
    )  # fmt: skip


def _waters() -> tuple[ScriptedEvent, ...]:
    return (
        ScriptedEvent(
            "landslide", marked("庆元通报：山体滑坡进入界河，水位上涨"), QINGYUAN, NATURAL_DISASTER,
            _common(
                QINGYUAN, "连日降雨引发山体滑坡，约两千方土石进入界河，下游寿宁一侧水位上涨。", ["知悉", "核查"],
                {"township": "岭头乡", "position": _at(119.2806, 27.4568)},
                border={"distance_m": 400.0, "bearing": 112.0},
                **{"class": "滑坡灾害"}, dead=0, missing=0, evacuated=46,
                roads="县道中断", rivers="界河形成小型堰塞体", onward_danger="堰塞体溃决", warning_colour="橙色",
            ),
            {SHOUNING: (Way.ALARM, "disaster")},
            {"to": [SHOUNING], "touches": [SHOUNING], "priority": "flash", "stage": "first"},
            acknowledged_by=(SHOUNING,),
        ),
    )  # fmt: skip


def _together(now: datetime) -> tuple[ScriptedEvent, ...]:
    """Write a joint patrol that the other side countersigns, and a request for assistance with its clock."""
    quiet, starts = (Way.NOTICE, "cooperation"), (now + timedelta(days=7)).date()
    answer, routine = (Way.NOTICE, "answer"), {"priority": "routine"}
    plan = {
        "starts_on": str(starts), "ends_on": str(starts + timedelta(days=2)), "theme": "防火", "route": "坑底至江根界碑线",
        "crews": [
            {"county": code, "people": 6, "leader": {"name": OFFICERS[code][0], "phone": OFFICERS[code][2]}}
            for code in (SHOUNING, QINGYUAN)
        ],
        "meeting_point": {"spot": "12号界碑", "at": f"{starts}T08:30:00+08:00"},
    }  # fmt: skip
    request = {
        "kind": "询问/讯问", "case_no": "A3311260000202611001", "filed_at": written(now - timedelta(days=1)),
        "subject": {"name": "某乙"}, "questions": ["是否曾向某甲出租皮卡"], "custody": False, "far": False,
        "scope": "询问一次，制作笔录",
        "papers": [{"name": "办案协作函件", "doc_no": "庆公森协字〔演示〕1号"}, {"name": "立案决定书"}],
        "officers": [_person(QINGYUAN), {"name": "周新民", "badge": "331906"}],
    }  # fmt: skip
    response = {
        "outcome": "已办", "answers": ["承认曾出租皮卡一次"], "documents": ["询问笔录一份"],
        "unit": "寿宁县公安局森林警察大队", "handled_by": _person(SHOUNING),
    }  # fmt: skip
    return (
        ScriptedEvent(
            "plan", marked("寿宁提出联合巡查方案，请庆元会签"), SHOUNING, PATROL_PLAN,
            _common(SHOUNING, "清明前后边界防火联合巡查三天。", ["回复"], {}, **plan), {QINGYUAN: quiet}, {"to": [QINGYUAN], **routine},
        ),
        ScriptedEvent(
            "countersigned", marked("庆元会签联合巡查方案"), QINGYUAN, PATROL_PLAN,
            _common(QINGYUAN, "同意，我方六人参加。", ["知悉"], {}, **plan), {SHOUNING: answer}, {"to": [SHOUNING], **routine},
            reply_to="plan",
        ),
        ScriptedEvent(
            "request", marked("庆元请寿宁协助询问证人"), QINGYUAN, ASSISTANCE_REQUEST,
            _common(QINGYUAN, "盗伐案证人现住寿宁，请协助询问。", ["支援", "回复"], {}, **request), {SHOUNING: quiet},
            {"to": [SHOUNING], "priority": "urgent", "stage": "first"},
        ),
        ScriptedEvent(
            "response", marked("寿宁答复：已询问，笔录随文"), SHOUNING, ASSISTANCE_RESPONSE,
            _common(SHOUNING, "已询问证人并制作笔录。", ["知悉"], {}, **response), {QINGYUAN: answer},
            {"to": [QINGYUAN], "priority": "urgent", "stage": "final"}, reply_to="request",
        ),
    )  # fmt: skip


def unheard(now: datetime) -> ScriptedEvent:
    """Write a fire by night that nobody at the other side acknowledges, until the ladder has been climbed."""
    return ScriptedEvent(
        "unheard", marked("庆元夜间首报：距界四百米林火，寿宁值班电话无人应答"), QINGYUAN, FOREST_FIRE,
        _common(
            QINGYUAN, "岭头乡山场夜间起火，距寿宁界约400米，火势平稳。", ["知悉"],
            {"township": "岭头乡", "position": _at(119.2806, 27.4568)}, found_at=written(now - timedelta(minutes=2)),
            state="燃烧", forest_ha=0.4, dead=0, injured=0, crossing="无", border={"distance_m": 400.0, "bearing": 112.0},
        ),
        {SHOUNING: (Way.ALARM, "fire")},
        {"to": [SHOUNING], "touches": [SHOUNING], "priority": "flash", "grade": 4, "stage": "first"},
    )  # fmt: skip


def _quiet(now: datetime) -> tuple[ScriptedEvent, ...]:
    rest = (Way.DIGEST, "rest")
    routine = {"priority": "routine"}
    return (
        ScriptedEvent(
            "snares", marked("寿宁常规情报：界山发现铁夹猎套"), SHOUNING, INTELLIGENCE_REPORT,
            _intelligence(SHOUNING, "界山沿线发现猎套十二副", "联合巡查中在界山沿线清除猎套十二副，疑为邻村人员布设。", "巡查"),
            {QINGYUAN: rest}, {"to": [QINGYUAN], **routine},
        ),
        ScriptedEvent(
            "orchids", marked("庆元常规情报：网上有人收购野生兰花"), QINGYUAN, INTELLIGENCE_REPORT,
            _intelligence(QINGYUAN, "短视频平台有人收购野生兰科植物", "账号自称在两县交界收购野生春兰，已固定网页证据。", "网络"),
            {SHOUNING: rest}, {"to": [SHOUNING], **routine},
        ),
        ScriptedEvent(
            "mistaken", marked("庆元常规情报：疑似非法采砂"), QINGYUAN, INTELLIGENCE_REPORT,
            _intelligence(QINGYUAN, "界河疑似非法采砂", "群众举报界河夜间有机械作业，疑似采砂。", "群众举报"),
            {SHOUNING: rest}, {"to": [SHOUNING], **routine},
        ),
        ScriptedEvent(
            "withdrawn", marked("庆元撤回前报：系经批准的清淤工程"), QINGYUAN, INTELLIGENCE_REPORT,
            _intelligence(QINGYUAN, "撤回：界河采砂线索", "经核查系水利部门批准的清淤工程，前报撤回。", "巡查"),
            {SHOUNING: (Way.NOTICE, "answer")}, {"to": [SHOUNING], **routine}, withdraws="mistaken",
        ),
        ScriptedEvent(
            "exercise", marked("寿宁演练：联合扑火演练首报"), SHOUNING, FOREST_FIRE,
            _fire("联合扑火演练，设定起火点距界800米。", 0.5, "燃烧", ["知悉"],
                  found_at=written(now - timedelta(minutes=1))),
            {QINGYUAN: (Way.NOTICE, "exercise")},
            {"to": [QINGYUAN], "touches": [QINGYUAN], "priority": "flash", "grade": 4, "stage": "first",
             "status": "Exercise"},
        ),
    )  # fmt: skip


def _other_pairs() -> tuple[ScriptedEvent, ...]:
    return (
        ScriptedEvent(
            "fuding", marked("福鼎首报：距苍南界一公里半林火"), FUDING, FOREST_FIRE,
            _common(
                FUDING, "贯岭镇山场起火，距苍南界约1500米。", ["知悉"], {"township": "贯岭镇", "position": _at(120.4206, 27.1617)},
                state="燃烧", forest_ha=0.2, dead=0, injured=0, crossing="无", border={"distance_m": 1500.0, "bearing": 28.0},
            ),
            {CANGNAN: (Way.ALARM, "fire")},
            {"to": [CANGNAN], "touches": [CANGNAN], "priority": "flash", "grade": 4, "stage": "first"},
            acknowledged_by=(CANGNAN,),
        ),
        ScriptedEvent(
            "pucheng", marked("浦城常规情报：木材检查站查获无证运输"), PUCHENG, INTELLIGENCE_REPORT,
            _intelligence(PUCHENG, "无证运输木材货车来自龙泉方向", "检查站查获无证运输松木8立方米，货车来自龙泉方向。", "巡查"),
            {LONGQUAN: (Way.DIGEST, "rest")}, {"to": [LONGQUAN], "priority": "routine"},
        ),
    )  # fmt: skip
