"""Where addresses are, by files of the user: what is merged, what is unknown, and what a damaged file does."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditlog_tui.analysis.facets import TOO_MANY
from auditlog_tui.analysis.locations import CACHED, INSTALL, Locations, check
from auditlog_tui.errors import SettingsError
from tests.effort import THOROUGH
from tests.unit.mmdb import Networks, city, network, write_mmdb

BERLIN = city("Berlin", "Germany", "DE")
NET = network(64500, "Example Net")


@contextmanager
def opened(*paths: Path) -> Iterator[Locations]:
    locations = Locations([str(path) for path in paths])
    locations.open()
    try:
        yield locations
    finally:
        locations.close()


def text_of(tmp_path: Path, record: dict[str, Any]) -> str:
    with opened(write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": record})) as locations:
        return locations.text("203.0.113.7")


# -- what is told --------------------------------------------------------------------------------------------------


def test_city_and_network_of_two_files_are_one_text(tmp_path: Path) -> None:
    cities = write_mmdb(tmp_path / "city.mmdb", {"203.0.113.0/24": BERLIN})
    networks = write_mmdb(tmp_path / "asn.mmdb", {"203.0.113.0/25": NET}, version=4)
    for paths in ((cities, networks), (networks, cities)):
        with opened(*paths) as locations:
            assert locations.text("203.0.113.7") == "DE Berlin · AS64500 Example Net"
            assert locations.text("203.0.113.200") == "DE Berlin"
            assert locations.text("198.51.100.1") == ""
            assert locations.take_problems() == []


def test_a_city_and_its_country_come_from_one_file_the_first_that_knows_the_city(tmp_path: Path) -> None:
    country = write_mmdb(tmp_path / "country.mmdb", {"203.0.113.0/24": {"country": {"iso_code": "FR"}}})
    first = write_mmdb(tmp_path / "first.mmdb", {"203.0.113.0/24": BERLIN})
    second = write_mmdb(tmp_path / "second.mmdb", {"203.0.113.0/24": city("Lima", "Peru", "PE")})
    with opened(country, first, second) as locations:
        assert locations.text("203.0.113.7") == "DE Berlin"
    with opened(country) as locations:
        assert locations.text("203.0.113.7") == "FR"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            {"country": "Germany", "country_code": "DE", "asn": "AS64500", "as_name": "Example Net"},
            "DE Germany · AS64500 Example Net",
        ),
        ({"city": "Berlin", "country": "Germany", "region": "Berlin"}, "Berlin, Germany"),
        ({"country": {"iso_code": "DE", "names": {"en": "Germany"}}}, "DE Germany"),
        ({"traits": NET, "country": {"names": {"de": "Peru"}, "iso_code": "PE"}}, "PE · AS64500 Example Net"),
        ({"autonomous_system_number": 0}, "AS0"),
        ({"autonomous_system_organization": "Only a Name"}, "Only a Name"),
        ({"country": {}, "city": {"names": "x"}, "traits": ["y"], "asn": True}, ""),
        ({"continent": {"code": "EU"}}, ""),
    ],
)
def test_other_layouts_are_read_as_far_as_they_are_known(tmp_path: Path, record: dict[str, Any], told: str) -> None:
    assert text_of(tmp_path, record) == told


def test_names_are_hostile_text(tmp_path: Path) -> None:
    record = {**city("Ber\x1b]0;x\x07lin[@click=app.quit]\u202e", "Germany", "DE"), **network(1, "\n" + "long" * 500)}
    told = text_of(tmp_path, record)
    assert told.isprintable()
    assert told.startswith("DE Ber␛]0;x␇lin[@click=app.quit]⟨U+202E⟩ · AS1 ␊long")
    assert len(told) < 200


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "address", ["203.0.113.7", "::ffff:203.0.113.7", "::FFFF:cb00:7107", "203.0.113.7:443", "203.000.113.007"]
)
def test_an_ipv4_address_is_found_in_every_spelling(tmp_path: Path, version: int, address: str) -> None:
    with opened(write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": BERLIN}, version=version)) as locations:
        assert locations.text(address) == "DE Berlin"


def test_ipv6_addresses_are_found_and_unknown_where_a_file_has_only_ipv4(tmp_path: Path) -> None:
    both = write_mmdb(tmp_path / "both.mmdb", {"2001:db8::/32": BERLIN, "203.0.113.0/24": NET})
    only = write_mmdb(tmp_path / "only.mmdb", {"203.0.113.0/24": NET}, version=4)
    with opened(only, both) as locations:
        assert locations.text("2001:0DB8::1") == "DE Berlin"
        assert locations.text("[2001:db8::1]:443") == "DE Berlin"
        assert locations.text("2001:db9::1") == ""
    with opened(only) as locations:
        assert locations.text("2001:db8::1") == ""
        assert locations.text("203.0.113.7") == "AS64500 Example Net"
        assert locations.take_problems() == []


def test_private_addresses_are_known_only_to_a_file_that_has_them(tmp_path: Path) -> None:
    with opened(write_mmdb(tmp_path / "a.mmdb", {"10.1.0.0/16": {"as_name": "our office"}})) as locations:
        assert [locations.text(each) for each in ("10.1.2.3", "10.2.0.1", "127.0.0.1", "fe80::1%eth0", "::1")] == [
            "our office", "", "", "", "",
        ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "unknown", "203.0.113", "203.0.113.7/24", "203.0.113.7, 203.0.113.8", "\x00", "١.١.١.١", "9" * 10**6]
)
def test_what_is_not_one_address_has_no_location(tmp_path: Path, text: str) -> None:
    with opened(write_mmdb(tmp_path / "a.mmdb", {"0.0.0.0/1": BERLIN})) as locations:
        assert locations.text(text) == ""
        assert locations.take_problems() == []


def test_an_address_is_looked_up_once_and_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maxminddb.reader import Reader

    looked_up: list[object] = []
    get = Reader.get

    def counted(self: Reader, address: str) -> object:
        looked_up.append(address)
        return get(self, address)

    monkeypatch.setattr(Reader, "get", counted)
    monkeypatch.setattr("auditlog_tui.analysis.locations.CACHED", 50)
    with opened(write_mmdb(tmp_path / "a.mmdb", {"10.0.0.0/8": BERLIN})) as locations:
        addresses = [f"10.0.0.{number}" for number in range(50)]
        assert locations.known(addresses[0]) is None
        for address in (*addresses, *addresses):
            assert locations.text(address) == locations.known(address) == "DE Berlin"
        assert len(looked_up) == 50
        locations.text("10.200.0.1")
        assert locations.known(addresses[0]) is None
        locations.text(addresses[0])
        assert len(looked_up) == 52


def test_all_addresses_that_the_facets_may_list_are_kept() -> None:
    assert CACHED > TOO_MANY


def test_nothing_is_known_before_the_files_are_open_and_after_they_are_closed(tmp_path: Path) -> None:
    locations = Locations([str(write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": BERLIN}))])
    assert locations.text("203.0.113.7") == ""
    locations.open()
    assert locations.text("203.0.113.7") == "DE Berlin"
    locations.close()
    assert locations.text("203.0.113.7") == ""
    locations.open()  # late, in another thread: it closes what it opened
    assert locations.text("203.0.113.7") == ""


# -- files that can't be used --------------------------------------------------------------------------------------


def _damage_metadata(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"node_count", b"node_cound"))


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\xab\xcd\xefMaxMind.com") :])


def test_a_good_file_passes_the_check(tmp_path: Path) -> None:
    check([str(write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": BERLIN}))])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is no MaxMind DB file"), (b"x" * 300_000, "is no MaxMind DB file"), (None, "No such file")],
)
def test_a_wrong_file_is_refused_at_once(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "a\x1b.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        check([str(path)])
    assert "a␛.mmdb" in str(caught.value)


@pytest.mark.parametrize("path", ["/", "/dev/zero", "a\x00b"])
def test_what_is_no_file_is_refused_at_once(path: str) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        check([path])


def test_without_the_extra_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": BERLIN})
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(SettingsError) as caught:
        check([str(path)])
    assert str(caught.value).endswith(INSTALL)
    assert INSTALL == "pip install '.[geo]'"


@pytest.mark.parametrize("damage", [_damage_metadata, _cut, Path.unlink])
def test_a_file_that_is_damaged_is_told_once_and_the_others_are_used(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    networks: Networks = {f"203.0.{number}.0/24": BERLIN for number in range(8)}
    bad, good = write_mmdb(tmp_path / "bad.mmdb", networks), write_mmdb(tmp_path / "good.mmdb", {"203.0.0.0/16": NET})
    damage(bad)
    with opened(bad, good) as locations:
        [problem] = locations.take_problems()
        assert "bad.mmdb is no longer used for locations" in problem
        assert locations.text("203.0.1.1") == "AS64500 Example Net"
        assert locations.take_problems() == []


def test_damage_found_by_a_look_up_is_told_once_and_the_others_are_used(tmp_path: Path) -> None:
    bad = write_mmdb(tmp_path / "bad.mmdb", {"203.0.113.0/24": BERLIN})
    good = write_mmdb(tmp_path / "good.mmdb", {"203.0.113.0/24": NET})
    content = bad.read_bytes()
    bad.write_bytes(content.replace(b"Berlin", b"Ber\xff\xfe\xfd"))
    with opened(bad, good) as locations:
        assert locations.take_problems() == []
        assert locations.text("203.0.113.7") == "AS64500 Example Net"
        assert len(locations.take_problems()) == 1
        assert locations.text("203.0.113.8") == "AS64500 Example Net"
        assert locations.take_problems() == []


def test_a_file_that_is_cut_short_while_it_is_open_does_not_end_the_program(tmp_path: Path) -> None:
    path = write_mmdb(tmp_path / "a.mmdb", {f"203.0.{number}.0/24": BERLIN for number in range(200)})
    with opened(path) as locations:
        path.write_bytes(b"")
        assert locations.text("203.0.113.7") == ""
        assert len(locations.take_problems()) == 1


@pytest.mark.parametrize("seed", range(200 if THOROUGH else 20))
def test_flipped_bytes_neither_crash_nor_hang(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    networks = {f"203.0.{n}.0/24": {**city(f"c{n}", "X", "XX"), **network(n, "N")} for n in range(9)}
    path = write_mmdb(tmp_path / "a.mmdb", networks)
    content = path.read_bytes()
    for _ in range(20):
        flipped = bytearray(content)
        for _ in range(chance.choice((1, 2, 8, 64))):
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
        path.write_bytes(flipped)
        with opened(path) as locations:
            texts = [locations.text(f"203.0.{number}.1") for number in range(9)]
            assert all(text.isprintable() for text in texts)
            assert len(locations.take_problems()) <= 1
