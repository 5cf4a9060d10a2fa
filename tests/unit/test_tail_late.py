from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui import tail
from auditlog_tui.errors import ServerError
from auditlog_tui.tail import LATE_US, News, Tail
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, entry, log_of
from tests.unit.tails import GENERATIONS, at, following, in_time_order, write
from tests.unit.views import keys_of, like, load, newest_first, view_of


@GENERATIONS
async def test_what_came_late_is_put_where_it_belongs(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(400), ignores=ignores)
    tail = await following(api)
    write(api, at(1000, 250_500_000), at(1001, 398_500_000), at(1002, 120_500_000))
    assert (await tail.poll()).added == 0
    news = await tail.mend()
    assert (news.added, news.late) == (0, 3)
    assert in_time_order(tail.view)
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view))) == 403
    assert tail.view.summary().total == 403
    assert tail.view.complete
    assert await tail.mend() == News()


async def test_without_anything_late_it_is_counted_and_not_fetched() -> None:
    api = FakeApi(log_of(400))
    tail = await following(api)
    await tail.mend()
    asked = len(api.calls)
    assert await tail.mend() == News()
    assert [limit for _, limit, _ in api.calls[asked:]] == [10]


@GENERATIONS
async def test_what_is_older_than_five_minutes_is_not_looked_for(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(400), ignores=ignores)
    tail = await following(api)
    write(api, at(1000, 399_000_000 - LATE_US - 1))
    assert await tail.mend() == News()
    write(api, at(1001, 399_000_000 - LATE_US))
    assert (await tail.mend()).late == 1
    assert in_time_order(tail.view)


@GENERATIONS
async def test_what_is_new_is_left_to_the_next_poll(ignores: Iterable[str]) -> None:
    api = FakeApi(log_of(100), ignores=ignores)
    tail = await following(api)
    write(api, at(500, 90_500_000), entry(100), entry(101, at=99))
    assert await tail.mend() == News(late=1)
    assert await tail.poll() == News(added=2)
    assert len(keys_of(tail.view)) == len(set(keys_of(tail.view))) == 103
    assert in_time_order(tail.view)


@GENERATIONS
async def test_of_what_came_late_only_what_matches_is_shown(ignores: Iterable[str]) -> None:
    api = FakeApi([entry(n, method="GET" if n % 2 else "POST") for n in range(100)], ignores=ignores)
    tail = await following(api, "method:POST ua:curl")
    write(api, at(500, 90_500_000), at(501, 91_500_000, user_agent="other"), at(502, 92_500_000, method="GET"))
    await tail.mend()
    keys = keys_of(tail.view)
    assert sorted(keys) == sorted([*(f"id-{n}" for n in range(0, 100, 2)), "id-500"])
    assert in_time_order(tail.view)


async def test_another_view_of_the_same_feed_sees_it_too() -> None:
    api = FakeApi(log_of(100))
    tail = await following(api)
    other = await load(like(tail.view, "ua:curl"))
    assert other.feed is tail.view.feed
    write(api, at(500, 90_500_000))
    await tail.mend()
    await load(other)
    assert keys_of(other) == keys_of(tail.view)


async def test_entries_without_a_time_are_neither_lost_nor_in_the_way() -> None:
    odd = [
        entry(n, created_at="?", _us=START_US + us) for n, us in ((600, 95_400_000), (601, -10), (602, 70_000_000))
    ]
    old = [entry(700 + n, at=-400 + n) for n in range(5)]
    for ignores in ((), EVERY_FILTER):
        api = FakeApi([*log_of(100), *odd, *old], ignores=ignores)
        tail = await following(api)
        before = set(keys_of(tail.view))
        write(api, at(500, 90_500_000))
        assert (await tail.mend()).late == 1
        assert set(keys_of(tail.view)) == before | {"id-500"}
        assert in_time_order(tail.view)
        assert len(keys_of(tail.view)) == len(before) + 1


async def test_rows_that_the_server_does_not_send_again_stay() -> None:
    odd = entry(600, created_at="?", _us=START_US + 95_400_000)
    api = FakeApi([*log_of(100), odd])
    tail = await following(api)
    odd["_us"] = START_US - 10**12
    write(api, at(500, 90_500_000))
    write(api, at(501, 91_500_000))
    assert await tail.mend() == News()
    assert "id-600" in keys_of(tail.view)


async def test_where_five_minutes_are_more_than_can_be_fetched_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tail, "PAGES", 2)
    api = FakeApi(log_of(290))
    follower = await following(api)
    write(api, at(500, 90_500_000))
    assert await follower.mend() == News()
    assert keys_of(follower.view) == newest_first(range(290))


async def test_where_a_parameter_is_unproven_nothing_is_mended() -> None:
    api = FakeApi(log_of(50))
    tail = Tail(await load(view_of(api, "method:POST")))
    api.fails = ServerError("down", status=500)
    write(api, at(500, 40_500_000))
    assert await tail.mend() == News()


async def test_an_empty_view_has_nothing_late() -> None:
    api = FakeApi([])
    tail = await following(api)
    asked = len(api.calls)
    assert await tail.mend() == News()
    assert len(api.calls) == asked


async def test_what_another_poll_brought_meanwhile_is_not_torn_apart() -> None:
    class Meanwhile(FakeApi):
        then: list[Tail]

        async def list(self, params, *, limit, cursor=None):  # type: ignore[no-untyped-def]  # as the one it hides
            page = await super().list(params, limit=limit, cursor=cursor)
            if limit == 100 and self.then:
                await self.then.pop().poll()
            return page

    api = Meanwhile(log_of(100))
    api.then = []
    tail = await following(api)
    write(api, at(500, 90_500_000), entry(100))
    await tail._log.obedience.prove(api, ["created_at_min"])
    api.then = [Tail(tail.view)]
    assert await tail.mend() == News()
    assert keys_of(tail.view) == newest_first(range(101))


writes = st.lists(st.tuples(st.sampled_from(("new", "same", "late")), st.integers(1, 60), st.booleans()), max_size=8)


@given(writes, st.sampled_from([(), EVERY_FILTER, ("created_at_min",)]), st.sampled_from(["", "ua:curl"]))
@settings(max_examples=30)
async def test_in_the_end_everything_is_there_once_and_in_order(
    batches: list[tuple[str, int, bool]], ignores: Iterable[str], text: str
) -> None:
    api = FakeApi(log_of(120), ignores=ignores, shuffle_ties=True)
    tail = await following(api, text)
    newest, number = 119_000_000, 1_000
    for kind, count, mends in batches:
        for n in range(count):
            us = {"new": newest + 1_000 * (n + 1), "same": newest, "late": newest - 900_000 * (n + 1)}[kind]
            write(api, at(number, us))
            number += 1
        newest += 1_000 * count if kind == "new" else 0
        await tail.poll()
        if mends:
            await tail.mend()
    await tail.poll()
    await tail.mend()
    keys = keys_of(tail.view)
    assert len(keys) == len(set(keys))
    assert set(keys) == {data["id"] for data in api.entries}
    assert in_time_order(tail.view)
