"""Splitting a query into what the API evaluates and what is left to evaluate here.

What the API gets and what stays here, taken together, are the query: over any entry, one that lacks fields included.

A field that is absent matches no value; a negated term is the complement, so it lets such an entry through. A field
that can't be read is unknown: whatever is asked of it here, the entry is shown and flagged, since it may match. What
the server was asked for is never checked against such a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from auditlog_tui.entries.contract import LIST_PATH, NEWEST_FIRST
from auditlog_tui.query.bounds import Bounds, bounding, check, enclosing
from auditlog_tui.query.contradicts import contradicts
from auditlog_tui.query.fields import FIELDS, Kind, field_of
from auditlog_tui.query.format import format_term, format_value, quoted
from auditlog_tui.query.freeze import is_frozen
from auditlog_tui.query.patterns import compiled
from auditlog_tui.query.sql import Condition, as_it_stands, condition
from auditlog_tui.query.syntax import WORD, By, Query, Regex, Term, Text, Times
from auditlog_tui.text.times import rfc3339

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry

Where = Literal["server", "local", "both"]

_BOUNDED = (("status",), ("created", "last"))


@dataclass(frozen=True, slots=True)
class Chip:
    """One term and who evaluates it; `start` and `end` are its columns in the typed text."""

    text: str
    where: Where
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query becomes.

    `params` are the API's parameters, `sort` among them unless it is the default. With an `entry_id` the entry is
    got by its id instead. `residual` is what remains to be evaluated here. `order` is the order asked for, by the
    names of `FIELDS`; `local_order` says that it takes sorting here. `created_min_us` and `created_max_us` bound
    what can match, whoever evaluates it (inclusive, microseconds since 1970 UTC).
    """

    query: Query
    ignored: frozenset[str]
    params: Mapping[str, str]
    entry_id: str | None
    residual: Query | None
    order: tuple[tuple[str, Literal["asc", "desc"]], ...]
    local_order: bool
    chips: tuple[Chip, ...]
    created_min_us: int | None
    created_max_us: int | None

    def violations(self, entry: Entry) -> frozenset[str]:
        """The parameters that the entry contradicts beyond doubt.

        What the API leaves open is no contradiction (case, spellings of an address, digits below the microsecond),
        nor is a field that is absent or can't be read.
        """
        return frozenset(name for name, value in self.params.items() if contradicts(entry, name, value))

    def where(self) -> Condition:
        """The residual as an SQL condition; see `install`."""
        return condition(self.residual) if self.residual else ("1", [])


def plan(query: Query, ignored: frozenset[str] = frozenset()) -> Plan:
    """Split a frozen query. Terms that need one of the `ignored` parameters are evaluated here as a whole.

    Raises `QueryError` where two terms leave nothing between them, `ValueError` for a query that is not frozen.
    """
    if not is_frozen(query):
        raise ValueError("the query's times depend on now: freeze it first")
    check(query)
    entry_id = next(filter(None, map(_entry_id, query.terms)), None)
    split = _Split(query, ignored, by_id=entry_id is not None)
    created = _overlap(bounding(query, ("created",)))
    return Plan(
        query=query,
        ignored=ignored,
        params=MappingProxyType(split.params),
        entry_id=entry_id,
        residual=Query(tuple(split.residual)) if split.residual else None,
        order=tuple((by.field, "desc" if by.descending else "asc") for by in _order(query)),
        local_order=split.local_order,
        chips=tuple(Chip(format_term(term), where, term.start, term.end) for term, where in split.places),
        created_min_us=created.low,
        created_max_us=created.high,
    )


