from typing import Any

import pytest

from auditlog_tui.entries.models import Page
from auditlog_tui.errors import BadRequestError, RateLimitedError
from auditlog_tui.log.server_support import SMALLEST_PAGE, ServerSupport
from tests.unit.fake import EVERY_FILTER, FakeApi, entry, log_of

FILTERS = sorted(EVERY_FILTER - {"sort"})


async def proved(api: FakeApi, *params: str) -> ServerSupport:
    server_support = ServerSupport()
    await server_support.prove(api, params)
    return server_support


def test_at_first_nothing_is_proven() -> None:
    server_support = ServerSupport()
    assert not any(server_support.proven([name]) for name in FILTERS)


def test_empty_parameters_and_sort_need_no_proof() -> None:
    assert ServerSupport().proven([])
    assert ServerSupport().proven(["sort"])


@pytest.mark.parametrize("name", FILTERS)
async def test_server_that_honours_all(name: str) -> None:
    api = FakeApi(log_of(30))
    server_support = await proved(api, name)
    assert server_support.proven([name])
    assert not server_support.ignored
    assert len(api.calls) == 1
    assert api.calls[0][1] == SMALLEST_PAGE


@pytest.mark.parametrize("name", FILTERS)
async def test_server_that_ignores_all(name: str) -> None:
    server_support = ServerSupport()
    assert await server_support.prove(FakeApi(log_of(30), ignores=[name]), FILTERS) == {name}
    assert server_support.ignored == {name}
    assert not server_support.proven([name])
    assert server_support.proven(set(FILTERS) - {name})


async def test_generation_1_ignores_everything() -> None:
    server_support = await proved(FakeApi(log_of(1), ignores=EVERY_FILTER), *FILTERS)
    assert server_support.ignored == set(FILTERS)


async def test_canaries_differ_every_time() -> None:
    api = FakeApi(log_of(1))
    for _ in range(2):
        await ServerSupport().prove(api, ["action", "actor_id", "client_ip", "path", "target_id"])
    values = [value for params, _, _ in api.calls for value in params.values()]
    assert len(set(values)) == len(values) == 10


async def test_each_parameter_is_tested_once() -> None:
    api = FakeApi(log_of(3), ignores=["method"])
    server_support = await proved(api, "method", "action")
    assert await server_support.prove(api, ["method", "action", "path"]) == {"method"}
    assert [list(params) for params, _, _ in api.calls] == [["action"], ["method"], ["path"]]


async def test_sort_and_unknown_parameters_are_not_tested() -> None:
    api = FakeApi(log_of(3))
    await proved(api, "sort", "new")
    assert not api.calls


async def test_error_leaves_the_rest_unproven_and_is_retried() -> None:
    api = FakeApi(log_of(3), trouble={2: "error"})
    server_support = await proved(api, "action", "method", "path")
    assert server_support.honoured == {"action"}
    assert not server_support.ignored
    await server_support.prove(api, ["action", "method", "path"])
    assert server_support.honoured == {"action", "method", "path"}


@pytest.mark.parametrize(("status", "obeyed"), [(400, True), (422, True), (405, False), (418, False)])
async def test_refused_value_proves_support(status: int, obeyed: bool) -> None:
    api = FakeApi(log_of(3))
    api.fails = BadRequestError("no", status=status)
    assert (await proved(api, "actor_type")).proven(["actor_type"]) is obeyed


async def test_access_error_proves_nothing() -> None:
    api = FakeApi(log_of(3))
    api.fails = RateLimitedError("slow down", status=429)
    server_support = await proved(api, "method")
    assert not server_support.honoured | server_support.ignored


@pytest.mark.parametrize("trouble", ["no total", "lie"])
async def test_nonzero_count_proves_nothing(trouble: str) -> None:
    api = FakeApi(log_of(3), trouble={1: trouble})
    server_support = await proved(api, "method")
    assert not server_support.proven(["method"])
    assert not server_support.ignored


@pytest.mark.parametrize(
    ("name", "fields"),
    [("status_code_min", {"status_code": 999}), ("created_at_max", {"created_at": "1970-01-01T00:00:00Z"})],
)
async def test_entry_equal_to_the_canary_is_no_contradiction(name: str, fields: dict[str, Any]) -> None:
    server_support = await proved(FakeApi([entry(1, **fields), *log_of(1)]), name)
    assert not server_support.ignored


async def test_unreadable_entry_is_no_contradiction() -> None:
    server_support = await proved(FakeApi([entry(1, status_code="x")], ignores=EVERY_FILTER), "status_code_min")
    assert not server_support.ignored
    assert not server_support.proven(["status_code_min"])


class Interrupted(FakeApi):
    """Raises `CancelledError` in the second call."""

    async def list(self, *args: object, **more: object) -> Page:
        if len(self.calls) == 1:
            raise KeyboardInterrupt
        return await super().list(*args, **more)  # type: ignore[arg-type]  # same arguments as `list`


async def test_results_before_a_cancel_are_kept() -> None:
    api = Interrupted(log_of(3), ignores=EVERY_FILTER)
    server_support = ServerSupport()
    with pytest.raises(KeyboardInterrupt):
        await server_support.prove(api, ["action", "method"])
    assert server_support.ignored == {"action"}
