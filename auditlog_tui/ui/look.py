"""How entries are shown: glyphs, time mode and zone, columns, highlighted text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from msgspec import Struct
from msgspec.structs import replace

from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.times import Mode, format_time


def nowhere(address: str) -> str:
    """The location of an address where none is known."""
    return ""


class Look(Struct, frozen=True):
    """Display settings. The screen owns the current one and hands it down to table and panes.

    `now_us` is the server's time in microseconds since 1970 UTC. `find` is highlighted in the rows. `columns` names
    the columns after the sticky ones; empty means all of them. `where` tells the location of an address (safe text),
    empty if it is unknown.
    """

    glyphs: Glyphs
    mode: Mode
    zone: tzinfo
    now_us: int
    find: str = ""
    columns: tuple[str, ...] = ()
    where: Callable[[str], str] = nowhere

    def redraws(self, before: Look) -> bool:
        """Whether rows drawn with `before` must be drawn again. The time alone matters only to ages."""
        return self.mode == "relative" or replace(before, now_us=self.now_us) != self

    def date_time(self, us: int) -> str:
        """An instant as date and time in the zone shown; in UTC where the rows show ages."""
        return format_time(us, "utc" if self.mode == "relative" else self.mode, self.now_us, self.zone)

    def date(self, us: int) -> str:
        """The date of an instant, `2026-11-22`, in the zone shown."""
        return self.date_time(us)[:10]
