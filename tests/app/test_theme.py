"""The theme by the terminal's background, and the colours of a terminal that has 16."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from auditlog_tui.ui.app import AuditLogApp
from auditlog_tui.ui.patches.app import PatchedApp
from auditlog_tui.ui.patches.input_parser import BackgroundReported
from tests.app.helpers import SIZE, app_over, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import Wire, log_of

WHITE, BLACK = BackgroundReported(1, 1, 1), BackgroundReported(0, 0, 0)


@asynccontextmanager
async def answered(theme: str, *replies: BackgroundReported, chosen: str = "") -> AsyncIterator[AuditLogApp]:
    """The app once the terminal has sent these replies, after the user chose a theme."""
    app = app_over(Opener(Wire(log_of())), theme=theme)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        if chosen:
            app.theme = chosen
        for reply in replies:
            app.post_message(BackgroundReported(reply.red, reply.green, reply.blue))
        await settled(pilot)
        yield app


@pytest.mark.parametrize(
    ("theme", "replies", "chosen", "shown"),
    [
        ("auto", (), "", "textual-dark"),
        ("auto", (BLACK,), "", "textual-dark"),
        ("auto", (WHITE,), "", "textual-light"),
        ("auto", (WHITE, WHITE), "", "textual-light"),
        ("auto", (WHITE,), "nord", "nord"),
        ("textual-dark", (WHITE,), "", "textual-dark"),
        ("nord", (WHITE,), "", "nord"),
    ],
)
async def test_a_light_background_has_a_light_theme_unless_one_is_set(
    theme: str, replies: tuple[BackgroundReported, ...], chosen: str, shown: str
) -> None:
    async with answered(theme, *replies, chosen=chosen) as app:
        assert app.theme == shown


@pytest.mark.parametrize(("theme", "no_color", "asked"), [("auto", "", 1), ("nord", "", 0), ("auto", "1", 0)])
async def test_the_terminal_is_asked_only_where_the_answer_matters(
    theme: str, no_color: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[None] = []
    monkeypatch.setattr(PatchedApp, "ask_background", lambda self: questions.append(None))
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    async with answered(theme):
        assert len(questions) == asked
