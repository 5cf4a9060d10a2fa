"""Entries that are new for their actor, computed in the background over what is loaded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import age, count
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.browse.long_work import TargetWork
from auditlog_tui.ui.patches.timers import certain
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.timer import Timer

    from auditlog_tui.analysis.novelty import Novelty
    from auditlog_tui.log.view import View

QUIET_S = 1.0
"""Seconds without new rows after which those that came are read, although everything is still being loaded."""


class NoveltyController(Controller):
    """`x` and `X`; the table's sign for new entries.

    While everything is loaded, rows are read at the end, or when none has come for a moment: it would take a tenth of
    the processor time meanwhile, and an older entry often replaces one that was new.
    """

    def __init__(self, host: Host, table: EntryTable, loader: LoadController) -> None:
        self._host = host
        self._table = table
        self._loader = loader
        self._changed_at = 0.0
        self._quiet: Timer | None = None
        self._novelty: Novelty | None = None
        self._work = TargetWork(host, "novelty")

    def rows_changed(self) -> None:
        from auditlog_tui.analysis.novelty import Novelty  # late: it loads the models

        view = self._host.view
        if self._novelty is None or self._novelty.run is not view.matched:
            store = self._host.navigator.log.store
            self._novelty = Novelty(store, view.matched, ascending=not view.feed.newest_first)
        self._changed_at = time.monotonic()
        if self._novelty.behind:
            self._read()

    @property
    def _waits(self) -> bool:
        return self._loader.loads_all and time.monotonic() - self._changed_at < QUIET_S

    def _read(self) -> None:
        """Read the rows that came, now or later."""
        novelty = self._novelty
        if self._waits:
            self._wait()
        elif novelty is not None:
            self._work.run(novelty, lambda: self._catch_up(novelty))

    def _wait(self) -> None:
        if self._quiet is None:
            left = self._changed_at + QUIET_S - time.monotonic()
            self._quiet = certain(self._host.set_timer(max(0.001, left), self._on_quiet))

    def _on_quiet(self) -> None:
        self._quiet = None
        self._read()

    async def _catch_up(self, novelty: Novelty) -> None:
        while novelty.behind:
            await novelty.catch_up(lambda: not self._waits)
            if self._waits:
                self._wait()
                break
        self._table.refresh()

    def of(self, n: int) -> str:
        """How entry number `n` is new: `first`, `shared` (a key used from two addresses), or empty.

        Empty as well while it waits to read what has come, which may take the news away.
        """
        if self._novelty is None or n not in self._novelty or (self._novelty.behind and self._waits):
            return ""
        return "shared" if self._novelty.is_shared(n) else "first"

    def action_go_to_novel(self, way: int) -> None:
        """Go to the next new entry further down (1) or up (-1)."""
        self._host.start(lambda: self._go_to_novel(way), "find")

    async def _go_to_novel(self, way: int) -> None:
        from auditlog_tui.analysis.search import next_novel

        view, novelty = self._host.view, self._novelty
        if novelty is None:
            return
        await novelty.catch_up()
        row = await next_novel(view, novelty, self._table.cursor, way)
        if view is not self._host.view:
            return
        if row is None:
            scanned = (
                f", of which {count(novelty.read)} {'was' if novelty.read == 1 else 'were'} looked at so far"
                if novelty.behind
                else ""
            )
            self._host.say(f"Nothing new further {'down' if way > 0 else 'up'}, {_within(view, novelty)}{scanned}")
            return
        self._table.move_to(row)
        shown = self._table.row
        if shown is not None:
            actor = safe(shown.actor_name or shown.actor_id or shown.actor_type or "?", 60)
            self._host.say(f"{_description(novelty, shown.n, actor)} ({_within(view, novelty)})")


def _description(novelty: Novelty, n: int, actor: str) -> str:
    """How entry number `n` is new, in words."""
    parts = [f"the first of {actor} {' and '.join(firsts)}" for firsts in [novelty.firsts(n)] if firsts]
    shared = novelty.shared(n)
    if shared is not None:
        parts.append(f"the same key was used from {safe(shared.address, 60)} {age(shared.before_us)} before")
    return "; ".join(parts)


def _within(view: View, novelty: Novelty) -> str:
    """Among which entries something is new."""
    summary = view.summary()
    everything = summary.complete and not novelty.behind
    if summary.only:
        return f"within what is {summary.only}"
    if all(term.key == "sort" for term in view.query.terms):
        return "within the whole log" if everything else "within what is loaded"
    return "within this filter" if everything else "within what is loaded of this filter"
