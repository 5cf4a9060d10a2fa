"""The timeline: a bar for each interval, with failures below, and the counts of the chosen interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width
from auditlog_tui.text.times import count, counted, format_time
from auditlog_tui.ui.keys import TIMELINE, bindings
from auditlog_tui.ui.panes.chips import highlight

if TYPE_CHECKING:
    from auditlog_tui.analysis.timeline import Bucket
    from auditlog_tui.ui.look import Look


class TimelineBar(Widget, can_focus=True):
    """Three lines: bars of all entries, bars of failed ones, and a text."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TIMELINE)]
    ALLOW_SELECT = False

    @dataclass
    class Chosen(Message):
        """Filter by this interval, in microseconds, both ends included."""

        first_us: int
        last_us: int

    class Left(Message):
        """Return the focus to the table."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.buckets: list[Bucket] = []
        self.note = self.worth = ""
        self.at = 0
        self.mark: int | None = None

    def restyle(self, look: Look) -> None:
        """Show times in another look."""
        before, self.look = self.look, look
        if (look.mode, look.zone) != (before.mode, before.zone):
            self.refresh()

    def show(self, buckets: list[Bucket], note: str, worth: str = "") -> None:
        """`worth` says of what the counts are, if not of all; `note` what goes on, or what went wrong."""
        chosen = self.buckets[self.at] if self.at < len(self.buckets) else None
        self.buckets, self.note, self.worth = buckets, note, worth
        if chosen is not None:
            # Intervals are split as counts arrive: keep the cursor on the same time.
            places = [number for number, bucket in enumerate(buckets) if bucket.last_us >= chosen.last_us]
            self.at = places[0] if places else max(0, len(buckets) - 1)
        self.refresh()

    def _span(self) -> range:
        other = self.at if self.mark is None else self.mark
        return range(min(self.at, other), max(self.at, other) + 1)

    def _bar_columns(self) -> list[tuple[int, int]]:
        """First cell and width of each bar, in proportion to its interval."""
        if not self.buckets:
            return []
        width = max(1, self.size.width - 2)
        first, whole = self.buckets[0].first_us, self.buckets[-1].last_us + 1 - self.buckets[0].first_us
        starts = [width * (bucket.first_us - first) // whole for bucket in self.buckets]
        ends = [*starts[1:], width]
        return [(start, max(0, end - start)) for start, end in zip(starts, ends, strict=True)]

    def render(self) -> Content:
        if not self.buckets:
            return Content.assemble((f" {self.note or 'counting'} …\n\n", "$text-muted"))
        return Content.assemble(*self._bars(failed=False), *self._bars(failed=True), *self._text())

    def _bars(self, *, failed: bool) -> list[tuple[str, str]]:
        numbers = [(bucket.failed if failed else bucket.n) or 0 for bucket in self.buckets]
        highest = max([*numbers, 1])
        parts: list[tuple[str, str]] = [(" ", "")]
        bars = self.look.glyphs.bars
        for place, (number, (_, width)) in enumerate(zip(numbers, self._bar_columns(), strict=True)):
            level = 0 if not number else max(1, number * (len(bars) - 1) // highest)
            style = highlight(self, chosen=self.has_focus and place in self._span())
            parts.append((bars[level] * width, ("$text-error" if failed else "$text-accent") + style))
        return [*parts, ("\n", "")]

    def _text(self) -> list[tuple[str, str]]:
        span = self._span()
        chosen = [self.buckets[place] for place in span if place < len(self.buckets)]
        inside = [bucket for bucket in self.buckets if not bucket.beyond] or self.buckets
        shown = chosen if self.has_focus and chosen else inside
        n, failed = sum(bucket.n or 0 for bucket in shown), sum(bucket.failed or 0 for bucket in shown)
        beyond = self._beyond() if shown is inside else ""
        entries = counted(n, "entry", "entries")
        worth = f" {self.worth}" if self.worth else ""
        said = [(f"  {entries}", ""), (worth, "$text-warning"), (f", {count(failed)} failed", "$text-error"),
                (beyond, "$text-warning")]  # fmt: skip
        room = self.size.width - cell_width("".join(text for text, _ in said)) - 1
        return [(f" {self._between(shown, room)}", "bold"), *said, (f"  {self.note}", "$text-muted")]

    def _between(self, shown: list[Bucket], room: int) -> str:
        """The start and end times. In a narrow window they are shortened to minutes, then to days."""
        first, last = self._time(shown[0].first_us), self._time(shown[-1].last_us)
        sizes = (len(first), len("2026-11-22 12:00"), len("2026-11-22"))
        spans = [f"{first[:size]} to {last[:size]}" for size in sizes]
        return next((span for span in spans if len(span) <= room), spans[-1])

    def _beyond(self) -> str:
        """Counts of the outliers before and after all other entries, which have bars of their own."""
        ends = (("before", self.buckets[0]), ("after", self.buckets[-1]))
        return "".join(f"  +{count(bucket.n or 0)} {where}" for where, bucket in ends if bucket.beyond)

    def _time(self, us: int) -> str:
        mode = "utc" if self.look.mode == "relative" else self.look.mode
        return format_time(us, mode, self.look.now_us, self.look.zone)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.mark = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        for number, (start, width) in enumerate(self._bar_columns()):
            if start <= event.x - 1 < start + width:
                self.at = number
                if event.chain > 1:
                    self.action_choose()
        self.refresh()

    def _move(self, by: int) -> None:
        self.at = max(0, min(self.at + by, len(self.buckets) - 1))
        self.refresh()

    def action_earlier(self) -> None:
        self._move(-1)

    def action_later(self) -> None:
        self._move(1)

    def action_range(self) -> None:
        """Start a range at the cursor, or cancel it."""
        self.mark = self.at if self.mark is None else None
        self.refresh()

    def action_choose(self) -> None:
        chosen = [self.buckets[place] for place in self._span() if place < len(self.buckets)]
        if chosen:
            self.post_message(self.Chosen(chosen[0].first_us, chosen[-1].last_us))

    def action_leave(self) -> None:
        if self.mark is not None:
            self.action_range()
        else:
            self.post_message(self.Left())
