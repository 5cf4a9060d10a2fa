"""What there is to say of a view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class State(Enum):
    """How much of what matches a view holds."""

    MORE = "more"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the header says of a view.

    `rows` are shown, out of `loaded` that were fetched, out of `total` that the server counts (`None` where it
    proved no count); `filtered` says that something is left to evaluate here. `reason` says why a view is
    INCOMPLETE. `newest_us` is the instant of the newest entry, `None` where that was not reached or is not the
    first; `more_above` and `more_below` tell of ends not reached; `scanned_to_us` is how far the evaluation here has
    come. `gone` is how many of those loaded the server no longer has: retention took them.
    `marked`: these are the entries that the user marked.
    """

    rows: int
    loaded: int
    filtered: bool
    total: int | None
    state: State
    reason: str
    as_of: datetime | None
    newest_us: int | None
    scanned_to_us: int | None
    more_above: bool
    more_below: bool
    gone: int = 0
    marked: bool = False
