"""A report equals an independent evaluation of the whole log, or says that it does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
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
from tests.unit.analysis.naive_who import Truth, entries_of, hidden, refused, state_of, truth, unique
from tests.unit.fake import EVERY_FILTER, START_US, FakeApi, Json, entry
from tests.unit.views import ignore, query_of

NAMES = ("the same", "the same", "another")
STATUSES = (201, 201, 201, 204, 200, 403, 500, 302, 0, None)
ADDRESSES = ("203.0.113.7", "203.0.113.8")
KINDS = {"a": "api_key", "b": "api_key", "c": "gadget", "d": "user", "e": "vm", "f": "gadget"}
VERBS = ("created", "created", "created", "deleted", "revoked", "read")


def made_up(seed: int, *, readable: bool) -> list[Json]:
    """A log of up to 30 entries; unless it is `readable`, with malformed fields and entries that come twice."""
    rng = Random(seed)

    def bad(often: float = 0.05) -> bool:
        return not readable and rng.random() < often

    log: list[Json] = []
    for number in range(rng.randint(1, 30)):
        at, of = rng.randrange(12) * 600, rng.choice("abbccdef")
        data = entry(
            number,
            at=at,
            action=5 if bad() else None if rng.random() < 0.05 else f"{KINDS[of]}.{rng.choice(VERBS)}",
            method=rng.choice(["GET", "POST", "DELETE"]),
            actor={"id": 5 if bad() else rng.choice("aaabbcd"), "name": rng.choice(NAMES), "type": "api_key"},
            client_ip=5 if bad() else rng.choice(ADDRESSES),
            status_code="bad" if bad() else rng.choice(STATUSES),
            user_agent=rng.choice(["curl", "cli"]),
            target=None if rng.random() < 0.05 else {"id": 5 if bad() else of, "type": KINDS[of]},
        )
        if bad():
            data |= {"created_at": "no time", "_us": START_US + at * 1_000_000}
        log += [data, dict(data)] if bad() else [data]
    return log


def logs(*, readable: bool) -> st.SearchStrategy[list[Json]]:
    return st.integers(0, 1 << 32).map(lambda seed: made_up(seed, readable=readable))


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


def equal(report: Report, true: Truth, *, targets_hidden: bool = False) -> None:
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
    states = {each.creation.target: each.survival.state.value for each in report.created}
    assert {**true.created, **unsure_of(states, targets_hidden)} == states


def unsure_of(states: dict[str, str], targets_hidden: bool) -> dict[str, str]:
    """The states that are unknown as the target of some entry can't be read."""
    return {target: state for target, state in states.items() if state == "unknown" and targets_hidden}


def same_lineage(report: Report, true: Truth, log: Sequence[Json] = ()) -> None:
    assert {each.creation.target: each.depth for each in report.lineage} == {
        target: each.depth for target, each in true.lineage.items()
    }
    for identity in report.lineage:
        expected = true.lineage[identity.creation.target]
        figures = identity.used, identity.refused, identity.destructive
        assert figures == tuple(
            Figure(n, Basis.EXACT) for n in (expected.used, expected.refused, expected.destructive)
        )
        state = identity.survival.state.value
        assert state == expected.state or (state == "unknown" and hidden(log, "target"))
        assert identity.never_used is (expected.used == 0) or (not identity.never_used and hidden(log, "actor"))
    assert [each.depth for each in report.lineage] == sorted(each.depth for each in report.lineage)


SUBJECTS = st.sampled_from([
    ("actor", "a"), ("actor", "b"), ("actor", "nobody"), ("ip", ADDRESSES[0]), ("target", "b"), ("target", "nothing"),
])  # fmt: skip


OTHER = entry(99, method="DELETE", actor={"id": "other"}, target=None, client_ip="192.0.2.1")
"""An entry that has nothing to do with any subject, and is all that is loaded at first."""


@settings(max_examples=60)
@given(log=logs(readable=False), subject=SUBJECTS)
async def test_it_equals_an_independent_evaluation(log: list[Json], subject: tuple[str, str]) -> None:
    report = await reported(FakeApi([*log, OTHER]), *subject, loaded="method:DELETE")
    true = truth(seen(log), *subject)
    equal(report, true, targets_hidden=bool(hidden(log, "target")))
    if subject[0] == "actor":
        same_lineage(report, true, log)
    assert report.done


@settings(max_examples=50)
@given(log=logs(readable=True), subject=SUBJECTS)
async def test_it_does_so_where_the_server_ignores_every_filter(log: list[Json], subject: tuple[str, str]) -> None:
    report = await reported(FakeApi(log, ignores=EVERY_FILTER), *subject)
    true = truth(seen(log), *subject)
    equal(report, true)
    if subject[0] == "actor":
        same_lineage(report, true)


def at_most(figure: Figure, n: int, sent: int) -> None:
    """A count that is not contradicted by `n` entries, which the server holds as `sent` records."""
    if figure.n is not None:
        assert figure.n in (n, sent) if figure.basis is Basis.EXACT else figure.n <= n


def no_lie(report: Report, log: list[Json]) -> None:
    """Nothing that the report states is contradicted by the whole log."""
    subject = report.subject
    whole, true = unique(seen(log)), truth(seen(log), subject.kind, subject.value)
    sent = entries_of(log, subject.kind, subject.value)
    at_most(report.total, true.total, len(sent))
    at_most(report.refused, true.refused.total(), sum(map(refused, sent)))
    for found, expected in ((report.first, true.first), (report.last, true.last)):
        assert found.basis is not Basis.EXACT or found.us == expected or true.total != sum(true.agents.values())
    for deeds in report.summary.succeeded:
        assert deeds.n <= true.succeeded[deeds.action]
    for each in report.created:
        state, target = each.survival.state, each.creation.target
        if state is State.KEPT:
            assert state_of(whole, target, each.creation.us) == "not deleted"
        if state is State.DELETED:
            assert state_of(whole, target, each.creation.us) == "deleted"
    for identity in report.lineage:
        acts = entries_of(whole, "actor", identity.creation.target)
        at_most(identity.used, len(acts), len(entries_of(log, "actor", identity.creation.target)))
        if identity.never_used:
            assert not acts
        if identity.survival.state is State.KEPT:
            assert state_of(whole, identity.creation.target, identity.creation.us) == "not deleted"
    if report.exact:
        equal(report, true)


@settings(max_examples=50)
@given(log=logs(readable=False), subject=SUBJECTS, some=st.booleans())
async def test_of_the_loaded_alone_it_does_not_lie(log: list[Json], subject: tuple[str, str], some: bool) -> None:
    ignores = {"actor_id", "client_ip"} if some else EVERY_FILTER
    api = FakeApi(log, ignores=ignores, page_size=10)
    no_lie(await reported(api, *subject, everything=False, loaded=""), log)


@settings(max_examples=50)
@given(log=logs(readable=False), subject=SUBJECTS)
async def test_of_too_many_entries_it_does_not_lie(log: list[Json], subject: tuple[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gathering, "MOST_WALKED", 12)
        no_lie(await reported(FakeApi([*log, OTHER], page_size=10), *subject, loaded="method:DELETE"), [*log, OTHER])
