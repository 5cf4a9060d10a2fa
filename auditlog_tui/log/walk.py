"""One end of a feed: where its walk is, why it stopped short, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditlog_tui.entries.models import Page
from auditlog_tui.log.sort_order import Rank, Stand, leading, rank

IDLE_PAGES = 5
"""So many pages in a row that bring nothing new, with a cursor to go on, and we stop and say so."""


@dataclass(slots=True)
class End:
    """One end of a feed, which is walked in the order `sort`.

    `broken` says why the walk stopped short. It goes on by its `cursor` where that is alive, or else begins again:
    at the last instant that was fetched (`bound`), or, on a server that knows no bounds, at the top. `seam` is then
    where it broke off; the ids tell what was there already. `refused` counts cursors that the server refused since it
    took one.
    """

    params: Mapping[str, str]
    sort: str
    done: bool = False
    broken: str = ""
    cursor: str | None = None
    restarted: bool = False
    bound: Mapping[str, str] = field(default_factory=dict)
    seam: Rank | None = None
    pages: int = 0
    idle: int = 0
    patience: int = IDLE_PAGES
    refused: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def upwards(self) -> bool:
        """True for a walk towards the newest entry."""
        return leading(self.sort) == "created_at:asc"

    def precedes(self, stand: Stand) -> bool:
        """True for an entry that certainly comes before the seam."""
        if self.seam is None:
            return False
        place = rank(stand, self.sort)
        return place is not None and place < self.seam

    def advance(self, page: Page, added: int) -> None:
        self.broken = ""
        self.pages += 1
        self.idle = 0 if added else self.idle + 1
        if page.unclear:  # the cursor that brought the page is kept: it is asked for again
            self.broken = page.unclear
            return
        self.cursor = page.next_cursor
        if self.cursor is None:
            self.done = True
        elif self.cursor in self.seen:
            self.broken, self.cursor = "the server repeated a cursor", None
        elif self.idle >= self.patience:
            self.broken, self.idle = f"the server sent nothing new in {self.idle} pages", 0
            self.seen.add(self.cursor)
        else:
            self.seen.add(self.cursor)

    def restart(self, bound: Mapping[str, str], seam: Rank | None) -> None:
        self.bound, self.seam, self.cursor, self.broken, self.restarted = bound, seam, None, "", True
        # Up to the seam nothing is new.
        self.idle, self.patience = 0, IDLE_PAGES + self.pages
        self.seen.clear()
