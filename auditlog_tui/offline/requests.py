"""What a list request asks for, read strictly as the API's contract has it, and the SQL that finds it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from auditlog_tui.entries.raw_json import SQLITE_INT
from auditlog_tui.errors import BadRequestError
from auditlog_tui.text.times import instant_us

Order = tuple[tuple[str, bool], ...]
"""Columns in order of precedence, each with whether it descends."""

Sql = tuple[list[str], list[str | int]]
"""Conditions, all of which must hold, and their arguments."""

_EXACT = ("action", "actor_id", "actor_type", "client_ip", "method", "target_id", "target_type")
_COLUMN = {"created_at": "created_us", "status_code": "status_code"}
_SORT = re.compile(r"(?:created_at|status_code):(?:asc|desc)(?:,(?:created_at|status_code):(?:asc|desc))*")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_OFFSET = re.compile(r".*(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII | re.DOTALL)
_BEYOND_MICROSECONDS = re.compile(r"\.\d{6}\d*[1-9]", re.ASCII)
_ACTOR_TYPES = ("user", "api_key")
_LIMITS = range(10, 101)
_DEFAULT_LIMIT = 50
_NEWEST_FIRST: Order = (("created_us", True), ("n", True))


@dataclass(frozen=True, slots=True)
class Filter:
    """What an entry must be. Bounds are (column, lowest, highest), both inclusive, `None` for open."""

    exact: tuple[tuple[str, str], ...] = ()
    path: str | None = None
    bounds: tuple[tuple[str, int | None, int | None], ...] = ()

    def fixed(self) -> frozenset[str]:
        """The bounded columns that can hold one value only."""
        return frozenset(column for column, low, high in self.bounds if low is not None and low == high)

    def sql(self, lead: tuple[str, bool] | None = None, begun: bool = False) -> Sql:
        """The conditions; `lead` is the first term of the order, if there is one.

        A `+` keeps SQLite from an index that would cost a sort of all that matches. Once a walk has `begun`, the
        bound at the end where it started says no more than the cursor does, and SQLite must not take it for the
        cursor's place: a deep page would then cost as much as all the pages before it.
        """
        sql: Sql = [f"{column} = ?" for column, _ in self.exact], [value for _, value in self.exact]
        if self.path is not None:
            folded = self.path.lower() if self.path.isascii() else self.path.casefold()
            _also(sql, "instr(lower(path), ?)" if self.path.isascii() else "instr(fold(path), ?)", folded)
        for column, low, high in self.bounds:
            leads = lead is not None and lead[0] == column
            name = column if lead is None or leads else f"+{column}"
            if low is not None and low == high:
                _also(sql, f"{column} = ?", low)
                continue
            if low is not None and not (begun and leads and lead == (column, False)):
                _also(sql, f"{name} >= ?", low)
            if high is not None and not (begun and leads and lead == (column, True)):
                _also(sql, f"{name} <= ?", high)
        return sql


def _also(sql: Sql, condition: str, value: str | int) -> None:
    sql[0].append(condition)
    sql[1].append(value)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two entries: the row at `values` (one for each term of the order), and which way from it."""

    values: tuple[int, ...]
    back: bool = False


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One list request."""

    filter: Filter
    order: Order
    limit: int
    cursor: Cursor | None

    def encode(self, cursor: Cursor) -> str:
        text = json.dumps([_digest(self.filter, self.order), cursor.back, cursor.values])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_query(text: str, generation: int = 2) -> ListRequest:
    """The request in a URL's query string; raises `BadRequestError` for what the contract does not allow.

    Parameters that the generation doesn't know are ignored.
    """
    known = ("cursor", "limit") if generation == 1 else ("cursor", "limit", *_FILTERS)
    params: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in params:
            raise BadRequestError(f"{name} is given more than once", status=400)
        if name in known:
            params[name] = value
    where = _filter(params)
    order = _order(params.get("sort"), where.fixed())
    limit = _limit(params.get("limit"))
    cursor = _decode(params["cursor"], where, order) if "cursor" in params else None
    return ListRequest(where, order, limit, cursor)


_FILTERS = (*_EXACT, "path", "sort", *(f"{field}_{end}" for field in _COLUMN for end in ("min", "max")))


def _filter(params: Mapping[str, str]) -> Filter:
    if params.get("actor_type", "user") not in _ACTOR_TYPES:
        raise BadRequestError("actor_type must be user or api_key", status=400)
    exact = tuple((name, params[name]) for name in _EXACT if name in params)
    bounds = (
        ("created_us", _instant(params, "created_at_min", up=True), _instant(params, "created_at_max")),
        ("status_code", _integer(params, "status_code_min"), _integer(params, "status_code_max")),
    )
    return Filter(exact, params.get("path"), tuple(bound for bound in bounds if bound[1:] != (None, None)))


def _instant(params: Mapping[str, str], name: str, *, up: bool = False) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    us = instant_us(text) if _OFFSET.fullmatch(text) else None
    if us is None:
        raise BadRequestError(f"{name} must be an RFC 3339 date-time", status=400)
    return us + 1 if up and _BEYOND_MICROSECONDS.search(text) else us


def _integer(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise BadRequestError(f"{name} must be an integer", status=400)
    return max(-SQLITE_INT, min(int(text[:25]), SQLITE_INT))  # 25 digits are beyond SQLite's already


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not _INTEGER.fullmatch(text) or len(text) > 3 or int(text) not in _LIMITS:
        raise BadRequestError("limit must be an integer from 10 to 100", status=400)
    return int(text)


def _order(text: str | None, fixed: frozenset[str]) -> Order:
    """The terms that tell entries apart: the first of each column, then newest first, then the order of arrival."""
    if text is not None and not _SORT.fullmatch(text):
        raise BadRequestError("sort must be field:asc or field:desc of created_at and status_code", status=400)
    terms: dict[str, bool] = {}
    for term in text.split(",") if text else ():
        field, _, direction = term.partition(":")
        terms.setdefault(_COLUMN[field], direction == "desc")
    newest_first = terms.setdefault("created_us", True)
    return (*((column, down) for column, down in terms.items() if column not in fixed), ("n", newest_first))


# -- cursors -----------------------------------------------------------------------------------------------------


def _digest(where: Filter, order: Order) -> str:
    return hashlib.blake2b(repr((where, order)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _decode(text: str, where: Filter, order: Order) -> Cursor:
    try:
        digest, back, values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise BadRequestError("cursor is not one of this server's", status=400) from None
    if digest != _digest(where, order):
        raise BadRequestError("cursor belongs to other filters or another sort", status=400)
    if not _is_place(back, values, len(order)):
        raise BadRequestError("cursor is not one of this server's", status=400)
    return Cursor(tuple(values), back)


def _is_place(back: object, values: object, length: int) -> bool:
    return (
        isinstance(back, bool)
        and isinstance(values, list)
        and len(values) == length
        and all(type(value) is int and -SQLITE_INT <= value <= SQLITE_INT for value in values)
    )


def reverse(order: Order) -> Order:
    return tuple((column, not down) for column, down in order)


def beyond(order: Order, values: tuple[int, ...]) -> Iterator[Sql]:
    """Conditions for what comes after a row, nearest first, each of which an index can start at.

    One comparison of row values serves terms of one direction; where the direction turns, first come the rows that
    are equal up to the turn.
    """
    start = len(order)
    while start:
        end, descends = start, order[start - 1][1]
        while start and order[start - 1][1] == descends:
            start -= 1
        columns = [column for column, _ in order[:end]]
        run = f"({', '.join(columns[start:])}) {'<' if descends else '>'} ({', '.join('?' * (end - start))})"
        yield [*(f"{column} = ?" for column in columns[:start]), run], list(values[:end])
