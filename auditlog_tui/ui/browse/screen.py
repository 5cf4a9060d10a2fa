"""The browse screen: builds widgets and controllers, and passes messages and state between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from msgspec.structs import replace
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.geometry import Size
from textual.signal import Signal
from textual.widget import Widget
from textual.worker import Worker

from auditlog_tui import runtime
from auditlog_tui.errors import AuditLogError, QueryError, StoreError
from auditlog_tui.settings.options import Settings
from auditlog_tui.text.glyphs import Glyphs
from auditlog_tui.text.safe import safe
from auditlog_tui.text.zones import TimeDisplay, time_displays
from auditlog_tui.ui.browse.appearance import AppearanceController
from auditlog_tui.ui.browse.copying import CopyController
from auditlog_tui.ui.browse.detail import DetailController
from auditlog_tui.ui.browse.exporting import ExportController
from auditlog_tui.ui.browse.facets import FacetController
from auditlog_tui.ui.browse.finding import FindController
from auditlog_tui.ui.browse.following import FollowController
from auditlog_tui.ui.browse.host import Answered, Controller, Move
from auditlog_tui.ui.browse.keeping import KeepController
from auditlog_tui.ui.browse.loading import LoadController
from auditlog_tui.ui.browse.locating import LocationController
from auditlog_tui.ui.browse.long_work import LongWork
from auditlog_tui.ui.browse.marking import MarkController
from auditlog_tui.ui.browse.navigation import NavigationController
from auditlog_tui.ui.browse.novelty import NoveltyController
from auditlog_tui.ui.browse.opening import Opener, Opening
from auditlog_tui.ui.browse.pivoting import PivotController
from auditlog_tui.ui.browse.rechecking import RecheckController
from auditlog_tui.ui.browse.side_panes import WIDE, SidePanes
from auditlog_tui.ui.browse.status import StatusController
from auditlog_tui.ui.browse.timeline import TimelineController
from auditlog_tui.ui.browse.type_ahead import ALWAYS, TypeAhead
from auditlog_tui.ui.browse.who import WhoController
from auditlog_tui.ui.dialogs.dialog import Dialog
from auditlog_tui.ui.keys import CHIPS, DETAIL, EVERYWHERE, FACETS, FILTER, TABLE, TIMELINE, WHO, Situation, bindings
from auditlog_tui.ui.look import Look
from auditlog_tui.ui.messages import CopyRequested, QuitAsked, Say
from auditlog_tui.ui.panes.bars import FooterBar, HeaderBar
from auditlog_tui.ui.panes.chips import ChipLine
from auditlog_tui.ui.panes.detail import DetailPane
from auditlog_tui.ui.panes.facets import FacetPane
from auditlog_tui.ui.panes.filter_bar import FilterBar
from auditlog_tui.ui.panes.groups import is_short
from auditlog_tui.ui.panes.timeline import TimelineBar
from auditlog_tui.ui.panes.who import WhoPane
from auditlog_tui.ui.patches.scroll_region import ShiftingScreen
from auditlog_tui.ui.patches.timers import certain
from auditlog_tui.ui.patches.workers import start
from auditlog_tui.ui.table.columns import read_columns
from auditlog_tui.ui.table.table import EntryTable

if TYPE_CHECKING:
    from auditlog_tui.log.view import View
    from auditlog_tui.session.navigator import Navigator, Place

_T = TypeVar("_T")

TINY = 8
"""Lines of a window below which chips have no room."""

WELCOME_S = 60.0
"""Seconds for which the first start of all shows three keys."""

CLOCK_S = 1.0
"""Seconds between two updates of ages."""

IDLE_S = 5.0
"""Seconds after a key from which no other is expected soon."""

SOON_S = 0.3
"""Seconds after a key within which another one is likely."""

PLACES: dict[type[Widget], str] = {
    EntryTable: TABLE,
    DetailPane: DETAIL,
    ChipLine: CHIPS,
    TimelineBar: TIMELINE,
    FacetPane: FACETS,
    WhoPane: WHO,
}
"""The place in the list of keys of each widget that takes the focus; anything else is the filter bar."""


def _body_classes(window: Size) -> str:
    """Whether a pane stands beside the table, or has no room below it."""
    return "-wide" if window.width >= WIDE else "-short" if is_short(window.height) else ""


class BrowseScreen(ShiftingScreen):
    """Implements `Host`. `look` is written by `restyle` alone; `navigator` exists once `opened`."""

    AUTO_FOCUS = "EntryTable"

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EVERYWHERE)]

    def __init__(
        self, settings: Settings, opener: Opener, text: str, glyphs: Glyphs, keys: Signal[events.Key]
    ) -> None:
        """`text` is the filter to begin with; `keys` is published for every key, whatever has the focus."""
        super().__init__(terminal_scrolling=settings.scroll == "terminal")
        self.navigator: Navigator
        self.opened = False
        self._settings = settings
        self._opener = opener
        self._text = text
        self._keys = keys
        self._late = False
        """True while a tick is put off."""
        self._keyed_at = 0.0
        zones = time_displays(settings.zone)
        self._look = Look(glyphs, *zones[0], time.time_ns() // 1000, columns=read_columns(settings.columns))
        case = safe(PurePath(settings.case).name, 200)
        self.header = HeaderBar(settings.endpoint, self._look, settings.profile, case)
        self.filter_bar = FilterBar(glyphs)
        self.timeline = TimelineBar(self._look)
        self.table = EntryTable(self._look)
        self.pane = DetailPane()
        self.facets = FacetPane(glyphs)
        self.who = WhoPane(glyphs)
        self.footer = FooterBar()
        self.opening = Opening(self, opener, self.table, self.header, self.filter_bar, case or settings.endpoint)
        self.controllers = self._make_controllers(zones)
        for controller in self.controllers:
            self._add_actions(controller)

    def _make_controllers(self, zones: list[TimeDisplay]) -> tuple[Controller, ...]:
        """The controllers in the order in which they are told of changes: those that make requests come last."""
        table, pane, bar = self.table, self.pane, self.filter_bar
        self.long_work = LongWork(self)
        self.loader = LoadController(self, table)
        self.status = StatusController(self, self.header, bar, table, self.footer, self.loader)
        self.type_ahead = TypeAhead(self, self.opening, self.loader, self.footer, lambda: self.opened)
        self.navigation = NavigationController(self, bar, table, pane, self.facets)
        self.side = SidePanes(pane, self.facets, table)
        self.detail = DetailController(self, pane, table, self.side)
        self.pivoting = PivotController(self, table)
        self.finding = FindController(self, table, self.footer)
        self.novelty = NoveltyController(self, table, self.loader)
        self.faceting = FacetController(self, self.facets, self.side)
        self.marking = MarkController(self, table, self.header, bar, self.long_work, self.novelty, self.detail)
        self.copying = CopyController(self, table, self.long_work, self._settings.base_url)
        self.rechecking = RecheckController(self, table, self.loader, self.long_work, self.status)
        self.exporting = ExportController(
            self, table, bar, self.status, self._settings, self.rechecking.known, lambda: self.marking.busy
        )
        self.whoing = WhoController(
            self, self.who, table, pane, self.facets, self.marking, self.copying, self.exporting
        )
        self.keeping = KeepController(self, table, self.header)
        self.following = FollowController(self, table, self.header, self.loader)
        self.charting = TimelineController(self, self.timeline, table)
        return (
            self.detail,
            self.copying,
            self.pivoting,
            self.finding,
            AppearanceController(self, table, zones),
            LocationController(
                self,
                self._opener.open_locations if self._settings.mmdb else None,
                (self.detail.show_again, self.faceting.rows_changed, self.whoing.rows_changed),
            ),
            self.status,
            self.novelty,
            self.faceting,
            self.marking,
            self.rechecking,
            self.whoing,
            self.exporting,
            self.following,
            self.charting,
            self.navigation,
            self.keeping,
            self.loader,
        )

    def _add_actions(self, controller: Controller) -> None:
        """Make the controller's actions this screen's, where Textual looks for them by name."""
        for name in vars(type(controller)):
            if name.startswith("action_"):
                if hasattr(self, name):
                    raise RuntimeError(f"two actions are called {name}")
                setattr(self, name, getattr(controller, name))

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.filter_bar
        yield self.timeline
        with Container(id="body", classes=_body_classes(self.app.size)):
            yield self.table
            yield self.pane
            yield self.facets
            yield self.who
        yield self.footer

    def on_mount(self) -> None:
        self.opening.begin(self._text)
        self._keys.subscribe(self, self._keyed, immediate=True)
        self.set_interval(CLOCK_S, self._tick)
        self.call_after_refresh(self.run_worker, self._open(), group="open")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.opened or action in ALWAYS

    async def _open(self) -> None:
        from auditlog_tui.session.kept_places import begin  # late: it loads the models

        try:
            await self.opening.prepare()
            self.navigator = self._opener.open(self.status.waiting)
            self.status.watch(self.navigator.log)
        except AuditLogError as error:
            self.opening.fail(str(error))
            return
        self.opened = True
        self.header.is_open = True
        self.header.origin = self.navigator.log.origin
        self.restyle(replace(self._look, now_us=self.navigator.log.now_us()))
        self.filter_bar.explain = self.navigator.explain
        self.filter_bar.suggest = self.navigator.suggest
        self.filter_bar.history = self.navigator.history.texts
        try:
            self.show(begin(self.navigator, self._text))
        except QueryError as error:
            self.show(self.navigator.submit(""))
            if self.filter_bar.input.has_focus:  # another one is being typed
                self.say(str(error), "error")
            else:
                self.navigation.point_at(self._text, error)
        except StoreError as error:  # of a case: its places can't be read
            self.show(self.navigator.submit(""))
            self.say(str(error), "error")
        for controller in self.controllers:
            controller.opened()
        self.opening.watch(self.navigator.log)
        runtime.freeze_startup_objects()
        if await asyncio.to_thread(self._opener.take_first_start):
            self.filter_bar.welcome.display = True
            certain(self.set_timer(WELCOME_S, self.filter_bar.end_welcome))

    # -- what controllers ask for ------------------------------------------------------------------------------

    @property
    def view(self) -> View:
        return self.navigator.view

    @property
    def look(self) -> Look:
        return self._look

    def restyle(self, look: Look) -> None:
        before, self._look = self._look, look
        for widget in (self.header, self.table, self.timeline):
            widget.restyle(look)
        if self.opened:
            self.navigator.zone = look.zone
            if look.zone is not before.zone:
                self.detail.follow()

    def say(self, text: str, severity: str = "") -> None:
        self.status.say(text, severity)

    def spin(self) -> None:
        self.status.spin()

    def ask(self, dialog: Dialog[_T], answered: Answered[_T] | None = None) -> None:
        self.app.push_screen(dialog, answered)

    def copy(self, text: str, what: str, ids: tuple[str, ...] = (), values: tuple[str, ...] = ()) -> None:
        self.post_message(CopyRequested(text, what, ids, values))

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> Worker[None]:
        return start(self, work, group)

    # -- places ------------------------------------------------------------------------------------------------

    def submit(self, text: str) -> None:
        if self.opened:
            self.navigation.submit(text)
        else:
            self._text = text
            self.filter_bar.show(text)
            self.table.focus()

    def go(self, move: Move) -> bool:
        if self.navigator.places and self.table.view is self.view:
            row, place = self.table.row, self.navigator.place
            place.cursor = row.n if row is not None else None
            place.above = self.table.cursor - self.table.top
        place_found = move()
        if place_found is not None:
            self.show(place_found, asked=True)
        return place_found is not None

    def show(self, place: Place, *, asked: bool = False) -> None:
        self.whoing.cover(place)
        self.filter_bar.show(self.navigator.shown, keep_typed=not asked)
        self.table.show(place.view, place.cursor, place.above)
        self.rows_changed()
        for controller in self.controllers:
            controller.place_shown()
        self._name_keys()

    def rows_changed(self) -> None:
        if (place := self.navigator.refreeze()) is not None:
            self.show(place)
            return
        self.following.look_at_top(keyed=False)
        self.status.note_server()
        self.show_state()
        self.table.sync()
        if self.navigation.take_back():
            return
        self.status.show_problem()
        for controller in self.controllers:
            controller.rows_changed()
        self._name_keys()

    def show_state(self) -> None:
        self.status.show_state()

    # -- keys and the clock ------------------------------------------------------------------------------------

    def _keyed(self, event: events.Key) -> None:
        """A key was pressed: its message was read."""
        self._keyed_at = time.monotonic()
        self.status.note_key()
        if not self.opened:
            self.opening.keyed(event.key)
        self.call_after_refresh(self.following.look_at_top, keyed=True)

    def _name_keys(self) -> None:
        """Let the footer name the keys that matter now."""
        if self.opened and self.navigator.places:
            navigator, has_filter, view = self.navigator, bool(self.navigator.place.text), self.view
            self.footer.situation = Situation(
                back=navigator.at > 0,
                open=self.pane.display or self.facets.display or self.who.display,
                filter=has_filter,
                revocable=self.whoing.revocable,
                filter_off=bool(navigator.parked) and not has_filter,
                empty=not len(view) and (view.error is not None or (view.older_done and view.newer_done)),
            )

    def _tick(self) -> None:
        if not self.opened:
            return
        if runtime.pause_left() > 0 and not self._late:
            self._late = True
            certain(self.set_timer(runtime.LONGEST_S, self._tick))  # what was typed is drawn first
            return
        self._late = False
        since_key = time.monotonic() - self._keyed_at
        runtime.collect_garbage(idle=since_key > IDLE_S, pressed=since_key < SOON_S)
        if self.navigator.log.store.unused:
            self.start(self._sweep, "sweep")
        self.restyle(replace(self._look, now_us=self.navigator.log.now_us()))
        self.following.look_at_top(keyed=False)

    async def _sweep(self) -> None:
        with suppress(StoreError):  # the user did not ask for it, and the next tick tries again
            await self.navigator.log.store.sweep()

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#body").set_classes(_body_classes(event.size))
        self.set_class(event.size.height < TINY, "-tiny")
        self.side.fit(event.size)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self.footer.place = PLACES.get(type(event.widget), FILTER)
        self.call_after_refresh(self._name_keys)  # a pane that was just opened is displayed by then
        if self.footer.place != FILTER:
            self.navigation.focused = event.widget
        else:
            self.filter_bar.tell(self.filter_bar.input.value)

    def action_redraw(self) -> None:
        self.refresh()

    def action_help(self) -> None:
        from auditlog_tui.ui.dialogs.help import HelpScreen

        self.app.push_screen(HelpScreen(self.footer.place, self._look.glyphs))

    @on(FilterBar.Left)
    @on(TimelineBar.Left)
    def action_focus_table(self) -> None:
        self.whoing.focus_main()

    async def action_retry(self) -> None:
        if self.navigator.log.reopen is not None:
            self.opening.reopen()
            return
        if self.whoing.retry() or self.navigation.retry() or self.detail.retry() or self.loader.retry():
            return
        if self.navigator.log.origin is not None:
            self.say("A file does not grow: open it again if something was added to it", "warning")
        elif self.view.fixed and not self.who.display:
            self.marking.show_marked()
        else:
            self.go(self.navigator.refresh)

    def action_close(self) -> None:
        self.call_after_refresh(self._name_keys)
        if self.whoing.leave():
            return
        if self.pane.display and not self.facets.has_focus:
            self.detail.close()
        elif self.facets.display:
            self.faceting.close()
        else:
            self.app.exit()

    def action_escape(self) -> None:
        self.call_after_refresh(self._name_keys)
        if self.opening.stop() or self.long_work.stop() or self.whoing.stop() or self.marking.forget_range():
            return
        if self.status.stop_waiting() or self.whoing.leave():
            return
        if self.pane.has_focus:
            self.table.focus()
        elif self.pane.display:
            self.detail.close()
        elif self.facets.display:
            self.faceting.close()
        elif self.timeline.display:
            self.charting.close()
        elif not (self.loader.stop() or self.exporting.stop()):
            self.finding.clear()

    # -- messages ----------------------------------------------------------------------------------------------

    @on(Say)
    def _say_for_app(self, message: Say) -> None:
        self.say(message.text, message.severity)

    @on(QuitAsked)
    def _quit_asked(self) -> None:
        if self.status.confirm_quit():
            self.app.exit()

    @on(EntryTable.Moved)
    def _cursor_moved(self) -> None:
        self.detail.follow()

    @on(EntryTable.Reached)
    @on(EntryTable.ScanOn)
    def _more_wanted(self, message: EntryTable.Reached | EntryTable.ScanOn) -> None:
        if isinstance(message, EntryTable.Reached):
            self.loader.reached(older=message.older)
        else:
            self.loader.scan_on()

    @on(EntryTable.Jumped)
    def _jumped(self, message: EntryTable.Jumped) -> None:
        self.go(lambda: self.navigator.jump(oldest=message.oldest))

    @on(EntryTable.Zoned)
    def _zoned(self, message: EntryTable.Zoned) -> None:
        self.header.show_zone(message.labels)

    @on(events.Paste)
    def _pasted(self, event: events.Paste) -> None:
        """What is pasted elsewhere, an ID say, is put into the filter bar, where Enter searches for it."""
        if event.text.strip():
            self.filter_bar.open()
            self.filter_bar.input.on_paste(event)

    @on(FilterBar.Submitted)
    def _filter_submitted(self, message: FilterBar.Submitted) -> None:
        if not (self.opened and self.pivoting.open_meanings(message.text)):
            self.submit(message.text)

    @on(ChipLine.Removed)
    def _term_removed(self, message: ChipLine.Removed) -> None:
        self.submit(self.navigator.without(message.number))

    @on(TimelineBar.Chosen)
    def _interval_chosen(self, message: TimelineBar.Chosen) -> None:
        self.submit(self.navigator.between(message.first_us, message.last_us))

    @on(TimelineBar.Resized)
    def _timeline_resized(self) -> None:
        self.charting.room_changed()
