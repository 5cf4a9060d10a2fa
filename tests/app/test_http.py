"""The main job over HTTP: launch, scroll, filter, read, copy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from auditlog_tui.demo import demo_log
from auditlog_tui.demo.server import Fault, Serving, serving
from auditlog_tui.entries.contract import LIST_PATH
from auditlog_tui.log.feed import At
from auditlog_tui.output.clipboard import Copied
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.connection import Secret
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui import app as app_module
from auditlog_tui.ui.app import AuditLogApp
from tests.app.helpers import SIZE, Hand, app_over, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import Wire, log_of, source_of


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(source_of()) as running:
        yield running


def pages(server: Serving) -> list[dict[str, str]]:
    """The parameters of the requests for pages, their limit and cursor left out."""
    found = []
    for request in server.requests:
        url = urlsplit(request.target)
        params = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == LIST_PATH and params.pop("limit") == "100":
            params.pop("cursor", None)
            found.append(params)
    return found


def gets(server: Serving) -> list[str]:
    return [request.target.removeprefix(f"{LIST_PATH}/") for request in server.requests if "?" not in request.target]


async def test_the_main_job(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    async def copy(text: str, **how: object) -> Copied:
        copied.append(text)
        return Copied("local", "the clipboard", "to a test's clipboard")

    monkeypatch.setattr(app_module, "copy", copy)
    app = app_over(Opener(base_url=server.url))
    async with app.run_test(size=SIZE) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))  # the wire of this hand is not used: the requests go over HTTP
        await settled(pilot)
        assert pages(server) == [{}]
        while hand.table.cursor < 300:
            await hand.press("pagedown")
        assert pages(server) == [{}] * 4
        await hand.filter("status:>=400 actor.type:api_key")
        assert pages(server)[4:] == [{"status_code_min": "400", "actor_type": "api_key"}]
        await hand.press("down", "enter")
        assert gets(server) == [hand.row.key]
        assert "full record" in hand.text
        await hand.press("escape", "c")
        assert copied == [hand.row.key]
        assert all(request.headers["Authorization"] == "Bearer a-key" for request in server.requests)
        await hand.press("escape", "q")
    assert app.return_code == 0


async def test_a_server_that_drops_connections_half_way_costs_no_entry(server: Serving) -> None:
    app = app_over(Opener(base_url=server.url))
    async with app.run_test(size=SIZE) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        await settled(pilot)
        server.faults.extend([Fault(drop=True), Fault(truncate=True), Fault(drop=True), Fault(drop=True)])
        await hand.press("A")
        if "COMPLETE" not in hand.header:
            await hand.press("r", "A")
        assert "730  COMPLETE" in hand.header


async def test_nothing_listens() -> None:
    with serving(source_of()) as gone:
        url = gone.url
    app = app_over(Opener(base_url=url))
    async with app.run_test(size=SIZE) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        await settled(pilot)
        assert "r tries again" in hand.text
        assert url.removeprefix("http://") in hand.text


async def test_the_session_that_the_command_line_opens_works_the_same(
    server: Serving, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    settings = Settings(base_url=server.url, key=Secret("another-key"))
    app = AuditLogApp(settings, Session(settings), "status:>=400")
    async with app.run_test(size=SIZE) as pilot:
        hand = Hand(pilot, app, Wire(log_of()))
        await settled(pilot)
        assert len(hand.table.view or ()) == 39
        assert {request.headers["Authorization"] for request in server.requests} == {"Bearer another-key"}
    assert app.report == ""


@pytest.mark.parametrize("hours", [-2, 2])
async def test_the_first_filter_goes_by_the_servers_clock(
    hours: int, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is frozen by this machine's, and anew with the first answer, which tells the server's."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    now = datetime.now(UTC) + timedelta(hours=hours)
    log = demo_log(entries=2_000, until=now)
    log._now = lambda: datetime.now(UTC) + timedelta(hours=hours)
    with serving(log) as running:
        settings = Settings(base_url=running.url, key=Secret("another-key"))
        app = AuditLogApp(settings, Session(settings), "last:1h")
        async with app.run_test(size=SIZE) as pilot:
            hand = Hand(pilot, app, Wire(log_of()))
            await settled(pilot)
            hour_ago_us = int((now - timedelta(hours=1)).timestamp() * 1_000_000)
            low = hand.screen.view.plan.created_min_us
            assert low is not None
            assert abs(low - hour_ago_us) < 60_000_000
            assert len(hand.navigator.places) == 1
            assert len(hand.screen.view) > 0
            assert hand.input.value == "last:1h"
            assert hand.navigator.place.text in hand.lines[2]
            assert "clock" in hand.status
            await hand.press("A")  # the hour may have more entries than a page
            await hand.until(lambda: "COMPLETE" in hand.header)
            await hand.filter("today")
            await hand.press("ctrl+t")
            await hand.press(*"1h", "enter")
            anchor = hand.screen.view.anchor
            assert isinstance(anchor, At)
            assert abs(anchor.us - hour_ago_us) < 60_000_000
    assert app.report == ""


async def test_a_filter_that_depends_on_no_clock_is_asked_once(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    log = demo_log(entries=200, until=datetime.now(UTC))
    for offset, text, asked in ((2, "status:>=400", 1), (0, "last:9h", 1), (2, "last:9h", 2)):
        log._now = lambda: datetime.now(UTC) + timedelta(hours=offset)  # noqa: B023 (used within the round)
        with serving(log) as running:
            settings = Settings(base_url=running.url, key=Secret("another-key"))
            app = AuditLogApp(settings, Session(settings), text)
            async with app.run_test(size=SIZE) as pilot:
                await settled(pilot)
            assert len(pages(running)) == asked
