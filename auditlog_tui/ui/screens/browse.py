"""The one screen: header, filter bar, table, detail pane, footer; what is typed or clicked becomes a deed here."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.getters import query_one
from textual.screen import Screen
from textual.widget import Widget

from auditlog_tui.errors import AuditLogError, QueryError
from auditlog_tui.output.present import Glyphs, Mode, age, local_zone, safe
from auditlog_tui.settings import Settings
from auditlog_tui.ui.follower import Follower
from auditlog_tui.ui.keys import CHIPS, DETAIL, EVERYWHERE, FILTER, TABLE, bindings
from auditlog_tui.ui.loader import Loader
from auditlog_tui.ui.messages import CopyRequested
from auditlog_tui.ui.screens.help import HelpScreen
from auditlog_tui.ui.states import sayings
from auditlog_tui.ui.widgets.bars import FooterBar, HeaderBar
from auditlog_tui.ui.widgets.chips import ChipLine
from auditlog_tui.ui.widgets.columns import Look
from auditlog_tui.ui.widgets.detail import DetailPane
from auditlog_tui.ui.widgets.filter_bar import FilterBar
from auditlog_tui.ui.widgets.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.browser import Browser, Place
    from auditlog_tui.retry import Wait
    from auditlog_tui.store import Row
    from auditlog_tui.ui.app import Opener
    from auditlog_tui.view import View

WIDE = 150
"""Cells from which the detail pane stands beside the table."""

DATES = 100
"""Cells from which times have their date."""

MODES: dict[str, Mode] = {"utc": "utc", "local": "local", "relative": "relative"}
"""How times are shown, in the order in which `t` goes through them."""

SPINNER_S = 0.12
CLOCK_S = 1.0
SKEW_US = 5_000_000
"""A difference between two clocks that is worth a word, in microseconds."""


class BrowseScreen(Screen[None]):
    """Holds the browser, and hands what it shows down to the widgets."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]

    header = query_one(HeaderBar)
    filter_bar = query_one(FilterBar)
    table = query_one(EntryTable)
    pane = query_one(DetailPane)
    footer = query_one(FooterBar)

    def __init__(self, settings: Settings, opener: Opener, text: str, glyphs: Glyphs) -> None:
        super().__init__()
        self.settings = settings
        self.browser: Browser | None = None
        self.look = Look(glyphs, MODES[settings.zone], local_zone(), time.time_ns() // 1000)
        self._opener = opener
        self._text = text
        self._wait: Wait | None = None
        self._frame = 0
        self._skew_said = False
        self._ignored: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.settings.endpoint, self.look)
        yield FilterBar(self.look.glyphs)
        with Container(id="body"):
            yield EntryTable(self.look)
            yield DetailPane()
        yield FooterBar()

    def on_mount(self) -> None:
        self.loader = Loader(self, self._changed, self._idle)
        self.follower = Follower(self, self.pane)
        self.table.blank = [(f"{self.look.glyphs.spinner[0]} opening {self.settings.endpoint} …", "dim")]
        self.set_interval(SPINNER_S, self._spin)
        self.set_interval(CLOCK_S, self._tick)
        self.call_after_refresh(self.run_worker, self._open(), group="open")

    # -- opening -----------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(self._opener.prepare)
            self.browser = self._opener.open(self._waiting)
        except AuditLogError as error:
            self.table.blank = [(str(error), "error"), ("", "dim"), ("q quits", "dim")]
            self.table.refresh()
            return
        if self.look.mode != "local":
            self.browser.zone = UTC
        self.filter_bar.explain = self.browser.explain
        self.filter_bar.suggest = self.browser.suggest
        self.filter_bar.history = self.browser.history.texts
        try:
            self._go(self.browser.submit(self._text))
        except QueryError as error:
            self._go(self.browser.submit(""))
            self.filter_bar.open(self._text)
            self.filter_bar.fail(error)

    # -- what is shown -----------------------------------------------------------------------------------------

    @property
    def view(self) -> View | None:
        return self.browser.view if self.browser is not None and self.browser.places else None

    def _leave(self) -> None:
        """Note where the user is, for the way back."""
        if self.browser is not None and self.browser.places and self.table.view is self.browser.view:
            row = self.table.row
            self.browser.place.cursor = row.n if row is not None else None
            self.browser.place.above = self.table.cursor - self.table.top

    def _go(self, place: Place) -> None:
        """Show a place; what it lacks is fetched as the table asks for it."""
        self.filter_bar.show(place.text)
        self.table.show(place.view, place.cursor, place.above)
        self._changed()

    def _changed(self) -> None:
        """Rows arrived, or what there is to say of them changed."""
        view, browser = self.view, self.browser
        if view is None or browser is None:
            return
        self._note_clock(browser)
        self._note_obedience(browser)
        self._say_state(view, browser)
        self.table.sync()
        self.header.show(view.summary(), self.look, busy=self.loader.busy)
        if view.error is not None:
            self.say(str(view.error), "error")
        elif view.notice:
            self.say(view.notice, "warning")
            view.notice = ""

    def _say_state(self, view: View, browser: Browser) -> None:
        busy, width = self.loader.busy, self.table.inner_width
        said = sayings(view, browser.place.text, self.look, busy=busy, frame=self._frame, width=width)
        self.table.head, self.table.tail, self.table.blank = said.head, said.tail, list(said.blank)

    def _idle(self, view: View) -> None:
        self._changed()
        if view is self.view and view.error is None and not view.paused:
            self.table.ask_for_more()

    def _note_clock(self, browser: Browser) -> None:
        now_us = browser.log.now_us()
        offset_us = browser.log.api.clock_offset_us or 0
        self.look = replace(self.look, now_us=now_us)
        if abs(offset_us) > SKEW_US and not self._skew_said:
            self._skew_said = True
            way = "behind" if offset_us > 0 else "ahead of"
            self.say(
                f"This machine's clock is {age(abs(offset_us))} {way} the server's; ages go by the server's",
                "warning",
            )

    def _note_obedience(self, browser: Browser) -> None:
        """Say once of each parameter that the server ignores it; the chips then tell of it."""
        fresh = browser.log.obedience.ignored - self._ignored
        if fresh:
            self._ignored |= fresh
            self.filter_bar.tell(self.filter_bar.input.value)
            self.say(
                f"This server ignores {', '.join(sorted(fresh))}: what is asked by it is evaluated here", "warning"
            )

    def _spin(self) -> None:
        self._frame += 1
        view, browser = self.view, self.browser
        if view is not None and browser is not None and self.loader.busy:
            self._say_state(view, browser)
            self.table.refresh_said()
            self.header.show(view.summary(), self.look, busy=True)
        if self._wait is not None:
            self._say_wait(self._wait)

    def _tick(self) -> None:
        browser = self.browser
        if browser is None:
            return
        self.look = replace(self.look, now_us=browser.log.now_us())
        if self.look.mode == "relative":
            self.table.restyle(self.look)
        self.header.tick(self.look)

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#body").set_class(event.size.width >= WIDE, "-wide")
        dates = event.size.width >= DATES
        if dates != self.look.dates:
            self.look = replace(self.look, dates=dates)
            self.table.restyle(self.look)

    # -- saying ------------------------------------------------------------------------------------------------

    def say(self, text: str, severity: str = "") -> None:
        """Say something in the status line, until the next key."""
        self.footer.say(safe(text, 1_000), severity)

    def forget_message(self) -> None:
        """A key was pressed: what was said is read."""
        if self.footer.message:
            self.footer.say("")

    def _waiting(self, wait: Wait | None) -> None:
        self._wait = wait
        if wait is None:
            self.forget_message()
        else:
            self._say_wait(wait)

    def _say_wait(self, wait: Wait) -> None:
        left = max(0, round(wait.until - time.monotonic()))
        again = f"trying again in {left} s ({wait.attempt} of {wait.attempts}), Esc stops"
        self.say(f"{wait.reason} {self.look.glyphs.bullet} {again}", "warning")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        places: dict[type[Widget], str] = {EntryTable: TABLE, DetailPane: DETAIL, ChipLine: CHIPS}
        self.footer.place = places.get(type(event.widget), FILTER)
        if self.footer.place == FILTER:
            self.filter_bar.tell(self.filter_bar.input.value)

    # -- the table ---------------------------------------------------------------------------------------------

    @on(EntryTable.Reached)
    def _reached(self, message: EntryTable.Reached) -> None:
        view = self.view
        if view is not None and view.error is None and not view.paused:
            self.loader.want(view, older=message.older, rows=self.table.body)

    @on(EntryTable.ScanOn)
    def _scan_on(self) -> None:
        if self.view is not None:
            self.loader.want(self.view, older=not self.view.older_done, rows=self.table.body)

    @on(EntryTable.Moved)
    def _moved(self, message: EntryTable.Moved) -> None:
        if self.browser is not None:
            self.follower.follow(message.row, self.browser.log, self.look)

    @on(EntryTable.Jumped)
    def _jumped(self, message: EntryTable.Jumped) -> None:
        if self.browser is not None:
            self._leave()
            self._go(self.browser.jump(oldest=message.oldest))

    @on(EntryTable.Asked)
    def _asked_of_row(self, message: EntryTable.Asked) -> None:
        match message.action:
            case "open":
                self._open_pane()
            case "copy":
                self._copy_id(message.row)
            case _:
                value = self.browser.value_of(message.row, message.field) if self.browser is not None else None
                self._narrow(message.field, value, message.action)

    def _copy_id(self, row: Row) -> None:
        if row.key.startswith("sha256:"):
            self.say("This entry came without an ID, so there is none to copy; y j copies its JSON", "error")
        else:
            self.post_message(CopyRequested(row.key, f"ID {safe(row.key, 80)}"))

    # -- the detail pane ---------------------------------------------------------------------------------------

    def _open_pane(self) -> None:
        self.pane.add_class("-open")
        self.pane.focus()
        if self.browser is not None:
            self.follower.follow(self.table.row, self.browser.log, self.look, now=True)

    def _close_pane(self) -> None:
        self.pane.remove_class("-open")
        self.table.focus()

    @on(DetailPane.Asked)
    def _asked_of_field(self, message: DetailPane.Asked) -> None:
        field, browser = message.field, self.browser
        match message.action:
            case "next_entry":
                self.table.action_down()
            case "previous_entry":
                self.table.action_up()
            case "raw" if browser is not None:
                self.follower.toggle_raw(browser.log, self.look)
            case "copy" if field is not None:
                self.post_message(CopyRequested(field.value, f"{safe(field.name, 40)} {safe(field.value, 80)}"))
            case "include" | "exclude" if field is not None and field.term:
                self._narrow(field.term, field.value or None, message.action)
            case _:
                self.say("There is nothing to filter by in this field", "warning")

    # -- the filter --------------------------------------------------------------------------------------------

    @on(FilterBar.Submitted)
    def _submitted(self, message: FilterBar.Submitted) -> None:
        self._submit(message.text)

    def _submit(self, text: str) -> None:
        if self.browser is None:
            return
        self._leave()
        try:
            place = self.browser.submit(text)
        except QueryError as error:
            self.filter_bar.open(text)
            self.filter_bar.fail(error)
            return
        self._go(place)
        self.table.focus()

    @on(FilterBar.Left)
    def _left_filter(self) -> None:
        self.table.focus()

    def _narrow(self, field: str, value: object, action: str) -> None:
        if self.browser is None:
            return
        text = self.browser.narrowed(field, value, negated=action == "exclude")
        if text is None:
            self.say("There is nothing to filter by in this cell", "warning")
        else:
            self._submit(text)

    # -- keys that work everywhere -----------------------------------------------------------------------------

    def action_edit_filter(self) -> None:
        self.filter_bar.open()

    def action_back(self) -> None:
        self._walk("back", "This is the first filter of this run")

    def action_forward(self) -> None:
        self._walk("forward", "There is nothing to go forward to")

    def _walk(self, way: str, nothing: str) -> None:
        if self.browser is None:
            return
        self._leave()
        place = self.browser.back() if way == "back" else self.browser.forward()
        if place is None:
            self.say(nothing)
        else:
            self._go(place)

    def action_park(self) -> None:
        if self.browser is not None:
            self._leave()
            self._go(self.browser.park())

    def action_retry(self) -> None:
        view, browser = self.view, self.browser
        if view is None or browser is None or self.follower.retry(browser.log, self.look):
            return
        if view.error is not None or view.feed.broken:
            self.loader.want(view, older=not view.older_done, rows=self.table.body)
        else:
            self._leave()
            self._go(browser.refresh())

    def action_load_all(self) -> None:
        view = self.view
        if view is None or view.complete:
            self.say("Everything that matches is loaded")
        else:
            self.loader.want(view, older=not view.older_done, everything=True)

    def action_zone(self) -> None:
        modes = list(MODES.values())
        self.look = replace(self.look, mode=modes[(modes.index(self.look.mode) + 1) % len(modes)])
        if self.browser is not None:
            self.browser.zone = self.look.zone if self.look.mode == "local" else UTC
        self.table.restyle(self.look)
        self._changed()
        self._moved(EntryTable.Moved(self.table.row))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    def action_close(self) -> None:
        if self.pane.display:
            self._close_pane()
        else:
            self.app.exit()

    def action_escape(self) -> None:
        if self.pane.has_focus:
            self.table.focus()
        elif self.pane.display:
            self._close_pane()
        elif self.loader.stop():
            self.say("Stopped; Space goes on")
            self._changed()
