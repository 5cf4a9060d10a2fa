"""What one server proved about each parameter: that it obeys it, that it ignores it, or nothing yet.

A page that matches proves nothing: `method=GET` over a page of reads passes on a server that ignores every filter,
and its `total_count` is then the whole log's. A *canary* decides: a value that no entry has must count 0.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping

from auditlog_tui.api import AuditLogApi
from auditlog_tui.errors import ApiError, BadRequestError

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


class Obedience:
    """One server's record; what is in neither set is unproven. `sort` needs no proof: every page shows its order."""

    def __init__(self) -> None:
        self.obeyed: set[str] = set()
        self.ignored: set[str] = set()
        self._asked: set[str] = set()

    def proven(self, params: Iterable[str]) -> bool:
        """True when a count under these parameters is a count of what they say."""
        return all(name in self.obeyed or name == "sort" for name in params)

    async def prove(self, api: AuditLogApi, params: Iterable[str]) -> frozenset[str]:
        """Send a canary for each parameter that was never tried; returns those found to be ignored.

        The log must hold an entry: in an empty one every count is 0. An error ends it and leaves the rest unproven.
        """
        found: set[str] = set()
        for name in params:
            if name not in _CANARIES or name in self.obeyed | self.ignored | self._asked:
                continue
            try:
                page = await api.list({name: _CANARIES[name]()}, limit=SMALLEST_PAGE)
            except BadRequestError:
                self.obeyed.add(name)  # it read the value, and refused it
                continue
            except ApiError:
                break
            self._asked.add(name)
            if page.entries:
                found.add(name)
            elif page.total_count == 0:
                self.obeyed.add(name)
        self.ignored |= found
        return frozenset(found)
