"""The filter bar: the input, the terms as chips, suggestions, and how the filter is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.getters import query_one
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from auditlog_tui.errors import QueryError, SecretError
from auditlog_tui.text.cells import cell_width, fit, shorten_end, shorten_middle
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import count
from auditlog_tui.ui.keys import FILTER, bindings
from auditlog_tui.ui.panes.chips import ChipLine, highlight
from auditlog_tui.ui.panes.detail import wrap
from auditlog_tui.ui.panes.groups import is_short
from auditlog_tui.ui.patches.input_widget import SafeInput

if TYPE_CHECKING:
    from auditlog_tui.query import Candidate, Completion
    from auditlog_tui.session.navigator import Explanation

LINES = 8
"""Suggestions shown at once, at most."""

CHROME = 4
"""Lines of the window that suggestions leave free: the header, the input, their own last line and the footer."""

MIN_TEXT = 12
"""Cells of a suggestion's text at least, beside its count and its help."""

COUNT = 9
"""Width of a suggestion's count, in cells."""

MIN_HELP = 8
"""Help is not shown in fewer cells."""

EXPLAINED = 4
"""Lines at most that tell how the text is evaluated; one in a short window."""

INDENT = 3
"""Cells to the left of the input's text."""


class Suggestions(Static):
    """Lists a completion's candidates. `chosen` is the one that Tab inserted."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.completion: Completion | None = None
        self.chosen: int | None = None
        self.display = False

    def show(self, completion: Completion | None, chosen: int | None = None) -> None:
        self.completion, self.chosen = completion, chosen
        candidates = completion.candidates if completion is not None else ()
        self.display = bool(candidates)
        listed = max(1, min(LINES, self.app.size.height - CHROME))
        first = max(0, min((chosen or 0) - listed // 2, len(candidates) - listed))
        shown = candidates[first : first + listed]
        room = max(1, self.app.size.width - INDENT)
        counted = COUNT + 3 if room >= MIN_TEXT + COUNT + 3 else 0
        texts, helps = ([cell_width(safe(text)) for text in column] for column in _columns(shown))
        text_width = min(max([MIN_TEXT, *texts]), max(room - counted - max(helps, default=0), MIN_TEXT, room // 2))
        text_width = min(text_width, room - counted)
        help_width = room - text_width - counted
        lines: list[tuple[str, str]] = []
        for number, candidate in enumerate(shown, first):
            style = highlight(self, chosen=number == chosen)
            seen = count(candidate.count) if candidate.count is not None else ""
            text = fit(shorten_middle(safe(candidate.text), text_width), text_width)
            help_text = safe(candidate.help) if help_width >= MIN_HELP else ""
            lines += [(f"{' ' * INDENT}{text}", f"bold{style}")]
            lines += [(f" {seen:>{COUNT}}  " if counted else "", f"$text-accent{style}")]
            lines += [(fit(shorten_end(help_text, help_width), help_width), f"$text-muted{style}"), ("\n", "")]
        rest = len(candidates) - listed
        more = f", {count(rest)} more" if rest > 0 else ""
        lines.append((f"{' ' * INDENT}Tab inserts{more}", "$text-muted"))
        self.update(Content.assemble(*lines))


def _columns(candidates: Sequence[Candidate]) -> tuple[list[str], list[str]]:
    return [each.text for each in candidates], [each.help for each in candidates]


PLACEHOLDER = "everything, newest first"


class FilterInput(SafeInput):
    """The filter bar's input, with the filter bar's keys."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(FILTER)]

    def action_older_text(self) -> None:
        self.bar.walk_history(-1)

    def action_newer_text(self) -> None:
        self.bar.walk_history(1)

    def action_complete(self) -> None:
        self.bar.complete(1)

    def action_complete_back(self) -> None:
        self.bar.complete(-1)

    def on_blur(self) -> None:
        if self.app.app_focus:  # otherwise the terminal lost the focus, and the text stays
            self.call_later(self.bar.restore)  # later, because `has_focus` is still set here

    def on_paste(self, event: events.Paste) -> None:
        """Paste as one line, with spaces for line breaks."""
        event.prevent_default()
        event.stop()
        if not self.refuse_long(event):
            self.replace(" ".join(event.text.split()), *sorted(self.selection))

    @property
    def bar(self) -> FilterBar:
        return self.query_ancestor(FilterBar)


