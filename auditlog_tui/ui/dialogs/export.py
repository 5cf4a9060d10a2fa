"""The dialogs that begin an export and tell how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from auditlog_tui.errors import AuditLogError
from auditlog_tui.evidence.forms import FORMS
from auditlog_tui.text.cells import cell_width, fit, shorten_end
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.times import age
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.patches.input_widget import SafeInput
from auditlog_tui.ui.patches.options import Options
from auditlog_tui.ui.patches.workers import start

What = Literal["marked", "around", "all", "loaded", "one", "line", "earlier"]

AROUND_US = tuple(seconds * 1_000_000 for seconds in (10, 30, 60, 300, 900, 3_600))
"""Microseconds before and after each marked entry that can be chosen."""

FIRST_AROUND_US = 300_000_000

PROMISE = "Only you will be able to read the file. Nothing is ever overwritten."


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be exported. `label` and `note` may be unsafe; in the label, `{}` is the time around.

    `path` is the file of an earlier export to go on with; `filter` is that of a `line` of a page.
    """

    what: What
    label: str
    note: str
    path: str = ""
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for. `path` is as typed; `goes_on` says to go on with what an earlier run left there.

    `filter` is that of a `line` of a page. With `incomplete`, what there is is written even if something is missing.
    """

    what: What
    form: str
    path: str
    around_us: int = FIRST_AROUND_US
    goes_on: bool = False
    incomplete: bool = False
    filter: str = ""


class Choices(Options):
    """A list whose line under the cursor is chosen; a mark shows that without colour and without the focus too."""

    def __init__(self, lines: Sequence[tuple[str, str]], glyphs: Glyphs, at: int, name: str) -> None:
        super().__init__(*["" for _ in lines], markup=False, id=name)
        self.highlighted = at
        self._lines_shown = list(lines)
        self._glyphs = glyphs
        self._drawn: object = None

    def replace_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show other lines, some of them perhaps added at the end."""
        self._lines_shown = list(lines)
        self.add_options([Option("") for _ in lines[self.option_count :]])
        self._draw()

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def on_focus(self) -> None:
        self.call_later(self._draw)

    def on_blur(self) -> None:
        self.call_later(self._draw)

    def on_click(self, event: events.Click) -> None:
        """Choose a line, and begin nothing."""
        event.prevent_default()
        option = event.style.meta.get("option")
        if option is not None and option < self.option_count:
            self.highlighted = option

    def _draw(self) -> None:
        """Draw the lines, unless they are drawn so already: drawing lays the dialog out anew."""
        lines = [(safe(label), safe(note)) for label, note in self._lines_shown]
        room = self.scrollable_content_region.width - 2
        now = lines, room, self.highlighted, self.has_focus
        if now == self._drawn:
            return
        self._drawn = now
        widest = min(max(cell_width(label) for label, _ in lines), max(1, room))
        for number, (label, note) in enumerate(lines):
            mark = self._glyphs.on if number == self.highlighted else self._glyphs.off
            left = room - widest - 2
            shown = shorten_end(note, left, self._glyphs.ellipsis) if left > 8 else ""
            label = fit(label, widest, ellipsis=self._glyphs.ellipsis)
            style = "reverse" if self.app.no_color and self.has_focus and number == self.highlighted else ""
            prompt = Content.assemble(
                (f"{mark} ", "$text-accent"), (label, style), (f"  {shown}", "$foreground-muted")
            )
            self.replace_option_prompt_at_index(number, prompt.rstrip())


