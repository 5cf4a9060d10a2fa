from __future__ import annotations

from collections import Counter

from tests.app.helpers import Hand, running
from tests.app.wire import log_of


def listed(hand: Hand) -> str:
    pane = hand.screen.facets
    return "\n".join(str(pane.get_option_at_index(n).prompt) for n in range(pane.option_count))


async def test_s_lists_what_is_most_frequent_of_what_is_loaded_without_a_request() -> None:
    async with running() as hand:
        asked = len(hand.wire.requests)
        await hand.press("s")
        assert "of 100 loaded" in hand.text
        actors = Counter(row.actor_name for row in hand.screen.view.window(0, 100))
        name, n = actors.most_common(1)[0]
        assert f"  {name}" in listed(hand)
        assert f"{n:>8}" in listed(hand)
        assert len(hand.wire.requests) == asked


async def test_enter_includes_minus_excludes() -> None:
    async with running() as hand:
        await hand.press("s", "enter")
        assert hand.bar.applied.startswith("actor:")
        await hand.press("[", "s", "-")
        assert hand.bar.applied.startswith("-actor:")


async def test_the_servers_count_stands_beside_the_value() -> None:
    async with running() as hand:
        await hand.press("s", "#")
        top = Counter(row.actor_id for row in hand.screen.view.window(0, 100)).most_common(1)[0][0]
        in_all = hand.wire.log.answer("GET", f"/v1/audit_logs?limit=10&actor_id={top}", {})
        total = in_all.body.decode().rpartition('"total_count":')[2].strip(' }"')
        assert f"{int(total):,} in all" in listed(hand)


async def test_they_grow_with_what_is_loaded() -> None:
    async with running() as hand:
        await hand.press("s", "A")
        assert "of 730 loaded" in hand.text


async def test_escape_and_s_leave_them() -> None:
    async with running() as hand:
        await hand.press("s", "escape")
        assert hand.table.has_focus
        await hand.press("escape")
        assert not hand.screen.facets.display
        await hand.press("s", "s")
        assert not hand.screen.facets.display


async def test_they_work_on_a_server_that_knows_no_filters() -> None:
    async with running(log_of(generation=1)) as hand:
        await hand.press("s", "enter")
        actor = hand.bar.applied.removeprefix("actor:")
        rows = hand.screen.view.window(0, 50)
        assert rows
        assert {row.actor_id for row in rows} == {actor}


async def test_x_goes_to_what_is_new_and_says_how() -> None:
    async with running() as hand:
        await hand.press("x")
        row = hand.table.row
        assert row is not None
        assert hand.screen.novel(row.n)
        assert "within what is loaded" in hand.text
        at = hand.table.cursor
        await hand.press("x", "X")
        assert hand.table.cursor == at


async def test_what_is_new_carries_a_glyph() -> None:
    async with running() as hand:
        glyph = hand.screen.look.glyphs.novel
        shown = hand.screen.view.window(0, hand.table.body)
        novel = [row.n for row in shown if hand.screen.novel(row.n)]
        assert novel
        assert hand.text.count(glyph) == len(novel)