class _Split:
    """Who evaluates which term; `params` and `residual` are filled term by term."""

    def __init__(self, query: Query, ignored: frozenset[str], *, by_id: bool) -> None:
        self.params: dict[str, str] = {}
        self.residual: list[Term] = []
        self.local_order = False
        self.places: list[tuple[Term, Where]] = []
        self._ignored = ignored
        self._by_id = by_id
        if not by_id:
            for keys in _BOUNDED:
                self._push_bounds(bounding(query, keys))
        for term in query.terms:
            self.places.append((term, self._place(term)))

    def _push_bounds(self, terms: list[Term]) -> None:
        if not terms:
            return
        low, high = FIELDS[terms[0].key].params
        bounds = _overlap(terms)
        text = str if terms[0].key == "status" else rfc3339
        if bounds.low is not None and low not in self._ignored:
            self.params[low] = text(bounds.low)
        if bounds.high is not None and high not in self._ignored:
            self.params[high] = text(bounds.high)

    def _place(self, term: Term) -> Where:
        if term.key == "sort":
            return self._place_order(term)
        if _entry_id(term) is not None:
            return "server"
        pushed, whole = (False, False) if self._by_id or term.negated else self._push(term)
        if pushed and whole:
            return "server"
        self.residual.append(term)
        return "both" if pushed else "local"

    def _push(self, term: Term) -> tuple[bool, bool]:
        """Whether the server evaluates any of the term, and whether it evaluates all of it."""
        if field_of(term.key).kind in (Kind.NUMBER, Kind.TIME):
            return self._pushed_bounds(term)
        value = _parameter(term)
        if value is None:
            return False, False
        (name,) = FIELDS[term.key].params
        if name in self._ignored:
            return False, False
        pushed = self.params.setdefault(name, value) == value
        return pushed, pushed

    def _pushed_bounds(self, term: Term) -> tuple[bool, bool]:
        low, high = FIELDS[term.key].params
        bounds = enclosing(term)
        needed = {name for name, bound in ((low, bounds.low), (high, bounds.high)) if bound is not None}
        simple = len(term.values) == 1 and not (isinstance(term.values[0], Times) and term.values[0].strict)
        return bool(needed - self._ignored), simple and not needed & self._ignored

    def _place_order(self, term: Term) -> Where:
        """The API sorts by the leading fields that it can sort by; the rest is sorted here."""
        leading: list[str] = []
        order = [value for value in term.values if isinstance(value, By)]
        for by in order:
            name = FIELDS[by.field].server_order
            if not name:
                break
            leading.append(f"{name}:{'desc' if by.descending else 'asc'}")
        sort = ",".join(leading)
        if sort == NEWEST_FIRST or self._by_id:
            sort = ""
        elif "sort" in self._ignored:
            leading, sort = [], ""
        if sort:
            self.params["sort"] = sort
        self.local_order = len(leading) < len(order)
        if not leading:
            return "local"
        return "both" if self.local_order else "server"


def _entry_id(term: Term) -> str | None:
    """The id in `id:` with one id, which the API's other endpoint answers."""
    match term:
        case Term(key="id", values=(Text(text),), negated=False) if text:
            return text
    return None


def _parameter(term: Term) -> str | None:
    """The text that the API can compare with, of a term that means no more than that."""
    field = field_of(term.key)
    if len(term.values) > 1 or len(field.params) != 1:
        return None
    (value,) = term.values
    if field.kind is not Kind.PART:
        return as_it_stands(field, value) or None
    return value.text if isinstance(value, Text) else None


def _order(query: Query) -> list[By]:
    terms = (term for term in query.terms if term.key == "sort")
    return [value for term in terms for value in term.values if isinstance(value, By)]


def _overlap(terms: list[Term]) -> Bounds:
    """The bounds that all of the terms leave."""
    bounds = [enclosing(term) for term in terms]
    lows = [bound.low for bound in bounds if bound.low is not None]
    highs = [bound.high for bound in bounds if bound.high is not None]
    return Bounds(max(lows, default=None), min(highs, default=None))


_PLAIN_IN_URLS = "/:,@"


def explain(plan: Plan) -> str:
    """For instance `GET /v1/audit_logs?status_code_min=400 · here: not path /health`. May hold any text typed."""
    parts = [f"GET {_target(plan)}"]
    if plan.residual:
        parts.append("here: " + ", ".join(map(_described, plan.residual.terms)))
    if plan.local_order:
        parts.append("sorted here by " + ", ".join(f"{name} {way}" for name, way in plan.order))
    return " · ".join(parts)


def _target(plan: Plan) -> str:
    if plan.entry_id is not None:
        return f"{LIST_PATH}/{quote(plan.entry_id, safe='')}"
    query = "&".join(f"{name}={quote(value, safe=_PLAIN_IN_URLS)}" for name, value in plan.params.items())
    return f"{LIST_PATH}?{query}" if query else LIST_PATH


def _described(term: Term) -> str:
    field = field_of(term.key)
    if term.key == WORD:
        values = [quoted(value.text) for value in term.values if isinstance(value, Text)]
    else:
        values = [format_value(field, value) for value in term.values]
    return f"{'not ' if term.negated else ''}{term.key or 'text'} {' or '.join(values)}"


def overruns(plan: Plan) -> int:
    """The values that the plan's patterns had no time for, and that therefore count as not matching."""
    terms = plan.residual.terms if plan.residual else ()
    found = {value.pattern for term in terms for value in term.values if isinstance(value, Regex)}
    return sum(compiled(pattern).overruns for pattern in found)
