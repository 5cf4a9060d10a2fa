"""Keys typed before what they are for is there: the log, or the first entries of the filter just applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.widget import Widget

from auditlog_tui.text.times import counted
from auditlog_tui.ui.browse.host import Host
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.browse.opening import Opening
from auditlog_tui.ui.keys import DETAIL, EVERYWHERE, FACETS, FILTER, KEYS, TABLE
from auditlog_tui.ui.panes.bars import FooterBar

ALWAYS = frozenset({"help", "close", "escape", "redraw", "edit_filter", "cancel_filter", "focus_table"})
"""Actions that work before the log is open."""

NEED_NO_ROW = frozenset({"screen.columns", "screen.leave_facets"})
"""Actions of the table and the panes beside it that need no entry."""

COMPLETING = frozenset({"tab", "shift+tab", "up", "down"})
"""Keys of the filter bar that need the log: its values, and the filters typed in it."""


def _names(*places: str, of: Callable[[str], bool]) -> frozenset[str]:
    """The names of the keys of these places whose action is of a kind."""
    return frozenset(name for key in KEYS if key.place in places and of(key.action) for name in key.keys.split(","))


FOR_LOG = _names(EVERYWHERE, TABLE, of=lambda action: action not in ALWAYS and not action.startswith("app."))
"""Keys that need an open log, outside the filter bar."""

FOR_ROWS = {
    place: _names(place, of=lambda action: action not in NEED_NO_ROW)
    | _names(EVERYWHERE, of=lambda action: action.startswith("find_next"))
    for place in (TABLE, DETAIL, FACETS)
}
"""Keys that need an entry, by the place that has the focus."""


class TypeAhead:
    """Tells the app which keys to keep, and the user that they are kept.

    Keys are never done on other entries than those they were typed for: if these don't come, the keys are dropped.
    """

    def __init__(
        self, host: Host, opening: Opening, loader: LoadController, footer: FooterBar, is_open: Callable[[], bool]
    ) -> None:
        self._host = host
        self._opening = opening
        self._loader = loader
        self._footer = footer
        self._is_open = is_open
        self._focused: Widget | None = None
        """What had the focus when the first key was kept; `None` if none is."""
        self._at: int | None = None
        """The number of the place whose entries are awaited."""

    def must_wait(self, key: str, screen: Screen[Any], drop: Callable[[], int]) -> bool:
        """Whether the next key has to wait. `drop` is called if it and those after it never can be done."""
        if screen is not self._footer.screen:
            return False  # a dialog takes keys as soon as it is open
        focused = screen.focused
        if self._focused is not None and self._is_lost(focused):
            number = drop()
            self._forget()
            why = "No log is open" if self._opening.failed else "No entry came"
            self._host.say(f"{why}: the {_keys(number)} typed ahead {_was(number)} dropped", "warning")
            return True
        if not self._waits(key):
            self._forget()
            return False
        self._focused = self._focused or focused
        if self._is_open():
            self._at = self._host.navigator.at
        return True

    def kept(self, number: int, *, full: bool) -> None:
        """Say how many keys are kept."""
        if not number:
            self._host.say("")
            return
        what = "the first entries are here" if self._is_open() else "the log is open"
        end = "What is typed now is dropped" if full else "Esc drops " + ("it" if number == 1 else "them")
        self._host.say(f"{_keys(number)} kept until {what}. {end}", "warning" if full else "")

    def dropped(self, number: int) -> None:
        """Say that the user dropped the keys."""
        self._forget()
        self._host.say(f"{_keys(number)} typed ahead {_was(number)} dropped", "warning")

    def _forget(self) -> None:
        self._focused = self._at = None

    def _waits(self, key: str) -> bool:
        place = self._footer.place
        if self._opening.failed:
            return False
        if not self._is_open():
            return key in (COMPLETING if place == FILTER else FOR_LOG)
        return key in FOR_ROWS.get(place, ()) and self._loader.expects_rows

    def _is_lost(self, focused: Widget | None) -> bool:
        """Whether what the kept keys are for is not coming any more."""
        if self._opening.failed or focused is not self._focused:  # the filter bar, with an error in its text
            return True
        if not self._is_open() or self._footer.place == FILTER:
            return False
        moved = self._at is not None and self._at != self._host.navigator.at
        return moved or not (self._loader.expects_rows or self._loader.has_rows)


def _keys(number: int) -> str:
    return counted(number, "key")


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
