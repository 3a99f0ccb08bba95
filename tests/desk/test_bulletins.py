"""The quarter at the desk: written beside the figures by an analyst, signed by a leader, compared, carried away."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.world.desk import Answer, Browser, DeskWorld, running_desk
from tests.world.quarter import a_fire, closed_quarter, publish_draft, sign_elsewhere
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.cli.passphrase import TerminalPassphrase
from yizhan.desk.accounts.model import Role
from yizhan.producers.draft_store import DraftStore
from yizhan.runtime import access_log
from yizhan.services.access_log import access_log_path
from yizhan.services.bulletin_reading import BulletinKey, read_bulletin, text_path
from yizhan.services.sealing import seal_draft
from yizhan.services.stores import drafts_path, open_outbox

HOSTILE = "<script>alert(1)</script>\u202e<img src=x onerror=alert(1)>{{letters}}"
OFFICE = {"org_code": f"{QINGYUAN}000000", "contact_name": "李四", "contact_phone": "0578-6122110"}


@dataclass
class Quarter:
    """A desk whose quarter was closed, and one analyst's browser."""

    desk: DeskWorld
    label: str
    analyst: Browser

    @property
    def path(self) -> str:
        """The bulletin's page."""
        return f"/bulletin/{self.label}/{SHOUNING}"

    @property
    def key(self) -> BulletinKey:
        """The bulletin."""
        return BulletinKey(self.label, QINGYUAN, SHOUNING)

    def fields(self) -> dict[str, object]:
        """Return the fields of the page's form as they are now."""
        return fields_of(self.analyst.get(self.path).text)

    def save(self, **changes: object) -> Answer:
        """Change fields and keep them, as the page's script does."""
        return self.analyst.post(f"{self.path}/text", self.fields() | changes, **{"HX-Request": "true"})


def fields_of(page: str) -> dict[str, object]:
    """Return the fields of the form of the text."""
    form = page[page.index('id="writing"') :].partition("</form>")[0]
    texts = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    seen = re.search(r'name="seen" value="(\w+)"', form)
    assert seen is not None
    kept = [html.unescape(each) for each in re.findall(r'name="kept" value="([^"]+)"', form)]
    return {"seen": seen[1], "kept": kept, **{name: html.unescape(text) for name, text in texts}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DeskWorld, str]]:
    """Run a desk; the partner's report is hostile."""
    station, label = closed_quarter(tmp_path_factory.mktemp("quarter") / "home", HOSTILE.replace("\u202e", ""))
    with running_desk(station) as desk:
        yield desk, label


@pytest.fixture
def quarter(world: tuple[DeskWorld, str]) -> Quarter:
    """Sign in the analyst."""
    desk, label = world
    return Quarter(desk, label, desk.browser(Role.ANALYST))


def test_the_list_says_how_far_each_quarter_is(quarter: Quarter) -> None:
    """Ours and the partner's, the station's manifest; a role without the quarter cannot open it."""
    page = quarter.analyst.get("/bulletin")
    assert page.status == 200
    assert f'href="{quarter.path}"' in page.text
    assert "结算，清单相符" in page.text
    assert quarter.desk.browser(Role.AUDITOR).get("/bulletin").status == 403
    assert quarter.analyst.get("/bulletin/2026Q9/350924").status == 404
    assert quarter.analyst.get(f"/bulletin/{quarter.label}/999999").status == 400


def test_every_change_is_kept_and_the_preview_has_the_figures(quarter: Quarter) -> None:
    """A figure stands in the text by its name and on the paper by its value; the file is the command line's."""
    answer = quarter.save(judgement="互通{{letters}}件，平稳。")
    assert answer.status == 200, answer.text
    kept = json.loads(answer.text)
    assert "互通3件，平稳。" in kept["preview"]
    assert 'data-fig="letters"' in kept["parts"]["judgement"]["html"]
    assert "互通{{letters}}件，平稳。" in text_path(quarter.desk.home, quarter.key).read_text("utf-8")
    assert quarter.fields()["judgement"] == "互通{{letters}}件，平稳。"
    assert "<svg" in kept["preview"]


