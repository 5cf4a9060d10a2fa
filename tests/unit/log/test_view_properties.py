import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from auditlog_tui.log.feed import Anchor
from tests.unit.fake import EVERY_FILTER, TROUBLES, FakeApi, entry
from tests.unit.views import load, now, view_of

drawn_entries = st.tuples(st.integers(0, 9), st.sampled_from(["GET", "PUT"]), st.sampled_from(["a", "b"]))


@given(
    log=st.lists(drawn_entries, max_size=40),
    ignores=st.sets(st.sampled_from(sorted(EVERY_FILTER))),
    trouble=st.dictionaries(st.integers(1, 25), st.sampled_from([t for t in TROUBLES if t != "lie"]), max_size=8),
    text=st.sampled_from(
        ["", "method:GET", "ua:a", "method:GET ua:a", "-method:GET created:>=2027-01-15T08:00:04Z",
         "ua:a sort:created", "created:2027-01-15T08:00:02Z..2027-01-15T08:00:06Z"]
    ),
    anchor=st.sampled_from(Anchor),
    cancel=st.sets(st.integers(1, 12)),
)  # fmt: skip
def test_rows_match_the_query_on_any_server(
    log: list[tuple[int, str, str]],
    ignores: set[str],
    trouble: dict[int, str],
    text: str,
    anchor: Anchor,
    cancel: set[int],
) -> None:
    entries = [entry(n, at=at, method=method, user_agent=ua) for n, (at, method, ua) in enumerate(log)]

    def matches(at: int, method: str, ua: str) -> bool:
        tests: dict[str, Callable[[], bool]] = {
            "-method:GET": lambda: method != "GET", "method:GET": lambda: method == "GET", "ua:a": lambda: ua == "a",
            "created:>=2027-01-15T08:00:04Z": lambda: at >= 4, "sort:created": lambda: True,
            "created:2027-01-15T08:00:02Z..2027-01-15T08:00:06Z": lambda: 2 <= at <= 6,
        }  # fmt: skip
        return all(tests[term]() for term in text.split())

    async def check() -> None:
        api = FakeApi(entries, ignores=ignores, trouble=trouble, page_size=7)
        view = view_of(api, text, anchor)
        for attempt in range(60):
            task = asyncio.create_task(load(view, older=not view.upwards))
            if attempt in cancel:
                for _ in range(attempt):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            shown = {row.key for row in view.window(0, len(view))}
            wanted = {f"id-{n}" for n, drawn in enumerate(log) if matches(*drawn)}
            late = {data["id"] for data in api.arrived}
            assert shown <= wanted | late
            if view.error is None and not view.paused and not await view.prove() and view.complete:
                break
        assert now(view.complete)
        assert wanted <= shown
        assert len(shown) == len(view)
        assert not view.feed.short

    asyncio.run(check())
