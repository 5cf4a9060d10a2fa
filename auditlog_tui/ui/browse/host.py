"""What the browse screen offers its controllers, and what it calls in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from textual.timer import Timer
from textual.worker import Worker

from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.session.navigator import Navigator, Place
    from auditlog_tui.store.entries import Row

_T = TypeVar("_T")

Answered = Callable[[_T | None], None] | Callable[[_T | None], Awaitable[None]]
"""Takes a dialog's result; `None` is no answer."""

Move = Callable[[], "Place | None"]
"""Changes the navigator's place and returns the new one; `None` if there is none to go to."""


class Host(Protocol):
    """The browse screen as its controllers see it. `navigator` and `view` exist once the log is open."""

    @property
    def navigator(self) -> Navigator: ...

    @property
    def view(self) -> View:
        """The view on the screen."""

    @property
    def look(self) -> Look: ...

    def restyle(self, look: Look) -> None:
        """Show everything in another look. Nothing else writes `look`."""

    def say(self, text: str, severity: str = "") -> None:
        """Show a text in the status line until the next key. `severity` is empty, `warning` or `error`."""

    def submit(self, text: str) -> None:
        """Show what a filter matches. An invalid filter is shown in the filter bar, and nothing else changes."""

    def go(self, move: Move) -> bool:
        """Keep the position in the current place, then show the place that `move` returns. False if it is `None`."""

    def show(self, place: Place, *, asked: bool = False) -> None:
        """Show a place without keeping the position in the one before.

        A filter that is being typed stays, unless the user asked for the place.
        """

    def rows_changed(self) -> None:
        """Update everything that depends on the rows or the state of the view."""

    def show_state(self) -> None:
        """Update what header and table say of the view."""

    def spin(self) -> None:
        """Animate the spinner for as long as something is fetched or waited for."""

    def ask(self, dialog: Dialog[_T], answered: Answered[_T] | None = None) -> None:
        """Open a dialog over the screen, and call `answered` with its result."""

    def copy(self, text: str, what: str, ids: tuple[str, ...] = (), values: tuple[str, ...] = ()) -> None:
        """Put a text on the clipboard. See `CopyRequested`."""

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
        """Run `work` in the background, in place of what its group runs."""

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Call back after the messages that wait already."""

    def set_timer(self, delay: float, callback: Callable[[], Any]) -> Timer:
        """Call back after so many seconds."""

    def set_interval(self, interval: float, callback: Callable[[], Any], *, pause: bool = False) -> Timer:
        """Call back every so many seconds."""


class Controller:
    """One concern of the browse screen: its pane and the model that it drives.

    Its `action_*` methods are actions of the screen, which keys are bound to as `screen.*`. The screen calls the
    methods below in the order of its tuple of controllers.
    """

    def opened(self) -> None:
        """Called once the log is open and its first place is shown."""

    def rows_changed(self) -> None:
        """Called after rows arrived or the state of the view changed."""

    def place_shown(self) -> None:
        """Called after another place was shown."""


def on_table(host: Host) -> bool:
    """Whether no page covers the table, for a key that needs it: says so if one does."""
    if host.navigator.place.page is None:
        return True
    host.say("This page covers the table: Esc leaves it", "warning")
    return False


def wanted_row(host: Host, table: EntryTable) -> Row | None:
    """The row under the cursor, for a key that needs one: says so if there is none."""
    view = host.view
    if table.row is None and not len(view) and view.error is None and not (view.older_done and view.newer_done):
        host.say("No entry is here yet: press the key again once the first are", "warning")
    elif table.row is None:
        host.say("No entry is here, so there is nothing to do", "warning")
    return table.row
