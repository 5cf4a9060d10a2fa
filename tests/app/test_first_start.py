"""Three keys that the first start of all shows."""

from __future__ import annotations

import pytest

from auditlog_tui.ui.browse import screen
from auditlog_tui.ui.panes.filter_bar import FilterBar
from tests.app.helpers import Hand, app_over, settled
from tests.app.helpers import TestOpener as Opener
from tests.app.wire import Wire, log_of

WELCOME = "opens an entry"


class FirstOpener(Opener):
    """The opener of a user who never started the program before."""

    def take_first_start(self) -> bool:
        return True


@pytest.mark.parametrize(("query", "size"), [("", (120, 36)), ("status:>=400", (80, 24))])
async def test_a_first_start_shows_three_keys_until_the_bar_is_used(query: str, size: tuple[int, int]) -> None:
    wire = Wire(log_of())
    app = app_over(FirstOpener(wire), query)
    async with app.run_test(size=size) as pilot:
        hand = Hand(pilot, app, wire)
        await settled(pilot)
        assert "⏎ opens an entry  / filters  ? shows every key" in hand.lines[1]
        assert (query or "everything, newest first") in hand.lines[1]
        await hand.press("down", "j")
        assert WELCOME in hand.lines[1]
        await hand.press("/")
        assert WELCOME not in hand.text


async def test_they_go_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []
    end = FilterBar.end_welcome

    def ended(bar: FilterBar) -> None:
        shown.append(bool(bar.welcome.display))
        end(bar)

    monkeypatch.setattr(screen, "WELCOME_S", 0.05)
    monkeypatch.setattr(FilterBar, "end_welcome", ended)
    wire = Wire(log_of())
    app = app_over(FirstOpener(wire))
    async with app.run_test(size=(120, 36)) as pilot:
        hand = Hand(pilot, app, wire)
        await hand.until(lambda: bool(shown))
        assert shown == [True]
        assert not hand.screen.filter_bar.welcome.display


async def test_a_later_start_shows_none() -> None:
    wire = Wire(log_of())
    app = app_over(Opener(wire))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert WELCOME not in Hand(pilot, app, wire).text
