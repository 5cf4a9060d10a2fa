"""What header, table and status line say of the view: progress, verdict, waits, errors and warnings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace

from auditlog_tui.errors import StoreError
from auditlog_tui.runtime import pause_left
from auditlog_tui.text.cells import cell_width, shorten_end
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.panes.bars import FooterBar, HeaderBar
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.table.states import States, describe, why_lost, why_nothing
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from textual.timer import Timer

    from auditlog_tui.api.retry import Wait
    from auditlog_tui.log.log import Log
    from auditlog_tui.log.pace import Pace

QUIT_HINT = "Ctrl+C again quits; to copy, select with the mouse first"

SPINNER_S = 0.12
"""Seconds between two turns of the spinner."""


AT_ONCE_S = 0.5
"""Seconds after its key in which a result may open a dialog; later, that would take keys meant for the table."""


class Begun(NamedTuple):
    """When work began: the count of keys by then, and the time."""

    keyed: int
    at: float


class Work(Protocol):
    """Work beside the view whose progress is shown."""

    def describe(self) -> str:
        """What it does now (safe text)."""

    def tells(self, wait: Wait) -> bool:
        """Whether `describe` tells of this wait."""


class StatusController(Controller):
    """The spinner turns while something is fetched or waited for. `keyed` counts the keys pressed."""

    def __init__(
        self,
        host: Host,
        header: HeaderBar,
        filter_bar: FilterBar,
        table: EntryTable,
        footer: FooterBar,
        loader: LoadController,
    ) -> None:
        self._host = host
        self._header = header
        self._filter_bar = filter_bar
        self._table = table
        self._footer = footer
        self._loader = loader
        self._spinner: Timer | None = None
        self._frame = 0
        self._wait: Wait | None = None
        self._progress = ""
        """The message on the wait or the pace that was shown last."""
        self.keyed = 0
        self._work: Work | None = None
        self._quits = False
        self._skew_told = False
        self._ignored_told: frozenset[str] = frozenset()

    def opened(self) -> None:
        self._host.navigator.journal.tell(self._say_later)

    def watch(self, log: Log) -> None:
        """Let the header say from now on that requests fail, until one succeeds. A file is not asked for anything."""
        if log.origin is None:
            log.watch(lambda error: self._header.lose(why_lost(error, self._header.lost)))

    def _say_later(self, text: str, severity: str) -> None:
        """Say it after what the key itself says, which would take its place."""
        self._host.call_later(self.say, text, severity)

    # -- the view ----------------------------------------------------------------------------------------------

    def note_server(self) -> None:
        """Take over the server's clock, and warn once of a wrong clock and of each ignored parameter."""
        self._note_clock()
        ignored = self._host.navigator.log.server_support.ignored - self._ignored_told
        if ignored:
            self._ignored_told |= ignored
            self._filter_bar.tell(self._filter_bar.input.value)  # its chips tell where each term is evaluated
            names = ", ".join(sorted(ignored))
            self._host.say(f"This server ignores {names}: what is asked by it is evaluated here", "warning")

    def _note_clock(self) -> None:
        from auditlog_tui.log.log import NO_SERVER_TIME, clock_skew  # late: it loads the models

        navigator, view = self._host.navigator, self._host.view
        log = navigator.log
        self._host.restyle(replace(self._host.look, now_us=log.now_us()))
        warning = clock_skew(log.api.clock_offset_us)
        if not warning and not log.knows_now and navigator.place.relative and view.feed.requests:
            warning = "" if view.error is not None or self._loader.busy else NO_SERVER_TIME
        if warning and not self._skew_told:
            self._skew_told = True
            self._host.say(warning, "warning")

    def show_state(self) -> None:
        """Update header and table; where the view can't be read, they say nothing of it."""
        busy, view = self._loader.busy, self._host.view
        states, summary = States(), None
        try:
            summary = view.summary()
            states = describe(
                self._host.navigator,
                summary,
                self._host.look,
                busy=busy,
                frame=self._frame,
                width=self._table.canvas.inner_width,
            )
        except StoreError as error:
            summary = None
            self._host.say(str(error), "error")
        self._table.states = states
        failed = why_nothing(view.error) if view.error is not None and not len(view.feed.run) else ""
        self._header.show(summary, busy=busy, failed=failed)
        if busy:
            self._say_progress()

    def show_problem(self) -> None:
        """Say the view's error, unless the table shows it in place of rows, or else its notice."""
        view = self._host.view
        if view.error is not None:
            if len(view):
                self._host.say(str(view.error), "error")
        elif notice := view.take_notice():
            self._host.say(notice, "warning")

    # -- the status line ---------------------------------------------------------------------------------------

    def say(self, text: str, severity: str = "") -> None:
        """See `Host.say`."""
        self._footer.say(safe(text, 1_000), severity)

    def begun(self) -> Begun:
        """That work begins now, for `awaited`."""
        return Begun(self.keyed, time.monotonic())

    def awaited(self, begun: Begun) -> bool:
        """Whether the user still waits for the result of work: it came at once, and before another key."""
        return self.keyed == begun.keyed and time.monotonic() - begun.at < AT_ONCE_S

    def note_key(self) -> None:
        """A key was pressed: the message was read, unless it is the pace, which would be shown again at once."""
        self.keyed += 1
        if self._pace() is not None and self._footer.message == self._progress:
            self._quits = False
        else:
            self.forget_message()

    def forget_message(self) -> None:
        """Show the keys again."""
        self._quits = self._footer.message == QUIT_HINT
        if self._footer.message:
            self._footer.say("")

    def confirm_quit(self) -> bool:
        """True if the message forgotten last was that this would quit; else it is shown now."""
        if not self._quits:
            self.say(QUIT_HINT, "warning")
        return self._quits

    # -- waiting -----------------------------------------------------------------------------------------------

    def spin(self) -> None:
        """See `Host.spin`."""
        if self._spinner is None:
            self._spinner = self._host.set_interval(SPINNER_S, self._turn)
        self._spinner.resume()

    def _turn(self) -> None:
        if pause_left() > 0:
            return  # what was typed is drawn first
        self._frame += 1
        if self._loader.redraws:
            return  # with the rows that have come, in one frame
        if self._loader.busy:
            self.show_state()
            if self._shows_states():
                self._table.refresh()
        else:
            self._say_progress()
        if not self._loader.busy and self._wait is None and self._work is None and self._spinner is not None:
            self._spinner.pause()

    def _shows_states(self) -> bool:
        """Whether the table shows a line that is no row, in which a spinner turns."""
        top, count = self._table.top, len(self._host.view)
        return top < 0 or count < top + self._table.body

    def show_work(self, work: Work | None) -> None:
        """Show the progress of this work until it is replaced by `None`."""
        self._work = work
        self.spin()
        self._say_progress()

    def waiting(self, wait: Wait | None) -> None:
        """A request waits to be repeated, or takes long; `None`: no longer."""
        self._wait = wait
        if wait is not None:
            if not self._is_told(wait) and self._footer.severity != "error":  # which is to be read first
                self._progress = self._footer.message
            self.spin()
        self._say_progress()

    def _pace(self) -> Pace | None:
        """The pace while everything is loaded."""
        return self._host.view.pace if self._loader.busy else None

    def _say_progress(self) -> None:
        """Say what is waited for, or how fast entries come, in one line, unless something else is said."""
        if self._footer.message not in ("", self._progress):
            return
        wait, pace = self._wait, self._pace()
        if wait is not None and not self._is_told(wait):
            self._host.say(self._of_wait(wait), "warning")
        elif pace is not None:
            text = f"{pace.text(wait)}, Esc stops"
            self._host.say(
                text if cell_width(text) <= self._footer.room else f"{pace.text(wait, short=True)}, Esc stops"
            )
        elif self._work is not None:
            self._host.say(self.shortened(f"Exporting: {self._work.describe() or 'beginning'}", ", Esc stops"))
        elif self._footer.message:
            self.forget_message()
        self._progress = self._footer.message

    def _is_told(self, wait: Wait) -> bool:
        """Whether what is said of the progress tells of this wait."""
        if (pace := self._pace()) is not None:
            return pace.tells(wait)
        return self._work is not None and self._work.tells(wait)

    def shortened(self, text: str, end: str) -> str:
        """The text and the end in one line."""
        return shorten_end(text, self._footer.room - cell_width(end), self._host.look.glyphs.ellipsis) + end

    def _of_wait(self, wait: Wait) -> str:
        now = time.monotonic()
        if wait.until is None:
            return f"waiting {wait.waited(now)} s, attempt {wait.attempt} of {wait.attempts}, Esc stops"
        again = f": trying again in {wait.left(now)} s ({wait.attempt} of {wait.attempts}), Esc stops"
        reason = safe(wait.brief, 1_000).rstrip(".")
        return self.shortened(reason, again)

    def stop_waiting(self) -> bool:
        """Cancel the request that is waited for. False if there is none."""
        if self._wait is None:
            return False
        self._loader.stop()
        self._wait.stop()
        return True
