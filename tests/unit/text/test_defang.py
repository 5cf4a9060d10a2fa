import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.text.defang import defang

ADDRESS_LIKE = st.sampled_from([
    "http://", "https://", "HTTP://", "ftp://", "::", ":", ".", "[.]", "[", "]", "/", "?", "-", "1", "203.0.113.7",
    "2001:db8", "a", "ip:", "host.example", " ", ",",
])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "defanged"),
    [
        ("203.0.113.7", "203[.]0[.]113[.]7"),
        ("from 203.0.113.7.", "from 203[.]0[.]113[.]7."),
        ("10.0.0.0/8 10.0.0.1:443", "10[.]0[.]0[.]0/8 10[.]0[.]0[.]1:443"),
        ("ip:203.0.113.7", "ip:203[.]0[.]113[.]7"),
        ("2001:db8::1", "2001[:]db8[:][:]1"),
        ("[2001:DB8::1]:443", "[2001[:]DB8[:][:]1]:443"),
        ("2001:db8::/32", "2001[:]db8[:][:]/32"),
        ("fe80::1%eth0", "fe80[:][:]1%eth0"),
        ("::1", "[:][:]1"),
        ("::ffff:203.0.113.7", "[:][:]ffff[:]203[.]0[.]113[.]7"),
        ("ip:2001:db8::1", "ip:2001[:]db8[:][:]1"),
        ("http://host.example/x.y", "hxxp://host[.]example/x.y"),
        ("HTTPS://Host.Example", "hxxpS://Host[.]Example"),
        ("(+https://bot.example)", "(+hxxps://bot[.]example)"),
        ("http://203.0.113.7:80/", "hxxp://203[.]0[.]113[.]7:80/"),
        ("https://u:p@[2001:db8::1]:8080/x", "hxxps://u:p@[2001[:]db8[:][:]1]:8080/x"),
        ("https://a.example/?u=http://b.example/", "hxxps://a[.]example/?u=hxxp://b[.]example/"),
        ("http://a.example,http://b.example", "hxxp://a[.]example,hxxp://b[.]example"),
        ("xhttp://a.example", "xhxxp://a[.]example"),
        ("ftp://host.example/x", "ftp://host[.]example/x"),
        ("http://a.]b", "hxxp://a[.]]b"),
    ],
)
def test_addresses_are_broken(text: str, defanged: str) -> None:
    assert defang(text) == defanged


@pytest.mark.parametrize(
    "text",
    ["", "vm.deleted", "Terraform/1.9.2", "10:41:57", "12:34:56:78:9a:bc", "std::vector", "1.2.3.4.5", "a: b: c",
     "2026-11-22T10:41:57Z", "hxxp://host[.]example"],
)  # fmt: skip
def test_what_is_no_address_stays(text: str) -> None:
    assert defang(text) == text


@given(st.text() | st.lists(ADDRESS_LIKE).map("".join))
def test_doing_it_twice_changes_nothing(text: str) -> None:
    assert defang(defang(text)) == defang(text)


@given(st.text() | st.lists(ADDRESS_LIKE).map("".join))
def test_nothing_is_left_that_a_program_would_link_as_a_web_address(text: str) -> None:
    assert re.search(r"https?://", defang(text), re.IGNORECASE) is None


@given(st.ip_addresses())
def test_every_address_is_broken_and_can_be_mended(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    text = str(address)
    defanged = defang(f"by {text}, twice")
    assert text not in defanged
    assert defanged.replace("[:]", ":").replace("[.]", ".") == f"by {text}, twice"


@pytest.mark.untraced  # much of the same
def test_a_long_text_takes_no_time_that_grows_with_its_square() -> None:
    for character in "a", "1", ":", ".", "_", "http://":
        text = character * (300_000 // len(character))
        assert defang(defang(text)) == defang(text)
