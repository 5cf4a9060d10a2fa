"""The command palette knows every key's action."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.widget import Widget

from auditlog_tui.ui.keys import DETAIL, EVERYWHERE, KEYS, TABLE, Key
from auditlog_tui.ui.widgets.detail import DetailPane
from auditlog_tui.ui.widgets.table import EntryTable

_WIDGETS: dict[str, type[Widget]] = {TABLE: EntryTable, DETAIL: DetailPane}
_MOVES = frozenset({"app.command_palette", "escape", "cursor_down", "cursor_up"})

SAVE_VIEW = Key(EVERYWHERE, "", "", "save_view", "Save this filter under a name")
FORGET_MARKS = Key(EVERYWHERE, "", "", "forget_marks", "Forget all marks and notes")
KEYLESS = (SAVE_VIEW, FORGET_MARKS)
"""What is done too seldom for a key."""


class KeyCommands(Provider):
    """Actions of the keys; those of the detail pane only while it is open."""

    def _keys(self) -> list[Key]:
        open_places = {EVERYWHERE, TABLE}
        if any(pane.display for pane in self.screen.query(DetailPane)):
            open_places.add(DETAIL)
        return [key for key in KEYS if key.place in open_places and key.action not in _MOVES]

    async def discover(self) -> Hits:
        for key in [*self._keys(), *KEYLESS]:
            yield DiscoveryHit(_title(key), partial(self._run, key), help=key.shown)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in [*self._keys(), *KEYLESS]:
            score = matcher.match(_title(key))
            if score > 0:
                yield Hit(score, matcher.highlight(_title(key)), partial(self._run, key), help=key.shown)

    async def _run(self, key: Key) -> None:
        kind = _WIDGETS.get(key.place)
        target = self.screen if kind is None else self.screen.query(kind).first()
        await self.app.run_action(key.action, default_namespace=target)


def _title(key: Key) -> str:
    return f"{key.help} ({key.place})" if key.place == DETAIL else key.help
