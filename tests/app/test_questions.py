"""Ten kinds of question about the demo's log, each with the keys that answer it and what they may cost.

The answer is read from the screen, or from the clipboard, and compared with what the demo's entries say. Every key
press counts, as in the incident: `/`, each letter, Tab, Enter; a paste is one. Each request counts, the one at the
start among them. A question about what an earlier answer shows begins on that screen: what led there counts for the
earlier question only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from textual import events

from auditlog_tui.demo import demo_entries, demo_truth
from auditlog_tui.offline.sqlite_source import FlatEntry
from tests.app.helpers import Hand, running
from tests.app.wire import NOW, log_of

MINUTE_US = 60_000_000

REFUSED = ("/", "s", "tab", *"401", "enter")
DELETIONS = ("/", "m", "tab", "D", "tab", "enter")
ALL = ("A",)

BUDGETS = {
    "who was refused for a bad key": (8, 4),
    "first refused of all": (8, 1),
    "who is refused most": (4, 0),
    "which addresses one actor used": (8, 8),
    "who made a given key": (8, 2),
    "how many deletions went through and how many failed": (10, 9),
    "what happened within a minute of an entry": (6, 11),
    "copy the IDs of a kind": (8, 0),
    "what is new of an actor": (6, 3),
    "when it peaked": (6, 0),
}
"""Keys and requests that each question may take."""


@dataclass(slots=True)
class Asker:
    """The app in the hands of someone with a question; `keys` counts what was pressed."""

    hand: Hand
    keys: int = 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self.hand.press(*keys)

    async def paste(self, text: str) -> None:
        self.keys += 1
        self.hand.app.post_message(events.Paste(text))
        await self.hand.settled()


@asynccontextmanager
async def asking(question: str, *, after: Sequence[str] = ()) -> AsyncIterator[Asker]:
    """The app over the whole demo log; at the end, what was pressed and requested must be within the budget.

    The keys `after` lead to an earlier answer, and they and their requests don't count.
    """
    keys, requests = BUDGETS[question]
    async with running(log_of(20_000)) as hand:
        await hand.press(*after)
        before = len(hand.wire.requests) if after else 0
        asker = Asker(hand)
        yield asker
        assert asker.keys <= keys
        assert len(hand.wire.requests) - before <= requests


# -- the truth -----------------------------------------------------------------------------------------------------


@cache
def entries() -> list[FlatEntry]:
    """The demo's log, newest first."""
    return list(demo_entries(until=NOW))[::-1]


def those(wanted: Callable[[FlatEntry], bool]) -> list[FlatEntry]:
    return [entry for entry in entries() if wanted(entry)]


def bad_key(entry: FlatEntry) -> bool:
    return entry.status_code == 401


def deletion(entry: FlatEntry) -> bool:
    return entry.action.endswith(".deleted")


def shown_time(us: int) -> str:
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"


Line = tuple[str, ...]


def lines_of(found: Sequence[FlatEntry]) -> list[Line]:
    """What the table shows of entries whose actors have names."""
    return [
        (shown_time(each.created_us), each.action, each.actor_name or "", each.client_ip, str(each.status_code))
        for each in found
    ]


# -- what is on the screen -----------------------------------------------------------------------------------------


def complete(hand: Hand) -> bool:
    """True if the header says that every entry that matches is shown."""
    return "  COMPLETE " in hand.header


def table(hand: Hand, glyph: str = "") -> list[Line]:
    """Time, action, actor, address and status of the entries on the screen, or of those with a glyph."""
    row = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +(\S+) +\S (.+?) +([0-9a-f.:]+) +\S(\d{3}) ")
    found = [row.search(line) for line in hand.rows if glyph in line]
    return [match.groups() for match in found if match is not None]


def pane(hand: Hand) -> str:
    region = hand.pane.region
    return "\n".join(hand.lines[region.y : region.bottom])


def facet(hand: Hand, heading: str, *, whole: bool = True) -> list[tuple[str, int]]:
    """The values under a heading of the facets, with their counts; if `whole`, all values must be on the screen."""
    region = hand.screen.facets.region
    drawn = hand.lines[region.y : region.bottom]
    top = next(number for number, line in enumerate(drawn) if heading in line)
    x = drawn[top].index(heading)
    found = []
    for line in drawn[top + 1 :]:
        value = re.match(r"  (\S.*?) +([\d,]+) +<?\d+%", line[x:])
        if value is None:
            assert not whole or "more" not in line[x : x + 20], "some values are not listed"
            break
        found.append((value[1], int(value[2].replace(",", ""))))
    return found


def timeline(hand: Hand) -> str:
    """The text below the timeline's bars."""
    return hand.lines[hand.screen.timeline.region.bottom - 1].strip()


# -- the questions -------------------------------------------------------------------------------------------------


async def test_who_was_refused_for_a_bad_key() -> None:
    async with asking("who was refused for a bad key") as asker:
        await asker.press(*REFUSED)
        assert table(asker.hand) == lines_of(those(bad_key))
        assert complete(asker.hand)
        assert {address for _, _, _, address, _ in table(asker.hand)} == set(demo_truth(until=NOW).addresses)


