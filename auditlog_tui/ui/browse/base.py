"""What every part of the browse screen stands on: its widgets, the place it shows, and what it says of it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.getters import query_one
from textual.message import Message
from textual.widget import Widget

from auditlog_tui import runtime
from auditlog_tui.errors import AuditLogError, QueryError, StoreError
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.present import Glyphs, Mode, format_time, safe, ways
from auditlog_tui.ui.browse.detail import Follower
from auditlog_tui.ui.browse.loading import Loader
from auditlog_tui.ui.browse.long_work import LongWork
from auditlog_tui.ui.guard import guarded
from auditlog_tui.ui.keys import CHIPS, DETAIL, FACETS, FILTER, TABLE, TIMELINE
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.panes.bars import FooterBar, HeaderBar
from auditlog_tui.ui.panes.chips import ChipLine
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.panes.timeline import TimelineBar
from auditlog_tui.ui.patches.scroll_region import ShiftingScreen
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.columns import read_columns
from auditlog_tui.ui.table.states import Sayings, is_refusal, sayings, why_nothing
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.api.retry import Wait
    from auditlog_tui.log.view import View
    from auditlog_tui.session.navigator import Navigator, Place
    from auditlog_tui.ui.app import Opener

WIDE = 150
"""Cells from which the detail pane stands beside the table."""

SPINNER_S = 0.12
CLOCK_S = 1.0

KEY_S = 0.008
"""Seconds that the next page waits after a key, so that the key has its frame before."""

IDLE_S = 5.0
"""Seconds after a key from which none is expected at once."""

SOON_S = 0.3
"""Seconds after a key within which the next one of the same thought comes."""


PLACES: dict[type[Widget], str] = {
    EntryTable: TABLE,
    DetailPane: DETAIL,
    ChipLine: CHIPS,
    TimelineBar: TIMELINE,
    FacetPane: FACETS,
}
"""What has the focus, by its name in the list of keys; anything else is the filter bar."""


class BrowseBase(ShiftingScreen):
    """Holds the browser, and hands what it shows down to the widgets."""

    header = query_one(HeaderBar)
    filter_bar = query_one(FilterBar)
    table = query_one(EntryTable)
    timeline = query_one(TimelineBar)
    pane = query_one(DetailPane)
    facets = query_one(FacetPane)
    footer = query_one(FooterBar)

    def __init__(self, settings: Settings, opener: Opener, text: str, glyphs: Glyphs) -> None:
        super().__init__()
        self.settings = settings
        self.navigator: Navigator  # from `opened` on
        self.opened = False
        self.ways = deque(ways(settings.zone))
        self.look = Look(glyphs, *self.ways[0], time.time_ns() // 1000)
        self.look = replace(self.look, columns=read_columns(settings.columns))
        self._opener = opener
        self._text = text
        self._wait: Wait | None = None
        self._frame = 0
        self._wait_said = ""
        self._skew_said = False
        self._history_said = ""
        self._keyed_at = 0.0
        self._ignored: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield HeaderBar(self.settings.endpoint, self.look)
        yield FilterBar(self.look.glyphs)
        yield TimelineBar(self.look)
        with Container(id="body", classes="-wide" if self.app.size.width >= WIDE else ""):
            yield EntryTable(self.look)
            yield DetailPane()
            yield FacetPane(self.look.glyphs)
        yield FooterBar()

    def on_mount(self) -> None:
        self.loader = Loader(self, self.changed, self._idle)
        self.follower = Follower(self, self.pane)
        self.long = LongWork(self, self.say)
        self.table.blank = [(f"{self.look.glyphs.spinner[0]} opening {self.settings.endpoint} …", "dim")]
        self._spinner = self.set_interval(SPINNER_S, self._spin, pause=True)
        self.set_interval(CLOCK_S, self._tick)
        self.call_after_refresh(self.run_worker, self._open(), group="open")

    async def _dispatch_message(self, message: Message) -> None:
        await guarded(self, super()._dispatch_message(message))

    # -- opening -----------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(self._opener.prepare)
            self.navigator = self._opener.open(self._waiting)
        except AuditLogError as error:
            self.table.blank = [(str(error), "error"), ("", "dim"), ("q quits", "dim")]
            self.table.refresh()
            return
        self.opened = True
        self.navigator.zone = self.look.zone
        self.filter_bar.explain = self.navigator.explain
        self.filter_bar.suggest = self.navigator.suggest
        self.filter_bar.history = self.navigator.history.texts
        try:
            self.go(self.navigator.submit(self._text))
        except QueryError as error:
            self.go(self.navigator.submit(""))
            self.filter_bar.open(self._text)
            self.filter_bar.fail(error)
        self.begun()
        runtime.settle()

    def begun(self) -> None:
        """The log is open, and its first place is on the screen."""

    # -- what is shown -----------------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The view on the screen, once there is one."""
        return self.navigator.view

    def leave(self) -> None:
        """Note where the user is, for the way back."""
        if self.navigator.places and self.table.view is self.view:
            row = self.table.row
            self.navigator.place.cursor = row.n if row is not None else None
            self.navigator.place.above = self.table.cursor - self.table.top

    def go(self, place: Place) -> None:
        """Show a place; what it lacks is fetched as the table asks for it."""
        self.filter_bar.show(place.text)
        self.table.show(place.view, place.cursor, place.above)
        self.changed()
        self.shown()

    def shown(self) -> None:
        """Another place is on the screen: parts that show something of it look anew."""

    async def show_marked(self) -> None:
        """Show only what is marked, as it is now."""
        raise NotImplementedError

    def submit(self, text: str) -> None:
        """Show what a filter asks for; one that can't be read is pointed at, and nothing else changes."""
        if not self.opened:
            self._text = text
            return
        self.leave()
        try:
            place = self.navigator.submit(text)
        except QueryError as error:
            self.filter_bar.open(text)
            self.filter_bar.fail(error)
            return
        self.go(place)
        self.table.focus()
        if wrong := self.history_error():
            self.say(wrong, "error")

    def history_error(self) -> str:
        """What is wrong with the file of filters, the first time that it is asked for."""
        error = self.navigator.history.error
        fresh = error if error != self._history_said else ""
        self._history_said = error
        return fresh

    def narrow(self, field: str, value: object, action: str) -> None:
        """Add a term for a value: `action` is `include` or `exclude`."""
        text = self.navigator.narrowed(field, value, negated=action == "exclude")
        if text is None:
            self.say("There is nothing to filter by here", "warning")
        else:
            self.submit(text)

    def changed(self) -> None:
        """Rows arrived, or what there is to say of them changed."""
        if (place := self.navigator.frozen_anew()) is not None:
            self.go(place)
            return
        view = self.view
        self._note_clock()
        self._note_obedience()
        self._show_state()
        self.table.sync()
        if view.error is not None:
            if is_refusal(view.error) and not len(view.feed.run) and self._take_back(view.error):
                return
            if len(view):  # else it is said where the rows would be, once
                self.say(str(view.error), "error")
        elif view.notice:
            self.say(view.notice, "warning")
            view.notice = ""

    def _take_back(self, error: AuditLogError) -> bool:
        """Go back to the rows before a filter that the server refused, and point at its term; False at the first."""
        text, pointed = self.navigator.place.text, self.navigator.refusal(error)
        place = self.navigator.take_back()
        if place is None:
            return False
        typing = self.filter_bar.input.has_focus
        self.go(place)
        if typing:  # another filter by now, which is not to be written over
            self.say(str(error), "error")
        else:
            self.filter_bar.open(text)
            self.filter_bar.refuse(pointed)
        return True

    def _show_state(self) -> None:
        """What header and table say of the view; nothing of one that can't be read."""
        busy, width = self.loader.busy, self.table.inner_width
        said, summary = Sayings(), None
        try:
            said = sayings(self.navigator, self.look, busy=busy, frame=self._frame, width=width)
            summary = self.view.summary()
        except StoreError as error:
            self.say(str(error), "error")
        self.table.head, self.table.tail, self.table.blank = said.head, said.tail, list(said.blank)
        wrong = self.view.error
        failed = why_nothing(wrong) if wrong is not None and not len(self.view.feed.run) else ""
        self.header.show(summary, self.look, busy=busy, failed=failed)

    def _idle(self, view: View) -> None:
        self.changed()
        if view is self.view and view.error is None and not view.paused:
            self.table.ask_for_more()

    def _note_clock(self) -> None:
        from auditlog_tui.log.log import UNTIMED, skew  # late: it loads the models

        log = self.navigator.log
        self.look = replace(self.look, now_us=log.now_us())
        said = skew(log.api.clock_offset_us)
        if not said and log.api.clock_offset_us is None and self.navigator.place.relative and self.view.feed.requests:
            said = "" if self.view.error is not None or self.loader.busy else UNTIMED
        if said and not self._skew_said:
            self._skew_said = True
            self.say(said, "warning")

    def _note_obedience(self) -> None:
        """Say once of each parameter that the server ignores it; the chips then tell of it."""
        fresh = self.navigator.log.server_support.ignored - self._ignored
        if fresh:
            self._ignored |= fresh
            self.filter_bar.tell(self.filter_bar.input.value)
            self.say(
                f"This server ignores {', '.join(sorted(fresh))}: what is asked by it is evaluated here", "warning"
            )

    def fetch(self, *, older: bool, rows: int = 1, everything: bool = False) -> None:
        """Fetch at one end of what is shown."""
        self.loader.want(self.view, older=older, rows=rows, everything=everything)
        self._spinner.resume()

    def _spin(self) -> None:
        self._frame += 1
        if self.loader.busy:
            self._show_state()
            self.table.refresh()
        if self._wait is not None and self.footer.message in ("", self._wait_said):  # else something was said since
            self._say_wait(self._wait)
        if not self.loader.busy and self._wait is None:
            self._spinner.pause()

    def _tick(self) -> None:
        if not self.opened:
            return
        since_key = time.monotonic() - self._keyed_at
        runtime.rest(idle=since_key > IDLE_S, pressed=since_key < SOON_S)
        if self.navigator.log.store.unused:
            start(self, self._sweep, "sweep")
        self.look = replace(self.look, now_us=self.navigator.log.now_us())
        if self.look.mode == "relative":
            self.table.restyle(self.look)
        self.header.tick(self.look)

    async def _sweep(self) -> None:
        with suppress(StoreError):  # nobody asked for it, and the next tick tries again
            await self.navigator.log.store.sweep()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#body").set_class(event.size.width >= WIDE, "-wide")

    def day(self, us: int) -> str:
        """The date of an instant, as times are shown."""
        mode: Mode = "local" if self.look.mode == "local" else "utc"
        return format_time(us, mode, self.look.now_us, self.look.zone)[:10]

    @on(EntryTable.Zoned)
    def _zoned(self, message: EntryTable.Zoned) -> None:
        self.header.zoned(message.labels)

    @on(EntryTable.Failed)
    def _table_failed(self, message: EntryTable.Failed) -> None:
        self.say(str(message.error), "error")

    # -- saying ------------------------------------------------------------------------------------------------

    def say(self, text: str, severity: str = "") -> None:
        """Say something in the status line, until the next key."""
        self.footer.say(safe(text, 1_000), severity)

    def keyed(self) -> None:
        """A key was pressed: what was said is read, and the next page can wait until the key is done."""
        self._keyed_at = time.monotonic()
        if self.opened:
            self.navigator.log.hold(KEY_S)
        self.forget_message()

    def forget_message(self) -> None:
        """What was said is read."""
        if self.footer.message:
            self.footer.say("")

    def _waiting(self, wait: Wait | None) -> None:
        self._wait = wait
        if wait is None:
            if self.footer.message == self._wait_said:  # and nothing was said since
                self.forget_message()
        else:
            self._say_wait(wait)
            self._spinner.resume()

    def _say_wait(self, wait: Wait) -> None:
        now = time.monotonic()
        said = f"waiting {wait.waited(now)} s, attempt {wait.attempt} of {wait.attempts}, Esc stops"
        if wait.until is not None:
            left = max(0, round(wait.until - now))
            again = f"trying again in {left} s ({wait.attempt} of {wait.attempts}), Esc stops"
            said = f"{wait.reason} {self.look.glyphs.bullet} {again}"
        self.say(said, "warning")
        self._wait_said = self.footer.message

    def stop_waiting(self) -> bool:
        """End the request whose wait is shown; False where none is."""
        if self._wait is None:
            return False
        if self.loader.stop():
            self.say("Stopped; Space or r goes on")
            self.changed()
        self._wait.stop()
        return True

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.footer.place = PLACES.get(type(event.widget), FILTER)
        if self.footer.place == FILTER:
            self.filter_bar.tell(self.filter_bar.input.value)
