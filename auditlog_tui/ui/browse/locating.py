"""The location of addresses, once the user's files are open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from auditlog_tui.ui.browse.host import Controller, Host
from auditlog_tui.ui.patches.timers import certain

if TYPE_CHECKING:
    from auditlog_tui.analysis.locations import Locations

LATER_S = 1.0
"""Seconds after opening when the files are opened: the first rows are on the screen by then."""


class LocationController(Controller):
    """Opens files and looks up addresses in a thread; `Look.where` tells everyone what is known by now."""

    def __init__(
        self,
        host: Host,
        open_files: Callable[[], Locations] | None,
        show_again: Sequence[Callable[[], None]],
    ) -> None:
        """`open_files` is slow, and `None` if the user has no files. `show_again` show their addresses again."""
        self._host = host
        self._open_files = open_files
        self._show_again = show_again
        self._locations: Locations | None = None
        self._wanted: dict[str, None] = {}
        self._looking = False

    def opened(self) -> None:
        if self._open_files is not None:
            certain(self._host.set_timer(LATER_S, lambda: self._host.start(self._open, "open locations")))

    async def _open(self) -> None:
        if self._open_files is not None:
            self._locations = await asyncio.to_thread(self._open_files)
            self._host.restyle(replace(self._host.look, where=self.where))
            self._show()

    def where(self, address: str) -> str:
        """The location of an address (safe text); empty if it is unknown, or until it was looked up."""
        if self._locations is None:
            return ""
        found = self._locations.known(address)
        if found is None:
            self._wanted[address] = None
            if not self._looking:
                self._looking = True
                self._host.start(self._look_up, "locations")
        return found or ""

    async def _look_up(self) -> None:
        try:
            while self._wanted and self._locations is not None:
                wanted, self._wanted = self._wanted, {}
                await asyncio.to_thread(_look_up, self._locations, wanted)
                self._show()
        finally:
            self._looking = False

    def _show(self) -> None:
        for show in self._show_again:
            show()
        if self._locations is not None and (problems := self._locations.take_problems()):
            self._host.say(" ".join(problems), "warning")


def _look_up(locations: Locations, addresses: Iterable[str]) -> None:
    for address in addresses:
        locations.text(address)
