"""The token bucket of the demo's server."""

import pytest

from auditlog_tui.demo.__main__ import main
from auditlog_tui.demo.server import RateLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_as_many_at_once_as_in_a_second_and_then_one_by_one() -> None:
    clock = Clock()
    limit = RateLimit(4, clock)
    assert [limit.take() for _ in range(6)] == [0, 0, 0, 0, 1, 1]
    clock.now += 0.25
    assert [limit.take(), limit.take()] == [0, 1]
    clock.now += 3600
    assert [limit.take() for _ in range(5)] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("per_second", [0.3, 7, 40])
def test_the_average_is_the_limit(per_second: float) -> None:
    clock = Clock()
    limit = RateLimit(per_second, clock)
    taken = 0
    for _ in range(20_000):
        clock.now += 0.001
        taken += not limit.take()
    assert taken == pytest.approx(per_second * 20 + max(1, per_second), abs=1)


def test_whoever_comes_again_when_told_is_served() -> None:
    clock = Clock()
    limit = RateLimit(0.3, clock)
    assert [limit.take(), limit.take()] == [0, 4]
    clock.now += 2.5
    assert limit.take() == 1
    clock.now += 1
    assert limit.take() == 0


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "many"])
def test_a_limit_that_is_no_rate_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--rate-limit", text])
    assert "--rate-limit" in capsys.readouterr().err
