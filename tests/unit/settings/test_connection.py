import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.errors import SettingsError
from auditlog_tui.settings.connection import DEFAULT_BASE_URL, check_base_url, read_headers

# -- the base URL ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (DEFAULT_BASE_URL, DEFAULT_BASE_URL), ("https://a.example/", "https://a.example"),
        (" https://a.example/nirvana// ", "https://a.example/nirvana"), ("HTTPS://A.example", "HTTPS://A.example"),
        ("http://[::1]:8787", "http://[::1]:8787"), ("https://a_b.example:1", "https://a_b.example:1"),
    ],
)  # fmt: skip
def test_a_base_url(typed: str, meant: str) -> None:
    assert check_base_url(typed) == meant


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "//a.example", "ftp://a.example", "https://", "https:///v1", "https://a.example:0",
        "https://a.example:99999", "https://a.example:x", "https://a.example?x=1", "https://a.example/#x",
        "https://a.example/?", "https://a b.example", "https://[::1", "https://é.example", "https://a.example/\x1b[31m",
        "https://a\\b.example", "https://a.example\n.evil.example", "https://a%2eexample",
    ],
)  # fmt: skip
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(SettingsError, match=r"is no base URL\. Write it like https://") as caught:
        check_base_url(url)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://user:password@a.example", "https://:password@a.example", "https://@a.example"]
)
def test_a_password_in_a_base_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="no user name, password") as caught:
        check_base_url(url)
    assert "password@" not in str(caught.value)


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_the_client_can_use_every_base_url_that_is_taken(rest: str) -> None:
    try:
        url = check_base_url(f"https://{rest}")
    except SettingsError:
        return
    assert httpx.URL(url).scheme == "https"


@pytest.mark.parametrize(
    "url", ["https://api.test", "http://127.0.0.1:8787/base/", "http://[::1]:80", "HTTPS://A.test"]
)
def test_the_scheme_of_a_base_url_is_kept(url: str) -> None:
    assert httpx.URL(check_base_url(url)).scheme in ("http", "https")


@pytest.mark.parametrize(
    "url", ["", "api.test", "/v1", "http://", "http://[::1", "http://h:port", "http://me:hidden@h", "http://h/#a",
            "http://h/?hidden", "http://h/#", "http://h/?", "http://h\n/"]
)  # fmt: skip
def test_what_is_no_base_url_is_refused_and_shows_no_secret(url: str) -> None:
    with pytest.raises(SettingsError, match="base URL") as caught:
        check_base_url(url)
    assert "hidden" not in str(caught.value)


# -- headers -------------------------------------------------------------------------------------------------------


def test_headers_are_lines_of_name_and_value() -> None:
    text = "X-Team: infra\r\n\n  X-Url:https://a.example:1/ \nX-Empty:\n"
    assert read_headers(text) == {"X-Team": "infra", "X-Url": "https://a.example:1/", "X-Empty": ""}


@pytest.mark.parametrize(
    "line", ["secret-token", "Na me: secret-token", ": secret-token", "X: secret-token\x1b", "X: é"]
)
def test_what_is_no_header_is_refused_by_its_line_and_not_shown(line: str) -> None:
    with pytest.raises(SettingsError, match="Line 2 of NIRVANA_LABS_CUSTOM_HEADERS") as caught:
        read_headers(f"X-Team: infra\n{line}")
    assert "secret-token" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_header_has_a_line_break_in_it(text: str) -> None:
    try:
        headers = read_headers(text)
    except SettingsError:
        return
    for name, value in headers.items():
        assert name.isascii()
        assert value.isascii()
        assert not {"\r", "\n", "\0"} & set(name + value)
