import asyncio

from hypothesis import assume, given
from hypothesis import strategies as st

from auditlog_tui.log.feed import Anchor, At
from auditlog_tui.log.sort_order import SortValues, in_order
from tests.unit.fake import EVERY_FILTER, START_US, TROUBLES, FakeApi, Json, entry
from tests.unit.walks import BOUNDS, feed_of, keys_of, rows_of, verified, walk

QUERIES = (
    "",
    "method:POST",
    "status:>=400",
    "created:>=2027-01-15T08:00:03Z",
    "sort:-status,created",
    "sort:created",
)

logs = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([200, 404, 500, "?"])), max_size=45).map(
    lambda drawn: [entry(number, at=at, status_code=status) for number, (at, status) in enumerate(drawn)]
)
troubles = st.dictionaries(st.integers(1, 25), st.sampled_from(TROUBLES), max_size=12)


@given(
    log=logs,
    trouble=troubles,
    ignores=st.sampled_from([frozenset[str](), BOUNDS]),
    text=st.sampled_from(QUERIES),
    anchor=st.sampled_from(Anchor) | st.integers(-1, 13).map(lambda at: At(START_US + 1_000_000 * at)),
    page_size=st.integers(1, 12),
    shuffle=st.booleans(),
)
def test_no_server_fault_loses_or_misorders_entries(
    log: list[Json],
    trouble: dict[int, str],
    ignores: frozenset[str],
    text: str,
    anchor: Anchor | At,
    page_size: int,
    shuffle: bool,
) -> None:
    if isinstance(anchor, At):
        assume(not ignores and "sort" not in text)  # other feeds can't begin at a time

    async def check() -> None:
        api = FakeApi(log, trouble=trouble, ignores=ignores, page_size=page_size, shuffle_ties=shuffle)
        feed = feed_of(api, text, anchor, ignores)
        before = {data["id"] for data in api.matching(feed.plan.params)}
        await walk(feed)
        keys = keys_of(feed)
        assert len(keys) == len(set(keys))
        assert before <= set(keys) <= {data["id"] for data in api.matching(feed.plan.params)}
        sort = feed.plan.params.get("sort", "created_at:desc")
        assert in_order([SortValues(row.created_us, row.status_code) for row in rows_of(feed)], sort)
        if "lie" not in trouble.values():
            assert not (await verified(feed)).short

    asyncio.run(check())


@given(log=logs, trouble=troubles, page_size=st.integers(1, 12))
def test_generation_1_loses_nothing(log: list[Json], trouble: dict[int, str], page_size: int) -> None:
    async def check() -> None:
        api = FakeApi(log, trouble=trouble, ignores=EVERY_FILTER, page_size=page_size)
        feed = feed_of(api)
        await walk(feed)
        late = {data["id"] for data in api.arrived}
        newest = [data["id"] for data in api.matching({}) if data["id"] not in late]
        assert sorted(key for key in keys_of(feed) if key not in late) == sorted(newest)
        assert feed.by_time
        if "lie" not in trouble.values():
            assert not (await verified(feed)).short

    asyncio.run(check())
