"""Time bounds of requests: combining one with a query's own, and checking entries against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

from auditlog_tui.entries.models import Entry
from auditlog_tui.query.contradicts import contradicts
from auditlog_tui.text.times import instant_us, rfc3339

SECOND_US = 1_000_000

TIME_BOUNDS = frozenset({"created_at_min", "created_at_max"})


def narrower_bound(params: Mapping[str, str], name: str, us: int) -> str:
    """The value for `created_at_min` or `created_at_max`: this time, or that of `params` where it is narrower."""
    given = instant_us(params.get(name, ""))
    narrower = min if name == "created_at_max" else max
    return rfc3339(us if given is None else narrower(us, given))


def whole_second(name: str, us: int) -> int:
    """The whole second that a bound at this time is widened to; it stays the same however a server rounds it."""
    return us // SECOND_US * SECOND_US if name == "created_at_min" else -(-us // SECOND_US) * SECOND_US


def violated_bounds(entries: Sequence[Entry], params: Mapping[str, str]) -> set[str]:
    """The time bounds among `params` that an entry is certainly outside of."""
    bounds = TIME_BOUNDS & params.keys()
    timed = [
        entry
        for entry in (entries if bounds else ())
        if entry.created_us is not None and "created_at" not in entry.unreadable
    ]
    if not timed:
        return set()
    ends = [get(timed, key=attrgetter("created_us")) for get in (min, max)]  # the others lie between them
    return {name for name in bounds for entry in ends if contradicts(entry, name, params[name])}