def test_a_number_typed_by_hand_is_underlined_and_asked_about(quarter: Quarter) -> None:
    """It is marked, and the figure of its value offered; kept, replaced or taken out it is not asked about again."""
    shown = json.loads(quarter.save(judgement="清除猎套12副，互通3件，2026年11月30日前第2次会商").text)["parts"][
        "judgement"
    ]
    assert re.findall(r'class="bad-fig">([^<]+)<', shown["html"]) == ["12副", "3件"]
    assert 'value="judgement|3件|letters"' in html.unescape(shown["doubts"])
    assert "还有手写的数字没有说明：12副" in submitted(quarter).text
    left = json.loads(quarter.save(keep="judgement|12副").text)["parts"]["judgement"]
    assert re.findall(r'class="bad-fig">([^<]+)<', left["html"]) == ["3件"]
    done = json.loads(quarter.save(pick="judgement|3件|letters").text)["parts"]["judgement"]
    assert done["text"] == "清除猎套12副，互通{{letters}}件，2026年11月30日前第2次会商"
    assert done["doubts"].strip() == ""
    dropped = json.loads(quarter.save(judgement="互通9件", suggestions="").text)["parts"]["judgement"]
    assert "bad-fig" in dropped["html"]
    assert json.loads(quarter.save(drop="judgement|9件").text)["parts"]["judgement"]["text"] == "互通"


def test_two_editors_lose_nothing(quarter: Quarter) -> None:
    """Who saves over a text that he has not seen gets 409 with both; the same again changes nothing."""
    mine = quarter.fields()
    assert quarter.save(suggestions="甲写的").status == 200
    clash = quarter.analyst.post(f"{quarter.path}/text", mine | {"suggestions": "乙写的"}, **{"HX-Request": "true"})
    assert clash.status == 409
    assert "甲写的" in clash.text
    assert "乙写的" in clash.text
    assert quarter.fields()["suggestions"] == "甲写的"
    whole = quarter.analyst.post(f"{quarter.path}/text", mine | {"suggestions": "乙写的"})
    assert (whole.status, "乙写的" in whole.text) == (409, True)
    again = quarter.analyst.post(f"{quarter.path}/text", mine | {"suggestions": "甲写的"}, **{"HX-Request": "true"})
    assert again.status == 200
    over = quarter.analyst.post(f"{quarter.path}/text", quarter.fields() | {"suggestions": "乙写的"})
    assert over.status == 303


def test_what_the_command_line_wrote_is_another_text(quarter: Quarter) -> None:
    """The file is changed beside the desk: the next save of an older text is refused, and shows it."""
    quarter.save(suggestions="网页写的")
    mine, path = quarter.fields(), text_path(quarter.desk.home, quarter.key)
    path.write_text(path.read_text("utf-8").replace("网页写的", "记事本写的"), "utf-8")
    clash = quarter.analyst.post(f"{quarter.path}/text", mine | {"suggestions": "又写"}, **{"HX-Request": "true"})
    assert (clash.status, "记事本写的" in clash.text, "被命令行改过" in clash.text) == (409, True, True)
    assert quarter.fields()["suggestions"] == "记事本写的"


def test_hostile_text_stays_text(quarter: Quarter) -> None:
    """What a partner or an officer wrote is never markup, and what reads as a heading of the file is none."""
    kept = json.loads(quarter.save(judgement=HOSTILE + "\n# 工作建议\n% 程序的行").text)
    for part in (kept["preview"], kept["parts"]["judgement"]["html"], quarter.analyst.get(quarter.path).text):
        assert "<script>alert" not in part
        assert "<img" not in part
        assert "\u202e" not in part
    assert "工作建议\n" in kept["parts"]["judgement"]["text"]
    digest = quarter.analyst.get(f"{quarter.path}/digest").text
    assert "&lt;script&gt;alert(1)" in digest
    assert "<script>alert" not in digest
    assert quarter.save(judgement="长" * 8001).status == 400
    unknown = json.loads(quarter.save(judgement="共{{no.such}}件").text)
    assert "不是数字的名称" in unknown["notes"]
    assert quarter.fields()["judgement"] == "共{{no.such}}件"
    assert quarter.save(judgement="").status == 200


def test_the_files_are_given_and_the_access_log_has_it(quarter: Quarter) -> None:
    """PDF and DOCX as attachments; the print page names who printed and when."""
    for form, begin in (("pdf", "%PDF-"), ("docx", "PK")):
        answer = quarter.analyst.get(f"{quarter.path}/file/{form}")
        assert (answer.status, answer.text[: len(begin)]) == (200, begin)
        assert answer.headers["content-disposition"].startswith("attachment")
    assert quarter.analyst.get(f"{quarter.path}/file/exe").status == 404
    page = quarter.analyst.get(f"{quarter.path}/print").text
    assert re.search(r'class="print-only">范某（\d+）于 [0-9: -]+ 打印', page)
    lines = access_log.read(access_log_path(quarter.desk.home, QINGYUAN))
    newest = [(each.how, each.command) for each in access_log.check(lines)[0]][-3:]
    assert newest == [
        ("exported", "desk bulletin make"), ("exported", "desk bulletin make"), ("printed", "desk bulletin print"),
    ]  # fmt: skip


