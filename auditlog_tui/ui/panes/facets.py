"""The facet pane: the most frequent values among loaded entries."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from auditlog_tui.text.cells import fit, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.keys import FACETS, bindings
from auditlog_tui.ui.patches.options import Options

if TYPE_CHECKING:
    from auditlog_tui.analysis.facets import Facet, Tally

LISTED = 6
"""Values listed for each facet."""

BAR = 8
"""Width of a bar, in cells."""


class FacetPane(Options):
    """A list of values, grouped by field. `asked` holds the server's counts by field and value."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FACETS)]

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(markup=False)
        self.glyphs = glyphs
        self.asked: dict[tuple[str, object], str] = {}
        self._listed: list[tuple[str, Tally] | None] = []
        self._shown: tuple[tuple[Facet, ...], int, str] | None = None

    def show(self, facets: tuple[Facet, ...], rows: int, of: str) -> None:
        """Show the counts so far over `rows` entries, which `of` names. The cursor stays on its value."""
        at = self._chosen
        self._shown = facets, rows, of
        self.border_title = Content(f"of {of}")
        self._listed, options = [], []
        for facet in facets:
            self._listed.append(None)
            options.append(Option(self._heading(facet, rows), disabled=True))
            top = facet.top(LISTED)
            names = Counter(tally.name for tally in top if tally.name)
            for tally in top:
                self._listed.append((facet.kind.field, tally))
                options.append(Option(self._line(facet, tally, namesakes=names[tally.name] > 1)))
        self.clear_options()
        self.add_options(options)
        places = {(line[0], line[1].value): n for n, line in enumerate(self._listed) if line}
        first = min(places.values(), default=None)
        self.highlighted = places.get((at[0], at[1].value), first) if at is not None else first

    def on_resize(self) -> None:
        """Format the lines for the new width."""
        if self._shown is not None:
            self.show(*self._shown)

    @property
    def _chosen(self) -> tuple[str, Tally] | None:
        at = self.highlighted
        return self._listed[at] if at is not None and at < len(self._listed) else None

    @property
    def chosen(self) -> tuple[str, str | int | None] | None:
        """The filter's field and the value under the cursor."""
        line = self._chosen
        return None if line is None else (line[0], line[1].value)

    def _heading(self, facet: Facet, rows: int) -> Content:
        more = facet.distinct - LISTED
        kept = "" if facet.all_known else " at least"
        rest = f"  {count(more)} more{kept}" if more > 0 else ""
        long = f"  {count(facet.too_long)} too long to list" if facet.too_long else ""
        so_far = f"  {facet.read * 100 // rows} %" if facet.behind and rows else ""
        return Content.assemble(
            (facet.kind.title.upper(), "bold $text-accent"), (rest + long + so_far, "$text-muted")
        )

    def _line(self, facet: Facet, tally: Tally, *, namesakes: bool) -> Content:
        share = tally.n / max(1, facet.read)
        number = f"{'' if tally.exact else '≥ '}{count(tally.n)}"
        asked = self.asked.get((facet.kind.field, tally.value), "")
        beside = max((len(told) + 2 for told in self.asked.values()), default=0)
        room = max(10, self.scrollable_content_region.width - 10 - 6 - BAR - 3 - beside)
        ellipsis = self.glyphs.ellipsis
        name = fit(shorten_middle(_label(tally, namesakes=namesakes), room, ellipsis), room, ellipsis=ellipsis)
        level = round(share * BAR * 8)
        bar = self.glyphs.bars[-1] * (level // 8)
        return Content.assemble(
            f"  {name}", (f"{number:>8}", "bold"), (f"{_percent(share):>5} ", "$text-muted"),
            (f"{bar:<{BAR}}", "$text-accent"), (f"  {asked}" if asked else "", "$text-success"),
        )  # fmt: skip


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def _label(tally: Tally, *, namesakes: bool) -> str:
    """The value's name, with its ID if another value has the same name."""
    if tally.value is None:
        return "(none)"
    value = safe(str(tally.value), 400)
    if tally.name:
        return f"{safe(tally.name, 400)} {value}" if namesakes else safe(tally.name, 400)
    return f"{safe(tally.kind, 100)} {value}" if tally.kind else value
