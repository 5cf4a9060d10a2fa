import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from auditlog_tui.api.retry import Wait
from auditlog_tui.log.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def texts(rates: Sequence[float], left: int | None, at_once: int = 8, *, short: bool = True) -> Iterator[str]:
    """The texts, four a second, while entries come at these rates, each for a second."""
    clock, loaded = Clock(), 500.0
    pace = Pace(lambda: at_once, clock)
    for rate in rates:
        for _ in range(4):
            pace.note(int(loaded), left)
            yield pace.text(short=short)
            clock.now += 0.25
            loaded += rate / 4
    pace.note(int(loaded), left)
    yield pace.text(short=short)


def paced(rates: Sequence[float], left: int | None, at_once: int = 8, *, short: bool = True) -> str:
    """The last text."""
    return list(texts(rates, left, at_once, short=short))[-1]


def test_it_tells_requests_rate_and_time_left() -> None:
    assert paced([2_140] * 4, 385_200) == "8 at once, 2,140/s, 3 min left"
    assert paced([1_000] * 4, 20_000, at_once=3) == "3 at once, 1,000/s, 20 s left"


def test_it_names_what_it_counts_where_there_is_room() -> None:
    assert paced([2_140] * 4, 385_200, short=False) == "8 requests at once, 2,140 entries/s, 3 min left"
    assert paced([], None, at_once=1, short=False) == "1 request at once"


def test_the_time_left_does_not_come_and_go() -> None:
    told = ["left" in text for text in texts([1_000, 1_000, 300, 2_000, 1_000, 200, 900, 1_000], 60_000)]
    assert told.index(True) < len(told) // 3
    assert all(told[told.index(True) :])


SLOW = Wait("503", 2, 3, 103.0, 95.0, status=503)


@pytest.mark.parametrize(
    ("wait", "after_s", "allowed", "told"),
    [
        (replace(SLOW, status=429), 0, math.inf, True),
        (SLOW, 0, math.inf, True),
        (replace(SLOW, status=500), 0, 2, False),
        (replace(SLOW, status=None), 0, 2, False),
        (replace(SLOW, until=104.0), 0, 2, False),  # long enough to be told
        (replace(SLOW, status=None, until=None), 0, 2, True),  # held back beside others
        (replace(SLOW, status=None, until=None), 3, 2, False),  # nothing comes
        (replace(SLOW, status=None, until=None), 0, 8, False),
    ],
)
def test_waits_that_a_slow_server_asks_for_are_told_with_the_pace(
    wait: Wait, after_s: int, allowed: float, told: bool
) -> None:
    clock = Clock()
    pace = Pace(lambda: 4, clock, wanted=8, allowed=lambda: allowed)
    clock.now += after_s
    assert pace.tells(wait) == told
    slowed = allowed < 8 or wait.status in (429, 503)
    assert pace.text(wait, short=True) == ("4 at once, slowed by the server" if slowed else "4 at once")


def test_the_rate_is_that_of_the_last_seconds() -> None:
    assert paced([10] * 20 + [1_000] * 10, 60_000) == "8 at once, 1,000/s, 60 s left"


def test_no_time_is_told_where_the_count_is_unknown_or_the_rate_changes() -> None:
    assert paced([1_000] * 4, None) == "8 at once, 1,000/s"
    assert paced([100 * 2**second for second in range(10)], 60_000) == "8 at once, 18,971/s"


def test_no_rate_is_told_before_there_is_one() -> None:
    assert paced([], 60_000) == "8 at once"
    assert paced([0, 0, 0], 60_000) == "8 at once"
