"""The Textual app: theme, palette, clipboard, errors and shutdown around the browse screen."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.command import CommandPalette, Provider
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from textual.signal import Signal
from textual.theme import ThemeProvider

from auditlog_tui.errors import AuditLogError, ExitStatus, SettingsError
from auditlog_tui.output.clipboard import copy
from auditlog_tui.output.crash import crash_report
from auditlog_tui.settings.options import AUTO_THEME, Settings
from auditlog_tui.text.glyphs import ASCII, glyphs_for
from auditlog_tui.text.safe import safe
from auditlog_tui.ui.browse.opening import Opener
from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.commands import KeyCommands
from auditlog_tui.ui.dialogs.dialog import Palette
from auditlog_tui.ui.ending import LEAVING
from auditlog_tui.ui.messages import CopyRequested, QuitAsked, Say
from auditlog_tui.ui.patches.app import PatchedApp
from auditlog_tui.ui.patches.ascii_filter import AsciiFilter
from auditlog_tui.ui.patches.error_guard import cause, expected
from auditlog_tui.ui.patches.input_parser import BackgroundReported
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.columns import read_columns

STRONG = {
    True: {"text-error": "#ff5555", "text-warning": "#ffff55", "text-success": "#55ff55"},
    False: {"text-error": "#aa0000", "text-warning": "#aa5500", "text-success": "#00aa00"},
}
"""Colours that a terminal with 16 colours has, for a dark theme (True) and a light one."""


DARK, LIGHT = "textual-dark", "textual-light"
"""The themes for a dark background and for a light one."""


class AuditLogApp(PatchedApp):
    """`query_text` is the filter to begin with. `report` is printed once the screen is gone."""

    CSS_PATH = "app.tcss"
    TITLE = "auditlog-tui"
    BINDINGS: ClassVar[list[BindingType]] = []
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}
    COMMAND_PALETTE_DISPLAY = "ctrl+p"

    def __init__(self, settings: Settings, opener: Opener, query_text: str = "") -> None:
        super().__init__()
        self.settings = settings
        self.opener = opener
        self.query_text = query_text
        self.report = ""
        self._browse: BrowseScreen | None = None
        self._leaving = False
        self._kept_note = ""
        """What became of a note that was being typed when the program was ended."""
        self.ask_end: Callable[[int], None] = _no_ending
        self.animation_level = "none"
        if settings.theme not in (AUTO_THEME, *self.available_themes):
            names = ", ".join((AUTO_THEME, *sorted(self.available_themes)))
            with settings.checking("theme"):
                raise SettingsError(f"There is no theme {safe(settings.theme, 40)!r}. There are {names}.")
        self.theme = DARK if settings.theme == AUTO_THEME else settings.theme
        with settings.checking("columns"):
            read_columns(settings.columns)
        if self.no_color:  # Textual's own answer to NO_COLOR is greys
            self.line_filters[:] = [NoColor() if isinstance(each, Monochrome) else each for each in self.line_filters]
        self._keys: Signal[events.Key] = Signal(self, "key")
        self._glyphs = glyphs_for(getattr(sys.__stdout__, "encoding", None))
        if self._glyphs is ASCII:
            self.line_filters.append(AsciiFilter())

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if sys.platform == "win32":
            return found
        from textual.drivers.linux_driver import LinuxDriver

        from auditlog_tui.ui.patches.terminal_driver import SafeDriver

        return SafeDriver if found is LinuxDriver else found

    def get_default_screen(self) -> Screen[None]:
        self._browse = BrowseScreen(self.settings, self.opener, self.query_text, self._glyphs, self._keys)
        self.kept_keys = self._browse.type_ahead
        return self._browse

    @property
    def left(self) -> str:
        """What the user must know of an export or a note once the screen is closed; empty if there is nothing."""
        export = self._browse.exporting.left if self._browse is not None else ""
        return "\n".join(filter(None, [export, self._kept_note]))

    def get_css_variables(self) -> dict[str, str]:
        """The theme's; at 16 colours, the pale ones that would become grey are replaced by strong ones."""
        variables = super().get_css_variables()
        if self.console.color_system == "standard" and not self.native_ansi_color:
            variables |= STRONG[self.current_theme.dark]
        return variables

    def on_mount(self) -> None:
        # While suspended, the shell wrote on the terminal.
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        if self.settings.theme == AUTO_THEME and not self.no_color:
            self.ask_background()

    @on(BackgroundReported)
    def _choose_theme(self, message: BackgroundReported) -> None:
        """Use the light theme on a light background, unless the user has chosen one meanwhile."""
        if self.settings.theme == AUTO_THEME and self.theme == DARK and message.is_light:
            self.theme = LIGHT

    async def on_unmount(self) -> None:
        await self.opener.close()
        self.ask_end(LEAVING)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._keys.publish(event)
        await super().on_event(event)

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected; the screen that has the status line decides."""
        if self.screen_stack:
            self.screen_stack[0].post_message(QuitAsked())

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        self.push_screen(Palette([ThemeProvider], placeholder="Search for themes…"))

    # -- the clipboard -----------------------------------------------------------------------------------------

    def copy_to_clipboard(self, text: str) -> None:
        """Called by Textual to copy a selection (ctrl+c)."""
        self.post_message(CopyRequested(text, "the selection"))

    @on(CopyRequested)
    def _copy_requested(self, message: CopyRequested) -> None:
        self.set_clipboard(message.text)
        start(self, lambda: self._copy(message), "copy")

    async def _copy(self, message: CopyRequested) -> None:
        try:
            copied = await copy(message.text, environ=os.environ, write_escape=self.write_to_terminal)
            done, severity = ("Copied", "") if copied.confirmed else ("Sent", "warning")
            text = f"{done} {message.what} {copied.message}"
            if self._browse is not None and self._browse.opened:
                self._browse.copying.note(message, copied)
        except AuditLogError as error:
            text, severity = str(error), "error"
        self._say(text, severity)

    # -- errors and shutdown -----------------------------------------------------------------------------------

    def handle_error(self, error: Exception) -> bool:
        """Show an error that the user can act on; any other ends the app."""
        if (self.exit_requested or self._leaving) and isinstance(cause(error), NoMatches):
            return True  # a cancelled worker cleans up after the widgets are gone
        shown = expected(error)
        return shown is not None and self._say(str(shown), "error")

    def _say(self, text: str, severity: str) -> bool:
        """Show a text in the status line. False if there is none yet; while the app closes, nothing is shown."""
        if self.is_closing:
            return True
        screen = self.screen_stack[0] if self.screen_stack else None
        return screen is not None and screen.is_mounted and screen.post_message(Say(text, severity))

    def end(self, status: int) -> None:
        """Exit and restore the terminal; from any thread."""
        self.call_soon(lambda: self.exit(return_code=status))

    def refuse(self, error: AuditLogError) -> None:
        """Exit with an error that nothing can be done about here; from any thread."""
        self.report = self.report or f"{error}\n"
        self.end(ExitStatus.USAGE)

    def terminal_gone(self) -> None:
        """The terminal has closed without SIGHUP: end as if it had come; from any thread."""
        self.ask_end(signal.SIGHUP)

    def thread_failed(self, error: BaseException) -> None:
        """End with a crash report; from any thread."""
        self.fail(error if isinstance(error, Exception) else RuntimeError(f"A thread ended by {error!r}"))

    def before_shutdown(self) -> None:
        """Cancel the workers before the widgets that they draw in are removed."""
        self._leaving = True
        browse = self._browse
        if browse is not None:
            browse.keeping.keep()
        if browse is not None and browse.opened and self.return_code:  # by a signal, or an error
            self._kept_note = browse.marking.keep_typed()
            browse.navigation.keep_typed()
        self.workers.cancel_all()

    def report_crash(self, error: BaseException) -> None:
        """Keep a crash report without secrets, to print once the screen is closed."""
        if not self.report:
            self.report = crash_report(cause(error) or error, self.settings.secrets)


def _no_ending(number: int) -> None:
    """Used without `ending`, as in tests that have no terminal."""
