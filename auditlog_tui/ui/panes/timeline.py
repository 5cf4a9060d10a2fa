"""The timeline: a bar for each interval with its failures in it, an axis, and the counts of the chosen interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width, shorten_end
from auditlog_tui.text.times import DAY_US, count, counted, format_time, offset_us, round_steps
from auditlog_tui.ui.keys import TIMELINE, bindings
from auditlog_tui.ui.panes.groups import SHORT, is_short

if TYPE_CHECKING:
    from auditlog_tui.analysis.timeline import Bucket
    from auditlog_tui.ui.look import Look

SCALE = 6
"""Cells to the left of the bars: the highest count, at most five characters, and a blank."""

EIGHTHS = 8
"""Heights that a cell can show."""

ROWS = ((56, 5), (45, 4), (30, 3), (SHORT, 2))
"""Rows of bars by the window's height; one in a smaller one."""

OTHER = 4
"""Lines of the window that the timeline leaves free."""

LEAST_LABEL = 7
"""Cells between two times on the axis at least: a mark, `10:41` and a blank."""

WIDE = 3
"""Cells of a bar from which on it has a gap."""

COUNTED = "counted "
"""The beginning of a note that is left out where there is little room."""

MINUTE = "2026-11-22 12:00"
"""A time to the minute."""

Styled = tuple[str, str]


class Bar(NamedTuple):
    """An interval on the screen: its first cell on the axis, its width, and its heights in eighths of a cell.

    A bar that spans several intervals shows their average.
    """

    bucket: Bucket
    start: int
    width: int
    level: int
    failed: int


