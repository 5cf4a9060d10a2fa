from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from auditlog_tui.analysis.facets import KINDS, Facet, Facets
from auditlog_tui.errors import StoreError
from tests.app.helpers import Hand, running
from tests.app.wire import JsonLog, log_of, made


def listed(hand: Hand) -> str:
    pane = hand.screen.facets
    lines = [(line, content) for group in pane.groups for line in group.items for content in pane.draw(line, 100)]
    return "\n".join(content.plain for _, content in lines)


def chosen(hand: Hand) -> tuple[str, str | int | None]:
    """The field and the value under the cursor."""
    found = hand.screen.facets.chosen
    assert found is not None
    return found


async def test_s_lists_what_is_most_frequent_of_what_is_loaded_without_a_request() -> None:
    async with running() as hand:
        asked = len(hand.wire.requests)
        await hand.press("s")
        assert "most frequent, % of 100 loaded, not of all" in hand.text
        actors = Counter(row.actor_name for row in hand.screen.view.window(0, 100))
        name, n = actors.most_common(1)[0]
        assert f"  {name}" in listed(hand)
        assert f"{n:>9} " in listed(hand)
        assert len(hand.wire.requests) == asked


async def test_enter_includes_minus_excludes() -> None:
    async with running() as hand:
        await hand.press("s", "l", "enter")
        assert hand.bar.applied.startswith("actor:")
        await hand.press("[", "s", "l", "-")
        assert hand.bar.applied.startswith("-actor:")
        await hand.press("[", "s", "enter")
        assert hand.bar.applied == "status:200"


async def test_the_servers_count_stands_beside_the_value() -> None:
    async with running() as hand:
        await hand.press("s", "l", "#")
        top = Counter(row.actor_id for row in hand.screen.view.window(0, 100)).most_common(1)[0][0]
        in_all = hand.wire.log.answer("GET", f"/v1/audit_logs?limit=10&actor_id={top}", {})
        total = in_all.body.decode().rpartition('"total_count":')[2].strip(' }"')
        assert f"{int(total):,} all time" in listed(hand)


async def test_they_grow_with_what_is_loaded() -> None:
    async with running() as hand:
        await hand.press("s", "A")
        assert "most frequent, % of all 730 entries" in hand.text


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
        await hand.press("s", "l", "enter")
        actor = hand.bar.applied.removeprefix("actor:")
        rows = hand.screen.view.window(0, 50)
        assert rows
        assert {row.actor_id for row in rows} == {actor}


# -- columns, order, more ------------------------------------------------------------------------------------------


async def test_facets_stand_side_by_side_statuses_and_actors_first() -> None:
    async with running() as hand:
        for size, columns in (((80, 24), 2), ((120, 36), 3), ((200, 50), 2), ((40, 24), 1)):
            await hand.resize(*size)
            await hand.press("s", "home")
            first = next(line for line in hand.lines if "STATUSES" in line)
            assert ("ACTORS" in first, "ACTIONS" in first) == (columns > 1, columns > 2), size
            assert chosen(hand) == ("status", 200)
            await hand.press("l")
            assert chosen(hand)[0] == ("actor" if columns > 1 else "status"), size
            await hand.press("h")
            assert chosen(hand)[0] == "status"
            await hand.press("q")


async def test_every_facet_is_seen_without_scrolling() -> None:
    async with running() as hand:
        await hand.press("s")
        for size in ((120, 36), (200, 50), (250, 60)):
            await hand.resize(*size)
            shown = hand.text
            assert all(facet.title.upper() in shown for facet in KINDS), size


async def test_enter_on_the_line_of_more_lists_them() -> None:
    async with running() as hand:
        await hand.press("s", "l")
        while not hand.screen.facets.on_more:
            await hand.press("j")
        before = listed(hand)
        await hand.press("enter")
        actors = {row.actor_name or row.actor_id for row in hand.screen.view.window(0, 100)}
        assert all(str(actor) in listed(hand) for actor in actors)
        assert any(str(actor) not in before for actor in actors)
        assert hand.bar.applied == ""
        field, value = chosen(hand)
        await hand.press("enter")
        assert hand.bar.applied == f"actor:{value}"
        assert field == "actor"


async def test_o_turns_the_order() -> None:
    async with running() as hand:
        await hand.press("s", "o")
        assert "rarest, % of 100 loaded" in hand.text
        statuses = Counter(row.status_code for row in hand.screen.view.window(0, 100))
        assert statuses[chosen(hand)[1]] == min(statuses.values())  # type: ignore[index]  # a status
        await hand.press("o")
        assert chosen(hand) == ("status", 200)


async def test_the_rare_end_is_not_told_where_rare_values_were_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditlog_tui.analysis.facets.MOST", 20)
    monkeypatch.setattr("auditlog_tui.analysis.facets.TOO_MANY", 40)
    async with running() as hand:
        await hand.press("A", "s", "o")
        assert listed(hand).count("too many values to know the rarest") == 1


async def test_a_value_counted_over_a_complete_log_sends_no_request() -> None:
    async with running() as hand:
        await hand.press("A", "s")
        asked = len(hand.wire.requests)
        await hand.press("l", "#")
        assert "all time" in listed(hand)
        assert len(hand.wire.requests) == asked


async def test_a_click_chooses_a_value() -> None:
    async with running() as hand:
        await hand.press("s")
        y = next(y for y, line in enumerate(hand.lines) if "STATUSES" in line)
        await hand.pilot.click(offset=(60, y + 2))
        assert chosen(hand)[0] == "actor"


