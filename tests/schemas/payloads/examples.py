"""One complete payload a type, as its sender writes it."""

from __future__ import annotations

from typing import Any

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
        "position": {"type": "Point", "coordinates": [119.42, 27.61], "accuracy_m": 50},
    },
    "border": {"distance_m": 800, "bearing": 12.5},
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
EXAMPLES: dict[str, dict[str, Any]] = {
    "yizhan.incident.forest_fire.v1": FIRE,
    "yizhan.incident.hotspot.v1": HOTSPOT,
    "yizhan.incident.natural_disaster.v1": DISASTER,
    "yizhan.incident.eco_crime.v1": CRIME,
    "yizhan.intelligence.report.v1": REPORT,
    "yizhan.receipt.v1": RECEIPT,
    "yizhan.notice.v1": NOTICE,
}
