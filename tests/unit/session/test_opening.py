"""What a session opens: the early request is the one that the browser would send first; files are closed."""

from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from auditlog_tui.api import early
from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.errors import SettingsError
from auditlog_tui.log.log import Log
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.connection import Secret
from auditlog_tui.settings.options import Settings
from auditlog_tui.store.entries import EntryStore
from tests.unit.mmdb import write_mmdb
from tests.unit.views import ignore

URL = "https://api.test"
ZONE = "America/Los_Angeles"
VIEWS = {"night": "status:>=500 action:vm.*"}
SETTINGS = Settings(base_url=URL, key=Secret("sk-0123456789"), zone=ZONE, views=VIEWS)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[early.Request]:
    """The requests that would be sent early; none is."""
    found: list[early.Request] = []
    monkeypatch.setattr(early.EarlyRequest, "__init__", lambda self, request: found.append(request))
    return found


async def first_of_browser(text: str) -> str:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(404)

    client = AuditLogClient(base_url=URL, key=None, transport=httpx.MockTransport(answer))
    store = EntryStore()
    try:
        place = Navigator(Log(client, store), ZoneInfo(ZONE), views=VIEWS).submit(text)
        await place.view.more(1, ignore)
    finally:
        await client.aclose()
        store.close()
    return asked[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "status:>=400",
        "status:>=400 status:<500 method:POST",
        "created:2026-07-01..2026-07-02",
        "created:>2026-07-01T10:00",
        "actor:019b0000-0000-7000-8000-000000000001 -path:/health",
        'action:"a b&c=ü" "free text"',
        "sort:path",
        "sort:created",
        "id:019b0000-0000-7000-8000-000000000001",
        "id:a/b",
        "@night",
        "auditlog-tui 'status:>=400 ip:203.0.113.7'",
    ],
)
async def test_it_is_the_first_request_of_the_browser(text: str, sent: list[early.Request]) -> None:
    Session(SETTINGS).request_early(text)
    assert [request.path for request in sent] == [await first_of_browser(text)]


@pytest.mark.parametrize(
    "text", ["last:1h", "created:today", "created:nov-01", "status:none", "status:5 status:6", "("]
)
def test_nothing_is_sent_that_depends_on_the_servers_clock_or_can_not_be_read(
    text: str, sent: list[early.Request]
) -> None:
    Session(SETTINGS).request_early(text)
    assert sent == []


@pytest.mark.parametrize(
    "settings",
    [
        Settings(demo=True),
        Settings(base_url=URL, key=Secret("sk-0123456789"), trust_env=True),
        Settings(base_url=URL, key=Secret("sk\n")),
        Settings(base_url="http://api.test", key=Secret("sk-0123456789")),
        Settings(base_url=URL, headers={"Authorization": "a\r\nb"}),
    ],
    ids=["demo", "proxy", "key", "not encrypted", "header"],
)
def test_nothing_is_sent_for_these_settings(
    settings: Settings, sent: list[early.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    Session(settings).request_early("")
    assert sent == []


def test_a_proxy_that_is_not_for_this_host_changes_nothing(
    sent: list[early.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "api.test")
    Session(Settings(base_url=URL, key=Secret("sk-0123456789"), trust_env=True)).request_early("")
    assert len(sent) == 1


# -- the location of addresses -------------------------------------------------------------------------------------


async def test_closing_closes_the_files_with_locations_whether_they_are_open_yet_or_not(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": {"country": "Germany"}})
    session = Session(Settings(demo=True, mmdb=(str(path),)))
    session.check_locations()
    locations = session.open_locations()
    assert locations.text("203.0.113.7") == "Germany"
    await session.close()
    assert locations.text("203.0.113.7") == ""
    assert session.open_locations().text("203.0.113.7") == ""


def test_a_wrong_file_with_locations_is_refused_naming_where_it_comes_from() -> None:
    settings = Settings(demo=True, mmdb=("/no/file",), sources={"mmdb": "AUDITLOG_TUI_MMDB"})
    with pytest.raises(SettingsError, match="AUDITLOG_TUI_MMDB: /no/file can't be read: No such file"):
        Session(settings).check_locations()
