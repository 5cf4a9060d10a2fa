"""How the table's columns stand in the room there is."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.table.columns import STICKY, Layout, lay_out

LOOK = Look(UNICODE, "utc", UTC, 0)


def titles(layout: Layout) -> dict[str, int]:
    return {column.title: width for column, width in zip(layout.columns, layout.widths, strict=True) if width}


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (77, "TIME ACTION ACTOR IP ST"),  # of 80 columns, with a gutter and a scroll bar
        (84, "TIME ACTION ACTOR IP ST METHOD"),
        (96, "TIME ACTION ACTOR IP ST METHOD"),  # four cells say nothing of a path
        (104, "TIME ACTION ACTOR IP ST METHOD PATH"),
    ],
)
def test_what_there_is_room_for_is_shown_with_its_date(room: int, shown: str) -> None:
    found = titles(lay_out(room, LOOK).seen(0, room))
    assert " ".join(found) == shown
    assert found["TIME"] == 19


def test_what_the_edge_would_cut_has_the_room_that_is_left() -> None:
    layout = lay_out(110, LOOK)
    assert titles(layout)["PATH"] == 26
    assert titles(layout.seen(0, 110))["PATH"] == 110 - 92


def test_an_offset_has_its_room_beside_the_time_at_80_columns() -> None:
    found = titles(lay_out(77, LOOK, offset_width=3).seen(0, 77))
    assert found == {"TIME": 22, "ACTION": 16, "ACTOR": 16, "IP": 15, "ST": 4}


@pytest.mark.parametrize(("room", "ip"), [(77, 15), (78, 16), (90, 28), (95, 33), (130, 39)])
def test_a_long_address_does_not_push_the_status_out(room: int, ip: int) -> None:
    found = titles(lay_out(room, LOOK, 39).seen(0, room))
    assert (found["IP"], found["ST"]) == (ip, 4)


@given(st.integers(1, 300), st.lists(st.integers(0, 9), min_size=1, max_size=12), st.sampled_from([15, 39]))
def test_wherever_one_goes_the_column_is_seen_and_none_is_cut(room: int, columns: list[int], ip_width: int) -> None:
    layout, left = lay_out(room, LOOK, ip_width), 0
    for column in columns:
        left = layout.scrolled(column, left, room)
        seen = layout.seen(left, room)
        assert seen.drawn - 1 <= room
        if room > layout.fixed:
            assert seen.widths[column] > 0
        # None but the last one drawn has fewer cells than it was laid out for.
        shown = [number for number, width in enumerate(seen.widths) if width]
        assert all(seen.widths[number] == layout.widths[number] for number in shown[:-1])
        scrolled = [number for number in shown if number >= STICKY]
        assert scrolled == list(range(scrolled[0], scrolled[0] + len(scrolled))) if scrolled else True
