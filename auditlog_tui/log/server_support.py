"""What one server proved about each parameter: that it obeys it, that it ignores it, or nothing yet.

A page that matches proves nothing: `method=GET` over a page of reads passes on a server that ignores every filter,
and its `total_count` is then the whole log's. A *canary* decides: a value that no entry has must count 0.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.errors import ApiError, BadRequestError
from auditlog_tui.query.contradicts import contradicts

SMALLEST_PAGE = 10
"""The fewest entries that the API returns."""


def _word() -> str:
    return f"canary-{secrets.token_hex(8)}"


def _address() -> str:
    return "2001:db8:" + ":".join(secrets.token_hex(2) for _ in range(6))


_CANARIES: Mapping[str, Callable[[], str]] = {
    "action": _word,
    "actor_id": lambda: str(uuid.uuid4()),
    "actor_type": _word,
    "client_ip": _address,
    "created_at_min": lambda: "2999-01-01T00:00:00Z",
    "created_at_max": lambda: "1971-01-01T00:00:00Z",
    "method": lambda: "CANARY",
    "path": _word,
    "status_code_min": lambda: "999",
    "status_code_max": lambda: "1",
    "target_id": lambda: str(uuid.uuid4()),
    "target_type": _word,
}


class ServerSupport:
    """One server's record; what is in neither set is unproven. `sort` needs no proof: every page shows its order."""

    def __init__(self) -> None:
        self.obeyed: set[str] = set()
        self.ignored: set[str] = set()
        self._asked: set[str] = set()

    def proven(self, params: Iterable[str]) -> bool:
        """True when a count under these parameters is a count of what they say."""
        return all(name in self.obeyed - self.ignored or name == "sort" for name in params)

    async def prove(self, api: AuditLogApi, params: Iterable[str]) -> frozenset[str]:
        """Send a canary for each parameter that was never tried; returns those that the server ignores.

        The log must hold an entry: in an empty one every count is 0. An error ends it and leaves the rest unproven.
        """
        names = frozenset(params)
        for name in sorted(names & _CANARIES.keys() - self.obeyed - self.ignored - self._asked):
            try:
                await self._try(api, name, _CANARIES[name]())
            except ApiError:
                break
        return names & self.ignored

    async def _try(self, api: AuditLogApi, name: str, canary: str) -> None:
        try:
            page = await api.list({name: canary}, limit=SMALLEST_PAGE)
        except BadRequestError as error:
            if error.status not in (400, 422):
                raise
            self.obeyed.add(name)  # it read the value, and refused it
            return
        self._asked.add(name)
        if any(contradicts(entry, name, canary) for entry in page.entries):
            self.ignored.add(name)
        elif not page.entries and page.total_count == 0:
            self.obeyed.add(name)
