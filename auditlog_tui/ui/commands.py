"""Every key's action in the command palette, one line each, the most used first."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width
from auditlog_tui.ui.keys import DETAIL, EVERYWHERE, KEYS, TABLE, WHO, Key
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.who import WhoPane
from auditlog_tui.ui.table.table import EntryTable

_WIDGETS: dict[str, type[Widget]] = {TABLE: EntryTable, DETAIL: DetailPane, WHO: WhoPane}
_OWN = frozenset({"app.command_palette", "escape", "cursor_down", "cursor_up"})
"""Actions that the palette itself has keys for."""

SAVE_VIEW = Key(EVERYWHERE, "", "", "save_view", "Save this filter under a name")
FORGET_MARKS = Key(EVERYWHERE, "", "", "forget_marks", "Forget all marks and notes")
SHOW_EXPORTED = Key(EVERYWHERE, "", "", "show_exported", "Show how the last export ended, and copy its SHA-256")
THEME = Key(EVERYWHERE, "", "", "app.change_theme", "Change the theme")
KEYLESS = (SAVE_VIEW, SHOW_EXPORTED, THEME, FORGET_MARKS)
"""Actions needed too seldom for a key."""

MOST_USED = (
    "edit_filter", "screen.page_copy_revoked", "screen.page_go", "screen.page_mark", "screen.pivots",
    "screen.open_detail", "screen.narrow_by_cell('include')", "screen.narrow_by_cell('exclude')", "back",
    "screen.around", "screen.copy_menu", "screen.mark", "screen.export", "facets", "screen.who",
    "timeline", "park", "find", "go_to_time", "load_all", "only_marked", "follow", "zone", "save_view",
    "screen.columns", "screen.sort", "retry", "help",
)  # fmt: skip
"""Actions that stand first, in this order."""

_MOVES = ("move", "jump", "space", "cursor_")
"""How actions begin that stand last: nobody opens the palette to move."""

KEY_WIDTH = 9
"""Cells of the column of keys."""


class KeyCommands(Provider):
    """The actions of the table, those for everywhere, and those of the detail pane or the page while it is open.

    Over a dialog, only the app's own.
    """

    def _keys(self) -> list[Key]:
        places = [place for place, widget in self._widgets.items() if widget.display]
        keys = [key for key in (*KEYS, *KEYLESS) if key.action not in _OWN]
        if not places:  # a dialog
            return [key for key in keys if key.action.startswith("app.")]
        here = sorted((key for key in keys if key.place in (EVERYWHERE, *places)), key=_rank)
        found: dict[tuple[str, bool], Key] = {}
        for key in here:  # a key of the detail pane often does what that of the table does
            found.setdefault((key.help, key.place == WHO), key)
        return list(found.values())

    @property
    def _widgets(self) -> dict[str, Widget]:
        """The widgets of the screen that the palette was opened over whose keys it lists, by place."""
        return {place: widget for place, kind in _WIDGETS.items() for widget in self.screen.query(kind)}

    async def discover(self) -> Hits:
        for key in self._keys():
            yield DiscoveryHit(_line(key, Content(_title(key))), partial(self._run, key), text=_title(key))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key in self._keys():
            score = matcher.match(_title(key))
            if score > 0:
                yield Hit(
                    score, _line(key, matcher.highlight(_title(key))), partial(self._run, key), text=_title(key)
                )

    async def _run(self, key: Key) -> None:
        await self.app.run_action(key.action, default_namespace=self._widgets.get(key.place, self.screen))


def _rank(key: Key) -> int:
    if key.action in MOST_USED:
        return MOST_USED.index(key.action)
    return len(MOST_USED) + key.action.startswith(_MOVES)


def _line(key: Key, title: Content) -> Content:
    """The key, and what it does."""
    return Content.assemble((key.shown + " " * max(1, KEY_WIDTH - cell_width(key.shown)), "$text-accent"), title)


def _title(key: Key) -> str:
    own = key.place == DETAIL or (key.place == WHO and not key.action.startswith("screen."))
    return f"{key.help} ({key.place})" if own else key.help