class ExportScreen(Dialog[Request | None]):
    """Returns what to export, or `None` if cancelled.

    `offers` are shown at once, and those that `find_earlier` returns are added; the first one is chosen. `propose`
    returns a path for a suffix. `check` raises `AuditLogError` for a request that can't begin; a text
    that it returns is shown, and the next Enter goes on with what is there. `begun` is a request that failed, and
    `problem` says why.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", show=False),
        Binding("down,j", "list('cursor_down')", show=False),
        Binding("up,k", "list('cursor_up')", show=False),
        Binding("less_than_sign", "change_around(-1)", show=False),
        Binding("greater_than_sign", "change_around(1)", show=False),
    ]

    def __init__(
        self,
        offers: Sequence[Offer],
        glyphs: Glyphs,
        *,
        propose: Callable[[str], str],
        check: Callable[[Request], Awaitable[str]],
        find_earlier: Callable[[], Awaitable[list[Offer]]],
        begun: Request | None = None,
        problem: str = "",
    ) -> None:
        super().__init__()
        self._offers = list(offers)
        self._glyphs = glyphs
        self._propose = propose
        self._check = check
        self._find_earlier = find_earlier
        self._begun = begun
        self._problem = problem
        self._around_us = begun.around_us if begun is not None else FIRST_AROUND_US
        self._named = ""
        """The path as it was proposed; empty once the user has changed it."""
        self._own = ""
        """The path of a new export, while that of an earlier one is shown."""
        self._told_of = begun.path if begun is not None else ""
        """The path that the problem, or what was found there, is about."""
        self._asked: Request | None = None
        """The request that found something to go on with."""
        self._checking = False

    # -- what is drawn -----------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        begun, forms = self._begun, [form.name for form in FORMS]
        whats = [offer.what for offer in self._offers]
        what = whats.index(begun.what) if begun is not None and begun.what in whats else 0
        form = forms.index(begun.form) if begun is not None and begun.form in forms else 0
        if begun is None:
            self._named = self._propose(FORMS[form].suffix)
        with VerticalScroll(id="export", can_focus=False) as box:
            box.border_title, box.border_subtitle = Content("export"), Content("Tab next · ⏎ exports · Esc cancels")
            with Horizontal():
                yield Static("what")
                yield Choices(self._lines(), self._glyphs, what, "what")
            with Horizontal():
                yield Static("format")
                yield Choices([(each.name, each.use) for each in FORMS], self._glyphs, form, "form")
            with Horizontal():
                yield Static("path")
                yield SafeInput(
                    self._named if begun is None else begun.path, compact=True, select_on_focus=False, id="path"
                )
            yield Static(id="told")

    def on_mount(self) -> None:
        self._show_path()
        if self._problem:
            self.query_one(Input).focus()
        self._tell(self._problem, "$text-error") if self._problem else self._tell_promise()
        start(self, self._add_earlier, "earlier")

    def _lines(self) -> list[tuple[str, str]]:
        return [(offer.label.replace("{}", age(self._around_us)), offer.note) for offer in self._offers]

    async def _add_earlier(self) -> None:
        self._offers += await self._find_earlier()
        for box in self.query("#what").results(Choices):  # none once the dialog is being closed
            box.replace_lines(self._lines())

    def _tell(self, text: str, style: str = "$foreground-muted") -> None:
        told = self.query_one("#told", Static)
        told.update(Content.assemble((safe(text, 600), style)))
        told.scroll_visible(animate=False)

    def _tell_promise(self) -> None:
        earlier = self._offer.path
        self._tell(f"Format and path are those of that export: {earlier}" if earlier else PROMISE)

    # -- what is chosen ----------------------------------------------------------------------------------------

    @property
    def _offer(self) -> Offer:
        return self._offers[self.query_one("#what", Choices).highlighted or 0]

    @property
    def _form(self) -> int:
        return self.query_one("#form", Choices).highlighted or 0

    def _request(self) -> Request:
        offer, path = self._offer, self.query_one(Input).value
        return Request(
            offer.what,
            FORMS[self._form].name,
            offer.path or path,
            self._around_us,
            goes_on=bool(offer.path),
            filter=offer.filter,
        )

    @on(OptionList.OptionHighlighted)
    def _chosen(self, event: OptionList.OptionHighlighted) -> None:
        box = self.query_one(Input)
        if event.option_list.id == "what":
            self._show_path()
        elif self._named and box.value == self._named:
            self._propose_path()
        self._asked = None
        if not self._problem:
            self._tell_promise()

    def _propose_path(self) -> None:
        """Propose a path."""
        self._named = self._propose(FORMS[self._form].suffix)
        self._fill_in(self._named)

    def _fill_in(self, path: str) -> None:
        box = self.query_one(Input)
        box.value, box.cursor_position = path, len(path)

    def _show_path(self) -> None:
        """Show the path of an earlier export where that is chosen; it can't be changed then."""
        box, earlier = self.query_one(Input), self._offer.path
        if earlier:
            self._own = self._own if box.disabled else box.value
            box.disabled = True
            self._fill_in(earlier)
        elif box.disabled:
            box.disabled = False
            if self._named:
                self._propose_path()
            else:
                self._fill_in(self._own)

    @on(Input.Changed)
    def _typed(self) -> None:
        box = self.query_one(Input)
        if box.value != self._named and not box.disabled:
            self._named = ""
        if (self._problem or self._asked) and box.value != self._told_of:
            self._problem, self._asked = "", None
            self._tell_promise()

    def action_list(self, action: str) -> None:
        if isinstance(self.focused, Choices):
            getattr(self.focused, f"action_{action}")()

    def action_change_around(self, way: int) -> None:
        further = [us for us in AROUND_US if (us - self._around_us) * way > 0]
        if further:
            self._around_us = min(further, key=lambda us: abs(us - self._around_us))
            self.query_one("#what", Choices).replace_lines(self._lines())

    # -- the end -----------------------------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _submitted(self, event: OptionList.OptionSelected | Input.Submitted) -> None:
        event.stop()
        request = self._request()
        if request == self._asked:
            self.dismiss(replace(request, goes_on=True))
        elif not self._checking:
            self._checking = True
            start(self, lambda: self._submit(request), "submit")

    async def _submit(self, request: Request) -> None:
        try:
            found = await self._check(request)
        except AuditLogError as error:
            if not self.is_current:  # closed meanwhile
                return
            self._problem, self._told_of = str(error), self.query_one(Input).value
            self.query_one(Input).focus()
            self._tell(self._problem, "$text-error")
            return
        finally:
            self._checking = False
        if not self.is_current:
            return
        if found:
            self._asked, self._told_of = request, self.query_one(Input).value
            self._tell(found, "$text-warning")
        else:
            self.dismiss(request)


