"""Asks for stored entries again by their IDs, and tells which are the same, which changed, and which are gone.

A server answers 404 for every entry of another organization. So where no entry at all was found, it is not said that
all are gone: `Recheck.unclear` says what can't be told apart.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.entries.contract import OLDEST_FIRST
from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import BadRequestError, NotFoundError, ServerError
from auditlog_tui.evidence.statement import Changed, Rechecked
from auditlog_tui.log.log import Log, differences
from auditlog_tui.log.server_support import SMALLEST_PAGE
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted, rfc3339

AT_ONCE = 4
"""The most requests at once: fewer than loading uses, so that a re-check delays nobody."""

PROBED = 5
"""The most other entries of the same log that are asked for where none of the wanted ones is found."""

MOST_FAILED = 3
"""The most entries in a row at which the server may fail: then it fails at all of them, and no more are asked for."""

MOST_NAMED = 100
"""The most changed, and the most gone, entries that a statement names; it counts all of them."""

Result = Literal["same", "changed", "gone", "unasked"]

RESULTS: tuple[Result, ...] = ("changed", "gone", "unasked", "same")
"""All results, in the order in which they are shown."""


_BROKEN_OFF = "It was broken off before it was found out whether this is the log that the entries came from."


class Checked(Struct, frozen=True):
    """The result for the entry with a key, as of `at_us` (microseconds, UTC, by the server's clock).

    `stored` is the entry as it was, `now` as the server sends it, `None` unless it has changed. `fields` are the
    top-level fields that differ. `expired` says of one that is gone that it is older than the log's oldest entry.
    `why` says why one could not be asked for.
    """

    key: str
    result: Result
    at_us: int
    stored: Entry
    now: Entry | None = None
    fields: tuple[str, ...] = ()
    expired: bool = False
    why: str = ""

    @property
    def told(self) -> str:
        """The result in words (safe text)."""
        if self.result == "changed":
            return f"changed: {safe(', '.join(self.fields), 200)}"
        if self.result == "gone":
            return "gone: older than the log's oldest entry" if self.expired else "gone"
        return f"not asked for: {safe(self.why, 200)}" if self.result == "unasked" else "same"


@dataclass(slots=True)
class Rechecks:
    """What is known of the entries that were asked for again in this run, by their keys: the last result of each.

    `unclear` is that of the last re-check.
    """

    checked: dict[str, Checked] = field(default_factory=dict)
    unclear: str = ""

    def take(self, recheck: Recheck) -> None:
        """Add the results of a re-check."""
        self.checked |= recheck.checked
        self.unclear = recheck.unclear


class Recheck:
    """One re-check over a log. `on_progress` is called when `checked` has grown.

    `loaded` tells whether the entry with a key is known to have come from this log. `others` returns the IDs of
    further entries from where the wanted ones came from: if one of these is found, it is the same log. `brief` only
    counts the entries that are the same.
    """

    def __init__(
        self,
        log: Log,
        total: int,
        *,
        loaded: Callable[[str], bool] = lambda key: False,
        others: Callable[[], Iterable[str]] = tuple,
        brief: bool = False,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.total = total
        self.checked: dict[str, Checked] = {}
        self.same = 0
        """The entries that are the same and not in `checked`."""
        self.oldest_us: int | None = None
        """The time of the log's oldest entry, if some were gone and the server tells."""
        self._unclear = _BROKEN_OFF
        self._failed = 0
        self._log = log
        self._loaded = loaded
        self._others = others
        self._brief = brief
        self._on_progress = on_progress

    @property
    def done(self) -> int:
        """How many entries were asked for."""
        return len(self.checked) + self.same

    @property
    def progress(self) -> str:
        """How far it has come, for example `5 of 12 entries re-checked`."""
        return f"{count(self.done)} of {counted(self.total, 'entry', 'entries')} re-checked"

    @property
    def found(self) -> bool:
        """Whether any entry was found."""
        return self.same > 0 or any(each.result in ("same", "changed") for each in self.checked.values())

    @property
    def unclear(self) -> str:
        """Why it can't be told whether the entries are gone, in a sentence; empty if it can, or if none are."""
        gone = any(each.result == "gone" for each in self.checked.values())
        return self._unclear if gone and not self.found else ""

    @property
    def deviates(self) -> bool:
        """Whether any entry is not the same."""
        return any(each.result != "same" for each in self.checked.values())

    @property
    def summary(self) -> str:
        """See `summary`."""
        return summary(self.checked.values(), self.same)

    async def go(self, entries: Iterable[Sequence[Entry]]) -> None:
        """Ask for each entry, of which all stored versions are given. Raises `ApiError` if the log can't be asked.

        After an error, and after being cancelled, `checked` has what was found out.
        """
        waiting = iter(entries)
        workers = [asyncio.ensure_future(self._work(waiting)) for _ in range(min(AT_ONCE, self._log.parallel))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        await self._look_at_gone()

    async def _work(self, waiting: Iterator[Sequence[Entry]]) -> None:
        for versions in waiting:
            checked = await self._check(versions)
            if self._brief and checked.result == "same":
                self.same += 1
            else:
                self.checked[checked.key] = checked
            self._on_progress()

    async def _check(self, versions: Sequence[Entry]) -> Checked:
        stored = versions[0]
        if not stored.fields.id:
            return self._checked(stored, "unasked", why="it has no ID")
        try:
            with self._log.foreground():
                now = await self._log.api.get(stored.fields.id)
        except NotFoundError as error:
            if error.status is None:  # nothing was sent
                return self._checked(stored, "unasked", why="no request can name its ID")
            return self._checked(stored, "gone")
        except BadRequestError as error:
            return self._checked(stored, "unasked", why=str(error).rstrip("."))
        except ServerError as error:
            self._failed += 1
            if self._failed >= MOST_FAILED:
                raise
            return self._checked(stored, "unasked", why=str(error).rstrip("."))
        self._failed = 0
        found = [differences(version, now) for version in versions]
        if not all(found):
            return self._checked(stored, "same")
        return replace(self._checked(stored, "changed"), now=now, fields=found[0])

    def _checked(self, stored: Entry, result: Result, why: str = "") -> Checked:
        return Checked(stored.key, result, self._log.now_us(), stored, why=why)

    # -- what 404 means ----------------------------------------------------------------------------------------

    async def _look_at_gone(self) -> None:
        """Find out which entries are gone by retention, and whether it is their log at all. Raises `ApiError`."""
        gone = [each for each in self.checked.values() if each.result == "gone"]
        if not gone:
            return
        await self._find_oldest()
        for each in gone:
            us = each.stored.created_us
            expired = us is not None and self.oldest_us is not None and us < self.oldest_us
            self.checked[each.key] = replace(each, expired=expired)
        if not self.found:
            self._unclear = await self._why_unclear([self.checked[each.key] for each in gone])

    async def _find_oldest(self) -> None:
        page = await self._log.api.list({"sort": OLDEST_FIRST}, limit=SMALLEST_PAGE)
        times = [entry.created_us for entry in page.entries]
        known = [us for us in times if us is not None]
        if not known or len(known) < len(times):
            return
        sorts = known == sorted(known) and known[0] < known[-1]  # else it may ignore what it was asked for
        if page.last or sorts:
            self.oldest_us = min(known)

    async def _why_unclear(self, gone: Sequence[Checked]) -> str:
        if any(self._loaded(each.key) for each in gone):
            return ""
        none = f"None of the {count(len(gone))} entries is" if len(gone) > 1 else "The entry is not"
        page = await self._log.api.list({}, limit=SMALLEST_PAGE)
        if not page.entries:
            return f"{none} in this log, which is empty for this key."
        newest = page.entries[0].fields.id
        if newest and not await self._has(newest):
            return "The server finds no entry by its ID, not even the newest one, so nothing can be re-checked."
        for other in islice(self._others(), PROBED):
            if await self._has(other):
                return ""
        return f"{none} in this log: the key may belong to another organization, {self._or(gone)}."

    async def _has(self, entry_id: str) -> bool:
        try:
            await self._log.api.get(entry_id)
        except (NotFoundError, BadRequestError):
            return False
        return True

    def _or(self, gone: Sequence[Checked]) -> str:
        """What else may be why all of these are gone."""
        if self.oldest_us is None:
            return "or retention removed them"
        oldest = rfc3339(self.oldest_us)
        if all(each.expired for each in gone):
            return f"or retention removed them (the log's oldest entry is of {oldest})"
        return f"or they were removed (not all by retention: the log's oldest entry is of {oldest})"


# -- in words --------------------------------------------------------------------------------------------------------


def summary(checked: Iterable[Checked], same: int = 0) -> str:
    """For example `12 same, 1 changed (status_code), 1 gone` (safe text). `same` entries more are the same."""
    found = list(checked)
    amounts = Counter[Result]({"same": same})
    amounts.update(each.result for each in found)
    fields = list(dict.fromkeys(name for each in found for name in each.fields))
    expired = sum(each.expired for each in found)
    of: dict[Result, str] = {
        "same": "same",
        "changed": f"changed ({safe(', '.join(fields), 200)})",
        "gone": f"gone ({count(expired)} older than the log's oldest entry)" if expired else "gone",
        "unasked": "not asked for",
    }
    return ", ".join(f"{count(amounts[name])} {told}" for name, told in of.items() if amounts[name]) or "none"


def in_order(checked: Iterable[Checked]) -> list[Checked]:
    """Changed ones first, then those that are gone, and those that are the same last; each the newest first."""
    return sorted(checked, key=lambda each: (RESULTS.index(each.result), -(each.stored.created_us or 0), each.key))


def stated(checked: Mapping[str, Checked], unclear: str = "") -> Rechecked | None:
    """What a bundle of these entries states of their re-check; `None` if they were not re-checked."""
    if not checked:
        return None
    found = in_order(checked.values())
    of = {name: [each for each in found if each.result == name] for name in RESULTS}
    return Rechecked(
        from_us=min(each.at_us for each in found),
        to_us=max(each.at_us for each in found),
        same=len(of["same"]),
        changed=len(of["changed"]),
        gone=len(of["gone"]),
        expired=sum(each.expired for each in found),
        unasked=len(of["unasked"]),
        changes=tuple(Changed(each.key, each.fields) for each in of["changed"][:MOST_NAMED]),
        missing=tuple(each.key for each in of["gone"][:MOST_NAMED]),
        unclear=unclear if of["gone"] and not (of["same"] or of["changed"]) else "",
    )
