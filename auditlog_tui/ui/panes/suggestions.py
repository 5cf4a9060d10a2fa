"""What may come next, under the filter bar while one types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from auditlog_tui.text.present import count, fit, safe, shorten_end, shorten_middle
from auditlog_tui.ui.panes.chosen import ground

if TYPE_CHECKING:
    from auditlog_tui.query import Completion

LINES = 8
"""Candidates shown at once."""

TEXT, HELP = 40, 44
"""Cells of a candidate's text, and of what is said of it."""


class Suggestions(Static):
    """Shows a completion's candidates; `chosen` is the one that Tab put in."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.completion: Completion | None = None
        self.chosen: int | None = None
        self.display = False

    def show(self, completion: Completion | None, chosen: int | None = None) -> None:
        self.completion, self.chosen = completion, chosen
        candidates = completion.candidates if completion is not None else ()
        self.display = bool(candidates)
        first = max(0, min((chosen or 0) - LINES // 2, len(candidates) - LINES))
        lines: list[tuple[str, str]] = []
        for number, candidate in enumerate(candidates[first : first + LINES], first):
            under = ground(self, chosen=number == chosen)
            seen = count(candidate.count) if candidate.count is not None else ""
            text = fit(shorten_middle(safe(candidate.text), TEXT), TEXT)
            said = fit(shorten_end(safe(candidate.help), HELP), HELP)
            lines += [(f" {text} ", f"bold{under}"), (f"{seen:>9} ", f"$text-accent{under}")]
            lines += [(f"{said} ", f"$text-muted{under}"), ("\n", "")]
        rest = len(candidates) - LINES
        lines.append((f" Tab puts one in{f', {count(rest)} more' if rest > 0 else ''}", "$text-muted"))
        self.update(Content.assemble(*lines))
