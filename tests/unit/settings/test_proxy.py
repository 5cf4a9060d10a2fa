import pytest

from auditlog_tui.api.client import AuditLogClient
from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.connection import check_base_url, without_endpoint
from auditlog_tui.settings.options import Settings
from auditlog_tui.settings.proxy import proxy_for

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_without_one_there_is_none() -> None:
    assert proxy_for("https://api.test") is None


def test_the_schemes_own_goes_before_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.test:1")
    monkeypatch.setenv("HTTPS_PROXY", "secure.test:2")
    found = [proxy_for(url) for url in ("https://api.test", "http://127.0.0.1")]
    assert [(proxy.url, proxy.name) for proxy in found if proxy] == [
        ("http://secure.test:2", "secure.test:2"),
        ("http://all.test:1", "all.test:1"),
    ]


def test_its_name_holds_no_credentials_and_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hid@den@p\x1b[2J.test:3128/x")
    proxy = proxy_for("https://api.test")
    assert proxy is not None
    assert proxy.name.endswith(".test:3128")
    assert proxy.name.isprintable()
    assert "hid" not in repr(proxy)
    assert "den" not in proxy.name


@pytest.mark.parametrize(
    ("exempt", "url", "covered"),
    [
        ("*", "https://api.test", True),
        ("api.test", "https://api.test", True),
        ("API.test", "https://Api.TEST", True),
        ("test", "https://api.test", True),
        (".test", "https://api.test", True),
        ("*.test", "https://api.test", True),
        ("pi.test", "https://api.test", False),
        ("other.test, api.test", "https://api.test:8443", True),
        ("other.test api.test", "https://api.test", True),
        ("api.test:443", "https://api.test", True),
        ("api.test:8443", "https://api.test", False),
        ("127.0.0.0/8", "http://127.0.0.1:8787", True),
        ("10.0.0.0/8", "http://127.0.0.1:8787", False),
        ("::1", "http://[::1]:8787", True),
        ("[::1]", "http://[::1]:8787", True),
        ("[::1]:8787", "http://[::1]:8787", True),
        ("[::1]:80", "http://[::1]:8787", False),
        ("[::1]", "https://api.test", False),
        (",, [", "https://api.test", False),
    ],
)
def test_what_no_proxy_covers(exempt: str, url: str, covered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:1")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (proxy_for(url) is None) is covered


async def test_an_unusable_proxy_does_not_matter_where_the_host_is_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://me:hidden@proxy.test:1")
    with pytest.raises(SettingsError, match=r"\(proxy\.test:1\) can't be used") as caught:
        AuditLogClient(base_url="https://api.test", key="sk-1", trust_env=True)
    assert "hidden" not in str(caught.value)
    assert "me" not in str(caught.value).split()
    monkeypatch.setenv("NO_PROXY", "[::1],api.test")
    await AuditLogClient(base_url="https://api.test", key="sk-1", trust_env=True).aclose()


def test_the_header_names_the_proxy_only_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@proxy.test:3128")
    assert Settings("https://api.test").endpoint == "api.test"
    assert Settings("https://api.test", trust_env=True).endpoint == "api.test via proxy proxy.test:3128"
    assert Settings("https://api.test", trust_env=True, demo=True).endpoint == "demo"
    monkeypatch.setenv("NO_PROXY", "api.test")
    assert Settings("https://api.test", trust_env=True).endpoint == "api.test"


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "//v1//", "/v1/audit_logs", "/v1/audit_logs/"])
@pytest.mark.parametrize("base", ["https://api.test", "http://127.0.0.1:8787/gate", "https://v1.test"])
def test_the_endpoints_path_at_the_end_of_a_base_url_is_understood(base: str, end: str) -> None:
    assert without_endpoint(base + end) == base
    assert check_base_url(base + end) == base


@pytest.mark.parametrize("url", ["https://api.test/v1/other", "https://api.test/v10", "https://api.test/xv1"])
def test_any_other_path_stays(url: str) -> None:
    assert without_endpoint(url) == url
