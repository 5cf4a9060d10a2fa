"""Splits a query into the pushdown, evaluated by the API, and the residual, evaluated here.

For every entry, including those with absent fields, pushdown and residual together are equivalent to the query.

An absent field matches no value; a negated term is the complement, so it matches such an entry. An unreadable field
is unknown: the entry may match, so any residual term on that field shows it, flagged. A response is never checked
against an unreadable field.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from msgspec import Struct

from auditlog_tui.entries.contract import LIST_PATH, NEWEST_FIRST
from auditlog_tui.query.bounds import Bounds, bounding_terms, check_bounds, enclosing
from auditlog_tui.query.contradicts import contradicts
from auditlog_tui.query.fields import FIELDS, Kind, field_of
from auditlog_tui.query.format import format_term, format_value, quoted
from auditlog_tui.query.freeze import is_frozen
from auditlog_tui.query.patterns import compiled
from auditlog_tui.query.sql import Condition, condition, exact_text
from auditlog_tui.query.syntax import WORD, By, Query, Regex, Term, Text, Times
from auditlog_tui.text.times import rfc3339

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry

Where = Literal["server", "local", "both"]
Only = Literal["", "marked", "noted"]

_BOUNDED = (("status",), ("created", "last"))


class Chip(Struct, frozen=True):
    """A term and where it is evaluated; `start` and `end` are its columns in the typed text."""

    text: str
    where: Where
    start: int
    end: int


class Plan(Struct, frozen=True):
    """A query, split into requests and local work.

    `ignored` are the parameters that the server is known to ignore. `params` are those to send, including `sort`
    unless it is the default; with an `entry_id` that entry is requested by its id instead. `residual` is evaluated
    here. `order` is the requested sort order, by names in `FIELDS`; `local_order` is true if entries must be sorted
    here. Only entries from `created_min_us` to `created_max_us` can match (inclusive, microseconds since 1970 UTC).
    `of_marks` is true if a term is about marks or notes. With `only`, nothing but entries that the user `marked`, or
    that have a mark or a note (`noted`), can match: nothing is sent, and the residual is the whole query.
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
    only: Only = ""
    of_marks: bool = False

    def violations(self, entry: Entry) -> frozenset[str]:
        """The parameters that the entry certainly contradicts.

        Differences that the API's contract leaves open are no contradiction (case, spelling of an address, digits
        below the microsecond), nor are absent and unreadable fields.
        """
        return frozenset([name for name, value in self.params.items() if contradicts(entry, name, value)])

    def where(self) -> Condition:
        """The residual as an SQL condition over `entry e`, and its bound values; it calls functions of `install`."""
        return condition(self.residual) if self.residual else ("1", [])


def plan(query: Query, ignored: frozenset[str] = frozenset()) -> Plan:
    """Split a frozen query. Terms that need one of the `ignored` parameters are evaluated entirely here.

    Raises `QueryError` if the ranges of two terms don't overlap, and `ValueError` if the query is not frozen.
    """
    if not is_frozen(query):
        raise ValueError("the query's times depend on now: freeze it first")
    check_bounds(query)
    only = _only(query)
    entry_id = None if only else next(filter(None, map(_entry_id, query.terms)), None)
    split = _Split(query, ignored, by_id=entry_id is not None, here=bool(only))
    created = _intersection(bounding_terms(query, ("created",)))
    return Plan(
        query=query,
        ignored=ignored,
        params=MappingProxyType(split.params),
        entry_id=entry_id,
        residual=Query(tuple(split.residual)) if split.residual else None,
        order=tuple((by.field, "desc" if by.descending else "asc") for by in _order(query)),
        local_order=split.local_order,
        chips=tuple(Chip(format_term(term), where, term.start, term.end) for term, where in split.assigned),
        created_min_us=created.low,
        created_max_us=created.high,
        only=only,
        of_marks=any(field_of(term.key).of_marks for term in query.terms),
    )


def _only(query: Query) -> Only:
    """Whether a term matches marked or noted entries alone, all of which are stored here."""
    found: Only = ""
    for term in query.terms:
        if term.key == "marked" and set(term.values) == {Text("no" if term.negated else "yes")}:
            return "marked"
        if term.key in ("tag", "note") and not term.negated:
            found = "noted"
    return found