class TimelineBar(Widget, can_focus=True):
    """Rows of bars, an axis that marks the chosen interval, and a line of text.

    One line while there are no bars, and in a short window while it hasn't the focus. A very short window has no room
    for the axis.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TIMELINE)]
    ALLOW_SELECT = False

    @dataclass
    class Chosen(Message):
        """Filter by this interval, in microseconds, both ends included."""

        first_us: int
        last_us: int

    class Left(Message):
        """Return the focus to the table."""

    class Resized(Message):
        """There is room for another number of bars."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.buckets: list[Bucket] = []
        self.note = self.worth = ""
        self.at = 0
        self.mark: int | None = None
        self._moved = False

    @property
    def room(self) -> int:
        """The number of bars that fit, each one cell wide."""
        return max(1, (self.size or self.app.size).width - SCALE - 1)

    def restyle(self, look: Look) -> None:
        """Show times in another look."""
        before, self.look = self.look, look
        if (look.mode, look.zone) != (before.mode, before.zone):
            self.refresh()

    def show(self, buckets: list[Bucket], note: str, worth: str = "") -> None:
        """`worth` says of what the counts are, if not of all; `note` what goes on, or what went wrong.

        The cursor stays on its time; until it is moved, it is on the highest bar.
        """
        chosen = self.buckets[self.at] if self.at < len(self.buckets) else None
        higher = bool(buckets) != bool(self.buckets)
        self.buckets, self.note, self.worth = buckets, note, worth
        self._moved = self._moved and bool(buckets)
        if chosen is not None and self._moved:
            places = [number for number, bucket in enumerate(buckets) if bucket.last_us >= chosen.last_us]
            self.at = places[0] if places else max(0, len(buckets) - 1)
        else:
            self.at = self._peak()
        self.refresh(layout=higher)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if not self.buckets or (is_short(viewport.height) and not self.has_focus):
            return 1
        rows = next((rows for least, rows in ROWS if viewport.height >= least), 1)
        return max(1, min(rows + 2, viewport.height - OTHER))

    def _peak(self) -> int:
        numbers = [(bucket.n or 0) / bucket.intervals for bucket in self.buckets]
        return numbers.index(max(numbers)) if numbers else 0

    def _span(self) -> range:
        other = self.at if self.mark is None else self.mark
        return range(min(self.at, other), max(self.at, other) + 1)

    # -- drawing -----------------------------------------------------------------------------------------------

    def _highest(self) -> int:
        return max((-(-(bucket.n or 0) // bucket.intervals) for bucket in self.buckets), default=0)

    def _bars(self, rows: int) -> list[Bar]:
        """The bars from left to right. All intervals have the same width; bars of three cells and more have gaps."""
        cells = max(1, self.room // max(1, sum(bucket.intervals for bucket in self.buckets)))
        most, start, bars = max(1, self._highest()), 0, []
        for bucket in self.buckets:
            n, failed = bucket.n or 0, bucket.failed or 0
            level, refused = (number * rows * EIGHTHS // (most * bucket.intervals) for number in (n, failed))
            level = max(1, level) if n else 0
            refused = max(1, min(refused, level)) if 2 * failed >= n > 0 else min(refused, level)
            width = cells * bucket.intervals
            bars.append(Bar(bucket, start, width, level, refused))
            start += width
        return bars

    def render(self) -> Content:
        if not self.buckets:
            return Content.assemble((f" {self.note or 'counting'}", "$text-muted"))
        height = self.size.height
        rows = max(1, height - 2)
        bars = self._bars(rows)
        lines = [self._row(bars, rows - 1 - number, top=not number) for number in range(rows)]
        if height == 2:  # the bars mark what is chosen
            lines = [self._marked(bars, lines[0])]
        shown = [*lines, self._axis(bars), self._text()] if height > 2 else [*lines, self._text()][-height:]
        return Content("\n").join(Content.assemble(*line) for line in shown)

    def _marked(self, bars: list[Bar], line: list[Styled]) -> list[Styled]:
        """A row of cells with those of the chosen intervals in reverse video."""
        span = self._span() if self.has_focus else range(0)
        scale, *cells = line
        return [
            scale,
            *((text, f"{style} reverse" if place in span else style) for place, (text, style) in enumerate(cells)),
        ]

    def _row(self, bars: list[Bar], above: int, *, top: bool) -> list[Styled]:
        """One row of cells, `above` rows above the axis."""
        parts: list[Styled] = [(f"{_short(self._highest()) if top else '':>{SCALE - 1}} ", "$text-muted")]
        zeros = _zeros(bars) if not above else set()
        for bar in bars:
            if not zeros.isdisjoint(cells := range(bar.start, bar.start + bar.width)):
                parts.append(("".join("0" if cell in zeros else " " for cell in cells), "$text-muted"))
                continue
            gap = 1 if bar.width >= WIDE * bar.bucket.intervals else 0
            level, failed = (max(0, min(number - above * EIGHTHS, EIGHTHS)) for number in (bar.level, bar.failed))
            glyph, style = self._cell(level, failed, beyond=bar.bucket.beyond)
            parts.append((glyph * (bar.width - gap) + " " * gap, "" if glyph == " " else style))
        return parts

    def _cell(self, level: int, failed: int, *, beyond: bool) -> Styled:
        """A cell's glyph and style. `level` eighths are filled, the lower `failed` ones with failures."""
        glyphs = self.look.glyphs
        bars = glyphs.bars
        if failed and self.app.no_color:
            return glyphs.refused, ""
        other = "$text-warning" if beyond else "$text-accent"
        if not failed:
            return bars[level], other
        if failed < level == EIGHTHS:
            return bars[failed], f"$text-error on {other}"
        # Two colours and a blank don't fit in one cell: the larger part decides.
        return bars[level], "$text-error" if 2 * failed >= level else other

    def _axis(self, bars: list[Bar]) -> list[Styled]:
        """A line with the times of some intervals, and those chosen in reverse video."""
        end = bars[-1].start + bars[-1].width
        line = list(self.look.glyphs.line * end)
        for start, label in self._labels(bars):
            line[start : start + len(label)] = label
        span = self._span() if self.has_focus else range(0)
        chosen = {
            cell
            for place, bar in enumerate(bars)
            if place in span
            for cell in range(bar.start, bar.start + bar.width)
        }
        parts: list[Styled] = [(f"{'0':>{SCALE - 1}} ", "$text-muted")]
        for cell, character in enumerate(line):
            parts.append((character, "bold reverse" if cell in chosen else "$text-muted"))
        return parts

    def _labels(self, bars: list[Bar]) -> list[tuple[int, str]]:
        """Cells and texts of the axis: the first time with its date, then those at the round times that have room."""
        tick = self.look.glyphs.upright
        inside = [bar for bar in bars if not bar.bucket.beyond] or bars
        end = bars[-1].start + bars[-1].width
        first, *others = inside
        head = f"{tick}{self._time(first.bucket.first_us)[:16]}"
        labels = [(first.start, head)] if first.start + len(head) <= end else []
        free = first.start + len(head) + 1
        local = {bar.start: bar.bucket.first_us + self._offset(bar.bucket.first_us) for bar in inside}
        span, cells = local[inside[-1].start] - local[first.start], inside[-1].start - first.start
        for step in round_steps() if others else ():
            if step * cells < LEAST_LABEL * span:
                continue
            at_step = [bar for bar in others if local[bar.start] % step == 0]
            ways: list[Callable[[Bucket], str]] = [
                partial(self._label, step=step, year=True),
                partial(self._label, step=step, year=False),
            ]
            if len(at_step) == len(others) and others[0].bucket.last_us - others[0].bucket.first_us > DAY_US:
                ways.insert(0, self._days)
            for way in ways:
                texts = [(bar.start, f"{tick}{way(bar.bucket)}") for bar in at_step]
                if all(one[0] + len(one[1]) < other[0] for one, other in pairwise(texts)):
                    return labels + [(at, text) for at, text in texts if at >= free and at + len(text) <= end]
        return labels

    def _days(self, bucket: Bucket) -> str:
        """The first and the last day of an interval, without the year."""
        first, last = (self._time(us)[5:10] for us in (bucket.first_us, bucket.last_us))
        if first == last:
            return _day(first)
        return f"{_day(first)}..{last[3:] if first[:3] == last[:3] else _day(last)}"

    def _label(self, bucket: Bucket, *, step: int, year: bool) -> str:
        """When an interval begins: its date at midnight, with the year if wanted, else seconds where they matter."""
        text = self._time(bucket.first_us)
        if step >= DAY_US or text[11:19] == "00:00:00":
            return text[:10] if year else _day(text[5:10])
        return text[11:16] if step >= 60_000_000 else text[11:19]

    def _offset(self, us: int) -> int:
        return offset_us(us, self.look.zone) if self.look.mode == "local" else 0

    def _text(self) -> list[Styled]:
        span = self._span()
        chosen = [self.buckets[place] for place in span if place < len(self.buckets)]
        inside = [bucket for bucket in self.buckets if not bucket.beyond] or self.buckets
        shown = chosen if self.has_focus and chosen else inside
        n, failed = sum(bucket.n or 0 for bucket in shown), sum(bucket.failed or 0 for bucket in shown)
        entries = [(counted(n, "entry", "entries"), ""), (f" {self.worth}" if self.worth else "", "$text-warning")]
        refused = (f", {count(failed)} failed", "$text-error")
        if shown is inside:
            full = [*entries, refused, self._beyond()]
            entries.append(self._beyond())
        else:
            full = [*entries, refused, self._of_the_peak(span)]
        room = self.size.width - 1
        choices = full, [*entries, refused], entries
        exact, times = self._exact(shown), self._between(shown)
        for said in choices:
            ways = [(note, between) for note in (self.note, self.note.removeprefix(COUNTED)) for between in exact]
            for note, between in [*ways, *(("", between) for between in times)]:
                line = [(f"{between}  ", "bold"), *said, (f"  {note}" if note else "", "$text-muted")]
                if _cells(line) <= room:
                    return [(" ", ""), *line]
        text = "".join(text for text, _ in entries)
        cut = [(shorten_end(text, room, self.look.glyphs.ellipsis), "")]
        return [(" ", ""), *next((said for said in choices if _cells(said) <= room), cut)]

    def _between(self, shown: list[Bucket]) -> list[str]:
        """The start and end times, whole, to the minute, and to the day. A day that they share is told once."""
        first, last = self._time(shown[0].first_us), self._time(shown[-1].last_us)
        day = len("2026-11-22")
        if first[:day] == last[:day]:
            return [*(f"{first[:size]} to {last[day + 1 : size]}" for size in (len(first), len(MINUTE))), first[:day]]
        return [f"{first[:size]} to {last[:size]}" for size in (len(first), len(MINUTE), day)]

    def _exact(self, shown: list[Bucket]) -> list[str]:
        """Those of the times between that leave out nothing but seconds: the note takes the room of these."""
        clock = (self._time(shown[0].first_us), self._time(shown[-1].last_us + 1))
        days = all(text[11:].startswith("00:00:00") for text in clock)
        return self._between(shown)[: None if days else 2]

    def _beyond(self) -> Styled:
        """Counts of the outliers before and after all other entries, which have bars of their own."""
        ends = (("before", self.buckets[0]), ("after", self.buckets[-1]))
        text = "".join(f"  +{count(bucket.n or 0)} {where}" for where, bucket in ends if bucket.beyond)
        return text, "$text-warning"

    def _of_the_peak(self, span: range) -> Styled:
        return "  the peak" if list(span) == [self._peak()] and len(self.buckets) > 1 else "", "$text-accent"

    def _time(self, us: int) -> str:
        mode = "utc" if self.look.mode == "relative" else self.look.mode
        return format_time(us, mode, self.look.now_us, self.look.zone)

    # -- events and keys ---------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_focus(self) -> None:
        self.refresh(layout=is_short(self.app.size.height))

    def on_blur(self) -> None:
        self.mark = None
        self.refresh(layout=is_short(self.app.size.height))

    def on_click(self, event: events.Click) -> None:
        for number, bar in enumerate(self._bars(1)):
            if bar.start <= event.x - SCALE < bar.start + bar.width:
                self._go(number)
                if event.chain > 1:
                    self.action_choose()

    def _go(self, to: int) -> None:
        self.at, self._moved = max(0, min(to, len(self.buckets) - 1)), True
        self.refresh()

    def action_earlier(self) -> None:
        self._go(self.at - 1)

    def action_later(self) -> None:
        self._go(self.at + 1)

    def action_range(self) -> None:
        """Start a range at the cursor, or cancel it."""
        self.mark = self.at if self.mark is None else None
        self._moved = True
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


def _zeros(bars: list[Bar]) -> set[int]:
    """The cells of a 0: in each bar without entries, or where bars are narrow, in the middle of such a stretch.

    Without it, a day on which nothing happened looks like one that is missing.
    """
    found = set()
    for (empty, _), group in groupby(bars, lambda bar: (bar.bucket.n == 0, bar.start if bar.width >= WIDE else None)):
        stretch = list(group)
        first, after = stretch[0].start, stretch[-1].start + stretch[-1].width
        if empty and after - first >= WIDE:
            found.add((first + after - 1) // 2)
    return found


def _day(text: str) -> str:
    """`11-15` as a day that can't be read as a time or a range: `Nov 15`."""
    from auditlog_tui.query.times import MONTHS  # late: the first frame needs none

    return f"{MONTHS[int(text[:2]) - 1].title()} {text[3:]}"


def _cells(line: list[Styled]) -> int:
    return cell_width("".join(text for text, _ in line))


def _short(n: int) -> str:
    """A number in at most five characters: `9,999`, `10k`, `1.2M`."""
    if n < 10_000:
        return count(n)
    for size, unit in ((10**9, "G"), (10**6, "M")):
        if n >= size:
            return f"{n / size:.1f}{unit}" if n < 100 * size else f"{n // size}{unit}"
    return f"{n // 1000}k"
