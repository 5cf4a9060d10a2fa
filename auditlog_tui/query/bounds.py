"""The ranges of a query's status and time terms, and the check that they leave something to match."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from auditlog_tui.errors import QueryError
from auditlog_tui.query.format import format_term, shown
from auditlog_tui.query.syntax import Instant, Numbers, Query, Term, Times, Value

_HINTS = {
    "status": "Every term must match. To match either of two values, list them with a comma: status:403,500",
    "created": "Every term must match. Change or remove one of the bounds.",
}


class Bounds(Struct, frozen=True):
    """A range from `low` to `high`, both included; `None` means unbounded."""

    low: int | None = None
    high: int | None = None


def enclosing(term: Term, *, inclusive: bool = True) -> Bounds:
    """The smallest range that contains all of a term's values.

    It includes the bounds of `>` and `<` themselves, because the API's bounds are inclusive, unless `inclusive` is
    False.
    """
    values = [_bounds(value, inclusive) for value in term.values]
    lows = [bounds.low for bounds in values if bounds.low is not None]
    highs = [bounds.high for bounds in values if bounds.high is not None]
    return Bounds(
        min(lows) if len(lows) == len(values) else None,
        max(highs) if len(highs) == len(values) else None,
    )


def _bounds(value: Value, inclusive: bool) -> Bounds:
    if isinstance(value, Numbers):
        return Bounds(value.low, value.high)
    if not isinstance(value, Times):
        return Bounds()
    excluded = 0 if inclusive or not value.strict else 1
    low = value.low.us + excluded if isinstance(value.low, Instant) else None
    high = value.high.us - excluded if isinstance(value.high, Instant) else None
    return Bounds(low, high)


def bounding_terms(query: Query, keys: Iterable[str]) -> list[Term]:
    """The terms of these keys that limit the range, that is, those not negated."""
    return [term for term in query.terms if term.key in keys and not term.negated]


def check_bounds(query: Query) -> None:
    """Raise `QueryError` for a range that ends before it begins, and for two terms whose ranges don't overlap."""
    for term in query.terms:
        for value in term.values:
            bounds = _bounds(value, False)
            if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
                first = "smaller number" if term.key == "status" else "earlier time"
                message = f"The range of {term.key} ends before it begins."
                raise QueryError(message, term.start, term.end, f"Write the {first} first.")
    for keys in (("status",), ("created", "last")):
        _check_overlap(bounding_terms(query, keys))


def _check_overlap(terms: list[Term]) -> None:
    bounds = [(enclosing(term, inclusive=False), term) for term in terms]
    lows = [(bound.low, term) for bound, term in bounds if bound.low is not None]
    highs = [(bound.high, term) for bound, term in bounds if bound.high is not None]
    if not lows or not highs:
        return
    low, first = max(lows, key=lambda pair: pair[0])
    high, second = min(highs, key=lambda pair: pair[0])
    if low > high:
        first, second = sorted((first, second), key=lambda term: term.start)
        raise QueryError(
            f"No entry can match both {shown(format_term(first))} and {shown(format_term(second))}.",
            second.start, second.end, _HINTS[second.key],
        )  # fmt: skip
