"""The command palette's entries: the actions of all keys."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.widget import Widget

from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.keys import DETAIL, EVERYWHERE, KEYS, TABLE, Key
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.table.table import EntryTable

_WIDGETS: dict[str, type[Widget]] = {TABLE: EntryTable, DETAIL: DetailPane}
_MOVES = frozenset({"app.command_palette", "escape", "cursor_down", "cursor_up"})

SAVE_VIEW = Key(EVERYWHERE, "", "", "save_view", "Save this filter under a name")
FORGET_MARKS = Key(EVERYWHERE, "", "", "forget_marks", "Forget all marks and notes")
KEYLESS = (SAVE_VIEW, FORGET_MARKS)
"""Actions without a key."""


class KeyCommands(Provider):
    """Offers the actions of the keys, those of the detail pane only while it is open.

    Over a dialog, only the actions of the app itself are offered.
    """

    def _keys(self) -> list[Key]:
        browse = self._browse
        if browse is None:
            return [key for key in KEYS if key.action.startswith("app.") and key.action not in _MOVES]
        open_places = {EVERYWHERE, TABLE, *([DETAIL] if browse.pane.display else [])}
        return [key for key in (*KEYS, *KEYLESS) if key.place in open_places and key.action not in _MOVES]

    @property
    def _browse(self) -> BrowseScreen | None:
        """The screen below the palette, unless that is a dialog."""
        return self.screen if isinstance(self.screen, BrowseScreen) else None

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
        browse, kind = self._browse, _WIDGETS.get(key.place)
        target = browse.query_one(kind) if browse is not None and kind is not None else self.screen
        await self.app.run_action(key.action, default_namespace=target)


def _title(key: Key) -> str:
    return f"{key.help} ({key.place})" if key.place == DETAIL else key.help
