"""Where addresses are, by the user's files: beside the address in detail and facets, and what a damaged file does."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auditlog_tui.analysis.locations import Locations
from auditlog_tui.ui.browse import locating
from auditlog_tui.ui.look import nowhere
from tests.app.helpers import Hand, running
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import JsonLog, made
from tests.unit.mmdb import city, network, write_mmdb

HOME, AWAY, LONG = "203.0.113.7", "198.51.100.9", "2001:db8:1111:2222:3333:4444:5555:6666"
LOG = JsonLog([made(number, client_ip=(HOME, AWAY, LONG)[number % 3]) for number in range(9)])


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    places = {"203.0.113.0/24": city("Berlin", "Germany", "DE"), "2001:db8::/32": city("Lima", "Peru", "PE")}
    return [
        write_mmdb(tmp_path / "city.mmdb", places),
        write_mmdb(tmp_path / "asn.mmdb", {"203.0.113.0/24": network(64500, "Example Net")}, version=4),
    ]


@asynccontextmanager
async def located(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, *, size: tuple[int, int] = (120, 36), log: JsonLog = LOG
) -> AsyncIterator[Hand]:
    """The app with its files open."""
    monkeypatch.setattr(locating, "LATER_S", 0.01)
    async with running(log, mmdb=files, size=size) as hand:
        await hand.until(lambda: hand.screen.look.where is not nowhere)
        await hand.settled()
        yield hand


async def to_address(hand: Hand, address: str) -> None:
    """Go to the newest entry from this address, in the table."""
    hand.table.focus()
    await hand.press("g")
    for _ in range(len(hand.screen.view)):
        if hand.row.client_ip == address:
            return
        await hand.press("j")
    raise AssertionError(f"no entry is from {address}")


def shown(hand: Hand) -> str:
    """The address in the detail, with what stands beside it."""
    fields = [placed.item for placed in hand.pane.placed if not placed.item.heading]
    return next(field.shown for field in fields if field.name == "client_ip")


async def test_the_detail_tells_city_country_and_network(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    async with located(files, monkeypatch) as hand:
        await to_address(hand, HOME)
        await hand.press("enter")
        assert shown(hand) == f"{HOME} (DE Berlin · AS64500 Example Net)"
        assert f"client ip   {HOME} (DE Berlin ·" in hand.text
        await to_address(hand, AWAY)
        assert shown(hand) == AWAY
        assert "Berlin" not in hand.text


async def test_only_the_address_is_copied_and_filtered_by(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    async with located(files, monkeypatch) as hand:
        await to_address(hand, HOME)
        await hand.press("enter")
        await hand.to_field("client_ip")
        assert hand.pane.field is not None
        assert hand.pane.field.value == HOME  # which is copied
        await hand.press("=")
        assert hand.bar.applied == f"ip:{HOME}"


async def test_the_record_is_asked_for_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    async with located(files, monkeypatch) as hand:
        await to_address(hand, HOME)
        await hand.press("enter")
        assert "Berlin" in hand.text
        assert len(hand.wire.gets) == 1


async def test_no_key_waits_for_a_file(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    text = Locations.text

    def noted(self: Locations, address: str) -> str:
        threads.add(threading.get_ident())
        return text(self, address)

    monkeypatch.setattr(Locations, "text", noted)
    async with located(files, monkeypatch) as hand:
        await hand.press("enter", "j", "escape", "s")
        assert "Berlin" in hand.text
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (170, 40)])
async def test_the_facets_tell_it_beside_the_whole_address(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with located(files, monkeypatch, size=size) as hand:
        await hand.press("s")
        pane = hand.screen.facets
        texts = {
            placed.item.name: pane.draw(placed.item, placed.region.width)[0].plain
            for placed in pane.placed
            if placed.item.tally is not None and placed.item.facet.kind.field == "ip"
        }
        assert texts[HOME].split()[:3] == [HOME, "DE", "Berlin"]
        assert texts[AWAY].split()[:2] == [AWAY, "3"]
        assert all(text.split()[0] == name for name, text in texts.items() if name != LONG)


async def test_what_is_opened_before_the_files_shows_them_later(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locating, "LATER_S", 3_600.0)
    async with running(LOG, mmdb=files) as hand:
        await to_address(hand, HOME)
        await hand.press("enter")
        assert shown(hand) == HOME
        [controller] = [each for each in hand.screen.controllers if isinstance(each, locating.LocationController)]
        hand.screen.start(controller._open, "open locations")
        await hand.settled()
        assert shown(hand) == f"{HOME} (DE Berlin · AS64500 Example Net)"
        assert str(hand.pane.border_subtitle) == "full record"


async def test_a_file_that_is_damaged_at_the_start_is_told_and_the_other_is_used(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files[1].write_bytes(files[1].read_bytes().replace(b"node_count", b"node_cound"))
    async with located(files, monkeypatch) as hand:
        assert "asn.mmdb is no longer used for locations: it is damaged" in hand.status
        await to_address(hand, HOME)
        await hand.press("enter")
        assert shown(hand) == f"{HOME} (DE Berlin)"
        assert "no longer used" not in hand.status


async def test_damage_that_a_look_up_finds_is_told_once_and_the_other_file_is_used(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files[0].write_bytes(files[0].read_bytes().replace(b"Berlin", b"Ber\xff\xfe\xfd"))
    async with located(files, monkeypatch) as hand:
        assert "no longer used" not in hand.status
        await to_address(hand, HOME)
        await hand.press("enter")
        assert "city.mmdb is no longer used for locations: it is damaged" in hand.status
        assert shown(hand) == f"{HOME} (AS64500 Example Net)"
        await hand.press("escape", "escape", "s")
        assert "AS64500" in hand.text
        assert "no longer used" not in hand.status


async def test_names_in_a_file_are_drawn_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = city("[b]\x1b]52;c;eA==\x07[@click=app.quit]x", "Peru", "PE")
    async with located([write_mmdb(tmp_path / "a.mmdb", {"203.0.113.0/24": record})], monkeypatch) as hand:
        await to_address(hand, HOME)
        await hand.press("enter")
        assert shown(hand) == f"{HOME} (PE [b]␛]52;c;eA==␇[@click=app.quit]x)"
        assert "(PE [b]␛]52;c;eA==␇" in hand.text
        assert "\x1b" not in hand.text


async def test_without_files_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locating, "LATER_S", 0.0)
    monkeypatch.setattr(Opener, "open_locations", lambda _: pytest.fail("there is nothing to open"))
    async with running(LOG) as hand:
        await hand.press("enter", "escape", "s")
        assert hand.screen.look.where is nowhere


async def test_a_page_has_it_beside_its_addresses_and_below_its_own(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with located(files, monkeypatch) as hand:
        await to_address(hand, HOME)
        await hand.press("w", "a")
        await hand.until(lambda: "DE Berlin · AS64500 Example Net" in hand.text)
        await hand.press("escape", "w", "i")
        await hand.until(lambda: f"address {HOME}" in hand.text and "DE Berlin · AS64500 Example Net" in hand.text)
