from collections.abc import Sequence

from auditlog_tui.log.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def paced(rates: Sequence[float], left: int | None, at_once: int = 8) -> str:
    """The text after entries came at these rates, each for a second."""
    clock, loaded = Clock(), 500.0
    pace = Pace(lambda: at_once, clock)
    for rate in rates:
        for _ in range(4):
            pace.note(int(loaded), left)
            clock.now += 0.25
            loaded += rate / 4
    pace.note(int(loaded), left)
    return str(pace)


def test_it_tells_requests_rate_and_time_left() -> None:
    assert paced([2_140] * 4, 385_200) == "8 at once, 2,140/s, 3 min left"
    assert paced([1_000] * 4, 20_000, at_once=3) == "3 at once, 1,000/s, 20 s left"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    assert paced([10] * 20 + [1_000] * 10, 60_000) == "8 at once, 1,000/s, 60 s left"


def test_no_time_is_told_where_the_count_is_unknown_or_the_rate_changes() -> None:
    assert paced([1_000] * 4, None) == "8 at once, 1,000/s"
    assert paced([200, 200, 2_000, 2_000], 60_000) == "8 at once, 1,100/s"


def test_no_rate_is_told_before_there_is_one() -> None:
    assert paced([], 60_000) == "8 at once"
    assert paced([0, 0, 0], 60_000) == "8 at once"