def submitted(quarter: Quarter) -> Answer:
    """Submit what is there."""
    return quarter.analyst.post(f"{quarter.path}/submit", {"seen": quarter.fields()["seen"], **OFFICE})


def test_an_analyst_writes_and_a_leader_signs(quarter: Quarter) -> None:
    """Submitted, given back, submitted again, signed once; the sender seals it; both sides agree."""
    desk = quarter.desk
    leader = desk.browser(Role.LEADER)
    quarter.save(judgement="互通{{letters}}件。", suggestions="")
    refused = quarter.analyst.post(
        f"{quarter.path}/submit", {"seen": quarter.fields()["seen"], **OFFICE, "org_code": "x"}
    )
    assert (refused.status, "机构代码或联系人有误" in refused.text) == (400, True)
    assert submitted(quarter).status == 303
    token = seen_of(leader.get(quarter.path))
    assert quarter.analyst.post(f"{quarter.path}/text", {"seen": token, "judgement": "改"}).status == 409
    assert quarter.analyst.post(f"{quarter.path}/sign", {"seen": token}).status == 403
    assert leader.post(f"{quarter.path}/text", {"seen": token}).status == 403
    assert leader.post(f"{quarter.path}/return", {"seen": token, "remark": "请补建议"}).status == 303
    assert "请补建议" in quarter.analyst.get(quarter.path).text
    assert leader.post(f"{quarter.path}/sign", {"seen": token}).status == 409
    quarter.save(suggestions="加强联巡。")
    assert submitted(quarter).status == 303
    token = seen_of(leader.get(quarter.path))
    signed = [leader.post(f"{quarter.path}/sign", {"seen": token}).status for _ in range(3)]
    assert signed == [303] * 3
    with DraftStore(drafts_path(desk.home, QINGYUAN), QINGYUAN) as drafts:
        (draft,) = drafts.all()
        assert (draft.author and draft.author.name, draft.reviewer and draft.reviewer.name) == ("范某", "林某")
        with open_outbox(desk.home, QINGYUAN, TerminalPassphrase()) as outbox:
            seal_draft(desk.home, outbox, drafts, draft)
    ours = read_bulletin(desk.home, quarter.key).ours
    assert ours is not None
    assert ours.payload["judgement"] == "互通3件。"
    assert (ours.payload["drafted_by"]["name"], ours.payload["signed_off_by"]["name"]) == ("范某", "林某")
    page = quarter.analyst.get(quarter.path).text
    assert ours.id in page
    sign_elsewhere(desk.station, quarter.label)
    assert "双方数字一致。" in leader.get(f"{quarter.path}/compare").text
    assert quarter.analyst.post(f"{quarter.path}/text", {"seen": token, "judgement": "改"}).status == 409


def seen_of(page: Answer) -> str:
    """Return the token of the text that a leader sees."""
    found = re.search(r'name="seen" value="(\w+)"', page.text[page.text.index('id="decide"') :])
    assert found is not None
    return found[1]


def test_figures_that_changed_are_not_signed_before_somebody_read_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """An event more after the text was submitted: the leader cannot sign; the analyst is told what changed."""
    station, label = closed_quarter(tmp_path_factory.mktemp("changed") / "home")
    with running_desk(station) as desk:
        quarter, leader = Quarter(desk, label, desk.browser(Role.ANALYST)), desk.browser(Role.LEADER)
        quarter.save(judgement="火情{{fires.all}}起。", overview="")
        assert submitted(quarter).status == 303
        publish_draft(station, SHOUNING, a_fire(external_ref="接-2"))
        station.close(QINGYUAN, label)
        token = seen_of(leader.get(quarter.path))
        answer = leader.post(f"{quarter.path}/sign", {"seen": token})
        assert (answer.status, "数字变了" in answer.text) == (400, True)
        assert leader.post(f"{quarter.path}/return", {"seen": token}).status == 303
        assert "{{fires.all}} 写的时候是 1，现在是 2" in quarter.analyst.get(quarter.path).text
        assert submitted(quarter).status == 400
        notes = json.loads(quarter.save(judgement="火情{{fires.all}}起，均已扑灭。").text)["notes"]
        assert "写的时候是 1" in notes
        assert json.loads(quarter.save(read_again="1").text)["notes"].strip() == ""
        assert submitted(quarter).status == 303
