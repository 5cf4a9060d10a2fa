"""Re-checking the marked entries: each is asked for again, and compared with what was marked."""

from __future__ import annotations

import time
from itertools import count as count_up
from typing import TYPE_CHECKING

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.host import Controller, Host, on_table
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.browse.long_work import PORTION, LongWork
from auditlog_tui.ui.browse.status import Begun, StatusController
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.entries.models import Entry
    from auditlog_tui.entries.raw_json import Json
    from auditlog_tui.evidence.recheck import Checked, Recheck, Rechecks
    from auditlog_tui.ui.dialogs.recheck import Chosen

SHOWN_S = 0.2
"""Seconds between two updates of the progress."""

MOST_LOOKED_FOR = 50
"""The most entries that are looked for among those that were loaded."""


class RecheckController(Controller):
    """`R`. A result that was not shown yet, because the user went on, is what `R` shows next."""

    def __init__(
        self, host: Host, table: EntryTable, loader: LoadController, long: LongWork, status: StatusController
    ) -> None:
        self._host = host
        self._table = table
        self._loader = loader
        self._long = long
        self._status = status
        self._rechecks: Rechecks | None = None
        self._waiting: Recheck | None = None
        """What was found out and not shown yet."""
        self._said_at = 0.0

    def known(self) -> Rechecks:
        """What was found out in this run."""
        from auditlog_tui.evidence.recheck import Rechecks

        if self._rechecks is None:
            self._rechecks = Rechecks()
        return self._rechecks

    async def action_recheck(self) -> None:
        """Ask for the marked entries again, or show what that has found out."""
        navigator = self._host.navigator
        if self._waiting is not None:
            self._show(self._waiting)
        elif navigator.log.origin is not None:
            self._host.say("This log is a file; auditlog-tui recheck FILE asks the API for its entries", "warning")
        elif entries := navigator.marks.marked():
            begun = self._status.begun()
            await self._long.do(PORTION + 1, lambda: self._run(entries, begun))
        else:
            self._host.say("Nothing is marked: m marks an entry, and R asks the API for it again")

    async def _run(self, entries: list[Entry], begun: Begun) -> None:
        """Ask for the entries, and show what was found out if the user still waits for that."""
        from auditlog_tui.evidence.recheck import Recheck

        looked = count_up()

        def loaded(key: str) -> bool:
            return key in self.known().seen or (next(looked) < MOST_LOOKED_FOR and self._is_loaded(key))

        recheck = Recheck(
            self._host.navigator.log, len(entries), loaded=loaded, on_progress=lambda: self._progressed(recheck)
        )
        self._progressed(recheck)
        try:
            await recheck.go([entry] for entry in entries)
        except AuditLogError as error:
            self._host.say(f"{error} {recheck.told}{'; R shows these' if recheck.done else ''}", "error")
            return
        finally:
            self.known().take(recheck)
            self._note(recheck)
            self._waiting = recheck if recheck.done else None
        told = recheck.unclear or f"Re-checked: {recheck.told}"
        self._host.say(f"{told.rstrip('.')}; R shows each", "warning" if recheck.deviates else "")
        if self._status.awaited(begun) and self._table.screen.is_current:
            self._show(recheck)

    def _note(self, recheck: Recheck) -> None:
        """Write down what was found out."""
        from auditlog_tui.evidence.journal import MOST_IDS
        from auditlog_tui.evidence.recheck import DOUBTFUL, RESULTS, in_order

        found = in_order(recheck.checked.values())
        of = {name: [each.key for each in found if each.result == name][:MOST_IDS] for name in RESULTS}
        named: dict[str, Json] = {
            name: keys for name, keys in of.items() if name in ("changed", "gone") or (keys and name in DOUBTFUL)
        }
        told: dict[str, Json] = {"result": recheck.told, "of": recheck.total, "unclear": recheck.unclear}
        self._host.navigator.journal.note("rechecked", {**told, **named})

    def _progressed(self, recheck: Recheck) -> None:
        now = time.monotonic()
        stopped = f"{recheck.progress}{'; R shows these' if recheck.done else ''}"
        if now - self._said_at >= SHOWN_S or not recheck.done:
            self._said_at = now
            self._long.begin(f"Re-checking: {count(recheck.done)} of {count(recheck.total)}", stopped)
        else:
            self._long.note(stopped)

    def _is_loaded(self, key: str) -> bool:
        """Whether the API has sent this entry among those of a filter, in this run."""
        navigator = self._host.navigator
        n = navigator.log.store.number(key)
        views = {id(place.view): place.view for place in navigator.places if not place.view.marked}
        return n is not None and any(view.row_of(n) is not None for view in views.values())

    # -- the result --------------------------------------------------------------------------------------------

    def _show(self, recheck: Recheck) -> None:
        from auditlog_tui.evidence.recheck import in_order
        from auditlog_tui.ui.dialogs.recheck import RecheckScreen

        self._waiting = None
        self._status.forget_message()
        checked = in_order(recheck.checked.values())
        at = max((each.at_us for each in checked), default=self._host.navigator.log.now_us())
        style = "bold $text-warning" if recheck.deviates else "bold $text-success"
        sentences = [(f"At {self._host.look.date_time(at)}: {recheck.summary}", style)]
        if recheck.unclear:
            sentences.append((recheck.unclear, "bold $text-error"))
        of = f"{count(recheck.rechecked)} of " if recheck.rechecked < recheck.total else ""
        title = f"{of}{counted(recheck.total, 'marked entry', 'marked entries')} re-checked"
        dialog = RecheckScreen(title, checked, sentences, self._host.look)
        self._host.ask(dialog, lambda chosen: self._chosen(recheck, chosen))

    async def _chosen(self, recheck: Recheck, chosen: Chosen | None) -> None:
        if chosen is None:
            return
        each = recheck.checked.get(chosen.key)
        if chosen.what == "again":
            await self.action_recheck()
        elif each is not None and chosen.what == "compare":
            self._compare(recheck, each)
        elif each is not None and on_table(self._host):
            self._go_to(each)

    def _compare(self, recheck: Recheck, each: Checked) -> None:
        from auditlog_tui.ui.dialogs.compare import CompareScreen

        if each.now is not None:
            dialog = CompareScreen(each.stored, each.now, self._host.look, "as it was, and as it is now")
            self._host.ask(dialog, lambda _: self._show(recheck))

    def _go_to(self, each: Checked) -> None:
        """Put the cursor on the entry: in this view if it has it, else among the marked ones."""
        from auditlog_tui.session.navigator import Place

        navigator = self._host.navigator
        (n,) = navigator.log.store.add([each.stored])
        row = self._host.view.row_of(n)
        if row is not None:
            self._table.move_to(row)
            return

        def marked() -> Place | None:
            place = navigator.only_marked() if navigator.marks.is_marked(each.key) else None
            if place is not None:
                place.cursor = n
            return place

        if self._host.go(marked):
            self._loader.fetch(older=True, everything=True)
        else:
            self._host.say("This entry is no longer marked, so it is not among the marked ones", "warning")
