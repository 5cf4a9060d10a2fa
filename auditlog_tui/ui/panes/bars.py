"""The header and footer bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from auditlog_tui.text.cells import cell_width, shorten_end
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import DAY_US, age, count, format_time, zone_label
from auditlog_tui.ui.keys import EVERYWHERE, TABLE, Key, Situation, footer, importance

if TYPE_CHECKING:
    from auditlog_tui.log.origin import Origin
    from auditlog_tui.log.view import Summary
    from auditlog_tui.ui.look import Look


CLOCK_TOLERANCE_US = 5_000_000
"""Microseconds that an entry may be in the future before the header says so."""

MIN_NAME_CELLS = 6
"""The endpoint's name is never shortened to fewer cells."""

MIN_FILTER_CELLS = 12
"""The filter of a saved log's entries, with `of` before it, is never shortened to fewer cells."""

FOLLOW_WIDTH = 100
"""Cells of the header from which it says so where new entries are not followed."""

REASON_WIDTH = 120
"""Cells of the header from which it says why the view is INCOMPLETE; the table's last line always does."""

MIN_REASON_CELLS = 20
"""The reason is never shortened to fewer cells."""

MIN_ENDPOINT_CELLS = 20
"""The reason leaves so many cells to the endpoint's name at least, if that is not shorter."""

NO_ANSWER = "no answer"
"""What it says beside `follow` while the server can't be asked for new entries."""

YEAR_US = 365 * 86_400_000_000


