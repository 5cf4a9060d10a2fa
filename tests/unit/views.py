"""Views over a `FakeApi`."""

from collections.abc import Iterable
from datetime import UTC

from auditlog_tui.errors import AuditLogError
from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.query import Query, freeze, parse
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import START_US, FakeApi, Json, entry

ALL = 1 << 60


def query_of(text: str) -> Query:
    return freeze(parse(text), START_US, UTC)


def view_of(api: FakeApi, text: str = "", anchor: Anchor | At = Anchor.NEWEST) -> View:
    return View(Log(api, EntryStore()), query_of(text), anchor=anchor)


def like(view: View, text: str) -> View:
    return View(view.log, query_of(text), like=view)


def keys_of(view: View) -> list[str]:
    return [row.key for row in view.window(0, len(view))]


def newest_first(numbers: Iterable[int]) -> list[str]:
    return [f"id-{number}" for number in sorted(numbers, reverse=True)]


def ignore() -> None:
    """A callback that does nothing."""


def now(value: bool) -> bool:
    """The value; the call keeps mypy from narrowing an attribute that an await may change."""
    return value


def error_of(view: View) -> AuditLogError | None:
    return view.error


async def load(view: View, *, older: bool = True) -> View:
    await view.more(ALL, ignore, older=older, everything=True)
    return view


def mixed(count: int) -> list[Json]:
    """A log in which every tenth entry is a DELETE by a tool."""
    return [entry(n) if n % 10 else entry(n, method="DELETE", user_agent="tool") for n in range(count)]
