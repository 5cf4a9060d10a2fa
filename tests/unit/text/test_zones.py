"""The time displays that `t` cycles through."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from auditlog_tui.text.times import local_zone
from auditlog_tui.text.zones import TimeDisplay, read_zone, time_displays

LOS_ANGELES = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("utc", "utc local relative"),
        ("UTC", "utc local relative"),
        ("local", "local relative utc"),
        ("relative", "relative utc local"),
    ],
)
def test_one_begins_with_the_one_that_is_set(name: str, modes: str) -> None:
    assert " ".join(display.mode for display in time_displays(name)) == modes


def test_a_zone_that_is_named_is_one_more() -> None:
    found = time_displays("America/Los_Angeles")
    assert found == [("local", LOS_ANGELES), ("local", local_zone()), ("relative", UTC), ("utc", UTC)]
    assert read_zone("America/Los_Angeles") == TimeDisplay("local", LOS_ANGELES)