class HeaderBar(Widget):
    """Shows profile, endpoint, as-of time, newest entry's age, loaded and total counts, marks, zone and following."""

    ALLOW_SELECT = False
    marked: reactive[int] = reactive(0)
    """Number of marked entries."""

    def __init__(self, endpoint: str, look: Look, profile: str = "", case: str = "") -> None:
        super().__init__()
        self.endpoint = endpoint
        self.profile = profile
        """The profile that the log belongs to; empty for none."""
        self.case = case
        """The case's name (safe text), and whether it is only read; empty for none."""
        self.look = look
        self.origin: Origin | None = None
        """What a saved log says of itself; set once it is open."""
        self.is_open = False
        """There is a log: it is not still being opened, and it could be."""
        self.summary: Summary | None = None
        self.busy = False
        self._frame = 0
        self._follow = False, ""
        self._labels: tuple[str, ...] = ()
        self._failed = ""
        self.lost = ""
        """Why the server does not serve the log, in two words; empty as far as is known that it does."""

    def show(self, summary: Summary | None, *, busy: bool, failed: str = "") -> None:
        """`failed` says in two words why nothing could be loaded."""
        self.summary, self.busy, self._failed = summary, busy, failed
        self._frame += 1
        self.refresh()

    def lose(self, why: str) -> None:
        """Show in two words why the server does not serve the log; empty once it does."""
        if why != self.lost:
            self.lost = why
            self.refresh()

    def follow(self, on: bool, fresh: str) -> None:
        """Show whether new entries are followed, and how many there are."""
        if (on, fresh) != self._follow:
            self._follow = on, fresh
            self.refresh()

    def show_zone(self, labels: tuple[str, ...]) -> None:
        """Show the time zone's names (CET, CEST) at the times of the visible rows."""
        self._labels = labels
        self.refresh()

    def restyle(self, look: Look) -> None:
        """Show times in another look, and ages at its time."""
        before = self._times(), self._zone()
        self.look = look
        if (self._times(), self._zone()) != before:
            self.refresh()

    def render(self) -> Content:
        right, _ = self._right()
        profile = self._profile()
        named = self._left(self.size.width - right.cell_length - profile.cell_length - 1)
        left = Content.assemble(profile, named)
        return Content.assemble(left, " " * max(0, self.size.width - left.cell_length - right.cell_length), right)

    def _right(self) -> tuple[Content, bool]:
        """The right half, and whether the zone is in it.

        Where it is too wide it shortens the reason, then drops it, then all but the verdict and one number, then the
        zone.
        """
        names = self._profile().cell_length
        room, why = self.size.width - names - bool(names), self._reason()
        marks = (f"  {self.look.glyphs.marked} {count(self.marked)}" if self.marked else "", "bold $text-accent")
        zone = [(f"  {self._zone()} ", "$text-muted"), *self._following()]
        for parts, zoned in (
            ([*self._lost(), *self._amount(), *why, self._spinner(), marks, *zone], True),
            (
                [*self._lost(), *self._amount(), *self._cut(why, room, marks, zone), self._spinner(), marks, *zone],
                True,
            ),
            ([*self._lost(), *self._amount(), self._spinner(), marks, *zone], True),
            ([*self._lost(), *self._verdict(), marks, *zone], True),
            ([*self._lost(following=False), *self._verdict(), marks], False),
        ):
            content = Content.assemble(*parts)
            if content.cell_length <= room:
                return content, zoned
        verdict = Content.assemble(*self._verdict()).plain
        return Content.styled(shorten_end(verdict, room, self.look.glyphs.ellipsis), "bold"), False

    def _cut(
        self, why: list[tuple[str, str]], room: int, marks: tuple[str, str], zone: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """The beginning of the reason that fits beside the rest and the endpoint; none if that is too short."""
        rest = Content.assemble(*self._lost(), *self._amount(), self._spinner(), marks, *zone).cell_length
        left = room - rest - min(cell_width(self.endpoint), MIN_ENDPOINT_CELLS) - 3
        fits = left >= MIN_REASON_CELLS
        return [(shorten_end(text, left, self.look.glyphs.ellipsis), style) for text, style in why] if fits else []

    async def on_click(self, event: events.Click) -> None:
        """A click on the zone is `t`, one on the follow indicator `F`."""
        content, zoned = self._right()
        right, following = content.cell_length, Content.assemble(*self._following()).cell_length
        at = event.x - max(0, self.size.width - right) - right + following
        if not zoned:
            return
        if at >= 0:
            await self.run_action("screen.follow")
        elif at >= -cell_width(self._zone()) - 1:
            await self.run_action("screen.zone")

    def _profile(self) -> Content:
        """The profile's and the case's names, always there: they say which of several this is."""
        names = " ".join(filter(None, (self.profile, self.case)))
        if not names:
            return Content("")
        room = max(MIN_NAME_CELLS, self.size.width // 2 - 1)
        return Content.styled(f" {shorten_end(names, room, self.look.glyphs.ellipsis)}", "bold $text-accent")

    def _left(self, room: int) -> Content:
        """The left half in `room` cells: drops the newest entry's age first, then shortens the endpoint's name."""
        times, name = self._times(), cell_width(self.endpoint)
        if self.origin is not None:
            return self._saved(self.origin, room)
        for shown, shortest in ((times, name), (times[:1], MIN_NAME_CELLS), ([], MIN_NAME_CELLS)):
            spare = room - Content.assemble(*shown).cell_length - 2
            if spare >= min(name, shortest):
                shown_name = shorten_end(self.endpoint, spare, self.look.glyphs.ellipsis)
                return Content.assemble((f" {shown_name} ", "bold"), *shown)
        return Content("")

    def _saved(self, origin: Origin, room: int) -> Content:
        """The left half for a saved log: its name, its own verdict with the time, and the filter of its entries.

        The right half has the verdict where everything is loaded, and an INCOMPLETE always. Where there is little
        room it drops the verdict, then the time, and never the filter alone, which they are about.
        """
        look, summary, ellipsis = self.look, self.summary, self.look.glyphs.ellipsis
        mode = "utc" if look.mode == "relative" else look.mode
        of_rows = None if summary is None or summary.as_of is None else int(summary.as_of.timestamp() * 1_000_000)
        at = format_time(origin.now_us if of_rows is None else of_rows, mode, look.now_us, look.zone)
        known = origin.reason or (summary is not None and (summary.complete or summary.reason))
        loading = origin.stated and not known
        verdict = (" COMPLETE", "$text-success") if loading else ("", "")
        times = f" {'as of' if origin.dated else 'up to'} {at}", "$text-muted"
        query = f"  of {safe(origin.query, 500)}" if origin.query else ""
        least = min(MIN_FILTER_CELLS, cell_width(query))
        for shown in ([verdict, times], [times], []):
            spare = room - Content.assemble(*shown).cell_length - 2
            if spare >= min(MIN_NAME_CELLS, cell_width(self.endpoint)) + least:
                name = shorten_end(
                    self.endpoint, min(spare - least, max(spare // 2, spare - cell_width(query))), ellipsis
                )
                cut = shorten_end(query if shown else query[1:], spare - cell_width(name), ellipsis)
                return Content.assemble((f" {name} ", "bold"), *shown, (cut, "$text-accent"))
        return Content.styled(f" {shorten_end(self.endpoint, max(0, room - 1), ellipsis)}", "bold")

    def _times(self) -> list[tuple[str, str]]:
        summary, look = self.summary, self.look
        if summary is None or summary.as_of is None:
            return []
        as_of_us = int(summary.as_of.timestamp() * 1_000_000)
        mode = "utc" if look.mode == "relative" else look.mode
        other = bool(self._labels) and zone_label(look.zone, as_of_us) not in self._labels
        old = look.now_us - as_of_us >= DAY_US  # of a case that was not asked for since
        at = format_time(as_of_us, mode, look.now_us, look.zone, with_date=old, with_offset=other)
        parts = [(f" as of {at}", "$text-muted")]
        if summary.newest_us is not None:
            parts.append((f"  newest {_since(look.now_us - summary.newest_us)}", "$text-muted"))
        return parts

    def _amount(self) -> list[tuple[str, str]]:
        summary = self.summary
        if summary is None:
            return []
        if self._failed:
            return [(self._failed, "bold $text-error")]
        if summary.only:
            what = f"only what is {summary.only}: {count(summary.rows)}"
            return [(what if summary.complete else f"{what} so far", "bold $text-accent")]
        loaded = count(summary.loaded)
        of_total = f" of {count(summary.total)}" if summary.total is not None else ""
        rows = (
            f"{count(summary.rows)} {'matches' if summary.rows == 1 else 'match'} in "
            if summary.rows != summary.loaded or summary.filtered
            else ""
        )
        if summary.complete:
            gone = f"  {count(summary.gone)} gone since" if summary.gone else ""
            return [
                (f"{rows}{loaded}", "bold"),
                self._whole(summary),
                (gone, "$text-warning"),
            ]
        if summary.incomplete:
            return [(f"{rows}{loaded}{of_total}", "bold"), ("  INCOMPLETE", "bold $text-error")]
        places = [name for name, more in (("above", summary.more_above), ("below", summary.more_below)) if more]
        where = " and ".join(places)
        return [
            (f"{rows}{loaded}{of_total} loaded", ""),
            (f"  more {where}", "$text-muted"),
        ]

    def _lost(self, *, following: bool = True) -> list[tuple[str, str]]:
        """That the server does not serve the log, unless something beside it says so; `following` is one of these."""
        said = self._failed or (following and self._follow[0] and NO_ANSWER in self._follow[1])
        return [(f"{self.lost}  ", "bold $text-error")] if self.lost and not said else []

    def _whole(self, summary: Summary) -> tuple[str, str]:
        """The verdict on a view that has everything."""
        if self.origin is not None and summary.all_in_file and not summary.only:
            return f"  ALL IN {self.origin.kind.upper()}", "$text-accent"
        return "  COMPLETE", "$text-success"

    def _spinner(self) -> tuple[str, str]:
        if self.summary is None or self.summary.only or self._failed:
            return "", ""
        spinner = self.look.glyphs.spinner
        return (f"  {spinner[self._frame % len(spinner)]}" if self.busy else "   "), "$text-accent"

    def _reason(self) -> list[tuple[str, str]]:
        """Why the view is INCOMPLETE."""
        summary = self.summary
        if self._failed or summary is None or summary.only or not summary.incomplete:
            return []
        return [(f" {summary.reason}", "$text-error")] if self.size.width >= REASON_WIDTH else []

    def _verdict(self) -> list[tuple[str, str]]:
        """The verdict and the number of rows, for a narrow window."""
        summary = self.summary
        if summary is None or self._failed or summary.only:
            return self._amount()
        if summary.complete:
            text, style = self._whole(summary)
            return [(f"{text.strip()} ", style), (count(summary.rows), "bold")]
        if summary.incomplete:
            return [("INCOMPLETE ", "bold $text-error"), (count(summary.rows), "bold")]
        return [(f"{count(summary.rows)} so far", "")]

    def _following(self) -> list[tuple[str, str]]:
        if self.origin is not None or not self.is_open:
            return []
        on, fresh = self._follow
        if not on:
            return [(f" {self.look.glyphs.off} follow ", "$text-muted")] if self.size.width >= FOLLOW_WIDTH else []
        mark = f" {self.look.glyphs.on} follow "
        return [(mark, "$text-accent"), (f"{fresh} " if fresh else "", "bold $text-accent")]

    def _zone(self) -> str:
        look = self.look
        if look.mode == "utc":
            return "UTC"
        if look.mode == "relative":
            return "ages, UTC"
        return " and ".join(self._labels[:2]) or zone_label(look.zone, look.now_us)


def _since(us: int) -> str:
    """An age as text. Beyond the clock tolerance, an entry from the future is reported as such."""
    if us > -CLOCK_TOLERANCE_US:
        return f"{age(us)} ago"
    return f"{age(-us)} in the future" if -us < YEAR_US else f"{count(-us // YEAR_US)} y in the future"


class FooterBar(Widget):
    """Shows the keys of the focused widget or, until the next key, a message of up to two lines.

    No keys while a dialog is open: it takes all of them, and names its own.
    """

    ALLOW_SELECT = False
    place: reactive[str] = reactive(TABLE)
    situation: reactive[Situation] = reactive(Situation())
    message: reactive[str] = reactive("")
    severity: reactive[str] = reactive("")

    def on_mount(self) -> None:
        self.watch(self.screen, "stack_updates", self._dialog_changed, init=False)

    def _dialog_changed(self) -> None:
        """A dialog opened or closed."""
        self.refresh()

    def say(self, text: str, severity: str = "") -> None:
        """Show a message, made safe by the caller. `severity` is empty, `warning` or `error`."""
        self.message, self.severity = text, severity
        self._fit_height()

    @property
    def room(self) -> int:
        """The cells of a message's line."""
        return max(1, self.size.width - 2)

    def on_resize(self) -> None:
        self._fit_height()

    def _fit_height(self) -> None:
        lines = len(self._lines())
        if self.styles.height is None or self.styles.height.value != lines:
            self.styles.height = lines

    def _lines(self) -> list[str]:
        """The message wrapped to at most two lines, between words if possible."""
        width = self.room
        if cell_width(self.message) <= width or not self.size.width:
            return [self.message]
        first = shorten_end(self.message, width, "")
        at = first.rfind(" ") if self.message[len(first)] != " " else len(first)
        first = first[:at] if at > len(first) // 2 else first
        return [first, shorten_end(self.message[len(first) :].lstrip(), width)]

    def render(self) -> Content:
        if self.message:
            style = {"error": "bold $text-error", "warning": "$text-warning"}.get(self.severity, "$text-accent")
            return Content.assemble(("\n".join(f" {line}" for line in self._lines()), style))
        parts: list[tuple[str, str]] = []
        for key in self._fitting():
            parts += [(f" {key.shown}", "bold $text-accent"), (f" {key.label} ", "$text-muted")]
        return Content.assemble(*parts)

    async def on_click(self, event: events.Click) -> None:
        """A click on a key's name or label is that key."""
        end = 0
        for key in self._fitting() if not self.message else ():
            end += cell_width(f" {key.shown} {key.label} ")
            if event.x < end:
                focused = self.screen.focused if key.place != EVERYWHERE else None
                await self.app.run_action(key.action, focused or self.screen)
                return

    def _fitting(self) -> list[Key]:
        """The keys that fit into the footer, the most important ones."""
        if not self.screen.is_active:
            return []
        keys = footer(self.place, self.situation)
        while len(keys) > 1 and sum(cell_width(f" {key.shown} {key.label} ") for key in keys) > self.size.width:
            least = max(map(importance, keys))
            del keys[max(at for at, key in enumerate(keys) if importance(key) == least)]
        return keys
