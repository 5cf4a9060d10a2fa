"""The lines of the page about somebody: what identifies them, and that names and IDs can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditlog_tui.analysis.who import Report, Subject
from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.panes.who import WhoPane
from auditlog_tui.ui.panes.who_lines import WhoLine, sections
from tests.unit.analysis.test_who import INCIDENT, does
from tests.unit.fake import START_US, FakeApi, entry
from tests.unit.headless.test_who import UTC, report_on

LOOK = Look(UNICODE, "utc", UTC, START_US)
NAME, ID = "the platform team's deployment key", "8c0f6f0e-6a3f-4e0c-9d7f-3a1d2b4c5e6f"


def lines_of(report: Report, title: str) -> list[WhoLine]:
    section = next(each for each in sections(report, LOOK) if each.title == title)
    return list(section.first(section.n))


def drawn(line: WhoLine, width: int) -> str:
    return "\n".join(each.plain for each in WhoPane(UNICODE).draw(line, width))


@pytest.mark.parametrize("width", [52, 78, 116])
async def test_a_name_and_its_id_are_both_whole(width: int) -> None:
    log = [entry(n, actor={"id": ID, "name": NAME, "type": "api_key"}, client_ip="203.0.113.7") for n in range(3)]
    (line,) = lines_of(await report_on(FakeApi(log), Subject("ip", "203.0.113.7")), "actors")
    assert ID in drawn(line, width)
    assert (NAME if width > 52 else NAME[:5]) in drawn(line, width)
    assert (line.value, line.subject) == (ID, Subject("actor", ID))


@pytest.mark.parametrize("width", [52, 116])
async def test_who_deleted_it_has_a_name_beside_the_id(width: int) -> None:
    deleted = does(60, "admin", "api_key.deleted", "thief")
    lines = lines_of(await report_on(FakeApi([*INCIDENT, deleted]), Subject("actor", "thief")), "")
    (now,) = [line for line in lines if line.name == "now"]
    assert " ".join(drawn(now, width).split()).endswith("by name of admin admin")


async def test_a_session_stays_the_same_line_while_older_entries_come() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("actor", "thief"))
    before = lines_of(report, "sessions")
    longer = tuple(replace(each, first_us=each.first_us - 1, n=each.n + 1) for each in report.summary.sessions)
    after = lines_of(replace(report, summary=replace(report.summary, sessions=longer)), "sessions")
    assert [line.name for line in after] == [line.name for line in before]
    assert len({line.name for line in before}) == len(before) > 0
