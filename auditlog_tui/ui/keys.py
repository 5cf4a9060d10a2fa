"""The list of all keys: the bindings, the footer, the help, the command palette and the README are made from it."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from textual.binding import Binding

EVERYWHERE, TABLE, DETAIL, FILTER, CHIPS = "everywhere", "table", "detail", "filter bar", "chips"
TIMELINE, FACETS, WHO = "timeline", "facets", "who"


class Key(NamedTuple):
    """`keys` are Textual's names, `shown` is the name on the screen, `label` the footer's word (empty: not shown).

    `action` is an action of the widget that has the focus in `place`, or of `screen.` or `app.`.
    """

    place: str
    keys: str
    shown: str
    action: str
    help: str
    label: str = ""


KEYS: tuple[Key, ...] = (
    Key(EVERYWHERE, "/", "/", "edit_filter", "Open the filter bar", "filter"),
    Key(EVERYWHERE, "left_square_bracket,backspace", "[ ⌫", "back", "Go back to the previous filter or view", "back"),
    Key(EVERYWHERE, "right_square_bracket", "]", "forward", "Go forward again"),
    Key(EVERYWHERE, "z", "z", "park", "Turn the filter off, or on again", "filter off"),
    Key(EVERYWHERE, "r", "r", "retry", "Retry after an error, else reload", "again"),
    Key(EVERYWHERE, "A", "A", "load_all", "Load everything that matches (Escape stops); then, why it is INCOMPLETE"),
    Key(EVERYWHERE, "t", "t", "zone", "Times in UTC, in local time, or as ages"),
    Key(EVERYWHERE, "i", "i", "timeline", "Timeline: show, focus or hide it", "timeline"),
    Key(EVERYWHERE, "s", "s", "facets", "Facets: the most frequent or the rarest values, by field", "facets"),
    Key(EVERYWHERE, "F", "F", "follow", "Follow: show new entries as they arrive"),
    Key(EVERYWHERE, "ctrl+t", "^t", "go_to_time", "Go to a time"),
    Key(EVERYWHERE, "ctrl+f", "^f", "find", "Find in loaded entries"),
    Key(EVERYWHERE, "n", "n", "find_next(1)", "Next match"),
    Key(EVERYWHERE, "N", "N", "find_next(-1)", "Previous match"),
    Key(EVERYWHERE, "M", "M", "only_marked", "Show only marked entries; again to go back"),
    Key(EVERYWHERE, "ctrl+l", "^l", "redraw", "Redraw the screen, if another program wrote on it"),
    Key(EVERYWHERE, "colon", ": ^p", "app.command_palette", "Open the command palette"),
    Key(EVERYWHERE, "question_mark", "?", "help", "Show every key and the filter language", "help"),
    Key(EVERYWHERE, "q", "q", "close", "Close what is open, else quit", "quit"),
    Key(EVERYWHERE, "ctrl+q", "^q", "app.quit", "Quit"),
    Key(EVERYWHERE, "ctrl+z", "^z", "app.suspend_process", "Suspend to the shell"),
    Key(EVERYWHERE, "escape", "Esc", "escape", "Close what is open or stop what is running; never quits"),
    Key(TABLE, "down,j", "↓ j", "move(1)", "Next entry"),
    Key(TABLE, "up,k", "↑ k", "move(-1)", "Previous entry"),
    Key(TABLE, "left,h", "← h", "move_column(-1)", "Column to the left"),
    Key(TABLE, "right,l", "→ l", "move_column(1)", "Column to the right"),
    Key(TABLE, "pagedown", "PgDn", "move_page(1)", "Page down"),
    Key(TABLE, "pageup", "PgUp", "move_page(-1)", "Page up"),
    Key(TABLE, "ctrl+d", "^d", "move_half_page(1)", "Half a page down"),
    Key(TABLE, "ctrl+u", "^u", "move_half_page(-1)", "Half a page up"),
    Key(TABLE, "space", "Space", "space", "Page down; at the end, continue scanning"),
    Key(TABLE, "home,g", "Home g", "jump(False)", "Go to the newest entry"),
    Key(TABLE, "end,G", "End G", "jump(True)", "Go to the oldest entry"),
    Key(TABLE, "enter", "⏎", "screen.open_detail", "Open the entry's full record", "detail"),
    Key(TABLE, "c", "c", "screen.copy_id", "Copy the entry's ID", "copy ID"),
    Key(TABLE, "y", "y", "screen.copy_menu",
         "Copy: y ID, a actor, i IP, t target, j JSON, d defanged, c curl, l link", "copy…"),
    Key(TABLE, "=", "=", "screen.narrow_by_cell('include')", "Show only entries with the cell's value", "only this"),
    Key(TABLE, "-", "-", "screen.narrow_by_cell('exclude')", "Hide entries with the cell's value", "not this"),
    Key(TABLE, "p", "p", "screen.pivots",
         "Pivot: entries of the same actor, address, target …, with counts", "pivots"),
    Key(TABLE, "w", "w", "screen.who",
         "Who: all that an actor did, or that was done from an address or to a target", "who"),
    Key(TABLE, "full_stop", ".", "screen.around", "All entries around this one in time", "around"),
    Key(TABLE, "less_than_sign", "<", "screen.change_around(-1)", "Less time around the entry, down to 10 s"),
    Key(TABLE, "greater_than_sign", ">", "screen.change_around(1)", "More time around the entry, up to 30 d"),
    Key(TABLE, "o", "o", "screen.sort", "Sort by this column: descending, ascending, log order"),
    Key(TABLE, "C", "C", "screen.columns", "Choose and order the columns"),
    Key(TABLE, "m", "m", "screen.mark", "Mark the entry and go down, or mark the range; again to unmark", "mark"),
    Key(TABLE, "e", "e", "screen.export", "Export: what, in which format, to which file", "export"),
    Key(TABLE, "R", "R", "screen.recheck", "Re-check: ask for the marked entries again, and compare"),
    Key(TABLE, "V", "V", "screen.mark_range", "Start a range for m to mark, or cancel it"),
    Key(TABLE, "semicolon", ";", "screen.note", "Write a note on the entry, with #tags; marks it"),
    Key(TABLE, "u", "u", "screen.go_to_mark(1)", "Next marked entry below"),
    Key(TABLE, "U", "U", "screen.go_to_mark(-1)", "Next marked entry above"),
    Key(TABLE, "x", "x", "screen.go_to_novel(1)",
         "Next new entry below: a first for its actor, among loaded entries"),
    Key(TABLE, "X", "X", "screen.go_to_novel(-1)", "Next new entry above"),
    Key(TABLE, "D", "D", "screen.compare", "Compare the two marked entries"),
    Key(DETAIL, "down,j", "↓ j", "cursor_down", "Next field"),
    Key(DETAIL, "up,k", "↑ k", "cursor_up", "Previous field"),
    Key(DETAIL, "left,h", "← h", "column(-1)", "Group to the left"),
    Key(DETAIL, "right,l", "→ l", "column(1)", "Group to the right"),
    Key(DETAIL, "J", "J", "screen.move_entry(1)", "Next entry", "next entry"),
    Key(DETAIL, "K", "K", "screen.move_entry(-1)", "Previous entry"),
    Key(DETAIL, "c", "c", "screen.copy_field", "Copy the field", "copy field"),
    Key(DETAIL, "y", "y", "screen.copy_menu", "Copy the entry: ID, actor, IP, target, JSON, and so on"),
    Key(DETAIL, "=", "=", "screen.narrow_by_field('include')",
         "Show only entries with the field's value", "only this"),
    Key(DETAIL, "-", "-", "screen.narrow_by_field('exclude')", "Hide entries with the field's value", "not this"),
    Key(DETAIL, "p", "p", "screen.pivots",
         "Pivot: entries of the same actor, address, target …, with counts", "pivots"),
    Key(DETAIL, "w", "w", "screen.who_of_field", "Who: all about the actor, address or target", "who"),
    Key(DETAIL, "full_stop", ".", "screen.around", "All entries around this one in time"),
    Key(DETAIL, "m", "m", "screen.mark_entry", "Mark or unmark this entry"),
    Key(DETAIL, "semicolon", ";", "screen.note", "Write a note on the entry, with #tags; marks it"),
    Key(DETAIL, "e", "e", "screen.export", "Export: what, in which format, to which file", "export"),
    Key(DETAIL, "v", "v", "screen.show_raw", "Show the record's original JSON, or its fields", "raw"),
    Key(FILTER, "enter", "⏎", "submit", "Apply the filter", "apply"),
    Key(FILTER, "up", "↑", "older_text", "Previous filter in the history", "history"),
    Key(FILTER, "down", "↓", "newer_text", "Next filter in the history"),
    Key(FILTER, "tab", "Tab", "complete", "Complete the word; again for the next candidate", "inserts"),
    Key(FILTER, "shift+tab", "⇧Tab", "complete_back", "Previous candidate"),
    Key(FILTER, "ctrl+u", "^u", "delete_left_all", "Delete everything before the cursor", "clear"),
    Key(FILTER, "escape", "Esc", "screen.cancel_filter", "Restore the applied filter and leave", "cancel"),
    Key(TIMELINE, "left,h", "← h", "earlier", "Previous bar"),
    Key(TIMELINE, "right,l", "→ l", "later", "Next bar"),
    Key(TIMELINE, "V", "V", "range", "Start a range, or cancel it", "range"),
    Key(TIMELINE, "enter", "⏎", "choose", "Filter by the bar or range", "filter by it"),
    Key(TIMELINE, "plus", "+", "screen.finer_timeline", "Use shorter bars", "finer"),
    Key(TIMELINE, "escape", "Esc", "leave", "Cancel the range, else back to the table", "table"),
    Key(FACETS, "down,j", "↓ j", "cursor_down", "Next value"),
    Key(FACETS, "up,k", "↑ k", "cursor_up", "Previous value"),
    Key(FACETS, "left,h", "← h", "column(-1)", "Column to the left"),
    Key(FACETS, "right,l", "→ l", "column(1)", "Column to the right"),
    Key(FACETS, "enter", "⏎", "screen.narrow_by_facet('include')",
         "Show only entries with the value; on \"10 more\", list them", "only this"),
    Key(FACETS, "-", "-", "screen.narrow_by_facet('exclude')", "Hide entries with the value", "not this"),
    Key(FACETS, "w", "w", "screen.who_of_facet", "Who: all about the actor, address or target", "who"),
    Key(FACETS, "o", "o", "turn", "Rarest values first, or the most frequent ones again", "rarest"),
    Key(FACETS, "number_sign", "#", "screen.count_facet", "Count all entries with the value, loaded or not", "count"),
    Key(FACETS, "e", "e", "screen.export", "Export: what, in which format, to which file", "export"),
    Key(FACETS, "escape", "Esc", "screen.leave_facets", "Back to the table, or to the detail", "leave"),
    Key(WHO, "down,j", "↓ j", "cursor_down", "Next line"),
    Key(WHO, "up,k", "↑ k", "cursor_up", "Previous line"),
    Key(WHO, "left,h", "← h", "column(-1)", "Column to the left"),
    Key(WHO, "right,l", "→ l", "column(1)", "Column to the right"),
    Key(WHO, "enter", "⏎", "screen.page_go", "Show the line's entries; on a heading, list more lines", "entries"),
    Key(WHO, "C", "C", "screen.page_copy_revoked", "Copy the IDs of all that must be revoked", "copy to revoke"),
    Key(WHO, "w", "w", "screen.page_who", "Who: all about the line's actor, address or target", "who"),
    Key(WHO, "c", "c", "screen.page_copy", "Copy the line's ID or value", "copy"),
    Key(WHO, "y", "y", "screen.page_copy_menu", "Copy the line's entries: IDs, actors, IPs, targets, JSON, and so on",
         "copy…"),
    Key(WHO, "e", "e", "screen.page_export", "Export the line's entries", "export"),
    Key(WHO, "m", "m", "screen.page_mark", "Mark the line's entries; again to unmark", "mark"),
    Key(CHIPS, "left,h", "← h", "previous", "Term to the left"),
    Key(CHIPS, "right,l", "→ l", "next", "Term to the right"),
    Key(CHIPS, "delete,backspace,x", "Del ⌫ x", "remove", "Remove the term", "remove"),
    Key(CHIPS, "enter", "⏎", "screen.edit_filter", "Change the filter", "change"),
    Key(CHIPS, "escape", "Esc", "leave", "Back to the table", "table"),
)  # fmt: skip


def bindings(place: str) -> list[Binding]:
    """Textual's bindings for one place. Footer and help are the project's own, so Textual shows none."""
    return [
        Binding(key.keys, key.action, key.help, show=False, id=f"{place}.{key.action}", tooltip=key.help)
        for key in KEYS
        if key.place == place
    ]


class Situation(NamedTuple):
    """What decides which keys matter: whether there is a place to go back to, something open that `q` closes, a
    filter, one that was turned off, no entry, and whether a page can have anything to revoke.
    """

    back: bool = False
    open: bool = False
    filter: bool = False
    filter_off: bool = False
    empty: bool = False
    revocable: bool = True


IMPORTANT = ("?", "Esc", "⏎", "/", "[", "w", "C", "e", "=", "y", "p", "c", "z", "q", "m", "-", ".", "s", "i")
"""Keys as shown, the most important first: a narrow footer leaves out the last ones."""


OF_TABLE = frozenset({"timeline", "facets", "park"})
"""Actions whose keys the footer does not name while a page covers the table."""


def footer(place: str, situation: Situation | None = None) -> list[Key]:
    """The keys in the footer while `place` has the focus: its own, then those for everywhere, help last."""
    situation = situation or Situation()
    own = [key for key in KEYS if key.place == place and key.label and not (place == TABLE and situation.empty)]
    own = [key for key in own if situation.revocable or key.action != "screen.page_copy_revoked"]
    if place == FILTER:
        return own
    covered = OF_TABLE if place == WHO else frozenset()
    shared = [
        _labelled(key, situation)
        for key in KEYS
        if key.place == EVERYWHERE and key.label and key.action not in covered
    ]
    keys = own + [key for key in shared if key.label]
    return sorted(keys, key=lambda key: key.action == "help")


def _labelled(key: Key, situation: Situation) -> Key:
    """The key under its first name, with its label in a situation; that is empty if it does nothing."""
    labels = {
        "retry": "again" if situation.empty else "",
        "back": "back" if situation.back else "",
        "close": "close" if situation.open else "quit",
        "park": "filter off" if situation.filter else "filter on" if situation.filter_off else "",
    }
    return key._replace(shown=key.shown.split()[0], label=labels.get(key.action, key.label))


def importance(key: Key) -> int:
    """The place of a key among those of the footer, 0 the most important."""
    return IMPORTANT.index(key.shown) if key.shown in IMPORTANT else len(IMPORTANT)


def by_place() -> list[tuple[str, list[Key]]]:
    """All keys by place, in the list's order."""
    return [(place, list(keys)) for place, keys in groupby(KEYS, key=lambda key: key.place)]
