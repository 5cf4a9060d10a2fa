"""The lines of the page about somebody: what identifies them, and that names and IDs can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditlog_tui.analysis.lineage import State, Survival
from auditlog_tui.analysis.who import Report, Subject
from auditlog_tui.headless.who import who_text
from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.panes.who import Heading, WhoPane
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


def styles_of_sessions(report: Report) -> dict[str, str]:
    """The style of each session's worst action."""
    return {line.cells[4].text: line.cells[4].style for line in lines_of(report, "sessions")}


async def test_only_sessions_that_did_something_dangerous_are_coloured() -> None:
    acts = ["vm.read", "vm.updated", "vm.deleted", "api_key.created"]
    log = [does(n * 7_200, "thief", action, f"t-{n}") for n, action in enumerate(acts)]
    styles = styles_of_sessions(await report_on(FakeApi(log), Subject("actor", "thief")))
    loud = "bold $text-warning"
    assert styles == {"vm.read": "$text-muted", "vm.updated": "", "vm.deleted": loud, "api_key.created": loud}


async def test_what_most_sessions_do_is_not_coloured_and_what_is_worse_is() -> None:
    acts = ["vm.deleted"] * 7 + ["vm.read", "api_key.created"]
    log = [does(n * 7_200, "ci", action, f"t-{n}") for n, action in enumerate(acts)]
    styles = styles_of_sessions(await report_on(FakeApi(log), Subject("actor", "ci")))
    assert styles == {"vm.deleted": "", "vm.read": "$text-muted", "api_key.created": "bold $text-warning"}


async def test_a_session_stays_the_same_line_while_older_entries_come() -> None:
    report = await report_on(FakeApi(INCIDENT), Subject("actor", "thief"))
    before = lines_of(report, "sessions")
    longer = tuple(replace(each, first_us=each.first_us - 1, n=each.n + 1) for each in report.summary.sessions)
    after = lines_of(replace(report, summary=replace(report.summary, sessions=longer)), "sessions")
    assert [line.name for line in after] == [line.name for line in before]
    assert len({line.name for line in before}) == len(before) > 0


async def test_the_mark_of_a_refusal_stands_beside_the_action_that_was_refused() -> None:
    log = [
        does(1, "thief", "vm.deleted", status_code=403), does(2, "thief", "vm.read", status_code=403),
        does(3, "thief", "project.read"), does(4, "thief", "project.read"),
    ]  # fmt: skip
    report = await report_on(FakeApi(log), Subject("actor", "thief"))
    (line,) = lines_of(report, "sessions")
    first, second = drawn(line, 52).splitlines()
    assert "project.read" in first
    assert UNICODE.refused not in first
    assert second.strip() == f"2{UNICODE.refused} vm.deleted and others"
    text = who_text(report, UTC, UNICODE)
    (at,) = [number for number, each in enumerate(text) if each.startswith("sessions")]
    assert "project.read" in text[at + 1]
    assert UNICODE.refused not in text[at + 1]
    assert text[at + 2].split() == [f"2{UNICODE.refused}", "vm.deleted", "and", "others"]


async def test_what_all_of_was_refused_has_the_mark_in_its_line() -> None:
    log = [does(n, "thief", "vm.read", status_code=403) for n in (1, 2)]
    (line,) = lines_of(await report_on(FakeApi(log), Subject("actor", "thief")), "sessions")
    assert f"2{UNICODE.refused} {UNICODE.refused}vm.read" in drawn(line, 78)
    assert "\n" not in drawn(line, 78)


async def test_the_number_of_kinds_of_actions_is_not_told_as_that_of_entries() -> None:
    log = [does(n, "thief", ("vm.read", "vm.deleted")[n % 2], status_code=403) for n in range(9)]
    report = await report_on(FakeApi([*log, does(9, "thief", "vm.read")]), Subject("actor", "thief"))
    pane = WhoPane(UNICODE)
    headings = [pane.draw(Heading(each), 78)[0].plain for each in sections(report, LOOK)]
    assert "REFUSED OR FAILED 2 kinds  exact" in headings
    assert "SUCCEEDED 1 kind  exact" in headings
    assert "ADDRESSES 1  exact" in headings
    text = who_text(report, UTC, UNICODE)
    assert "refused or failed (2 kinds)" in text
    assert "succeeded (1 kind)" in text


async def test_nothing_is_told_of_what_is_to_revoke_before_it_is_known() -> None:
    report = await report_on(FakeApi([does(1, "thief", "vm.read")]), Subject("actor", "thief"))
    early = replace(report, survival=Survival(State.DELETED), done=False)
    (section,) = [each for each in sections(early, LOOK) if each.title.startswith("to revoke")]
    assert (section.title, section.of) == ("to revoke ?", "not known yet")
    told = [drawn(line, 116) for line in section.first(section.n)]
    assert "not known yet whether a key or user was created by it" in told
    late = replace(early, done=True)
    (section,) = [each for each in sections(late, LOOK) if each.title.startswith("to revoke")]
    assert (section.title, section.of) == ("to revoke 0", "all: nothing")
    assert "no key or user was created by it" in [drawn(line, 116) for line in section.first(section.n)]
