"""Every key's action in the command palette."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.widget import Widget

from auditlog_tui.ui.keys import DETAIL, EVERYWHERE, KEYS, TABLE, Key
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.table.table import EntryTable

_WIDGETS: dict[str, type[Widget]] = {TABLE: EntryTable, DETAIL: DetailPane}
_MOVES = frozenset({"app.command_palette", "escape", "cursor_down", "cursor_up"})
"""Actions that the palette itself has keys for."""

SAVE_VIEW = Key(EVERYWHERE, "", "", "save_view", "Save this filter under a name")
FORGET_MARKS = Key(EVERYWHERE, "", "", "forget_marks", "Forget all marks and notes")
KEYLESS = (SAVE_VIEW, FORGET_MARKS)
"""Actions needed too seldom for a key."""


class KeyCommands(Provider):
    """The actions of the table, those for everywhere, and those of the detail pane while it is open.

    Over a dialog, only the app's own.
    """

    def _keys(self) -> list[Key]:
        places = [place for place, widget in self._widgets.items() if widget.display]
        if not places:  # a dialog
            return [key for key in KEYS if key.action.startswith("app.") and key.action not in _MOVES]
        return [key for key in (*KEYS, *KEYLESS) if key.place in (EVERYWHERE, *places) and key.action not in _MOVES]

    @property
    def _widgets(self) -> dict[str, Widget]:
        """The widgets of the screen that the palette was opened over whose keys it lists, by place."""
        return {place: widget for place, kind in _WIDGETS.items() for widget in self.screen.query(kind)}

    async def discover(self) -> Hits:
        for key in self._keys():
            yield DiscoveryHit(_title(key), partial(self._run, key), help=key.shown)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            score = matcher.match(_title(key))
            if score > 0:
                yield Hit(score, matcher.highlight(_title(key)), partial(self._run, key), help=key.shown)

    async def _run(self, key: Key) -> None:
        await self.app.run_action(key.action, default_namespace=self._widgets.get(key.place, self.screen))


def _title(key: Key) -> str:
    return f"{key.help} ({key.place})" if key.place == DETAIL else key.help
