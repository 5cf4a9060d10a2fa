"""The filters and orders of a list request as SQL over the columns of a part. Every value is bound, none is text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from auditlog_tui.archive.engine import Value
from auditlog_tui.archive.snapshot import MISSING
from auditlog_tui.offline.source import ARRIVAL, Filter, Order, Place

ARRIVAL_BITS = 32
"""An entry's place in the order of arrival is its part's number, shifted by so many bits, and its row in the part."""

Condition = tuple[str, Sequence[Value]]
"""SQL, and the values that it binds."""

ROW = (
    f"coalesce(epoch_us(created_at), {MISSING}) AS us, coalesce(status_code, {MISSING}) AS status,"
    " file_index::BIGINT AS file, file_row_number AS row"
)
"""What a row is sorted by, and where it is: the columns that `beyond` and `sorted_by` are about."""

_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"


def conditions(where: Filter, *, odd: bool, paths: Callable[[str], list[str]]) -> Iterator[Condition]:
    """The filter without its bounds of time. `paths` are those not of ASCII alone with this case-folded text.

    If values that can't be read are to be expected (`odd`), an entry with such a one matches every filter by it.
    """
    for name, value in where.exact:
        yield _or_unreadable(name, f"{name} = ?", [value], odd)
    if where.path is not None and where.path.isascii():
        # DuckDB's lower() knows other alphabets: the Kelvin sign is no K here
        sql = f"contains(translate(path, '{_UPPER}', '{_LOWER}'), ?)"
        needle = where.path.lower()
        yield _or_unreadable("path", _by_alphabet(sql), [needle, needle], odd)
    elif where.path is not None:
        needle = where.path.casefold()
        sql = "list_contains(?::VARCHAR[], path)"
        yield _or_unreadable("path", _by_alphabet(sql), [needle, paths(needle)], odd)
    for field, low, high in where.bounds:
        for sign, bound in ((">=", low), ("<=", high)):
            if field == "status_code" and bound is not None:
                yield _or_unreadable(field, f"{field} {sign} ?", [bound], odd)


def _by_alphabet(sql: str) -> str:
    return f"CASE WHEN strlen(path) = length(path) THEN contains(lower(path), ?) ELSE {sql} END"


def _or_unreadable(name: str, sql: str, values: Sequence[Value], odd: bool) -> Condition:
    unreadable = f"coalesce(list_contains(string_split(unreadable, ','), '{name}'), false)"
    return (f"({sql} OR {unreadable})" if odd else sql), values


def within(low: int, high: int) -> Condition:
    """Between two times, in microseconds."""
    return "created_at BETWEEN make_timestamptz(?) AND make_timestamptz(?)", [low, high]


def all_of(found: Iterable[Condition]) -> Condition:
    """All of the conditions."""
    listed = list(found)
    return " AND ".join(sql for sql, _ in listed) or "true", [value for _, values in listed for value in values]


def sorted_by(order: Order) -> str:
    """The order as SQL over the columns of `ROW`."""
    return ", ".join(f"{name}{' DESC' if down else ''}" for name, down in _terms(order))


def beyond(order: Order, place: Place, numbers: Sequence[int]) -> Condition:
    """The rows after a place; `numbers` are those of the parts that are read, ascending."""
    number, row = divmod(place[-1], 1 << ARRIVAL_BITS)
    at = bisect_left(numbers, number)
    if at == len(numbers) or numbers[at] != number:
        row = -1  # before the first row of the next part
    sql, values = "false", list[Value]()
    for (name, down), value in reversed(list(zip(_terms(order), (*place[:-1], at, row), strict=True))):
        sql, values = f"({name} {'<' if down else '>'} ? OR ({name} = ? AND {sql}))", [value, value, *values]
    return sql, values


def _terms(order: Order) -> Iterator[tuple[str, bool]]:
    for field, down in order:
        if field == ARRIVAL:
            yield from (("file", down), ("row", down))
        else:
            yield {"created_at": "us", "status_code": "status"}[field], down
