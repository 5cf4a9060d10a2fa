"""Asks for stored entries again by their IDs, and tells which are the same, which changed, and which are gone.

A server answers 404 for every entry of another organization, and a broken one may for all of its own. So an entry is
gone only where the same server finds another one by its ID: else it can't be told, and `Recheck.unclear` says why.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.entries.contract import OLDEST_FIRST
from auditlog_tui.entries.models import Entry
from auditlog_tui.errors import AnotherEntryError, BadRequestError, NotFoundError, ServerError
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

Result = Literal["same", "changed", "gone", "untold", "other", "failed", "unasked"]
"""`untold`: not found, which does not prove that it is gone. `other`: another entry came. `failed`: at the server."""

RESULTS: tuple[Result, ...] = ("changed", "gone", "untold", "other", "failed", "unasked", "same")
"""All results, in the order in which they are shown."""

DOUBTFUL: tuple[Result, ...] = ("untold", "other", "failed")
"""Results of entries that were asked for in vain."""

_WORDS: dict[Result, str] = {
    "same": "same",
    "changed": "changed",
    "gone": "gone",
    "untold": "can't be told",
    "other": "answered with another entry",
    "failed": "failed",
    "unasked": "not asked for",
}
"""What is said of a number of entries, in this order."""

_FOUND: tuple[Result, ...] = ("same", "changed")

_NOT_RECHECKED: tuple[Result, ...] = (*DOUBTFUL, "unasked")
"""Results that tell nothing of the entry."""

_BROKEN_OFF = "It was broken off before it was found out whether this is the log that the entries came from."


class Checked(Struct, frozen=True):
    """The result for the entry with a key, as of `at_us` (microseconds, UTC, by the server's clock).

    `stored` is the entry as it was, `now` as the server sends it, `None` unless it has changed. `fields` are the
    top-level fields that differ. `expired` says of one that is gone that it is older than the log's oldest entry.
    `why` says why it can't be told, why it failed or was not asked for; of another entry that came it is the ID.
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
        words = "another entry came" if self.result == "other" else _WORDS[self.result]
        return f"{words}: {safe(self.why, 200)}" if self.result in ("other", "failed", "unasked") else words


@dataclass(slots=True)
class Rechecks:
    """What is known of the entries that were asked for again in this run, by their keys: the last result of each."""

    checked: dict[str, Checked] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """The keys of those that were found, even if they were not later."""

    def take(self, recheck: Recheck) -> None:
        """Add the results of a re-check."""
        self.checked |= recheck.checked
        self.seen.update(key for key, each in recheck.checked.items() if each.result in _FOUND)


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
        self._amounts = Counter[Result]()
        self._failed = 0
        self._log = log
        self._loaded = loaded
        self._others = others
        self._brief = brief
        self._on_progress = on_progress

    @property
    def done(self) -> int:
        """How many entries have a result."""
        return len(self.checked) + self.same

    @property
    def rechecked(self) -> int:
        """How many entries are known to be the same, changed or gone."""
        return self.done - sum(self._amounts[name] for name in _NOT_RECHECKED)

    @property
    def progress(self) -> str:
        """How far it has come, for example `5 of 12 entries re-checked, 2 failed`."""
        told = f"{count(self.rechecked)} of {counted(self.total, 'entry', 'entries')} re-checked"
        others = (f"{count(self._amounts[name])} {_WORDS[name]}" for name in _NOT_RECHECKED if self._amounts[name])
        return ", ".join([told, *others])

    @property
    def found(self) -> bool:
        """Whether any entry was found."""
        return any(self._amounts[name] for name in _FOUND)

    @property
    def unclear(self) -> str:
        """Why it can't be told whether entries are gone, in a sentence; empty if it can, or if none are."""
        return _unclear(self.checked.values())

    @property
    def deviates(self) -> bool:
        """Whether any entry is not the same."""
        return self.done > self._amounts["same"]

    @property
    def summary(self) -> str:
        """See `summary`."""
        return summary(self.checked.values(), self.same)

    @property
    def told(self) -> str:
        """The results, after how far it has come unless it has come to the end (safe text).

        For example `5 of 12 entries re-checked, 2 failed: 4 same, 1 gone`.
        """
        if self.rechecked == self.total:
            return self.summary
        known = [each for each in self.checked.values() if each.result not in _NOT_RECHECKED]
        return f"{self.progress}: {summary(known, self.same)}" if known or self.same else self.progress

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
        for versions in takewhile(lambda _: self._failed < MOST_FAILED, waiting):
            try:
                checked = await self._check(versions)
            except ServerError as error:
                self._failed += 1
                self._take(self._checked(versions[0], "failed", why=str(error).rstrip(".")))
                if self._failed >= MOST_FAILED:
                    raise
                continue
            if checked.result != "unasked":
                self._failed = 0
            self._take(checked)

    def _take(self, checked: Checked) -> None:
        first = checked.result in _FOUND and not self.found
        self._amounts[checked.result] += 1
        if self._brief and checked.result == "same":
            self.same += 1
        else:
            self.checked[checked.key] = checked
        if first:
            self._settle("")
        self._on_progress()

    def _settle(self, why: str) -> None:
        """All that were not found are gone, or for a reason it can't be told."""
        for each in [each for each in self.checked.values() if each.result == "untold"]:
            now = replace(each, why=why, expired=False) if why else replace(each, result="gone", why="")
            self.checked[each.key] = now
            self._amounts.update({each.result: -1})
            self._amounts[now.result] += 1

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
            return self._checked(stored, "gone") if self.found else self._checked(stored, "untold", why=_BROKEN_OFF)
        except AnotherEntryError as error:
            return self._checked(stored, "other", why=error.got)
        except BadRequestError as error:
            return self._checked(stored, "unasked", why=str(error).rstrip("."))
        if not now.fields.id:
            return self._checked(stored, "other", why="it has no ID")
        found = [differences(version, now) for version in versions]
        if not all(found):
            return self._checked(stored, "same")
        return replace(self._checked(stored, "changed"), now=now, fields=found[0])

    def _checked(self, stored: Entry, result: Result, why: str = "") -> Checked:
        return Checked(stored.key, result, self._log.now_us(), stored, why=why)

    # -- what 404 means ----------------------------------------------------------------------------------------

    async def _look_at_gone(self) -> None:
        """Find out which entries are gone by retention, and whether it is their log at all. Raises `ApiError`."""
        missing = [each for each in self.checked.values() if each.result in ("gone", "untold")]
        if not missing:
            return
        await self._find_oldest()
        for each in missing:
            us = each.stored.created_us
            expired = us is not None and self.oldest_us is not None and us < self.oldest_us
            self.checked[each.key] = replace(each, expired=expired)
        if not self.found:
            self._settle(await self._why_unclear([self.checked[each.key] for each in missing]))

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
        none = f"None of the {count(len(gone))} entries is" if len(gone) > 1 else "The entry is not"
        page = await self._log.api.list({}, limit=SMALLEST_PAGE)
        if not page.entries:
            return f"{none} in this log, which is empty for this key."
        newest = page.entries[0].fields.id or ""
        if newest and not await self._has(newest):
            return "The server finds no entry by its ID, not even the newest one, so nothing can be re-checked."
        if newest and any(self._loaded(each.key) for each in gone):
            return ""
        for other in islice(self._others(), PROBED):
            if await self._has(other):
                return ""
        return f"{none} in this log: the key may belong to another organization, {self._or(gone)}."

    async def _has(self, entry_id: str) -> bool:
        try:
            return bool((await self._log.api.get(entry_id)).fields.id)
        except (NotFoundError, BadRequestError, AnotherEntryError):
            return False

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
    expired = sum(each.result == "gone" and each.expired for each in found)
    of = {**_WORDS, "changed": f"changed ({safe(', '.join(fields), 200)})"}
    if expired:
        of["gone"] = f"gone ({count(expired)} older than the log's oldest entry)"
    return ", ".join(f"{count(amounts[name])} {told}" for name, told in of.items() if amounts[name]) or "none"


def in_order(checked: Iterable[Checked]) -> list[Checked]:
    """Changed ones first, then those that are gone, and those that are the same last; each the newest first."""
    return sorted(checked, key=lambda each: (RESULTS.index(each.result), -(each.stored.created_us or 0), each.key))


def _unclear(checked: Iterable[Checked]) -> str:
    return next((each.why for each in checked if each.result == "untold"), "")


def stated(checked: Mapping[str, Checked]) -> Rechecked | None:
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
        expired=sum(each.expired for each in of["gone"]),
        unasked=len(of["unasked"]),
        changes=tuple(Changed(each.key, each.fields) for each in of["changed"][:MOST_NAMED]),
        missing=tuple(each.key for each in of["gone"][:MOST_NAMED]),
        unclear=_unclear(found),
        untold=len(of["untold"]),
        other=len(of["other"]),
        failed=len(of["failed"]),
    )