class _Split:
    """Assigns each term to the server or to here, filling `params` and `residual` term by term.

    `by_id`: the server is asked for one entry, `here`: for nothing.
    """

    def __init__(self, query: Query, ignored: frozenset[str], *, by_id: bool, here: bool) -> None:
        self.params: dict[str, str] = {}
        self.residual: list[Term] = []
        self.local_order = False
        self.assigned: list[tuple[Term, Where]] = []
        self._ignored = ignored
        self._by_id = by_id
        self._here = here
        if not (by_id or here):
            for keys in _BOUNDED:
                self._push_bounds(bounding_terms(query, keys))
        for term in query.terms:
            self.assigned.append((term, self._assign(term)))

    def _push_bounds(self, terms: list[Term]) -> None:
        if not terms:
            return
        low, high = FIELDS[terms[0].key].params
        bounds = _intersection(terms)
        text = str if terms[0].key == "status" else rfc3339
        if bounds.low is not None and low not in self._ignored:
            self.params[low] = text(bounds.low)
        if bounds.high is not None and high not in self._ignored:
            self.params[high] = text(bounds.high)

    def _assign(self, term: Term) -> Where:
        if term.key == "sort":
            return self._assign_order(term)
        if self._by_id and _entry_id(term) is not None:
            return "server"
        pushed, whole = (False, False) if self._by_id or self._here or term.negated else self._push(term)
        if pushed and whole:
            return "server"
        self.residual.append(term)
        return "both" if pushed else "local"

    def _push(self, term: Term) -> tuple[bool, bool]:
        """Whether the server evaluates some of the term, and whether it evaluates all of it."""
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

    def _assign_order(self, term: Term) -> Where:
        """The server sorts by the leading fields that it supports; the rest is sorted here."""
        leading: list[str] = []
        order = [value for value in term.values if isinstance(value, By)]
        for by in order:
            name = FIELDS[by.field].server_order
            if not name or self._here:
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
    """The id of an `id:` term with a single id, which the API's other endpoint answers; else `None`."""
    match term:
        case Term(key="id", values=(Text(text),), negated=False) if text:
            return text
    return None


def _parameter(term: Term) -> str | None:
    """The parameter's value if the API can evaluate the term with a single comparison; else `None`."""
    field = field_of(term.key)
    if len(term.values) > 1 or len(field.params) != 1:
        return None
    (value,) = term.values
    if field.kind is not Kind.PART:
        return exact_text(field, value) or None
    return value.text if isinstance(value, Text) else None


def _order(query: Query) -> list[By]:
    terms = (term for term in query.terms if term.key == "sort")
    return [value for term in terms for value in term.values if isinstance(value, By)]


def _intersection(terms: list[Term]) -> Bounds:
    """The intersection of the terms' ranges."""
    bounds = [enclosing(term) for term in terms]
    lows = [bound.low for bound in bounds if bound.low is not None]
    highs = [bound.high for bound in bounds if bound.high is not None]
    return Bounds(max(lows, default=None), min(highs, default=None))


_PLAIN_IN_URLS = "/:,@"


def explain(plan: Plan) -> str:
    """The plan in one line, for example `GET /v1/audit_logs?status_code_min=400 · here: not path /health`.

    It may contain any text that was typed.
    """
    parts = [f"no request: of what you {plan.only}" if plan.only else f"GET {_target(plan)}"]
    if plan.residual:
        parts.append("here: " + ", ".join(map(_describe, plan.residual.terms)))
    if plan.local_order:
        parts.append("sorted here by " + ", ".join(f"{name} {way}" for name, way in plan.order))
    return " · ".join(parts)


def _target(plan: Plan) -> str:
    if plan.entry_id is not None:
        return f"{LIST_PATH}/{quote(plan.entry_id, safe='')}"
    query = "&".join(f"{name}={quote(value, safe=_PLAIN_IN_URLS)}" for name, value in plan.params.items())
    return f"{LIST_PATH}?{query}" if query else LIST_PATH


def _describe(term: Term) -> str:
    field = field_of(term.key)
    if term.key == WORD:
        values = [quoted(value.text) for value in term.values if isinstance(value, Text)]
    else:
        values = [format_value(field, value) for value in term.values]
    return f"{'not ' if term.negated else ''}{term.key or 'text'} {' or '.join(values)}"


def overruns(plan: Plan) -> int:
    """How many values exceeded the time budget of the plan's patterns, and so count as not matching."""
    terms = plan.residual.terms if plan.residual else ()
    found = {value.pattern for term in terms for value in term.values if isinstance(value, Regex)}
    return sum(compiled(pattern).overruns for pattern in found)