class Explained(Widget):
    """Paragraphs of text, wrapped anywhere; an ellipsis stands for lines that have no room."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._paragraphs: tuple[Content, ...] = ()

    def tell(self, *paragraphs: Content) -> None:
        self._paragraphs = paragraphs
        self.display = True
        self.refresh(layout=True)

    def _lines(self, width: int) -> list[Content]:
        lines = []
        for paragraph in self._paragraphs:
            at = 0
            for line in wrap(paragraph.plain, max(1, width)):
                lines.append(paragraph[at : at + len(line)])
                at += len(line)
        most = 1 if is_short(self.app.size.height) else EXPLAINED
        if len(lines) <= most:
            return lines
        last = lines[most - 1]
        return [*lines[: most - 1], Content.assemble(last[: max(0, width - 1)].rstrip(), ("…", "$text-muted"))]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        return Content("\n").join(self._lines(self.size.width))


class FilterBar(Vertical):
    """Shows the applied filter. While focused, shows the text being edited and how it would be evaluated."""

    input = query_one(FilterInput)
    chips = query_one(ChipLine)
    suggestions = query_one(Suggestions)
    line = query_one(Explained)
    welcome = query_one("#welcome", Static)
    """Three keys for a new user, not displayed at first."""

    @dataclass
    class Submitted(Message):
        """Apply this filter."""

        text: str

    class Left(Message):
        """Return the focus to the table."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self.glyphs = glyphs
        self.applied = ""
        self.explain: Callable[[str], Explanation] | None = None
        self.suggest: Callable[[str, int], Completion] | None = None
        self.history: Sequence[str] = ()
        self._history_at: int | None = None
        self._draft = ""
        self._refused: tuple[str, QueryError] | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("/", markup=False, id="filter-sign")
            yield FilterInput(placeholder=PLACEHOLDER, compact=True, select_on_focus=False)
            yield Static(_welcome(self.glyphs), markup=False, id="welcome")
        yield ChipLine(self.glyphs)
        yield Explained()
        yield Suggestions()

    def open(self) -> None:
        """Take the focus with the text selected, so that typing replaces it."""
        self._open(Selection(0, len(self.input.value)))

    def open_at(self, start: int, end: int) -> None:
        """Take the focus with these columns selected."""
        self._open(Selection(start, end))

    def open_with(self, text: str) -> None:
        """Take the focus with another text, and the cursor at its end."""
        self.input.value = text
        self._open(Selection.cursor(len(text)))

    def end_welcome(self) -> None:
        self.welcome.display = False

    def _open(self, selection: Selection) -> None:
        self.end_welcome()
        self._history_at = None
        self.input.focus()
        self.input.selection = selection
        self.tell(self.input.value)

    def show(self, text: str, *, keep_typed: bool = False) -> None:
        """Show a filter that was just applied. `keep_typed` leaves the text alone while the input has the focus."""
        self.applied, self._refused = text, None
        if not (keep_typed and self.input.has_focus):
            self._set_input(text, len(text))
            self.suggestions.show(None)
        self.tell(self.input.value)

    def restore(self) -> None:
        """Restore the applied filter. What was typed is kept as a draft, reachable with Down."""
        if self.input.value != self.applied:
            self._draft = self.input.value
        self.show(self.applied)

    def _set_input(self, text: str, cursor: int) -> None:
        with self.prevent(Input.Changed):
            self.input.value = text
        self.input.cursor_position = cursor

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.input.value:
            return  # outdated: more was typed meanwhile
        if self.suggest is not None and self.input.has_focus:
            self.suggestions.show(self.suggest(event.value, self.input.cursor_position))
        self.tell(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.suggestions.show(None)
        self.post_message(self.Submitted(event.value))

    @on(ChipLine.Chosen)
    def _chip_chosen(self, event: ChipLine.Chosen) -> None:
        """Show the chosen chip's term in the input."""
        event.stop()
        self.input.show_part(event.chip.start, event.chip.end)

    @on(ChipLine.Left)
    def _chips_left(self, event: ChipLine.Left) -> None:
        event.stop()
        self.post_message(self.Left())

    # -- how the text is evaluated -----------------------------------------------------------------------------

    def tell(self, text: str, *, failed: bool = False) -> None:
        """Show below the input how the text is evaluated, or where its error is.

        An error in the term being typed is shown without alarm, or not at all while suggestions for it are shown,
        unless `failed` is set.
        """
        explain = self.explain
        if explain is None:
            return
        try:
            if self._refused is not None and self._refused[0] == text:
                raise self._refused[1]
            explanation = explain(text)
        except SecretError as error:
            self._set_input(error.text, error.end)  # so that it is no longer on the screen
            self.suggestions.show(None)
            self.chips.show((), keep=True)
            self.line.tell(*self._error(error.text, error))
        except QueryError as error:
            failed = failed or (self._refused is not None and error is self._refused[1])
            typing = self.input.has_focus and not failed and self.input.cursor_position == error.end
            if typing and self.suggestions.display:
                with suppress(QueryError):  # in another term
                    self._show_explanation(explain(text[: error.start] + text[error.end :]))
                    return
            self.chips.show((), keep=True)
            self.line.tell(*([_quiet_error(error)] if typing else self._error(text, error)))
        else:
            self._show_explanation(explanation)

    def _show_explanation(self, explanation: Explanation) -> None:
        self.chips.show(explanation.chips, keep=self.input.has_focus)
        warning = (f"{safe(explanation.warning)}  ", "$text-warning") if explanation.warning else ("", "")
        self.line.tell(Content.assemble(warning, (safe(explanation.line), "$text-muted")))
        self.line.display = self.input.has_focus

    def fail(self, error: QueryError) -> None:
        """Show an error in the text, and put the cursor at its end."""
        self.input.cursor_position = error.end
        self.suggestions.show(None)
        self.tell(self.input.value, failed=True)

    def refuse(self, error: QueryError) -> None:
        """Show that the server rejected a term, until the text changes."""
        self._refused = self.input.value, error
        self.fail(error)

    def _error(self, text: str, error: QueryError) -> list[Content]:
        """The error, with carets under its term, or with the term itself if that has scrolled out of view."""
        start = len(safe(text[: error.start]))
        width = max(1, min(error.end - error.start, 40))
        term = safe(text[error.start : error.end], 60)
        seen = INDENT + start + width < self.size.width and self.input.scroll_offset.x == 0
        pointer = f"{' ' * start}{'^' * width}" if seen else f"{term}:"
        told = Content.assemble((safe(error.message), "$text-error"), (f"  {safe(error.hint)}", "$text-muted"))
        if is_short(self.app.size.height):
            return [told]
        still = f"still showing: {safe(self.applied) or self.input.placeholder}"
        return [Content.styled(pointer, "bold $text-error"), told, Content.styled(still, "$text-warning")]

    # -- history and completion --------------------------------------------------------------------------------

    def walk_history(self, way: int) -> None:
        """Show the previous (-1) or next (1) filter of the history. The draft comes after the newest."""
        texts = list(dict.fromkeys(reversed(self.history)))[::-1]
        if self._history_at is None:
            self._draft = self.input.value if self.input.value != self.applied else self._draft
            self._history_at = len(texts)
        self._history_at = max(0, min(self._history_at + way, len(texts)))
        text = texts[self._history_at] if self._history_at < len(texts) else self._draft
        self._set_input(text, len(text))
        self.suggestions.show(None)
        self.tell(text)

    def complete(self, way: int) -> None:
        """Insert the first candidate, or the one after (1) or before (-1) the last one inserted."""
        if self.suggest is None:
            return
        found, chosen = self.suggestions.completion, self.suggestions.chosen
        if found is None or chosen is None:
            found, chosen = self.suggest(self.input.value, self.input.cursor_position), None
        if not found.candidates:
            return
        following = 0 if chosen is None else (chosen + way) % len(found.candidates)
        end = found.end if chosen is None else self.input.cursor_position
        text = found.candidates[following].text
        self._set_input(self.input.value[: found.start] + text + self.input.value[end:], found.start + len(text))
        self.suggestions.show(found, following)
        self.tell(self.input.value)


def _quiet_error(error: QueryError) -> Content:
    return Content.styled(f"{safe(error.message)}  {safe(error.hint)}", "$text-muted")


def _welcome(glyphs: Glyphs) -> Content:
    keys = (glyphs.enter, "opens an entry"), ("/", "filters"), ("?", "shows every key")
    return Content.assemble(*(part for key, does in keys for part in ((f"  {key} ", "bold $text-accent"), does)), " ")
