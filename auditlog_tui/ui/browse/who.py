"""Who is this: the page of an actor, an address or a target, found out in the background."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, cast

from auditlog_tui.errors import AuditLogError
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count, counted
from auditlog_tui.ui.browse.copying import CopyController
from auditlog_tui.ui.browse.exporting import ExportController
from auditlog_tui.ui.browse.host import Controller, Host, wanted_row
from auditlog_tui.ui.browse.long_work import TargetWork
from auditlog_tui.ui.browse.marking import MarkController
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.panes.who import WhoPane
from auditlog_tui.ui.patches.timers import certain
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.widget import Widget

    from auditlog_tui.analysis.gathering import Figure
    from auditlog_tui.analysis.who import Kind, Subject
    from auditlog_tui.session.navigator import Place
    from auditlog_tui.session.page import Page
    from auditlog_tui.store.entries import Row
    from auditlog_tui.ui.panes.who_lines import WhoLine

REDRAW_S = 0.25
"""Seconds between two updates of the page while it is found out."""

KINDS: dict[str, Kind] = {
    "actor": "actor", "actor.name": "actor", "actor.type": "actor", "ip": "ip", "target": "target",
    "target.type": "target",
}  # fmt: skip
"""What the fields of the filter language say of whom a page can be about."""

COLUMNS: dict[Kind, str] = {"actor": "actor_id", "ip": "client_ip", "target": "target_id"}
NAMES: dict[Kind, str] = {"actor": "actor", "ip": "address", "target": "target"}
UNCOPIED = "Stopped before all IDs to revoke were known: nothing was copied"
NOBODY = "This is about no actor, address or target"


class WhoController(Controller):
    """`w`, and the keys of the page. A page is a place: `[` and Escape lead back from it, and back to it."""

    def __init__(
        self,
        host: Host,
        pane: WhoPane,
        table: EntryTable,
        detail: DetailPane,
        facets: FacetPane,
        marking: MarkController,
        copying: CopyController,
        exporting: ExportController,
    ) -> None:
        self._host = host
        self._pane = pane
        self._table = table
        self._detail = detail
        self._facets = facets
        self._marking = marking
        self._copying = copying
        self._exporting = exporting
        self._page: Page | None = None
        self._covered: Widget = table
        """What had the focus when a page covered it."""
        self._awaited: Page | None = None
        """The page whose IDs to revoke are to be copied once they are known."""
        self._waits = False
        """The page is still to be loaded."""
        self._work = TargetWork(host, "who")
        self._redraw: Timer | None = None
        self._drawn_at = 0.0

    # -- opening -----------------------------------------------------------------------------------------------

    def action_who(self) -> None:
        """Open the page of the cell under the cursor; ask for which of the entry's if it is another cell."""
        row = wanted_row(self._host, self._table)
        if row is not None:
            self._open_for(row, KINDS.get(self._table.canvas.field))

    def action_who_of_field(self) -> None:
        field, row = self._detail.field, wanted_row(self._host, self._table)
        kind = KINDS.get(field.term) if field is not None else None
        if field is not None and kind is not None and field.term == kind and field.filter_value:
            self._open(kind, str(field.filter_value))  # the full record may differ from the row
        elif row is not None:
            self._open_for(row, kind)

    def action_who_of_facet(self) -> None:
        chosen = self._facets.chosen
        kind = KINDS.get(chosen[0]) if chosen is not None else None
        if chosen is not None and kind is not None and chosen[1] is not None:
            self._open(kind, str(chosen[1]))
        else:
            self._host.say(f"{NOBODY}: go to one, w opens its page", "warning")

    def _open_for(self, row: Row, kind: Kind | None) -> None:
        """Open the page of this kind, or ask which one if that is not given or the entry has none."""
        offers = {each: value for each, column in COLUMNS.items() if (value := getattr(row, column))}
        if kind in offers:
            offers = {kind: offers[kind]}
        if not offers:
            self._host.say("This entry has no readable actor, address or target", "warning")
        elif len(offers) == 1:
            self._open(*next(iter(offers.items())))
        else:
            self._ask(row, offers)

    def _ask(self, row: Row, offers: dict[Kind, str]) -> None:
        from auditlog_tui.ui.dialogs.menu import Choice, MenuScreen

        told = {"actor": row.actor_name or row.actor_type or "", "ip": "", "target": row.target_type or ""}
        choices = [Choice(kind[0], NAMES[kind], (f"{told[kind]} {value}".strip(),)) for kind, value in offers.items()]
        kinds = {kind[0]: kind for kind in offers}

        def chosen(key: str | None) -> None:
            if key is not None:
                self._open(kinds[key], offers[kinds[key]])

        self._host.ask(MenuScreen("who: everything about this …", choices), chosen)

    def _open(self, kind: Kind, value: str) -> None:
        from auditlog_tui.analysis.who import Subject

        self._open_page(Subject(kind, value))

    def _open_page(self, subject: Subject) -> None:
        self._host.go(lambda: self._host.navigator.who(subject))

    @property
    def revocable(self) -> bool:
        """Whether the page can have anything to revoke: that of a target has not."""
        return self._page is None or self._page.who.subject.kind != "target"

    # -- showing -----------------------------------------------------------------------------------------------

    def cover(self, place: Place) -> None:
        """Let the page of a place cover the table, or uncover that; called before the place is shown."""
        screen, before = self._pane.screen, self._page
        if before is not None:
            before.line = self._pane.at
        self._page = place.page
        if before is not place.page:
            self._work.cancel()
            if self._awaited is not None:
                self._awaited = None
                self._host.call_later(self._host.say, UNCOPIED, "")
        covers = place.page is not None
        focused = screen.focused
        if covers and before is None and isinstance(focused, EntryTable | DetailPane | FacetPane):
            self._covered = focused
        screen.set_class(covers, "-page")
        if not covers and before is not None and (focused is None or focused is self._pane):
            (self._covered if self._covered.display else self._table).focus()

    def place_shown(self) -> None:
        page = self._page
        if page is None:
            return
        if isinstance(self._pane.screen.focused, EntryTable | DetailPane | FacetPane | None):
            self._pane.focus()
        self._pane.opened, self._pane.at = page.opened, cast("tuple[object, int] | None", page.line)
        self._show()
        self._waits = page.busy
        self._load_if_up_to_date()

    def rows_changed(self) -> None:
        if self._page is not None:
            self._load_if_up_to_date()
            self._changed()

    def _load_if_up_to_date(self) -> None:
        """Load the page that waits, but not before a log from a case is up to date: it may then have all of it."""
        page, view = self._page, self._host.view
        if page is None or not self._waits or (view.feed.unasked and view.error is None and not view.paused):
            return
        self._waits = False
        if not page.stopped:
            self._load(page)

    def focus_main(self) -> None:
        """Give the focus to the page, or to the table if there is none."""
        (self._pane if self._page is not None else self._table).focus()

    def _load(self, page: Page) -> None:
        page.stopped, page.error = False, ""
        self._work.run(page, lambda: self._find_out(page))

    async def _find_out(self, page: Page) -> None:
        try:
            await page.who.load(self._changed)
        except AuditLogError as error:
            page.error = f"{error} r goes on."
        self._show()
        if self._awaited is page:
            self._copy_revoked(page)

    def _changed(self) -> None:
        """Draw the page soon: at once would cost more than finding out."""
        if self._redraw is None:
            wait = self._drawn_at + REDRAW_S - time.monotonic()
            self._redraw = certain(self._host.set_timer(max(0.001, wait), self._show))

    def _show(self) -> None:
        if self._redraw is not None:
            self._redraw.stop()
        self._redraw, self._drawn_at = None, time.monotonic()
        page = self._page
        if page is None:
            return
        from auditlog_tui.ui.panes.who_lines import sections, title

        look, report = self._host.look, page.who.report
        doing = f"{safe(page.who.describe(), 60)} {look.glyphs.ellipsis} Esc stops"
        subtitle = "stopped, r goes on" if page.stopped else "" if report.done or page.error else doing
        self._pane.show(sections(report, look), title(report), subtitle, safe(page.error, 1_000))

    # -- stopping and leaving ----------------------------------------------------------------------------------

    def stop(self) -> bool:
        """Stop finding out; what is known stays. False if nothing was under way."""
        page = self._page
        if page is None or not page.busy:
            return False
        uncopied = self._awaited is page
        self._work.cancel()
        self._awaited = None
        page.stopped = True
        self._show()
        self._host.say(f"{UNCOPIED}; r goes on, C copies those known so far" if uncopied else "Stopped; r goes on")
        return True

    def leave(self) -> bool:
        """Go back to where the page was opened, or to the filter there if that is forgotten. False without a page."""
        if self._page is None:
            return False
        navigator = self._host.navigator
        return self._host.go(lambda: navigator.back() or navigator.submit(navigator.place.text))

    def retry(self) -> bool:
        """Go on with what failed or was stopped. False if there is nothing."""
        page = self._page
        if page is None or not (page.stopped or page.error):
            return False
        self._load(page)
        self._show()
        return True

    # -- keys of the page --------------------------------------------------------------------------------------

    def action_page_go(self) -> None:
        """Show the entries of the line."""
        if not self._pane.turn() and (line := self._line()) is not None:
            self._host.submit(line.filter)

    def action_page_who(self) -> None:
        line, page = self._pane.line, self._page
        subject = line.subject if line is not None else None
        if subject is None or page is None:
            self._host.say(f"{NOBODY}, so it has no page", "warning")
        elif subject == page.who.subject:
            self._host.say("This is its page")
        else:
            self._open_page(subject)

    def action_page_copy(self) -> None:
        line = self._pane.line
        if line is None or not line.value:
            self._host.say("There is nothing here to copy", "warning")
        else:
            self._host.copy(line.value, f"{line.what} {safe(line.value, 80)}", values=(line.value,))

    def action_page_copy_revoked(self) -> None:
        """Copy the IDs of all that must be revoked once they are known; pressed again, those known so far."""
        page = self._page
        if page is None:
            return
        if page.busy and self._awaited is not page:
            self._awaited = page
            self._host.say("The IDs to revoke are copied once all are known; C again copies those known now")
        else:
            self._copy_revoked(page)

    def _copy_revoked(self, page: Page) -> None:
        """Copy the IDs one a line; the message says how certain the list is."""
        from auditlog_tui.analysis.revocation import revocation

        self._awaited = None
        found = revocation(page.who.report)
        acted = found.number("acted")
        doubts = [f"{count(acted)} acted from here and may be legitimate"] if acted else []
        doubts += [f"{count(found.unknown)} of them perhaps deleted already"] if found.unknown else []
        doubts += ["perhaps not all, see “to revoke”"] if found.doubts else []
        told = f" ({', '.join(doubts)})" if doubts else ""
        if found.ids:
            what = f"{counted(len(found.ids), 'ID')} to revoke{told}"
            self._host.copy("\n".join(found.ids), what, values=found.ids)
        else:
            self._host.say(f"Nothing is known that must be revoked{told}", "warning")

    def action_page_copy_menu(self) -> None:
        if (line := self._line()) is not None:
            self._copying.offer_matching(line.filter)

    def action_page_export(self) -> None:
        """Export the line's entries, loaded or not."""
        if (line := self._line()) is not None:
            self._exporting.ask_for_line(line.filter, line.filter)

    async def action_page_mark(self) -> None:
        """Mark the line's entries, as far as they are loaded; the message says if there are others."""
        line = self._line()
        if line is not None:
            await self._marking.mark_matching(line.filter, partial(_others, line.entries))

    def _line(self) -> WhoLine | None:
        """The line under the cursor if it has entries; else says that it has none."""
        line = self._pane.line
        if line is None or not line.filter:
            self._host.say("This line has no entries of its own", "warning")
            return None
        return line


def _others(entries: Figure | None, marked: int) -> str:
    """What to add to a message on a line's loaded entries about its others."""
    from auditlog_tui.analysis.gathering import Basis

    if entries is None or entries.n is None or entries.basis is not Basis.EXACT:
        return "; others may exist that are not loaded"
    more = entries.n - marked
    return f"; {count(more)} more {'is' if more == 1 else 'are'} not loaded" if more > 0 else ""
