"""A fuzzer of the app: random keys, text, pastes, clicks, resizes and faults. It must survive and make no false
statement.

A session's steps are made before it runs, so that the same seed makes the same steps, and a failure can be shortened
by leaving some out. Keys that quit or suspend are disabled.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from textual import events
from textual.app import App
from textual.geometry import Size
from textual.pilot import Pilot

from auditlog_tui.api.retry import Wait
from auditlog_tui.output.clipboard import Copied
from auditlog_tui.session.filter_history import History
from auditlog_tui.session.marks import Marks
from auditlog_tui.session.navigator import Navigator
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui import app as app_module
from auditlog_tui.ui.app import AuditLogApp
from auditlog_tui.ui.browse import detail
from auditlog_tui.ui.browse.screen import BrowseScreen
from auditlog_tui.ui.keys import KEYS
from tests.app.helpers import TestOpener as Opener
from tests.app.helpers import _unread, key_event, until
from tests.app.wire import UNREACHABLE, Answers, JsonLog, Wire, answers, log_of, made
from tests.unit.faulty import FaultyConnection, faulty

STEPS = 150
"""The number of steps in a session."""

HANGS_S = 60
"""Seconds after which an unfinished step counts as hung."""

SHRINK_S = 120
"""Seconds spent on shortening a failure."""

Step = tuple[str, *tuple[Any, ...]]

OWN = sorted({name for key in KEYS for name in key.keys.split(",") if name})
EDITING = [
    "tab", "shift+tab", "ctrl+c", "ctrl+v", "ctrl+x", "ctrl+a", "ctrl+e", "ctrl+w", "ctrl+k", "ctrl+p", "left",
    "right", "f1", "insert", "delete", "shift+end", "shift+home", "ctrl+end", "ctrl+home", "J", "shift+up",
]  # fmt: skip
LISTS = ["pagedown", "pageup", "home", "end", "down", "up", "enter", "escape"]
DIALOGS = [
    "y",
    "p",
    "semicolon",
    "C",
    "question_mark",
    "ctrl+t",
    "ctrl+f",
    "D",
    "colon",
    "s",
    "i",
    "ctrl+p",
    "m",
    "M",
    "e",
]
TEXTS = [
    "status:>=400", "ua:terraform", "-actor.type:user", "last:24h", "sort:path", "(", 'path:"', "id:x", "theme",
    "nothing matches this", "e", "2026-07-01", "#tag a note", "\udcff", "﷽\u202e\x1b[31m", "界" * 30, "@failures",
    "created:..", "forget", "save", "load everything", "k", "0", " ",
]  # fmt: skip
SIZES = [(1, 1), (2, 2), (5, 24), (80, 4), (80, 12), (10, 3), (250, 60), (80, 24), (120, 36), (150, 8), (40, 40)]
FAULTS = {
    "none": None,
    "unreachable": UNREACHABLE,
    "500": answers(500, {"message": "it broke"}),
    "401": answers(401, {"message": "invalid key"}),
    "html": answers(200, b"<!DOCTYPE html>", Content_Type="text/html"),
    "no items": answers(200, {"pagination": {}}),
    "odd items": answers(200, {"items": [1, None, {"id": 5}, []], "pagination": {"next_cursor": 3}}),
}


# -- steps ---------------------------------------------------------------------------------------------------------


def steps_of(dice: random.Random) -> list[Step]:
    """A session: its log, and its steps."""
    first: Step = ("log", dice.choice(["demo", "demo", "old", "odd", "few", "none"]))
    return [first, *(_step(dice) for _ in range(STEPS))]


def _step(dice: random.Random) -> Step:
    roll = dice.random()
    if roll < 0.45:
        return "key", dice.choice(OWN)
    if roll < 0.70:
        return "key", dice.choice(dice.choice([EDITING, LISTS, LISTS, DIALOGS, DIALOGS]))
    if roll < 0.76:
        return "type", dice.choice(TEXTS)
    if roll < 0.79:
        return "paste", dice.choice([*TEXTS, "a\nb\tc", "x" * 5_000])
    if roll < 0.86:
        kind = dice.choice(["click", "click", "double", "drag", "wheel down", "wheel up"])
        return "mouse", kind, dice.random(), dice.random()
    if roll < 0.91:
        size = dice.choice(SIZES) if dice.random() < 0.7 else (dice.randint(1, 250), dice.randint(1, 60))
        return "resize", *size
    if roll < 0.94:
        return "wire", dice.choice(list(FAULTS)), dice.choice([1, 2, 1 << 30])
    if roll < 0.96:
        return "slow", dice.random() < 0.4
    if roll < 0.98:
        return "store", dice.choice(["works", "works", "reads fail", "writes fail", "all fails", "fails at times"])
    return "wait", dice.choice([0.01, 0.05, 0.3])


# -- the app and its surroundings -----------------------------------------------------------------------------------


class StayingApp(AuditLogApp):
    """The app without quitting and suspending."""

    CSS_PATH = str(Path(app_module.__file__).with_name("app.tcss"))

    def exit(self, *args: object, **options: object) -> None:
        """Do nothing."""

    def action_suspend_process(self) -> None:
        """Do nothing."""


class FuzzOpener(Opener):
    """Keeps all files in one folder, and exposes the store's connection."""

    def __init__(self, transport: httpx.AsyncBaseTransport, folder: Path, dice: random.Random) -> None:
        super().__init__(transport)
        self.folder = folder
        self.dice = dice
        self.connection: FaultyConnection | None = None

    def open(self, on_wait: Callable[[Wait | None], None]) -> Navigator:
        navigator = super().open(on_wait)
        self.connection = faulty(navigator.log.store, self.dice)
        navigator.marks = Marks(self.folder / "marks")
        navigator.history = History(self.folder / "history")
        return navigator


