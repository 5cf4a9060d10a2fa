"""Asking for entries again: what is the same, changed and gone, and what 404 alone does not prove."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import (
    AnotherEntryError,
    ApiError,
    BadRequestError,
    KeyRefusedError,
    NotFoundError,
    ServerError,
)
from auditlog_tui.evidence.recheck import MOST_NAMED, Recheck, Rechecks, in_order, stated
from auditlog_tui.log.log import Log
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, entry, log_of


def read(*entries: dict[str, Any]) -> list[Entry]:
    return [read_entry(json.dumps(each)) for each in entries]


async def rechecked(api: FakeApi, stored: Iterable[Entry], **how: Any) -> Recheck:
    entries = list(stored)
    running = Recheck(Log(api, EntryStore()), len(entries), **how)
    await running.go([each] for each in entries)
    return running


def results(found: Recheck) -> dict[str, str]:
    return {key: each.told for key, each in found.checked.items()}


async def test_each_is_the_same_changed_in_named_fields_or_gone() -> None:
    log = log_of(20)
    log[3] = entry(3, status_code=500, user_agent="forged")
    api = FakeApi([each for each in log if each["id"] != "id-4"])
    found = await rechecked(api, read(*(entry(n) for n in (2, 3, 4))))
    assert results(found) == {"id-2": "same", "id-3": "changed: status_code, user_agent", "id-4": "gone"}
    assert found.summary == "1 same, 1 changed (status_code, user_agent), 1 gone"
    assert found.unclear == ""
    changed = found.checked["id-3"].now
    assert changed is not None
    assert changed.fields.status_code == 500
    assert [each.key for each in in_order(found.checked.values())] == ["id-3", "id-4", "id-2"]


async def test_other_spellings_of_the_same_json_are_no_change() -> None:
    stored = read_entry(json.dumps({**entry(1), "extra": None}, indent=1))
    assert results(await rechecked(FakeApi(log_of(3)), [stored])) == {"id-1": "same"}


async def test_any_stored_version_may_be_the_one_that_is_there() -> None:
    versions = read(entry(1, status_code=500), entry(1))
    running = Recheck(Log(FakeApi(log_of(3)), EntryStore()), 1)
    await running.go([versions])
    assert results(running) == {"id-1": "same"}


async def test_one_that_is_gone_may_be_older_than_the_log() -> None:
    api = FakeApi(log_of(20)[10:15] + log_of(20)[16:])
    found = await rechecked(api, read(entry(9), entry(15), entry(17)))
    assert results(found) == {
        "id-9": "gone: older than the log's oldest entry", "id-15": "gone", "id-17": "same",
    }  # fmt: skip
    assert found.summary == "1 same, 2 gone (1 older than the log's oldest entry)"


async def test_a_server_that_ignores_the_order_tells_no_oldest_entry() -> None:
    api = FakeApi(log_of(40)[20:], ignores={"sort"})
    found = await rechecked(api, read(entry(9), entry(30)))
    assert results(found) == {"id-9": "gone", "id-30": "same"}
    assert found.oldest_us is None


# -- none is found -------------------------------------------------------------------------------------------------


async def test_if_none_is_found_it_may_be_another_organizations_log() -> None:
    api = FakeApi([entry(n, id=f"other-{n}") for n in range(20)])
    found = await rechecked(api, read(entry(5), entry(6)))
    assert found.unclear.startswith(
        "None of the 2 entries is in this log: the key may belong to another organization,"
    )
    assert "not all by retention" in found.unclear


async def test_if_none_is_found_retention_may_be_why() -> None:
    found = await rechecked(FakeApi(log_of(40)[20:]), read(entry(5)))
    assert found.unclear.startswith("The entry is not in this log: the key may belong to another organization, or ")
    assert "retention removed them (the log's oldest entry is of" in found.unclear


async def test_if_none_is_found_in_an_empty_log_that_is_said() -> None:
    found = await rechecked(FakeApi([]), read(entry(5)))
    assert found.unclear == "The entry is not in this log, which is empty for this key."


async def test_a_server_without_entries_by_id_proves_nothing() -> None:
    api = FakeApi(log_of(20))

    async def get(entry_id: str) -> Entry:
        raise NotFoundError("no such endpoint", status=404)

    api.get = get  # type: ignore[method-assign]  # such a server
    for loaded in (False, True):  # the list has them still
        found = await rechecked(api, read(entry(5), entry(6)), loaded=lambda key, so=loaded: so)
        assert found.unclear.startswith("The server finds no entry by its ID, not even the newest one")
        assert set(results(found).values()) == {found.summary.removeprefix("2 ")} == {"can't be told"}


async def test_nothing_is_proved_by_a_newest_entry_that_is_another_one() -> None:
    api = FakeApi(log_of(20))

    async def get(entry_id: str) -> Entry:
        if entry_id == "id-5":
            raise NotFoundError("no such entry", status=404)
        raise AnotherEntryError("Another entry came.", "id-1")

    api.get = get  # type: ignore[method-assign]  # such a server
    assert results(await rechecked(api, read(entry(5)), loaded=lambda key: True)) == {"id-5": "can't be told"}


async def test_nothing_is_proved_by_an_empty_log() -> None:
    assert results(await rechecked(FakeApi([]), read(entry(5)), loaded=lambda key: True)) == {"id-5": "can't be told"}


@pytest.mark.parametrize("how", [{"others": lambda: ["gone-too", "id-7"]}, {"loaded": lambda key: key == "id-5"}])
async def test_it_is_the_log_if_another_entry_of_it_is_found(how: dict[str, Callable[..., Any]]) -> None:
    api = FakeApi([each for each in log_of(20) if each["id"] != "id-5"])
    found = await rechecked(api, read(entry(5)), **how)
    assert (found.unclear, results(found)) == ("", {"id-5": "gone"})


# -- what can't be asked -------------------------------------------------------------------------------------------


async def test_what_no_request_can_name_is_not_gone() -> None:
    nameless = {key: value for key, value in entry(1).items() if key != "id"}
    api = FakeApi(log_of(3))

    async def get(entry_id: str) -> Entry:
        if entry_id == "..":
            raise NotFoundError(".. is no entry's ID.")
        if entry_id == "odd":
            raise BadRequestError("It is no UUID.", status=400)
        return read_entry(json.dumps(entry(2)))

    api.get = get  # type: ignore[method-assign]  # what the client does
    found = await rechecked(api, read(nameless, entry(1, id=".."), entry(1, id="odd"), entry(2)))
    assert sorted(results(found).values()) == [
        "not asked for: It is no UUID", "not asked for: it has no ID", "not asked for: no request can name its ID",
        "same",
    ]  # fmt: skip


async def test_an_answer_with_another_entry_counts_for_that_entry_alone() -> None:
    api = FakeApi(log_of(20))

    async def get(entry_id: str) -> Entry:
        if entry_id == "id-3":
            raise AnotherEntryError("Another entry came.", "id-7")
        if entry_id == "id-4":
            return read_entry(json.dumps({key: value for key, value in entry(4).items() if key != "id"}))
        return read_entry(json.dumps(entry(int(entry_id[3:]))))

    api.get = get  # type: ignore[method-assign]  # such a server
    found = await rechecked(api, read(*(entry(n) for n in (2, 3, 4, 5))))
    assert results(found) == {
        "id-2": "same",
        "id-3": "another entry came: id-7",
        "id-4": "another entry came: it has no ID",
        "id-5": "same",
    }
    assert found.told == "2 of 4 entries re-checked, 2 answered with another entry: 2 same"
    assert found.summary == "2 same, 2 answered with another entry"


async def test_entries_at_which_the_server_fails_are_not_rechecked() -> None:
    api = FakeApi(log_of(20))
    api.fails = ServerError("The server failed (500).", status=500)
    entries = read(*log_of(14))
    running = Recheck(Log(api, EntryStore()), len(entries))
    with pytest.raises(ServerError):
        await running.go([each] for each in entries)
    assert running.told == running.progress == "0 of 14 entries re-checked, 3 failed"
    assert set(results(running).values()) == {"failed: The server failed (500)"}
    found = stated(running.checked)
    assert found is not None
    assert (found.failed, found.unasked, found.count) == (3, 0, 3)


async def test_an_error_ends_it_and_keeps_what_was_found_out() -> None:
    api, done = FakeApi(log_of(30)), list[str]()

    async def get(entry_id: str) -> Entry:
        if len(done) >= 6:
            raise KeyRefusedError("revoked", status=401)
        done.append(entry_id)
        return read_entry(json.dumps(entry(int(entry_id[3:]))))

    api.get = get  # type: ignore[method-assign]  # a key that is revoked meanwhile
    entries = read(*log_of(30))
    running = Recheck(Log(api, EntryStore()), len(entries))
    with pytest.raises(ApiError, match="revoked"):
        await running.go([each] for each in entries)
    assert running.progress == "6 of 30 entries re-checked"
    assert set(running.checked) == set(done)


async def test_what_is_gone_when_it_is_stopped_is_not_told_as_gone() -> None:
    api, asked = FakeApi([]), asyncio.Event()

    async def get(entry_id: str) -> Entry:
        if entry_id == "id-9":
            asked.set()
            await asyncio.Event().wait()
        raise NotFoundError("no such entry", status=404)

    api.get = get  # type: ignore[method-assign]  # one that does not answer
    running = Recheck(Log(api, EntryStore()), 10)
    task = asyncio.ensure_future(running.go([each] for each in read(*log_of(10))))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running.unclear.startswith("It was broken off before")
    assert set(results(running).values()) == {"can't be told"}
    found = stated(running.checked)
    assert found is not None
    assert (found.gone, found.untold, found.unclear) == (0, 9, running.unclear)


async def test_few_requests_are_under_way_at_once() -> None:
    now, most = [0], [0]

    async def get(entry_id: str) -> Entry:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0)
        now[0] -= 1
        return read_entry(json.dumps(entry(int(entry_id[3:]))))

    api = FakeApi(log_of(50))
    api.get = get  # type: ignore[method-assign]  # counts
    assert (await rechecked(api, read(*log_of(50)), brief=True)).same == 50
    assert 1 < most[0] <= 4


# -- what a bundle states ------------------------------------------------------------------------------------------


async def test_a_statement_names_some_and_counts_all() -> None:
    found = await rechecked(FakeApi(log_of(500)[300:]), read(*log_of(301)))
    known = Rechecks()
    known.take(found)
    told = stated(known.checked)
    assert told is not None
    assert (told.same, told.gone, told.expired, len(told.missing), told.count) == (1, 300, 300, MOST_NAMED, 301)


async def test_a_later_result_takes_the_place_of_an_earlier_one() -> None:
    known = Rechecks()
    known.take(await rechecked(FakeApi(log_of(20)), read(entry(3), entry(4))))
    less = FakeApi([each for each in log_of(20) if each["id"] != "id-3"])
    known.take(await rechecked(less, read(entry(3)), loaded=known.seen.__contains__))
    told = stated(known.checked)
    assert told is not None
    assert (told.same, told.gone, told.untold, told.unclear) == (1, 1, 0, "")


async def test_what_can_t_be_told_stays_so_after_a_recheck_of_others() -> None:
    known = Rechecks()
    known.take(await rechecked(FakeApi([entry(n, id=f"other-{n}") for n in range(20)]), read(entry(3))))
    known.take(await rechecked(FakeApi(log_of(20)), read(entry(4))))
    told = stated(known.checked)
    assert told is not None
    assert (told.same, told.gone, told.untold) == (1, 0, 1)
    assert told.unclear.startswith("The entry is not in this log")


def test_nothing_is_stated_of_entries_that_were_not_rechecked() -> None:
    assert stated({}) is None
