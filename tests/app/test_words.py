"""Numbers with the noun that fits them, and actors that have no name."""

from __future__ import annotations

import pytest

from auditlog_tui.ui.dialogs.menu import MenuScreen
from tests.app.helpers import running
from tests.app.wire import JsonLog, made

ID = "0a1b2c3d-0000-4000-8000-00000000beef"
NAMELESS = {"id": ID, "name": None, "type": "api_key"}


async def test_one_entry_is_one_entry() -> None:
    async with running(JsonLog([made(1), made(2, action="vm.deleted")])) as hand:
        assert "end: the whole log, 2 entries" in hand.shown
        await hand.filter("action:vm.deleted")
        assert "end: 1 entry that matches" in hand.shown
        assert "1 matches in 2" in hand.header
        await hand.press("i")
        assert "  1 entry, 0 failed" in hand.text
        await hand.filter("action:*")
        assert "end: 2 entries that match" in hand.shown
        assert "2 match in 2" in hand.header


async def test_two_entries_seconds_apart_are_compared_by_times_and_not_by_ages() -> None:
    async with running(JsonLog([made(1, status_code=403), made(40)])) as hand:
        await hand.press("m", "m", "D")
        assert "39 s apart" in hand.text
        assert " ago)" not in hand.text
        assert "2026-07-01 11:59:20.000 UTC" in hand.text
        assert "2026-07-01 11:59:59.000 UTC" in hand.text


async def test_one_field_that_differs_is_one() -> None:
    async with running(JsonLog([made(1), made(1, id="id-other")])) as hand:
        await hand.press("m", "m", "D")
        assert "two marked entries: 1 field differs" in hand.text
        assert "0 s apart" in hand.text


@pytest.mark.parametrize(
    ("actor", "cell"),
    [
        (NAMELESS, f"⊸ {ID}"),
        ({"name": None, "type": "user"}, "◊ user"),
        ({"id": "key-1", "name": None, "type": None}, "? key-1"),
    ],
)
async def test_an_actor_without_a_name_is_told_by_its_id_and_kind(actor: dict[str, str | None], cell: str) -> None:
    async with running(JsonLog([made(1, actor=actor)])) as hand:
        assert cell in hand.shown


async def test_an_actor_without_a_name_is_readable_everywhere() -> None:
    async with running(JsonLog([made(1, actor=NAMELESS)]), size=(150, 36)) as hand:
        await hand.press("p")
        assert isinstance(hand.app.screen, MenuScreen)
        line = next(line for line in hand.lines if " a  actor " in line)
        assert "beef" in line
        await hand.press("escape", "s")
        assert [line for line in hand.lines if "api_key" in line and "beef" in line]
        await hand.press("escape", "enter")
        assert ID in hand.text
        assert "None" not in hand.text
