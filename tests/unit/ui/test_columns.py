"""How the table's columns stand in the room there is."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auditlog_tui.store.entries import Row
from auditlog_tui.text.glyphs import UNICODE
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.table.columns import COLUMNS, NOTED, STICKY, Layout, content_widths, lay_out

LOOK = Look(UNICODE, "utc", UTC, 0)


def titles(layout: Layout) -> dict[str, int]:
    return {column.title: width for column, width in zip(layout.columns, layout.widths, strict=True) if width}


def row(**fields: Any) -> Row:
    return Row._make({**dict.fromkeys(Row._fields), "unreadable": "", **fields}.values())


def laid_out(room: int, content: dict[str, int] | None = None, look: Look = LOOK) -> dict[str, int]:
    return titles(lay_out(room, look, content).seen(0, room))


SHORT = {column.field: 8 for column in COLUMNS}
LONG = {column.field: 200 for column in COLUMNS}


@pytest.mark.parametrize("content", [SHORT, LONG, {}])
@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (77, "TIME ACTION ACTOR IP ST"),  # 80 columns, less the gutter and the scroll bar
        (117, "TIME ACTION ACTOR IP ST TARGET"),
    ],
)
def test_these_columns_are_shown_whatever_is_loaded(room: int, shown: str, content: dict[str, int]) -> None:
    found = laid_out(room, content)
    assert " ".join(found).startswith(shown)
    assert found["TIME"] == 19


@given(st.integers(74, 300), st.dictionaries(st.sampled_from([each.field for each in COLUMNS]), st.integers(0, 400)))
def test_no_column_has_cells_that_its_text_does_not_need_while_another_is_cut(
    room: int, content: dict[str, int]
) -> None:
    found = laid_out(room, content)
    of_title = {column.title: column for column in COLUMNS}
    wanted = {
        title: min(content.get(of_title[title].field, of_title[title].ample), of_title[title].most) for title in found
    }
    assert sum(found.values()) + len(found) - 1 <= room
    for title, width in found.items():
        column = of_title[title]
        assert width <= max(wanted[title], len(title), column.least if column.least == column.most else 0)
        assert width >= min(column.least, wanted[title])
    if any(width < wanted[title] for title, width in found.items()):
        assert sum(found.values()) + len(found) - 1 == room


def test_action_and_actor_have_the_cells_that_a_short_path_does_not_need() -> None:
    found = laid_out(137, {"action": 33, "actor": 30, "ip": 10, "target": 6, "path": 15})
    assert (found["ACTION"], found["PATH"]) == (33, 15)
    assert found["ACTOR"] > 22


def test_no_action_is_cut_for_a_column_of_less_use() -> None:
    found = laid_out(137, {"action": 33, "actor": 22, "target": 22, "path": 60})
    assert found["ACTION"] == 33
    assert "PATH" not in found
    assert "PATH" in laid_out(148, {"action": 33, "actor": 22, "target": 22, "path": 60})


def test_cells_go_to_the_narrowest_column_first() -> None:
    found = laid_out(77, {"action": 40, "actor": 40, "ip": 39})
    assert found == {"TIME": 19, "ACTION": 18, "ACTOR": 16, "IP": 16, "ST": 4}


def test_an_offset_has_its_room_beside_the_time_at_80_columns() -> None:
    found = titles(lay_out(77, LOOK, LONG, offset_width=3).seen(0, 77))
    assert found == {"TIME": 22, "ACTION": 18, "ACTOR": 14, "IP": 15, "ST": 4}


def test_columns_that_are_chosen_are_fitted_as_well() -> None:
    look = replace(LOOK, columns=("path", "ua"))
    assert laid_out(117, {"action": 9, "path": 30, "ua": 60}, look) == {
        "TIME": 19,
        "ACTION": 9,
        "PATH": 30,
        "AGENT": 56,
    }


def test_the_content_is_as_wide_as_its_longest_text() -> None:
    rows = [row(action="vm.read", actor_name="漢字", path="/v1/vms"), row(action="subnet.created", actor_name="a")]
    found = content_widths(rows, LOOK)
    assert found["action"] == len("subnet.created") + NOTED
    assert found["actor"] == len("? ") + 4
    assert found["path"] == len("/v1/vms")
    assert content_widths([], LOOK) == {}


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (50, "firewall_rule 1ad38e08-1083-5337-b83d-58d7c182fba7"),
        (26, "firewall_rule 1ad38e…2fba7"),
        (20, "firewall_… 1ad3…fba7"),
    ],
)
def test_of_a_target_the_id_is_shortened_first(width: int, shown: str) -> None:
    target = next(column for column in COLUMNS if column.field == "target")
    text, _ = target.draw(
        row(target_type="firewall_rule", target_id="1ad38e08-1083-5337-b83d-58d7c182fba7"), LOOK, width
    )
    assert text == shown


@given(st.integers(1, 300), st.lists(st.integers(0, 9), min_size=1, max_size=12), st.sampled_from([SHORT, LONG, {}]))
def test_wherever_one_goes_the_column_is_seen_and_none_is_cut(
    room: int, columns: list[int], content: dict[str, int]
) -> None:
    layout, left = lay_out(room, LOOK, content), 0
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
