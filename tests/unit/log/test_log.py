import time
from typing import Any

import pytest

from auditlog_tui.entries.models import Entry, read_entry
from auditlog_tui.errors import NotFoundError, ServerError
from auditlog_tui.log import log as log_module
from auditlog_tui.log.log import Log, differences
from auditlog_tui.store.entries import EntryStore
from tests.unit.fake import FakeApi, Json, entry, log_of, read

DEEP = "[" * 20_000 + "]" * 20_000


def loaded(*entries: Json, api: FakeApi | None = None) -> Log:
    """A log with these entries in its store, numbered from 1."""
    log = Log(api or FakeApi(entries), EntryStore())
    log.store.add([read(data) for data in entries])
    return log


# -- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "now"), [(None, 5_000_000), (0, 5_000_000), (-3_000_000, 2_000_000)])
def test_now_is_the_servers_clock(monkeypatch: pytest.MonkeyPatch, offset: int | None, now: int) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000_999)
    log = loaded()
    assert isinstance(log.api, FakeApi)
    log.api.clock_offset_us = offset
    assert log.now_us() == now


def test_log_is_idle_when_the_last_foreground_request_ends() -> None:
    log = loaded()
    assert log.idle.is_set()
    with log.foreground():
        with log.foreground():
            assert not log.idle.is_set()
        assert not log.idle.is_set()
    assert log.idle.is_set()


# -- details -------------------------------------------------------------------------------------------------------


async def test_a_detail_is_fetched_once() -> None:
    api = FakeApi(log_of(2))
    log = loaded(*log_of(2), api=api)
    assert log.cached_detail(1) is None
    detail = await log.detail(1)
    assert detail is not None
    assert detail.entry.key == "id-0"
    assert detail.differs == ()
    assert await log.detail(1) is detail is log.cached_detail(1)
    assert api.got == ["id-0"]
    log.forget()
    assert log.cached_detail(1) is None


@pytest.mark.parametrize("missing", [{"id": None}, {"id": ""}, {"id": 7}])
async def test_an_entry_without_an_id_has_no_detail(missing: dict[str, Any]) -> None:
    api = FakeApi([])
    log = loaded(entry(1, **missing), api=api)
    assert await log.detail(1) is None
    assert api.got == []


async def test_differing_detail_names_fields_and_keeps_both_texts() -> None:
    log = loaded(entry(0, path="/a", extra=1), api=FakeApi([entry(0, path="/b", more=2)]))
    detail = await log.detail(1)
    assert detail is not None
    assert detail.differs == ("extra", "more", "path")
    assert log.store.versions(1) == [detail.entry.raw]


async def test_equal_json_in_other_bytes_is_no_version() -> None:
    class Spaced(FakeApi):
        async def get(self, entry_id: str) -> Entry:
            return read_entry((await super().get(entry_id)).raw.replace(":", " : ", 1))

    log = loaded(entry(0), api=Spaced([entry(0)]))
    detail = await log.detail(1)
    assert detail is not None
    assert detail.differs == ()
    assert log.store.versions(1) == []


async def test_response_with_another_id_is_no_version() -> None:
    class Wrong(FakeApi):
        async def get(self, entry_id: str) -> Entry:
            return read(entry(7))

    log = loaded(entry(0), api=Wrong([]))
    detail = await log.detail(1)
    assert detail is not None
    assert "id" in detail.differs
    assert log.store.versions(1) == []


async def test_error_is_raised_and_not_cached() -> None:
    api = FakeApi(log_of(1))
    log = loaded(*log_of(1), api=api)
    api.fails = ServerError("The server failed.")
    with pytest.raises(ServerError):
        await log.detail(1)
    api.fails = None
    assert await log.detail(1) is not None


async def test_deleted_entry_is_an_error() -> None:
    with pytest.raises(NotFoundError):
        await loaded(entry(0), api=FakeApi([])).detail(1)


async def test_details_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "DETAILS_KEPT", 2)
    log = loaded(*log_of(3))
    for n in (1, 2, 1, 3):
        await log.detail(n)
    assert [log.cached_detail(n) is not None for n in (1, 2, 3)] == [True, False, True]


# -- differences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        ("{}", '{"target": null}', ()),
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', ()),
        ('{"a": {"x": 1, "y": 2}}', '{"a": {"y": 2, "x": 1}}', ()),
        ('{"a": NaN}', '{"a": NaN}', ()),
        ('{"a": "\\u0041"}', '{"a": "A"}', ()),
        ('{"a": 1}', '{"a": true}', ("a",)),
        ('{"a": 0}', "{}", ("a",)),
        ('{"target": {"id": "x"}}', '{"target": null}', ("target",)),
        ('{"a": 1, "a": 2}', '{"a": 2}', ()),
        ("[1]", "[1]", ()),
        ("[1]", "[2]", ("",)),
    ],
)
def test_differences_compare_json_values(one: str, other: str, fields: tuple[str, ...]) -> None:
    assert differences(read_entry(one), read_entry(other)) == fields
    assert differences(read_entry(other), read_entry(one)) == fields


@pytest.mark.parametrize("value", [DEEP, "1" * 5_000], ids=["nesting", "digits"])
def test_values_python_cannot_hold_are_compared_as_text(value: str) -> None:
    one, other = (
        read_entry(f'{{"id": "a", "x": {text}, "y": 1}}') for text in (value, value.replace("1", "2") + " ")
    )
    assert differences(one, one) == ()
    assert differences(one, other) == (() if value is DEEP else ("x",))


@pytest.mark.parametrize("depth", range(200, 1_000, 40))
def test_nesting_of_any_depth_is_compared(depth: int) -> None:
    one = read_entry('{"x": ' + "[" * depth + "]" * depth + ', "y": 1}')
    assert differences(one, one) == ()


def test_nesting_too_deep_to_serialise_is_compared_as_text() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert log_module._canonical(nested, "its text") == "its text"