def _log(name: str) -> Answers:
    odd = [
        made(n, action=action, path="/" + "界\u202e" * n) for n, action in enumerate(["\x1b[31m", None, 5, "a" * 999])
    ]
    logs: dict[str, Callable[[], Answers]] = {
        "demo": lambda: log_of(400), "old": lambda: log_of(400, 1), "odd": lambda: JsonLog([*odd, {}, *odd]),
        "few": lambda: JsonLog(made(n) for n in range(3)), "none": lambda: JsonLog([]),
    }  # fmt: skip
    return logs[name]()


@contextmanager
def _private() -> Iterator[Path]:
    """A folder for all files, a fake clipboard, and no delay before the detail pane follows the cursor."""

    async def copy(text: str, **_: object) -> Copied:
        return Copied("local", "the clipboard", "to a test's clipboard")

    with tempfile.TemporaryDirectory() as folder:
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), folder)
        with (
            chdir(folder),
            patch.dict(os.environ, homes),
            patch.object(app_module, "copy", copy),
            patch.object(detail, "REST_S", 0.0),
        ):
            yield Path(folder)


# -- a session -----------------------------------------------------------------------------------------------------


class Session:
    """Runs the steps one by one. Raises `AssertionError` if the app is not in a valid state."""

    def __init__(self, folder: Path, log: str) -> None:
        self.dice = random.Random(log)
        self.wire = Wire(_log(log))
        self.opener = FuzzOpener(self.wire, folder, self.dice)
        self.app = StayingApp(Settings(base_url="https://log.example"), self.opener)
        self.pilot: Pilot[Any]

    async def run(self, steps: list[Step]) -> None:
        async with self.app.run_test(size=(120, 36)) as self.pilot:
            try:
                await self._opened()
                for step in steps:
                    await self._do(*step)
                    await self._quiet()
                    await self._focus_moved()
                    self._check()
                await self._mend()
                await self._focus_moved()
                self._check()
            finally:
                self.wire.release()

    async def _focus_moved(self) -> None:
        """Wait for Textual to move the focus, which it does in a message that may come after all others."""
        for _ in range(20):
            try:
                _check_focus(self.app)
                return
            except AssertionError:
                await asyncio.sleep(0.05)

    async def _do(self, kind: str, *what: Any) -> None:
        app = self.app
        match kind:
            case "key":
                app.post_message(key_event(*what))
            case "type":
                for character in what[0]:
                    app.post_message(key_event(character))
            case "paste":
                app.post_message(events.Paste(*what))
            case "mouse":
                self._mouse(*what)
            case "resize":
                await self._resize(Size(*what))
            case "wire":
                fault, times = FAULTS[what[0]], what[1]
                self.wire.fail(fault or UNREACHABLE, times if fault else 0)
            case "slow":
                (self.wire.hold if what[0] else self.wire.release)()
            case "store":
                if self.opener.connection is not None:
                    self.opener.connection.fails = what[0]
            case "wait":
                await asyncio.sleep(*what)

    async def _resize(self, size: Size) -> None:
        driver = self.app._driver
        assert driver is not None
        driver._size = size
        self.app.post_message(events.Resize(size, size))
        await self.pilot.pause(1 / 60)  # the delay after which Textual applies a new size

    def _mouse(self, kind: str, x: float, y: float) -> None:
        size = self.app.size
        at = int(x * size.width), int(y * size.height)
        wheel = {"wheel down": events.MouseScrollDown, "wheel up": events.MouseScrollUp}.get(kind)
        if wheel is not None:
            self._post(wheel, at)
            return
        self._post(events.MouseMove, at, button=0)
        for _ in range(2 if kind == "double" else 1):
            self._post(events.MouseDown, at)
            if kind == "drag":
                self._post(events.MouseMove, (size.width - 1, at[1] // 2))
            self._post(events.MouseUp, at)

    def _post(self, kind: type[events.MouseEvent], at: tuple[int, int], button: int = 1) -> None:
        self.app.post_message(
            kind(None, *at, 0, 0, button, shift=False, meta=False, ctrl=False, screen_x=at[0], screen_y=at[1])
        )

    async def _opened(self) -> None:
        """Wait until the log is open, which happens in a thread, so that each session begins in the same state."""
        await until(self.pilot, lambda: isinstance(self.app.screen, BrowseScreen) and self.app.screen.opened)
        await self._quiet()

    async def _quiet(self) -> None:
        """Wait until all messages are handled; background work continues."""
        async with asyncio.timeout(HANGS_S):
            quiet = 0
            while quiet < 3 and self._alive():
                await asyncio.sleep(0)
                quiet = 0 if _unread(self.app) else quiet + 1

    async def _mend(self) -> None:
        """End all faults and return to the initial place."""
        self.wire.fail(UNREACHABLE, 0)
        self.wire.release()
        if self.opener.connection is not None:
            self.opener.connection.fails = "works"
        await self._resize(Size(120, 36))
        for _ in range(12):
            self.app.post_message(key_event("escape"))
            await self._quiet()
        self.app.post_message(key_event("r"))
        await self._quiet()
        await asyncio.sleep(0.05)
        await self._quiet()

    # -- invariants --------------------------------------------------------------------------------------------

    def _alive(self) -> bool:
        return self.app.is_running and self.app._exception is None

    def _check(self) -> None:
        app = self.app
        if app._exception is not None:
            raise AssertionError(f"the app failed: {app._exception!r}") from app._exception
        assert app.is_running, "the app ended"
        screen = app.screen_stack[0]
        assert isinstance(screen, BrowseScreen)
        _check_focus(app)
        if screen.opened and screen.navigator.places:
            self._check_verdict(screen)

    def _check_verdict(self, screen: BrowseScreen) -> None:
        assert screen.table.view is screen.view, "the table shows another place than the browser's"
        assert screen.filter_bar.applied == screen.navigator.place.text, "the bar shows another filter than the rows'"
        header = screen.header.render().plain
        if self.opener.connection is not None and self.opener.connection.fails != "works":
            return  # the store can't be read to verify the view
        if "COMPLETE" in header and "INCOMPLETE" not in header:
            assert screen.view.complete, f"the header says COMPLETE of a view that is not: {header}"


def _check_focus(app: App[None]) -> None:
    focused = app.screen.focused
    if focused is None:
        return
    assert focused.is_attached, f"{focused} has the focus and is gone"
    hidden = [node for node in focused.ancestors_with_self if not getattr(node, "display", True)]
    assert not hidden, f"{focused} has the focus, and {hidden} can't be seen"


# -- running -------------------------------------------------------------------------------------------------------


def fails(steps: list[Step]) -> BaseException | None:
    """The error of a session with these steps."""
    (_, log), *rest = steps
    with _private() as folder:
        try:
            asyncio.run(Session(folder, log).run(rest))
        except (Exception, ExceptionGroup) as error:
            return error
    return None


def shrunk(steps: list[Step]) -> list[Step]:
    """Fewer steps that fail as well."""
    deadline, size = time.monotonic() + SHRINK_S, len(steps) // 2
    while size:
        at = 1
        while at < len(steps) and time.monotonic() < deadline:
            fewer = steps[:at] + steps[at + size :]
            if fails(fewer) is not None:
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def session(seed: str) -> int:
    """Run one session and return the number of its steps. Raises `AssertionError` with what reproduces a failure."""
    steps = steps_of(random.Random(seed))
    error = fails(steps)
    if error is not None:
        fewer = shrunk(steps)
        raise AssertionError(f"seed {seed!r}: {error!r}\nfails(steps) with\nsteps = {fewer!r}") from error
    return len(steps)


def run(seconds: float, seed: int) -> str:
    """Run sessions for this many seconds."""
    deadline, sessions, steps = time.monotonic() + seconds, 0, 0
    while time.monotonic() < deadline:
        steps += session(f"{seed}/{sessions}")
        sessions += 1
    return f"{steps:,} keys, clicks, resizes and faults in {sessions:,} sessions: the app lived"
