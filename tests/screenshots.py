"""Draws the pictures in screenshots/ from the demo.

python -m tests.screenshots                          all of them but `archive`
python -m tests.screenshots NAME …                   some of them
python -m tests.screenshots archive --archive DIR    the one of an archive, which python -m tests.bench.archive makes

`incident` is animated: the browser runs in a real terminal, and the keys are those of tests/app/test_incident.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from auditlog_tui.demo import demo_truth
from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui.app import AuditLogApp
from tests.animation import Frame, animated
from tests.app import test_incident as incident
from tests.app.wire import NOW
from tests.real.drive import ROW
from tests.real.pty_terminal import APP, PtyTerminal, environment

FOLDER = Path(__file__).parent.parent / "screenshots"


@dataclass(frozen=True)
class Picture:
    """A name, the screen's size in cells, the initial filter, and the keys pressed before the picture is taken."""

    name: str
    size: tuple[int, int]
    query: str = ""
    keys: tuple[str, ...] = ()
    theme: str = "textual-dark"


PICTURES = (
    Picture("browse", (120, 32), "", ("down", "down")),
    Picture("light", (120, 32), "status:>=400", ("down", "down"), theme="textual-light"),
    Picture("filter", (120, 32), "", ("/", *"status:>=400 actor.type:api_key -path:/vpcs")),
    Picture("detail", (160, 40), "action:*.deleted", ("down", "down", "enter", "down")),
    Picture("pivots", (120, 32), "status:401", ("p", "tab")),
    Picture(
        "marked",
        (120, 32),
        "status:401",
        ("p", "I", "V", "G", "m", "[", "down", "down", "down", "p", "I", "V", "G", "m", "M"),
    ),
    Picture("timeline", (120, 32), "", ("i", "+", "l", "l")),
    Picture("facets", (160, 40), "last:24h", ("s", "j")),
    Picture("narrow", (80, 24), "status:>=400", ("down", "enter")),
)
ARCHIVE = Picture("archive", (120, 32), "", ("i", "down", "down"))


class UsedSession(Session):
    """Not the first one of its user."""

    def take_first_start(self) -> bool:
        return False


async def take(picture: Picture, archive: str = "") -> None:
    """Write the picture's file: of the demo, or of an archive."""
    settings = Settings(demo=not archive, saved=archive, theme=picture.theme)
    app = AuditLogApp(settings, UsedSession(settings), picture.query)
    async with app.run_test(size=picture.size) as pilot:
        await settled(app)
        for key in picture.keys:
            await pilot.press("space" if key == " " else key)
            if not key.isalpha() or key.isupper() or len(key) > 1:
                await settled(app)
        await settled(app)
        (FOLDER / f"{picture.name}.svg").write_text(app.export_screenshot(title="auditlog-tui"), encoding="utf-8")


async def settled(app: AuditLogApp) -> None:
    """Wait until the app has been idle for a while."""
    quiet = 0
    while quiet < 5:
        await asyncio.sleep(0.1)
        quiet = 0 if any(worker.is_running for worker in app.workers) else quiet + 1


# -- the animation -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Keys, and the line below the screen. `each` and `last` are the seconds for which a key's screen is shown."""

    keys: tuple[str, ...]
    each: float
    last: float
    caption: str


STEPS = (
    Step((), 0, 2.0, "An API key has leaked. Who used it, from where, and what did they destroy?"),
    Step(incident.REFUSED, 0.15, 2.0, "/ filters: who was refused for a bad key?"),
    Step(incident.ALL_OF_IT, 2.0, 2.0, "p pivots: counted before you go. I is everything from this address."),
    Step(incident.EVIDENCE, 0.8, 1.6, "V starts a range, G goes to its end, m marks it"),
    Step(incident.BACK, 0.5, 1.2, "[ goes back; the second address"),
    Step(incident.ALL_OF_IT, 1.6, 2.0, "p I: the stolen key itself, and two more keys made with it"),
    Step(incident.EVIDENCE, 0.6, 1.4, "V G m: marked too"),
    Step(incident.REVOKE, 1.2, 3.0, "w a: all about that key. C copies what must be revoked: two keys still work"),
    Step(("M",), 0, 2.5, "M shows the evidence; y y copies all of its IDs"),
)

SIZE = 112, 28
TYPED = {"enter": "\r", "down": "\x1b[B"}
QUIET_S = 0.5
"""Seconds without output after which a screen counts as finished."""


def record(home: Path) -> Iterator[Frame]:
    """The frames of the incident. Raises `AssertionError` if the keys don't find all of it."""
    env = environment(home, COLORTERM="truecolor")
    with PtyTerminal([*APP, "--demo"], env=env, size=SIZE) as terminal:
        terminal.wait_for(ROW)
        for step in STEPS:
            for number, key in enumerate(step.keys or ("",), 1):
                terminal.send(TYPED.get(key, key))
                terminal.settle(QUIET_S)
                last = number >= len(step.keys)
                yield Frame([list(row) for row in terminal.cells()], step.last if last else step.each, step.caption)
        found, wanted = terminal.screen(), len(demo_truth(until=NOW).entries)
        assert re.search(rf"\b{wanted}\b", found), f"not all {wanted} entries are marked:\n{found}"


def draw_incident() -> None:
    """Write the animation's file."""
    with tempfile.TemporaryDirectory() as home:
        frames = list(record(Path(home)))
    svg = animated(frames, "The demo's incident, found in 29 keys")
    (FOLDER / "incident.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description="Draw the pictures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a picture; without any, all but `archive`")
    parser.add_argument("--archive", metavar="DIR", help="the folder that the picture `archive` shows")
    options = parser.parse_args()
    wanted = set(options.names)
    if ARCHIVE.name in wanted and options.archive is None:
        parser.error("archive needs --archive; python -m tests.bench.archive --folder DIR makes one in DIR")
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(exist_ok=True)
    if not wanted or "incident" in wanted:
        draw_incident()
    for picture in PICTURES:
        if not wanted or picture.name in wanted:
            asyncio.run(take(picture))
    if ARCHIVE.name in wanted:
        asyncio.run(take(ARCHIVE, options.archive))


if __name__ == "__main__":
    main()
