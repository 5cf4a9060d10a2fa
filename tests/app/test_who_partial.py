"""The page of who over a saved log: it says what may be missing, unless the log states that it has everything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.app.helpers import Hand
from tests.app.test_saved_log import showing
from tests.app.test_who import listed, page
from tests.effort import THOROUGH
from tests.unit.analysis.test_who import does
from tests.unit.headless.test_who_partial import PARTIAL, WHOLE, a_source

SOME = ["plain file", "archive of a part", "bundle of marked"]
"""Without a screen, all of them are tried."""

CLAIMS = ("exact", "in the whole log", "this log", "no key or user was", "never used", "The log begins")


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


def told(hand: Hand) -> str:
    """The page with its title and the headings of its sections, on one line."""
    return " ".join(f"{page(hand).border_title}\n{listed(hand, 200)}".split())


@pytest.mark.parametrize("kind", PARTIAL if THOROUGH else SOME)
async def test_of_a_source_that_may_lack_entries_nothing_is_called_all(
    kind: str, tmp_path: Path, clipboard: list[str]
) -> None:
    path, why = await asyncio.to_thread(a_source, tmp_path, kind)
    async with showing(path, "actor:thief") as hand:
        await hand.press("w", "a")
        text = told(hand)
        assert text.startswith("who: actor name of thief, in a log that may lack entries")
        assert listed(hand, 400).startswith(f"Incomplete: {why}")
        assert [claim for claim in CLAIMS if claim in text] == []
        assert "perhaps not all: itself" in text
        assert "no deletion found" in text
        assert "NOT DELETED" not in text
        await hand.press("C")
        assert len(clipboard) == 1
        assert "perhaps not all" in hand.status


@pytest.mark.parametrize("kind", WHOLE if THOROUGH else ["archive", "case"])
async def test_of_one_that_is_complete_for_the_whole_log_everything_is(
    kind: str, tmp_path: Path, clipboard: list[str]
) -> None:
    path, _ = await asyncio.to_thread(a_source, tmp_path, kind)
    async with showing(path, "actor:thief") as hand:
        await hand.press("w", "a")
        text = told(hand)
        assert text.startswith("who: actor name of thief, in the whole log")
        assert "Incomplete" not in text
        assert "all: itself, and 2 of 3 keys and users" in text
        assert "not deleted, as far as this log tells" in text
        await hand.press("C")
        assert "perhaps not all" not in hand.status


async def test_where_entries_may_be_missing_it_is_not_said_that_nothing_was_created(tmp_path: Path) -> None:
    log = [does(n, "thief", "vm.read", "vm-1") for n in range(3)]
    path, _ = await asyncio.to_thread(a_source, tmp_path, "archive of a filter", log)
    async with showing(path) as hand:
        await hand.press("w", "a")
        assert "no key or user is known to be created by it" in told(hand)
        assert "no key or user was" not in told(hand)
