"""The header always says which profile the log belongs to."""

from __future__ import annotations

import httpx
import pytest

from auditlog_tui.settings.options import LONGEST_PROFILE
from tests.app.helpers import Hand, running
from tests.app.wire import Wire, log_of


class Failing(Wire):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"message": "no such key"})


WIDTHS = 120, 100, 80, 72


async def assert_named(hand: Hand, name: str, said: str = "") -> None:
    """The header begins with the profile at every width, and says this too."""
    for width in WIDTHS:
        await hand.resize(width, 30)
        assert hand.header.startswith(f" {name} "), width
        assert said in hand.header, width


@pytest.mark.parametrize("name", ["prod", "x" * LONGEST_PROFILE])
async def test_the_profile_is_there_at_every_width_and_in_every_state(name: str) -> None:
    async with running(size=(120, 30), profile=name) as hand:
        await assert_named(hand, name)
        await hand.press("m", "A")
        await assert_named(hand, name, "COMPLETE")
        await hand.filter("status:>=400 ua:terraform")
        await assert_named(hand, name)
        await hand.press("M")
        await assert_named(hand, name, "only what is marked: 1")
    async with running(Failing(log_of()), size=(120, 30), profile=name) as hand:
        await assert_named(hand, name)


async def test_where_there_is_room_the_address_stands_beside_it() -> None:
    async with running(size=(120, 30), profile="prod") as hand:
        assert hand.header.startswith(" prod log.example  as of")


async def test_in_a_tiny_window_its_beginning_is_there() -> None:
    async with running(size=(20, 8), profile="production") as hand:
        assert hand.header.startswith(" product")


async def test_where_it_leaves_little_room_the_verdict_is_shortened_and_not_cut() -> None:
    async with running(size=(64, 30), profile="x" * 30) as hand:
        await hand.press("m", "A")
        for width in (64, 60, 56, 40):
            await hand.resize(width, 30)
            assert "COMPLETE" in hand.header, width
            assert hand.screen.header.render().cell_length == width
