import asyncio
import math
import random
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from auditlog_tui.log.feed import Anchor
from auditlog_tui.log.log import Log
from auditlog_tui.log.sort_order import SortValues, in_order
from auditlog_tui.log.view import State, View
from auditlog_tui.store.entries import EntryStore
from tests.unit.timed_log import ABSENT, HAPPENINGS, UNREADABLE, Time, TimedLog
from tests.unit.views import load, query_of

SECOND = 10**9
MONTH = 30 * 86_400 * SECOND

STEPS: dict[str, Callable[[random.Random], int]] = {
    "crowd": lambda dice: 0,
    "nanoseconds": lambda dice: dice.randrange(1, 3_000),
    "even": lambda dice: SECOND,
    "sparse": lambda dice: dice.randrange(60 * SECOND),
    "month": lambda dice: dice.randrange(MONTH),
}


@st.composite
def times(draw: st.DrawFn) -> list[Time]:
    """A log of stretches, each at a pace of its own."""
    dice, now, found = random.Random(draw(st.integers(0, 1 << 30))), 0, list[Time]()
    for pace, count in draw(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 60)), max_size=6)):
        for _ in range(count):
            now += STEPS[pace](dice)
            found.append(now)
        now += draw(st.sampled_from([0, 1, SECOND, 5 * MONTH]))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 5]))):
        found.insert(dice.randrange(len(found) + 1), dice.choice([ABSENT, UNREADABLE]))
    return found


happenings = st.dictionaries(st.integers(1, 80), st.sampled_from(HAPPENINGS), max_size=6)


@given(
    log=times(),
    happens=happenings,
    text=st.sampled_from(["", "method:GET", "sort:created", "ua:x", "created:>=2027-01-15T08:00:10Z"]),
    anchor=st.sampled_from(Anchor),
    page_size=st.integers(2, 9),
    parallel=st.integers(1, 9),
    exclusive=st.booleans(),
    unit=st.sampled_from([1, 1, 1, 10**6, SECOND]),
    most_counted=st.sampled_from([math.inf, math.inf, 15, 60]),
    refused=st.sampled_from([0, 0, 0, 10, 100]),
    cancel=st.dictionaries(st.integers(0, 5), st.integers(0, 120), max_size=4),
    seed=st.integers(0, 1 << 30),
)
@example(
    log=[0, "unreadable", *[1] * 10, "unreadable", 1, *["unreadable"] * 2, 1, 1, "unreadable", *[1] * 8],
    happens={},
    text="method:GET",
    anchor=Anchor.NEWEST,
    page_size=2,
    parallel=1,
    exclusive=False,
    unit=1,
    most_counted=15,
    refused=10,
    cancel={},
    seed=0,
)
def test_every_entry_is_shown_once_in_order_whatever_happens(
    log: list[Time],
    happens: dict[int, str],
    text: str,
    anchor: Anchor,
    page_size: int,
    parallel: int,
    exclusive: bool,
    unit: int,
    most_counted: float,
    refused: int,
    cancel: dict[int, int],
    seed: int,
) -> None:
    dice = random.Random(seed)
    api = TimedLog(
        log,
        happens=happens,
        page_size=page_size,
        exclusive=exclusive,
        unit=unit,
        most_counted=most_counted,
        refused=refused,
        turns=lambda call: dice.randrange(1, 12),
    )

    async def check() -> None:
        view = View(Log(api, EntryStore(), parallel), query_of(text), anchor=anchor)
        for attempt in range(25):
            task = asyncio.create_task(load(view, older=not view.upwards))
            if attempt in cancel:
                for _ in range(cancel[attempt]):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            assert api.under_way == 0
            assert api.most_at_once <= max(2, parallel)
            _check_rows(api, view)
            if view.complete and view.error is None and not view.paused and not await view.prove():
                break
        _check_rows(api, view)
        honest = unit == 1 and most_counted == math.inf and not refused
        if honest and not set(happens.values()) - {"throttle", "fail", "grow", "refuse slice"}:
            assert view.summary().state is State.COMPLETE

    asyncio.run(check())


def _check_rows(api: TimedLog, view: View) -> None:
    rows = view.log.store.window(view.feed.run, 0, len(view.feed.run))
    keys = [row.key for row in rows]
    assert len(keys) == len(set(keys))
    sort = view.plan.params.get("sort", "created_at:desc")
    if "sort" in view.log.server_support.ignored or view.feed._unordered:
        return  # a stray entry looks like that
    assert in_order([SortValues(row.created_us, 0) for row in rows], sort)
    matching = {each.entry.key for each in api.select(view.plan.params, api.records)}
    assert set(keys) <= matching
    lasting = [each for each in api.stable() if each.entry.key in matching]
    order = [each.entry.key for each in sorted(lasting, key=lambda each: each.place, reverse="asc" in sort)]
    shown = set(keys)
    positions = {key: at for at, key in enumerate(order)}
    placed = [positions[key] for key in keys if key in positions]
    assert placed == sorted(placed)
    if view.complete and view.summary().state is State.COMPLETE and view.error is None:
        missing = [key for key in order if key not in shown]
        assert not missing, missing
