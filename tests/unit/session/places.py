"""A navigator over a log whose clock the test sets, and its places."""

from auditlog_tui.log.log import Log
from auditlog_tui.session.navigator import Place
from tests.unit.fake import START_US
from tests.unit.views import ignore

NOW_US = START_US + 3_600_000_000


class ClockLog(Log):
    """A log whose clock is set by the test."""

    us = NOW_US

    def now_us(self) -> int:
        return self.us


async def shown(place: Place | None) -> Place:
    assert place is not None
    await place.view.more(50, ignore, older=not place.view.upwards)
    return place
