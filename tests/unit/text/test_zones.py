"""The ways of showing times that `t` goes through."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from auditlog_tui.text.times import local_zone
from auditlog_tui.text.zones import Way, read_zone, ways

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
    assert " ".join(way.mode for way in ways(name)) == modes


def test_a_zone_that_is_named_is_one_more() -> None:
    found = ways("America/Los_Angeles")
    assert found == [("local", LOS_ANGELES), ("local", local_zone()), ("relative", UTC), ("utc", UTC)]
    assert read_zone("America/Los_Angeles") == Way("local", LOS_ANGELES)
