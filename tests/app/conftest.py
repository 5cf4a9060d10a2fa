"""Every test here runs without the delay after cursor moves, in UTC, in all colours and with UTF-8 glyphs.

What waits for the app to settle draws, and Textual's timer hardly ever: it would draw what is just being changed,
more often the busier the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from textual import constants
from textual import screen as screens

from auditlog_tui.output.clipboard import Copied
from auditlog_tui.text.glyphs import glyphs_for
from auditlog_tui.ui import app
from auditlog_tui.ui.browse import detail, status
from tests.app.helpers import frames
from tests.effort import HANGS_S


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(detail, "REST_S", 0.0)
    monkeypatch.setattr(status, "AT_ONCE_S", HANGS_S)
    monkeypatch.setattr(app, "glyphs_for", lambda encoding: glyphs_for("utf-8"))
    monkeypatch.setattr(constants, "COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr(screens, "UPDATE_PERIOD", 0.5)
    monkeypatch.setattr(screens.Screen, "_compositor_refresh", lambda screen: frames.refresh(screen))
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def clipboard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was copied, in order."""
    texts: list[str] = []

    async def copy(text: str, **how: object) -> Copied:
        texts.append(text)
        return Copied("local", "the clipboard", "to a test's clipboard")

    monkeypatch.setattr(app, "copy", copy)
    return texts
