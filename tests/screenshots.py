"""Creates the pictures in screenshots/ from the demo: python -m tests.screenshots"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from auditlog_tui.session.opening import Session
from auditlog_tui.settings.options import Settings
from auditlog_tui.ui.app import AuditLogApp

FOLDER = Path(__file__).parent.parent / "screenshots"


@dataclass(frozen=True)
class Picture:
    """A name, the screen's size in cells, the initial filter, and the keys pressed before the picture is taken."""

    name: str
    size: tuple[int, int]
    query: str = ""
    keys: tuple[str, ...] = ()


PICTURES = (
    Picture("browse", (120, 32), "", ("down", "down")),
    Picture("filter", (120, 32), "", ("/", *"status:>=400 actor.type:api_key -path:/vpcs")),
    Picture("detail", (160, 40), "action:*.deleted", ("down", "down", "enter", "down")),
    Picture("pivots", (120, 32), "status:401", ("p",)),
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


class UsedSession(Session):
    """Not the first one of its user."""

    def take_first_start(self) -> bool:
        return False


async def take(picture: Picture) -> None:
    settings = Settings(demo=True)
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


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for picture in PICTURES:
        asyncio.run(take(picture))


if __name__ == "__main__":
    main()