async def test_first_refused_of_all() -> None:
    async with asking("first refused of all", after=REFUSED) as asker:
        await asker.press("G", "enter")
        first = those(bad_key)[-1]
        assert first.id == demo_truth(until=NOW).entries[0]
        assert first.actor_name == demo_truth(until=NOW).key_name
        for told in (first.id, first.actor_name, first.actor_id, first.client_ip, shown_time(first.created_us)):
            assert told in pane(asker.hand)


async def test_who_is_refused_most() -> None:
    async with asking("who is refused most", after=REFUSED) as asker:
        await asker.press("s")
        truth = Counter(str(entry.actor_name) for entry in those(bad_key))
        assert facet(asker.hand, "ACTORS") == truth.most_common()
        assert f"most frequent, % of all {truth.total()} entries" in asker.hand.text


async def test_which_addresses_one_actor_used() -> None:
    async with asking("which addresses one actor used") as asker:
        actor = asker.hand.row.actor_id
        await asker.press("l", "l", "=", *ALL, "s")
        truth = Counter(entry.client_ip for entry in those(lambda entry: entry.actor_id == actor))
        assert len(truth) > 1
        assert facet(asker.hand, "ADDRESSES") == truth.most_common()
        assert f"most frequent, % of all {truth.total()} entries" in asker.hand.text


async def test_who_made_a_given_key(clipboard: list[str]) -> None:
    async with asking("who made a given key", after=REFUSED) as asker:
        await asker.press("y", "a", "/", "t", "a", "tab")
        await asker.paste(clipboard[-1])
        await asker.press("enter")
        truth = demo_truth(until=NOW)
        assert clipboard[-1] in truth.new_keys
        assert table(asker.hand) == lines_of(those(lambda entry: entry.target_id == clipboard[-1]))
        assert complete(asker.hand)
        makers = [actor for _, action, actor, _, _ in table(asker.hand) if action == "api_key.created"]
        assert makers == [truth.key_name]


async def test_how_many_deletions_went_through_and_how_many_failed() -> None:
    async with asking("how many deletions went through and how many failed") as asker:
        await asker.press(*DELETIONS, *ALL, "s", "i", "escape")
        truth = Counter(entry.status_code for entry in those(deletion))
        through = [(str(status), n) for status, n in truth.most_common() if status < 400]
        failed = sum(n for status, n in truth.items() if status >= 400)
        assert facet(asker.hand, "STATUSES", whole=False)[: len(through)] == through
        assert f"{truth.total()} entries, {failed} failed" in timeline(asker.hand)
        assert complete(asker.hand)


async def test_what_happened_within_a_minute_of_an_entry() -> None:
    async with asking("what happened within a minute of an entry", after=REFUSED) as asker:
        await asker.press("G", ".", "<", "<")
        at = those(bad_key)[-1].created_us
        near = those(lambda entry: abs(entry.created_us - at) <= MINUTE_US)
        assert 1 < len(near) < len(those(lambda entry: abs(entry.created_us - at) <= 2 * MINUTE_US))
        assert table(asker.hand) == lines_of(near)
        assert at % 1_000_000 == 0
        bounds = [shown_time(at + way * MINUTE_US).replace(" ", "T") for way in (-1, 1)]
        assert asker.hand.lines[1].strip() == f"/ created:{bounds[0]}Z..{bounds[1]}Z"
        assert complete(asker.hand)
        assert "1 min before and after this entry" in asker.hand.status


async def test_copy_the_ids_of_a_kind(clipboard: list[str]) -> None:
    async with asking("copy the IDs of a kind", after=REFUSED) as asker:
        await asker.press("V", "G", "m", "y", "y")
        ids = [entry.id for entry in reversed(those(bad_key))]
        assert clipboard == ["\n".join(ids)]
        assert f"{len(ids)} × ID" in asker.hand.status


async def test_what_is_new_of_an_actor() -> None:
    async with asking("what is new of an actor", after=REFUSED) as asker:
        actor = asker.hand.row.actor_id
        await asker.press("l", "l", "=", "shift+tab", "x")
        its = those(lambda entry: entry.actor_id == actor)
        seen: set[str] = set()
        new = []
        for entry in reversed(its):
            traits = {f"ip {entry.client_ip}", f"agent {entry.user_agent}", f"action {entry.action}"}
            if traits - seen:
                new.append(entry)
            seen |= traits
        assert table(asker.hand) == lines_of(its)
        assert complete(asker.hand)
        assert table(asker.hand, asker.hand.screen.look.glyphs.novel) == lines_of(new[::-1])


async def test_when_it_peaked() -> None:
    async with asking("when it peaked", after=(*DELETIONS, *ALL)) as asker:
        await asker.press("i")
        told = re.match(r"(\S+ \S+) to (\S+)  (\d+) entries, (\d+) failed  the peak$", timeline(asker.hand))
        assert told is not None
        day = told[1].partition(" ")[0]  # the bar is within one
        began, ended = (datetime.fromisoformat(f"{text}+00:00") for text in (told[1], f"{day} {told[2]}"))
        length_us = (int(ended.timestamp() - began.timestamp()) + 1) * 1_000_000
        bars = Counter(entry.created_us // length_us for entry in those(deletion))
        peak, most = bars.most_common(1)[0]
        assert list(bars.values()).count(most) == 1
        assert (shown_time(peak * length_us), most) == (told[1], int(told[3]))


def test_the_budgets_of_all_questions() -> None:
    assert sum(keys for keys, _ in BUDGETS.values()) <= 72
    assert sum(requests for _, requests in BUDGETS.values()) <= 40
