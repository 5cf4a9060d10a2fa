"""The demo's incident, solved as README walks through it: what is marked in the end is exactly what was done."""

from __future__ import annotations

from auditlog_tui.demo import demo_truth
from tests.app.helpers import Hand, running
from tests.app.wire import NOW, Wire, log_of

MANY, FEWER = 20_000, 4_000
"""Entries of a log that answers filters, and of one of which all have to be loaded."""

REFUSED = ("/", *"status:401", "enter")  # who was refused for a bad key?
ALL_OF_IT = ("p", "I")  # everything from that address, over all time
EVIDENCE = ("V", "G", "m")
BACK = ("[", "down", "down", "down")  # the other address among the refusals
REVOKE = ("w", "a", "C")  # all about the stolen key; copies the IDs of the keys that still work


async def solve(hand: Hand, *steps: tuple[str, ...]) -> set[str | None]:
    for keys in steps:
        hand.send(*keys)
        await hand.settled()
    return {entry.log.id for entry in hand.screen.navigator.marks.marked()}


async def test_at_most_60_keys_and_60_requests_find_all_of_it_and_three_more_keys_what_to_revoke(
    clipboard: list[str],
) -> None:
    wire = Wire(log_of(MANY))
    steps = REFUSED, ALL_OF_IT, EVIDENCE, BACK, ALL_OF_IT, EVIDENCE
    async with running(wire) as hand:
        assert await solve(hand, *steps) == set(demo_truth(until=NOW).entries)
        assert len(wire.requests) <= 60
        await solve(hand, REVOKE)
        assert clipboard == ["\n".join(demo_truth(until=NOW).to_revoke)]
    assert sum(map(len, steps)) <= 60


async def test_a_server_that_knows_no_filters_gives_the_same_once_everything_is_loaded() -> None:
    load = ("A",)
    steps = load, REFUSED, ALL_OF_IT, EVIDENCE, BACK, ALL_OF_IT, EVIDENCE
    async with running(log_of(FEWER, 1)) as hand:
        assert await solve(hand, *steps) == set(demo_truth(until=NOW).entries)
