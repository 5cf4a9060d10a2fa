from __future__ import annotations

import pytest

from auditlog_tui.errors import ClipboardError
from auditlog_tui.output.clipboard import Copied
from auditlog_tui.ui import app as app_module
from auditlog_tui.ui.panes.detail_fields import DetailField
from tests.app.helpers import Hand, running
from tests.app.wire import JsonLog, made
from tests.unit.views import keys_of

# -- copying -------------------------------------------------------------------------------------------------------


async def test_c_in_the_table_copies_the_id(clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("down", "c")
        assert clipboard == [hand.row.key]
        assert hand.row.key in hand.status
        assert "to a test's clipboard" in hand.status
        await hand.press("down")
        assert "Copied" not in hand.status


async def test_c_in_the_pane_copies_the_focused_field_in_full(clipboard: list[str]) -> None:
    long = "agent " + "x" * 9_000
    async with running(JsonLog([made(1, user_agent=long)])) as hand:
        await hand.press("enter")
        await hand.to_field("user_agent")
        await hand.press("c")
        assert clipboard == [long]
        assert "user_agent" in hand.status


async def test_c_on_the_time_copies_it_as_the_api_gave_it(clipboard: list[str]) -> None:
    async with running() as hand:
        await hand.press("enter")
        await hand.to_field("created_at")
        await hand.press("c")
        assert clipboard == [hand.row.created_at]


async def test_an_entry_without_an_id_has_none_to_copy(clipboard: list[str]) -> None:
    entry = made(1)
    del entry["id"]
    async with running(JsonLog([entry])) as hand:
        await hand.press("c")
        assert clipboard == []
        assert "without an ID" in hand.status


async def test_a_clipboard_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def copy(text: str, **how: object) -> Copied:
        raise ClipboardError("Nothing took the text.")

    monkeypatch.setattr(app_module, "copy", copy)
    async with running() as hand:
        await hand.press("c")
        assert "Nothing took the text." in hand.status


# -- narrowing -----------------------------------------------------------------------------------------------------


async def test_equals_and_minus_filter_by_the_field() -> None:
    async with running() as hand:
        await hand.press("enter")
        await hand.to_field("client_ip")
        address = hand.row.client_ip
        await hand.press("=")
        assert hand.wire.pages[-1] == {"client_ip": address}
        await hand.press("enter")
        await hand.to_field("method")
        method = hand.row.method
        await hand.press("-")
        assert f"-method:{method}" in hand.navigator.place.text


@pytest.mark.parametrize(("key", "term"), [("=", "created:"), ("-", "-created:")])
async def test_the_time_is_filtered_by_as_in_the_table(key: str, term: str) -> None:
    async with running() as hand:
        await hand.press("down", "enter")
        await hand.to_field("created_at")
        row = hand.row
        await hand.press(key)
        detailed = hand.navigator.place.text
        assert detailed.startswith(term)
        assert (row.key in keys_of(hand.screen.view)) is (key == "=")
        await hand.press("[", "g", "down", key)
        assert hand.navigator.place.text == detailed


def fields(hand: Hand) -> list[DetailField]:
    items = [item for group in hand.pane.groups for item in group.items]
    return [item for item in items if isinstance(item, DetailField)]


ODD = (
    made(1),
    made(2, target=None, actor={"id": "actor-1", "name": "", "type": None}),
    made(3, action={"an": "object"}, status_code="many", method=None, path=""),
    made(4, created_at="soon", client_ip=7, user_agent=["curl"]),
    made(5, status_code="403", created_at="2026-07-01T11:59:55.123456789Z"),
)


async def test_every_field_is_filtered_by_as_in_the_table() -> None:
    async with running(JsonLog(ODD)) as hand:
        await hand.press("enter")
        filtered = 0
        for number in range(len(ODD)):
            await hand.press(*["J"] * bool(number))
            for field in fields(hand):
                if field.term:
                    there = hand.navigator.value_of(hand.row, field.term)
                    assert field.filter_value == there, (number, field)
                    filtered += hand.navigator.narrowed(field.term, there, negated=False) is not None
        assert filtered > 40


async def test_an_entry_without_an_id_is_not_filtered_by_one() -> None:
    entry = {name: value for name, value in made(1).items() if name != "id"}
    async with running(JsonLog([entry])) as hand:
        await hand.press("enter")
        await hand.to_field("id")
        await hand.press("=")
        assert "nothing to filter by" in hand.status


async def test_a_field_that_is_no_filter_says_so() -> None:
    async with running(JsonLog([made(1, region="us-east")])) as hand:
        await hand.press("enter")
        await hand.to_field("region")
        await hand.press("=")
        assert "nothing to filter by" in hand.status
        assert hand.navigator.place.text == ""
