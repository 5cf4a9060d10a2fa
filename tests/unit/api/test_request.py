import pytest

from auditlog_tui import __version__
from auditlog_tui.api.request import request_headers, secrets_of
from auditlog_tui.errors import SettingsError


def test_our_headers() -> None:
    assert request_headers("sk-1", {}) == {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"auditlog-tui/{__version__}",
        "Authorization": "Bearer sk-1",
    }


def test_without_a_key_there_is_no_authorization() -> None:
    assert "Authorization" not in request_headers(None, {})


def test_a_custom_header_replaces_ours_whatever_its_case() -> None:
    headers = request_headers("sk-1", {"user-AGENT": "mine", "authorization": "Basic x", "X-Team": "a\tb"})
    assert headers["user-AGENT"] == "mine"
    assert headers["authorization"] == "Basic x"
    assert headers["X-Team"] == "a\tb"
    assert not {"User-Agent", "Authorization"} & set(headers)


@pytest.mark.parametrize(
    "key", ["", "sk-1234\n", "\nsk-1234", "sk 1234", "sk-1234\r\nX: y", "sk-\x00", "sk-é", "sk-\x1b[2J", "sk-\ud800"]
)
def test_a_key_that_http_forbids_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="API key") as caught:
        request_headers(key, {})
    assert "sk" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("value", ["hidden\n", "hidden\r\nY: z", " hidden", "hidden\t", "hidden\x00", "hiddené"])
def test_a_header_that_http_forbids_is_refused_by_name(value: str) -> None:
    with pytest.raises(SettingsError, match="X-Team") as caught:
        request_headers("sk-1", {"X-Team": value})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "hidden name", "hidden:", "hidden\n", "hiddené"])
def test_a_header_without_a_proper_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="name of a custom header") as caught:
        request_headers("sk-1", {name: "x"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_a_header_of_a_body_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        request_headers("sk-1", {name: "5"})


def test_secrets_are_the_key_and_long_headers_longest_first() -> None:
    assert secrets_of("sk-123456", {"X-A": "short", "X-B": "long-enough"}) == (b"long-enough", b"sk-123456")
    assert secrets_of(None, {}) == ()
