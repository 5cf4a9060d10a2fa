"""Every test here runs on the same clock, and without waiting for a cursor to rest."""

from __future__ import annotations

import pytest

from auditlog_tui.ui import follower


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "REST_S", 0.0)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
