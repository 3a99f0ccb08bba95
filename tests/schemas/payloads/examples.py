"""One complete payload a type, as its sender writes it; for a type that stands not here, what its model requires."""

from __future__ import annotations

from typing import Any

from yizhan.schemas.payloads import TYPES, Payload

PEOPLE = {
    "drafted_by": {"name": "叶某", "badge": "035112"},
    "reviewed_by": {"name": "吴某", "badge": "035007"},
    "signed_off_by": {"name": "刘某", "badge": "035001"},
}
COMMON: dict[str, Any] = {
    "org_code": "350924000000",
    **PEOPLE,
    "contact": {"name": "值班室", "phone": "0593-5522110"},
    "classification": "内部",
    "occurred_at": "2026-11-23T15:40:00+08:00",
    "place": {
        "county": "350924",
        "township": "坑底乡",
        "village": "林山村",
        "forest_compartment": "03 林班 12 小班",
        "position": {"type": "Point", "coordinates": [119.33, 27.47], "accuracy_m": 50},
    },
    "border": {"distance_m": 800, "bearing": 333},
    "summary": "距省界约 800 米处起火，风向东北，暂无人员被困。",
    "ask": ["知悉", "支援"],
}
FIRE: dict[str, Any] = {
    **COMMON,
    "external_ref": "35092420261123001",
    "discovered_by": "护林员",
    "started_at": "2026-11-23T15:30:00+08:00",
    "cause": "待查",
    "wind_direction": "东北",
    "wind_force": 3,
    "temperature_c": 14.5,
    "state": "燃烧",
    "burnt_ha": 0.3,
    "forest_ha": 0.2,
    "threatens": ["保护区"],
    "dead": 0,
    "injured": 0,
    "crews": 24,
    "vehicles": 3,
    "commander": {"name": "陈某", "phone": "13900000000"},
    "crossing": "无",
}
HOTSPOT: dict[str, Any] = {
    "org_code": "350982000000",
    "classification": "内部",
    "place": {
        "county": "350982",
        "position": {"type": "Point", "coordinates": [120.36673, 27.17004], "accuracy_m": 1100},
    },
    "border": {"distance_m": 5200, "bearing": 20},
    "summary": "卫星热点，待核查。",
    "ask": ["知悉"],
    "satellite": "Terra",
    "detected_at": "2022-04-03T02:20:00Z",
    "confidence": 26,
    "frp_mw": 10.05,
    "pixel_km": [1.75, 1.3],
    "verification": "待核查",
}
DISASTER: dict[str, Any] = {
    **COMMON,
    "class": "020400",
    "dead": 0,
    "missing": 1,
    "evacuated": 40,
    "roads": "县道中断",
    "onward_danger": "堰塞体下游 6 公里为庆元境",
    "warning_colour": "橙色",
}
CRIME: dict[str, Any] = {
    **COMMON,
    "nature": "刑事",
    "charge": "盗伐林木",
    "case_stage": "立案",
    "objects": [{"species": "杉木", "protection": "无", "quantity": 6.4, "unit": "m³"}],
    "value_cny": 9600,
    "suspects": [{"name": "某甲", "id_no": "350924199001010000", "domicile": "寿宁", "status": "在逃"}],
    "vehicles": ["闽J00000"],
}
REPORT: dict[str, Any] = {
    **COMMON,
    "title": "跨界运输木材动态",
    "kind": "线索",
    "origin": "巡查",
    "persons": [{"name": "某乙"}],
    "vehicles": ["浙K00000"],
    "routes": ["坑底—举水"],
    "handling": "可核查",
}
FEEDBACK: dict[str, Any] = {
    **COMMON,
    "result": "查实",
    "use": "立案",
    "cases_filed": 1,
    "persons_caught": 2,
    "seized": [{"species": "杉木", "protection": "无", "quantity": 2.1, "unit": "m³"}],
}
BULLETIN: dict[str, Any] = {
    **COMMON,
    "label": "2026Q3",
    "partner": "331126",
    "manifests": [
        {
            "county": "350924",
            "hash": "ab" * 32,
            "count": 12,
            "prompt": 3,
            "root": "cd" * 32,
            "closed": "2026-10-01T00:00:05Z",
        }
    ],
    "directions": [
        {"source": "331126", "to": "350924", "letters": 9, "root": "01" * 32},
        {"source": "350924", "to": "331126", "letters": 0, "root": "02" * 32},
    ],
    "figures": "ef" * 32,
    "numbers": [{"name": "cases.criminal.reached.立案", "value": 2}, {"name": "fires.burnt_ha", "value": 1.5}],
    "typical": [{"id": "350924-20261123k7qf-17", "text": "跨省盗伐林木案。"}],
    "judgement": "盗伐多发于界线两侧。",
    "suggestions": "加强十月联合巡防。",
}
CONTACT: dict[str, Any] = {
    **COMMON,
    "month": "2026-11",
    "mode": "电话",
    "people": [{"county": "350924", "name": "叶某", "post": "中队长"}, {"county": "331126", "name": "周某"}],
    "items": ["互通上月林区警情"],
    "open_items": [],
}
CONSULTATION: dict[str, Any] = {
    **COMMON,
    "kind": "情报年度",
    "at": "2026-12-31T17:00:00Z",
    "venue": "举水乡派出所",
    "agenda": ["年度林区案件情况"],
    "people": [{"county": "350924", "name": "叶某"}],
    "minutes": "双方通报了全年情况。",
    "decisions": [
        {"what": "联合清山一次", "who": "331126", "unit": "森林警察大队", "due": "2027-03-31"},
        {"what": "交换护林员名册", "who": "350924", "due": "2027-01-31"},
    ],
}
PLAN: dict[str, Any] = {
    **COMMON,
    "starts_on": "2026-12-01",
    "ends_on": "2026-12-03",
    "route": "坑底—举水界碑线",
    "theme": "防火",
    "crews": [
        {"county": "350924", "people": 6, "leader": {"name": "陈某", "phone": "13900000000"}},
        {"county": "331126", "people": 5, "leader": {"name": "周某", "phone": "13800000000"}},
    ],
    "meeting_point": {"spot": "界碑 12 号", "at": "2026-12-01T08:30:00+08:00"},
}
PATROL: dict[str, Any] = {
    **COMMON,
    "starts_on": "2026-12-01",
    "ends_on": "2026-12-03",
    "area": "界碑 9 至 15 号",
    "theme": "防火",
    "track": {"type": "LineString", "coordinates": [[119.42, 27.61], [119.43, 27.62]]},
    "km": 31.5,
    "people": 11,
    "hazards": [{"kind": "火源", "disposal": "当场扑灭并教育"}],
    "fires_put_out": 1,
    "snares_removed": 0,
}
DISPUTE: dict[str, Any] = {
    **COMMON,
    "parties": [{"name": "坑底乡林山村", "county": "350924"}, {"name": "举水乡某村", "county": "331126"}],
    "kind": "林地",
    "area_mu": 36,
    "title_deeds": "寿林证字（1982）第 12 号",
    "state": "移交政府",
    "competent_government": "寿宁县人民政府、庆元县人民政府",
    "risk": "中",
}
REQUEST: dict[str, Any] = {
    **COMMON,
    "kind": "询问/讯问",
    "case_no": "A3509240000202611001",
    "filed_at": "2026-11-20T09:00:00+08:00",
    "subject": {"name": "某乙", "id_no": "331126199001010000"},
    "questions": ["11 月 18 日夜是否运输杉木"],
    "papers": [{"name": "办案协作函件", "doc_no": "寿公森协字〔2026〕3 号"}, {"name": "立案决定书"}],
    "officers": [{"name": "叶某", "badge": "035112"}, {"name": "吴某", "badge": "035007"}],
    "custody": False,
    "scope": "询问一次，制作笔录",
    "far": False,
}
RESPONSE: dict[str, Any] = {
    **COMMON,
    "outcome": "已办",
    "answers": ["承认 11 月 18 日夜运输一车"],
    "documents": ["询问笔录一份"],
    "unit": "庆元县公安局森林警察大队",
    "handled_by": {"name": "周某", "badge": "331005"},
}
CAMPAIGN: dict[str, Any] = {
    **COMMON,
    "starts_on": "2026-12-01",
    "ends_on": "2026-12-07",
    "theme": "冬季森林防火",
    "villages": ["林山村"],
    "rangers": 12,
    "households": 210,
}
BRIEF: dict[str, Any] = {
    **COMMON,
    "title": "烧荒失火案",
    "facts": "某人烧田埂草，引燃邻县山林。",
    "law": ["刑法第一百一十五条第二款"],
    "lesson": "防火期内野外用火要审批。",
    "approved_for_publication": True,
}
RECEIPT: dict[str, Any] = {
    "stage": "acknowledged",
    "event": {"id": "350924-20261123k7qf-17", "hash": "ab" * 32},
    "by": {"name": "周某", "badge": "331005"},
    "how": "电话",
}
NOTICE: dict[str, Any] = {
    "kind": "lane_heads",
    "lanes": [{"book": "20261123k7qf", "lane": "prompt", "head": 17, "void": [4]}],
}
_WRITTEN: dict[str, dict[str, Any]] = {
    "yizhan.incident.forest_fire.v1": FIRE,
    "yizhan.incident.hotspot.v1": HOTSPOT,
    "yizhan.incident.natural_disaster.v1": DISASTER,
    "yizhan.incident.eco_crime.v1": CRIME,
    "yizhan.intelligence.report.v1": REPORT,
    "yizhan.intelligence.feedback.v1": FEEDBACK,
    "yizhan.intelligence.bulletin.v1": BULLETIN,
    "yizhan.liaison.contact.v1": CONTACT,
    "yizhan.liaison.consultation.v1": CONSULTATION,
    "yizhan.patrol.plan.v1": PLAN,
    "yizhan.patrol.report.v1": PATROL,
    "yizhan.dispute.case.v1": DISPUTE,
    "yizhan.assistance.request.v1": REQUEST,
    "yizhan.assistance.response.v1": RESPONSE,
    "yizhan.outreach.campaign.v1": CAMPAIGN,
    "yizhan.outreach.case_brief.v1": BRIEF,
    "yizhan.receipt.v1": RECEIPT,
    "yizhan.notice.v1": NOTICE,
}


