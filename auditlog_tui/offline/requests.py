"""List requests: a URL's query string, read as strictly as the API's contract has it, and cursors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from auditlog_tui.entries.raw_json import SQLITE_INT
from auditlog_tui.errors import BadRequestError
from auditlog_tui.offline.source import ARRIVAL, Filter, Order, Place
from auditlog_tui.text.times import instant_us

_EXACT = ("action", "actor_id", "actor_type", "client_ip", "method", "target_id", "target_type")
_BOUNDED = ("created_at", "status_code")
_FILTERS = (*_EXACT, "path", "sort", *(f"{field}_{end}" for field in _BOUNDED for end in ("min", "max")))
_SORT = re.compile(r"(?:created_at|status_code):(?:asc|desc)(?:,(?:created_at|status_code):(?:asc|desc))*")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_OFFSET = re.compile(r".*(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII | re.DOTALL)
_BEYOND_MICROSECONDS = re.compile(r"\.\d{6}\d*[1-9]", re.ASCII)
_ACTOR_TYPES = ("user", "api_key")
_LIMITS = range(10, 101)
_DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """Continues a walk after the entry at `place`, or (`back`) before it."""

    place: Place
    back: bool = False


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One list request."""

    filter: Filter
    order: Order
    limit: int
    cursor: Cursor | None

    def encode(self, cursor: Cursor) -> str:
        """The cursor as text. It is valid for requests of the same filter and order only."""
        text = json.dumps([_digest(self.filter, self.order), cursor.back, cursor.place])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_request(query: str, generation: int = 2) -> ListRequest:
    """The request in a URL's query string. Raises `BadRequestError` for what the contract does not allow.

    Parameters that this generation of the API doesn't know are ignored.
    """
    known = ("cursor", "limit") if generation == 1 else ("cursor", "limit", *_FILTERS)
    params: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in params:
            raise BadRequestError(f"{name} is given more than once", status=400)
        if name in known:
            params[name] = value
    where = _filter(params)
    order = _order(params.get("sort"), where)
    limit = _limit(params.get("limit"))
    cursor = _decode(params["cursor"], where, order) if "cursor" in params else None
    return ListRequest(where, order, limit, cursor)


def reverse(order: Order) -> Order:
    """The order of a walk in the other direction."""
    return tuple((field, not descends) for field, descends in order)


def _filter(params: Mapping[str, str]) -> Filter:
    if params.get("actor_type", "user") not in _ACTOR_TYPES:
        raise BadRequestError("actor_type must be user or api_key", status=400)
    exact = tuple((name, params[name]) for name in _EXACT if name in params)
    bounds = (
        ("created_at", _instant(params, "created_at_min", up=True), _instant(params, "created_at_max")),
        ("status_code", _integer(params, "status_code_min"), _integer(params, "status_code_max")),
    )
    return Filter(exact, params.get("path"), tuple(bound for bound in bounds if bound[1:] != (None, None)))


def _instant(params: Mapping[str, str], name: str, *, up: bool = False) -> int | None:
    """Microseconds since 1970 UTC; digits beyond them are dropped, or (`up`) rounded up."""
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
    return max(-SQLITE_INT, min(int(text[:25]), SQLITE_INT))  # 25 digits already exceed 64 bits


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not _INTEGER.fullmatch(text) or len(text) > 3 or int(text) not in _LIMITS:
        raise BadRequestError("limit must be an integer from 10 to 100", status=400)
    return int(text)


def _order(text: str | None, where: Filter) -> Order:
    """The terms that tell the filter's entries apart.

    The first term of each field counts; `created_at` follows if it is missing, newest first, then arrival. A field
    that is bounded to one value tells nothing apart.
    """
    if text is not None and not _SORT.fullmatch(text):
        raise BadRequestError("sort must be field:asc or field:desc of created_at and status_code", status=400)
    terms: dict[str, bool] = {}
    for term in text.split(",") if text else ():
        field, _, direction = term.partition(":")
        terms.setdefault(field, direction == "desc")
    newest_first = terms.setdefault("created_at", True)
    fixed = {field for field, low, high in where.bounds if low is not None and low == high}
    return (*((field, descends) for field, descends in terms.items() if field not in fixed), (ARRIVAL, newest_first))


# -- cursors -----------------------------------------------------------------------------------------------------


def _digest(where: Filter, order: Order) -> str:
    return hashlib.blake2b(repr((where, order)).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _decode(text: str, where: Filter, order: Order) -> Cursor:
    try:
        digest, back, place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise BadRequestError("cursor is not one of this server's", status=400) from None
    if digest != _digest(where, order):
        raise BadRequestError("cursor belongs to other filters or another sort", status=400)
    if not isinstance(back, bool) or not _is_place(place, len(order)):
        raise BadRequestError("cursor is not one of this server's", status=400)
    return Cursor(tuple(place), back)


def _is_place(place: object, length: int) -> bool:
    return (
        isinstance(place, list)
        and len(place) == length
        and all(type(value) is int and -SQLITE_INT <= value <= SQLITE_INT for value in place)
    )
