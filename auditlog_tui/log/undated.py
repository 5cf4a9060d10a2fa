"""Finds out by counts whether entries match no time bound, because their time is absent or can't be read.

A count with a bound leaves them out, one without does not. The log may grow between two counts, so each is taken
between two of the other kind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from auditlog_tui.entries.models import Page
from auditlog_tui.log.bounds import TIME_BOUNDS, violated_bounds
from auditlog_tui.text.times import rfc3339

DATED = {"created_at_min": rfc3339(0)}
"""The bound that leaves out entries whose time is absent or can't be read."""

TRIES = 3
"""Counts are repeated so many times while the log grows."""

Ask = Callable[[Mapping[str, str]], Awaitable[Page]]
"""Requests the smallest page under these parameters. Raises `ApiError`."""


async def find_last(ask: Ask, params: Mapping[str, str]) -> int | None:
    """The time (microseconds) of the first entry under `params`; `None` where entries may match no bound.

    That is certain after three counts in a row that agree, with the bound and without in turn.
    """
    counts: list[int] = []
    found: int | None = None
    for attempt in range(2 * TRIES + 1):
        bounded = attempt % 2 == 0
        page = await ask({**params, **_dated(params)} if bounded else params)
        if page.total_count is None or (bounded and violated_bounds(page.entries, DATED)):
            return None
        counts.append(page.total_count)
        if bounded:
            found = next((each.created_us for each in page.entries if each.created_us is not None), found)
        if not _dated(params) or counts[-3:] == [page.total_count] * 3:
            return found
    return None


async def all_dated(ask: Ask, params: Mapping[str, str]) -> bool:
    """Whether every entry under `params` may match a time bound, as far as counts of a log that grows can tell."""
    if not _dated(params):
        return True
    for _ in range(TRIES):
        before = (await ask({**params, **DATED})).total_count
        total = (await ask(params)).total_count
        after = (await ask({**params, **DATED})).total_count
        if before is None or total is None or after is None:
            return False
        if min(before, after) <= total <= max(before, after):
            return True
    return False


async def count_others(ask: Ask, params: Mapping[str, str], bound: Mapping[str, str]) -> int | None:
    """How many entries under `params` do not match `bound`; those without a time are among them."""
    found: int | None = None
    before = (await ask({**params, **bound})).total_count
    for _ in range(TRIES):
        total = (await ask(params)).total_count
        after = (await ask({**params, **bound})).total_count
        if before is None or total is None or after is None:
            return None
        found = total - before
        if before == after:
            break
        before = after
    return found


def _dated(params: Mapping[str, str]) -> Mapping[str, str]:
    """`DATED`, or nothing where the parameters have a time bound, which leaves those entries out already."""
    return {} if TIME_BOUNDS & params.keys() else DATED
