"""A report equals an independent evaluation of the whole log, or says that it does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditlog_tui.analysis import gathering
from auditlog_tui.analysis.counting import Counting
from auditlog_tui.analysis.gathering import Basis, Figure, Gatherer
from auditlog_tui.analysis.lineage import State
from auditlog_tui.analysis.who import Report, Subject, Who
from auditlog_tui.log.log import Log
from auditlog_tui.log.view import View
from auditlog_tui.store.entries import EntryStore
from tests.unit.analysis.naive_who import Truth, state_of, truth, unique
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry
from tests.unit.views import ignore, query_of

IDS = ("a", "b", "c", "d")
ADDRESSES = ("203.0.113.7", "203.0.113.8")
ACTIONS = (
    "api_key.created", "api_key.created", "api_key.created", "user.created", "vm.created", "gadget.created",
    "api_key.deleted", "api_key.revoked", "vm.deleted", "vm.read",
)  # fmt: skip


def _or(values: st.SearchStrategy[Any], rare: Any) -> st.SearchStrategy[Any]:
    """Values, and one time in eight another."""
    return st.one_of(*[values] * 7, st.just(rare))


def entries(*, readable: bool) -> st.SearchStrategy[list[Json]]:
    bad = not readable
    text = _or if bad else (lambda values, rare: values)
    one = st.fixed_dictionaries({
        "at": st.integers(0, 12).map(lambda n: n * 600),
        "actor": text(st.sampled_from(IDS), 5),
        "name": st.sampled_from(["the same", "the same", "another"]),
        "action": text(st.sampled_from(ACTIONS), 5),
        "status": _or(st.sampled_from([201, 204, 200, 403, 500, 302]), "bad" if bad else 201),
        "target": text(st.sampled_from((*IDS, "e", "f")), 5),
        "ip": text(st.sampled_from(ADDRESSES), 5),
        "agent": st.sampled_from(["curl", "cli"]),
        "undated": st.just(False) if readable else st.sampled_from([False] * 9 + [True]),
        "no target": st.sampled_from([False] * 9 + [True]),
        "again": st.just(False) if readable else st.sampled_from([False] * 9 + [True]),
    })  # fmt: skip
    return st.lists(one, max_size=30).map(_log)


def _log(drawn: Iterable[Json]) -> list[Json]:
    log: list[Json] = []
    for number, each in enumerate(drawn):
        kind = each["action"].split(".")[0] if isinstance(each["action"], str) else "vm"
        data = entry(
            number,
            at=each["at"],
            action=each["action"],
            actor={"id": each["actor"], "name": each["name"], "type": "api_key"},
            client_ip=each["ip"],
            status_code=each["status"],
            user_agent=each["agent"],
            target=None if each["no target"] else {"id": each["target"], "type": kind},
        )
        if each["undated"]:
            data |= {"created_at": "no time", "_us": START_US + each["at"] * 1_000_000}
        log += [data, dict(data)] if each["again"] else [data]
    return log


async def reported(
    api: FakeApi, kind: Any, value: str, *, everything: bool = True, loaded: str | None = None
) -> Report:
    """The report, where so far only a page of the filter `loaded` is."""
    log = Log(api, EntryStore())
    view = None
    if loaded is not None:
        view = View(log, query_of(loaded))
        await view.more(1, ignore)
    who = Who(Subject(kind, value), Gatherer(Counting(log), view, everything=everything))
    await who.load(ignore)
    return who.report


def seen(log: list[Json]) -> list[Json]:
    """The log as the client sees it."""
    return [{name: value for name, value in data.items() if name != "_us"} for data in log]


def equal(report: Report, true: Truth) -> None:
    summary = report.summary
    assert report.basis is Basis.EXACT
    assert report.total == Figure(true.total, Basis.EXACT)
    assert (report.first.us, report.last.us) == (true.first, true.last)
    assert {each.action: each.n for each in summary.succeeded} == true.succeeded
    assert {each.action: each.n for each in summary.refused} == true.refused
    assert report.refused == Figure(true.refused.total(), Basis.EXACT)
    assert {each.value: each.n for each in summary.addresses} == true.addresses
    assert {each.value: each.n for each in summary.agents} == true.agents
    found = ((each.actor, each.address, each.agent, each.first_us, each.last_us, each.n) for each in summary.sessions)
    assert Counter(found) == true.sessions
    assert {each.target for each in summary.deleted if each.target} == true.deleted
    assert {each.creation.target: each.survival.state.value for each in report.created} == true.created


def same_lineage(report: Report, true: Truth) -> None:
    assert {each.creation.target: each.depth for each in report.lineage} == {
        target: each.depth for target, each in true.lineage.items()
    }
    for identity in report.lineage:
        expected = true.lineage[identity.creation.target]
        figures = identity.used, identity.refused, identity.destructive
        assert figures == tuple(
            Figure(n, Basis.EXACT) for n in (expected.used, expected.refused, expected.destructive)
        )
        assert identity.survival.state.value == expected.state
        assert identity.never_used is (expected.used == 0)
    assert [each.depth for each in report.lineage] == sorted(each.depth for each in report.lineage)


SUBJECTS = st.one_of(
    st.tuples(st.just("actor"), st.sampled_from((*IDS, "nobody"))),
    st.tuples(st.just("ip"), st.sampled_from(ADDRESSES)),
    st.tuples(st.just("target"), st.sampled_from((*IDS, "e"))),
)


OTHER = entry(99, method="DELETE", actor={"id": "other"}, target=None, client_ip="192.0.2.1")
"""An entry that has nothing to do with any subject, and is all that is loaded at first."""


@settings(max_examples=60)
@given(log=entries(readable=False), subject=SUBJECTS)
async def test_it_equals_an_independent_evaluation(log: list[Json], subject: tuple[str, str]) -> None:
    report = await reported(FakeApi([*log, OTHER]), *subject, loaded="method:DELETE")
    true = truth(seen(log), *subject)
    equal(report, true)
    if subject[0] == "actor":
        same_lineage(report, true)
    assert report.done


@settings(max_examples=50)
@given(log=entries(readable=True), subject=SUBJECTS)
async def test_it_does_so_where_the_server_ignores_every_filter(log: list[Json], subject: tuple[str, str]) -> None:
    report = await reported(FakeApi(log, ignores=EVERY_FILTER), *subject)
    true = truth(seen(log), *subject)
    equal(report, true)
    if subject[0] == "actor":
        same_lineage(report, true)


def at_most(figure: Figure, n: int) -> None:
    assert figure.n is None or (figure.n == n if figure.basis is Basis.EXACT else figure.n <= n)


def no_lie(report: Report, log: list[Json]) -> None:
    """Nothing that the report states is contradicted by the whole log."""
    subject = report.subject
    whole, true = unique(seen(log)), truth(seen(log), subject.kind, subject.value)
    at_most(report.total, true.total)
    at_most(report.refused, true.refused.total())
    for found, expected in ((report.first, true.first), (report.last, true.last)):
        assert found.basis is not Basis.EXACT or found.us == expected or true.total != sum(true.agents.values())
    for each in report.summary.succeeded:
        assert each.n <= true.succeeded[each.action]
    for each in report.created:
        state, target = each.survival.state, each.creation.target
        if state is State.KEPT:
            assert state_of(whole, target, each.creation.us) == "not deleted"
        if state is State.DELETED:
            assert state_of(whole, target, each.creation.us) == "deleted"
    for identity in report.lineage:
        acts = [data for data in whole if data["actor"]["id"] == identity.creation.target]
        at_most(identity.used, len(acts))
        if identity.never_used:
            assert not acts
        if identity.survival.state is State.KEPT:
            assert state_of(whole, identity.creation.target, identity.creation.us) == "not deleted"
    if report.exact:
        equal(report, true)


@settings(max_examples=50)
@given(log=entries(readable=False), subject=SUBJECTS, some=st.booleans())
async def test_of_the_loaded_alone_it_does_not_lie(log: list[Json], subject: tuple[str, str], some: bool) -> None:
    ignores = {"actor_id", "client_ip"} if some else EVERY_FILTER
    api = FakeApi(log, ignores=ignores, page_size=10)
    no_lie(await reported(api, *subject, everything=False, loaded=""), log)


@settings(max_examples=50)
@given(log=entries(readable=False), subject=SUBJECTS)
async def test_of_too_many_entries_it_does_not_lie(log: list[Json], subject: tuple[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "MOST_WALKED", 12)
        no_lie(await reported(FakeApi([*log, OTHER], page_size=10), *subject, loaded="method:DELETE"), [*log, OTHER])