class ExportedScreen(Dialog[str | None]):
    """Tells how an export ended. Returns the key of the chosen line, or `None`.

    `told` are paragraphs, safe, each with its style. `choices` are keys with their labels. `copy` is called with one
    of the `COPYING`, after which the dialog stays; Enter on its line does the same and closes.
    """

    COPYING = "cvp"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close", show=False),
        Binding("down,j", "list('cursor_down')", show=False),
        Binding("up,k", "list('cursor_up')", show=False),
    ]

    def __init__(
        self,
        title: str,
        told: Sequence[tuple[str, str]],
        choices: Sequence[tuple[str, str]],
        *,
        copy: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._copy = copy
        self._title = title
        self._told = told
        self._choices = choices

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="exported", can_focus=False) as box:
            box.border_title, box.border_subtitle = Content(self._title), Content("Esc closes")
            yield Static(Content("\n").join(Content.styled(text, style) for text, style in self._told))
            yield Options(*(self._option(key, label) for key, label in self._choices), markup=False)

    def _option(self, key: str, label: str) -> Option:
        return Option(Content.assemble((f"{key}  ", "bold $text-accent"), label), id=key)

    def action_list(self, action: str) -> None:
        getattr(self.query_one(OptionList), f"action_{action}")()

    def on_key(self, event: events.Key) -> None:
        if event.character in [key for key, _ in self._choices]:
            event.stop()
            if event.character in self.COPYING:
                self._copy(event.character)
            else:
                self.dismiss(event.character)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)