def required_by(model: type[Payload]) -> dict[str, Any]:
    """Fill in what a model requires: as others do where it has their field, else as its schema says."""
    schema = model.model_json_schema(by_alias=True)
    properties, defs = schema["properties"], schema.get("$defs", {})
    return {
        name: COMMON[name] if name in COMMON else _value(properties[name], defs) for name in schema.get("required", ())
    }


def _value(schema: dict[str, Any], defs: dict[str, Any]) -> Any:  # noqa: ANN401 -- JSON is any
    match schema:
        case {"$ref": str(ref)}:
            return _value(defs[ref.rpartition("/")[2]], defs)
        case {"examples": [example, *_]} | {"enum": [example, *_]} | {"const": example}:
            return example
        case {"anyOf": [first, *_]}:
            return _value(first, defs)
        case {"type": "object", "properties": properties}:
            return {name: _value(properties[name], defs) for name in schema.get("required", ())}
        case {"type": "array", "items": item}:
            return [_value(item, defs) for _ in range(schema.get("minItems", 0))]
        case {"type": "integer" | "number"}:
            return schema.get("minimum", 1)
        case {"type": "boolean"}:
            return False
        case {"type": "string"} if "pattern" not in schema:
            return "文字"
    message = f"the model must give an example of {schema.get('title', schema)}"
    raise AssertionError(message)


EXAMPLES: dict[str, dict[str, Any]] = {
    name: _WRITTEN[name] if name in _WRITTEN else required_by(row.model) for name, row in TYPES.items()
}
