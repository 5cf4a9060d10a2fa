"""The header always says which profile the log belongs to."""

from __future__ import annotations

import httpx
import pytest

from auditlog_tui.settings.options import LONGEST_PROFILE
from tests.app.helpers import running
from tests.app.wire import Wire, log_of


class Failing(Wire):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"message": "no such key"})


@pytest.mark.parametrize("name", ["prod", "x" * LONGEST_PROFILE])
@pytest.mark.parametrize("width", [72, 80, 100, 120])
async def test_the_profile_is_there_at_every_width_and_in_every_state(name: str, width: int) -> None:
    async with running(size=(width, 30), profile=name) as hand:
        assert hand.header.startswith(f" {name} ")
        await hand.press("m", "A")
        await hand.settled()
        assert hand.header.startswith(f" {name} ")
        assert "COMPLETE" in hand.header
        await hand.filter("status:>=400 ua:terraform")
        assert hand.header.startswith(f" {name} ")
        await hand.press("M")
        assert hand.header.startswith(f" {name} ")
        assert "only what is marked: 1" in hand.header
    async with running(Failing(log_of()), size=(width, 30), profile=name) as hand:
        assert hand.header.startswith(f" {name} ")


async def test_where_there_is_room_the_address_stands_beside_it() -> None:
    async with running(size=(120, 30), profile="prod") as hand:
        assert hand.header.startswith(" prod log.example  as of")


async def test_in_a_tiny_window_its_beginning_is_there() -> None:
    async with running(size=(20, 8), profile="production") as hand:
        assert hand.header.startswith(" product")


@pytest.mark.parametrize("width", [40, 56, 60, 64])
async def test_where_it_leaves_little_room_the_verdict_is_shortened_and_not_cut(width: int) -> None:
    async with running(size=(width, 30), profile="x" * 30) as hand:
        await hand.press("m", "A")
        await hand.settled()
        assert "COMPLETE" in hand.header
        assert hand.screen.header.render().cell_length == width
