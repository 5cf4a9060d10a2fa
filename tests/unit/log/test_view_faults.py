import asyncio

import pytest

from auditlog_tui.errors import ServerError, StoreError
from auditlog_tui.log.view import State
from tests.unit.fake import FakeApi, log_of
from tests.unit.views import ALL, error_of, ignore, keys_of, load, mixed, newest_first, view_of
from tests.unit.walks import BOUNDS, Held


async def test_error_is_kept_and_the_next_call_retries() -> None:
    api = FakeApi(log_of(60), trouble={3: "error"}, page_size=10)
    view = await load(view_of(api))
    assert isinstance(error_of(view), ServerError)
    assert len(view) == 20
    assert view.summary().state is State.MORE
    await load(view)
    assert error_of(view) is None
    assert keys_of(view) == newest_first(range(60))


async def test_repeatedly_interrupted_paging_is_incomplete_until_resumed() -> None:
    api = FakeApi(log_of(60), trouble={3: "refuse", **dict.fromkeys(range(5, 10), "refuse")}, page_size=10)
    api.ignores = BOUNDS
    view = await load(view_of(api))
    assert view.error is not None
    assert view.summary().reason == "the server refused the cursor: cursor expired"
    await load(view)
    assert view.summary().state is State.COMPLETE


async def test_full_disk_is_an_error_and_no_row_is_skipped() -> None:
    view = view_of(FakeApi(mixed(200), page_size=50), "ua:tool")
    await view.more(1, ignore)
    pages = view.log.store.connection.execute("PRAGMA page_count").fetchone()[0]
    view.log.store.connection.execute(f"PRAGMA max_page_count = {pages}")
    await load(view)
    assert isinstance(view.error, StoreError)
    view.log.store.connection.execute("PRAGMA max_page_count = 100000")
    await load(view)
    assert keys_of(view) == newest_first(range(0, 200, 10))


async def test_cancelled_while_waiting_for_a_page_nothing_is_lost() -> None:
    api = Held(log_of(60), page_size=10)
    view = view_of(api)
    task = asyncio.create_task(view.more(ALL, ignore))
    await api.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert view.error is None
    api.answer.set()
    assert keys_of(await load(view)) == newest_first(range(60))
    assert view.log.idle.is_set()
