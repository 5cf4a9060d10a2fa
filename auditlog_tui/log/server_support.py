"""Which query parameters a server honours.

A page whose entries all match proves nothing: a server that ignores every filter may answer `method=GET` with a page
of GETs, and its `total_count` is then that of the whole log. A *canary* is proof: under a value that no entry has,
the count must be 0.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping

from auditlog_tui.api.client import AuditLogApi
from auditlog_tui.errors import ApiError, BadRequestError
from auditlog_tui.query import FIELDS
from auditlog_tui.query.contradicts import contradicts

SMALLEST_PAGE = 10
"""The fewest entries that the API returns."""


def _word() -> str:
    return f"canary-{uuid.uuid4().hex}"


def _address() -> str:
    digits = uuid.uuid4().hex
    return "2001:db8:" + ":".join(digits[at : at + 4] for at in range(0, 24, 4))


_CANARIES: Mapping[str, Callable[[], str]] = {
    "actor_id": lambda: str(uuid.uuid4()),
    "client_ip": _address,
    "created_at_min": lambda: "2999-01-01T00:00:00Z",
    "created_at_max": lambda: "1971-01-01T00:00:00Z",
    "method": lambda: "CANARY",
    "status_code_min": lambda: "999",
    "status_code_max": lambda: "1",
    "target_id": lambda: str(uuid.uuid4()),
}
"""Canaries of parameters whose values have a form; others get a word."""

_TESTABLE = {param for field in FIELDS.values() for param in field.params} - {"sort"}


_SLICED = ("created_at_max", "created_at_min", "sort")
"""What a server must honour for its log to be read in slices of time."""


class ServerSupport:
    """Parameters the server honours or ignores; the rest are unproven.

    `sort` needs no canary: every page shows whether it is in order. `slices_fail` says that slices of time did not
    bring every entry.
    """

    def __init__(self) -> None:
        self.honoured: set[str] = set()
        self.ignored: set[str] = set()
        self.slices_fail = False
        self._tested: set[str] = set()

    def proven(self, params: Iterable[str]) -> bool:
        """True when the server honours all of these parameters, so that its count under them can be trusted."""
        return all(name in self.honoured - self.ignored or name == "sort" for name in params)

    def tested(self, params: Iterable[str]) -> bool:
        """True when `prove` would send nothing for these parameters."""
        return _TESTABLE.isdisjoint(set(params) - self.honoured - self.ignored - self._tested)

    @property
    def slices_possible(self) -> bool:
        """False where the log can't be read in slices of time, as far as is known."""
        return not self.slices_fail and self.ignored.isdisjoint(_SLICED)

    async def slices_usable(self, api: AuditLogApi) -> bool:
        """Whether time bounds and order are honoured, so that the log can be read in slices of time."""
        await self.prove(api, _SLICED)
        return self.slices_possible and self.proven(_SLICED)

    async def prove(self, api: AuditLogApi, params: Iterable[str]) -> frozenset[str]:
        """Send a canary for each parameter not tested yet; returns those of `params` that the server ignores.

        The log must not be empty, as every count would be 0. After an error the rest stays unproven.
        """
        names = frozenset(params)
        for name in sorted(names & _TESTABLE - self.honoured - self.ignored - self._tested):
            try:
                await self._send_canary(api, name, _CANARIES.get(name, _word)())
            except ApiError:
                break
        return names & self.ignored

    async def _send_canary(self, api: AuditLogApi, name: str, canary: str) -> None:
        try:
            page = await api.list({name: canary}, limit=SMALLEST_PAGE)
        except BadRequestError as error:
            if error.status not in (400, 422):
                raise
            self.honoured.add(name)  # it validates the value
            return
        self._tested.add(name)
        if any(contradicts(entry, name, canary) for entry in page.entries):
            self.ignored.add(name)
        elif not page.entries and page.total_count == 0:
            self.honoured.add(name)