async def test_x_goes_to_what_is_new_and_says_how() -> None:
    async with running() as hand:
        await hand.press("x")
        row = hand.table.row
        assert row is not None
        assert hand.screen.novelty.of(row.n)
        assert "within what is loaded" in hand.text
        at = hand.table.cursor
        await hand.press("x", "X")
        assert hand.table.cursor == at


async def test_what_is_new_carries_a_glyph() -> None:
    async with running() as hand:
        glyph = hand.screen.look.glyphs.novel
        shown = hand.screen.view.window(0, hand.table.body)
        novel = [row.n for row in shown if hand.screen.novelty.of(row.n)]
        assert novel
        assert hand.text.count(glyph) == len(novel)


async def test_names_are_whole_though_they_are_counted_before_the_pane_has_its_width() -> None:
    async with running() as hand:
        pane = hand.screen.facets
        facets = Facets(hand.screen.view.log.store, hand.screen.view.run)
        await facets.fill(lambda facet: None)
        pane.show(facets.facets, 100, "100 loaded")
        await hand.press("s")
        assert f"  {facets.facets[1].top(1)[0].name} " in listed(hand)


async def test_q_closes_them_and_does_not_quit() -> None:
    async with running() as hand:
        await hand.press("s", "q")
        assert not hand.screen.facets.display
        assert hand.app.is_running
        assert hand.table.has_focus


async def test_a_count_that_comes_under_another_filter_is_not_shown() -> None:
    async with running() as hand:
        await hand.press("s")
        hand.wire.hold()
        hand.send("#")
        await hand.until(lambda: any(worker.group.startswith("count ") for worker in hand.app.workers))
        hand.screen.submit("action:vm.read")
        hand.wire.release()
        await hand.settled()
        assert hand.bar.applied == "action:vm.read"
        assert "all time" not in listed(hand)


async def test_each_of_two_values_gets_its_count() -> None:
    async with running() as hand:
        await hand.press("s")
        hand.wire.hold()
        hand.send("#", "j", "#")
        await hand.until(lambda: len([w for w in hand.app.workers if w.group.startswith("count ")]) == 2)
        hand.wire.release()
        await hand.settled()
        assert listed(hand).count("all time") == 2


async def test_a_count_of_what_is_loaded_is_not_said_to_be_of_all() -> None:
    async with running(log_of(generation=1)) as hand:
        await hand.press("s", "#")
        assert " loaded" in listed(hand)
        assert "all time" not in listed(hand)


async def test_another_filter_is_counted_though_the_one_before_was_not_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill, first = Facets.fill, asyncio.Event()

    async def begins(self: Facets, changed: Callable[[Facet], None]) -> None:
        if not first.is_set():
            first.set()
            await asyncio.Event().wait()
        await fill(self, changed)

    monkeypatch.setattr(Facets, "fill", begins)
    async with running() as hand:
        hand.send("s")
        await hand.until(first.is_set)
        hand.screen.submit("action:vm.read")
        await hand.settled()
        assert " %" not in listed(hand)  # how far an unfinished count is
        assert "vm.read" in listed(hand)


async def test_two_actors_of_one_name_are_told_apart() -> None:
    ids = "11111111-aaaa", "22222222-bbbb"
    entries = [made(n, actor={"id": ids[n % 2], "name": "deploy", "type": "api_key"}) for n in range(10)]
    async with running(JsonLog(entries)) as hand:
        await hand.press("s")
        assert all(f"deploy {identity}" in listed(hand) for identity in ids)


async def test_x_says_among_which_entries_one_is_new() -> None:
    async with running(query="method:GET") as hand:
        for query, keys, within in (
            ("method:GET", "", "within what is loaded of this filter"),
            ("", "", "within what is loaded"),
            ("status:200", "A", "within this filter"),
            ("sort:created", "A", "within the whole log"),
            ("", "A", "within the whole log"),
            ("", "mM", "within what is marked"),
        ):
            await hand.filter(query)
            await hand.press(*keys, "g", "x", "X")
            assert f"({within})" in hand.status or f", {within}" in hand.status, (query, keys)
            while "Nothing new" not in hand.status:
                await hand.press("X")
            assert hand.status.endswith(f"up, {within}"), (query, keys)


async def test_a_full_disk_is_told_when_one_goes_to_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as hand:
        store = hand.screen.view.log.store
        read = store.read

        def fails(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
            if sql.startswith("SELECT position, shown"):
                raise StoreError("The disk is full.")
            return read(sql, values)

        monkeypatch.setattr(store, "read", fails)
        await hand.press("x")
        assert "The disk is full." in hand.status


async def test_a_key_used_from_two_addresses_within_ten_minutes_is_pointed_out() -> None:
    key = {"id": "key-1", "name": "ci", "type": "api_key"}
    entries = [made(n * 60, actor=key, client_ip="198.51.100.4" if n == 3 else "203.0.113.7") for n in range(8)]
    async with running(JsonLog(entries)) as hand:
        shared = [n for n in range(8) if hand.screen.novelty.of(hand.screen.view.window(n, 1)[0].n) == "shared"]
        assert shared == [2, 3]
        await hand.press("x")
        assert "the same key was used from 198.51.100.4 1 min before" in hand.status
        assert "within the whole log" in hand.status
