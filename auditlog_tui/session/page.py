"""A page about somebody, which covers the table, and where the user left it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from auditlog_tui.analysis.who import Who


@dataclass(slots=True, eq=False)
class Page:
    """`line` is the one under the cursor, by its name. `opened` are the sections listed in full.

    `stopped` says that the user stopped `who`; `error` is why it could not go on.
    """

    who: Who
    line: Hashable = None
    opened: set[str] = field(default_factory=set)
    stopped: bool = False
    error: str = ""

    @property
    def busy(self) -> bool:
        """Whether it is being found out while it is shown."""
        return not (self.who.report.done or self.stopped or self.error)
