"""``yizhan bulletin make``: the quarter as files."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

from tests.world.command import Run
from tests.world.simulator import QINGYUAN, SHOUNING


def test_a_quarter_is_written_in_every_form_and_twice_the_same(yizhan: Run, home: Path, tmp_path: Path) -> None:
    """HTML, PDF, DOCX, both CSV and JSON; the figures are the same bytes again; nothing is overwritten unasked."""
    assert home.is_dir()
    words = ("bulletin", "make", "2026Q3", "--county", SHOUNING, "--with", QINGYUAN, "-o", str(tmp_path))
    first = yizhan(*words, "--json")
    assert first.code == 0, first.err
    files = {form: Path(path) for form, path in json.loads(first.out)["files"].items()}
    assert files["pdf"].read_bytes().startswith(b"%PDF-")
    assert "季度情报通报" in files["html"].read_text("utf-8")
    assert "word/document.xml" in ZipFile(files["docx"]).namelist()
    assert files["csv"].read_bytes().startswith(b"\xef\xbb\xbf")
    figures = files["json"].read_bytes()
    assert json.loads(figures)["empty"] is True
    refused = yizhan(*words)
    assert (refused.code, "选择覆盖" in refused.err) == (1, True)
    assert f"--with {QINGYUAN} -o {tmp_path} --force" in refused.err
    again = yizhan(*words, "--json", "--force")
    assert json.loads(again.out)["figures_sha256"] == json.loads(first.out)["figures_sha256"]
    assert files["json"].read_bytes() == figures


def test_nothing_is_signed_before_the_station_closed_the_quarter(yizhan: Run, home: Path, tmp_path: Path) -> None:
    """The signed bulletin names the station's manifest: without one it is refused, saying so."""
    office = home / "office.json"
    office.write_text("{}", "utf-8")
    ran = yizhan("bulletin", "make", "2026Q3", "--county", SHOUNING, "-o", str(tmp_path), "--office", str(office))
    assert (ran.code, "季度清单还没有到" in ran.err) == (1, True)
    assert list(tmp_path.glob("bulletin-*")) == []
